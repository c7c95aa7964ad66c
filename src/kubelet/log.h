/* Container logs in the CRI format: "TIME STREAM F|P text".  Read with the options of `kubectl logs`, rotated by size. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "rt/fiber.h"
#include "schema/types.h"

struct log_line_view {
	struct str time, stream, text; /* text without its newline */
	bool partial;                  /* the line goes on in the next record */
};
/* -1 when line is none. */
int log_line_parse(struct str line, struct log_line_view *ret) must_check;

struct log_want {
	bool follow, timestamps;
	bool has_since, has_tail, has_limit;
	int64_t since_s;           /* records before this Unix time are left out */
	int32_t since_ns;
	int64_t tail, limit_bytes;
	struct str stream;         /* "stdout", "stderr"; absent: both */
};
struct log_sink {
	int (*write)(void *arg, struct str data); /* waits; not 0: stop */
	bool (*over)(void *arg);                  /* following: no more will come */
	struct cond *news;                        /* woken when that may have changed */
	void *arg;
};
/* Waits.  A follower ends when the sink refuses, the log is over, or the fiber is cancelled. */
int log_copy(const char *path, const struct log_want *w, const struct log_sink *s, struct err *e) must_check;
/* The files that rotation set aside for path, oldest first: "PATH.20261121-120000". */
void log_asides(struct arena *a, const char *path, str_list_t *ret);
/* The last lines' text, at most max bytes. */
struct str log_last_lines(struct arena *a, const char *path, int lines, size_t max);
/* The last max bytes of a file. */
int file_tail(struct arena *a, const char *path, size_t max, struct str *ret) must_check;
