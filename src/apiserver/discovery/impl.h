/* Private to discovery/: documents about the API, made from the tables of facts.
 *
 *   route.c       what the router checks before a handler runs, and its answers
 *   groups.c      the documents of groups, versions and resources; aggregated.c the same in one
 *   openapi.c     the OpenAPI documents
 *   health.c      healthz, livez, readyz
 *   metrics.c     counting, and /metrics
 *   debug.c       pages for people
 *   table.c       which path is whose */
#pragma once
#include "apiserver/discovery.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/server.h"

#define TEXT_PLAIN STR("text/plain; charset=utf-8")

/* ---- route.c ---- */

/* Routes of the router take GET only and look at Accept; types is "application/json, ..." as the refusal lists them. */
int route_check(struct request *r, const char *types, struct err *e) must_check;
int route_missing(struct err *e);              /* 404 as a Status */
int route_no_page(struct request *r);          /* 404 as text */
int answer_text(struct request *r, int code, struct str text); /* text/plain, not to be sniffed; 0 */
int answer_ref(struct request *r, uint16_t type, void *obj);   /* 0 */

/* A whole document with an ETag, sent by the handler itself: 304 when the client has it already. */
struct doc {
	struct str type, etag, cache_control, vary; /* absent: no such header */
	struct blob *body;
};
int doc_send(struct request *r, const struct doc *d);
bool doc_fresh(struct request *r, struct str etag); /* If-None-Match names it */
struct str doc_etag(struct arena *a, struct str body); /* "SHA-512 in hex", quoted */

/* ---- groups.c ---- */

bool group_served(struct str group);
bool group_version_served(struct str group, struct str version);
/* The next group in discovery order, core aside: size_t i = 0; while (group_next(&i, &group)). */
bool group_next(size_t *i, struct str *ret);
/* The next served version of a group, likewise. */
bool version_next(struct str group, size_t *i, const struct group_version **ret);
struct meta_v1_APIGroup;
struct meta_v1_APIGroupList;
struct meta_v1_APIResourceList;
struct meta_v1_APIGroupList *groups_list(struct arena *a);
struct meta_v1_APIGroup *groups_one(struct arena *a, struct str group);
struct meta_v1_APIResourceList *groups_resources(struct arena *a, struct str group, struct str version);
str_list_t verbs_list(struct arena *a, uint16_t verbs); /* sorted by name */
str_list_t words_list(struct arena *a, uint32_t first, uint16_t n);
int api_handle(struct request *r, struct err *e) must_check;
int apis_handle(struct request *r, struct err *e) must_check;

/* ---- aggregated.c ---- */

struct aggregated;
struct apidiscovery_v2_APIGroupDiscoveryList;
struct apidiscovery_v2_APIGroupDiscoveryList *aggregated_list(struct arena *a, bool core);
struct aggregated *aggregated_new(void);
void aggregated_free(struct aggregated *g);
/* 1: the client did not ask for it; 0: sent. */
int aggregated_handle(struct request *r, bool core);

/* ---- health.c, openapi.c, openid.c, index.c ---- */

int health_handle(struct request *r, struct err *e) must_check;
size_t health_paths(struct arena *a, struct str **ret); /* "/healthz/ping", ... of the single checks */
struct metric_set;
void health_series(struct server *s, struct metric_set *to); /* kubernetes_healthcheck and kubernetes_healthchecks_total */
int openapi_v2_handle(struct request *r, struct err *e) must_check;
int openapi_v3_handle(struct request *r, struct err *e) must_check;
int openid_issuer_handle(struct request *r, struct err *e) must_check;
int openid_keys_handle(struct request *r, struct err *e) must_check;
int index_handle(struct request *r, struct err *e) must_check;
int version_handle(struct request *r, struct err *e) must_check;

/* ---- debug.c ---- */

int pprof_handle(struct request *r, struct err *e) must_check;
int verbosity_handle(struct request *r, struct err *e) must_check;
int statusz_handle(struct request *r, struct err *e) must_check;
int flagz_handle(struct request *r, struct err *e) must_check;
int priority_levels_handle(struct request *r, struct err *e) must_check;

/* ---- metrics.c ---- */

struct metrics;
struct metrics *metrics_new(struct server *s); /* NULL: out of memory */
void metrics_free(struct metrics *m);
int metrics_handle(struct request *r, struct err *e) must_check;
int slis_handle(struct request *r, struct err *e) must_check;

/* PART_DISCOVERY's state. */
struct discovery {
	struct aggregated *aggregated;
	struct metrics *metrics;
};
