#include "scheduler/nodes.h"

#include "base/log.h"

#include <stdlib.h>

/* Upstream's assumptions for containers that ask for nothing, used by scores only. */
#define DEFAULT_MILLI_CPU 100
#define DEFAULT_MEMORY (200 * 1024 * 1024)

static const char *const column_names[] = {"cpu", "memory", "ephemeral-storage", "pods"};

static int column_of(struct str name)
{
	for (int i = 0; i < COLS; i++)
		if (str_is(name, column_names[i]))
			return i;
	return -1;
}

/* ---- Pods ---- */

static void collect_ports(struct pod_info *p, const struct core_v1_Container *c)
{
	LIST_EACH(port, c->ports)
	{
		if (port->hostPort <= 0)
			continue;
		struct str ip = port->hostIP.n ? port->hostIP : STR("0.0.0.0");
		struct str proto = port->protocol.n ? port->protocol : STR("TCP");
		p->ports[p->nports++] = (struct host_port){str_dup(p->mem, ip), str_dup(p->mem, proto), port->hostPort};
	}
}

static uint32_t count_ports(const struct core_v1_PodSpec *s)
{
	uint32_t n = 0;
	LIST_EACH(c, s->containers)
		n += c->ports.len;
	LIST_EACH(c, s->initContainers)
		n += c->ports.len;
	return n;
}

static void take_ports(struct pod_info *p, const struct core_v1_PodSpec *s)
{
	p->ports = arena_array(p->mem, struct host_port, count_ports(s) + 1);
	LIST_EACH(c, s->containers)
		collect_ports(p, c);
	LIST_EACH(c, s->initContainers)
		if (container_is_sidecar(c))
			collect_ports(p, c);
}

static int64_t container_nonzero(const struct core_v1_Container *c, const char *name, int64_t fallback)
{
	struct str q = str_map_get(&c->resources.requests, str_of(name));
	return q.p ? amount_parse(str_of(name), q) : fallback;
}

static void take_nonzero(struct pod_info *p, const struct core_v1_PodSpec *s)
{
	LIST_EACH(c, s->containers)
	{
		p->nonzero[0] += container_nonzero(c, "cpu", DEFAULT_MILLI_CPU);
		p->nonzero[1] += container_nonzero(c, "memory", DEFAULT_MEMORY);
	}
	for (int i = 0; i < 2; i++)
		if (p->nonzero[i] < p->cols[i])
			p->nonzero[i] = p->cols[i];
}

struct pod_info *pod_info_new(const struct core_v1_Pod *pod)
{
	struct arena *a = arena_new(NULL);
	struct pod_info *p = arena_make(a, struct pod_info);
	p->mem = a;
	p->key = str_printf(a, "%.*s/%.*s", STR_F(pod->metadata.namespace), STR_F(pod->metadata.name));
	p->uid = str_dup(a, pod->metadata.uid);
	p->node = str_dup(a, pod->spec.nodeName);
	struct amounts req = pod_requests(a, &pod->spec);
	LIST_EACH(r, req)
	{
		int col = column_of(r->name);
		if (col >= 0)
			p->cols[col] = r->value;
		else
			amounts_add(a, &p->other, str_dup(a, r->name), r->value);
	}
	p->cols[COL_PODS] = 1;
	take_nonzero(p, &pod->spec);
	take_ports(p, &pod->spec);
	return p;
}

void pod_info_free(struct pod_info *p)
{
	if (p)
		arena_free(p->mem);
}

bool host_ports_conflict(const struct host_port *a, const struct host_port *b)
{
	if (a->port != b->port || !str_eq(a->protocol, b->protocol))
		return false;
	return str_is(a->ip, "0.0.0.0") || str_is(b->ip, "0.0.0.0") || str_eq(a->ip, b->ip);
}

/* ---- Rows ---- */

static void *grow(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n, size);
	if (!q)
		bug("out of memory");
	return q;
}

static void reserve_row(struct nodes *t)
{
	if (t->n < t->cap)
		return;
	t->cap = t->cap ? t->cap * 2 : 64;
	t->rows = grow(t->rows, t->cap, sizeof *t->rows);
	for (int i = 0; i < COLS; i++) {
		t->alloc[i] = grow(t->alloc[i], t->cap, sizeof(int64_t));
		t->used[i] = grow(t->used[i], t->cap, sizeof(int64_t));
	}
	for (int i = 0; i < 2; i++)
		t->used_nonzero[i] = grow(t->used_nonzero[i], t->cap, sizeof(int64_t));
}

static void row_clear_used(struct nodes *t, uint32_t row)
{
	for (int i = 0; i < COLS; i++)
		t->used[i][row] = 0;
	t->used_nonzero[0][row] = t->used_nonzero[1][row] = 0;
}

static void account(struct nodes *t, struct node_info *n, const struct pod_info *p, int sign)
{
	LIST_EACH(r, p->other)
	{
		/* The name must outlive the Pod. */
		struct str name = amounts_has(&n->used_other, r->name) ? r->name : str_dup(n->mem, r->name);
		amounts_add(n->mem, &n->used_other, name, sign * r->value);
	}
	if (!n->known)
		return;
	for (int i = 0; i < COLS; i++)
		t->used[i][n->row] += sign * p->cols[i];
	for (int i = 0; i < 2; i++)
		t->used_nonzero[i][n->row] += sign * p->nonzero[i];
}

static void recount(struct nodes *t, struct node_info *n)
{
	size_t i = 0;
	n->used_other = (struct amounts){0};
	if (n->known)
		row_clear_used(t, n->row);
	for (struct map_entry *e; (e = map_next(&n->pods, &i));)
		account(t, n, e->value, 1);
}

static struct node_info *node_ensure(struct nodes *t, struct str name)
{
	struct node_info *n = map_get(&t->by_name, name);
	if (n)
		return n;
	n = calloc(1, sizeof *n);
	if (!n)
		bug("out of memory");
	n->mem = arena_new(NULL);
	map_set_dup(&t->by_name, name, n);
	n->name = str_dup(n->mem, name);
	return n;
}

static void node_fill(struct nodes *t, struct node_info *n)
{
	struct amounts alloc = amounts_of(n->mem, &n->node->status.allocatable);
	n->alloc_other = (struct amounts){0};
	for (int i = 0; i < COLS; i++)
		t->alloc[i][n->row] = 0;
	LIST_EACH(r, alloc)
	{
		int col = column_of(r->name);
		if (col >= 0)
			t->alloc[col][n->row] = r->value;
		else
			amounts_add(n->mem, &n->alloc_other, r->name, r->value);
	}
}

void nodes_set(struct nodes *t, struct core_v1_Node *node, struct arena *mem)
{
	struct node_info *n = node_ensure(t, node->metadata.name);
	arena_free(n->mem);
	n->mem = mem;
	n->node = node;
	n->name = node->metadata.name;
	if (!n->known) {
		reserve_row(t);
		n->row = t->n++;
		t->rows[n->row] = n;
		n->known = true;
	}
	node_fill(t, n);
	recount(t, n);
}

static void row_move(struct nodes *t, uint32_t from, uint32_t to)
{
	t->rows[to] = t->rows[from];
	t->rows[to]->row = to;
	for (int i = 0; i < COLS; i++) {
		t->alloc[i][to] = t->alloc[i][from];
		t->used[i][to] = t->used[i][from];
	}
	for (int i = 0; i < 2; i++)
		t->used_nonzero[i][to] = t->used_nonzero[i][from];
}

static void node_forget(struct nodes *t, struct node_info *n)
{
	map_del(&t->by_name, n->name);
	map_fini(&n->pods);
	arena_free(n->mem);
	free(n);
}

void nodes_remove(struct nodes *t, struct str name)
{
	struct node_info *n = map_get(&t->by_name, name);
	if (!n || !n->known)
		return;
	if (n->row != --t->n)
		row_move(t, t->n, n->row);
	n->known = false;
	n->node = NULL;
	if (n->pods.n == 0)
		node_forget(t, n);
}

struct node_info *nodes_get(struct nodes *t, struct str name)
{
	struct node_info *n = map_get(&t->by_name, name);
	return n && n->known ? n : NULL;
}

void nodes_add_pod(struct nodes *t, struct pod_info *p)
{
	struct node_info *n = node_ensure(t, p->node);
	map_set(&n->pods, p->key, p);
	account(t, n, p, 1);
}

void nodes_remove_pod(struct nodes *t, struct pod_info *p)
{
	struct node_info *n = map_get(&t->by_name, p->node);
	if (!n || map_get(&n->pods, p->key) != p)
		return;
	map_del(&n->pods, p->key);
	account(t, n, p, -1);
	if (!n->known && n->pods.n == 0)
		node_forget(t, n);
}

void nodes_fini(struct nodes *t)
{
	size_t i = 0;
	for (struct map_entry *e; (e = map_next(&t->by_name, &i));) {
		struct node_info *n = e->value;
		map_fini(&n->pods);
		arena_free(n->mem);
		free(n);
	}
	map_fini(&t->by_name);
	free(t->rows);
	for (int c = 0; c < COLS; c++) {
		free(t->alloc[c]);
		free(t->used[c]);
	}
	free(t->used_nonzero[0]);
	free(t->used_nonzero[1]);
	*t = (struct nodes){0};
}
