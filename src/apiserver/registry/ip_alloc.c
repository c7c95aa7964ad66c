/* Cluster IPs and node ports: sets of what is taken. */
#include "apiserver/registry/ip_alloc.h"

#include "rt/loop.h"
#include <pthread.h>
#include <stdlib.h>

#define TRIES_RANDOM 32    /* of a random address, before all are looked at in order */
#define SCAN_MAX 1048576   /* addresses looked at in order: a /108 */
#define PORTS 65536
/* The lower part of a range is left to those who ask for an address of their own (KEP-3070): 1/16 of it, within these. */
#define STATIC_MIN 16
#define STATIC_MAX 256

struct allocator {
	pthread_mutex_t lock;
	struct cidr ranges[RANGES_MAX];
	unsigned nranges;
	struct map ips;               /* text -> itself */
	uint8_t ports[PORTS / 8];
	int port_min, port_max;
	struct str port_range;
};

static int parse_ranges(struct allocator *al, struct str ranges, struct err *e)
{
	struct str one;
	while (str_next(&ranges, ',', &one)) {
		if (al->nranges == RANGES_MAX || cidr_parse(str_trim(one), false, &al->ranges[al->nranges]))
			return err_set(e, ERR_BAD_REQUEST, "--service-cluster-ip-range: \"%.*s\" is not a range", STR_F(one));
		al->ranges[al->nranges] = cidr_network(al->ranges[al->nranges]);
		al->nranges++;
	}
	return 0;
}

static int parse_ports(struct allocator *al, struct str ports, struct err *e)
{
	struct str lo, hi;
	int64_t a, b;
	if (!str_cut(ports, '-', &lo, &hi) || str_i64(lo, &a) || str_i64(hi, &b) || a < 1 || b < a || b >= PORTS)
		return err_set(e, ERR_BAD_REQUEST, "--service-node-port-range: \"%.*s\" is not a range", STR_F(ports));
	al->port_min = (int)a;
	al->port_max = (int)b;
	al->port_range = ports;
	return 0;
}

struct allocator *allocator_new(struct str ranges, struct str ports, struct err *e)
{
	struct allocator *al = calloc(1, sizeof *al);
	if (!al)
		return err_nomem(e, sizeof *al), NULL;
	pthread_mutex_init(&al->lock, NULL);
	if (parse_ranges(al, ranges.n ? ranges : STR("10.0.0.0/24"), e) == 0 && parse_ports(al, ports.n ? ports : STR("30000-32767"), e) == 0)
		return al;
	allocator_free(al);
	return NULL;
}

void allocator_free(struct allocator *al)
{
	if (!al)
		return;
	pthread_mutex_destroy(&al->lock);
	map_fini(&al->ips);
	free(al);
}

unsigned allocator_ranges(const struct allocator *al) { return al->nranges; }
bool allocator_v6(const struct allocator *al, unsigned range) { return !al->ranges[range].ip.v4; }
struct str allocator_port_range(const struct allocator *al) { return al->port_range; }

int allocator_range(const struct allocator *al, bool v6)
{
	for (unsigned i = 0; i < al->nranges; i++)
		if (allocator_v6(al, i) == v6)
			return (int)i;
	return -1;
}

/* ---- addresses ---- */

/* The network address, and IPv4's broadcast address, are nobody's. */
static bool usable(const struct cidr *c, struct ip ip)
{
	if (!cidr_contains(*c, ip) || c->ip.v4 != ip.v4)
		return false;
	uint64_t i = cidr_index(*c, ip);
	return i > 0 && !(c->ip.v4 && (int64_t)i == cidr_size(*c) - 1);
}

static bool take(struct allocator *al, struct ip ip)
{
	struct str key = {(const char *)ip.b, sizeof ip.b};
	if (map_has(&al->ips, key))
		return false;
	map_set_dup(&al->ips, key, al);
	return true;
}

enum taken allocator_take_ip(struct allocator *al, struct ip ip)
{
	for (unsigned i = 0; i < al->nranges; i++) {
		if (!usable(&al->ranges[i], ip))
			continue;
		pthread_mutex_lock(&al->lock);
		bool ok = take(al, ip);
		pthread_mutex_unlock(&al->lock);
		return ok ? TAKEN_OK : TAKEN_ALREADY;
	}
	return TAKEN_OUTSIDE;
}

static int64_t static_part(int64_t size)
{
	int64_t n = size / 16;
	if (size <= STATIC_MIN)
		return 0;
	return n < STATIC_MIN ? STATIC_MIN : n > STATIC_MAX ? STATIC_MAX : n;
}

static enum taken next_ip(struct allocator *al, const struct cidr *c, struct ip *ret)
{
	int64_t first = 1, last = cidr_size(*c) - 1 - (c->ip.v4 ? 1 : 0), low = static_part(cidr_size(*c));
	for (int i = 0; i < TRIES_RANDOM && last > first + low; i++) {
		*ret = cidr_at(*c, (uint64_t)(first + low) + rt_random_below((uint64_t)(last - first - low + 1)));
		if (take(al, *ret))
			return TAKEN_OK;
	}
	for (int64_t i = last, n = 0; i >= first && n < SCAN_MAX; i--, n++) {
		*ret = cidr_at(*c, (uint64_t)i);
		if (take(al, *ret))
			return TAKEN_OK;
	}
	return TAKEN_FULL;
}

enum taken allocator_next_ip(struct allocator *al, unsigned range, struct ip *ret)
{
	pthread_mutex_lock(&al->lock);
	enum taken t = next_ip(al, &al->ranges[range], ret);
	pthread_mutex_unlock(&al->lock);
	return t;
}

void allocator_drop_ip(struct allocator *al, struct ip ip)
{
	pthread_mutex_lock(&al->lock);
	map_del(&al->ips, (struct str){(const char *)ip.b, sizeof ip.b});
	pthread_mutex_unlock(&al->lock);
}

/* ---- ports ---- */

static bool take_port(struct allocator *al, int port)
{
	uint8_t bit = (uint8_t)(1u << port % 8);
	if (al->ports[port / 8] & bit)
		return false;
	al->ports[port / 8] |= bit;
	return true;
}

enum taken allocator_take_port(struct allocator *al, int port)
{
	if (port < al->port_min || port > al->port_max)
		return TAKEN_OUTSIDE;
	pthread_mutex_lock(&al->lock);
	bool ok = take_port(al, port);
	pthread_mutex_unlock(&al->lock);
	return ok ? TAKEN_OK : TAKEN_ALREADY;
}

static enum taken next_port(struct allocator *al, int *ret)
{
	int n = al->port_max - al->port_min + 1, at = (int)rt_random_below((uint64_t)n);
	int low = (int)static_part(n) / 2;
	for (int i = 0; i < n; i++) {
		*ret = al->port_min + (at + i) % n;
		/* Those at the lower end are left to who asks for one, until there are no others. */
		if ((*ret - al->port_min >= low || i >= n - low) && take_port(al, *ret))
			return TAKEN_OK;
	}
	return TAKEN_FULL;
}

enum taken allocator_next_port(struct allocator *al, int *ret)
{
	pthread_mutex_lock(&al->lock);
	enum taken t = next_port(al, ret);
	pthread_mutex_unlock(&al->lock);
	return t;
}

void allocator_drop_port(struct allocator *al, int port)
{
	if (port < 0 || port >= PORTS)
		return;
	pthread_mutex_lock(&al->lock);
	al->ports[port / 8] &= (uint8_t)~(1u << port % 8);
	pthread_mutex_unlock(&al->lock);
}
