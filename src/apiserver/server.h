/* An API server instance.  Several may exist in one process. */
#pragma once
#include "apiserver/request.h"
#include "base/map.h"

struct store;
struct cache;

struct server_opts {
	struct store *store;
	struct loop **loops; size_t nloops;      /* request loops, running */
	struct str service_cluster_ip_range;      /* "10.96.0.0/16[,fd00::/112]" */
	struct str service_node_port_range;       /* "30000-32767" */
	struct str advertise_address; int secure_port;
	struct str service_account_issuer;
	struct str *sa_key_files; size_t nsa_key_files; /* verify */
	struct str sa_signing_key_file;
	struct str *api_audiences; size_t napi_audiences;
	struct str client_ca_file, tls_cert_file, tls_key_file, token_auth_file;
	struct str requestheader_client_ca_file, *requestheader_username_headers, *requestheader_uid_headers, *requestheader_group_headers,
		*requestheader_extra_prefixes, *requestheader_allowed_names;
	size_t nrh_user, nrh_uid, nrh_group, nrh_extra, nrh_allowed;
	struct str kubelet_client_cert_file, kubelet_client_key_file, kubelet_ca_file;
	struct str authorization_modes;           /* "Node,RBAC" */
	struct str enable_admission, disable_admission;
	bool anonymous_auth, allow_privileged;
	int max_in_flight, max_mutating_in_flight;
	nsec_t event_ttl, min_request_timeout, request_timeout;
	int64_t watch_bookmark_s;                 /* 0: 60 */
	struct str flags;                         /* "name=value" lines of the command line, shown at /flagz */
};
struct server *server_new(const struct server_opts *o, struct err *e); /* on a fiber of one of the loops: loads the cache; waits.  Strings of o must live as long */
/* Serves TLS on the listening socket from all loops.  Waits. */
int server_serve(struct server *s, int listen_fd, struct err *e) must_check;
/* Serves a listening unix socket, without TLS: who connects, as this process's user uid, is `as` (and system:authenticated), whatever its headers say.
 * *as must live as long as the server.  Waits. */
int server_serve_as(struct server *s, int listen_fd, const struct user *as, uint32_t uid, struct err *e) must_check;
/* Creates bootstrap objects (namespaces, RBAC, priority classes, flow schemas, the kubernetes Service); waits; then /readyz is ok. */
int server_post_start(struct server *s, struct err *e) must_check;
void server_drain(struct server *s, mono_t deadline); /* waits: finishes requests, ends watches */
void server_free(struct server *s); /* waits */
/* Components beside it show their series at /metrics too: fn adds them, on the loop that is first in server_opts.  On that loop; NULL: no more. */
struct metric_set;
void server_show(struct server *s, void (*fn)(void *arg, struct metric_set *to), void *arg);

/* For the folders of this room. */
const struct server_opts *server_options(const struct server *s);
struct cache *server_cache(const struct server *s);
struct store *server_store(const struct server *s);
/* Of the current loop among the options' loops; a bug on any other. */
size_t server_loop_number(const struct server *s);
bool server_ready(const struct server *s);
bool server_draining(const struct server *s);
/* State of authn/, authz/, flow/, admission/, discovery/, registry/ (IP allocators, ...): each folder defines its struct, makes it in its _start function
 * (called by server_new, in the order of server.c's table; waits) and frees it in _stop. */
enum part { PART_AUTHN, PART_AUTHZ, PART_FLOW, PART_ADMISSION, PART_DISCOVERY, PART_REGISTRY, PART_BOOTSTRAP, PARTS };
struct server_part {
	int (*start)(struct server *s, void **ret_state, struct err *e);
	int (*post_start)(struct server *s, void *state, struct err *e); /* after listening: bootstrap; optional */
	void (*stop)(struct server *s, void *state);
};
void *server_part(const struct server *s, enum part p);
extern const struct server_part authn_part, authz_part, flow_part, admission_part, discovery_part, registry_part, bootstrap_part;
