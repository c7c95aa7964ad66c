/* create configmap, secret, namespace, serviceaccount. */
#include "base/enc.h"
#include "codec/json.h"
#include "kubectl/files.h"
#include "kubectl/make.h"
#include "kubectl/walk.h"
#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char key_rule[] = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
	"regex used for validation is '[-._a-zA-Z0-9]+')";

int make_namespace(struct make *m, struct err *e)
{
	(void)e;
	m->obj = doc(m->c, "{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': %s}, 'spec': {}, 'status': {}}", m->name);
	return 0;
}

int make_serviceaccount(struct make *m, struct err *e)
{
	(void)e;
	m->obj = doc(m->c, "{'apiVersion': 'v1', 'kind': 'ServiceAccount', 'metadata': {'name': %s}}", m->name);
	return 0;
}

/* ---- data */

static bool is_secret(const struct make *m) { return str_is(value_path_str(m->obj, "kind"), "Secret"); }

static bool is_key(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("-._", s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') && !((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z'))
			return false;
	return s.n && s.n <= 253;
}

static struct value *encoded(struct ctl *c, struct str text)
{
	BUF(b);
	enc_base64(&b, text);
	return value_str(c->a, buf_take(&b, c->a));
}

static int add(struct make *m, struct str key, struct str text, struct err *e)
{
	bool secret = is_secret(m), plain = !secret && str_utf8(text);
	const char *kind = secret ? "Secret" : "ConfigMap";
	if (!is_key(key))
		return err_set(e, ERR_BAD_REQUEST, "\"%.*s\" is not %svalid key name for a %s%s %s", STR_F(key), secret ? "" : "a ", kind, secret ? "" : ":", key_rule);
	if (value_get(value_get(m->obj, STR("data")), key) || value_get(value_get(m->obj, STR("binaryData")), key))
		return err_set(e, ERR_BAD_REQUEST, "cannot add key %.*s, another key by that name already exists", STR_F(key));
	struct value *to = doc_at(m->c, m->obj, plain || secret ? "data" : "binaryData", V_OBJECT);
	value_set(m->c->a, to, key, plain ? value_str(m->c->a, text) : encoded(m->c, text));
	return 0;
}

static int add_file(struct make *m, struct str key, struct str path, struct err *e)
{
	struct str text;
	return input_read(m->c, path, &text, e) == 0 ? add(m, key, text, e) : err_wrap(e, "error reading %.*s", STR_F(path));
}

static int by_name(const struct dirent **x, const struct dirent **y) { return strcmp((*x)->d_name, (*y)->d_name); }

static int add_folder(struct make *m, struct str path, struct err *e)
{
	struct dirent **v;
	struct stat st;
	int n = scandir(str_z(m->c->a, path), &v, NULL, by_name), failed = 0;
	if (n < 0)
		return err_set(e, ERR_BAD_REQUEST, "error listing files in %.*s: %s", STR_F(path), strerror(errno));
	for (int i = 0; i < n; i++) {
		struct str file = str_printf(m->c->a, "%.*s/%s", STR_F(path), v[i]->d_name);
		if (!failed && stat(file.p, &st) == 0 && S_ISREG(st.st_mode))
			failed = add_file(m, str_dup(m->c->a, str_of(v[i]->d_name)), file, e);
		free(v[i]);
	}
	free(v);
	return failed;
}

/* "key=path", "path", "folder". */
static int add_source(struct make *m, struct str spec, struct err *e)
{
	struct str key, path;
	struct stat st;
	bool named = str_cut(spec, '=', &key, &path);
	if (named && (!key.n || !path.n))
		return err_set(e, ERR_BAD_REQUEST, "%s for file path %.*s missing", key.n ? "file path" : "key name", STR_F(key.n ? key : path));
	if (!named)
		path = spec;
	if (stat(str_z(m->c->a, path), &st) != 0)
		return err_set(e, ERR_BAD_REQUEST, "error reading %.*s: no such file or directory", STR_F(path));
	if (S_ISDIR(st.st_mode) && named)
		return err_set(e, ERR_BAD_REQUEST, "cannot give a key name for a directory path");
	if (S_ISDIR(st.st_mode))
		return add_folder(m, path, e);
	return add_file(m, named ? key : str_sub(path, (size_t)(str_rindex(path, '/') + 1), path.n), path, e);
}

static int add_literal(struct make *m, struct str spec, struct err *e)
{
	struct str key, value;
	if (!str_cut(spec, '=', &key, &value) || !key.n)
		return err_set(e, ERR_BAD_REQUEST, "invalid literal source %.*s, expected key=value", STR_F(spec));
	if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0])
		value = str_sub(value, 1, value.n - 1);
	return add(m, key, value, e);
}

/* Lines of KEY=VALUE; a KEY alone takes its value from the environment. */
static int add_env_file(struct make *m, struct str path, struct err *e)
{
	struct str text, line, key, value;
	if (input_read(m->c, path, &text, e) != 0)
		return -1;
	while (text.n && str_next(&text, '\n', &line)) {
		while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
			line = str_sub(line, 1, line.n);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (!line.n || line.p[0] == '#')
			continue;
		if (!str_cut(line, '=', &key, &value))
			value = str_of(getenv(str_z(m->c->a, key)));
		if (value.p && add(m, key, value, e) != 0)
			return -1;
	}
	return 0;
}

static int add_all(struct make *m, struct err *e)
{
	static const struct { const char *flag; int (*fn)(struct make *m, struct str spec, struct err *e); } sources[] = {
		{"from-file", add_source}, {"from-env-file", add_env_file}, {"from-literal", add_literal},
	};
	if (opt_list(m->c, "from-env-file")->len && (opt_list(m->c, "from-file")->len || opt_list(m->c, "from-literal")->len))
		return err_set(e, ERR_BAD_REQUEST, "from-env-file cannot be combined with from-file or from-literal");
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		LIST_EACH(s, *opt_list(m->c, sources[i].flag))
			if (sources[i].fn(m, *s, e) != 0)
				return -1;
	return 0;
}

int make_configmap(struct make *m, struct err *e)
{
	m->obj = doc(m->c, "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': %s}}", m->name);
	return add_all(m, e);
}

int make_generic(struct make *m, struct err *e)
{
	struct str type = opt(m->c, "type");
	m->obj = doc(m->c, "{'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': %s}, 'type': %s}", m->name, type.n ? type : (struct str){0});
	return add_all(m, e);
}

/* ---- Docker and TLS */

static struct str registry_config(struct ctl *c)
{
	struct str user = opt(c, "docker-username"), password = opt(c, "docker-password"), mail = opt(c, "docker-email");
	struct value *auth = encoded(c, str_printf(c->a, "%.*s:%.*s", STR_F(user), STR_F(password))), *entry;
	entry = doc(c, "{'username': %s, 'password': %s, 'email': %s, 'auth': %v}", user, password, mail.n ? mail : (struct str){0}, auth);
	struct value *auths = value_new(c->a, V_OBJECT);
	value_set(c->a, auths, opt(c, "docker-server"), entry);
	return rest_body(c, doc(c, "{'auths': %v}", auths));
}

int make_docker_registry(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	bool files = opt_list(c, "from-file")->len > 0;
	m->obj = doc(c, "{'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': %s}, 'type': 'kubernetes.io/dockerconfigjson'}", m->name);
	if (!files && (!opt(c, "docker-username").n || !opt(c, "docker-password").n || !opt(c, "docker-server").n))
		return err_set(e, ERR_BAD_REQUEST, "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required");
	LIST_EACH(s, *opt_list(c, "from-file"))
		if (add_source(m, *s, e) != 0)
			return -1;
	return files ? 0 : add(m, STR(".dockerconfigjson"), registry_config(c), e);
}

static int check_pair(struct str cert, struct str key, struct err *e)
{
	BIO *b = BIO_new_mem_buf(cert.p, (int)cert.n), *k = BIO_new_mem_buf(key.p, (int)key.n);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	EVP_PKEY *p = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
	const char *what = !x ? "tls: failed to find any PEM data in certificate input" : !p ? "tls: failed to find any PEM data in key input"
		: X509_check_private_key(x, p) != 1 ? "tls: private key does not match public key" : NULL;
	X509_free(x);
	EVP_PKEY_free(p);
	BIO_free(b);
	BIO_free(k);
	return what ? err_set(e, ERR_BAD_REQUEST, "%s", what) : 0;
}

int make_tls(struct make *m, struct err *e)
{
	struct str cert, key;
	struct ctl *c = m->c;
	if (!opt(c, "cert").n || !opt(c, "key").n)
		return err_set(e, ERR_BAD_REQUEST, "key and cert must be specified");
	if (input_read(c, opt(c, "cert"), &cert, e) != 0 || input_read(c, opt(c, "key"), &key, e) != 0 || check_pair(cert, key, e) != 0)
		return -1;
	m->obj = doc(c, "{'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': %s}, 'type': 'kubernetes.io/tls'}", m->name);
	return add(m, STR("tls.crt"), cert, e) == 0 ? add(m, STR("tls.key"), key, e) : -1;
}

/* ---- names by content */

/* Letters that make no words: vowels and their like are replaced. */
static char letter(char c)
{
	static const char from[] = "013ae", to[] = "ghkmt";
	const char *p = strchr(from, c);
	return p ? to[p - from] : c;
}

void make_hash(struct make *m)
{
	struct ctl *c = m->c;
	unsigned char sum[EVP_MAX_MD_SIZE];
	char name[11] = "";
	BUF(hex);
	struct value *v = value_new(c->a, V_OBJECT);
	value_set(c->a, v, STR("kind"), value_get(m->obj, STR("kind")));
	value_set(c->a, v, STR("name"), value_str(c->a, m->name));
	value_set(c->a, v, STR("data"), value_get(m->obj, STR("data")) ? value_get(m->obj, STR("data")) : value_str(c->a, STR("")));
	if (value_get(m->obj, STR("binaryData")))
		value_set(c->a, v, STR("binaryData"), value_get(m->obj, STR("binaryData")));
	if (is_secret(m))
		value_set(c->a, v, STR("type"), value_str(c->a, value_path_str(m->obj, "type").n ? value_path_str(m->obj, "type") : STR("")));
	value_sort(v);
	struct str text = rest_body(c, v);
	EVP_Digest(text.p, text.n, sum, NULL, EVP_sha256(), NULL);
	enc_hex(&hex, str_n(sum, 32));
	for (int i = 0; i < 10; i++)
		name[i] = letter(hex.p[i]);
	m->name = str_printf(c->a, "%.*s-%s", STR_F(m->name), name);
	value_set(c->a, value_get(m->obj, STR("metadata")), STR("name"), value_str(c->a, m->name));
}
