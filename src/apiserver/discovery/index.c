/* The list of paths at the root, and /version. */
#include "apiserver/discovery/impl.h"
#include "base/version.h"
#include "codec/json.h"
#include "gen/ids.h"
#include "gen/version.h"
#include <stdlib.h>


struct names { struct str *items; uint32_t len, cap; };

static int by_name(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

static void add_groups(struct arena *a, struct names *all)
{
	struct str group;
	const struct group_version *v;
	for (size_t i = 0; group_next(&i, &group);) {
		*arena_push(a, all) = str_printf(a, "/apis/%.*s", STR_F(group));
		for (size_t j = 0; version_next(group, &j, &v);)
			*arena_push(a, all) = str_printf(a, "/apis/%.*s/%s", STR_F(group), desc_z(v->version));
	}
}

static void add_paths(struct arena *a, struct names *all)
{
	static const char *const fixed[] = {"/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/apis/", "/healthz", "/livez", "/metrics", "/metrics/slis",
		"/openapi/v2", "/openapi/v3", "/openapi/v3/", "/openid/v1/jwks", "/readyz", "/version"};
	struct str *checks;
	size_t n = health_paths(a, &checks);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		*arena_push(a, all) = str_of(fixed[i]);
	for (size_t i = 0; i < n; i++)
		*arena_push(a, all) = checks[i];
	add_groups(a, all);
	qsort(all->items, all->len, sizeof all->items[0], by_name);
}

static int answer_json(struct request *r, struct buf *out)
{
	r->answer = (struct answer){.kind = ANSWER_TEXT, .text = buf_take(out, r->arena), .content_type = STR("application/json")};
	return 0;
}

int index_handle(struct request *r, struct err *e)
{
	struct names all = {0};
	BUF(out);
	(void)e;
	add_paths(r->arena, &all);
	buf_lit(&out, "{\n  \"paths\": [");
	for (uint32_t i = 0; i < all.len; i++)
		buf_printf(&out, "%s\n    \"%.*s\"", i ? "," : "", STR_F(all.items[i]));
	buf_lit(&out, "\n  ]\n}");
	return answer_json(r, &out);
}

/* Clients compare major, minor and gitVersion; the members that speak of Go must be there and say nothing. */
static const struct version_Info info = {
	.major = STR_INIT(VERSION_MAJOR), .minor = STR_INIT(VERSION_MINOR), .emulationMajor = STR_INIT(VERSION_MAJOR), .emulationMinor = STR_INIT(VERSION_MINOR),
	.minCompatibilityMajor = STR_INIT("1"), .minCompatibilityMinor = STR_INIT("35"), .gitVersion = STR_INIT(C8S_VERSION),
	.gitCommit = STR_INIT(""), .gitTreeState = STR_INIT(BUILD_TREE), .buildDate = STR_INIT(BUILD_DATE), .goVersion = STR_INIT(BUILD_GO),
	.compiler = STR_INIT(BUILD_COMPILER), .platform = STR_INIT(BUILD_PLATFORM),
};

int version_handle(struct request *r, struct err *e)
{
	BUF(out);
	if (route_check(r, "application/json", e))
		return -1;
	json_encode_pretty(&out, (struct ref){desc_type(T_version_Info), (void *)&info}, 2);
	return answer_json(r, &out);
}
