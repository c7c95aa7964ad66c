/* Signals as events on a loop. */
#pragma once
#include "base/err.h"
#include "rt/loop.h"
#include <signal.h>

/* Blocks every signal that signals_watch may be asked for (TERM, INT, HUP, CHLD, USR1, USR2, QUIT) and ignores SIGPIPE.
 * Call it first in main: threads inherit the mask. */
void signals_block(void);
/* Calls fn on the current loop for each of the signals (list ends with 0).  One watcher per signal per process. */
struct signals;
struct signals *signals_watch(const int *list, void (*fn)(void *arg, int sig), void *arg, struct err *e);
void signals_free(struct signals *s);
