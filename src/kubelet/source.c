/* Pods of the API server and of the manifest folder. */
#include "kubelet/impl.h"
#include "base/enc.h"
#include "codec/defaults.h"
#include "codec/yaml.h"
#include <dirent.h>
#include <sys/inotify.h>
#include <openssl/evp.h>

#define MANIFEST_MAX (1u << 20)
#define MIRROR "kubernetes.io/config.mirror"

static struct spec *spec_new(void)
{
	struct spec *s = calloc(1, sizeof *s);
	if (!s)
		bug("out of memory");
	s->refs = 1;
	s->mem = arena_new(NULL);
	return s;
}

static void mark(struct spec *s, const char *source, wall_t seen)
{
	BUF(t);
	struct str_map *m = &s->pod->metadata.annotations;
	time_rfc3339(&t, seen / NS_S, (int32_t)(seen % NS_S), -1);
	str_map_set(s->mem, m, STR("kubernetes.io/config.source"), str_of(source));
	str_map_set(s->mem, m, STR("kubernetes.io/config.seen"), str_dup(s->mem, str_of(buf_z(&t))));
}

/* ---- the API server */
static void update(struct pod *p, struct spec *s)
{
	mark(s, "api", p->seen);
	spec_unref(p->next);
	p->next = s;
	pod_wake(p);
}

static void mirror_seen(struct kubelet *k, const struct core_v1_Pod *o)
{
	struct str hash = meta_annotation(&o->metadata, MIRROR);
	struct pod *p = pod_by_uid(k, hash);
	if (!p || !p->is_static) {
		if (k->sources_ready)
			mirror_orphan(k, o->metadata.namespace, o->metadata.name, o->metadata.uid);
		return;
	}
	if (str_eq(p->mirror_uid, o->metadata.uid))
		return;
	p->mirror_uid = str_dup(p->mem, o->metadata.uid);
	p->written_gen = 0;
	queue_add(k->status_q, p->uid);
}

static void added(struct kubelet *k, struct spec *s)
{
	struct pod *p = pod_by_uid(k, s->pod->metadata.uid);
	if (p) {
		update(p, s);
		return;
	}
	mark(s, "api", rt_wall());
	worker_start(pod_new(k, s));
}

static void deleted(struct kubelet *k, const struct informer_item *old)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod *o = informer_decode(k->pod_inf, a, old);
	struct pod *p = o ? pod_by_uid(k, o->metadata.uid) : NULL;
	struct str hash = o ? meta_annotation(&o->metadata, MIRROR) : (struct str){0};
	struct pod *st = hash.n ? pod_by_uid(k, hash) : NULL;
	if (p && !p->is_static) {
		p->gone = true;
		pod_wake(p);
	}
	if (st && st->is_static && str_eq(st->mirror_uid, o->metadata.uid))
		st->mirror_uid = (struct str){0};
	if (st && st->is_static && !st->gone)
		mirror_make(st);
}

static void changed(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct kubelet *k = arg;
	if (!cur) {
		deleted(k, old);
		return;
	}
	struct spec *s = spec_new();
	s->pod = informer_decode(k->pod_inf, s->mem, cur);
	if (old && s->pod) { /* deleted and made again while nobody looked */
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct core_v1_Pod *was = informer_decode(k->pod_inf, a, old);
		if (was && !str_eq(was->metadata.uid, s->pod->metadata.uid))
			deleted(k, old);
	}
	if (s->pod && meta_annotation(&s->pod->metadata, MIRROR).n)
		mirror_seen(k, s->pod);
	else if (s->pod)
		return added(k, s);
	spec_unref(s);
}

/* ---- manifests */
static struct str digest(struct arena *a, struct str text, struct str name)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct str all = str_printf(a, "%.*s\n%.*s", STR_F(name), STR_F(text));
	EVP_Digest(all.p, all.n, md, &n, EVP_sha256(), NULL);
	BUF(hex);
	enc_hex(&hex, str_n(md, 16)); /* as long as an MD5 sum, which upstream uses */
	return buf_take(&hex, a);
}

static void complete(struct kubelet *k, struct spec *s, struct str hash)
{
	struct core_v1_Pod *o = s->pod;
	struct meta_v1_ObjectMeta *m = &o->metadata;
	obj_default(s->mem, (struct ref){desc_type(T_core_v1_Pod), o});
	m->name = str_printf(s->mem, "%.*s-%.*s", STR_F(m->name), STR_F(k->o.node_name));
	if (!m->namespace.n)
		m->namespace = STR("default");
	m->uid = hash;
	o->spec.nodeName = k->o.node_name;
	o->status = (struct core_v1_PodStatus){0};
	mark(s, "file", rt_wall());
	str_map_set(s->mem, &m->annotations, STR("kubernetes.io/config.hash"), hash);
	struct core_v1_Toleration *t = arena_push(s->mem, &o->spec.tolerations);
	*t = (struct core_v1_Toleration){.operator = STR("Exists"), .effect = STR("NoExecute")};
}

static struct spec *manifest_read(struct kubelet *k, const char *path, struct err *e)
{
	struct spec *s = spec_new();
	struct str text, kind, version;
	BUF(json);
	s->pod = arena_make(s->mem, struct core_v1_Pod);
	if (file_read(s->mem, path, MANIFEST_MAX, &text, e) || yaml_to_json(text, NULL, &json, e))
		goto bad;
	struct str doc = buf_take(&json, s->mem);
	if (json_peek_type(doc, &version, &kind, s->mem, e))
		goto bad;
	if (!str_is(kind, "Pod") || !str_is(version, "v1")) {
		err_set(e, ERR_INVALID, "a %.*s of %.*s, not a Pod of v1", STR_F(kind), STR_F(version));
		goto bad;
	}
	if (json_decode(s->mem, desc_type(T_core_v1_Pod), doc, NULL, s->pod, e))
		goto bad;
	complete(k, s, digest(s->mem, text, k->o.node_name));
	return s;
bad:
	spec_unref(s);
	return NULL;
}

static void static_start(struct kubelet *k, struct spec *s)
{
	struct pod *other = pod_by_name(k, s->pod->metadata.namespace, s->pod->metadata.name);
	if (pod_by_uid(k, s->pod->metadata.uid) || other) { /* the same name: when that one has ended */
		spec_unref(s);
		return;
	}
	struct pod *p = pod_new(k, s);
	p->is_static = true;
	worker_start(p);
	mirror_make(p);
}

static bool wanted_name(const char *name) { return name[0] != '.'; }

static void manifest(struct kubelet *k, const char *name, struct map *uids)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	char *path = str_z(a, str_printf(a, "%.*s/%s", STR_F(k->cfg->staticPodPath), name));
	struct stat st;
	if (!wanted_name(name) || stat(path, &st) || !S_ISREG(st.st_mode))
		return;
	struct spec *s = manifest_read(k, path, &e);
	if (!s) {
		log_error("manifest %s: %s", path, err_text(&e));
		return;
	}
	map_set_dup(uids, s->pod->metadata.uid, k);
	static_start(k, s);
}

static void statics_end(struct kubelet *k, const struct map *uids)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&k->pods, &i));) {
		struct pod *p = en->value;
		if (!p->is_static || p->gone || map_has(uids, p->uid))
			continue;
		p->gone = true;
		pod_wake(p);
	}
}

static void manifests_look(struct kubelet *k)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(map_fini_at) struct map uids = {0};
	DIR *d = k->cfg->staticPodPath.n ? opendir(str_z(a, k->cfg->staticPodPath)) : NULL;
	for (struct dirent *en; d && (en = readdir(d));)
		manifest(k, en->d_name, &uids);
	if (d)
		closedir(d);
	statics_end(k, &uids);
}

static void manifests_changed(void *arg, const char *name, uint32_t mask) { manifests_look(arg); }
void source_pod_gone(struct kubelet *k) { manifests_look(k); }

/* ---- start */
static void synced_fiber(void *arg)
{
	struct kubelet *k = arg;
	if (informer_wait_synced(k->pod_inf, MONO_NEVER))
		return;
	k->sources_ready = true;
	cond_wake_all(&k->check_wake); /* orphans can be told now */
	mirrors_check(k);
}

static void follow_pods(struct kubelet *k)
{
	struct str selector = str_printf(k->mem, "spec.nodeName=%.*s", STR_F(k->o.node_name));
	k->informers = informers_new(k->t, k->scope);
	k->service_inf = informers_get(k->informers, &(struct informer_opts){.res = client_resource("", "v1", "services")});
	k->pod_inf = informers_get(k->informers, &(struct informer_opts){.res = client_resource("", "v1", "pods"), .field_selector = selector});
	k->pod_handler = (struct informer_handler){.fn = changed, .arg = k};
	informer_add_handler(k->pod_inf, &k->pod_handler);
}

int source_start(struct kubelet *k, struct err *e)
{
	if (k->cfg->staticPodPath.n) {
		const char *path = str_z(k->mem, k->cfg->staticPodPath);
		if (file_mkdirs(path, 0755, e))
			return -1;
		k->manifests = dir_watch_new(path, DIR_WATCH_CHANGES & ~IN_CREATE, manifests_changed, k, e);
		if (!k->manifests)
			return -1;
		manifests_look(k);
	}
	k->sources_ready = !k->t;
	if (!k->t)
		return 0;
	follow_pods(k);
	return fiber_spawn(k->scope, "kubelet-sync", synced_fiber, k) ? 0 : err_nomem(e, 0);
}
