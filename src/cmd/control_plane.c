/* c8s control-plane: kube-apiserver with kube-controller-manager and kube-scheduler in one process and over one cache. */
#include "cmd/control_plane.h"

#include "apiserver/request.h"
#include "apiserver/server.h"
#include "client/informer.h"
#include "cmd/command.h"
#include "controllers/controller.h"
#include "os/file.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <unistd.h>

#define CA_MAX (1 << 20)

struct components {
	struct arena *mem;
	struct transport *controllers_transport, *scheduler_transport;
	struct informers *informers;
	struct manager *manager;
	struct scheduler *scheduler;
	struct server *server;
	struct metric_set metrics;   /* of both; shown at the API server's /metrics */
};

/* Every component has its own name and no more rights than upstream's has: the authorizers are asked as if it came over the wire. */
static struct transport *transport_as(struct server *s, const char *name)
{
	static struct str groups[] = {STR_INIT("system:authenticated")};
	return inproc_transport(s, &(struct user){.name = str_of(name), .groups = groups, .ngroups = ARRAY_LEN(groups)});
}

static struct transport *transport_for(void *arg, const char *account, struct err *e)
{
	static struct str groups[] = {STR_INIT("system:serviceaccounts"), STR_INIT("system:serviceaccounts:kube-system"), STR_INIT("system:authenticated")};
	char name[128];
	(void)e;
	snprintf(name, sizeof name, "system:serviceaccount:kube-system:%s", account);
	return inproc_transport(arg, &(struct user){.name = str_of(name), .groups = groups, .ngroups = ARRAY_LEN(groups)});
}

static void components_stop(void *arg)
{
	struct components *c = arg;
	server_show(c->server, NULL, NULL);
	scheduler_free(c->scheduler);
	manager_free(c->manager);
	informers_free(c->informers);
	transport_free(c->scheduler_transport);
	transport_free(c->controllers_transport);
	metric_set_fini(&c->metrics);
	arena_free(c->mem);
}

static void show(void *arg, struct metric_set *to)
{
	struct components *c = arg;
	metric_merge(to, &c->metrics);
	manager_metrics(c->manager, to);
	scheduler_metrics(c->scheduler, to);
}

static struct str host_name(struct arena *a)
{
	char name[256] = "";
	gethostname(name, sizeof name - 1);
	return str_dup(a, str_of(name));
}

static int components_start(struct server *s, const struct component_opts *o, struct scope *scope, void **ret, struct err *e)
{
	struct arena *mem = arena_new(NULL);
	struct components *c = arena_make(mem, struct components);
	struct str ca = {0};
	c->mem = mem;
	c->server = s;
	*ret = c;
	if (o->root_ca_file.n && file_read(mem, str_z(mem, o->root_ca_file), CA_MAX, &ca, e) < 0)
		return err_wrap(e, "--root-ca-file");
	c->controllers_transport = transport_as(s, "system:kube-controller-manager");
	c->scheduler_transport = transport_as(s, "system:kube-scheduler");
	c->informers = informers_new(c->controllers_transport, scope);
	c->manager = manager_new(&(struct manager_opts){.transport = c->controllers_transport, .informers = c->informers, .metrics = &c->metrics, .scope = scope,
		.host = host_name(mem),
		.root_ca_pem = ca, .cluster_cidr = o->cluster_cidr, .transport_for = transport_for, .arg = s});
	c->scheduler = scheduler_new(&(struct scheduler_opts){.transport = c->scheduler_transport, .informers = c->informers, .metrics = &c->metrics,
		.scope = scope, .host = host_name(mem)});
	scheduler_start(c->scheduler);
	server_show(s, show, c);
	return manager_start(c->manager, e);
}

static const struct apiserver_extra extra = {components_start, components_stop};

int cmd_control_plane(int argc, char **argv)
{
	return apiserver_main(argc, argv, &extra);
}
