/* /healthz, /livez and /readyz: lists of checks, each also a path of its own. */
#include "apiserver/discovery/impl.h"
#include "client/process.h"

enum { HEALTHZ = 1, LIVEZ = 2, READYZ = 4, EVERY = 7 };

static bool always(const struct server *s)
{
	(void)s;
	return true;
}

static bool serving(const struct server *s) { return !server_draining(s); }

/* Steps of the start are done together, when the server says it is ready; the store's own failures end the process. */
static const struct check {
	const char *name;
	unsigned of;
	bool (*ok)(const struct server *s);
} checks[] = {
	{"ping", EVERY, always},
	{"log", EVERY, always},
	{"etcd", EVERY, always},
	{"etcd-readiness", READYZ, always},
	{"informer-sync", READYZ, server_ready},
	{"loopback-serving-certificate", HEALTHZ | LIVEZ, always},
	{"poststarthook/start-apiserver-admission-initializer", EVERY, server_ready},
	{"poststarthook/generic-apiserver-start-informers", EVERY, server_ready},
	{"poststarthook/priority-and-fairness-config-consumer", EVERY, server_ready},
	{"poststarthook/priority-and-fairness-filter", EVERY, server_ready},
	{"poststarthook/storage-object-count-tracker-hook", EVERY, server_ready},
	{"poststarthook/start-apiextensions-informers", EVERY, server_ready},
	{"poststarthook/start-apiextensions-controllers", EVERY, server_ready},
	{"poststarthook/crd-informer-synced", EVERY, server_ready},
	{"poststarthook/start-system-namespaces-controller", EVERY, server_ready},
	{"poststarthook/start-cluster-authentication-info-controller", EVERY, server_ready},
	{"poststarthook/start-kube-apiserver-identity-lease-controller", EVERY, server_ready},
	{"poststarthook/start-kube-apiserver-identity-lease-garbage-collector", EVERY, server_ready},
	{"poststarthook/start-legacy-token-tracking-controller", EVERY, server_ready},
	{"poststarthook/start-service-ip-repair-controllers", EVERY, server_ready},
	{"poststarthook/start-kubernetes-service-cidr-controller", EVERY, server_ready},
	{"poststarthook/rbac/bootstrap-roles", EVERY, server_ready},
	{"poststarthook/scheduling/bootstrap-system-priority-classes", EVERY, server_ready},
	{"poststarthook/priority-and-fairness-config-producer", EVERY, server_ready},
	{"poststarthook/bootstrap-controller", EVERY, server_ready},
	{"poststarthook/peer-endpoint-reconciler-controller", EVERY, server_ready},
	{"poststarthook/start-kube-aggregator-informers", EVERY, server_ready},
	{"poststarthook/apiservice-status-local-available-controller", EVERY, server_ready},
	{"poststarthook/apiservice-status-remote-available-controller", EVERY, server_ready},
	{"poststarthook/apiservice-registration-controller", EVERY, server_ready},
	{"poststarthook/apiservice-discovery-controller", EVERY, server_ready},
	{"poststarthook/kube-apiserver-autoregistration", EVERY, server_ready},
	{"autoregister-completion", EVERY, server_ready},
	{"poststarthook/apiservice-openapi-controller", EVERY, server_ready},
	{"poststarthook/apiservice-openapiv3-controller", EVERY, server_ready},
	{"poststarthook/storage-readiness", EVERY, server_ready},
	{"shutdown", READYZ, serving},
};

static const struct {
	const char *name;
	unsigned bit;
} roots[] = {{"healthz", HEALTHZ}, {"livez", LIVEZ}, {"readyz", READYZ}};

struct names { struct str *items; uint32_t len, cap; };

/* The root's number and, behind it, the name of a single check ("" for all). */
static unsigned split_path(struct str path, struct str *ret_check)
{
	struct str root;
	str_cut(str_sub(path, 1, path.n), '/', &root, ret_check);
	for (unsigned i = 0; i < ARRAY_LEN(roots); i++)
		if (str_is(root, roots[i].name))
			return i;
	return 0;
}

static bool takes(struct names *from, struct str name)
{
	for (uint32_t i = 0; i < from->len; i++)
		if (str_eq(from->items[i], name)) {
			from->items[i] = from->items[--from->len];
			return true;
		}
	return false;
}

static void read_query(struct request *r, struct names *excluded, bool *verbose)
{
	struct str rest = r->http->query, name, value;
	while (query_next(r->arena, &rest, &name, &value)) {
		if (str_is(name, "verbose"))
			*verbose = true;
		else if (str_is(name, "exclude"))
			*arena_push(r->arena, excluded) = value;
	}
}

static void put_unmatched(struct buf *out, const struct names *left)
{
	if (!left->len)
		return;
	buf_lit(out, "warn: some health checks cannot be excluded: no matches for ");
	for (uint32_t i = 0; i < left->len; i++)
		buf_printf(out, "%s\"%.*s\"", i ? "," : "", STR_F(left->items[i]));
	buf_char(out, '\n');
}

static bool run_checks(struct request *r, unsigned bit, struct names *excluded, struct buf *out)
{
	bool ok = true;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const struct check *c = &checks[i];
		if (!(c->of & bit))
			continue;
		if (takes(excluded, str_of(c->name))) {
			buf_printf(out, "[+]%s excluded: ok\n", c->name);
		} else if (c->ok(r->server)) {
			buf_printf(out, "[+]%s ok\n", c->name);
		} else {
			buf_printf(out, "[-]%s failed: reason withheld\n", c->name);
			ok = false;
		}
	}
	return ok;
}

static int all_checks(struct request *r, unsigned root)
{
	struct names excluded = {0};
	bool verbose = false;
	BUF(out);
	read_query(r, &excluded, &verbose);
	bool ok = run_checks(r, roots[root].bit, &excluded, &out);
	if (ok && !verbose)
		return answer_text(r, 200, STR("ok"));
	put_unmatched(&out, &excluded);
	buf_printf(&out, "%s check %s\n", roots[root].name, ok ? "passed" : "failed");
	return answer_text(r, ok ? 200 : 500, buf_take(&out, r->arena));
}

int health_handle(struct request *r, struct err *e)
{
	struct str name;
	unsigned root = split_path(r->at.path, &name);
	(void)e;
	if (!name.n)
		return all_checks(r, root);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		if (str_is(name, checks[i].name) && (checks[i].of & roots[root].bit))
			return checks[i].ok(r->server) ? answer_text(r, 200, STR("ok")) : answer_text(r, 500, STR("internal server error: not yet\n"));
	return route_no_page(r);
}

size_t health_paths(struct arena *a, struct str **ret)
{
	struct names all = {0};
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		for (size_t j = 0; j < ARRAY_LEN(roots); j++)
			if (checks[i].of & roots[j].bit)
				*arena_push(a, &all) = str_printf(a, "/%s/%s", roots[j].name, checks[i].name);
	*ret = all.items;
	return all.len;
}

/* Checks run when they are asked for: each is counted once, as it is now. */
void health_series(struct server *s, struct metric_set *to)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		for (size_t j = 0; j < ARRAY_LEN(roots); j++)
			if (checks[i].of & roots[j].bit)
				process_health(to, checks[i].name, roots[j].name, checks[i].ok(s));
}
