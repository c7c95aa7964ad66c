/* An API server instance.  Several may exist in one process. */
#pragma once
#include "apiserver/request.h"

struct server_opts {
	struct store *store;
	struct loop **loops; size_t nloops;      /* request loops, already created, not yet running or running */
	struct str service_cluster_ip_range;      /* "10.96.0.0/16[,fd00::/112]" */
	struct str service_node_port_range;       /* "30000-32767" */
	struct str advertise_address; int secure_port;
	struct str service_account_issuer;
	struct str *sa_key_files; size_t nsa_key_files; /* verify */
	struct str sa_signing_key_file;
	struct str client_ca_file, tls_cert_file, tls_key_file, token_auth_file;
	struct str requestheader_client_ca_file, *requestheader_username_headers, *requestheader_group_headers, *requestheader_extra_prefixes, *requestheader_allowed_names;
	size_t nrh_user, nrh_group, nrh_extra, nrh_allowed;
	struct str kubelet_client_cert_file, kubelet_client_key_file, kubelet_ca_file;
	struct str authorization_modes;           /* "Node,RBAC" */
	struct str enable_admission, disable_admission;
	bool anonymous_auth, allow_privileged;
	int max_in_flight, max_mutating_in_flight;
	nsec_t event_ttl, min_request_timeout;
	struct str unix_socket;                   /* also served here for local components: identity by SO_PEERCRED */
};
struct server *server_new(const struct server_opts *o, struct err *e); /* on a fiber: loads the cache; waits */
/* Serves TLS on the listening socket from all loops. */
int server_serve(struct server *s, int listen_fd, struct err *e) must_check;
/* Creates bootstrap objects (namespaces, RBAC, priority classes, flow schemas, the kubernetes Service); waits; then /readyz is ok. */
int server_post_start(struct server *s, struct err *e) must_check;
void server_drain(struct server *s, mono_t deadline); /* waits: finishes requests, ends watches */
void server_free(struct server *s);
