/* The kubelet's HTTPS API.  To add a path: a row in routes[]. */
#include "kubelet/server.h"
#include "base/enc.h"
#include "kubelet/auth.h"
#include "net/addr.h"
#include "pki/cert.h"
#include <unistd.h>

struct str route_param(const struct route *t, const char *name)
{
	struct str rest = t->q->query, key, value;
	while (query_next(t->q->arena, &rest, &key, &value))
		if (str_is(key, name))
			return value.p ? value : STR("");
	return (struct str){0};
}

void route_error(struct route *t, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = str_vprintf(t->q->arena, fmt, ap);
	va_end(ap);
	resp_text(t->r, code, "text/plain; charset=utf-8", text);
}

/* NS/POD/CONTAINER or NS/POD/UID/CONTAINER; without a container NS/POD[/UID]. */
struct pod *route_pod(struct route *t, struct str *ret_container)
{
	struct str rest = t->rest, part[4] = {0};
	size_t n = 0;
	while (n < 4 && str_next(&rest, '/', &part[n]))
		n++;
	struct pod *p = n >= 2 ? pod_by_name(t->k, part[0], part[1]) : NULL;
	if (n < (ret_container ? 3 : 2)) {
		route_error(t, 404, "404 page not found");
		return NULL;
	}
	if (!p || !p->view)
		route_error(t, 404, "pod does not exist");
	if (ret_container)
		*ret_container = part[n - 1];
	return p && p->view ? p : NULL;
}

/* ---- small answers */
static void serve_healthz(struct route *t)
{
	bool verbose = route_param(t, "verbose").p;
	resp_text(t->r, 200, "text/plain; charset=utf-8",
		verbose ? STR("[+]ping ok\n[+]log ok\n[+]syncloop ok\n[+]device-plugin ok\nhealthz check passed\n") : STR("ok"));
}

static struct core_v1_Pod *with_status(struct arena *a, struct pod *p)
{
	struct core_v1_Pod *o = obj_copy(a, (struct ref){desc_type(T_core_v1_Pod), p->spec->pod});
	if (p->status)
		o->status = *p->status;
	o->kind = o->apiVersion = (struct str){0};
	return o;
}

static void send_pods(struct route *t, bool running)
{
	struct core_v1_PodList *l = arena_make(t->q->arena, struct core_v1_PodList);
	struct map_entry *en;
	BUF(out);
	l->kind = STR("PodList");
	l->apiVersion = STR("v1");
	for (size_t i = 0; (en = map_next(&t->k->pods, &i));) {
		struct pod *p = en->value;
		if (!running || p->sandbox_ready)
			*arena_push(t->q->arena, &l->items) = *with_status(t->q->arena, p);
	}
	json_encode(&out, (struct ref){desc_type(T_core_v1_PodList), l});
	resp_text(t->r, 200, "application/json", buf_view(&out));
}

static void serve_pods(struct route *t) { send_pods(t, false); }
static void serve_running(struct route *t) { send_pods(t, true); }

static void serve_config(struct route *t)
{
	BUF(out);
	buf_lit(&out, "{\"kubeletconfig\":");
	json_encode(&out, (struct ref){desc_type(T_kubelet_config_v1beta1_KubeletConfiguration), t->k->cfg});
	buf_lit(&out, "}\n");
	resp_text(t->r, 200, "application/json", buf_view(&out));
}

/* The longest prefix wins: sorted so. */
static const struct {
	const char *prefix;
	void (*serve)(struct route *t);
} routes[] = {
	{"/containerLogs/", serve_logs}, {"/metrics/resource", serve_resource_metrics}, {"/metrics/cadvisor", serve_cadvisor}, {"/metrics/probes", serve_probe_metrics},
	{"/metrics/slis", serve_slis}, {"/stats/summary", serve_summary},
	{"/portForward/", serve_forward}, {"/runningpods/", serve_running}, {"/healthz", serve_healthz}, {"/metrics", serve_metrics}, {"/configz", serve_config},
	{"/attach/", serve_attach}, {"/exec/", serve_exec}, {"/pods", serve_pods},
};

static void dispatch(struct route *t)
{
	BUF(path);
	if (dec_percent(&path, t->q->path, false)) {
		route_error(t, 400, "bad path");
		return;
	}
	struct str p = buf_take(&path, t->q->arena);
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		size_t n = strlen(routes[i].prefix);
		if (!str_has_prefix(p, str_of(routes[i].prefix)) || (routes[i].prefix[n - 1] != '/' && p.n > n && p.p[n] != '/'))
			continue;
		t->rest = str_sub(p, n, p.n);
		routes[i].serve(t);
		return;
	}
	route_error(t, 404, "404 page not found\n");
}

static void handle(void *arg, struct http_req *q, struct http_resp *r)
{
	struct route t = {arg, q, r, {0}};
	struct str text;
	int code = auth_check(t.k, q, &text);
	if (code)
		resp_text(r, code, "text/plain; charset=utf-8", text);
	else
		dispatch(&t);
}

/* ---- certificate and start */
static int make_certificate(struct kubelet *k, const char *cert, const char *key, struct err *e)
{
	CLEANUP(pki_key_free) struct pki_key *own = pki_key_new(e);
	struct ipaddr ip;
	struct str dns[] = {k->o.node_name};
	struct pki_spec s = {.common_name = str_printf(k->mem, "%.*s@%lld", STR_F(k->o.node_name), (long long)(rt_wall() / NS_S)), .dns = dns, .ndns = 1, .ips = &ip,
		.nips = ipaddr_parse(k->node_ip, &ip) == 0, .usages = PKI_SERVER, .now = rt_wall() / NS_S, .valid_s = PKI_CERT_S};
	CLEANUP(pki_cert_free) struct pki_cert *ca = own ? pki_ca_new(own, &s, e) : NULL;
	CLEANUP(pki_cert_free) struct pki_cert *c = ca ? pki_cert_new(own, &s, ca, own, e) : NULL;
	struct buf pem = {0};
	BUF(text);
	if (!c)
		return -1;
	pki_key_pem(own, &pem);
	pki_cert_pem(c, &text);
	pki_cert_pem(ca, &text);
	int r = pki_write_file(key, buf_view(&pem), 0600, e) || pki_write_file(cert, buf_view(&text), 0644, e) ? -1 : 0;
	buf_fini_secret(&pem);
	return r;
}

static int certificate(struct kubelet *k, const char **cert, const char **key, struct err *e)
{
	*cert = str_z(k->mem, k->cfg->tlsCertFile.n ? k->cfg->tlsCertFile : str_printf(k->mem, "%.*s/kubelet.crt", STR_F(k->o.cert_dir)));
	*key = str_z(k->mem, k->cfg->tlsPrivateKeyFile.n ? k->cfg->tlsPrivateKeyFile : str_printf(k->mem, "%.*s/kubelet.key", STR_F(k->o.cert_dir)));
	if (k->cfg->tlsCertFile.n || (file_exists(*cert) && file_exists(*key)))
		return 0;
	return file_mkdirs(str_z(k->mem, k->o.cert_dir), 0750, e) || make_certificate(k, *cert, *key, e) ? -1 : 0;
}

static int tls_start(struct kubelet *k, struct err *e)
{
	struct tls_server_opts o = {0};
	const char *ca = k->cfg->authentication.x509.clientCAFile.n ? str_z(k->mem, k->cfg->authentication.x509.clientCAFile) : NULL;
	if (certificate(k, &o.cert.file, &o.key.file, e))
		return -1;
	o.client_ca.file = ca;
	k->tls = tls_server_new(&o, e);
	return k->tls ? 0 : -1;
}

int server_start(struct kubelet *k, struct err *e)
{
	struct ipaddr ip = {0};
	if (!str_is(k->cfg->address, "0.0.0.0") && !str_is(k->cfg->address, "::") && ipaddr_parse(k->cfg->address, &ip))
		return err_set(e, ERR_INVALID, "%.*s is no address to serve on", STR_F(k->cfg->address));
	if (tls_start(k, e))
		return -1;
	k->reviews = reviews_new();
	int fd = listen_tcp(ip, (uint16_t)k->cfg->port, NULL, e);
	if (fd < 0)
		return -1;
	k->server = http_serve(fd, &(struct http_opts){.tls = k->tls, .handler = handle, .arg = k}, e);
	close(fd);
	return k->server ? 0 : -1;
}

void server_stop(struct kubelet *k)
{
	http_server_free(k->server);
	reviews_free(k->reviews);
	tls_unref(k->tls);
}
