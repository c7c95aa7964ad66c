/* Lifecycle hooks and HTTP requests to containers. */
#include "kubelet/impl.h"
#include "base/enc.h"
#include "net/http_client.h"

#define BODY_MAX (10u << 10) /* as much as upstream's prober reads */

int action_port(const struct core_v1_Container *c, const struct int_or_str *port)
{
	int64_t n;
	if (!port->is_str)
		return port->num;
	LIST_EACH(p, c->ports)
		if (str_eq(p->name, port->str))
			return p->containerPort;
	return str_i64(port->str, &n) || n < 1 || n > 65535 ? -1 : (int)n;
}

static struct str command_text(struct arena *a, const str_list_t *v) { return str_join(a, v->items, v->len, STR(" ")); }

static int hook_exec(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct str id, const struct core_v1_ExecAction *x, mono_t deadline,
	struct err *e)
{
	nsec_t left = deadline - rt_now();
	struct cri_v1_ExecSyncRequest req = {id, x->command, left > 0 ? (left + NS_S - 1) / NS_S : 1};
	struct cri_v1_ExecSyncResponse resp = {0};
	struct str cmd = command_text(a, &x->command);
	if (cri_call(p->k->cri, a, CRI_EXEC_SYNC, &req, &resp, (left > 0 ? left : 0) + 2 * NS_S, e))
		return -1;
	if (!resp.exit_code)
		return 0;
	BUF(out);
	enc_quote(&out, str_printf(a, "%.*s%.*s", STR_F(resp.stdout), STR_F(resp.stderr)));
	return err_set(e, ERR_INTERNAL, "Exec lifecycle hook ([%.*s]) for Container \"%.*s\" in Pod \"%.*s\" failed - error: command '%.*s' exited with %d: , message: %s",
		STR_F(cmd), STR_F(c->name), STR_F(p->full), STR_F(cmd), resp.exit_code, buf_z(&out));
}

static struct http_client *client_for(struct arena *a, struct str scheme, struct str host, int port, struct err *e)
{
	bool tls = str_eq_fold(scheme, STR("https"));
	struct tls *t = tls ? tls_client_new(&(struct tls_client_opts){.insecure = true}, e) : NULL;
	if (tls && !t)
		return NULL;
	char *url = str_z(a, str_printf(a, "%s://%.*s", tls ? "https" : "http", STR_F(host_port_join(a, host, (unsigned)port))));
	struct http_client *c = http_client_new(&(struct http_client_opts){.url = url, .tls = t, .http1_only = true}, e);
	tls_unref(t);
	return c;
}

/* The user agent is one of the headers that may be set; Host is not an ordinary one. */
static struct http_header *headers_of(struct arena *a, const struct core_v1_HTTPGetAction *h, bool probe, struct str version, struct str *ret_host, uint32_t *ret_n)
{
	struct http_header *v = arena_array(a, struct http_header, h->httpHeaders.len + 2);
	bool agent = false, accept = false;
	uint32_t n = 0;
	LIST_EACH(x, h->httpHeaders) {
		char *name = str_z(a, x->name);
		for (char *c = name; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
		agent |= !strcmp(name, "user-agent");
		accept |= !strcmp(name, "accept");
		if (!strcmp(name, "host"))
			*ret_host = x->value;
		else
			v[n++] = (struct http_header){str_of(name), x->value};
	}
	if (!agent)
		v[n++] = (struct http_header){STR("user-agent"), str_printf(a, "kube-%s/%.*s", probe ? "probe" : "lifecycle", STR_F(version))};
	if (!accept)
		v[n++] = (struct http_header){STR("accept"), STR("*/*")};
	*ret_n = n;
	return v;
}

int http_probe(struct pod *p, const struct core_v1_Container *c, const struct core_v1_HTTPGetAction *h, bool probe, mono_t deadline, int *ret_code, struct buf *body,
	struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int port = action_port(c, &h->port);
	struct str host = h->host.n ? h->host : p->ip, text;
	if (port < 1 || !host.n)
		return err_set(e, ERR_INVALID, "invalid port or no address");
	CLEANUP(http_client_free) struct http_client *client = client_for(a, h->scheme, host, port, e);
	if (!client)
		return -1;
	const char *slash = h->path.n && h->path.p[0] == '/' ? "" : "/";
	struct http_call q = {.path = str_printf(a, "%s%.*s", slash, STR_F(h->path)), .deadline = deadline};
	q.headers = headers_of(a, h, probe, p->k->o.version, &q.host, &q.nheaders);
	CLEANUP(http_answer_close) struct http_answer *r = http_call(client, &q, a, e);
	if (!r)
		return -1;
	*ret_code = r->status;
	ERR(cut);
	if (http_answer_all(r, BODY_MAX, &text, deadline, &cut) == 0)
		buf_str(body, text);
	return 0;
}

static int hook_http(struct pod *p, const struct core_v1_Container *c, const struct core_v1_HTTPGetAction *h, mono_t deadline, struct err *e)
{
	BUF(body);
	int code = 0;
	if (http_probe(p, c, h, false, deadline, &code, &body, e))
		return err_wrap(e, "HTTP lifecycle hook (%.*s) for Container \"%.*s\" in Pod \"%.*s\" failed - error", STR_F(h->path), STR_F(c->name), STR_F(p->full));
	return 0;
}

static int hook_tcp(struct pod *p, const struct core_v1_Container *c, const struct core_v1_TCPSocketAction *t, mono_t deadline, struct err *e)
{
	return tcp_try(t->host.n ? t->host : p->ip, action_port(c, &t->port), deadline, e);
}

int hook_run(struct pod *p, const struct core_v1_Container *c, struct str id, const struct core_v1_LifecycleHandler *h, mono_t deadline, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (h->exec)
		return hook_exec(p, a, c, id, h->exec, deadline, e);
	if (h->httpGet)
		return hook_http(p, c, h->httpGet, deadline, e);
	if (h->tcpSocket)
		return hook_tcp(p, c, h->tcpSocket, deadline, e);
	if (!h->sleep)
		return 0;
	mono_t until = rt_now() + h->sleep->seconds * NS_S;
	int r = fiber_sleep_until(until < deadline ? until : deadline);
	return r ? err_sys(e, r, "sleep") : 0;
}
