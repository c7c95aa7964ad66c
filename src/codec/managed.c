#include "codec/managed_entries.h"

/* `[]` and `[{}]` ask to forget all owners; null and absent do not. */
static bool is_reset(const meta_v1_ManagedFieldsEntry_list_t *l)
{
	static const struct meta_v1_ManagedFieldsEntry none;
	if (l->len == 0)
		return l->items != NULL;
	const struct meta_v1_ManagedFieldsEntry *x = l->items;
	return l->len == 1 && !x->manager.n && !x->operation.n && !x->apiVersion.n && x->has_time == none.has_time && !x->fieldsType.n && !x->fieldsV1.n &&
	       !x->subresource.n;
}

static bool same_texts(const meta_v1_ManagedFieldsEntry_list_t *x, const meta_v1_ManagedFieldsEntry_list_t *y)
{
	if (x->len != y->len)
		return false;
	for (uint32_t i = 0; i < x->len; i++)
		if (!str_eq(x->items[i].fieldsV1, y->items[i].fieldsV1) || !str_eq(x->items[i].manager, y->items[i].manager))
			return false;
	return true;
}

static struct managers decode_or_none(struct arena *a, const meta_v1_ManagedFieldsEntry_list_t *l)
{
	struct managers m = {0};
	ERR(ignored);
	if (managers_decode(a, l, &m, &ignored))
		return (struct managers){0};
	return m;
}

/* Clients may write managedFields themselves, but not through a subresource; what is unreadable or empty is taken from the live object. */
static struct managers live_or_new(struct arena *a, const struct meta_v1_ObjectMeta *live, const struct meta_v1_ObjectMeta *new, bool subresource)
{
	struct managers m = {0};
	if (!subresource && is_reset(&new->managedFields))
		return m;
	if (!subresource && !(live && same_texts(&live->managedFields, &new->managedFields)))
		m = decode_or_none(a, &new->managedFields);
	if (!m.len && live)
		m = decode_or_none(a, &live->managedFields);
	return m;
}

int managed_update(struct arena *a, struct ref prev, struct ref next, const struct managed_write *w, struct err *e)
{
	struct meta_v1_ObjectMeta *meta = obj_meta(next), *live = prev.p ? obj_meta(prev) : NULL;
	struct managed_write named = *w;
	if (!meta)
		return 0;
	if (!named.manager.n)
		named.manager = STR("unknown");
	struct managers m = live_or_new(a, live, meta, w->subresource.n > 0);
	bool tracked = m.len || !live || !live->uid.n;
	if (tracked)
		managers_record_update(a, &m, prev, next, &named);
	managers_encode(a, &m, &meta->managedFields);
	return 0;
}
