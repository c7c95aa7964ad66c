#include "cmd/test_cluster.h"
#include "apiserver/server.h"
#include "base/log.h"
#include "controllers/controller.h"
#include "scheduler/scheduler.h"
#include "store/store.h"
#include <stdio.h>

#define PATIENCE NS_HOUR       /* for any one thing, faults and back-offs included */
#define LIFE (24 * NS_HOUR)

/* ---- The server ---- */

static void open_store(struct cluster *c)
{
	ERR(e);
	struct store_opts o = {.kv = kv_mem_open(c->disk, 1 << 16, &e)};
	c->store = o.kv ? store_open(c->rt, &o, &e) : NULL;
	if (!c->store)
		fail_msg("seed %llu: the store does not open: %s", (unsigned long long)c->seed, err_text(&e));
}

/* 0, or -1 when a disk that is broken or full stands against it. */
static int start_server(struct cluster *c)
{
	ERR(e);
	struct server_opts o = {
		.store = c->store, .loops = &c->loop, .nloops = 1, .service_cluster_ip_range = STR("10.96.0.0/16"),
		.service_node_port_range = STR("30000-32767"), .advertise_address = STR("192.0.2.1"), .secure_port = 6443,
		.authorization_modes = STR("Node,RBAC"), .allow_privileged = true, .max_in_flight = 400, .max_mutating_in_flight = 200,
	};
	c->server = server_new(&o, &e);
	if (c->server && server_post_start(c->server, &e) == 0)
		return 0;
	log_info("the API server does not start: %s", err_text(&e));
	server_free(STEAL(c->server));
	return -1;
}

static void connect_all(struct cluster *c)
{
	struct str masters = STR("system:masters");
	struct user admin = {.name = STR("admin"), .groups = &masters, .ngroups = 1};
	c->inproc = inproc_transport(c->server, &admin);
	c->up.server = c->inproc;
}

static void stop_server(struct cluster *c)
{
	uplink_down(&c->up);
	transport_free(STEAL(c->inproc));
	server_free(STEAL(c->server));
}

static void bring_up(struct cluster *c)
{
	while (start_server(c))
		if (fiber_sleep(NS_S))
			return;
	connect_all(c);
}

void cluster_reboot(struct cluster *c, uint64_t kept)
{
	struct kv_disk_faults f = {.seed = kept};
	kv_disk_set(c->disk, &f);
	kv_disk_crash(c->disk);
	stop_server(c);
	c->reboot = true;
	while (c->reboot)
		if (fiber_sleep(NS_S))
			return;
	bring_up(c);
}

/* ---- The components ---- */

void process_init(struct process *p, struct cluster *c)
{
	*p = (struct process){0};
	link_init(&p->link, &c->up);
}

void process_start(struct process *p)
{
	scope_init(&p->scope, NULL);
	p->informers = informers_new(&p->link.base, &p->scope);
}

void process_stop(struct process *p)
{
	scope_fini(&p->scope);
}

void process_free(struct process *p)
{
	informers_free(STEAL(p->informers));
}

void control_start(struct cluster *c)
{
	process_start(&c->control);
	c->manager = manager_new(&(struct manager_opts){.transport = &c->control.link.base, .informers = c->control.informers, .scope = &c->control.scope,
		.host = STR("test"), .root_ca_pem = STR("none"), .cluster_cidr = STR("10.244.0.0/16")});
	ERR(e);
	assert_int_equal(manager_start(c->manager, &e), 0);
}

void control_stop(struct cluster *c)
{
	process_stop(&c->control);
	manager_free(STEAL(c->manager));
	process_free(&c->control);
}

void scheduling_start(struct cluster *c)
{
	process_start(&c->scheduling);
	c->scheduler = scheduler_new(&(struct scheduler_opts){.transport = &c->scheduling.link.base, .informers = c->scheduling.informers,
		.scope = &c->scheduling.scope, .host = STR("test"), .metrics = &c->scheduler_metrics});
	scheduler_start(c->scheduler);
}

void scheduling_stop(struct cluster *c)
{
	process_stop(&c->scheduling);
	scheduler_free(STEAL(c->scheduler));
	metric_set_fini(&c->scheduler_metrics);
	process_free(&c->scheduling);
}

static void start_components(struct cluster *c)
{
	process_init(&c->control, c);
	process_init(&c->scheduling, c);
	control_start(c);
	scheduling_start(c);
	for (int i = 0; i < HOLLOW_NODES; i++) {
		hollow_init(&c->nodes[i], c, i);
		hollow_start(&c->nodes[i]);
	}
}

static void stop_components(struct cluster *c)
{
	control_stop(c);
	scheduling_stop(c);
	for (int i = 0; i < HOLLOW_NODES; i++)
		hollow_stop(&c->nodes[i]);
}

void cluster_calm(struct cluster *c)
{
	c->calm = true;
	scope_join(&c->faults, MONO_NEVER);
}

static void body(void *arg)
{
	struct cluster *c = arg;
	scope_init(&c->faults, NULL);
	uplink_init(&c->up, c->rt);
	link_init(&c->admin, &c->up);
	bring_up(c);
	start_components(c);
	chaos_start(c);
	c->scenario(c);
	cluster_calm(c);
	scope_fini(&c->faults);
	stop_components(c);
	stop_server(c);
	c->done = true;
	loop_stop(c->loop);
}

static void begin(struct post *p)
{
	struct cluster *c = container_of(p, struct cluster, post);
	assert_non_null(fiber_spawn(NULL, "cluster", body, c));
}

static bool pause(void *arg)
{
	struct cluster *c = arg;
	return c->done || c->reboot;
}

/* A store is closed and opened from outside the simulation, as a process is. */
static void run(struct cluster *c)
{
	while (!c->done) {
		sim_run(c->rt, LIFE, pause, c);
		if (!c->done && !c->reboot)
			fail_msg("seed %llu: a day has passed", (unsigned long long)c->seed);
		if (c->done)
			break;
		store_close(STEAL(c->store));
		open_store(c);
		c->reboot = false;
	}
}

uint64_t cluster_run(uint64_t seed, bool faults, void (*scenario)(struct cluster *c))
{
	struct cluster *c = calloc(1, sizeof *c);
	assert_non_null(c);
	c->seed = seed;
	c->mem = arena_new(NULL);
	c->rt = sim_new(&(struct sim_opts){.seed = seed, .post_delay_max = NS_MS, .job_delay_max = NS_MS});
	c->loop = loop_new(c->rt, "cluster");
	c->disk = kv_disk_new();
	c->scenario = scenario;
	c->calm = !faults;
	c->post.fn = begin;
	open_store(c);
	assert_int_equal(loop_start(c->loop), 0);
	loop_post(c->loop, &c->post);
	run(c);
	uint64_t hash = sim_trace_hash(c->rt);
	loop_free(c->loop);
	store_close(c->store);
	kv_disk_free(c->disk);
	rt_free(c->rt);
	arena_free(c->mem);
	free(c);
	return hash;
}

static uint64_t revision(const struct cluster *c)
{
	struct store_status st;
	store_status(c->store, &st);
	return (uint64_t)st.revision;
}

void eventually(struct cluster *c, const char *name, bool (*what)(struct cluster *c, struct arena *a))
{
	mono_t until = rt_now() + PATIENCE;
	for (;;) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		if (what(c, a))
			break;
		if (rt_now() > until)
			fail_msg("seed %llu: not reached: %s", (unsigned long long)c->seed, name);
		assert_int_equal(fiber_sleep(200 * NS_MS), 0);
	}
	sim_trace(c->rt, name, revision(c));
	if (getenv("C8S_TEST_LOG"))
		printf("%8.1f s: %s\n", (double)rt_now() / NS_S, name);
}
