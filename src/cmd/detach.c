#include "cmd/detach.h"
#include "client/https.h"
#include "cmd/command.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL (20 * NS_MS)
#define LOG_TAIL 4096
#define ANSWER_MAX 65536

struct waiting {
	const struct detach_opts *o;
	struct rt *rt;
	pid_t pid;
	off_t log_end; /* before the child wrote to it */
	int code;
};

/* ---- The child ---- */

static int go_background(int log)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (setsid() < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		return cmd_error("cannot go into the background: %s", strerror(errno));
	close(null);
	close(log);
	return -1;
}

/* ---- The parent ---- */

static bool is_ready(struct waiting *w)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct kubeconfig_overrides none = {0};
	struct rest_config rest;
	struct raw_response r;
	ERR(e);
	struct clientcmd_v1_Config *c = kubeconfig_load(a, str_of(w->o->kubeconfig), &e);
	if (!c || kubeconfig_rest(a, c, &none, &rest, &e) < 0)
		return false;
	CLEANUP(transport_free) struct transport *t = https_transport_new(w->rt, &rest, &e);
	return t && https_raw(t, a, "GET", STR("/readyz"), "*/*", NULL, (struct str){0}, ANSWER_MAX, &r, &e) == 0 && r.code == 200;
}

/* The lines of the log in which the server or one of its processes says why it ends. */
static int say_why(struct waiting *w)
{
	char tail[LOG_TAIL + 1];
	int fd = open(w->o->log, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), from = end - w->log_end > LOG_TAIL ? end - LOG_TAIL : w->log_end;
	ssize_t n = fd < 0 ? 0 : pread(fd, tail, LOG_TAIL, from);
	bool said = false;
	if (fd >= 0)
		close(fd);
	tail[n > 0 ? n : 0] = 0;
	for (char *line = tail, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (strncmp(line, "error: ", 7) == 0)
			said = fprintf(stderr, "%s\n", line) > 0;
	}
	return said ? 1 : cmd_error("the server has ended; %s says why", w->o->log);
}

static void wait_ready(void *arg)
{
	struct waiting *w = arg;
	int status;
	for (mono_t until = rt_now() + DETACH_PATIENCE_S * NS_S; rt_now() < until && fiber_sleep(POLL) == 0;) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
			w->code = say_why(w);
			return;
		}
		if (is_ready(w)) {
			w->code = 0;
			return;
		}
	}
	w->code = cmd_error("the API server is not ready after %d s; it goes on, and its log is %s", DETACH_PATIENCE_S, w->o->log);
}

int detach(const struct detach_opts *o)
{
	struct waiting w = {.o = o, .code = 1};
	int log = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return cmd_error("%s: %s", o->log, strerror(errno));
	w.log_end = lseek(log, 0, SEEK_END);
	w.pid = fork();
	if (w.pid == 0)
		return go_background(log);
	close(log);
	if (w.pid < 0)
		return cmd_error("fork: %s", strerror(errno));
	w.rt = rt_new(NULL);
	if (!w.rt || rt_main(w.rt, "detach", wait_ready, &w))
		return cmd_error("out of memory");
	rt_free(w.rt);
	return w.code;
}
