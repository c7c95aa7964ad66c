/* port-forward: local listeners; each connection is a pair of streams of one connection to the Pod. */
#include "kubectl/command.h"
#include "kubectl/pods.h"
#include "kubectl/upgrade.h"
#include "kubectl/walk.h"
#include "net/addr.h"
#include "net/duplex.h"
#include "rt/fiber.h"
#include "rt/io.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK 65536

struct port {
	uint16_t local, remote;
};
struct forward {
	struct ctl *c;
	struct target object, pod;
	struct { struct port *items; uint32_t len, cap; } ports;
	struct { struct listener *items; uint32_t len, cap; } listeners;
	struct stream_conn *conn;
	struct scope scope;
};
struct listener {
	struct forward *f;
	struct port port;
	int fd;
};
/* One connection. */
struct flow {
	struct forward *f;
	struct port port;
	int fd;
	struct duplex *local;
	struct stream_pair pair;
	struct scope scope;
};

/* ---- flows */

static void pump_up(void *arg)
{
	struct flow *x = arg;
	char *p = malloc(CHUNK);
	ssize_t n = 0;
	while (p && (n = duplex_read(x->local, p, CHUNK, MONO_NEVER)) > 0)
		if (stream_write(x->pair.data, p, (size_t)n, MONO_NEVER) < 0)
			break;
	if (n <= 0)
		(void)!stream_half_close(x->pair.data);
	free(p);
}

static void pump_down(void *arg)
{
	struct flow *x = arg;
	char *p = malloc(CHUNK);
	ssize_t n;
	while (p && (n = stream_read(x->pair.data, p, CHUNK, MONO_NEVER)) > 0)
		if (duplex_write(x->local, p, (size_t)n, MONO_NEVER) < 0)
			break;
	(void)!duplex_shutdown(x->local);
	free(p);
}

static void tell_errors(struct flow *x)
{
	BUF(text);
	char p[1024];
	ssize_t n;
	while ((n = stream_read(x->pair.error, p, sizeof p, MONO_NEVER)) > 0)
		buf_put(&text, p, (size_t)n);
	if (text.n)
		dprintf(STDERR_FILENO, "an error occurred forwarding %u -> %u: %.*s\n", x->port.local, x->port.remote, STR_F(str_trim(buf_view(&text))));
}

/* Ends with the answer: what the client still sends then has no reader. */
static void carry(struct flow *x)
{
	struct scope *s = &x->scope;
	scope_init(s, NULL);
	fiber_spawn(s, "up", pump_up, x);
	pump_down(x);
	tell_errors(x);
	scope_fini(s);
}

static void run_flow(void *arg)
{
	struct flow *x = arg;
	ERR(e);
	x->local = duplex_of_fd(x->fd);
	if (stream_pair_open(x->f->conn, x->port.remote, &x->pair, &e) == 0) {
		(void)!stream_half_close(x->pair.error);
		carry(x);
		stream_release(x->pair.error);
		stream_release(x->pair.data);
	} else {
		dprintf(STDERR_FILENO, "error creating forwarding stream for port %u -> %u: %s\n", x->port.local, x->port.remote, err_text(&e));
	}
	duplex_close(x->local);
	free(x);
}

static void run_listener(void *arg)
{
	struct listener *l = arg;
	struct sockaddr_storage peer;
	int fd;
	while ((fd = rt_accept(l->fd, &peer, MONO_NEVER)) >= 0) {
		struct flow *x = calloc(1, sizeof *x);
		ctl_print(l->f->c, "Handling connection for %u\n", l->port.local);
		ctl_flush(l->f->c);
		if (x)
			*x = (struct flow){.f = l->f, .port = l->port, .fd = fd};
		if (!x || !fiber_spawn(&l->f->scope, "flow", run_flow, x)) {
			free(x);
			close(fd);
		}
	}
}

/* ---- listening */

static int listen_at(struct forward *f, struct ipaddr ip, struct port *p, struct err *e)
{
	char text[IP_TEXT];
	uint16_t port;
	int fd = listen_tcp(ip, p->local, &port, e);
	if (fd < 0)
		return -1;
	p->local = port;
	struct str at = host_port_join(f->c->a, ipaddr_text(ip, text), port);
	ctl_print(f->c, "Forwarding from %.*s -> %u\n", STR_F(at), p->remote);
	*arena_push(f->c->a, &f->listeners) = (struct listener){f, *p, fd};
	return 0;
}

/* "localhost" is both families; one of them is enough. */
static int listen_local(struct forward *f, struct port *p, struct err *e)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};
	unsigned good = 0;
	ERR(last);
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct ipaddr ip;
		if (ipaddr_parse(str_of(addresses[i]), &ip) == 0 && listen_at(f, ip, p, &last) == 0)
			good++;
	}
	return good ? 0 : err_set(e, ERR_BAD_REQUEST, "unable to listen on port %u: %s", p->local, err_text(&last));
}

static int listen_port(struct forward *f, struct port *p, struct err *e)
{
	const str_list_t *addresses = opt_list(f->c, "address");
	if (!opt_given(f->c, "address"))
		return listen_local(f, p, e);
	LIST_EACH(a, *addresses) {
		struct ipaddr ip;
		if (str_is(*a, "localhost")) {
			if (listen_local(f, p, e) != 0)
				return -1;
		} else if (ipaddr_parse(*a, &ip) != 0) {
			return err_set(e, ERR_BAD_REQUEST, "%.*s is not a valid IP", STR_F(*a));
		} else if (listen_at(f, ip, p, e) != 0) {
			return -1;
		}
	}
	return 0;
}

static int forward(struct forward *f, struct err *e)
{
	BUF(path);
	struct stream_want want = {.port_forward = true};
	mapping_path(&path, f->pod.m, f->pod.ns, f->pod.name, "portforward");
	f->conn = upgrade_open(f->c, buf_view(&path), &want, e);
	if (!f->conn)
		return err_wrap(e, "error upgrading connection");
	for (uint32_t i = 0; i < f->ports.len; i++)
		if (listen_port(f, &f->ports.items[i], e) != 0)
			return -1;
	ctl_flush(f->c);
	scope_init(&f->scope, NULL);
	for (uint32_t i = 0; i < f->listeners.len; i++)
		fiber_spawn(&f->scope, "listener", run_listener, &f->listeners.items[i]);
	(void)!stream_conn_wait(f->conn, MONO_NEVER);
	scope_fini(&f->scope);
	return err_set(e, ERR_BAD_REQUEST, "lost connection to pod");
}

/* ---- ports */

/* Of the Pod's containers by name. */
static int64_t container_port(const struct value *pod, struct str name)
{
	static const char *const lists[] = {"spec.containers", "spec.initContainers"};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct value *list = value_path(pod, lists[i]);
		EACH_ITEM(x, list) {
			const struct value *ports = value_get(*x, STR("ports"));
			EACH_ITEM(p, ports)
				if (str_eq(value_path_str(*p, "name"), name))
					return int_of(value_get(*p, STR("containerPort")), -1);
		}
	}
	return -1;
}

/* What a Service's port leads to in the Pod. */
static int service_target(struct forward *f, int64_t number, struct str word, int64_t *ret, struct err *e)
{
	const struct value *ports = value_path(f->object.obj, "spec.ports");
	EACH_ITEM(p, ports) {
		if (int_of(value_get(*p, STR("port")), -1) != number && !str_eq(value_path_str(*p, "name"), word))
			continue;
		const struct value *to = value_get(*p, STR("targetPort"));
		int64_t port = int_of(value_get(*p, STR("port")), 0);
		*ret = str_is(value_path_str(f->object.obj, "spec.clusterIP"), "None") && !to ? port : int_of(to, port);
		if (to && to->type == V_STRING && (*ret = container_port(f->pod.obj, to->s)) < 0)
			return err_set(e, ERR_BAD_REQUEST, "Pod '%.*s' does not have a named port '%.*s'", STR_F(f->pod.name), STR_F(to->s));
		return 0;
	}
	return err_set(e, ERR_BAD_REQUEST, "Service %.*s does not have a service port %.*s", STR_F(f->object.name), STR_F(word));
}

static int remote_port(struct forward *f, struct str word, int64_t *ret, struct err *e)
{
	int64_t number;
	bool numeric = str_i64(word, &number) == 0;
	if (str_is(f->object.m->resource, "services") && !f->object.m->group.n)
		return service_target(f, numeric ? number : -1, word, ret, e);
	*ret = numeric ? number : container_port(f->pod.obj, word);
	if (!numeric && *ret < 0)
		return err_set(e, ERR_BAD_REQUEST, "Pod '%.*s' does not have a named port '%.*s'", STR_F(f->pod.name), STR_F(word));
	return 0;
}

static int read_port(struct forward *f, struct str spec, struct err *e)
{
	struct str local, remote, more;
	int64_t l = -1, r = 0;
	bool pair = str_cut(spec, ':', &local, &remote);
	if (pair && str_cut(remote, ':', &remote, &more))
		return err_set(e, ERR_BAD_REQUEST, "invalid port format '%.*s'", STR_F(spec));
	if (!pair)
		remote = spec;
	if (remote_port(f, remote, &r, e) != 0)
		return -1;
	if (!pair && str_i64(spec, &l) != 0)
		l = r;
	if (pair && !local.n)
		l = 0;
	else if (pair && (str_i64(local, &l) != 0 || l < 0 || l > 65535))
		return err_set(e, ERR_BAD_REQUEST, "error parsing local port '%.*s': strconv.ParseUint: parsing \"%.*s\": invalid syntax", STR_F(local), STR_F(local));
	if (r <= 0 || r > 65535)
		return err_set(e, ERR_BAD_REQUEST, "remote port must be > 0 and < 65536: %.*s", STR_F(remote));
	*arena_push(f->c->a, &f->ports) = (struct port){(uint16_t)l, (uint16_t)r};
	return 0;
}

static int find_pod(struct forward *f, struct err *e)
{
	struct targets pods;
	if (pods_object(f->c, &f->object, e) != 0 || pods_first(f->c, &f->object, &pods, e) != 0)
		return -1;
	f->pod = pods.items[0];
	struct str phase = value_path_str(f->pod.obj, "status.phase");
	if (!str_is(phase, "Running"))
		return err_set(e, ERR_BAD_REQUEST, "unable to forward port because pod is not running. Current status=%.*s", STR_F(phase));
	return 0;
}

int cmd_port_forward(struct ctl *c, struct err *e)
{
	struct forward f = {.c = c};
	if (ctl_args(c)->len < 2)
		return usage_error(c, e, "TYPE/NAME and list of ports are required for port-forward");
	if (find_pod(&f, e) != 0)
		return -1;
	for (uint32_t i = 1; i < ctl_args(c)->len; i++)
		if (read_port(&f, ctl_arg(c, i), e) != 0)
			return -1;
	int failed = forward(&f, e);
	for (uint32_t i = 0; i < f.listeners.len; i++) {
		rt_close(f.listeners.items[i].fd);
		close(f.listeners.items[i].fd);
	}
	stream_conn_close(f.conn);
	return failed;
}
