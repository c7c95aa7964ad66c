/* Request info: which resource, name and verb a path and method stand for. */
#include "apiserver/endpoint/endpoint.h"
#include "api/name.h"
#include "base/enc.h"

#define INFO_PARTS_MAX 64 /* path segments looked at; what is beyond belongs to a proxied path */

struct parts {
	struct str v[INFO_PARTS_MAX];
	const char *raw[INFO_PARTS_MAX]; /* where each begins in the path */
	unsigned n, at;
	const char *end;
};

static void split(struct arena *a, struct str path, struct parts *p)
{
	struct str rest = path, piece;
	p->n = p->at = 0;
	p->end = path.p + path.n;
	while (rest.n && rest.p[0] == '/')
		rest = str_sub(rest, 1, rest.n);
	while (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	if (!rest.n)
		return;
	while (p->n < INFO_PARTS_MAX && str_next(&rest, '/', &piece)) {
		BUF(text);
		p->raw[p->n] = piece.p;
		if (str_index(piece, '%', 0) >= 0 && dec_percent(&text, piece, false) == 0)
			piece = buf_take(&text, a);
		p->v[p->n++] = piece;
	}
}

static unsigned left(const struct parts *p) { return p->n - p->at; }
static struct str here(const struct parts *p) { return p->v[p->at]; }

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_text(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] | (s.p[i] >= 'A' && s.p[i] <= 'Z' ? 0x20 : 0));
	return str_n(p, s.n);
}

/* Verbs of resource requests by method; GET and DELETE become list and deletecollection when there is no name. */
static const struct {
	const char *method, *verb;
} method_verbs[] = {{"GET", "get"}, {"HEAD", "get"}, {"POST", "create"}, {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"}};

static struct str verb_of(struct str method)
{
	for (size_t i = 0; i < ARRAY_LEN(method_verbs); i++)
		if (str_is(method, method_verbs[i].method))
			return str_of(method_verbs[i].verb);
	return STR("");
}

/* /api/v1/namespaces/NS/RESOURCE..., with namespaces themselves as a resource. */
static void take_namespace(struct attrs *at, struct parts *p)
{
	if (!str_is(here(p), "namespaces") || left(p) < 2) {
		at->ns = STR("");
		return;
	}
	at->ns = p->v[p->at + 1];
	struct str third = left(p) > 2 ? p->v[p->at + 2] : STR("");
	if (left(p) > 2 && !str_is(third, "status") && !str_is(third, "finalize"))
		p->at += 2;
}

static void take_resource(struct request *r, struct parts *p)
{
	struct attrs *at = &r->at;
	if (left(p) >= 3) {
		at->sub = p->v[p->at + 2];
		if (left(p) > 3)
			r->sub_path = str_n(p->raw[p->at + 3], (size_t)(p->end - p->raw[p->at + 3]));
	}
	if (left(p) >= 2)
		at->name = p->v[p->at + 1];
	at->resource = here(p);
	r->has_name = left(p) >= 2;
}

static bool wants_watch(struct request *r)
{
	struct str v;
	return query_get(r, STR("watch"), &v) && bool_of_query(v);
}

/* Authorizers look at field selectors; and a list of the one object that it names is authorized as that object. */
void info_selector(struct request *r, struct str text)
{
	struct field_selector *fs = arena_make(r->arena, struct field_selector);
	struct str name;
	ERR(e);
	if (!text.n || field_selector_parse(r->arena, text, fs, &e))
		return;
	r->at.fields = fs;
	if (!str_is(r->at.verb, "deletecollection") && field_selector_requires(fs, STR("metadata.name"), &name) && !name_path_segment(name).n)
		r->at.name = name;
}

static void finish_verb(struct request *r)
{
	struct attrs *at = &r->at;
	struct str fields;
	if (r->has_name)
		return;
	if (str_is(at->verb, "get")) {
		r->watch = wants_watch(r);
		at->verb = r->watch ? STR("watch") : STR("list");
	} else if (str_is(at->verb, "delete")) {
		at->verb = STR("deletecollection");
	} else {
		return;
	}
	if (query_get(r, STR("fieldSelector"), &fields))
		info_selector(r, fields);
}

/* The old /watch/ prefix. */
static int take_special(struct request *r, struct parts *p, struct err *e)
{
	if (!str_is(here(p), "watch"))
		return 0;
	if (left(p) < 2)
		return err_set(e, ERR_INTERNAL, "unable to determine kind and namespace from url, %.*s", STR_F(r->at.path));
	p->at++;
	r->old_watch = true;
	return 0;
}

static int resource_info(struct request *r, struct parts *p, struct str method, struct err *e)
{
	struct attrs *at = &r->at;
	at->is_resource = true;
	at->verb = verb_of(method);
	if (take_special(r, p, e))
		return -1;
	take_namespace(at, p);
	take_resource(r, p);
	finish_verb(r);
	if (r->old_watch) {
		at->verb = STR("watch");
		r->watch = true;
	}
	return 0;
}

int info_parse(struct request *r, struct str method, struct str path, struct err *e)
{
	struct parts p;
	split(r->arena, path, &p);
	r->at.path = path;
	r->at.verb = lower(r->arena, method);
	r->at.is_resource = false;
	bool core = p.n && str_is(p.v[0], "api");
	if (p.n < 3 || (!core && !str_is(p.v[0], "apis")))
		return 0;
	if (!core && p.n < 4)
		return 0;
	r->at.group = core ? STR("") : p.v[1];
	r->at.version = p.v[core ? 1 : 2];
	p.at = core ? 2 : 3;
	return resource_info(r, &p, method, e);
}
