/* exec and attach: pipes between this program's input and output and a container's. */
#include "client/https.h"
#include "codec/json.h"
#include "kubectl/attach.h"
#include "kubectl/command.h"
#include "kubectl/pods.h"
#include "kubectl/terminal.h"
#include "kubectl/upgrade.h"
#include "kubectl/walk.h"
#include "rt/fiber.h"
#include "rt/io.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK 65536

struct exec {
	struct ctl *c;
	const char *sub;            /* "exec" or "attach" */
	struct target pod;
	struct str container;
	struct stream_want want;
	struct stream_set set;
	bool quiet;
	struct scope outputs, inputs;
	struct buf status;          /* what the error stream said */
};

/* ---- pumps */

/* Without waiting in read(2), and without making a descriptor non-blocking that others share. */
static ssize_t read_input(char *p, size_t n)
{
	struct pollfd f = {.fd = STDIN_FILENO, .events = POLLIN};
	while (poll(&f, 1, 0) == 0) {
		int r = rt_wait_fd(STDIN_FILENO, POLLIN, MONO_NEVER);
		if (r < 0)
			return r;
	}
	ssize_t got = read(STDIN_FILENO, p, n);
	return got < 0 ? -errno : got;
}

static void pump_in(void *arg)
{
	struct exec *x = arg;
	struct stream *s = x->set.s[STREAM_STDIN];
	char *p = arena_text(x->c->a, CHUNK);
	ssize_t n;
	while ((n = read_input(p, CHUNK)) > 0 || n == -EINTR || n == -EAGAIN)
		if (n > 0 && stream_write(s, p, (size_t)n, MONO_NEVER) < 0)
			return;
	if (n == 0)
		(void)!stream_half_close(s);
}

static bool write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EAGAIN && rt_wait_fd(fd, POLLOUT, MONO_NEVER) >= 0)
			continue;
		if (w < 0 && errno != EINTR)
			return false;
		p += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
	return true;
}

static void pump_out(struct exec *x, enum stream_type type, int fd)
{
	char *p = arena_text(x->c->a, CHUNK);
	bool open = true;
	ssize_t n;
	while ((n = stream_read(x->set.s[type], p, CHUNK, MONO_NEVER)) > 0)
		open = open && write_all(fd, p, (size_t)n);
}

static void pump_stdout(void *arg) { pump_out(arg, STREAM_STDOUT, STDOUT_FILENO); }
static void pump_stderr(void *arg) { pump_out(arg, STREAM_STDERR, STDERR_FILENO); }

static void pump_status(void *arg)
{
	struct exec *x = arg;
	char p[4096];
	ssize_t n;
	while ((n = stream_read(x->set.s[STREAM_ERROR], p, sizeof p, MONO_NEVER)) > 0)
		buf_put(&x->status, p, (size_t)n);
}

/* ---- the end */

static int exit_code(struct exec *x, const struct value *status, struct err *e)
{
	const struct value *causes = value_path(status, "details.causes");
	int64_t code;
	EACH_ITEM(cause, causes)
		if (str_is(value_path_str(*cause, "reason"), "ExitCode") && str_i64(value_path_str(*cause, "message"), &code) == 0) {
			x->c->code = (int)code;
			dprintf(STDERR_FILENO, "command terminated with exit code %lld\n", (long long)code);
			return 0;
		}
	return err_set(e, ERR_INTERNAL, "%.*s", STR_F(value_path_str(status, "message")));
}

static int read_status(struct exec *x, int broken, struct err *e)
{
	struct value *v;
	struct json_opts o = {0};
	struct str text = buf_view(&x->status);
	if (!text.n)
		return broken ? err_set(e, ERR_BAD_REQUEST, "the connection to the container broke: %s", strerror(-broken)) : 0;
	if (json_parse(x->c->a, text, &o, &v, NULL) != 0)
		return err_set(e, ERR_INTERNAL, "%.*s", STR_F(str_trim(text)));
	if (str_is(value_path_str(v, "status"), "Success"))
		return 0;
	return exit_code(x, v, e);
}

static void start(struct exec *x)
{
	if (x->want.out)
		fiber_spawn(&x->outputs, "stdout", pump_stdout, x);
	if (x->want.err)
		fiber_spawn(&x->outputs, "stderr", pump_stderr, x);
	fiber_spawn(&x->outputs, "status", pump_status, x);
	if (x->want.in)
		fiber_spawn(&x->inputs, "stdin", pump_in, x);
	if (x->want.tty)
		fiber_spawn(&x->inputs, "sizes", terminal_sizes, x->set.s[STREAM_RESIZE]);
}

static int run(struct exec *x, struct stream_conn *conn, struct err *e)
{
	if (stream_exec_set(conn, &x->set, rt_now() + 30 * NS_S, e) != 0)
		return -1;
	scope_init(&x->outputs, NULL);
	scope_init(&x->inputs, NULL);
	if (x->want.tty)
		terminal_raw();
	start(x);
	(void)!scope_join(&x->outputs, MONO_NEVER);
	scope_fini(&x->outputs);
	scope_fini(&x->inputs);
	terminal_restore();
	int failed = read_status(x, stream_conn_error(conn), e);
	buf_fini(&x->status);
	return failed;
}

/* ---- */

static void put_path(struct exec *x, struct buf *path, uint32_t first_word)
{
	static const struct { const char *name; size_t at; } pipes[] = {
		{"stderr", offsetof(struct stream_want, err)}, {"stdin", offsetof(struct stream_want, in)}, {"stdout", offsetof(struct stream_want, out)},
		{"tty", offsetof(struct stream_want, tty)},
	};
	mapping_path(path, x->pod.m, x->pod.ns, x->pod.name, x->sub);
	for (uint32_t i = first_word; i < ctl_args(x->c)->len && strcmp(x->sub, "exec") == 0; i++)
		query_add(path, "command", ctl_arg(x->c, i));
	query_add(path, "container", x->container);
	for (size_t i = 0; i < ARRAY_LEN(pipes); i++)
		if (*(const bool *)((const char *)&x->want + pipes[i].at))
			query_add(path, pipes[i].name, STR("true"));
}

static int find_pod(struct exec *x, const char *verb, struct err *e)
{
	struct target t;
	struct targets pods;
	if (pods_object(x->c, &t, e) != 0 || pods_first(x->c, &t, &pods, e) != 0)
		return -1;
	x->pod = pods.items[0];
	struct str phase = value_path_str(x->pod.obj, "status.phase");
	if (str_is(phase, "Succeeded") || str_is(phase, "Failed"))
		return err_set(e, ERR_BAD_REQUEST, "cannot %s a container in a completed pod; current phase is %.*s", verb, STR_F(phase));
	return 0;
}

/* A terminal needs one on this side, too. */
static void want_pipes(struct exec *x)
{
	x->want = (struct stream_want){.in = opt_on(x->c, "stdin"), .out = true, .err = true, .tty = opt_on(x->c, "tty") && opt_on(x->c, "stdin")};
	if (x->want.tty && !isatty(STDIN_FILENO)) {
		x->want.tty = false;
		if (!x->quiet)
			dprintf(STDERR_FILENO, "Unable to use a TTY - input is not a terminal or the right kind of file\n");
	}
	x->want.err = !x->want.tty;
}

static int connect_and_run(struct exec *x, uint32_t first_word, struct err *e)
{
	BUF(path);
	put_path(x, &path, first_word);
	struct stream_conn *conn = upgrade_open(x->c, buf_view(&path), &x->want, e);
	if (!conn)
		return -1;
	int failed = run(x, conn, e);
	stream_conn_close(conn);
	return failed;
}

int cmd_exec(struct ctl *c, struct err *e)
{
	struct exec x = {.c = c, .sub = "exec", .quiet = opt_on(c, "quiet")};
	uint32_t n = ctl_args(c)->len, first = opt_list(c, "filename")->len ? 0 : 1;
	if (first && (!n || c->opts.dash == 0))
		return err_set(e, ERR_BAD_REQUEST, "pod, type/name or --filename must be specified");
	if (n > first && c->opts.dash < 0)
		return usage_error(c, e, "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead");
	if (n <= first)
		return err_set(e, ERR_BAD_REQUEST, "you must specify at least one command for the container");
	if (find_pod(&x, "exec into", e) != 0 || pods_container(c, x.pod.obj, x.quiet, &x.container, e) != 0)
		return -1;
	want_pipes(&x);
	return connect_and_run(&x, first, e);
}

static bool container_has_tty(const struct exec *x)
{
	const struct value *list = value_path(x->pod.obj, "spec.containers");
	EACH_ITEM(v, list)
		if (str_eq(value_path_str(*v, "name"), x->container))
			return is_true(value_get(*v, STR("tty")));
	return false;
}

int cmd_attach(struct ctl *c, struct err *e)
{
	struct exec x = {.c = c, .sub = "attach", .quiet = opt_on(c, "quiet")};
	if (!ctl_args(c)->len)
		return err_set(e, ERR_BAD_REQUEST, "at least 1 argument is required for attach");
	if (ctl_args(c)->len > 1)
		return err_set(e, ERR_BAD_REQUEST, "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw %u: [%.*s]", ctl_args(c)->len,
			STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (find_pod(&x, "attach", e) != 0)
		return -1;
	if (pods_container(c, x.pod.obj, x.quiet, &x.container, e) != 0)
		return err_wrap(e, "cannot attach to the container");
	want_pipes(&x);
	if (x.want.tty && !container_has_tty(&x)) {
		x.want.tty = false;
		x.want.err = true;
		dprintf(STDERR_FILENO, "error: Unable to use a TTY - container %.*s did not allocate one\n", STR_F(x.container));
	}
	if (!x.quiet)
		dprintf(STDERR_FILENO, "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed "
			"through the command prompt.\nIf you don't see a command prompt, try pressing enter.\n");
	return connect_and_run(&x, 1, e);
}

/* What it wrote before it ended. */
static int print_log(struct exec *x, struct err *e)
{
	BUF(path);
	struct str text;
	mapping_path(&path, x->pod.m, x->pod.ns, x->pod.name, "log");
	query_add(&path, "container", x->container);
	if (rest_call(x->c, &(struct request){.method = "GET", .path = buf_view(&path), .accept = "*/*"}, &text, e) != 0)
		return -1;
	buf_str(&x->c->out, text);
	return 0;
}

int attach_pod(struct ctl *c, const struct target *t, struct err *e)
{
	struct exec x = {.c = c, .sub = "attach", .pod = *t, .quiet = opt_on(c, "quiet")};
	const struct value *list = value_path(t->obj, "spec.containers");
	if (list_len(list))
		x.container = value_path_str(item_at(list, 0), "name");
	if (!str_is(value_path_str(t->obj, "status.phase"), "Running"))
		return print_log(&x, e);
	want_pipes(&x);
	ERR(failed);
	if (connect_and_run(&x, 0, &failed) == 0)
		return 0;
	/* It may have ended before we came. */
	if (print_log(&x, e) == 0)
		return 0;
	err_move(e, &failed);
	return -1;
}
