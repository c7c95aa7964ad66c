/* Who calls a server beside the API server, and whether they may: client certificates, TokenReviews, SubjectAccessReviews.  Answers are remembered for a while.
 * On one loop; what asks waits. */
#pragma once
#include "client/transport.h"
#include "gen/authorization_v1.h"
#include "net/http.h"

struct reviews;
struct reviews *reviews_new(void);
void reviews_free(struct reviews *v); /* NULL is fine */

/* Strings live as long as the request. */
struct caller {
	struct str name, uid;
	str_list_t groups;
};
/* How long answers are remembered. */
struct reviews_ttl { nsec_t yes, no; };
bool caller_by_certificate(struct http_req *q, struct caller *ret);
/* By its bearer token. */
bool caller_by_token(struct reviews *v, struct transport *t, struct http_req *q, struct reviews_ttl ttl, struct caller *ret);
void caller_anonymous(struct http_req *q, struct caller *ret);
/* 1 yes, 0 no, -1 could not be asked.  what names the access; who asks for it is filled in. */
int caller_may(struct reviews *v, struct transport *t, struct arena *a, const struct caller *c, struct authorization_v1_SubjectAccessReviewSpec what,
	struct reviews_ttl ttl, struct err *e) must_check;
