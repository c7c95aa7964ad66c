/* The privileged helper: a small single-threaded process, forked before any thread exists, that carries out plans.
 *
 *   server ──fork──▶ helper (root)            plan + descriptors ▶  check against its own policy, apply, answer
 *      └────fork──▶ node (may have dropped everything): helper_attach(fd), helper_run(plan)
 *
 * The socket is SOCK_SEQPACKET; a plan too large for one packet travels in a memfd.  The helper checks every plan again: it trusts nothing
 * that its peers say, and ends when the last of them is gone.  Plans that run a program are carried out by a forked worker, so that they hold up
 * nobody else; the others run in order.  helper_direct is the same interface without a second process, for components run alone as root and tests. */
#pragma once
#include "os/plan.h"

#define HELPER_WORKERS_MAX 16  /* programs at a time; more wait */
#define HELPER_PACKET_MAX 65536

struct helper;
/* Forks the helper; call it before the first thread.  The policy is copied by the fork. */
struct helper *helper_start(const struct plan_policy *policy, struct err *e);
/* Runs plans in this process (on a worker thread when called on a fiber). */
struct helper *helper_direct(const struct plan_policy *policy);
/* A handle over a socket inherited from the process that called helper_start (helper_fd there). Takes fd. */
struct helper *helper_attach(int fd);
int helper_fd(const struct helper *h);      /* -1: direct */
int64_t helper_pid(const struct helper *h); /* of the forked process; 0 otherwise */
/* A further connection to the same helper, for another process: a new descriptor, or -1. Blocks shortly. */
int helper_share(struct helper *h, struct err *e);
/* Waits (on a fiber) or blocks (off a loop).  ret may be NULL.  Not cancellable once sent: plans are bounded.
 * One loop per handle: share it otherwise. */
int helper_run(struct helper *h, const struct plan *p, struct plan_result *ret, struct err *e) must_check;
/* With dry_run on, plans are checked and printed to fd and count as done. */
void helper_dry_run(struct helper *h, int fd);
/* Closes the connection, and waits for the end of a helper that this process started. */
void helper_free(struct helper *h);
CLEANUP_FN(helper_free, struct helper *)
