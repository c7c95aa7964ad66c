/* Only one fiber asks the plug-in at a time; the others wait for what it says. */
#include "client/exec_auth.h"
#include "base/buf.h"
#include "client/impl.h"
#include "codec/json.h"
#include "gen/clientauthentication_v1.h"
#include "gen/ids.h"
#include "os/file.h"
#include "os/spawn.h"
#include "rt/io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXEC_OUTPUT_MAX ((size_t)1 << 20)
#define READ_SIZE ((size_t)8 << 10)
#define EXEC_TIMEOUT (5 * NS_MIN)      /* a person may have to type a password */
#define GROUP_OF_EXEC "client.authentication.k8s.io/"

struct exec_auth {
	const struct rest_config *c;
	struct arena *arena;               /* of what is kept */
	struct exec_cred cred;
	bool have, expires;
	wall_t expiry;
	bool busy;
	struct cond cond;
};

extern char **environ;

struct exec_auth *exec_auth_new(const struct rest_config *c, struct err *e)
{
	struct str v = c->exec->apiVersion;
	if (!str_is(v, GROUP_OF_EXEC "v1") && !str_is(v, GROUP_OF_EXEC "v1beta1"))
		return err_set(e, ERR_BAD_REQUEST, "exec plugin: invalid apiVersion \"%.*s\"", STR_F(v)), NULL;
	struct exec_auth *x = (struct exec_auth *)alloc_zero(sizeof *x);
	x->c = c;
	cond_init(&x->cond);
	return x;
}

void exec_auth_free(struct exec_auth *x)
{
	if (!x)
		return;
	arena_free(x->arena);
	free(x);
}

void exec_auth_expire(struct exec_auth *x)
{
	x->have = false;
}

/* ---- what the plug-in is told */

static int interactive(const struct exec_auth *x, bool *ret, struct err *e)
{
	struct str mode = x->c->exec->interactiveMode;
	bool terminal = isatty(0);
	if (str_is(mode, "Always") && !terminal)
		return err_set(e, ERR_UNAUTHORIZED, "exec plugin cannot support interactive mode: standard input is not a terminal");
	*ret = !str_is(mode, "Never") && terminal;
	return 0;
}

static int cluster_info(const struct exec_auth *x, struct arena *a, struct clientauthentication_v1_Cluster *k, struct err *e)
{
	const struct rest_config *c = x->c;
	*k = (struct clientauthentication_v1_Cluster){
		.server = c->server, .tls_server_name = c->server_name, .insecure_skip_tls_verify = c->insecure, .certificate_authority_data = c->ca_pem,
		.config = c->exec_cluster_config,
	};
	if (k->certificate_authority_data.n || !c->ca_file.n)
		return 0;
	return file_read(a, str_z(a, c->ca_file), EXEC_OUTPUT_MAX, &k->certificate_authority_data, e);
}

static int exec_info(const struct exec_auth *x, struct arena *a, bool tty, struct str *ret, struct err *e)
{
	struct clientauthentication_v1_ExecCredential cred = {.kind = STR("ExecCredential"), .apiVersion = x->c->exec->apiVersion, .spec.interactive = tty};
	struct clientauthentication_v1_Cluster cluster;
	BUF(json);
	if (x->c->exec->provideClusterInfo) {
		if (cluster_info(x, a, &cluster, e) < 0)
			return -1;
		cred.spec.cluster = &cluster;
	}
	json_encode(&json, (struct ref){desc_type(T_clientauthentication_v1_ExecCredential), &cred});
	*ret = str_printf(a, "KUBERNETES_EXEC_INFO=%.*s", STR_F(buf_view(&json)));
	return 0;
}

typedef struct { const char **items; uint32_t len, cap; } words_t;

static const char **environment(const struct exec_auth *x, struct arena *a, struct str info)
{
	words_t v = {0};
	for (char **p = environ; *p; p++)
		*arena_push(a, &v) = *p;
	LIST_EACH(n, x->c->exec->env)
		*arena_push(a, &v) = str_z(a, str_printf(a, "%.*s=%.*s", STR_F(n->name), STR_F(n->value)));
	*arena_push(a, &v) = str_z(a, info);
	*arena_push(a, &v) = NULL;
	return v.items;
}

static const char **arguments(const struct exec_auth *x, struct arena *a)
{
	words_t v = {0};
	*arena_push(a, &v) = str_z(a, x->c->exec->command);
	LIST_EACH(s, x->c->exec->args)
		*arena_push(a, &v) = str_z(a, *s);
	*arena_push(a, &v) = NULL;
	return v.items;
}

/* ---- what it says */

static int not_found(const struct exec_auth *x, struct err *e)
{
	struct str hint = x->c->exec->installHint;
	return err_set(e, ERR_UNAUTHORIZED, "exec: executable %.*s not found%s%.*s", STR_F(x->c->exec->command), hint.n ? "\n\n" : "", STR_F(hint));
}

/* All that comes until the end of the pipe. */
static int read_output(int fd, struct buf *out, mono_t deadline)
{
	for (;;) {
		char *p = buf_room(out, READ_SIZE);
		ssize_t n = p ? rt_read(fd, p, READ_SIZE, deadline) : -EFBIG;
		if (n <= 0)
			return (int)n;
		out->n += (size_t)n;
	}
}

static int finish(struct proc *p, int fd, struct buf *out, int *ret_status)
{
	mono_t deadline = rt_now() + EXEC_TIMEOUT;
	int r = read_output(fd, out, deadline);
	if (r == 0)
		r = proc_wait(p, deadline, ret_status);
	if (r < 0)
		proc_stop(p, NS_S, ret_status);
	return r;
}

/* Its standard error is ours: it may ask for a password there. */
static int capture(struct spawn_opts *o, struct buf *out, int *ret_status, struct err *e)
{
	int fd[2];
	struct proc p = PROC_NONE;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	o->out = fd[1];
	o->err = SPAWN_INHERIT;
	int r = spawn(o, &p, e);
	close(fd[1]);
	if (r == 0 && (r = finish(&p, fd[0], out, ret_status)) < 0)
		transport_failed(e, r, o->path);
	rt_close(fd[0]);
	close(fd[0]);
	return r < 0 ? -1 : 0;
}

static int run(const struct exec_auth *x, struct arena *a, struct str *ret, struct err *e)
{
	struct str info;
	int status = 0;
	bool tty = false;
	BUF(out);
	ERR(why);
	if (interactive(x, &tty, e) < 0 || exec_info(x, a, tty, &info, e) < 0)
		return -1;
	const char **argv = arguments(x, a);
	out.max = EXEC_OUTPUT_MAX;
	struct spawn_opts o = {.path = argv[0], .argv = argv, .env = environment(x, a, info), .in = tty ? SPAWN_INHERIT : SPAWN_NULL};
	if (capture(&o, &out, &status, &why) < 0) {
		if (why.sys == ENOENT)
			return not_found(x, e);
		err_pass(e, &why);
		return err_wrap(e, "exec");
	}
	*ret = buf_take(&out, a);
	buf_fini_secret(&out);
	if (status == 0)
		return 0;
	return err_set(e, ERR_UNAUTHORIZED, "exec: executable %s failed with exit code %d", argv[0], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int check_answer(const struct exec_auth *x, const struct clientauthentication_v1_ExecCredential *c, struct err *e)
{
	const struct clientauthentication_v1_ExecCredentialStatus *s = c->status;
	if (!str_eq(c->apiVersion, x->c->exec->apiVersion))
		return err_set(e, ERR_UNAUTHORIZED, "exec plugin is configured to use API version %.*s, plugin returned version %.*s",
			STR_F(x->c->exec->apiVersion), STR_F(c->apiVersion));
	if (!s)
		return err_set(e, ERR_UNAUTHORIZED, "exec plugin didn't return a status field");
	if (!s->token.n && !s->clientCertificateData.n && !s->clientKeyData.n)
		return err_set(e, ERR_UNAUTHORIZED, "exec plugin didn't return a token or cert/key pair");
	if (!s->clientCertificateData.n != !s->clientKeyData.n)
		return err_set(e, ERR_UNAUTHORIZED, "exec plugin returned only certificate or key, not both");
	return 0;
}

static int ask(const struct exec_auth *x, struct arena *a, struct clientauthentication_v1_ExecCredential *c, struct err *e)
{
	struct str text;
	ERR(why);
	if (run(x, a, &text, e) < 0)
		return -1;
	if (json_decode(a, desc_type(T_clientauthentication_v1_ExecCredential), text, NULL, c, &why) < 0)
		return err_set(e, ERR_UNAUTHORIZED, "decoding stdout: %s", err_text(&why));
	return check_answer(x, c, e);
}

/* Takes over the arena that s lies in. */
static void keep(struct exec_auth *x, struct arena *a, const struct clientauthentication_v1_ExecCredentialStatus *s, bool *ret_changed)
{
	*ret_changed = !str_eq(x->cred.cert_pem, s->clientCertificateData) || !str_eq(x->cred.key_pem, s->clientKeyData);
	x->cred = (struct exec_cred){.token = s->token, .cert_pem = s->clientCertificateData, .key_pem = s->clientKeyData};
	x->expires = s->has_expirationTimestamp;
	x->expiry = api_time_wall(s->expirationTimestamp);
	x->have = true;
	arena_free(x->arena);
	x->arena = a;
}

static int refresh(struct exec_auth *x, bool *ret_changed, struct err *e)
{
	struct arena *a = arena_new(NULL);
	struct clientauthentication_v1_ExecCredential c = {0};
	arena_mark_secret(a);
	x->busy = true;
	int r = ask(x, a, &c, e);
	x->busy = false;
	cond_wake_all(&x->cond);
	if (r < 0)
		arena_free(a);
	else
		keep(x, a, c.status, ret_changed);
	return r;
}

static bool usable(const struct exec_auth *x)
{
	return x->have && !(x->expires && rt_wall() > x->expiry);
}

int exec_auth_get(struct exec_auth *x, struct exec_cred *ret, bool *ret_changed, struct err *e)
{
	*ret_changed = false;
	while (x->busy)
		if (cond_wait(&x->cond, MONO_NEVER) < 0)
			return transport_failed(e, ECANCELED, "exec plugin");
	if (!usable(x) && refresh(x, ret_changed, e) < 0)
		return -1;
	*ret = x->cred;
	return 0;
}
