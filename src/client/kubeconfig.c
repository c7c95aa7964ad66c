/* Files of the loading chain, merged: of two entries of a name the first file's is kept whole; of single values the first that is set. */
#include "client/kubeconfig.h"
#include "base/buf.h"
#include "client/impl.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "gen/ids.h"
#include "os/file.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define KUBECONFIG_MAX (16u << 20) /* bytes of a file: embedded certificates are some KB each */

/* ---- files */

static bool has_str(const struct str *v, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], s))
			return true;
	return false;
}

static size_t files_of_list(struct arena *a, struct str list, struct str **ret)
{
	struct { struct str *items; uint32_t len, cap; } v = {0};
	struct str piece;
	while (str_next(&list, ':', &piece))
		if (!has_str(v.items, v.len, piece))
			*arena_push(a, &v) = piece;
	*ret = v.items;
	return v.len;
}

size_t kubeconfig_files(struct arena *a, struct str path, struct str **ret)
{
	struct str list = str_of(getenv("KUBECONFIG"));
	if (!path.n && list.n)
		return files_of_list(a, str_dup(a, list), ret);
	*ret = arena_make(a, struct str);
	if (path.n)
		**ret = path;
	else
		**ret = str_printf(a, "%s/.kube/config", getenv("HOME") ? getenv("HOME") : "");
	return 1;
}

/* The folder of a file, absolute. */
static struct str folder_of(struct arena *a, struct str file)
{
	ptrdiff_t slash = str_rindex(file, '/');
	char here[PATH_MAX];
	if (slash >= 0 && file.p[0] == '/')
		return slash == 0 ? STR("/") : str_sub(file, 0, (size_t)slash);
	if (!getcwd(here, sizeof here))
		return (struct str){0};
	return slash < 0 ? str_dup(a, str_of(here)) : str_printf(a, "%s/%.*s", here, (int)slash, file.p);
}

/* Go's filepath.Clean of an absolute path. */
static struct str path_clean(struct arena *a, struct str path)
{
	BUF(out);
	struct str part;
	while (str_next(&path, '/', &part)) {
		if (str_is(part, "..")) {
			ptrdiff_t slash = str_rindex(buf_view(&out), '/');
			out.n = slash > 0 ? (size_t)slash : 0;
		} else if (part.n && !str_is(part, ".")) {
			buf_char(&out, '/');
			buf_str(&out, part);
		}
	}
	return out.n ? buf_take(&out, a) : STR("/");
}

static void resolve(struct arena *a, struct str folder, struct str *path)
{
	if (path->n && path->p[0] != '/')
		*path = path_clean(a, str_printf(a, "%.*s/%.*s", STR_F(folder), STR_F(*path)));
}

static void resolve_paths(struct arena *a, struct str folder, struct clientcmd_v1_Config *c)
{
	LIST_EACH(k, c->clusters)
		resolve(a, folder, &k->cluster.certificate_authority);
	LIST_EACH(u, c->users) {
		resolve(a, folder, &u->user.client_certificate);
		resolve(a, folder, &u->user.client_key);
		resolve(a, folder, &u->user.tokenFile);
		/* A command without a slash is looked up in PATH. */
		if (u->user.exec && str_index(u->user.exec->command, '/', 0) >= 0)
			resolve(a, folder, &u->user.exec->command);
	}
}

/* ---- one file */

/* The kernel's reason as Go writes it: "no such file or directory". */
static int file_failed(struct err *e, const char *what, const char *path, int error)
{
	const char *why = strerror(error);
	err_set(e, ERR_SYSTEM, "%s %s: %c%s", what, path, tolower((unsigned char)why[0]), why + 1);
	if (e)
		e->sys = error;
	return -1;
}

/* Before v1 plug-ins the mode had a default. */
static void default_exec(struct clientcmd_v1_ExecConfig *x)
{
	if (x && !x->interactiveMode.n && !str_is(x->apiVersion, "client.authentication.k8s.io/v1"))
		x->interactiveMode = STR("IfAvailable");
}

static int decode(struct arena *a, struct str text, struct clientcmd_v1_Config *c, struct err *e)
{
	BUF(json);
	if (yaml_to_json(text, NULL, &json, e) < 0)
		return -1;
	if (str_is(buf_view(&json), "null"))
		return 0;
	if (json_decode(a, desc_type(T_clientcmd_v1_Config), buf_view(&json), NULL, c, e) < 0)
		return -1;
	if ((c->kind.n && !str_is(c->kind, "Config")) || (c->apiVersion.n && !str_is(c->apiVersion, "v1")))
		return err_set(e, ERR_BAD_REQUEST, "no kind \"%.*s\" is registered for version \"%.*s\"", STR_F(c->kind), STR_F(c->apiVersion));
	LIST_EACH(u, c->users)
		default_exec(u->user.exec);
	return 0;
}

static struct clientcmd_v1_Config *config_new(struct arena *a)
{
	struct clientcmd_v1_Config *c = obj_make(a, clientcmd_v1_Config);
	c->kind = STR("Config");
	c->apiVersion = STR("v1");
	return c;
}

/* *ret_missing: there is no such file. */
static struct clientcmd_v1_Config *read_file(struct arena *a, struct str file, bool *ret_missing, struct err *e)
{
	struct str text;
	ERR(why);
	const char *path = str_z(a, file);
	struct clientcmd_v1_Config *c = config_new(a);
	*ret_missing = access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
	if (*ret_missing)
		return c;
	if (file_read(a, path, KUBECONFIG_MAX, &text, &why) < 0)
		file_failed(&why, "open", path, why.sys ? why.sys : EFBIG);
	else if (!str_trim(text).n || decode(a, text, c, &why) == 0)
		return c;
	err_set(e, why.reason, "error loading config file \"%s\": %s", path, err_text(&why));
	if (e)
		e->sys = why.sys;
	return NULL;
}

struct clientcmd_v1_Config *kubeconfig_read(struct arena *a, struct str file, struct err *e)
{
	bool missing;
	return read_file(a, file, &missing, e);
}

/* ---- looking up and merging by name: all three lists have entries that begin with their name */

static void *named(const void *list, size_t stride, struct str name)
{
	const struct any_list *l = (const struct any_list *)list;
	for (uint32_t i = 0; i < l->len; i++) {
		struct str *entry = (struct str *)((char *)l->items + i * stride);
		if (str_eq(*entry, name))
			return entry;
	}
	return NULL;
}

struct clientcmd_v1_Cluster *kubeconfig_cluster(const struct clientcmd_v1_Config *c, struct str name)
{
	struct clientcmd_v1_NamedCluster *n = (struct clientcmd_v1_NamedCluster *)named(&c->clusters, sizeof *n, name);
	return n ? &n->cluster : NULL;
}

struct clientcmd_v1_AuthInfo *kubeconfig_user(const struct clientcmd_v1_Config *c, struct str name)
{
	struct clientcmd_v1_NamedAuthInfo *n = (struct clientcmd_v1_NamedAuthInfo *)named(&c->users, sizeof *n, name);
	return n ? &n->user : NULL;
}

struct clientcmd_v1_Context *kubeconfig_context(const struct clientcmd_v1_Config *c, struct str name)
{
	struct clientcmd_v1_NamedContext *n = (struct clientcmd_v1_NamedContext *)named(&c->contexts, sizeof *n, name);
	return n ? &n->context : NULL;
}

static void merge_list(struct arena *a, void *to, const void *from, size_t stride)
{
	struct any_list *t = (struct any_list *)to;
	const struct any_list *f = (const struct any_list *)from;
	for (uint32_t i = 0; i < f->len; i++) {
		const struct str *entry = (const struct str *)((const char *)f->items + i * stride);
		void *room = named(t, stride, *entry) ? NULL : arena_list_grow(a, &t->items, &t->len, &t->cap, stride);
		if (room)
			memcpy(room, entry, stride);
	}
}

static void merge(struct arena *a, struct clientcmd_v1_Config *to, const struct clientcmd_v1_Config *from)
{
	merge_list(a, &to->clusters, &from->clusters, sizeof *to->clusters.items);
	merge_list(a, &to->users, &from->users, sizeof *to->users.items);
	merge_list(a, &to->contexts, &from->contexts, sizeof *to->contexts.items);
	merge_list(a, &to->extensions, &from->extensions, sizeof *to->extensions.items);
	merge_list(a, &to->preferences.extensions, &from->preferences.extensions, sizeof *to->preferences.extensions.items);
	to->preferences.colors |= from->preferences.colors;
	if (!to->current_context.n)
		to->current_context = from->current_context;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_names(struct clientcmd_v1_Config *c)
{
	if (c->clusters.len)
		qsort(c->clusters.items, c->clusters.len, sizeof *c->clusters.items, by_name);
	if (c->users.len)
		qsort(c->users.items, c->users.len, sizeof *c->users.items, by_name);
	if (c->contexts.len)
		qsort(c->contexts.items, c->contexts.len, sizeof *c->contexts.items, by_name);
}

struct clientcmd_v1_Config *kubeconfig_load(struct arena *a, struct str path, struct err *e)
{
	struct clientcmd_v1_Config *all = config_new(a);
	struct str *files;
	size_t n = kubeconfig_files(a, path, &files);
	for (size_t i = 0; i < n; i++) {
		bool missing;
		struct clientcmd_v1_Config *c = files[i].n ? read_file(a, files[i], &missing, e) : NULL;
		if (!files[i].n)
			continue;
		if (!c)
			return NULL;
		if (missing && path.n)
			return file_failed(e, "stat", str_z(a, path), ENOENT), NULL;
		resolve_paths(a, folder_of(a, files[i]), c);
		merge(a, all, c);
	}
	sort_names(all);
	return all;
}

/* ---- writing */

int kubeconfig_write(struct str path, const struct clientcmd_v1_Config *c, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	BUF(text);
	char real[PATH_MAX];
	const char *to = str_z(a, path);
	struct clientcmd_v1_Config out = *c;
	if (realpath(to, real))
		to = real;
	else if (file_mkdirs(str_z(a, folder_of(a, path)), 0755, e) < 0)
		return -1;
	out.kind = STR("Config");
	out.apiVersion = STR("v1");
	yaml_encode(&text, (struct ref){desc_type(T_clientcmd_v1_Config), &out});
	return text.failed ? err_nomem(e, text.n) : file_write_atomic(to, buf_view(&text), 0600, e);
}
