#include "cmd/serving.h"
#include "base/version.h"
#include "client/process.h"
#include "client/reviews.h"
#include "codec/json.h"
#include "net/addr.h"
#include "os/file.h"
#include "pki/cert.h"
#include <stdlib.h>
#include <unistd.h>

#define VERSION_JSON "{\"major\":\"1\",\"minor\":\"36\",\"gitVersion\":\"" C8S_VERSION "\",\"compiler\":\"cc\",\"platform\":\"linux\"}"

struct serving {
	struct serving_opts o;
	struct reviews *reviews;
	struct tls *tls;
	struct http_server *server;
};
struct visit {
	struct serving *s;
	struct http_req *q;
	struct http_resp *r;
};

/* ---- paths */

static void not_found(struct visit *t)
{
	resp_text(t->r, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
}

static void serve_health(struct visit *t)
{
	resp_text(t->r, 200, "text/plain; charset=utf-8", STR("ok"));
}

static void serve_version(struct visit *t)
{
	resp_text(t->r, 200, "application/json", STR(VERSION_JSON));
}

static void serve_config(struct visit *t)
{
	struct str text = t->s->o.config ? t->s->o.config(t->s->o.arg, t->q->arena) : (struct str){0};
	resp_text(t->r, 200, "application/json", text.n ? text : STR("{}"));
}

static void send_set(struct visit *t, struct metric_set *set)
{
	BUF(out);
	metric_write(set, &out);
	metric_set_fini(set);
	resp_text(t->r, 200, METRIC_CONTENT_TYPE, buf_view(&out));
}

static void serve_metrics(struct visit *t)
{
	struct metric_set all = {0};
	process_metrics(&all);
	if (t->s->o.show)
		t->s->o.show(t->s->o.arg, &all);
	send_set(t, &all);
}

static void serve_resources(struct visit *t)
{
	struct metric_set all = {.max = SIZE_MAX};
	if (!t->s->o.show_resources) {
		not_found(t);
		return;
	}
	t->s->o.show_resources(t->s->o.arg, &all);
	send_set(t, &all);
}

static void serve_slis(struct visit *t)
{
	static const char *const types[] = {"healthz", "livez", "readyz"};
	struct metric_set all = {0};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		process_health(&all, "ping", types[i], true);
	send_set(t, &all);
}

static const struct {
	const char *path;
	void (*serve)(struct visit *t);
} paths[] = {
	{"/configz", serve_config}, {"/healthz", serve_health}, {"/livez", serve_health}, {"/metrics", serve_metrics},
	{"/metrics/resources", serve_resources}, {"/metrics/slis", serve_slis}, {"/readyz", serve_health}, {"/version", serve_version},
};

static void refuse(struct visit *t, int code, struct str text)
{
	BUF(out);
	static const char *const reasons[] = {[0] = "InternalError", [1] = "Unauthorized", [3] = "Forbidden"};
	buf_lit(&out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":");
	json_string(&out, text);
	buf_printf(&out, ",\"reason\":\"%s\",\"details\":{},\"code\":%d}\n", code >= 500 ? reasons[0] : reasons[code - 400], code);
	resp_text(t->r, code, "application/json", buf_view(&out));
}

static void handle(void *arg, struct http_req *q, struct http_resp *r)
{
	struct visit t = {arg, q, r};
	struct str text;
	int code = t.s->o.plain ? 0 : serving_check(&t.s->o, t.s->reviews, q, &text);
	if (code) {
		refuse(&t, code, text);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (str_is(q->path, paths[i].path)) {
			paths[i].serve(&t);
			return;
		}
	not_found(&t);
}

/* ---- certificate and port */

static int self_signed(const struct serving_opts *o, struct buf *ret_cert, struct buf *ret_key, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(pki_key_free) struct pki_key *key = pki_key_new(e);
	struct ipaddr ips[2];
	struct str dns[] = {STR("localhost")};
	struct pki_spec s = {.common_name = str_printf(a, "%s@%lld", o->name, (long long)(rt_wall() / NS_S)), .dns = dns, .ndns = 1, .ips = ips,
		.usages = PKI_SERVER, .now = rt_wall() / NS_S, .valid_s = PKI_CERT_S};
	s.nips = (ipaddr_parse(STR("127.0.0.1"), &ips[0]) == 0) + (uint32_t)(ipaddr_parse(o->bind_address, &ips[1]) == 0);
	CLEANUP(pki_cert_free) struct pki_cert *ca = key ? pki_ca_new(key, &s, e) : NULL;
	CLEANUP(pki_cert_free) struct pki_cert *c = ca ? pki_cert_new(key, &s, ca, key, e) : NULL;
	if (!c)
		return -1;
	pki_key_pem(key, ret_key);
	pki_cert_pem(c, ret_cert);
	pki_cert_pem(ca, ret_cert);
	return 0;
}

/* One kept in cert_dir stays the same from start to start. */
static int kept_certificate(const struct serving_opts *o, struct arena *a, struct tls_server_opts *t, struct err *e)
{
	BUF(cert);
	struct buf key = {0};
	t->cert.file = str_z(a, str_printf(a, "%.*s/%s.crt", STR_F(o->cert_dir), o->name));
	t->key.file = str_z(a, str_printf(a, "%.*s/%s.key", STR_F(o->cert_dir), o->name));
	if (file_exists(t->cert.file) && file_exists(t->key.file))
		return 0;
	int r = file_mkdirs(str_z(a, o->cert_dir), 0755, e) || self_signed(o, &cert, &key, e) || pki_write_file(t->key.file, buf_view(&key), 0600, e) ||
			pki_write_file(t->cert.file, buf_view(&cert), 0644, e) ? -1 : 0;
	buf_fini_secret(&key);
	return r;
}

static int open_tls(struct serving *s, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct tls_server_opts t = {.want_client_cert = true};
	struct buf key = {0};
	BUF(cert);
	int r = 0;
	t.client_ca.text = s->o.client_ca_pem;
	if (s->o.client_ca.n)
		t.client_ca.file = str_z(a, s->o.client_ca);
	if (s->o.cert.n) {
		t.cert.file = str_z(a, s->o.cert);
		t.key.file = str_z(a, s->o.key);
	} else if (s->o.cert_dir.n) {
		r = kept_certificate(&s->o, a, &t, e);
	} else {
		r = self_signed(&s->o, &cert, &key, e);
		t.cert.text = buf_view(&cert);
		t.key.text = buf_view(&key);
	}
	s->tls = r < 0 ? NULL : tls_server_new(&t, e);
	buf_fini_secret(&key);
	return s->tls ? 0 : -1;
}

static int open_port(struct serving *s, struct err *e)
{
	struct ipaddr ip = {0};
	if (!str_is(s->o.bind_address, "0.0.0.0") && !str_is(s->o.bind_address, "::") && ipaddr_parse(s->o.bind_address, &ip) < 0)
		return err_set(e, ERR_BAD_REQUEST, "--bind-address %.*s is no IP address", STR_F(s->o.bind_address));
	if (s->o.port < 1 || s->o.port > 65535)
		return err_set(e, ERR_BAD_REQUEST, "--secure-port wants a number from 1 to 65535");
	int fd = listen_tcp(ip, (uint16_t)s->o.port, NULL, e);
	if (fd < 0)
		return -1;
	s->server = http_serve(fd, &(struct http_opts){.tls = s->tls, .handler = handle, .arg = s}, e);
	close(fd);
	return s->server ? 0 : -1;
}

struct serving *serving_start(const struct serving_opts *o, struct err *e)
{
	struct serving *s = calloc(1, sizeof *s);
	if (!s)
		return err_nomem(e, sizeof *s), NULL;
	s->o = *o;
	if (!o->plain)
		s->reviews = reviews_new();
	if ((o->plain || open_tls(s, e) == 0) && open_port(s, e) == 0)
		return s;
	serving_stop(s);
	return NULL;
}

void serving_stop(struct serving *s)
{
	if (!s)
		return;
	http_server_free(s->server);
	tls_unref(s->tls);
	reviews_free(s->reviews);
	free(s);
}
