/* What other folders may ask of authn/: reviews, and issuing tokens. */
#pragma once
#include "apiserver/request.h"
#include "base/buf.h"

/* Handlers for registry/subresources.c. */
int tokenreview_create(struct request *r, struct err *e) must_check;
int selfsubjectreview_create(struct request *r, struct err *e) must_check;
int serviceaccount_token_create(struct request *r, struct err *e) must_check;
/* /.well-known/openid-configuration and /openid/v1/jwks. */
int openid_configuration(struct request *r, struct err *e) must_check;
int openid_keys(struct request *r, struct err *e) must_check;
struct authentication_v1_UserInfo;
void user_info_fill(struct arena *a, const struct user *u, struct authentication_v1_UserInfo *ret);
