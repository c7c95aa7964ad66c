/* From request info to the verb: upstream's routes, and what it answers where there is none. */
#include "apiserver/endpoint/endpoint.h"
#include "gen/meta_v1.h"

/* Answers of the router: a Status with empty details. */
static int router_error(struct err *e, enum err_reason reason, const char *message)
{
	err_set(e, reason, "%s", message);
	err_object(e, (struct str){0}, STR(""), (struct str){0});
	return -1;
}

static int no_such_resource(struct err *e) { return router_error(e, ERR_NOT_FOUND, "the server could not find the requested resource"); }
static int no_such_method(struct err *e) { return router_error(e, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource"); }

int request_not_found(struct request *r, struct str name, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "%.*s \"%.*s\" not found", STR_F(resource_text(r->arena, r->res)), STR_F(name));
	err_object(e, desc_str(r->res->group), desc_str(r->res->plural), name);
	return -1;
}

int request_forbidden(struct request *r, struct err *e, const char *fmt, ...)
{
	va_list ap;
	struct attrs *at = &r->at;
	va_start(ap, fmt);
	struct str why = str_vprintf(r->arena, fmt, ap);
	va_end(ap);
	struct str res = at->group.n ? str_printf(r->arena, "%.*s.%.*s", STR_F(at->resource), STR_F(at->group)) : at->resource;
	if (at->name.n)
		err_set(e, ERR_FORBIDDEN, "%.*s \"%.*s\" is forbidden: %.*s", STR_F(res), STR_F(at->name), STR_F(why));
	else
		err_set(e, ERR_FORBIDDEN, "%.*s is forbidden: %.*s", STR_F(res), STR_F(why));
	err_object(e, at->group, at->resource, at->name);
	return -1;
}

void request_warn(struct request *r, const char *fmt, ...)
{
	va_list ap;
	BUF(h);
	r->untold = true;
	if (r->no_paths)
		return;
	va_start(ap, fmt);
	struct str text = str_vprintf(r->arena, fmt, ap);
	va_end(ap);
	buf_lit(&h, "299 - \"");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_char(&h, '\\');
		buf_char(&h, (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i]);
	}
	buf_char(&h, '"');
	for (uint32_t i = 0; i < r->warnings.len; i++)
		if (str_eq(r->warnings.items[i], buf_view(&h)))
			return;
	struct str *w = arena_push(r->arena, &r->warnings);
	if (w)
		*w = buf_take(&h, r->arena);
}

static bool known_group(struct str group)
{
	for (size_t i = 0; i < desc_group_versions(); i++)
		if (str_eq(desc_str(desc_group_version(i)->group), group) && desc_group_version(i)->on_by_default)
			return true;
	return false;
}

static const struct subresource *find_sub(const struct resource *res, struct str name)
{
	for (unsigned i = 0; i < res->nsub; i++) {
		const struct subresource *s = resource_sub(res, i);
		if (str_eq(desc_str(s->name), name) && s->on_by_default)
			return s;
	}
	return NULL;
}

int request_bind(struct request *r, const struct resource *res, struct str sub, struct err *e)
{
	r->res = res;
	r->type = desc_type(res->type);
	r->table = cache_table(server_cache(r->server), res);
	r->strategy = r->table ? r->table->strategy : strategy_of(desc_str(res->group), desc_str(res->plural));
	r->call.res = res;
	r->call.ns = r->at.ns;
	r->call.name = r->at.name;
	r->call.sub = sub;
	r->sub = NULL;
	if (!sub.n)
		return 0;
	r->sub = find_sub(res, sub);
	if (!r->sub)
		return no_such_resource(e);
	if (r->sub->type)
		r->type = desc_type(r->sub->type);
	return 0;
}

/* ---- methods ---- */

/* Which verbs a path of the resource has, as bits of enum verb. */
static unsigned path_verbs(const struct request *r)
{
	const unsigned item = 1u << VERB_GET | 1u << VERB_UPDATE | 1u << VERB_PATCH | 1u << VERB_DELETE;
	const unsigned collection = 1u << VERB_LIST | 1u << VERB_WATCH | 1u << VERB_CREATE | 1u << VERB_DELETECOLLECTION;
	bool across = r->res->namespaced && !r->at.ns.n;
	if (r->old_watch)
		return r->res->verbs & 1u << VERB_WATCH;
	if (r->sub)
		return across ? 0 : r->sub->verbs;
	if (r->has_name)
		return across ? 0 : r->res->verbs & item;
	return r->res->verbs & (across ? 1u << VERB_LIST | 1u << VERB_WATCH : collection);
}

static const struct {
	const char *name;
	enum verb verb;
} verbs[] = {{"create", VERB_CREATE}, {"delete", VERB_DELETE}, {"deletecollection", VERB_DELETECOLLECTION}, {"get", VERB_GET}, {"list", VERB_LIST},
	{"patch", VERB_PATCH}, {"update", VERB_UPDATE}, {"watch", VERB_WATCH}};

static int verb_number(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_is(name, verbs[i].name))
			return (int)verbs[i].verb;
	return -1;
}

/* ?watch on a resource without watches is a list, as far as routes go. */
static bool allowed(const struct request *r, unsigned have, int verb)
{
	bool across = r->res->namespaced && !r->at.ns.n && !r->has_name;
	if (verb < 0 || (across && (verb == VERB_CREATE || verb == VERB_DELETECOLLECTION)))
		return false;
	if (verb == VERB_WATCH && !r->old_watch)
		return have & 1u << VERB_LIST;
	return have & 1u << verb;
}

static int check_method(struct request *r, struct err *e)
{
	unsigned have = path_verbs(r);
	bool cluster_in_ns = !r->res->namespaced && r->at.ns.n && !str_is(r->at.resource, "namespaces");
	if (!have || cluster_in_ns)
		return no_such_resource(e);
	int verb = verb_number(r->at.verb);
	if (r->http && (str_is(r->http->method, "HEAD") || (r->old_watch && !str_is(r->http->method, "GET"))))
		verb = -1;
	if (!allowed(r, have, verb))
		return no_such_method(e);
	r->call.verb = (enum verb)verb;
	return 0;
}

static int check_media(struct request *r, struct err *e)
{
	if (r->call.verb == VERB_PATCH && patch_type_of(req_header(r->http, STR("content-type"))) == PATCH_NONE)
		return router_error(e, ERR_UNSUPPORTED_MEDIA_TYPE, "415: Unsupported Media Type");
	bool lists = r->call.verb == VERB_LIST || r->call.verb == VERB_WATCH;
	if (!accept_offered(r, lists))
		return router_error(e, ERR_NOT_ACCEPTABLE,
			lists ? "406: Not Acceptable\n\nAvailable representations: " NEGOTIATE_ROUTER_TYPES ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
			      : "406: Not Acceptable\n\nAvailable representations: " NEGOTIATE_ROUTER_TYPES);
	return accept_choose(r, e);
}

static int watch_unsupported(struct request *r, struct err *e)
{
	err_set(e, ERR_METHOD_NOT_ALLOWED, "watch is not supported on resources of kind \"%s\"", desc_z(r->res->plural));
	err_object(e, desc_str(r->res->group), desc_str(r->res->plural), (struct str){0});
	return -1;
}

/* ---- deprecated kinds ---- */

static void warn_deprecated(struct request *r)
{
	static const struct {
		const char *group, *plural, *text;
	} old[] = {
		{"", "componentstatuses", "v1 ComponentStatus is deprecated in v1.19+"},
		{"", "endpoints", "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"},
	};
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (str_is(r->at.group, old[i].group) && str_is(r->at.resource, old[i].plural))
			request_warn(r, "%s", old[i].text);
}

/* ---- verbs ---- */

static int (*const verb_runs[VERBS])(struct request *r, struct err *e) = {
	[VERB_GET] = verb_get,       [VERB_LIST] = verb_list,   [VERB_WATCH] = verb_watch,   [VERB_CREATE] = verb_create,
	[VERB_UPDATE] = verb_update, [VERB_PATCH] = verb_patch, [VERB_DELETE] = verb_delete, [VERB_DELETECOLLECTION] = verb_delete_collection,
};

int dispatch_call(struct request *r, struct err *e)
{
	bool plain = r->table && !r->call.sub.n; /* what is stored is not handled apart */
	const struct subresource_handler *h = plain ? NULL : subresource_handler(desc_str(r->res->group), desc_str(r->res->plural), r->call.sub);
	if (h)
		return h->handle(r, e);
	if (r->sub && str_is(r->call.sub, "scale"))
		return verb_scale(r, e);
	if (!r->table || (r->sub && r->type->kind != desc_type(r->res->type)->kind))
		return no_such_resource(e);
	return verb_runs[r->call.verb](r, e);
}

static bool answers_list(const struct request *r) { return r->call.verb == VERB_LIST || r->call.verb == VERB_DELETECOLLECTION; }

int dispatch_resource(struct request *r, struct err *e)
{
	const struct resource *res = resource_by_name(r->at.group, r->at.version, r->at.resource);
	if (!known_group(r->at.group))
		return 1;
	if (!res || !res->on_by_default)
		return no_such_resource(e);
	if (request_bind(r, res, r->at.sub, e) || check_method(r, e) || check_media(r, e))
		return -1;
	warn_deprecated(r);
	(void)query_get(r, STR("includeObject"), &r->include_object);
	if (r->call.verb == VERB_WATCH && !(res->verbs & 1u << VERB_WATCH))
		return watch_unsupported(r, e);
	if (r->call.verb != VERB_WATCH && table_check(r, answers_list(r), e))
		return -1;
	return dispatch_call(r, e);
}
