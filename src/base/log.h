/* Logging in klog's line format to stderr (or a file), one write per line.
 *
 * Only programs and components log; libraries return errors.  Verbosity as upstream's -v.  Control bytes are escaped.
 * Secrets never reach a log: pass names, not contents.  Thread-safe. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct log_opts {
	int fd;         /* default 2 */
	int verbosity;  /* -v */
	bool json;      /* --logging-format=json */
	/* Where the time stamp comes from: wall ns; NULL: the system clock. */
	int64_t (*now)(void);
};
void log_setup(const struct log_opts *o);
int log_verbosity(void);
void log_set_verbosity(int v); /* of the whole process, at any time */
void log_line(char severity, const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define log_info(...) log_line('I', __FILE_NAME__, __LINE__, __VA_ARGS__)
#define log_warn(...) log_line('W', __FILE_NAME__, __LINE__, __VA_ARGS__)
#define log_error(...) log_line('E', __FILE_NAME__, __LINE__, __VA_ARGS__)
#define log_v(level, ...) (log_verbosity() >= (level) ? log_line('I', __FILE_NAME__, __LINE__, __VA_ARGS__) : (void)0)
/* A broken invariant: says so and aborts. */
_Noreturn void bug_at(const char *file, int line, const char *what);
#define bug(what) bug_at(__FILE_NAME__, __LINE__, what)
#define invariant(cond) ((cond) ? (void)0 : bug(#cond))
