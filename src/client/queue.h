/* Work queues of keys with de-duplication, delays, per-key exponential back-off; and the controller loop over them: informer -> queue -> sync(key). */
#pragma once
#include "rt/fiber.h"

#define QUEUE_BACKOFF_MIN (5 * NS_MS)
#define QUEUE_BACKOFF_MAX (1000 * NS_S)
/* As upstream's workqueue: a key is in the queue at most once, is never worked on twice at a time, and is worked on again when it was added meanwhile.
 * A queue belongs to one loop. */
struct queue;
struct queue *queue_new(const char *name); /* name is static: for logs */
/* Its series, workqueue_* by the queue's name, in a set that outlives it; before the first key. */
struct metric_set;
void queue_count_in(struct queue *q, struct metric_set *set);
void queue_metrics(const struct queue *q, struct metric_set *to); /* what is known at a scrape only: depth and work under way */
void queue_free(struct queue *q); /* after its workers ended; NULL is fine */
void queue_add(struct queue *q, struct str key);              /* now; once while waiting; again after processing if added meanwhile */
void queue_add_after(struct queue *q, struct str key, nsec_t delay); /* the earliest wins */
void queue_add_limited(struct queue *q, struct str key);      /* after the key's back-off */
void queue_forget(struct queue *q, struct str key);           /* resets its back-off */
int queue_get(struct queue *q, struct str *ret_key, mono_t deadline) must_check; /* waits; the key lives until queue_done; -EPIPE after shutdown, -ECANCELED, -ETIME */
void queue_done(struct queue *q, struct str key);
void queue_shutdown(struct queue *q); /* adds are ignored from now on; what is queued still comes */
size_t queue_len(const struct queue *q); /* waiting to be got: without delayed keys and those in work */
int queue_retries(const struct queue *q, struct str key);

/* Starts `workers` fibers in s that call sync(arg, key); a failed sync (-1) is logged and comes back with back-off, 0 forgets. */
struct err;
void queue_run(struct queue *q, struct scope *s, int workers, int (*sync)(void *arg, struct str key, struct err *e), void *arg);
