/* Probes: one fiber each, from the start of a container to its end. */
#include "kubelet/impl.h"
#include "net/addr.h"
#include "rt/io.h"
#include <unistd.h>

#define OUTPUT_MAX 1024 /* of a probe's answer in an event */

struct probe {
	struct pod *p;
	struct spec *spec;
	struct str name, id;          /* behind it */
	struct cmem *m;
	const struct core_v1_Container *c;
	const struct core_v1_Probe *what;
	enum probe_kind kind;
	struct scope scope;
	int good, bad;
	struct metric_set metrics;    /* its own: they go with it */
};
enum verdict { GOOD, BAD, UNKNOWN };
static const char *const titles[] = {"Startup", "Liveness", "Readiness"};

int tcp_try(struct str host, int port, mono_t deadline, struct err *e)
{
	struct ipaddr ip;
	if (port < 1 || ipaddr_parse(host, &ip))
		return err_set(e, ERR_INVALID, "invalid address %.*s:%d", STR_F(host), port);
	struct addr at = addr_of_ip(ip, (uint16_t)port);
	int fd = rt_connect((struct sockaddr *)&at.ss, at.n, SOCK_STREAM, deadline);
	if (fd < 0)
		return err_set(e, ERR_UNKNOWN, "dial tcp %.*s:%d: %s", STR_F(host), port, fd == -ECONNREFUSED ? "connect: connection refused" : fd == -ETIME ? "i/o timeout" : strerror(-fd));
	rt_close(fd);
	close(fd);
	return 0;
}

static nsec_t span_of(int32_t s, int32_t unset) { return (s > 0 ? s : unset) * NS_S; }

static enum verdict try_exec(struct probe *x, struct arena *a, nsec_t timeout, struct buf *out)
{
	ERR(e);
	struct cri_v1_ExecSyncRequest req = {x->id, x->what->handler.exec->command, timeout / NS_S};
	struct cri_v1_ExecSyncResponse resp = {0};
	if (cri_call(x->p->k->cri, a, CRI_EXEC_SYNC, &req, &resp, timeout + NS_S, &e)) {
		bool late = err_is(&e, ERR_TIMEOUT) || str_find(e.message, STR("DeadlineExceeded")) >= 0;
		struct str cmd = str_join(a, req.cmd.items, req.cmd.len, STR(" "));
		if (late)
			buf_printf(out, "command timed out: \"%.*s\" timed out after %llds", STR_F(cmd), (long long)(timeout / NS_S));
		else
			buf_str(out, e.message);
		return late ? BAD : UNKNOWN;
	}
	buf_str(out, resp.stdout);
	buf_str(out, resp.stderr);
	return resp.exit_code ? BAD : GOOD;
}

static enum verdict try_http(struct probe *x, mono_t deadline, struct buf *out)
{
	ERR(e);
	BUF(body);
	int code = 0;
	if (http_probe(x->p, x->c, x->what->handler.httpGet, true, deadline, &code, &body, &e)) {
		buf_str(out, e.message);
		return BAD;
	}
	if (code >= 200 && code < 400)
		return GOOD;
	buf_printf(out, "HTTP probe failed with statuscode: %d", code);
	return BAD;
}

static enum verdict try_tcp(struct probe *x, mono_t deadline, struct buf *out)
{
	ERR(e);
	const struct core_v1_TCPSocketAction *t = x->what->handler.tcpSocket;
	if (!tcp_try(t->host.n ? t->host : x->p->ip, action_port(x->c, &t->port), deadline, &e))
		return GOOD;
	buf_str(out, e.message);
	return BAD;
}

/* grpc.health.v1.Health/Check; the client has a gRPC message of its own for it. */
static enum verdict try_grpc(struct probe *x, struct arena *a, mono_t deadline, struct buf *out)
{
	ERR(e);
	const struct core_v1_GRPCAction *g = x->what->handler.grpc;
	char *url = str_z(a, str_printf(a, "http://%.*s", STR_F(host_port_join(a, x->p->ip, (unsigned)g->port))));
	struct grpc_client *c = grpc_client_new(&(struct grpc_opts){.url = url, .codec = {pb_encode, pb_decode}}, &e);
	BUF(req);
	struct str resp = {0};
	if (g->service.n) {
		buf_char(&req, 0x0a);
		for (size_t n = g->service.n; n > 0x7f || (buf_char(&req, (char)n), 0); n >>= 7)
			buf_char(&req, (char)(n | 0x80));
		buf_str(&req, g->service);
	}
	int r = c ? grpc_call_raw(c, "/grpc.health.v1.Health/Check", buf_view(&req), &resp, a, deadline, NULL, &e) : -1;
	grpc_client_free(c);
	if (!r && resp.n == 2 && resp.p[0] == 8 && resp.p[1] == 1)
		return GOOD;
	if (r)
		buf_printf(out, "timeout or error: %s", err_text(&e));
	else
		buf_lit(out, "service unhealthy (responded with \"NOT_SERVING\")");
	return BAD;
}

static enum verdict attempt(struct probe *x, struct buf *out)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	nsec_t timeout = span_of(x->what->timeoutSeconds, 1);
	mono_t deadline = rt_now() + timeout;
	const struct core_v1_ProbeHandler *h = &x->what->handler;
	if (h->exec)
		return try_exec(x, a, timeout, out);
	if (h->httpGet)
		return try_http(x, deadline, out);
	if (h->tcpSocket)
		return try_tcp(x, deadline, out);
	return h->grpc ? try_grpc(x, a, deadline, out) : GOOD;
}

static void say(struct probe *x, enum verdict v, struct buf *out)
{
	struct str text = str_sub(buf_view(out), 0, OUTPUT_MAX);
	if (v == UNKNOWN)
		pod_event(x->p, x->name, "Warning", "Unhealthy", "%s probe errored and resulted in unknown state: %.*s", titles[x->kind], STR_F(text));
	else
		pod_event(x->p, x->name, "Warning", "Unhealthy", "%s probe failed: %.*s", titles[x->kind], STR_F(text));
}

static int64_t grace_of(const struct probe *x)
{
	const struct core_v1_PodSpec *s = &x->spec->pod->spec;
	return x->what->has_terminationGracePeriodSeconds ? x->what->terminationGracePeriodSeconds : s->has_terminationGracePeriodSeconds ? s->terminationGracePeriodSeconds : 30;
}

static void set_ready(struct probe *x, bool on)
{
	bool *flag = x->kind == PROBE_STARTUP ? &x->m->started : &x->m->ready;
	if (*flag == on)
		return;
	*flag = on;
	pod_wake(x->p);
}

/* The threshold was crossed.  True: the container is to be killed, and the probe ends. */
static bool crossed(struct probe *x, bool good)
{
	static const char *const why[] = {"Container %.*s failed startup probe, will be restarted", "Container %.*s failed liveness probe, will be restarted"};
	if (x->kind == PROBE_READINESS || good) {
		if (x->kind != PROBE_LIVENESS)
			set_ready(x, good);
		return x->kind == PROBE_STARTUP;
	}
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str text = x->kind == PROBE_STARTUP ? str_printf(a, why[0], STR_F(x->name)) : str_printf(a, why[1], STR_F(x->name));
	x->m->killing = true; /* container_kill must not end this fiber's scope while it runs in it */
	pod_event(x->p, x->name, "Normal", "Killing", "%.*s", STR_F(text));
	container_stop(x->p, x->m, x->id, grace_of(x));
	return true;
}

static bool count(struct probe *x, enum verdict v)
{
	int need = v == GOOD ? x->what->successThreshold : x->what->failureThreshold, fallback = v == GOOD ? 1 : 3;
	x->good = v == GOOD ? x->good + 1 : 0;
	x->bad = v == BAD ? x->bad + 1 : v == GOOD ? 0 : x->bad;
	int have = v == GOOD ? x->good : x->bad;
	return v != UNKNOWN && have >= (need > 0 ? need : fallback) && crossed(x, v == GOOD);
}

static void measure(struct probe *x, enum verdict v, mono_t began)
{
	static const char *const results[] = {[GOOD] = "successful", [BAD] = "failed", [UNKNOWN] = "unknown"};
	struct str title = str_of(titles[x->kind]);
	metric_add(metric_counter(&x->metrics, M_prober_probe_total, LABELS(x->name, x->p->ns, x->p->name, x->p->uid, title, str_of(results[v]))), 1);
	metric_observe(metric_histogram(&x->metrics, M_prober_probe_duration_seconds, LABELS(x->name, x->p->ns, x->p->name, title)),
		(double)(rt_now_exact() - began) / NS_S);
}

void probes_metrics(const struct cmem *m, struct metric_set *to)
{
	for (int i = 0; i < PROBE_KINDS; i++)
		if (m->probes[i])
			metric_merge(to, &m->probes[i]->metrics);
}

static bool startup_pending(const struct probe *x) { return x->kind != PROBE_STARTUP && !x->m->started; }

static void probe_fiber(void *arg)
{
	struct probe *x = arg;
	nsec_t period = span_of(x->what->periodSeconds, 10);
	int r = fiber_sleep(x->what->initialDelaySeconds * NS_S);
	while (!r) {
		BUF(out);
		bool skip = startup_pending(x);
		mono_t began = rt_now_exact();
		enum verdict v = skip ? GOOD : attempt(x, &out);
		if (fiber_cancelled())
			break;
		if (!skip)
			measure(x, v, began);
		if (!skip && v != GOOD)
			say(x, v, &out);
		if (!skip && count(x, v))
			break;
		r = fiber_sleep(skip ? NS_S / 4 : period);
	}
}

static struct probe *probe_new(struct pod *p, const struct core_v1_Container *c, const struct core_v1_Probe *what, struct cmem *m, struct str id, enum probe_kind kind)
{
	struct probe *x = calloc(1, sizeof *x + id.n);
	if (!x)
		bug("out of memory");
	memcpy(x + 1, id.p, id.n);
	*x = (struct probe){.p = p, .spec = spec_ref(p->spec), .name = m->name, .id = {(char *)(x + 1), id.n}, .m = m, .c = c, .what = what, .kind = kind};
	scope_init(&x->scope, &p->scope);
	if (!fiber_spawn(&x->scope, "probe", probe_fiber, x))
		log_error("%.*s: no fiber left for a probe", STR_F(p->key));
	return x;
}

/* Without a startup probe a container has started as soon as it runs, without a readiness probe it is ready then. */
void probes_start(struct pod *p, const struct core_v1_Container *c, struct cmem *m, struct str id)
{
	const struct core_v1_Probe *what[] = {c->startupProbe, c->livenessProbe, c->readinessProbe};
	if (m->probes_id.n && str_eq(m->probes_id, id))
		return;
	probes_stop(m);
	if (!str_eq(m->id, id)) {
		m->id = str_dup(p->mem, id);
		m->started = m->ready = false;
	}
	m->probes_id = m->id;
	m->started |= !c->startupProbe;
	m->ready |= !c->readinessProbe;
	for (int i = 0; i < PROBE_KINDS; i++)
		if (what[i])
			m->probes[i] = probe_new(p, c, what[i], m, id, (enum probe_kind)i);
}

static void probe_stop(struct cmem *m, enum probe_kind kind)
{
	struct probe *x = m->probes[kind];
	m->probes[kind] = NULL;
	if (!x)
		return;
	scope_fini(&x->scope);
	metric_set_fini(&x->metrics);
	spec_unref(x->spec);
	free(x);
}

void probes_stop_restarts(struct cmem *m)
{
	probe_stop(m, PROBE_STARTUP);
	probe_stop(m, PROBE_LIVENESS);
}

void probes_stop(struct cmem *m)
{
	probes_stop_restarts(m);
	probe_stop(m, PROBE_READINESS);
	m->probes_id = (struct str){0};
}
