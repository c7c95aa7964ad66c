/* Files of volumes that are made from API objects, put in place all at once.
 *
 *   DIR/..data -> ..2026_11_21_12_00_00.000000000     replaced by one rename: readers see the old or the new set
 *   DIR/key    -> ..data/key                          one link per first part of a path */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "schema/types.h"
#include <sys/types.h>

struct payload_file {
	struct str path, data; /* path is relative and clean */
	uint32_t mode;
};
struct payload {
	struct payload_file *items;
	uint32_t len, cap;
};
/* Later files of the same path replace earlier ones. -1 when the path is not clean. */
int payload_add(struct arena *a, struct payload *p, struct str path, struct str data, uint32_t mode, struct err *e) must_check;
/* Writes p to dir (which exists) unless it holds exactly that; gid UINT32_MAX: keep. now: for the name of the folder. */
int payload_write(struct arena *a, const char *dir, const struct payload *p, gid_t gid, int64_t now, struct err *e) must_check;
