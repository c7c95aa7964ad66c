/* What stands behind a Service: its Pods' addresses and the ports they answer on; the ground of Endpoints and EndpointSlices. */
#pragma once
#include "api/pod.h"
#include "controllers/controller.h"
#include "gen/discovery_v1.h"

/* Pods that resolve the Service's target ports to the same numbers, in one address family. */
struct backend_group {
	bool v6;
	discovery_v1_EndpointPort_list_t ports;
	discovery_v1_Endpoint_list_t endpoints; /* by Pod name */
};
struct backend_groups {
	struct backend_group *items;
	uint32_t len, cap;
};
/* Pods and nodes come from informers; the result is in the arena. */
void backends_find(struct arena *a, const struct core_v1_Service *svc, struct informer *pods, struct informer *nodes, struct backend_groups *ret);
/* Families that the Service wants: bit 0 IPv4, bit 1 IPv6. */
unsigned backends_families(const struct core_v1_Service *svc);
bool backends_headless(const struct core_v1_Service *svc);

/* Services of a namespace that select a Pod go into the queue; the event's former labels count too. */
struct service_watch {
	struct informer *services, *pods;
	struct informer_handler on_pod;
	struct enqueue on_service;
	struct queue *queue;
};
void service_watch_start(struct service_watch *w, struct manager *m, struct queue *q);
