#include "codec/managed_entries.h"
#include <stdlib.h>

struct manager *managers_find(struct managers *m, struct str name, bool applied, struct str api_version, struct str subresource)
{
	for (uint32_t i = 0; i < m->len; i++) {
		struct manager *x = &m->items[i];
		if (x->applied == applied && str_eq(x->name, name) && str_eq(x->subresource, subresource) && (applied || str_eq(x->api_version, api_version)))
			return x;
	}
	return NULL;
}

struct manager *managers_add(struct arena *a, struct managers *m, struct str name, bool applied, struct str api_version, struct str subresource)
{
	struct manager *x = arena_push(a, m);
	if (x)
		*x = (struct manager){.name = name, .api_version = api_version, .subresource = subresource, .applied = applied};
	return x;
}

void manager_set(struct manager *m, struct fieldset *set)
{
	m->set = set;
	m->text = (struct str){0};
}

static int decode_entry(struct arena *a, const meta_v1_ManagedFieldsEntry_list_t *l, uint32_t i, struct managers *to, struct err *e)
{
	const struct meta_v1_ManagedFieldsEntry *x = &l->items[i];
	bool applied = str_is(x->operation, "Apply");
	if (!applied && !str_is(x->operation, "Update"))
		return err_set(e, ERR_BAD_REQUEST, "operation must be \"Apply\" or \"Update\"");
	if (!x->apiVersion.n)
		return err_set(e, ERR_BAD_REQUEST, "apiVersion must not be empty");
	if (!str_is(x->fieldsType, "FieldsV1"))
		return x->fieldsType.n ? err_set(e, ERR_BAD_REQUEST, "invalid fieldsType \"%.*s\" in managed fields entry %u", STR_F(x->fieldsType), i)
				       : err_set(e, ERR_BAD_REQUEST, "missing fieldsType in managed fields entry %u", i);
	struct fieldset *set = fieldset_parse(a, x->fieldsV1.n ? x->fieldsV1 : STR("{}"), e);
	struct manager *m = set ? managers_find(to, x->manager, applied, x->apiVersion, x->subresource) : NULL;
	if (set && !m)
		m = managers_add(a, to, x->manager, applied, x->apiVersion, x->subresource);
	if (!m)
		return set ? err_nomem(e, sizeof *m) : -1;
	m->set = set;
	m->text = x->fieldsV1;
	m->time = x->has_time ? x->time : (struct api_time){0};
	return 0;
}

int managers_decode(struct arena *a, const meta_v1_ManagedFieldsEntry_list_t *l, struct managers *ret, struct err *e)
{
	struct managers m = {0};
	for (uint32_t i = 0; i < l->len; i++)
		if (decode_entry(a, l, i, &m, e))
			return -1;
	*ret = m;
	return 0;
}

static int by_order(const void *x, const void *y)
{
	const struct meta_v1_ManagedFieldsEntry *p = x, *q = y;
	int64_t tp = p->has_time ? p->time.sec : 0, tq = q->has_time ? q->time.sec : 0;
	int c = str_cmp(p->operation, q->operation);
	if (c || tp != tq)
		return c ? c : tp < tq ? -1 : 1;
	c = str_cmp(p->manager, q->manager);
	c = c ? c : str_cmp(p->apiVersion, q->apiVersion);
	return c ? c : str_cmp(p->subresource, q->subresource);
}

#define TEXT_ROOM 4096 /* of what most writers own */

static struct str set_text(struct arena *a, const struct manager *m)
{
	if (m->text.p)
		return m->text;
	BUF(out);
	buf_room(&out, TEXT_ROOM);
	fieldset_write(&out, m->set);
	return buf_take(&out, a);
}

void managers_encode(struct arena *a, struct managers *m, meta_v1_ManagedFieldsEntry_list_t *ret)
{
	meta_v1_ManagedFieldsEntry_list_t l = {0};
	for (uint32_t i = 0; i < m->len; i++) {
		const struct manager *x = &m->items[i];
		struct meta_v1_ManagedFieldsEntry *to = arena_push(a, &l);
		if (to)
			*to = (struct meta_v1_ManagedFieldsEntry){
				.manager = x->name, .operation = x->applied ? STR("Apply") : STR("Update"), .apiVersion = x->api_version,
				.time = x->time, .has_time = x->time.set, .fieldsType = STR("FieldsV1"), .fieldsV1 = set_text(a, x), .subresource = x->subresource};
	}
	if (l.len)
		qsort(l.items, l.len, sizeof *l.items, by_order);
	*ret = l;
}

void managers_prune(struct managers *m)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < m->len; i++)
		if (!fieldset_empty(m->items[i].set))
			m->items[kept++] = m->items[i];
	m->len = kept;
}

void managers_take(struct arena *a, struct managers *m, const struct manager *self, const struct fieldset *changed, const struct fieldset *removed)
{
	for (uint32_t i = 0; i < m->len; i++) {
		struct manager *x = &m->items[i];
		struct fieldset *left;
		if (x == self)
			continue;
		left = fieldset_difference(a, x->set, changed);
		if (!fieldset_empty(removed))
			left = fieldset_difference(a, left, removed);
		if (!fieldset_equal(left, x->set))
			manager_set(x, left);
	}
}

#define MEMBER(name) {{STR_INIT(name), PE_FIELD}, true, NULL}

const struct fieldset *managed_strip_set(void)
{
	static const struct node in_meta[] = {MEMBER("clusterName"), MEMBER("creationTimestamp"), MEMBER("generation"), MEMBER("managedFields"), MEMBER("name"),
		MEMBER("namespace"), MEMBER("resourceVersion"), MEMBER("selfLink"), MEMBER("uid")};
	static const struct fieldset meta = {(struct node *)in_meta, ARRAY_LEN(in_meta), ARRAY_LEN(in_meta)};
	static const struct node nodes[] = {MEMBER("apiVersion"), MEMBER("kind"), {{STR_INIT("metadata"), PE_FIELD}, true, (struct fieldset *)&meta}};
	static const struct fieldset set = {(struct node *)nodes, ARRAY_LEN(nodes), ARRAY_LEN(nodes)};
	return &set;
}

struct fieldset *managed_reset_set(struct arena *a, const char *const *paths)
{
	struct fieldset *s = paths && *paths ? fieldset_new(a) : NULL;
	for (; s && *paths; paths++)
		fieldset_put_path(a, s, *paths);
	return s;
}

struct ref managed_bare(struct arena *a, struct ref o, const struct type *t)
{
	struct ref bare = {t, obj_new(a, t)};
	if (!bare.p || !o.p)
		return bare;
	memcpy(bare.p, o.p, t->size);
	struct meta_v1_ObjectMeta *meta = obj_meta(bare);
	if (meta)
		memset(&meta->managedFields, 0, sizeof meta->managedFields);
	return bare;
}

/* ---- the bound on updaters ---- */

static int older(const struct manager *x, const struct manager *y)
{
	int64_t tx = x->time.set ? x->time.sec : 0, ty = y->time.set ? y->time.sec : 0;
	if (tx != ty)
		return tx < ty;
	int c = str_cmp(x->name, y->name);
	c = c ? c : str_cmp(x->api_version, y->api_version);
	return (c ? c : str_cmp(x->subresource, y->subresource)) < 0;
}

static struct manager *oldest_after(struct managers *m, const struct manager *after)
{
	struct manager *best = NULL;
	for (uint32_t i = 0; i < m->len; i++) {
		struct manager *x = &m->items[i];
		if (!x->applied && (!after || older(after, x)) && (!best || older(x, best)))
			best = x;
	}
	return best;
}

static uint32_t count_updaters(const struct managers *m)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < m->len; i++)
		n += !m->items[i].applied;
	return n;
}

/* The oldest updater with the version of x that is not x itself. */
static struct manager *first_of_version(struct managers *m, const struct manager *x)
{
	struct manager *y = NULL;
	while ((y = oldest_after(m, y)) && y != x)
		if (str_eq(y->api_version, x->api_version))
			return y;
	return NULL;
}

/* Merges the two oldest updaters of one version; false when no two share one. */
static bool merge_oldest(struct arena *a, struct managers *m)
{
	struct manager *x = NULL, *into = NULL;
	while ((x = oldest_after(m, x)))
		if ((into = first_of_version(m, x)))
			break;
	if (!into)
		return false;
	struct manager *bucket = managers_find(m, STR("ancient-changes"), false, x->api_version, (struct str){0});
	into = bucket && bucket != x ? bucket : into;
	into->name = STR("ancient-changes");
	into->subresource = (struct str){0};
	manager_set(into, fieldset_union(a, into->set, x->set));
	into->time = x->time;
	m->len--;
	memmove(x, x + 1, (size_t)(m->items + m->len - x) * sizeof *x);
	return true;
}

static void cap_updaters(struct arena *a, struct managers *m)
{
	while (count_updaters(m) > MANAGED_UPDATERS_MAX && merge_oldest(a, m))
		;
}

/* ---- updates ---- */

/* What it owned already leaves its text as it is. */
static void add_fields(struct arena *a, struct manager *m, struct fieldset *mine)
{
	struct fieldset *sum = m->set ? fieldset_union(a, m->set, mine) : mine;
	if (!m->set || !fieldset_equal(sum, m->set))
		manager_set(m, sum);
}

void managers_record_update(struct arena *a, struct managers *m, struct ref prev, struct ref next, const struct managed_write *w)
{
	struct fieldset *changed, *removed, *reset = managed_reset_set(a, w->reset);
	fieldset_compare(a, managed_bare(a, prev, next.type), managed_bare(a, next, next.type), &changed, &removed);
	if (reset) {
		changed = fieldset_exclude(a, changed, reset);
		removed = fieldset_exclude(a, removed, reset);
	}
	if (fieldset_empty(changed) && fieldset_empty(removed))
		return;
	managers_take(a, m, NULL, changed, removed);
	struct fieldset *mine = fieldset_difference(a, changed, managed_strip_set());
	if (!fieldset_empty(mine)) {
		struct manager *self = managers_find(m, w->manager, false, w->api_version, w->subresource);
		if (!self)
			self = managers_add(a, m, w->manager, false, w->api_version, w->subresource);
		if (self) {
			add_fields(a, self, mine);
			self->time = api_time_sec(w->now);
		}
	}
	managers_prune(m);
	cap_updaters(a, m);
}
