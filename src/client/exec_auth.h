/* Credential plug-ins (client.authentication.k8s.io/v1 and v1beta1): runs a program, takes a token or certificate from what it prints, keeps it until it expires. */
#pragma once
#include "client/kubeconfig.h"

struct exec_auth;
struct exec_cred {
	struct str token, cert_pem, key_pem; /* valid until the next exec_auth_get */
};
/* c must outlive it. */
struct exec_auth *exec_auth_new(const struct rest_config *c, struct err *e);
/* What is kept, or a fresh one when there is none or it expired; *ret_changed: the certificate is another one than before.  Waits. */
int exec_auth_get(struct exec_auth *x, struct exec_cred *ret, bool *ret_changed, struct err *e) must_check;
void exec_auth_expire(struct exec_auth *x); /* the server answered 401 */
void exec_auth_free(struct exec_auth *x); /* NULL is fine */
