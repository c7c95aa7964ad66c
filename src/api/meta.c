#include "api/meta.h"

const struct meta_v1_OwnerReference *owner_controller(const struct meta_v1_ObjectMeta *m)
{
	LIST_EACH(r, m->ownerReferences)
		if (r->has_controller && r->controller)
			return r;
	return NULL;
}

bool owner_controls(struct str uid, const struct meta_v1_ObjectMeta *m)
{
	const struct meta_v1_OwnerReference *r = owner_controller(m);
	return r && str_eq(r->uid, uid);
}

const struct meta_v1_OwnerReference *owner_find(const struct meta_v1_ObjectMeta *m, struct str uid)
{
	LIST_EACH(r, m->ownerReferences)
		if (str_eq(r->uid, uid))
			return r;
	return NULL;
}

struct meta_v1_OwnerReference owner_ref(struct ref owner)
{
	const struct meta_v1_ObjectMeta *m = obj_meta(owner);
	return (struct meta_v1_OwnerReference){
		.apiVersion = type_api_version(owner.type), .kind = desc_str(owner.type->kind), .name = m->name, .uid = m->uid,
		.controller = true, .has_controller = true, .blockOwnerDeletion = true, .has_blockOwnerDeletion = true};
}

/* Lists from decoding may be LIST_EMPTY, which cannot grow. */
static void ready_to_grow(void *list)
{
	struct any_list *l = list;
	if (!l->cap && !l->len)
		l->items = NULL;
}

void owner_set(struct arena *a, struct meta_v1_ObjectMeta *m, struct meta_v1_OwnerReference r)
{
	struct meta_v1_OwnerReference *at = (struct meta_v1_OwnerReference *)owner_find(m, r.uid);
	ready_to_grow(&m->ownerReferences);
	if (!at)
		at = arena_push(a, &m->ownerReferences);
	if (at)
		*at = r;
}

bool owner_remove(struct meta_v1_ObjectMeta *m, struct str uid)
{
	uint32_t kept = 0, n = m->ownerReferences.len;
	for (uint32_t i = 0; i < n; i++)
		if (!str_eq(m->ownerReferences.items[i].uid, uid))
			m->ownerReferences.items[kept++] = m->ownerReferences.items[i];
	m->ownerReferences.len = kept;
	return kept < n;
}

bool finalizer_has(const struct meta_v1_ObjectMeta *m, struct str name)
{
	return str_list_has(&m->finalizers, name);
}

bool finalizer_add(struct arena *a, struct meta_v1_ObjectMeta *m, struct str name)
{
	if (finalizer_has(m, name))
		return false;
	ready_to_grow(&m->finalizers);
	struct str *at = arena_push(a, &m->finalizers);
	if (at)
		*at = name;
	return true;
}

bool finalizer_remove(struct meta_v1_ObjectMeta *m, struct str name)
{
	uint32_t kept = 0, n = m->finalizers.len;
	for (uint32_t i = 0; i < n; i++)
		if (!str_eq(m->finalizers.items[i], name))
			m->finalizers.items[kept++] = m->finalizers.items[i];
	m->finalizers.len = kept;
	return kept < n;
}

struct str meta_key(struct arena *a, const struct meta_v1_ObjectMeta *m)
{
	return m->namespace.n ? str_printf(a, "%.*s/%.*s", STR_F(m->namespace), STR_F(m->name)) : m->name;
}

int meta_key_split(struct str key, struct str *ret_namespace, struct str *ret_name)
{
	struct str head, tail;
	bool cut = str_cut(key, '/', &head, &tail);
	if (cut && str_index(tail, '/', 0) >= 0)
		return -1;
	*ret_namespace = cut ? head : STR("");
	*ret_name = cut ? tail : key;
	return 0;
}

int api_version_split(struct str api_version, struct str *ret_group, struct str *ret_version)
{
	return meta_key_split(api_version, ret_group, ret_version);
}
