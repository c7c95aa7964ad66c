/* Work queues of keys with de-duplication, delays, per-key exponential back-off; and the controller loop over them: informer -> queue -> sync(key). */
#pragma once
#include "rt/fiber.h"

#define QUEUE_BACKOFF_MIN (5 * NS_MS)
#define QUEUE_BACKOFF_MAX (1000 * NS_S)
struct queue;
struct queue *queue_new(const char *name);
void queue_free(struct queue *q);
void queue_add(struct queue *q, struct str key);              /* now; once while waiting; again after processing if added meanwhile */
void queue_add_after(struct queue *q, struct str key, nsec_t delay); /* the earliest wins */
void queue_add_limited(struct queue *q, struct str key);      /* after the key's back-off */
void queue_forget(struct queue *q, struct str key);           /* resets its back-off */
int queue_get(struct queue *q, struct str *ret_key, mono_t deadline) must_check; /* waits; the key lives until queue_done; -EPIPE after shutdown */
void queue_done(struct queue *q, struct str key);
void queue_shutdown(struct queue *q);
size_t queue_len(const struct queue *q);
int queue_retries(const struct queue *q, struct str key);

/* Starts `workers` fibers in s that call sync(arg, key); a failed sync (-1) is logged and comes back with back-off, 0 forgets. */
struct err;
void queue_run(struct queue *q, struct scope *s, int workers, int (*sync)(void *arg, struct str key, struct err *e), void *arg);
