/* Against a real API server: `c8s kube-apiserver` of this build, over TLS with a client certificate.  Skipped where it is not built. */
#include "base/test.h"
#include "client/call.h"
#include "client/elect.h"
#include "client/https_impl.h"
#include "client/informer_impl.h"
#include "client/recorder.h"
#include "codec/json.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "os/file.h"
#include "os/spawn.h"
#include "pki/cert.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define UP_WITHIN (20 * NS_S)
#define MANY 300

struct place {
	struct arena *a;
	const char *folder, *program;
	struct str url;
	struct str ca, cert, key;
	unsigned port;
	struct proc server;
	struct transport *t;
	struct scope scope;
};

static const char *path(struct place *p, const char *name)
{
	return str_z(p->a, str_printf(p->a, "%s/%s", p->folder, name));
}

static struct str pem_of(struct place *p, const struct pki_cert *c, const struct pki_key *k)
{
	BUF(b);
	if (c)
		pki_cert_pem(c, &b);
	else
		pki_key_pem(k, &b);
	return buf_take(&b, p->a);
}

static void save(struct place *p, const char *name, struct str text)
{
	ERR(e);
	assert_ok(file_write_atomic(path(p, name), text, 0600, &e), &e);
}

/* One key serves for all three certificates. */
static void make_certs(struct place *p)
{
	ERR(e);
	struct ipaddr ips[] = {{.family = 4, .b = {127, 0, 0, 1}}};
	struct str orgs[] = {STR("system:masters")};
	int64_t now = rt_wall() / NS_S;
	struct pki_key *k = pki_key_new(&e);
	struct pki_cert *ca = pki_ca_new(k, &(struct pki_spec){.common_name = STR("ca"), .now = now, .valid_s = PKI_CA_S}, &e);
	struct pki_cert *server = pki_cert_new(k, &(struct pki_spec){.common_name = STR("server"), .ips = ips, .nips = 1, .usages = PKI_SERVER, .now = now, .valid_s = PKI_CERT_S}, ca, k, &e);
	struct pki_cert *client = pki_cert_new(k, &(struct pki_spec){.common_name = STR("admin"), .orgs = orgs, .norgs = 1, .usages = PKI_CLIENT, .now = now, .valid_s = PKI_CERT_S}, ca, k, &e);
	if (!client)
		fail_msg("%s", err_text(&e));
	p->ca = pem_of(p, ca, NULL);
	p->cert = pem_of(p, client, NULL);
	p->key = pem_of(p, NULL, k);
	save(p, "ca.crt", p->ca);
	save(p, "server.crt", pem_of(p, server, NULL));
	save(p, "server.key", p->key);
	pki_cert_free(client);
	pki_cert_free(server);
	pki_cert_free(ca);
	pki_key_free(k);
}

static void start_server(struct place *p)
{
	ERR(e);
	const char *argv[] = {
		"c8s", "kube-apiserver", "--bind-address=127.0.0.1", "--authorization-mode=RBAC",
		str_z(p->a, str_printf(p->a, "--secure-port=%u", p->port)), str_z(p->a, str_printf(p->a, "--data-dir=%s/data", p->folder)),
		str_z(p->a, str_printf(p->a, "--client-ca-file=%s/ca.crt", p->folder)), str_z(p->a, str_printf(p->a, "--tls-cert-file=%s/server.crt", p->folder)),
		str_z(p->a, str_printf(p->a, "--tls-private-key-file=%s/server.key", p->folder)),
		str_z(p->a, str_printf(p->a, "--service-account-signing-key-file=%s/server.key", p->folder)),
		str_z(p->a, str_printf(p->a, "--service-account-key-file=%s/server.key", p->folder)), "--service-account-issuer=https://c8s", NULL,
	};
	struct spawn_opts o = {.path = p->program, .argv = argv, .in = SPAWN_NULL, .out = SPAWN_NULL, .err = getenv("C8S_TEST_LOG") ? SPAWN_INHERIT : SPAWN_NULL,
		.parent_death_sig = SIGKILL};
	assert_ok(spawn(&o, &p->server, &e), &e);
}

static void wait_ready(struct place *p)
{
	mono_t until = rt_now() + UP_WITHIN;
	struct raw_response r;
	for (;;) {
		ERR(e);
		if (https_raw(p->t, p->a, "GET", STR("/readyz"), "*/*", NULL, STR(""), 1 << 20, &r, &e) == 0 && r.code == 200)
			return;
		if (rt_now() > until)
			fail_msg("the server does not come up: %s", err_text(&e));
		assert_int_equal(fiber_sleep(20 * NS_MS), 0);
	}
}

static unsigned free_port(void)
{
	uint16_t port;
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, 0, &port, NULL);
	close(fd);
	return port;
}

static void place_open(struct place *p)
{
	ERR(e);
	scope_init(&p->scope, NULL);
	p->port = free_port();
	make_certs(p);
	start_server(p);
	struct rest_config c = {.server = str_printf(p->a, "https://127.0.0.1:%u", p->port), .ca_pem = p->ca, .cert_pem = p->cert, .key_pem = p->key};
	p->t = https_transport_new(loop_rt(loop_self()), &c, &e);
	if (!p->t)
		fail_msg("%s", err_text(&e));
	wait_ready(p);
}

static void server_restart(struct place *p)
{
	int status;
	proc_stop(&p->server, 10 * NS_S, &status);
	start_server(p);
}

static void place_close(struct place *p)
{
	int status;
	scope_fini(&p->scope);
	transport_free(p->t);
	proc_stop(&p->server, 10 * NS_S, &status);
}

struct visit {
	struct place *p;
	void (*fn)(struct place *p);
};

static void visit_fiber(void *arg)
{
	struct visit *v = arg;
	place_open(v->p);
	v->fn(v->p);
	place_close(v->p);
}

static void with_server(void (*fn)(struct place *p))
{
	const char *build = getenv("C8S_BUILD_DIR");
	struct place p = {.a = arena_new(NULL), .folder = test_tmpdir()};
	p.program = str_z(p.a, str_printf(p.a, "%s/c8s", build ? build : "build"));
	if (access(p.program, X_OK) < 0) {
		arena_free(p.a);
		skip();
	}
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", visit_fiber, &(struct visit){&p, fn}), 0);
	rt_free(rt);
	arena_free(p.a);
}

static const struct resource *maps(void)
{
	return client_resource("", "v1", "configmaps");
}

static struct core_v1_ConfigMap *make(struct place *p, const char *name)
{
	ERR(e);
	struct core_v1_ConfigMap m = {.metadata.name = str_of(name)}, *made = client_create(p->t, p->a, maps(), STR("default"), &m, &e);
	if (!made)
		fail_msg("%s", err_text(&e));
	return made;
}

static void life(struct place *p)
{
	ERR(e);
	struct core_v1_ConfigMap *m = make(p, "m");
	assert_true(m->metadata.uid.n && m->metadata.resourceVersion.n);
	assert_null(client_create(p->t, p->a, maps(), STR("default"), &(struct core_v1_ConfigMap){.metadata.name = STR("m")}, &e));
	assert_true(err_is(&e, ERR_ALREADY_EXISTS));
	assert_string_equal(err_text(&e), "configmaps \"m\" already exists");
	str_map_set(p->a, &m->data, STR("k"), STR("v"));
	assert_non_null(client_update(p->t, p->a, maps(), m, &e));
	assert_null(client_update(p->t, p->a, maps(), m, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	m = client_patch(p->t, p->a, maps(), STR("default"), STR("m"), NULL, PATCH_STRATEGIC, STR("{\"data\":{\"x\":\"y\"}}"), &e);
	if (!m)
		fail_msg("%s", err_text(&e));
	assert_int_equal(m->data.len, 2);
	assert_int_equal(client_delete(p->t, p->a, maps(), STR("default"), STR("m"), STR("wrong"), &e), -1);
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_ok(client_delete(p->t, p->a, maps(), STR("default"), STR("m"), m->metadata.uid, &e), &e);
	assert_null(client_get(p->t, p->a, maps(), STR("default"), STR("m"), &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	assert_string_equal(err_text(&e), "configmaps \"m\" not found");
}

TEST(server_serves_the_life_of_an_object)
{
	with_server(life);
}

static int count_one(void *obj, void *arg, struct err *e)
{
	++*(int *)arg;
	return 0;
}

static void pages(struct place *p)
{
	ERR(e);
	char name[16];
	int n = 0;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "m%03d", i);
		make(p, name);
	}
	struct call c = {.res = maps(), .ns = STR("default"), .limit = 100, .field_selector = STR("metadata.name!=kube-root-ca.crt")};
	assert_ok(client_each(p->t, &c, count_one, &n, &e), &e);
	assert_int_equal(n, MANY);
}

TEST(server_lists_in_pages)
{
	with_server(pages);
}

/* Equal pictures, whatever happened. */
static void expect_same(struct place *p, struct informer *inf)
{
	mono_t until = rt_now() + UP_WITHIN;
	for (;;) {
		ERR(e);
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct core_v1_ConfigMapList *l = client_list(p->t, a, maps(), STR("default"), (struct str){0}, &e);
		size_t same = 0;
		for (uint32_t i = 0; l && i < l->items.len; i++) {
			const struct meta_v1_ObjectMeta *m = &l->items.items[i].metadata;
			const struct informer_item *it = informer_get(inf, str_printf(a, "default/%.*s", STR_F(m->name)));
			uint64_t rev;
			same += it && str_u64(m->resourceVersion, &rev) == 0 && it->rev == rev;
		}
		if (l && same == l->items.len && informer_count(inf) == same)
			return;
		if (rt_now() > until)
			fail_msg("%zu of %u objects are the same, the informer has %zu: %s", same, l ? l->items.len : 0, informer_count(inf), err_text(&e));
		assert_int_equal(fiber_sleep(20 * NS_MS), 0);
	}
}

static void follows(struct place *p)
{
	ERR(e);
	struct informer *inf = informer_new(p->t, &(struct informer_opts){.res = maps(), .ns = STR("default")});
	make(p, "before");
	informer_start(inf, &p->scope);
	assert_int_equal(informer_wait_synced(inf, rt_now() + UP_WITHIN), 0);
	assert_non_null(informer_get(inf, STR("default/before")));
	assert_false(inf->no_watch_list);
	assert_false(https_of(p->t)->json_only);
	make(p, "after");
	assert_ok(client_delete(p->t, p->a, maps(), STR("default"), STR("before"), (struct str){0}, &e), &e);
	expect_same(p, inf);
	server_restart(p);
	wait_ready(p);
	make(p, "later");
	expect_same(p, inf);
	scope_fini(&p->scope);
	informer_free(inf);
	scope_init(&p->scope, NULL);
}

TEST(server_is_followed_by_an_informer_through_a_restart)
{
	with_server(follows);
}

static void leads(struct place *p)
{
	struct elect_opts o = {.ns = STR("kube-system"), .name = STR("boss"), .identity = STR("me"), .retry = 100 * NS_MS};
	struct elect *el = elect_new(p->t, &o);
	assert_int_equal(elect_acquire(el), 0);
	assert_string_equal(elect_leader(el), "me");
	elect_release(el);
	elect_free(el);
	o.identity = STR("you");
	el = elect_new(p->t, &o);
	assert_int_equal(elect_acquire(el), 0);
	elect_free(el);
}

TEST(server_keeps_an_election)
{
	with_server(leads);
}

static void events(struct place *p)
{
	ERR(e);
	struct core_v1_ObjectReference about;
	struct recorder *r = recorder_new(p->t, &p->scope, "tester", STR("here"));
	recorder_ref((struct ref){desc_type(T_core_v1_ConfigMap), make(p, "m")}, &about);
	for (int i = 0; i < 3; i++)
		recorder_event(r, &about, "Normal", "Seen", "seen again");
	for (mono_t until = rt_now() + UP_WITHIN;;) {
		struct core_v1_EventList *l = client_list(p->t, p->a, client_resource("", "v1", "events"), STR("default"), (struct str){0}, &e);
		assert_non_null(l);
		if (l->items.len == 1 && l->items.items->count == 3)
			break;
		assert_true(rt_now() < until);
		assert_int_equal(fiber_sleep(20 * NS_MS), 0);
	}
	scope_fini(&p->scope);
	recorder_free(r);
	scope_init(&p->scope, NULL);
}

TEST(server_takes_events)
{
	with_server(events);
}

/* A configuration whose user has a plug-in that prints a certificate, and one that names files. */
static struct clientcmd_v1_Config *configuration(struct place *p, bool plugin)
{
	ERR(e);
	BUF(b);
	buf_printf(&b, "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:%u', certificate-authority: ca.crt}}]\n", p->port);
	buf_lit(&b, "contexts: [{name: k, context: {cluster: c, user: u}}]\ncurrent-context: k\n");
	if (plugin)
		buf_lit(&b, "users: [{name: u, user: {exec: {command: ./login, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}}]\n");
	else
		buf_lit(&b, "users: [{name: u, user: {client-certificate: me.crt, client-key: server.key}}]\n");
	save(p, "config", buf_view(&b));
	struct clientcmd_v1_Config *c = kubeconfig_load(p->a, str_of(path(p, "config")), &e);
	if (!c)
		fail_msg("%s", err_text(&e));
	return c;
}

static void get_namespace(struct place *p, const struct clientcmd_v1_Config *c)
{
	ERR(e);
	struct rest_config r;
	assert_ok(kubeconfig_rest(p->a, c, NULL, &r, &e), &e);
	CLEANUP(transport_free) struct transport *t = https_transport_new(loop_rt(loop_self()), &r, &e);
	if (!t || !client_get(t, p->a, client_resource("", "v1", "namespaces"), (struct str){0}, STR("kube-system"), &e))
		fail_msg("%s", err_text(&e));
}

static void configured(struct place *p)
{
	BUF(b);
	ERR(e);
	buf_lit(&b, "#!/bin/sh\ncat <<'END'\n{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"clientCertificateData\":");
	json_string(&b, p->cert);
	buf_lit(&b, ",\"clientKeyData\":");
	json_string(&b, p->key);
	buf_lit(&b, "}}\nEND\n");
	assert_ok(file_write_atomic(path(p, "login"), buf_view(&b), 0700, &e), &e);
	save(p, "me.crt", p->cert);
	get_namespace(p, configuration(p, false));
	get_namespace(p, configuration(p, true));
}

TEST(server_lets_in_who_is_in_a_kubeconfig)
{
	with_server(configured);
}

static void stranger(struct place *p)
{
	ERR(e);
	struct rest_config c = {.server = str_printf(p->a, "https://127.0.0.1:%u", p->port)};
	struct transport *t = https_transport_new(loop_rt(loop_self()), &c, &e);
	assert_null(client_get(t, p->a, maps(), STR("default"), STR("m"), &e)); /* an unknown CA */
	assert_true(err_is(&e, ERR_SERVICE_UNAVAILABLE));
	transport_free(t);
	c.ca_pem = p->ca;
	t = https_transport_new(loop_rt(loop_self()), &c, &e);
	assert_null(client_get(t, p->a, maps(), STR("default"), STR("m"), &e));
	assert_true(err_is(&e, ERR_FORBIDDEN) || err_is(&e, ERR_UNAUTHORIZED));
	transport_free(t);
}

TEST(server_knows_its_clients_and_they_know_it)
{
	with_server(stranger);
}
