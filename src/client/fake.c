#include "client/fake_impl.h"
#include "codec/pb.h"
#include <errno.h>

struct fake *fake_new(void)
{
	struct fake *f = (struct fake *)alloc_zero(sizeof *f);
	f->rev = 1;
	list_init(&f->watches);
	return f;
}

static void table_free(struct fake_table *t)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&t->objects, &i));) {
		struct fake_object *o = (struct fake_object *)m->value;
		blob_unref(o->pb);
		free((char *)o->key.p);
		free(o);
	}
	map_fini(&t->objects);
	free((char *)t->name.p);
	free(t);
}

void fake_free(struct fake *f)
{
	struct map_entry *m;
	if (!f)
		return;
	invariant(list_empty(&f->watches));
	for (size_t i = 0; (m = map_next(&f->tables, &i));)
		table_free((struct fake_table *)m->value);
	map_fini(&f->tables);
	for (size_t i = 0; i < f->nevents; i++)
		fake_event_fini(&f->events[i]);
	free(f->events);
	free(f);
}

struct fake_table *fake_table(struct fake *f, const struct resource *r)
{
	BUF(name);
	buf_printf(&name, "%s/%s", desc_z(r->group), desc_z(r->plural));
	struct fake_table *t = (struct fake_table *)map_get(&f->tables, buf_view(&name));
	if (t)
		return t;
	t = (struct fake_table *)alloc_zero(sizeof *t);
	t->name = heap_str(buf_view(&name));
	map_set(&f->tables, t->name, t);
	return t;
}

void *fake_decode(struct arena *a, const struct type *t, const struct blob *pb)
{
	void *obj = obj_new(a, t);
	if (pb_decode(a, t, blob_str(pb), 0, obj, NULL) < 0)
		bug("the fake server stored what it cannot read");
	obj_set_type((struct ref){t, obj});
	return obj;
}

struct blob *fake_encode(struct ref o)
{
	BUF(out);
	pb_encode(&out, o);
	struct blob *b = blob_copy(buf_view(&out));
	if (!b)
		bug("out of memory");
	return b;
}

struct str fake_key(struct arena *a, struct str ns, struct str name)
{
	return key_write(arena_text(a, key_size(ns, name) + 1), ns, name);
}

struct str fake_rev_text(struct arena *a, uint64_t rev)
{
	return str_printf(a, "%llu", (unsigned long long)rev);
}

struct str fake_resource_text(struct arena *a, const struct resource *r)
{
	return str_printf(a, "%s%s%s", desc_z(r->plural), r->group && desc_z(r->group)[0] ? "." : "", desc_z(r->group));
}

int fake_not_found(const struct call *c, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	err_set(e, ERR_NOT_FOUND, "%.*s \"%.*s\" not found", STR_F(fake_resource_text(a, c->res)), STR_F(c->name));
	err_object(e, desc_str(c->res->group), desc_str(c->res->plural), c->name);
	return -1;
}

/* ---- selection */

int fake_filter_init(struct arena *a, const struct call *c, struct fake_filter *ret, struct err *e)
{
	*ret = (struct fake_filter){.ns = c->ns, .name = c->name};
	if (c->label_selector.n && selector_parse(a, c->label_selector, &ret->labels, e) < 0)
		return -1;
	return c->field_selector.n ? field_selector_parse(a, c->field_selector, &ret->fields, e) : 0;
}

/* Any string field will do here; the real server knows which are selectable. */
static struct str field_text(const void *arg, struct str path)
{
	const struct ref *o = (const struct ref *)arg;
	const struct field *f = NULL;
	const struct str *v = (const struct str *)obj_path(*o, path, &f);
	return v && f && f->kind == K_STRING && f->card == ONE ? *v : (struct str){0};
}

bool fake_filter_matches(const struct fake_filter *f, const struct type *t, const struct blob *pb)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (!pb)
		return false;
	struct ref o = {t, fake_decode(a, t, pb)};
	const struct meta_v1_ObjectMeta *m = obj_meta(o);
	if ((f->ns.n && !str_eq(f->ns, m->namespace)) || (f->name.n && !str_eq(f->name, m->name)))
		return false;
	return selector_matches(&f->labels, &m->labels) && field_selector_matches(&f->fields, field_text, &o);
}

/* ---- reading */

static int get(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	const struct fake_object *o = (const struct fake_object *)map_get(&fake_table(f, c->res)->objects, fake_key(a, c->ns, c->name));
	if (!o)
		return fake_not_found(c, e);
	*ret = (struct ref){desc_type(c->res->type), fake_decode(a, desc_type(c->res->type), o->pb)};
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return str_cmp((*(struct fake_object *const *)a)->key, (*(struct fake_object *const *)b)->key);
}

/* The selected objects behind the key `after`, sorted. */
static struct fake_object **select_objects(struct fake *f, const struct call *c, struct arena *a, size_t *ret_n, struct err *e)
{
	struct fake_table *t = fake_table(f, c->res);
	struct fake_filter filter;
	struct map_entry *m;
	struct fake_object **v = arena_array(a, struct fake_object *, t->objects.n + 1);
	if (!v || fake_filter_init(a, c, &filter, e) < 0)
		return NULL;
	*ret_n = 0;
	for (size_t i = 0; (m = map_next(&t->objects, &i));) {
		struct fake_object *o = (struct fake_object *)m->value;
		if (str_cmp(o->key, c->continue_) > 0 && fake_filter_matches(&filter, desc_type(c->res->type), o->pb))
			v[(*ret_n)++] = o;
	}
	qsort(v, *ret_n, sizeof *v, by_key);
	return v;
}

static void list_fill(const struct call *c, struct arena *a, struct fake_object **v, size_t n, struct ref list)
{
	const struct field *items;
	struct any_list *l = obj_items(list, &items);
	const struct type *t = field_type(items);
	l->items = arena_alloc_array(a, n + 1, items->stride);
	l->len = l->cap = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		void *obj = list_at(items, l, (uint32_t)i);
		if (pb_decode(a, t, blob_str(v[i]->pb), 0, obj, NULL) < 0)
			bug("the fake server stored what it cannot read");
	}
}

/* Continue tokens carry the revision of their list: "REV/KEY". */
static int continue_open(struct fake *f, struct call *c, uint64_t *rev, struct err *e)
{
	struct str head, tail;
	if (!c->continue_.n)
		return 0;
	if (!str_cut(c->continue_, '/', &head, &tail) || str_u64(head, rev) < 0)
		return err_set(e, ERR_BAD_REQUEST, "continue key is not valid");
	if (*rev < f->compacted)
		return err_set(e, ERR_EXPIRED, "The provided continue parameter is too old to display a consistent list result.");
	c->continue_ = tail;
	return 0;
}

static int too_large(struct fake *f, const struct call *c, struct err *e)
{
	uint64_t rev;
	if (!c->resource_version.n || str_u64(c->resource_version, &rev) < 0 || rev <= f->rev)
		return 0;
	err_set(e, ERR_TIMEOUT, "Too large resource version: %llu, current: %llu", (unsigned long long)rev, (unsigned long long)f->rev);
	return err_cause(e, "ResourceVersionTooLarge", (struct str){0}, "Too large resource version");
}

static int list(struct fake *f, const struct call *call, struct arena *a, struct ref *ret, struct err *e)
{
	struct call c = *call;
	uint64_t rev = f->rev;
	size_t n, shown;
	if (too_large(f, &c, e) < 0 || continue_open(f, &c, &rev, e) < 0)
		return -1;
	struct fake_object **v = select_objects(f, &c, a, &n, e);
	if (!v)
		return -1;
	struct ref l = {desc_type(c.res->list_type), obj_new(a, desc_type(c.res->list_type))};
	obj_set_type(l);
	shown = c.limit > 0 && (size_t)c.limit < n ? (size_t)c.limit : n;
	list_fill(&c, a, v, shown, l);
	struct meta_v1_ListMeta *m = obj_list_meta(l);
	m->resourceVersion = fake_rev_text(a, rev);
	if (shown < n)
		m->continue_ = str_printf(a, "%llu/%.*s", (unsigned long long)rev, STR_F(v[shown - 1]->key));
	*ret = l;
	return 0;
}

static int delete_collection(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	size_t n;
	struct fake_object **v = select_objects(f, c, a, &n, e);
	for (size_t i = 0; v && i < n; i++)
		if (fake_delete_object(f, c, v[i], a, ret, e) < 0)
			return -1;
	return v ? 0 : -1;
}

/* ---- the transport */

struct fake_transport {
	struct transport t;
	struct fake *fake;
};

static int serve(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	switch (c->verb) {
	case VERB_GET:
		return get(f, c, a, ret, e);
	case VERB_LIST:
		return list(f, c, a, ret, e);
	case VERB_DELETECOLLECTION:
		return delete_collection(f, c, a, ret, e);
	default:
		return fake_write(f, c, a, ret, e);
	}
}

static int call_before(struct fake *f, const struct call *c, struct err *e)
{
	f->calls[c->verb]++;
	if (fiber_cancelled())
		return transport_failed(e, ECANCELED, "call");
	return f->faults.before ? f->faults.before(f->faults.arg, c, e) : 0;
}

static int fake_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct fake *f = container_of(t, struct fake_transport, t)->fake;
	if (call_before(f, c, e) < 0 || serve(f, c, a, ret, e) < 0)
		return -1;
	return f->faults.after ? f->faults.after(f->faults.arg, c, e) : 0;
}

static struct watch *fake_watch(struct transport *t, const struct call *c, struct err *e)
{
	struct fake *f = container_of(t, struct fake_transport, t)->fake;
	struct watch *w = call_before(f, c, e) < 0 || too_large(f, c, e) < 0 ? NULL : fake_watch_new(f, c, e);
	if (w)
		w->ops = t->ops;
	return w;
}

static void fake_transport_free(struct transport *t)
{
	free(container_of(t, struct fake_transport, t));
}

struct transport *fake_transport(struct fake *f)
{
	static const struct transport_ops ops = {
		.call = fake_call, .watch = fake_watch, .watch_next = fake_watch_next, .watch_close = fake_watch_close, .free = fake_transport_free,
	};
	struct fake_transport *t = (struct fake_transport *)alloc_zero(sizeof *t);
	t->t.ops = &ops;
	t->fake = f;
	return &t->t;
}

void fake_set_faults(struct fake *f, const struct fake_faults *o)
{
	f->faults = o ? *o : (struct fake_faults){0};
}

uint64_t fake_rev(const struct fake *f)
{
	return f->rev;
}

size_t fake_watches(const struct fake *f)
{
	return f->nwatches;
}

uint64_t fake_calls(const struct fake *f, enum verb v)
{
	return f->calls[v];
}
