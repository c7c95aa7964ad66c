/* ConfigMaps and Secrets that Pods use, read once a minute at most. */
#include "kubelet/impl.h"

#define FRESH (60 * NS_S) /* as upstream's cache; what is mounted is looked at again at this pace */
#define KEEP 1024         /* objects; then the cache begins anew */

struct cached {
	struct arena *mem;
	void *obj;
	mono_t read;
};

static void cached_free(struct cached *c)
{
	arena_free(c->mem);
	free(c);
}

void objects_free(struct kubelet *k)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&k->objects, &i));)
		cached_free(en->value);
	map_fini(&k->objects);
}

static struct cached *read_fresh(struct kubelet *k, const char *plural, uint16_t type, struct str ns, struct str name, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *obj = client_get(k->t, a, client_resource("", "v1", plural), ns, name, e);
	if (!obj)
		return NULL;
	struct cached *c = calloc(1, sizeof *c);
	if (!c)
		bug("out of memory");
	c->mem = arena_new(NULL);
	arena_mark_secret(c->mem);
	arena_mark_secret(a);
	c->obj = obj_copy(c->mem, (struct ref){desc_type(type), obj});
	c->read = rt_now();
	return c;
}

static void *object(struct kubelet *k, struct arena *a, const char *plural, uint16_t type, struct str ns, struct str name, struct err *e)
{
	struct str key = str_printf(a, "%s/%.*s/%.*s", plural, STR_F(ns), STR_F(name));
	struct cached *c = map_get(&k->objects, key);
	if (!k->t)
		return err_set(e, ERR_NOT_FOUND, "no API server to ask for %s \"%.*s\"", type == T_core_v1_Secret ? "secret" : "configmap", STR_F(name)), NULL;
	if (!c || rt_now() - c->read > FRESH) {
		c = read_fresh(k, plural, type, ns, name, e);
		if (!c && err_is(e, ERR_NOT_FOUND))
			err_set(e, ERR_NOT_FOUND, "%s \"%.*s\" not found", type == T_core_v1_Secret ? "secret" : "configmap", STR_F(name));
		if (!c)
			return NULL;
		if (k->objects.n >= KEEP)
			objects_free(k);
		struct cached *old = map_set_dup(&k->objects, key, c);
		if (old)
			cached_free(old);
	}
	return obj_copy(a, (struct ref){desc_type(type), c->obj});
}

struct core_v1_ConfigMap *object_config_map(struct kubelet *k, struct arena *a, struct str ns, struct str name, struct err *e)
{
	return object(k, a, "configmaps", T_core_v1_ConfigMap, ns, name, e);
}

struct core_v1_Secret *object_secret(struct kubelet *k, struct arena *a, struct str ns, struct str name, struct err *e)
{
	return object(k, a, "secrets", T_core_v1_Secret, ns, name, e);
}
