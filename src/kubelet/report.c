/* Status to the API server: computed often, written when it differs, never twice at a time for one Pod. */
#include "kubelet/impl.h"

#define WRITERS 8 /* writes of different Pods overlap; more would only press the server at a restart */

static void null_if_absent(struct arena *a, struct value *v, const char *key)
{
	if (!value_get(v, str_of(key)))
		value_set(a, v, str_of(key), value_new(a, V_NULL));
}

/* A strategic merge keeps what a patch does not name: what may have gone is named null. */
static void name_the_gone(struct arena *a, struct value *st)
{
	struct value *list = value_get(st, STR("conditions"));
	null_if_absent(a, st, "reason");
	null_if_absent(a, st, "message");
	for (uint32_t i = 0; list && i < list->list.len; i++) {
		null_if_absent(a, list->list.items[i], "reason");
		null_if_absent(a, list->list.items[i], "message");
	}
}

static bool has_ip(const struct value *list, struct str ip)
{
	for (uint32_t i = 0; list && i < list->list.len; i++)
		if (str_eq(value_path_str(list->list.items[i], "ip"), ip))
			return true;
	return false;
}

/* A merge keeps addresses, too: those of a sandbox before this one. */
static void drop_ips(struct arena *a, struct value *st, const struct value *old, const char *key)
{
	struct value *now = value_get(st, str_of(key)), *was = value_get(old, str_of(key));
	for (uint32_t i = 0; now && was && i < was->list.len; i++) {
		struct str ip = value_path_str(was->list.items[i], "ip");
		if (has_ip(now, ip))
			continue;
		struct value *gone = value_new(a, V_OBJECT);
		value_set(a, gone, STR("$patch"), value_str(a, STR("delete")));
		value_set(a, gone, STR("ip"), value_str(a, ip));
		value_push(a, now, gone);
	}
}

static struct str patch_of(struct pod *p, struct arena *a)
{
	BUF(out);
	struct value *root = value_new(a, V_OBJECT), *meta = value_new(a, V_OBJECT);
	const struct type *t = desc_type(T_core_v1_PodStatus);
	const struct core_v1_Pod *there = informer_object(p->k->pod_inf, a, p->key); /* or its mirror */
	struct value *st = obj_to_value(a, (struct ref){t, p->status});
	struct value *old = there ? obj_to_value(a, (struct ref){t, (void *)&there->status}) : NULL;
	name_the_gone(a, st);
	drop_ips(a, st, old, "podIPs");
	drop_ips(a, st, old, "hostIPs");
	value_set(a, meta, STR("uid"), value_str(a, p->is_static ? p->mirror_uid : p->uid));
	value_set(a, root, STR("metadata"), meta);
	value_set(a, root, STR("status"), st);
	json_write(&out, root);
	return buf_take(&out, a);
}

static int write_status(struct pod *p, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	uint64_t gen = p->status_gen;
	if (!p->status || p->written_gen == gen || (p->is_static && !p->mirror_uid.n))
		return 0;
	struct str patch = patch_of(p, a);
	if (!client_patch(p->k->t, a, client_resource("", "v1", "pods"), p->ns, p->name, "status", PATCH_STRATEGIC, patch, e))
		return -1;
	p->written_gen = gen;
	return 0;
}

/* By uid: the Pod may end while its status is on its way; then the worker, which waits for the writer, is still there. */
static int sync(void *arg, struct str uid, struct err *e)
{
	struct pod *p = pod_by_uid(arg, uid);
	if (!p)
		return 0;
	p->writing++;
	int r = write_status(p, e);
	p->writing--;
	cond_wake_all(&p->wake);
	bool bad = r && err_is(e, ERR_INVALID), over = bad || (r && (err_is(e, ERR_NOT_FOUND) || err_is(e, ERR_CONFLICT)));
	if (bad)
		log_error("status of %.*s: %s", STR_F(uid), err_text(e));
	else if (over)
		log_v(2, "status of %.*s: %s", STR_F(uid), err_text(e));
	return over ? 0 : r;
}

void report_start(struct kubelet *k)
{
	k->status_q = queue_new("pod-status");
	queue_run(k->status_q, k->scope, WRITERS, sync, k);
}

static bool renew(struct pod *p)
{
	struct arena *a = arena_new(NULL);
	struct core_v1_PodStatus *st = status_compute(p, a);
	if (p->status && obj_equal_at(desc_type(T_core_v1_PodStatus), p->status, st)) {
		arena_free(a);
		return false;
	}
	p->status = obj_copy(a, (struct ref){desc_type(T_core_v1_PodStatus), st});
	arena_free(p->status_mem);
	p->status_mem = a;
	p->status_gen++;
	return true;
}

/* A Pod that was over when the kubelet came keeps the status that it has. */
static bool kept(const struct pod *p) { return p->over && p->status && !p->status_gen; }

void report(struct pod *p)
{
	if (p->view && !kept(p) && renew(p) && p->k->t)
		queue_add(p->k->status_q, p->uid);
}

int report_now(struct pod *p, struct err *e)
{
	if (kept(p))
		return 0;
	renew(p);
	while (p->writing && !cond_wait(&p->wake, MONO_NEVER))
		;
	return write_status(p, e);
}
