/* The PKI folder of a control plane, in kubeadm's layout and names, P-256 keys: made at the first start, kept afterwards.
 *
 *   ca front-proxy-ca | apiserver apiserver-kubelet-client front-proxy-client (.crt, .key) | sa.key sa.pub
 *
 * Leaf certificates that have expired or are about to (a third of their time is left) are made anew from the CA that is there; so is the server's when a name
 * or address is missing in it.  Keys are 0600.  Blocks: call it before loops run. */
#pragma once
#include "base/err.h"

struct certs_opts {
	const char *dir;                 /* DATA/pki */
	struct str service_range;        /* its first address is in the server's certificate */
	struct str dns_domain;           /* "cluster.local" */
	struct str node_name;
	const struct str *addresses;     /* further addresses and names of the server */
	size_t naddresses;
	int64_t now;                     /* Unix seconds */
};
int certs_ensure(const struct certs_opts *o, struct err *e) must_check;

/* A kubeconfig for a user with a certificate of its own (CN user, O orgs), everything inside the file, mode 0600.  Kept when it still fits. */
struct certs_kubeconfig {
	const char *file, *pki_dir;
	struct str server;               /* https://127.0.0.1:6443 */
	struct str user;                 /* "kubernetes-admin" */
	struct str org;                  /* "" for none */
	int64_t now;
};
int certs_kubeconfig(const struct certs_kubeconfig *o, struct err *e) must_check;
