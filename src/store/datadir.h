/* Private: the data directory of the LMDB engine. */
#pragma once
#include "base/err.h"

#define DATADIR_FORMAT 2 /* 1 had no log: every commit synced store.mdb */

struct datadir {
	int fd, lock; /* the directory; its lock file */
	int format;   /* as found; of a fresh one, the present */
};
/* Makes or opens dir and holds it.  Refuses what another process holds, what is not ours and what a newer version wrote. */
int datadir_open(struct datadir *d, const char *dir, struct err *e) must_check;
/* Says that what lies there is of the present format now. */
int datadir_upgrade(struct datadir *d, const char *dir, struct err *e) must_check;
void datadir_close(struct datadir *d);
/* Holds bytes back in the file `reserve`, or gives them free: 0 or -errno. */
int datadir_reserve(struct datadir *d, uint64_t bytes) must_check;
