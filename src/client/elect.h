/* Leader election by a coordination.k8s.io Lease, as upstream's LeaseLock (lease 15 s, renew 10 s, retry 2 s).
 *
 * Only the local monotonic clock counts: another's lease is over when it was not seen to change for its duration.  Calls wait. */
#pragma once
#include "client/transport.h"
struct elect_opts {
	struct str ns, name, identity;
	nsec_t lease, renew, retry; /* 0: the defaults */
};
/* Waits until this instance leads (0), or -ECANCELED. */
struct elect;
struct elect *elect_new(struct transport *t, const struct elect_opts *o);
int elect_acquire(struct elect *el) must_check;
/* Renews until leadership is lost (returns -ETIME) or cancelled; then stop working at once. */
int elect_hold(struct elect *el) must_check;
void elect_release(struct elect *el); /* gives the lease up */
const char *elect_leader(const struct elect *el); /* identity last seen, "" without */
void elect_free(struct elect *el); /* NULL is fine */
