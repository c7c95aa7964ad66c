#include "codec/json.h"
#include "codec/managed_entries.h"
#include "codec/managed_value.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define ANNOTATIONS_MAX (256 << 10) /* bytes of all annotations, as the API bounds them; a longer last-applied is dropped */

struct applying {
	struct arena *a;
	const struct type *t;
	const struct managed_write *w;
	struct ref prev;
	const struct value *config;
	struct managers managers;
	uint32_t self; /* index into managers */
	struct value *live, *merged;
	bool force;
	struct err *e;
};

/* ---- conflicts ---- */

struct conflicts {
	struct arena *a;
	const struct manager *manager;
	struct str who;
	uint32_t n, nmanagers;
	struct buf one, many;
	struct err *causes;
};

static struct str describe(struct arena *a, const struct manager *m)
{
	BUF(out);
	buf_printf(&out, "\"%.*s\"", STR_F(m->name));
	if (m->subresource.n)
		buf_printf(&out, " with subresource \"%.*s\"", STR_F(m->subresource));
	if (!m->applied)
		buf_printf(&out, " using %.*s", STR_F(m->api_version));
	return buf_take(&out, a);
}

static void add_conflict(void *arg, const struct pe *path, unsigned n)
{
	struct conflicts *c = arg;
	BUF(text);
	for (unsigned i = 0; i < n; i++)
		pe_write(&text, path[i]);
	if (!c->n++)
		buf_printf(&c->one, "conflict with %.*s: %s", STR_F(c->who), buf_z(&text));
	buf_printf(&c->many, "\n- %s", buf_z(&text));
	err_cause(c->causes, "FieldManagerConflict", buf_view(&text), "conflict with %.*s", STR_F(c->who));
}

static void add_conflicts(struct conflicts *c, const struct manager *m, const struct fieldset *disputed)
{
	c->who = describe(c->a, m);
	buf_printf(&c->many, "%sconflicts with %.*s:", c->nmanagers++ ? "\n" : "", STR_F(c->who));
	fieldset_each(disputed, add_conflict, c);
}

/* Managers in the order of their names. */
static struct manager *manager_after(struct managers *m, const struct manager *after)
{
	struct manager *best = NULL;
	for (uint32_t i = 0; i < m->len; i++) {
		struct manager *x = &m->items[i];
		int c = after ? str_cmp(x->name, after->name) : 1;
		bool behind = c > 0 || (c == 0 && x > after);
		c = best ? str_cmp(x->name, best->name) : -1;
		if (behind && (c < 0 || (c == 0 && x < best)))
			best = x;
	}
	return best;
}

/* What kubectl's older way of applying left behind may be taken over by it. */
static struct fieldset *takeover(struct applying *p)
{
	struct value *text = value_get(value_get(value_get(p->live, STR("metadata")), STR("annotations")), STR(LAST_APPLIED)), *last;
	struct fieldset *s;
	ERR(ignored);
	if (!str_is(p->w->manager, "kubectl") || !is_type(text, V_STRING) || json_parse(p->a, text->s, NULL, &last, &ignored))
		return NULL;
	if (value_fieldset(p->a, p->t, last, &s, &ignored))
		return NULL;
	struct value_diff d = value_compare(p->a, p->t, last, p->live);
	s = fieldset_difference(p->a, s, d.modified);
	s = fieldset_difference(p->a, s, d.added);
	return fieldset_difference(p->a, s, d.removed);
}

static int find_conflicts(struct applying *p, const struct fieldset *changed)
{
	ERR(causes);
	struct conflicts c = {.a = p->a, .causes = &causes};
	struct fieldset *ours = takeover(p);
	struct manager *m = NULL;
	while ((m = manager_after(&p->managers, m))) {
		struct fieldset *disputed = m == &p->managers.items[p->self] ? NULL : fieldset_intersection(p->a, m->set, changed);
		if (ours && disputed)
			disputed = fieldset_difference(p->a, disputed, ours);
		if (!fieldset_empty(disputed))
			add_conflicts(&c, m, disputed);
	}
	if (c.n) {
		err_set(p->e, ERR_CONFLICT, c.n == 1 ? "Apply failed with 1 conflict: %s" : "Apply failed with %2$u conflicts: %1$s",
			buf_z(c.n == 1 ? &c.one : &c.many), c.n);
		for (uint32_t i = 0; i < causes.ncauses; i++)
			err_cause(p->e, causes.causes[i].type, causes.causes[i].field, "%.*s", STR_F(causes.causes[i].message));
	}
	buf_fini(&c.one);
	buf_fini(&c.many);
	return c.n ? -1 : 0;
}

/* ---- removing what is no longer applied ---- */

static struct fieldset *owned_by_all(struct applying *p)
{
	struct fieldset *all = fieldset_new(p->a);
	for (uint32_t i = 0; i < p->managers.len; i++)
		all = fieldset_union(p->a, all, p->managers.items[i].set);
	return all;
}

static struct fieldset *named_set_of(struct applying *p, const struct value *v)
{
	struct fieldset *s;
	ERR(ignored);
	if (value_fieldset(p->a, p->t, v, &s, &ignored))
		return fieldset_named(p->a, p->t, s);
	return fieldset_named(p->a, p->t, s);
}

/* A field, element or entry goes when this manager applied it last time, does not now, and nobody else owns it. */
static struct value *prune(struct applying *p, const struct fieldset *last)
{
	struct arena *a = p->a;
	last = fieldset_named(a, p->t, last);
	struct fieldset *before = named_set_of(p, p->merged);
	struct fieldset *after = named_set_of(p, value_remove(a, p->t, p->merged, last));
	struct fieldset *owned = fieldset_named(a, p->t, owned_by_all(p));
	struct value *left = value_remove(a, p->t, p->merged, fieldset_difference(a, before, fieldset_union(a, after, owned)));
	struct fieldset *gone = fieldset_difference(a, before, named_set_of(p, left));
	return value_remove(a, p->t, p->merged, fieldset_intersection(a, gone, last));
}

/* ---- applying ---- */

static int bad_config(struct applying *p)
{
	const struct value *meta = value_get(p->config, STR("metadata"));
	struct str ns = value_path_str(meta, "namespace"), name = value_path_str(meta, "name");
	struct str version = value_path_str(p->config, "apiVersion"), kind = value_path_str(p->config, "kind");
	return err_wrap(p->e, "failed to create typed patch object (%.*s/%.*s; %s%.*s, Kind=%.*s)", STR_F(ns), STR_F(name),
		str_index(version, '/', 0) < 0 ? "/" : "", STR_F(version), STR_F(kind));
}

/* The configuration must be of the kind and version that the request is for. */
static int check_type(struct applying *p)
{
	struct str version = value_path_str(p->config, "apiVersion"), kind = value_path_str(p->config, "kind");
	if (str_eq(version, type_api_version(p->t)) && str_eq(kind, desc_str(p->t->kind)))
		return 0;
	return err_set(p->e, ERR_BAD_REQUEST, "invalid object type: %s%.*s, Kind=%.*s", str_index(version, '/', 0) < 0 ? "/" : "", STR_F(version), STR_F(kind));
}

static int decode_managers(struct applying *p)
{
	struct ref bare = {0};
	if (!p->prev.p)
		return 0;
	if (managers_decode(p->a, &obj_meta(p->prev)->managedFields, &p->managers, p->e)) {
		err_wrap(p->e, "failed to decode managed fields");
		p->e->reason = ERR_UNKNOWN, p->e->code = 500;
		return -1;
	}
	if (p->managers.len)
		return 0;
	struct managed_write w = *p->w;
	w.manager = STR("before-first-apply");
	managers_record_update(p->a, &p->managers, bare, p->prev, &w);
	return 0;
}

/* The manager that applies, with what it sets now; *last is what it set before. */
static int claim(struct applying *p, struct fieldset *set, struct fieldset **last)
{
	const struct managed_write *w = p->w;
	struct manager *self = managers_find(&p->managers, w->manager, true, w->api_version, w->subresource);
	*last = self ? self->set : NULL;
	if (!self)
		self = managers_add(p->a, &p->managers, w->manager, true, w->api_version, w->subresource);
	if (!self)
		return err_nomem(p->e, sizeof *self);
	p->self = (uint32_t)(self - p->managers.items);
	self->api_version = w->api_version;
	manager_set(self, set);
	return 0;
}

static int settle(struct applying *p, struct fieldset *reset)
{
	struct value_diff d = value_compare(p->a, p->t, p->live, p->merged);
	struct fieldset *changed = fieldset_union(p->a, d.modified, d.added);
	if (reset) {
		changed = fieldset_exclude(p->a, changed, reset);
		d.removed = fieldset_exclude(p->a, d.removed, reset);
	}
	if (!p->force && find_conflicts(p, changed))
		return -1;
	struct manager *self = &p->managers.items[p->self];
	managers_take(p->a, &p->managers, self, changed, d.removed);
	manager_set(self, fieldset_difference(p->a, self->set, managed_strip_set()));
	return 0;
}

static void keep_last_applied(struct applying *p)
{
	struct value *annotations = value_get(value_get(p->merged, STR("metadata")), STR("annotations"));
	if (!str_is(p->w->manager, "kubectl") || !value_get(annotations, STR(LAST_APPLIED)))
		return;
	struct value *doc = value_copy(p->a, p->config), *own = value_get(value_get(doc, STR("metadata")), STR("annotations"));
	BUF(text);
	if (own)
		value_del(own, STR(LAST_APPLIED));
	value_sort(doc);
	json_write(&text, doc);
	buf_char(&text, '\n');
	if (text.n > ANNOTATIONS_MAX)
		value_del(annotations, STR(LAST_APPLIED));
	else
		value_set(p->a, annotations, STR(LAST_APPLIED), value_str(p->a, buf_take(&text, p->a)));
}

static int finish(struct applying *p, struct ref *ret)
{
	bool same = value_eq(p->live, p->merged) && p->prev.p;
	void *obj = obj_new(p->a, p->t);
	if (!obj)
		return err_nomem(p->e, p->t->size);
	if (!same)
		p->managers.items[p->self].time = api_time_sec(p->w->now);
	keep_last_applied(p);
	if (obj_from_value(p->a, p->t, p->merged, NULL, obj, p->e))
		return err_wrap(p->e, "failed to convert merged object");
	struct ref o = {p->t, obj};
	obj_set_type(o);
	managers_prune(&p->managers);
	managers_encode(p->a, &p->managers, &obj_meta(o)->managedFields);
	*ret = o;
	return 0;
}

int managed_apply(struct arena *a, struct ref prev, const struct value *config, const struct type *t, bool force, const struct managed_write *w,
	struct ref *ret, struct err *e)
{
	struct applying p = {.a = a, .t = t, .w = w, .prev = prev, .config = config, .force = force, .e = e};
	struct value *given = value_get(value_get(config, STR("metadata")), STR("managedFields"));
	struct fieldset *set, *last, *reset = managed_reset_set(a, w->reset);
	if (check_type(&p))
		return -1;
	if (given && !is_nothing(given))
		return err_set(e, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
	if (!t->meta)
		return err_set(e, ERR_BAD_REQUEST, "object has no metadata");
	if (decode_managers(&p))
		return -1;
	if (value_fieldset(a, t, config, &set, e))
		return bad_config(&p);
	p.live = obj_to_value(a, managed_bare(a, prev, t));
	p.merged = value_merge(a, t, p.live, value_copy(a, config));
	if (claim(&p, reset ? fieldset_exclude(a, set, reset) : set, &last))
		return -1;
	if (!fieldset_empty(last))
		p.merged = prune(&p, last);
	if (settle(&p, reset))
		return -1;
	return finish(&p, ret);
}
