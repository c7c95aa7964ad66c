/* Kubeconfig files: load and merge (KUBECONFIG list, --kubeconfig, ~/.kube/config), overrides, exec credential plug-ins, and the client made of them. */
#pragma once
#include "client/transport.h"
#include "gen/clientcmd_v1.h"

struct kubeconfig_overrides {
	struct str context, cluster, user, namespace_, server, token, ca_file, client_cert, client_key, tls_server_name, as, username, password;
	struct str *as_groups; size_t nas_groups;
	struct str as_uid;
	bool insecure_skip_tls_verify;
	nsec_t timeout;
	struct str server_default; /* used when neither file nor flag names a server (kubectl: $KUBERNETES_MASTER or http://localhost:8080) */
};
/* path may be empty: then $KUBECONFIG, then ~/.kube/config.  Missing files are an empty configuration unless named by --kubeconfig. */
struct clientcmd_v1_Config *kubeconfig_load(struct arena *a, struct str path, struct err *e); /* paths inside are absolute */
/* By name; NULL when there is none. */
struct clientcmd_v1_Cluster *kubeconfig_cluster(const struct clientcmd_v1_Config *c, struct str name);
struct clientcmd_v1_AuthInfo *kubeconfig_user(const struct clientcmd_v1_Config *c, struct str name);
struct clientcmd_v1_Context *kubeconfig_context(const struct clientcmd_v1_Config *c, struct str name);
/* The files that a load looks at, in order of precedence; *ret in the arena. */
size_t kubeconfig_files(struct arena *a, struct str path, struct str **ret);
/* One file as written: nothing merged, relative paths stay.  An empty or missing file is an empty configuration. */
struct clientcmd_v1_Config *kubeconfig_read(struct arena *a, struct str file, struct err *e);
/* Folders are made; a symbolic link is written through. */
int kubeconfig_write(struct str path, const struct clientcmd_v1_Config *c, struct err *e) must_check; /* mode 0600, atomic */

/* Where a bearer token comes from that has to be asked for again and again: writes it to *ret (in a) and how long it may be used.  Waits. */
struct token_source {
	int (*get)(void *arg, struct arena *a, struct str *ret, nsec_t *ret_use, struct err *e);
	void *arg;
};

/* What is needed to talk to a server; see https.h. */
struct metric_set;
struct rest_config {
	struct str server;         /* https://host:port or unix:///path */
	struct str ca_pem, cert_pem, key_pem; /* contents */
	struct str ca_file, cert_file, key_file, token_file; /* reread when they change; a text given above wins (a token file wins over token) */
	struct str token, username, password, server_name, namespace_;
	struct str as, as_uid, *as_groups; size_t nas_groups;
	const c8s_Strings_map_t *as_extra;  /* NULL: none */
	struct str user_agent;     /* absent: c8s/VERSION */
	bool insecure;
	nsec_t timeout;
	struct metric_set *metrics; /* of the transport's loop: rest_client_*; outlives the transport.  NULL: nothing is counted */
	const struct token_source *tokens; /* goes before token and token_file; must outlive the transport */
	const struct clientcmd_v1_ExecConfig *exec;
	struct str exec_cluster_config;     /* JSON of the cluster's extension client.authentication.k8s.io/exec */
};
/* The strings of *ret are those of c and o, or in the arena.  Errors in upstream's words ("invalid configuration: ..."); an empty configuration without
 * server_default is ERR_NOT_FOUND: then a Pod tries kubeconfig_in_cluster. */
int kubeconfig_rest(struct arena *a, const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o, struct rest_config *ret, struct err *e) must_check;
/* Inside a Pod: service account files and environment. */
int kubeconfig_in_cluster(struct arena *a, struct rest_config *ret, struct err *e) must_check;
