/* Authorization: a chain of authorizers over attributes; the RBAC index is an immutable snapshot rebuilt after writes to its kinds. */
#pragma once
#include "apiserver/identity.h"
#include "base/buf.h"
struct server;
enum decision { DECISION_NO_OPINION, DECISION_ALLOW, DECISION_DENY };
/* reason (may be NULL) gets what the chain says, as SubjectAccessReviews show it.  Does not wait. */
enum decision authz_decide(struct server *s, const struct attrs *at, struct buf *reason);
