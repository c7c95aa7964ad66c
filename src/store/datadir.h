/* Private: the data directory of the LMDB engine. */
#pragma once
#include "base/err.h"

#define DATADIR_FORMAT 1

struct datadir {
	int fd, lock; /* the directory; its lock file */
};
/* Makes or opens dir and holds it.  Refuses what another process holds, what is not ours and what a newer version wrote. */
int datadir_open(struct datadir *d, const char *dir, struct err *e) must_check;
void datadir_close(struct datadir *d);
/* Holds bytes back in the file `reserve`, or gives them free: 0 or -errno. */
int datadir_reserve(struct datadir *d, uint64_t bytes) must_check;
