#include "base/enc.h"
#include "client/https_impl.h"
#include "codec/json.h"
#include "codec/pb.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"

/* ---- the path */

static bool plain(char c)
{
	/* What RFC 3986 allows in a segment; names of RBAC objects have colons. */
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~$&+=:@", c));
}

static void put_segment(struct buf *b, struct str s)
{
	buf_char(b, '/');
	for (size_t i = 0; i < s.n; i++)
		if (plain(s.p[i]))
			buf_char(b, s.p[i]);
		else
			buf_printf(b, "%%%02X", (uint8_t)s.p[i]);
}

static struct str name_of(const struct call *c)
{
	if (c->name.n || c->verb != VERB_CREATE || !c->sub.n)
		return c->name;
	const struct meta_v1_ObjectMeta *m = obj_meta(c->body);
	return m ? m->name : (struct str){0};
}

static bool has_name_in_path(const struct call *c)
{
	switch (c->verb) {
	case VERB_LIST:
	case VERB_WATCH:
	case VERB_DELETECOLLECTION:
		return false;
	case VERB_CREATE:
		return c->sub.n > 0;
	default:
		return true;
	}
}

static int put_path(struct buf *b, const struct call *c, struct err *e)
{
	struct str group = desc_str(c->res->group), name = name_of(c);
	if (group.n)
		buf_printf(b, "/apis/%.*s/%s", STR_F(group), desc_z(c->res->version));
	else
		buf_printf(b, "/api/%s", desc_z(c->res->version));
	if (c->res->namespaced && c->ns.n) {
		buf_lit(b, "/namespaces");
		put_segment(b, c->ns);
	}
	put_segment(b, desc_str(c->res->plural));
	if (!has_name_in_path(c))
		return 0;
	if (!name.n)
		return err_set(e, ERR_BAD_REQUEST, "resource name may not be empty");
	if (str_is(name, ".") || str_is(name, ".."))
		return err_set(e, ERR_BAD_REQUEST, "invalid resource name \"%.*s\"", STR_F(name));
	put_segment(b, name);
	if (c->sub.n)
		put_segment(b, c->sub);
	return 0;
}

/* ---- the query: parameters in the order of their names, as Go's url.Values */

struct query {
	struct buf *b;
	bool any;
};

static void param(struct query *q, const char *name, struct str value)
{
	if (!value.n)
		return;
	buf_char(q->b, q->any ? '&' : '?');
	buf_str(q->b, str_of(name));
	buf_char(q->b, '=');
	enc_percent(q->b, value);
	q->any = true;
}

static void param_bool(struct query *q, const char *name, bool value)
{
	if (value)
		param(q, name, STR("true"));
}

static void param_int(struct query *q, const char *name, int64_t value)
{
	BUF(text);
	if (value == 0)
		return;
	buf_i64(&text, value);
	param(q, name, buf_view(&text));
}

/* Watching one object is a field selector. */
static struct str field_selector(struct arena *a, const struct call *c)
{
	if (c->verb != VERB_WATCH || !c->name.n)
		return c->field_selector;
	return str_printf(a, "metadata.name=%.*s%s%.*s", STR_F(c->name), c->field_selector.n ? "," : "", STR_F(c->field_selector));
}

static void put_list_query(struct query *q, struct arena *a, const struct call *c, bool watch)
{
	param_bool(q, "allowWatchBookmarks", c->bookmarks);
	param(q, "continue", c->continue_);
	param(q, "fieldSelector", field_selector(a, c));
	param(q, "labelSelector", c->label_selector);
	param_int(q, "limit", c->limit);
	param(q, "resourceVersion", c->resource_version);
	param(q, "resourceVersionMatch", c->rv_match);
	param_bool(q, "sendInitialEvents", c->send_initial_events);
	param_int(q, "timeoutSeconds", watch ? c->timeout_s : 0);
	param_bool(q, "watch", watch);
}

static void put_write_query(struct query *q, const struct call *c)
{
	param(q, "dryRun", c->dry_run ? STR("All") : (struct str){0});
	param(q, "fieldManager", c->field_manager);
	param(q, "fieldValidation", c->field_validation);
	param_bool(q, "force", c->force);
}

static void put_query(struct buf *b, struct arena *a, const struct call *c, bool watch)
{
	struct query q = {b, false};
	switch (c->verb) {
	case VERB_GET:
		param(&q, "resourceVersion", c->resource_version);
		break;
	case VERB_LIST:
	case VERB_WATCH:
	case VERB_DELETECOLLECTION:
		put_list_query(&q, a, c, watch);
		break;
	case VERB_CREATE:
	case VERB_UPDATE:
	case VERB_PATCH:
		put_write_query(&q, c);
		break;
	default:
		break;
	}
	if (!watch && c->timeout_s)
		param(&q, "timeout", str_printf(a, "%llds", (long long)c->timeout_s));
}

/* ---- the body */

static void encode_body(struct arena *a, struct ref o, bool json, struct https_request *q)
{
	BUF(b);
	/* A shallow copy: the caller's object keeps what it says of its kind. */
	struct ref copy = {o.type, obj_new(a, o.type)};
	memcpy(copy.p, o.p, o.type->size);
	obj_set_type(copy);
	json |= !(o.type->flags & TYPE_PB);
	if (json)
		json_encode(&b, copy);
	else
		pb_envelope_encode(&b, copy);
	q->content_type = json ? TYPE_OF_JSON : TYPE_OF_PB;
	q->body = buf_take(&b, a);
}

static struct str policy_name(enum propagation p)
{
	static const char *const names[] = {NULL, "Orphan", "Background", "Foreground"};
	return str_of(names[p]);
}

static void delete_options(struct arena *a, const struct call *c, struct meta_v1_DeleteOptions *d)
{
	d->has_gracePeriodSeconds = c->has_grace;
	d->gracePeriodSeconds = c->grace_s;
	d->propagationPolicy = policy_name(c->propagation);
	d->has_orphanDependents = d->orphanDependents = c->orphan_dependents;
	if (c->pre_uid.n || c->pre_rv.n) {
		d->preconditions = obj_make(a, meta_v1_Preconditions);
		d->preconditions->uid = c->pre_uid.n ? c->pre_uid : (struct str){0};
		d->preconditions->resourceVersion = c->pre_rv.n ? c->pre_rv : (struct str){0};
	}
	if (c->dry_run)
		*arena_push(a, &d->dryRun) = STR("All");
}

static void encode_delete(struct arena *a, const struct call *c, bool json, struct https_request *q)
{
	struct meta_v1_DeleteOptions d = {0};
	delete_options(a, c, &d);
	encode_body(a, (struct ref){desc_type(T_meta_v1_DeleteOptions), &d}, json, q);
}

static void encode_patch(const struct call *c, struct https_request *q)
{
	static const char *const types[] = {NULL, "application/json-patch+json", "application/merge-patch+json",
		"application/strategic-merge-patch+json", "application/apply-patch+yaml"};
	q->content_type = types[c->patch_type];
	q->body = c->patch;
}

static const char *const methods[VERBS] = {
	[VERB_GET] = "GET", [VERB_LIST] = "GET", [VERB_WATCH] = "GET", [VERB_CREATE] = "POST", [VERB_UPDATE] = "PUT", [VERB_PATCH] = "PATCH",
	[VERB_DELETE] = "DELETE", [VERB_DELETECOLLECTION] = "DELETE",
};

static void put_body(struct arena *a, const struct call *c, bool json, struct https_request *q)
{
	switch (c->verb) {
	case VERB_CREATE:
	case VERB_UPDATE:
		encode_body(a, c->body, json, q);
		break;
	case VERB_PATCH:
		encode_patch(c, q);
		break;
	case VERB_DELETE:
	case VERB_DELETECOLLECTION:
		encode_delete(a, c, json, q);
		break;
	default:
		break;
	}
}

int https_request_build(struct arena *a, const struct call *c, bool watch, bool json, struct https_request *ret, struct err *e)
{
	BUF(path);
	struct https_request q = {.method = methods[c->verb]};
	if (put_path(&path, c, e) < 0)
		return -1;
	put_query(&path, a, c, watch);
	put_body(a, c, json, &q);
	q.path = buf_take(&path, a);
	*ret = q;
	return 0;
}
