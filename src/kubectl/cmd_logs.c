/* logs: what containers wrote, of one Pod or of many, as it is or as it comes. */
#include "base/clock.h"
#include "kubectl/command.h"
#include "kubectl/pods.h"
#include "kubectl/walk.h"
#include "rt/fiber.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK 65536
#define TAIL_OF_MANY 10 /* lines per container, when a selector chose the Pods */

/* One container's log. */
struct log {
	struct logs *all;
	const struct target *pod;
	struct str container;
	struct str prefix;
	struct buf line;      /* of several logs only whole lines are written */
	struct err err;
};
struct logs {
	struct ctl *c;
	struct { struct log *items; uint32_t len, cap; } list;
	bool whole_lines;
};

static void add_log(struct logs *l, const struct target *pod, struct str container)
{
	struct log *x = arena_push(l->c->a, &l->list);
	*x = (struct log){.all = l, .pod = pod, .container = container};
	if ((opt_on(l->c, "prefix") || opt_on(l->c, "all-pods")))
		x->prefix = str_printf(l->c->a, "[pod/%.*s/%.*s] ", STR_F(pod->name), STR_F(container));
}

static int add_pod(struct logs *l, const struct target *pod, struct err *e)
{
	static const char *const lists[] = {"spec.initContainers", "spec.containers", "spec.ephemeralContainers"};
	struct str name;
	if (!opt_on(l->c, "all-containers")) {
		if (pods_container(l->c, pod->obj, false, &name, e) != 0)
			return -1;
		add_log(l, pod, name);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct value *list = value_path(pod->obj, lists[i]);
		EACH_ITEM(x, list)
			add_log(l, pod, value_path_str(*x, "name"));
	}
	return 0;
}

/* ---- one log */

static void put_options(struct ctl *c, struct buf *path)
{
	static const char *const switches[][2] = {
		{"follow", "follow"}, {"insecure-skip-tls-verify-backend", "insecureSkipTLSVerifyBackend"}, {"previous", "previous"}, {"timestamps", "timestamps"},
	};
	int64_t tail = opt_int(c, "tail");
	nsec_t since = opt_duration(c, "since");
	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		if (opt_on(c, switches[i][0]))
			query_add(path, switches[i][1], STR("true"));
	if (opt_int(c, "limit-bytes"))
		query_add(path, "limitBytes", opt(c, "limit-bytes"));
	if (since)
		query_add(path, "sinceSeconds", str_printf(c->a, "%lld", (long long)((since + NS_S / 2) / NS_S)));
	if (opt(c, "since-time").n)
		query_add(path, "sinceTime", opt(c, "since-time"));
	if (opt(c, "selector").n && !opt_given(c, "tail"))
		tail = TAIL_OF_MANY;
	if (tail >= 0)
		query_add(path, "tailLines", str_printf(c->a, "%lld", (long long)tail));
}

static void put_lines(struct log *x, struct str text)
{
	struct buf *out = &x->all->c->out;
	if (!x->all->whole_lines) {
		buf_str(out, text);
		ctl_flush(x->all->c);
		return;
	}
	for (size_t i = 0; i < text.n; i++) {
		buf_char(&x->line, text.p[i]);
		if (text.p[i] != '\n')
			continue;
		buf_str(out, x->prefix);
		buf_str(out, buf_view(&x->line));
		buf_clear(&x->line);
	}
	ctl_flush(x->all->c);
}

static int copy(struct log *x, struct lines *l, struct err *e)
{
	char *p = arena_text(x->all->c->a, CHUNK);
	nsec_t limit = x->all->c->rest.timeout;
	mono_t deadline = limit ? rt_now() + limit : MONO_NEVER;
	ssize_t n;
	while ((n = raw_stream_read(l->s, p, CHUNK, deadline)) > 0)
		put_lines(x, str_n(p, (size_t)n));
	if (x->line.n) {
		buf_str(&x->all->c->out, x->prefix);
		buf_str(&x->all->c->out, buf_view(&x->line));
		ctl_flush(x->all->c);
	}
	return n < 0 ? err_set(e, ERR_BAD_REQUEST, "%s", strerror((int)-n)) : 0;
}

static int read_log(struct log *x, struct err *e)
{
	BUF(path);
	struct lines l;
	struct ctl *c = x->all->c;
	mapping_path(&path, x->pod->m, x->pod->ns, x->pod->name, "log");
	query_add(&path, "container", x->container);
	put_options(c, &path);
	if (lines_open(c, &l, buf_view(&path), "*/*", e) != 0)
		return -1;
	int failed = copy(x, &l, e);
	lines_close(&l);
	return failed;
}

static void run_log(void *arg)
{
	struct log *x = arg;
	ERR(e);
	if (read_log(x, &e) != 0)
		err_move(&x->err, &e);
	buf_fini(&x->line);
}

/* ---- */

static int told(struct logs *l, struct log *x, struct err *e)
{
	if (!x->err.code)
		return 0;
	if (opt_on(l->c, "ignore-errors")) {
		dprintf(STDERR_FILENO, "error: %.*s\n", STR_F(x->err.message));
		err_fini(&x->err);
		return 0;
	}
	err_move(e, &x->err);
	return -1;
}

static int follow_all(struct logs *l, struct err *e)
{
	struct scope s;
	int failed = 0;
	int64_t max = opt_int(l->c, "max-log-requests");
	if (l->list.len > max)
		return err_set(e, ERR_BAD_REQUEST, "you are attempting to follow %u log streams, but maximum allowed concurrency is %lld, use --max-log-requests to increase the limit",
			l->list.len, (long long)max);
	scope_init(&s, NULL);
	for (uint32_t i = 0; i < l->list.len; i++)
		fiber_spawn(&s, "log", run_log, &l->list.items[i]);
	(void)!scope_join(&s, MONO_NEVER);
	scope_fini(&s);
	for (uint32_t i = 0; i < l->list.len; i++)
		if (l->list.items[i].err.code && !failed)
			failed = told(l, &l->list.items[i], e);
	return failed;
}

static int read_all(struct logs *l, struct err *e)
{
	l->whole_lines = (opt_on(l->c, "prefix") || opt_on(l->c, "all-pods")) || (opt_on(l->c, "follow") && l->list.len > 1);
	if (opt_on(l->c, "follow") && l->list.len > 1)
		return follow_all(l, e);
	for (uint32_t i = 0; i < l->list.len; i++) {
		run_log(&l->list.items[i]);
		if (told(l, &l->list.items[i], e) != 0)
			return -1;
	}
	return 0;
}

static int by_selector(struct ctl *c, struct targets *pods, struct err *e)
{
	struct str word = STR("pods");
	if (ctl_args(c)->len)
		return usage_error(c, e, "only a selector (-l) or a POD name is allowed");
	struct target_opts o = {.flags = TARGET_LIST_ALL, .args = &word, .nargs = 1};
	if (targets_read(c, &o, pods, e) != 0 || targets_fetch(c, pods, false, e) != 0)
		return -1;
	if (!pods->len && !c->problems.len)
		dprintf(STDERR_FILENO, "No resources found in %.*s namespace.\n", STR_F(c->ns));
	return 0;
}

static int by_name(struct ctl *c, struct targets *pods, struct err *e)
{
	struct target t;
	if (pods_object(c, &t, e) != 0)
		return -1;
	if (pods_first(c, &t, pods, e) != 0)
		return -1;
	if (pods->len > 1 && !opt_on(c, "all-pods")) {
		dprintf(STDERR_FILENO, "Found %u pods, using pod/%.*s\n", pods->len, STR_F(pods->items[0].name));
		pods->len = 1;
	}
	return 0;
}

/* What Go says of a text that is no time: from where on it cannot be read, and as what. */
static int check_time(struct str text, struct err *e)
{
	static const struct { const char *layout; size_t digits; } parts[] = {{"2006", 4}, {"-", 0}, {"01", 2}, {"-", 0}, {"02", 2}, {"T", 0}, {"15", 2}, {":", 0}, {"04", 2},
		{":", 0}, {"05", 2}};
	int64_t sec;
	int32_t nsec;
	struct str rest = text;
	const char *as = "Z07:00";
	if (!text.n || time_parse_rfc3339(text, &sec, &nsec) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t n = parts[i].digits ? parts[i].digits : 1, ok = 0;
		while (ok < n && ok < rest.n && (parts[i].digits ? rest.p[ok] >= '0' && rest.p[ok] <= '9' : rest.p[ok] == parts[i].layout[0]))
			ok++;
		if (ok < n) {
			as = parts[i].layout;
			break;
		}
		rest = str_sub(rest, n, rest.n);
	}
	return err_set(e, ERR_BAD_REQUEST, "parsing time \"%.*s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"%.*s\" as \"%s\"", STR_F(text), STR_F(rest), as);
}

static int check(struct ctl *c, struct err *e)
{
	if (!ctl_args(c)->len && !opt(c, "selector").n)
		return usage_error(c, e, "'logs (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command");
	if (ctl_args(c)->len > 2)
		return usage_error(c, e, "'logs (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command");
	if (ctl_args(c)->len == 2 && opt(c, "container").n)
		return usage_error(c, e, "only one of -c or an inline [CONTAINER] arg is allowed");
	if (opt_on(c, "all-containers") && opt(c, "container").n)
		return err_set(e, ERR_BAD_REQUEST, "--all-containers=true should not be specified with container name %.*s", STR_F(opt(c, "container")));
	if (check_time(opt(c, "since-time"), e) != 0)
		return -1;
	if (opt_duration(c, "since") <= -NS_S / 2)
		return err_set(e, ERR_BAD_REQUEST, "--since must be greater than 0");
	if (opt(c, "since-time").n && opt_duration(c, "since"))
		return err_set(e, ERR_BAD_REQUEST, "at most one of `sinceTime` or `sinceSeconds` may be specified");
	if (opt_int(c, "limit-bytes") < 0)
		return err_set(e, ERR_BAD_REQUEST, "--limit-bytes must be greater than 0");
	if (opt_int(c, "tail") < -1)
		return err_set(e, ERR_BAD_REQUEST, "--tail must be greater than or equal to -1");
	return 0;
}

int cmd_logs(struct ctl *c, struct err *e)
{
	struct logs l = {.c = c};
	struct targets pods;
	if (check(c, e) != 0)
		return -1;
	if (ctl_args(c)->len == 2)
		option_find(&c->opts, "container")->text = ctl_arg(c, 1);
	if ((opt(c, "selector").n ? by_selector(c, &pods, e) : by_name(c, &pods, e)) != 0)
		return -1;
	for (uint32_t i = 0; i < pods.len; i++)
		if (add_pod(&l, &pods.items[i], e) != 0)
			return -1;
	return read_all(&l, e);
}
