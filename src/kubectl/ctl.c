#include "kubectl/ctl.h"
#include "base/log.h"
#include "client/kubeconfig.h"
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct option *must_option(const struct ctl *c, const char *name)
{
	struct option *o = option_find(&c->opts, name);
	if (!o)
		bug(name);
	return o;
}

struct str opt(const struct ctl *c, const char *name) { return must_option(c, name)->text; }
const str_list_t *opt_list(const struct ctl *c, const char *name) { return &must_option(c, name)->list; }
bool opt_given(const struct ctl *c, const char *name) { return must_option(c, name)->changed; }
bool opt_exists(const struct ctl *c, const char *name) { return option_find(&c->opts, name) != NULL; }

bool opt_on(const struct ctl *c, const char *name)
{
	struct str v = opt(c, name);
	return v.n && (v.p[0] == 't' || v.p[0] == 'T' || v.p[0] == '1');
}

int64_t opt_int(const struct ctl *c, const char *name)
{
	int64_t v = 0;
	return str_i64(opt(c, name), &v) == 0 ? v : 0;
}

nsec_t opt_duration(const struct ctl *c, const char *name)
{
	nsec_t v = 0;
	return duration_parse(opt(c, name), &v) == 0 ? v : 0;
}

int usage_error(struct ctl *c, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str s = str_vprintf(c->a, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_BAD_REQUEST, "%.*s\nSee '%s -h' for help and examples", STR_F(s), c->fact->path);
}

/* ---- connection */

static const char timeout_words[] =
	"Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)";

static int request_timeout(struct ctl *c, nsec_t *ret, struct err *e)
{
	struct str s = opt(c, "request-timeout");
	int64_t seconds;
	if (str_i64(s, &seconds) == 0 && seconds >= 0)
		*ret = seconds * NS_S;
	else if (!s.n || s.p[0] == '-' || duration_parse(s, ret) != 0)
		return err_set(e, ERR_BAD_REQUEST, "%s", timeout_words);
	return 0;
}

/* A flag of all commands, unless the command has one of the same name (create rolebinding --user). */
static struct str global(const struct ctl *c, const char *name)
{
	for (unsigned i = 0; i < c->fact->n; i++)
		if (c->fact != kubectl_commands && strcmp(kubectl_flags[c->fact->first + i].name, name) == 0)
			return (struct str){0};
	return opt(c, name);
}

static int overrides_fill(struct ctl *c, struct kubeconfig_overrides *o, struct err *e)
{
	const str_list_t *groups = opt_list(c, "as-group");
	*o = (struct kubeconfig_overrides){
		.context = global(c, "context"), .cluster = global(c, "cluster"), .user = global(c, "user"), .namespace_ = global(c, "namespace"), .server = global(c, "server"),
		.token = global(c, "token"), .ca_file = global(c, "certificate-authority"), .client_cert = global(c, "client-certificate"),
		.client_key = global(c, "client-key"), .tls_server_name = global(c, "tls-server-name"), .as = global(c, "as"), .as_uid = global(c, "as-uid"),
		.as_groups = groups->items, .nas_groups = groups->len, .username = global(c, "username"), .password = global(c, "password"),
		.insecure_skip_tls_verify = opt_on(c, "insecure-skip-tls-verify"), .server_default = STR("http://localhost:8080"),
	};
	return request_timeout(c, &o->timeout, e);
}

/* A server without a scheme is meant to speak TLS, except when no configuration names one. */
static void complete_server(struct ctl *c)
{
	if (c->rest.server.n && str_find(c->rest.server, STR("://")) < 0)
		c->rest.server = str_printf(c->a, "https://%.*s", STR_F(c->rest.server));
	while (c->rest.server.n > 8 && c->rest.server.p[c->rest.server.n - 1] == '/')
		c->rest.server.n--;
}

/* Upstream tells some mistakes of the command line without what leads the others. */
static int bare(struct ctl *c, struct err *e)
{
	struct str lead = STR("invalid configuration: "), text = e->message;
	if (str_has_prefix(text, lead) && str_find(text, STR("without impersonating a user")) > 0) {
		text = str_dup(c->a, str_sub(text, lead.n, text.n));
		err_set(e, ERR_BAD_REQUEST, "%.*s", STR_F(text));
	}
	return -1;
}

int ctl_config(struct ctl *c, struct err *e)
{
	struct kubeconfig_overrides o;
	if (c->rest.server.n)
		return 0;
	if (overrides_fill(c, &o, e) != 0)
		return -1;
	struct clientcmd_v1_Config *k = kubeconfig_load(c->a, opt(c, "kubeconfig"), e);
	if (!k || kubeconfig_rest(c->a, k, &o, &c->rest, e) != 0)
		return bare(c, e);
	complete_server(c);
	c->rest.user_agent = STR("kubectl/v1.36.0 (linux) c8s");
	c->ns = c->rest.namespace_.n ? c->rest.namespace_ : STR("default");
	c->ns_given = opt(c, "namespace").n > 0;
	return 0;
}

int ctl_connect(struct ctl *c, struct err *e)
{
	if (c->t)
		return 0;
	if (ctl_config(c, e) != 0)
		return -1;
	c->t = https_transport_new(c->rt, &c->rest, e);
	return c->t ? 0 : -1;
}

/* ---- output */

void ctl_print(struct ctl *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&c->out, fmt, ap);
	va_end(ap);
}

void ctl_flush(struct ctl *c)
{
	size_t at = 0;
	while (at < c->out.n) {
		ssize_t n = write(STDOUT_FILENO, c->out.p + at, c->out.n - at);
		if (n < 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	buf_clear(&c->out);
}

int ctl_problem(struct ctl *c, struct err *e)
{
	struct problem *p = arena_push(c->a, &c->problems);
	err_move(&p->err, e);
	return 0;
}

void ctl_warn(struct ctl *c, struct str text)
{
	if (!map_has(&c->warned, text)) {
		map_set_dup(&c->warned, text, c);
		ctl_flush(c);
		dprintf(STDERR_FILENO, "Warning: %.*s\n", STR_F(text));
	}
}

int ctl_dry_run(struct ctl *c, enum dry_run *ret, struct err *e)
{
	struct str v = opt(c, "dry-run");
	if (str_is(v, "unchanged") || str_is(v, "client"))
		*ret = DRY_CLIENT;
	else if (str_is(v, "server"))
		*ret = DRY_SERVER;
	else if (str_is(v, "none"))
		*ret = DRY_NONE;
	else
		return err_set(e, ERR_BAD_REQUEST, "Invalid dry-run value (%.*s). Must be \"none\", \"server\", or \"client\".", STR_F(v));
	return 0;
}
