#include "apiserver/test_server.h"
#include "apiserver/server_impl.h"
#include "gen/meta_v1.h"
#include "net/http.h"
#include "rt/io.h"
#include "rt/sim.h"
#include "store/kv.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void run(void *arg)
{
	struct test_server *t = arg;
	ERR(e);
	t->loop = loop_self();
	t->a = arena_new(NULL);
	struct server_opts o = {.store = t->store, .loops = &t->loop, .nloops = 1, .service_cluster_ip_range = STR("10.96.0.0/16"),
		.service_node_port_range = STR("30000-32767"), .authorization_modes = STR("AlwaysAllow"), .anonymous_auth = true, .secure_port = 6443,
		.advertise_address = STR("192.0.2.1"), .max_in_flight = 400, .max_mutating_in_flight = 200};
	if (t->options)
		t->options(&o);
	t->server = server_new(&o, &e);
	if (!t->server)
		fail_msg("%s", err_text(&e));
	assert_ok(server_post_start(t->server, &e), &e);
	t->t = inproc_transport(t->server, NULL);
	t->fn(t);
	t->t->ops->free(t->t);
	server_drain(t->server, rt_now() + NS_S);
	arena_free(t->a); /* before the server: answers in it hold cached objects */
	server_free(t->server);
}

void with_server(uint64_t seed, void (*fn)(struct test_server *t)) { with_server_options(seed, NULL, fn); }

void with_server_options(uint64_t seed, void (*options)(struct server_opts *o), void (*fn)(struct test_server *t))
{
	struct sim_opts so = {.seed = seed};
	struct test_server t = {.rt = seed ? sim_new(&so) : rt_new(NULL), .options = options, .fn = fn};
	ERR(e);
	assert_non_null(t.rt);
	t.disk = kv_disk_new();
	struct store_opts o = {.kv = kv_mem_open(t.disk, 0, &e)};
	assert_non_null(o.kv);
	t.store = store_open(t.rt, &o, &e);
	assert_non_null(t.store);
	assert_int_equal(rt_main(t.rt, "test", run, &t), 0);
	store_close(t.store); /* outside: it joins the store's loop, which the simulator runs */
	kv_disk_free(t.disk);
	rt_free(t.rt);
}

const struct resource *res(const char *group, const char *plural)
{
	const struct resource *r = resource_by_name(str_of(group), STR("v1"), str_of(plural));
	assert_non_null(r);
	return r;
}

struct ref obj_of(struct test_server *t, const struct resource *r, const char *json)
{
	struct ref o = {desc_type(r->type), obj_new(t->a, desc_type(r->type))};
	ERR(e);
	assert_ok(json_decode(t->a, o.type, str_of(json), NULL, o.p, &e), &e);
	obj_set_type(o);
	return o;
}

static struct ref call_ref(struct test_server *t, struct call *c, struct str *ret_error)
{
	struct ref o = {0};
	ERR(e);
	if (t->t->ops->call(t->t, c, t->a, &o, &e))
		*ret_error = str_printf(t->a, "! %d %s", e.code, err_text(&e));
	return o;
}

struct str do_call(struct test_server *t, struct call c)
{
	struct str error = {0};
	struct ref o = call_ref(t, &c, &error);
	BUF(out);
	if (error.p)
		return error;
	json_encode(&out, o);
	return buf_take(&out, t->a);
}

struct str do_call_as(struct test_server *t, const char *user, const char *group, struct call c)
{
	struct str g = str_of(group), text;
	struct user u = {.name = str_of(user), .groups = &g, .ngroups = 1};
	struct transport *was = t->t;
	t->t = inproc_transport(t->server, &u);
	text = do_call(t, c);
	t->t->ops->free(t->t);
	t->t = was;
	return text;
}

struct str do_create(struct test_server *t, const struct resource *r, const char *ns, const char *json)
{
	return do_call(t, (struct call){.verb = VERB_CREATE, .res = r, .ns = str_of(ns), .body = obj_of(t, r, json)});
}

struct str do_get(struct test_server *t, const struct resource *r, const char *ns, const char *name)
{
	return do_call(t, (struct call){.verb = VERB_GET, .res = r, .ns = str_of(ns), .name = str_of(name)});
}

struct str do_update(struct test_server *t, const struct resource *r, const char *ns, const char *name, const char *json)
{
	return do_call(t, (struct call){.verb = VERB_UPDATE, .res = r, .ns = str_of(ns), .name = str_of(name), .body = obj_of(t, r, json)});
}

struct str do_patch(struct test_server *t, const struct resource *r, const char *ns, const char *name, enum patch_type type, const char *patch)
{
	return do_call(t, (struct call){.verb = VERB_PATCH, .res = r, .ns = str_of(ns), .name = str_of(name), .patch_type = type, .patch = str_of(patch)});
}

struct str do_delete(struct test_server *t, const struct resource *r, const char *ns, const char *name)
{
	return do_call(t, (struct call){.verb = VERB_DELETE, .res = r, .ns = str_of(ns), .name = str_of(name)});
}

struct str do_list(struct test_server *t, struct call c, struct str *ret_continue)
{
	struct str error = {0};
	c.verb = VERB_LIST;
	struct ref o = call_ref(t, &c, &error);
	if (error.p)
		return error;
	const struct field *f;
	struct any_list *items = obj_items(o, &f);
	struct meta_v1_ListMeta *m = obj_list_meta(o);
	BUF(out);
	for (uint32_t i = 0; i < items->len; i++)
		buf_printf(&out, "%s%.*s", i ? " " : "", STR_F(obj_meta((struct ref){field_type(f), list_at(f, items, i)})->name));
	if (m->continue_.n)
		buf_char(&out, '+');
	if (ret_continue)
		*ret_continue = m->continue_;
	return buf_take(&out, t->a);
}

const char *test_socket(struct test_server *t)
{
	ERR(e);
	if (t->server->nlisteners)
		return t->socket;
	snprintf(t->socket, sizeof t->socket, "%s/sock", test_tmpdir());
	int fd = listen_unix(t->socket, 0600, &e);
	assert_true(fd >= 0);
	assert_ok(server_serve(t->server, fd, &e), &e);
	close(fd);
	return t->socket;
}

struct str wire(struct test_server *t, const char *method, const char *path, const char *headers, const char *body)
{
	int fds[2];
	char chunk[4096];
	ssize_t n;
	ERR(e);
	BUF(out);
	test_socket(t);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(http_serve_fd(t->server->loops[0].http[0], fds[1], &e), &e);
	struct str q = str_printf(t->a, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", method, path, strlen(body), headers, body);
	assert_true(rt_write(fds[0], q.p, q.n, MONO_NEVER) == (ssize_t)q.n);
	while ((n = rt_read(fds[0], chunk, sizeof chunk, rt_now() + 5 * NS_S)) > 0)
		buf_put(&out, chunk, (size_t)n);
	rt_close(fds[0]);
	close(fds[0]);
	return buf_take(&out, t->a);
}

struct str at_path(struct test_server *t, struct str json, const char *path)
{
	struct value *v = NULL;
	BUF(out);
	if (json_parse(t->a, json, NULL, &v, NULL))
		return (struct str){0};
	v = value_path(v, path);
	if (!v)
		return (struct str){0};
	if (v->type == V_STRING)
		return v->s;
	json_write(&out, v);
	return buf_take(&out, t->a);
}
