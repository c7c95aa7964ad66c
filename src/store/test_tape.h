/* For the room's tests: the calls by which the LMDB engine writes its files are wrapped in this program.  A tape records them, so that the files can be
 * laid out as a crash at any point may leave them; and any of them can be made to fail, to wait, or to be the last. */
#pragma once
#include "store/test_model.h"
#include <sys/types.h>

enum tape_file { TAPE_STORE, TAPE_LOG, TAPE_FILES };

struct tape_step {
	enum tape_file file;
	bool sync;     /* the steps of its file before upto are safe */
	bool through;  /* this write is safe by itself (O_DSYNC) */
	size_t began;  /* steps there were when the call began: of two threads, both may have been at it */
	off_t off;
	struct blob *bytes;
};
struct tape {
	_Atomic bool on;
	ino_t inodes[TAPE_FILES];
	struct tape_step steps[16384];
	_Atomic size_t n;
	/* The n-th from now: 0: none. */
	_Atomic int fail_sync[TAPE_FILES]; /* fdatasync of the store, write to the log */
	_Atomic int die;                   /* any call that changes a file: _exit before it */
	nsec_t sync_delay;                 /* an fdatasync takes so long */
	_Atomic bool hold;                 /* writes to the log wait */
	_Atomic int held;                  /* so many do */
	_Atomic size_t log_writes;         /* that have returned */
	bool refuse_direct, short_writes;  /* as file systems may */
};
extern struct tape tape;

/* Records, from now on, what is written in w's directory. */
void tape_start(struct world *w);
void tape_stop(void);  /* keeps the steps */
void tape_clear(void); /* everything back to nothing */
size_t tape_steps(struct world *w);

struct image {
	struct str store, log, format;
};
struct image image_of(struct arena *a, const char *dir);
/* What dir may hold when the first `cut` steps of the tape were done to image, and what was under way or not synced has come to the disk as seed
 * says: 0: nothing of it. */
void image_lay_out(const struct image *image, const char *dir, size_t cut, uint64_t seed);
struct str file_bytes(struct arena *a, const char *dir, const char *name);
void file_write(const char *dir, const char *name, struct str bytes);
