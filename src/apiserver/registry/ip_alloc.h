/* Which cluster IPs and node ports are taken.
 *
 * One set for all loops of a server, behind a lock that is held for a few look-ups; filled from the cache at start, then kept by the hooks of Services.
 * Another API server on the same etcd is seen by the IPAddress objects (ip_object.h); node ports it took are not seen until a restart. */
#pragma once
#include "api/ip.h"
#include "base/err.h"
#include "base/map.h"

#define RANGES_MAX 2

enum taken { TAKEN_OK, TAKEN_ALREADY, TAKEN_OUTSIDE, TAKEN_FULL, TAKEN_FAILED };
struct allocator;
/* ranges: "10.96.0.0/16[,fd00::/112]"; ports: "30000-32767". */
struct allocator *allocator_new(struct str ranges, struct str ports, struct err *e);
void allocator_free(struct allocator *al); /* NULL is fine */
unsigned allocator_ranges(const struct allocator *al);
bool allocator_v6(const struct allocator *al, unsigned range); /* family of the n-th range; the first is the default family */
/* The range of a family, or -1. */
int allocator_range(const struct allocator *al, bool v6);
enum taken allocator_take_ip(struct allocator *al, struct ip ip);
enum taken allocator_next_ip(struct allocator *al, unsigned range, struct ip *ret);
void allocator_drop_ip(struct allocator *al, struct ip ip);
enum taken allocator_take_port(struct allocator *al, int port);
enum taken allocator_next_port(struct allocator *al, int *ret);
void allocator_drop_port(struct allocator *al, int port);
struct str allocator_port_range(const struct allocator *al); /* as it was given */
