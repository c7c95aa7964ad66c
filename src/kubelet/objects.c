/* ConfigMaps and Secrets of the node's Pods.  Each is watched from its first use until the last Pod that used it is gone, so that a change reaches volumes at
 * once, and a new Pod never sees an old copy. */
#include "kubelet/impl.h"

#define PATIENCE (2 * NS_S) /* with a watch that does not begin; then the server is asked for the object, and says what is wrong */

struct object_kind {
	const char *plural, *word;
	uint16_t type;
};
static const struct object_kind config_maps = {"configmaps", "configmap", T_core_v1_ConfigMap}, secrets = {"secrets", "secret", T_core_v1_Secret};

struct object {
	struct kubelet *k;
	struct str key;      /* in k->objects */
	struct informer *inf;
	struct informer_handler handler;
	struct scope scope;
	struct map users;    /* Pods' uids */
};

static void object_free(struct object *o)
{
	scope_fini(&o->scope);
	informer_free(o->inf);
	map_fini(&o->users);
	free(o);
}

static void changed(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct object *o = arg;
	struct map_entry *en;
	if (!informer_synced(o->inf))
		return;
	for (size_t i = 0; (en = map_next(&o->users, &i));) {
		struct pod *p = pod_by_uid(o->k, en->key);
		if (p)
			volumes_news(p);
	}
}

static struct object *object_new(struct kubelet *k, const struct object_kind *kind, struct str ns, struct str name, struct str key)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct object *o = calloc(1, sizeof *o + key.n);
	if (!o)
		bug("out of memory");
	memcpy(o + 1, key.p, key.n);
	o->k = k;
	o->key = (struct str){(char *)(o + 1), key.n};
	o->handler = (struct informer_handler){.fn = changed, .arg = o};
	o->inf = informer_new(k->t, &(struct informer_opts){.res = client_resource("", "v1", kind->plural), .ns = ns,
		.field_selector = str_printf(a, "metadata.name=%.*s", STR_F(name))});
	informer_add_handler(o->inf, &o->handler);
	scope_init(&o->scope, k->scope);
	informer_start(o->inf, &o->scope);
	map_set(&k->objects, o->key, o);
	return o;
}

void objects_release(struct pod *p)
{
	struct kubelet *k = p->k;
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&k->objects, &i));) {
		struct object *o = en->value;
		if (!map_del(&o->users, p->uid) || o->users.n)
			continue;
		map_del(&k->objects, o->key);
		object_free(o); /* waits: the map may be another now */
		i = 0;
	}
}

static void *ask(struct pod *p, struct arena *a, const struct object_kind *kind, struct str name, struct err *e)
{
	void *obj = client_get(p->k->t, a, client_resource("", "v1", kind->plural), p->ns, name, e);
	if (!obj && err_is(e, ERR_NOT_FOUND))
		err_set(e, ERR_NOT_FOUND, "%s \"%.*s\" not found", kind->word, STR_F(name));
	return obj;
}

static void *object(struct pod *p, struct arena *a, const struct object_kind *kind, struct str name, struct err *e)
{
	struct str item = str_printf(a, "%.*s/%.*s", STR_F(p->ns), STR_F(name)), key = str_printf(a, "%s/%.*s", kind->plural, STR_F(item));
	if (!p->k->t)
		return err_set(e, ERR_NOT_FOUND, "no API server to ask for %s \"%.*s\"", kind->word, STR_F(name)), NULL;
	struct object *o = map_get(&p->k->objects, key);
	if (!o)
		o = object_new(p->k, kind, p->ns, name, key);
	if (!map_has(&o->users, p->uid))
		map_set_dup(&o->users, p->uid, o);
	void *obj = informer_wait_synced(o->inf, rt_now() + PATIENCE) == 0 ? informer_object(o->inf, a, item) : NULL;
	return obj ? obj : ask(p, a, kind, name, e);
}

struct core_v1_ConfigMap *object_config_map(struct pod *p, struct arena *a, struct str name, struct err *e) { return object(p, a, &config_maps, name, e); }

struct core_v1_Secret *object_secret(struct pod *p, struct arena *a, struct str name, struct err *e)
{
	arena_mark_secret(a);
	return object(p, a, &secrets, name, e);
}
