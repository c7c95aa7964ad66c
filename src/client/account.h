/* Calls as a service account, with tokens that another identity asks for: how kube-controller-manager gives each controller its own rights. */
#pragma once
#include "client/https.h"

/* The account is made when it is missing.  `by` asks for its tokens (TokenRequest) and must outlive the result; server and CA are taken from c. */
struct account_opts {
	struct transport *by;
	const struct rest_config *c;
	struct str ns, name;
	struct str user_agent;
};
struct transport *account_transport_new(struct rt *rt, const struct account_opts *o, struct err *e);
