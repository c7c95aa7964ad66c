/* Blocking or long work on worker threads. */
#pragma once
#include "rt/fiber.h"

/* Runs fn(arg) on a worker thread and waits for its end.  Not cancellable (arg may live on the fiber's stack): fn must be bounded in time.
 * Simulated: runs inline after a seeded delay. */
void rt_job(void (*fn)(void *arg), void *arg);
