/* Authentication: who sent a wire request.  Each authenticator has its file in authn/; authn.c asks them in upstream's order. */
#pragma once
#include "apiserver/request.h"

/* Fills r->user (anonymous included).  -1 with ERR_UNAUTHORIZED when credentials are bad or anonymous is off. */
int authn_request(struct request *r, struct err *e) must_check;
/* Impersonation headers: replaces r->user after the checks; a request without them is left alone. */
int authn_impersonate(struct request *r, struct err *e) must_check;
