/* From a configuration and flags to what a connection needs, with upstream's precedence and checks (client-go's DirectClientConfig). */
#include "client/impl.h"
#include "client/kubeconfig.h"
#include "base/buf.h"
#include "os/file.h"
#include <errno.h>
#include <unistd.h>

#define PEM_FILE_MAX (1u << 20)
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define EXEC_EXTENSION "client.authentication.k8s.io/exec"

/* What is chosen, overrides applied. */
struct chosen {
	struct str context, user_name, cluster_name, namespace_;
	struct clientcmd_v1_Cluster cluster;
	struct clientcmd_v1_AuthInfo user;
};
/* What is wrong, collected. */
struct wrongs {
	struct arena *a;
	struct str *items;
	uint32_t len, cap;
	bool only_empty; /* the one complaint is that there is no cluster at all */
};

__attribute__((format(printf, 2, 3))) static void wrong_add(struct wrongs *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	*arena_push(w->a, w) = str_vprintf(w->a, fmt, ap);
	va_end(ap);
}

static void take(struct str *to, struct str from)
{
	if (from.n)
		*to = from;
}

/* ---- choosing */

static int choose_names(const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o, struct chosen *ch, struct err *e)
{
	ch->context = o->context.n ? o->context : c->current_context;
	const struct clientcmd_v1_Context *x = kubeconfig_context(c, ch->context);
	ch->user_name = o->user;
	ch->cluster_name = o->cluster;
	ch->namespace_ = o->namespace_;
	if (x) {
		ch->user_name = o->user.n ? o->user : x->user;
		ch->cluster_name = o->cluster.n ? o->cluster : x->cluster;
		ch->namespace_ = o->namespace_.n ? o->namespace_ : x->namespace;
	}
	if (o->user.n && !kubeconfig_user(c, o->user))
		return err_set(e, ERR_NOT_FOUND, "auth info \"%.*s\" does not exist", STR_F(o->user));
	if (o->context.n && !x)
		return err_set(e, ERR_BAD_REQUEST, "context \"%.*s\" does not exist", STR_F(o->context));
	if (o->cluster.n && !kubeconfig_cluster(c, o->cluster))
		return err_set(e, ERR_BAD_REQUEST, "cluster \"%.*s\" does not exist", STR_F(o->cluster));
	return 0;
}

static void choose_user(const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o, struct chosen *ch)
{
	const struct clientcmd_v1_AuthInfo *found = kubeconfig_user(c, ch->user_name);
	struct clientcmd_v1_AuthInfo *u = &ch->user;
	if (found)
		*u = *found;
	take(&u->token, o->token);
	take(&u->username, o->username);
	take(&u->password, o->password);
	take(&u->as, o->as);
	take(&u->as_uid, o->as_uid);
	if (o->nas_groups)
		u->as_groups = (str_list_t){o->as_groups, (uint32_t)o->nas_groups, (uint32_t)o->nas_groups};
	/* A file named by flag is used although the user has data. */
	if (o->client_key.n) {
		u->client_key = o->client_key;
		u->client_key_data = (struct str){0};
	}
	if (o->client_cert.n) {
		u->client_certificate = o->client_cert;
		u->client_certificate_data = (struct str){0};
	}
}

static void choose_cluster(const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o, struct chosen *ch)
{
	const struct clientcmd_v1_Cluster *found = kubeconfig_cluster(c, ch->cluster_name);
	struct clientcmd_v1_Cluster *k = &ch->cluster;
	if (found)
		*k = *found;
	if (!k->server.n)
		k->server = o->server_default;
	take(&k->server, o->server);
	if (o->insecure_skip_tls_verify || o->ca_file.n) {
		k->insecure_skip_tls_verify = o->insecure_skip_tls_verify;
		k->certificate_authority = o->ca_file;
		k->certificate_authority_data = (struct str){0};
	}
	/* Another server has another name, unless that is given too. */
	if (o->tls_server_name.n || o->server.n)
		k->tls_server_name = o->tls_server_name;
}

/* ---- checking */

static void check_file(struct wrongs *w, const char *what, struct str path, struct str whose)
{
	const char *z = str_z(w->a, path);
	if (!path.n || access(z, R_OK) == 0)
		return;
	const char *why = errno == ENOENT ? "no such file or directory" : errno == EACCES ? "permission denied" : strerror(errno);
	wrong_add(w, "unable to read %s %s for %.*s due to open %s: %s", what, z, STR_F(whose), z, why);
}

static bool cluster_empty(const struct clientcmd_v1_Cluster *k)
{
	return !k->server.n && !k->tls_server_name.n && !k->certificate_authority.n && !k->certificate_authority_data.n && !k->proxy_url.n &&
		!k->insecure_skip_tls_verify && !k->disable_compression && !k->extensions.len;
}

static void check_cluster(struct wrongs *w, struct str name, const struct clientcmd_v1_Cluster *k)
{
	if (cluster_empty(k)) {
		w->only_empty = w->len == 0;
		wrong_add(w, "cluster has no server defined");
		return;
	}
	if (!k->server.n && !name.n)
		wrong_add(w, "default cluster has no server defined");
	else if (!k->server.n)
		wrong_add(w, "no server found for cluster \"%.*s\"", STR_F(name));
	if (k->certificate_authority.n && k->certificate_authority_data.n)
		wrong_add(w, "certificate-authority-data and certificate-authority are both specified for %.*s. certificate-authority-data will override.", STR_F(name));
	check_file(w, "certificate-authority", k->certificate_authority, name);
}

static void check_cert(struct wrongs *w, struct str name, const struct clientcmd_v1_AuthInfo *u)
{
	if (!u->client_certificate.n && !u->client_certificate_data.n)
		return;
	if (u->client_certificate.n && u->client_certificate_data.n)
		wrong_add(w, "client-cert-data and client-cert are both specified for %.*s. client-cert-data will override.", STR_F(name));
	if (u->client_key.n && u->client_key_data.n)
		wrong_add(w, "client-key-data and client-key are both specified for %.*s; client-key-data will override", STR_F(name));
	if (!u->client_key.n && !u->client_key_data.n)
		wrong_add(w, "client-key-data or client-key must be specified for %.*s to use the clientCert authentication method.", STR_F(name));
	check_file(w, "client-cert", u->client_certificate, name);
	check_file(w, "client-key", u->client_key, name);
}

static void check_exec(struct wrongs *w, struct str name, const struct clientcmd_v1_ExecConfig *x)
{
	static const char *const modes[] = {"Never", "IfAvailable", "Always"};
	bool known = false;
	if (!x->command.n)
		wrong_add(w, "command must be specified for %.*s to use exec authentication plugin", STR_F(name));
	if (!x->apiVersion.n)
		wrong_add(w, "apiVersion must be specified for %.*s to use exec authentication plugin", STR_F(name));
	LIST_EACH(v, x->env)
		if (!v->name.n)
			wrong_add(w, "env variable name must be specified for %.*s to use exec authentication plugin", STR_F(name));
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		known |= str_is(x->interactiveMode, modes[i]);
	if (!x->interactiveMode.n)
		wrong_add(w, "interactiveMode must be specified for %.*s to use exec authentication plugin", STR_F(name));
	else if (!known)
		wrong_add(w, "invalid interactiveMode for %.*s: \"%.*s\"", STR_F(name), STR_F(x->interactiveMode));
}

static void check_user(struct wrongs *w, struct str name, const struct clientcmd_v1_AuthInfo *u)
{
	check_cert(w, name, u);
	if (u->exec && u->auth_provider)
		wrong_add(w, "authProvider cannot be provided in combination with an exec plugin for %.*s", STR_F(name));
	if (u->exec)
		check_exec(w, name, u->exec);
	if (u->token.n && (u->username.n || u->password.n))
		wrong_add(w, "more than one authentication method found for %.*s; found [token basicAuth], only one is allowed", STR_F(name));
	if ((u->as_uid.n || u->as_groups.len || u->as_user_extra.len) && !u->as.n)
		wrong_add(w, "requesting uid, groups or user-extra for %.*s without impersonating a user", STR_F(name));
}

static int wrongs_to_err(const struct wrongs *w, struct err *e)
{
	if (w->len == 0)
		return 0;
	if (w->len == 1 && w->only_empty)
		return err_set(e, ERR_NOT_FOUND, "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable");
	struct str all = str_join(w->a, w->items, w->len, STR(", "));
	return err_set(e, ERR_BAD_REQUEST, w->len > 1 ? "invalid configuration: [%.*s]" : "invalid configuration: %.*s", STR_F(all));
}

static int check(struct arena *a, const struct clientcmd_v1_Config *c, const struct chosen *ch, struct err *e)
{
	struct wrongs w = {.a = a};
	if (ch->context.n && !kubeconfig_context(c, ch->context))
		wrong_add(&w, "context was not found for specified context: %.*s", STR_F(ch->context));
	check_user(&w, ch->user_name, &ch->user);
	check_cluster(&w, ch->cluster_name, &ch->cluster);
	return wrongs_to_err(&w, e);
}

/* ---- the result */

/* Without a scheme it is https when anything of TLS is given, as client-go's DefaultServerURL. */
static struct str server_url(struct arena *a, const struct clientcmd_v1_Cluster *k, const struct clientcmd_v1_AuthInfo *u)
{
	bool tls = k->certificate_authority.n || k->certificate_authority_data.n || k->insecure_skip_tls_verify || u->client_certificate.n ||
		u->client_certificate_data.n;
	struct str s = k->server;
	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	return str_find(s, STR("://")) >= 0 ? s : str_printf(a, "%s://%.*s", tls ? "https" : "http", STR_F(s));
}

static void fill_user(const struct chosen *ch, struct rest_config *r)
{
	const struct clientcmd_v1_AuthInfo *u = &ch->user;
	r->token = u->token;
	r->token_file = u->tokenFile;
	r->username = u->username;
	r->password = u->password;
	r->cert_pem = u->client_certificate_data;
	r->key_pem = u->client_key_data;
	r->cert_file = u->client_certificate_data.n ? (struct str){0} : u->client_certificate;
	r->key_file = u->client_key_data.n ? (struct str){0} : u->client_key;
	r->exec = u->exec;
	LIST_EACH(x, ch->cluster.extensions)
		if (str_is(x->name, EXEC_EXTENSION))
			r->exec_cluster_config = x->extension;
}

static void fill_impersonation(struct arena *a, const struct clientcmd_v1_AuthInfo *u, struct rest_config *r)
{
	if (!u->as.n)
		return;
	r->as = u->as;
	r->as_uid = u->as_uid;
	r->as_groups = u->as_groups.items;
	r->nas_groups = u->as_groups.len;
	if (!u->as_user_extra.len)
		return;
	c8s_Strings_map_t *extra = (c8s_Strings_map_t *)arena_alloc(a, sizeof *extra);
	*extra = u->as_user_extra;
	r->as_extra = extra;
}

static int fill_server(const struct chosen *ch, struct rest_config *r, struct err *e)
{
	const struct clientcmd_v1_Cluster *k = &ch->cluster;
	r->ca_pem = k->certificate_authority_data;
	r->ca_file = k->certificate_authority_data.n ? (struct str){0} : k->certificate_authority;
	r->insecure = k->insecure_skip_tls_verify;
	r->server_name = k->tls_server_name;
	if (r->insecure && (r->ca_pem.n || r->ca_file.n))
		return err_set(e, ERR_BAD_REQUEST, "specifying a root certificates file with the insecure flag is not allowed");
	if (k->proxy_url.n)
		return err_set(e, ERR_BAD_REQUEST, "proxy-url is not supported: %.*s (remove it from cluster \"%.*s\")", STR_F(k->proxy_url), STR_F(ch->cluster_name));
	return 0;
}

int kubeconfig_rest(struct arena *a, const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o, struct rest_config *ret, struct err *e)
{
	static const struct kubeconfig_overrides none;
	struct chosen ch = {0};
	struct rest_config r = {0};
	o = o ? o : &none;
	if (choose_names(c, o, &ch, e) < 0)
		return -1;
	choose_user(c, o, &ch);
	choose_cluster(c, o, &ch);
	if (check(a, c, &ch, e) < 0)
		return -1;
	r.server = server_url(a, &ch.cluster, &ch.user);
	r.namespace_ = ch.namespace_.n ? ch.namespace_ : STR("default");
	r.timeout = o->timeout;
	fill_impersonation(a, &ch.user, &r);
	/* Secrets are not sent in the clear; a unix socket is as good as TLS. */
	if (!str_has_prefix(r.server, STR("http://"))) {
		fill_user(&ch, &r);
		if (fill_server(&ch, &r, e) < 0)
			return -1;
		if (ch.user.auth_provider)
			return err_set(e, ERR_BAD_REQUEST, "no Auth Provider found for name \"%.*s\"", STR_F(ch.user.auth_provider->name));
	}
	*ret = r;
	return 0;
}

int kubeconfig_in_cluster(struct arena *a, struct rest_config *ret, struct err *e)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	struct str token, ns;
	if (!host || !*host || !port || !*port)
		return err_set(e, ERR_NOT_FOUND, "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined");
	if (file_read(a, SERVICE_ACCOUNT "token", PEM_FILE_MAX, &token, e) < 0)
		return -1;
	*ret = (struct rest_config){.token = str_trim(token), .token_file = STR(SERVICE_ACCOUNT "token"), .namespace_ = STR("default")};
	ret->server = str_printf(a, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
	if (file_exists(SERVICE_ACCOUNT "ca.crt"))
		ret->ca_file = STR(SERVICE_ACCOUNT "ca.crt");
	if (file_read(a, SERVICE_ACCOUNT "namespace", PEM_FILE_MAX, &ns, NULL) == 0 && str_trim(ns).n)
		ret->namespace_ = str_trim(ns);
	return 0;
}
