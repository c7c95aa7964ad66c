/* /containerLogs */
#include "kubelet/log.h"
#include "kubelet/server.h"

struct reader {
	struct route *t;
	struct str uid, id;
	struct list node;
	struct cond news;
};

void log_readers_wake(struct kubelet *k)
{
	struct reader *x;
	list_each(x, &k->log_readers, node)
		cond_wake_all(&x->news);
}

static int send_part(void *arg, struct str data)
{
	struct reader *x = arg;
	return resp_write(x->t->r, data.p, data.n) || resp_flush(x->t->r);
}

static bool ended(void *arg)
{
	struct reader *x = arg;
	struct pod *p = pod_by_uid(x->t->k, x->uid);
	const struct cview *v = p && p->view ? view_by_id(p->view, x->id) : NULL;
	return !v || v->state != CS_RUNNING;
}

static bool yes(const struct route *t, const char *name) { return str_is(route_param(t, name), "true") || str_is(route_param(t, name), "1"); }

static int number(const struct route *t, const char *name, bool *ret_has, int64_t *ret)
{
	struct str s = route_param(t, name);
	*ret_has = s.n > 0;
	return s.n && (str_i64(s, ret) || *ret < 0) ? -1 : 0;
}

static int options(struct route *t, struct log_want *w)
{
	bool has_seconds;
	int64_t seconds = 0;
	struct str since = route_param(t, "sinceTime"), stream = route_param(t, "stream");
	w->follow = yes(t, "follow");
	w->timestamps = yes(t, "timestamps");
	if (number(t, "tailLines", &w->has_tail, &w->tail) || number(t, "limitBytes", &w->has_limit, &w->limit_bytes) || number(t, "sinceSeconds", &has_seconds, &seconds))
		return -1;
	if (has_seconds)
		w->since_s = rt_wall() / NS_S - seconds;
	w->has_since = has_seconds;
	if (since.n && time_parse_rfc3339(since, &w->since_s, &w->since_ns))
		return -1;
	w->has_since |= since.n > 0;
	if (str_is(stream, "Stdout") || str_is(stream, "Stderr"))
		w->stream = str_is(stream, "Stdout") ? STR("stdout") : STR("stderr");
	return 0;
}

static const struct cview *log_of(struct route *t, struct pod *p, struct str name)
{
	enum ckind kind;
	const struct cview *v = view_latest(p->view, name);
	const struct cmem *m = pod_cmem(p, name);
	if (!pod_find_container(p->spec->pod, name, &kind)) {
		route_error(t, 404, "container \"%.*s\" not found in pod \"%.*s\"", STR_F(name), STR_F(p->name));
		return NULL;
	}
	if (v && yes(t, "previous"))
		v = view_before(p->view, v);
	if (!v && yes(t, "previous"))
		route_error(t, 400, "previous terminated container \"%.*s\" in pod \"%.*s\" not found", STR_F(name), STR_F(p->name));
	else if (!v)
		route_error(t, 400, "container \"%.*s\" in pod \"%.*s\" is waiting to start: %s", STR_F(name), STR_F(p->name),
			m && m->wait_reason ? m->wait_reason : p->spec->pod->spec.initContainers.len ? "PodInitializing" : "ContainerCreating");
	return v;
}

void serve_logs(struct route *t)
{
	struct str name;
	struct log_want w = {0};
	ERR(e);
	struct pod *p = route_pod(t, &name);
	if (!p)
		return;
	if (options(t, &w)) {
		route_error(t, 400, "unable to decode query");
		return;
	}
	const struct cview *v = log_of(t, p, name);
	if (!v)
		return;
	struct reader x = {t, str_dup(t->q->arena, p->uid), str_dup(t->q->arena, v->id)};
	struct log_sink sink = {send_part, ended, &x.news, &x};
	char *path = str_z(t->q->arena, v->log_path);
	resp_status(t->r, 200);
	resp_header(t->r, STR("content-type"), STR("text/plain"));
	if (w.follow && resp_flush(t->r))
		return;
	cond_init(&x.news);
	list_push(&t->k->log_readers, &x.node);
	int r = log_copy(path, &w, &sink, &e);
	list_remove(&x.node);
	if (r && !resp_started(t->r))
		route_error(t, 500, "failed to open the log: %s", err_text(&e));
}
