#include "client/call.h"
#include "client/backoff.h"
#include "client/impl.h"
#include "gen/meta_v1.h"

#define CONFLICT_PAUSE (10 * NS_MS) /* as upstream's DefaultRetry */

const struct resource *client_resource(const char *group, const char *version, const char *plural)
{
	const struct resource *r = resource_by_name(str_of(group), str_of(version), str_of(plural));
	if (!r)
		bug(plural);
	return r;
}

void *client_call(struct transport *t, struct arena *a, const struct call *c, struct err *e)
{
	struct ref ret = {0};
	return transport_call(t, c, a, &ret, e) < 0 ? NULL : ret.p;
}

void *client_get(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, struct err *e)
{
	return client_call(t, a, &(struct call){.verb = VERB_GET, .res = r, .ns = ns, .name = name}, e);
}

static struct ref body_of(const struct resource *r, void *obj)
{
	return (struct ref){desc_type(r->type), obj};
}

void *client_create(struct transport *t, struct arena *a, const struct resource *r, struct str ns, void *obj, struct err *e)
{
	return client_call(t, a, &(struct call){.verb = VERB_CREATE, .res = r, .ns = ns, .body = body_of(r, obj)}, e);
}

void *client_update_sub(struct transport *t, struct arena *a, const struct resource *r, const char *sub, void *obj, struct err *e)
{
	struct ref body = body_of(r, obj);
	const struct meta_v1_ObjectMeta *m = obj_meta(body);
	return client_call(t, a, &(struct call){.verb = VERB_UPDATE, .res = r, .sub = str_of(sub), .ns = m->namespace, .name = m->name, .body = body}, e);
}

void *client_update(struct transport *t, struct arena *a, const struct resource *r, void *obj, struct err *e)
{
	return client_update_sub(t, a, r, NULL, obj, e);
}

void *client_patch(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, const char *sub, enum patch_type type,
	struct str patch, struct err *e)
{
	return client_call(t, a, &(struct call){.verb = VERB_PATCH, .res = r, .ns = ns, .name = name, .sub = str_of(sub), .patch_type = type, .patch = patch}, e);
}

int client_delete(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, struct str uid, struct err *e)
{
	struct ref ret = {0};
	return transport_call(t, &(struct call){.verb = VERB_DELETE, .res = r, .ns = ns, .name = name, .pre_uid = uid}, a, &ret, e);
}

void *client_list(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str label_selector, struct err *e)
{
	return client_call(t, a, &(struct call){.verb = VERB_LIST, .res = r, .ns = ns, .label_selector = label_selector}, e);
}

static int page_walk(struct ref list, int (*each)(void *obj, void *arg, struct err *e), void *arg, struct err *e)
{
	const struct field *f;
	struct any_list *items = obj_items(list, &f);
	for (uint32_t i = 0; i < items->len; i++)
		if (each(list_at(f, items, i), arg, e) < 0)
			return -1;
	return 0;
}

/* Reads a page and moves c to the next one: 1 when there is one, 0 at the end. */
static int page_next(struct transport *t, struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	ERR(why);
	if (transport_call(t, c, a, ret, &why) < 0) {
		if (!err_is(&why, ERR_EXPIRED) || !c->continue_.n)
			return err_pass(e, &why);
		/* The rest of this list is gone; a whole one is the only consistent way on. */
		*c = (struct call){.verb = VERB_LIST, .res = c->res, .ns = c->ns, .label_selector = c->label_selector, .field_selector = c->field_selector};
		if (transport_call(t, c, a, ret, e) < 0)
			return -1;
	}
	c->continue_ = obj_list_meta(*ret)->continue_;
	return c->continue_.n > 0;
}

int client_each(struct transport *t, const struct call *call, int (*each)(void *obj, void *arg, struct err *e), void *arg, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL), *b = arena_new(NULL);
	struct call c = *call;
	struct ref list;
	c.verb = VERB_LIST;
	c.limit = c.limit ? c.limit : CLIENT_PAGE;
	for (int more = 1; more;) {
		if ((more = page_next(t, &c, a, &list, e)) < 0 || page_walk(list, each, arg, e) < 0)
			return -1;
		/* The token of the next page lies in this one's arena. */
		arena_reset(b);
		c.continue_ = str_dup(b, c.continue_);
		arena_reset(a);
	}
	return 0;
}

struct edit {
	struct transport *t;
	const struct resource *res;
	const char *sub;
	struct str ns, name;
	int (*change)(struct arena *a, void *obj, void *arg, struct err *e);
	void *arg;
};

static int edit_once(const struct edit *d, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *obj = client_get(d->t, a, d->res, d->ns, d->name, e);
	if (!obj)
		return -1;
	int r = d->change(a, obj, d->arg, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	return client_update_sub(d->t, a, d->res, d->sub, obj, e) ? 0 : -1;
}

int client_modify(struct transport *t, const struct resource *r, const char *sub, struct str ns, struct str name,
	int (*change)(struct arena *a, void *obj, void *arg, struct err *e), void *arg, struct err *e)
{
	struct edit d = {t, r, sub, ns, name, change, arg};
	for (int i = 1;; i++) {
		ERR(why);
		if (edit_once(&d, &why) == 0)
			return 0;
		if (!err_is(&why, ERR_CONFLICT) || i == CLIENT_CONFLICTS || fiber_sleep(backoff_jitter(CONFLICT_PAUSE, 10)) < 0)
			return err_pass(e, &why);
	}
}
