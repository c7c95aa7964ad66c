#include "base/test.h"
#include "client/kubeconfig.h"
#include "os/file.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static const char *folder;

static void begin(void)
{
	arena = arena_new(NULL);
	folder = test_tmpdir();
}

static struct str write_file(const char *name, const char *text)
{
	ERR(e);
	struct str path = str_printf(arena, "%s/%s", folder, name);
	assert_ok(file_write_atomic(str_z(arena, path), str_of(text), 0600, &e), &e);
	return path;
}

static struct clientcmd_v1_Config *load(struct str path)
{
	ERR(e);
	struct clientcmd_v1_Config *c = kubeconfig_load(arena, path, &e);
	if (!c)
		fail_msg("%s", err_text(&e));
	return c;
}

static struct rest_config rest(const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o)
{
	ERR(e);
	struct rest_config r;
	assert_ok(kubeconfig_rest(arena, c, o, &r, &e), &e);
	return r;
}

static void refused(const struct clientcmd_v1_Config *c, const struct kubeconfig_overrides *o, const char *why)
{
	ERR(e);
	struct rest_config r;
	assert_int_equal(kubeconfig_rest(arena, c, o, &r, &e), -1);
	assert_string_equal(err_text(&e), why);
}

static const char first[] =
	"apiVersion: v1\nkind: Config\ncurrent-context: red\n"
	"clusters:\n- name: one\n  cluster: {server: 'https://one:6443/', certificate-authority: certs/../ca.crt}\n"
	"users:\n- name: me\n  user: {client-certificate: me.crt, client-key: me.key}\n"
	"contexts:\n- name: red\n  context: {cluster: one, user: me, namespace: paint}\n";
static const char second[] =
	"current-context: blue\n"
	"clusters:\n- name: one\n  cluster: {server: 'https://other'}\n- name: two\n  cluster: {server: 'https://two', insecure-skip-tls-verify: true}\n"
	"users:\n- name: bot\n  user: {token: sesame, as: boss, as-groups: [a, b]}\n"
	"contexts:\n- name: blue\n  context: {cluster: two, user: bot}\n";

/* The first file's entries and single values win; the others' names are added. */
static void merges(void)
{
	struct str a = write_file("first", first), b = write_file("second", second);
	setenv("KUBECONFIG", str_z(arena, str_printf(arena, "%.*s:/nowhere:%.*s", STR_F(a), STR_F(b))), 1);
	struct clientcmd_v1_Config *c = load((struct str){0});
	unsetenv("KUBECONFIG");
	assert_int_equal(c->clusters.len, 2);
	assert_str(kubeconfig_cluster(c, STR("one"))->server, "https://one:6443/");
	assert_str(c->current_context, "red");
	assert_str(kubeconfig_cluster(c, STR("one"))->certificate_authority, str_z(arena, str_printf(arena, "%s/ca.crt", folder)));
	struct rest_config r = rest(c, &(struct kubeconfig_overrides){.context = STR("blue")});
	assert_str(r.server, "https://two");
	assert_str(r.token, "sesame");
	assert_str(r.as, "boss");
	assert_int_equal(r.nas_groups, 2);
	assert_str(r.namespace_, "default");
	assert_true(r.insecure);
}

TEST(kubeconfig_files_merge_with_the_first_winning)
{
	begin();
	merges();
	arena_free(arena);
}

TEST(kubeconfig_checks_what_it_uses)
{
	begin();
	struct clientcmd_v1_Config *c = load(write_file("first", first));
	struct str dir = str_of(folder);
	struct str why = str_printf(arena, "invalid configuration: [unable to read client-cert %.*s/me.crt for me due to open %.*s/me.crt: no such file or directory, "
		"unable to read client-key %.*s/me.key for me due to open %.*s/me.key: no such file or directory, "
		"unable to read certificate-authority %.*s/ca.crt for one due to open %.*s/ca.crt: no such file or directory]", STR_F(dir), STR_F(dir), STR_F(dir),
		STR_F(dir), STR_F(dir), STR_F(dir));
	refused(c, NULL, str_z(arena, why));
	refused(c, &(struct kubeconfig_overrides){.context = STR("x")}, "context \"x\" does not exist");
	refused(c, &(struct kubeconfig_overrides){.user = STR("x")}, "auth info \"x\" does not exist");
	refused(c, &(struct kubeconfig_overrides){.cluster = STR("x")}, "cluster \"x\" does not exist");
	c = load(write_file("second", second));
	refused(c, &(struct kubeconfig_overrides){.username = STR("u")},
		"invalid configuration: more than one authentication method found for bot; found [token basicAuth], only one is allowed");
	c->current_context = STR("gone");
	refused(c, &(struct kubeconfig_overrides){.server = STR("https://x")}, "invalid configuration: context was not found for specified context: gone");
	arena_free(arena);
}

TEST(kubeconfig_flags_override)
{
	begin();
	write_file("ca.crt", "CA");
	write_file("me.crt", "CERT");
	write_file("me.key", "KEY");
	struct clientcmd_v1_Config *c = load(write_file("first", first));
	struct rest_config r = rest(c, NULL);
	assert_str(r.server, "https://one:6443");
	assert_str(r.namespace_, "paint");
	assert_true(str_has_suffix(r.ca_file, STR("/ca.crt")));
	assert_true(str_has_suffix(r.key_file, STR("/me.key")));
	r = rest(c, &(struct kubeconfig_overrides){.insecure_skip_tls_verify = true, .namespace_ = STR("n"), .server = STR("https://x")});
	assert_false(r.ca_file.n);
	assert_str(r.namespace_, "n");
	assert_str(r.server, "https://x");
	/* Nothing secret goes over plain HTTP. */
	r = rest(c, &(struct kubeconfig_overrides){.server = STR("http://x"), .token = STR("secret")});
	assert_false(r.token.n || r.cert_file.n);
	arena_free(arena);
}

TEST(kubeconfig_empty_and_missing)
{
	begin();
	ERR(e);
	struct str missing = str_printf(arena, "%s/none", folder);
	assert_null(kubeconfig_load(arena, missing, &e));
	assert_string_equal(err_text(&e), str_z(arena, str_printf(arena, "stat %.*s: no such file or directory", STR_F(missing))));
	struct clientcmd_v1_Config *c = load(write_file("empty", "\n"));
	refused(c, NULL, "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable");
	assert_str(rest(c, &(struct kubeconfig_overrides){.server_default = STR("http://localhost:8080")}).server, "http://localhost:8080");
	assert_null(kubeconfig_load(arena, write_file("bad", "clusters: 7\n"), &e));
	assert_true(str_has_prefix(e.message, str_printf(arena, "error loading config file \"%s/bad\": ", folder)));
	arena_free(arena);
}

static const char plugin[] = "users:\n- name: x\n  user: {exec: {apiVersion: client.authentication.k8s.io/%s, command: %s}}\n"
	"clusters:\n- name: c\n  cluster: {server: 'https://c'}\ncontexts:\n- name: k\n  context: {cluster: c, user: x}\ncurrent-context: k\n";

TEST(kubeconfig_exec_commands)
{
	begin();
	char text[400];
	snprintf(text, sizeof text, plugin, "v1beta1", "bin/login");
	struct rest_config r = rest(load(write_file("exec", text)), NULL);
	assert_str(r.exec->command, str_z(arena, str_printf(arena, "%s/bin/login", folder)));
	assert_str(r.exec->interactiveMode, "IfAvailable");
	snprintf(text, sizeof text, plugin, "v1", "login");
	refused(load(write_file("exec", text)), NULL, "invalid configuration: interactiveMode must be specified for x to use exec authentication plugin");
	arena_free(arena);
}

TEST(kubeconfig_write_keeps_links_and_secrets)
{
	begin();
	ERR(e);
	struct stat st;
	struct str path = str_printf(arena, "%s/new/config", folder), link = str_printf(arena, "%s/link", folder);
	struct clientcmd_v1_Config *c = load(write_file("second", second));
	assert_ok(kubeconfig_write(path, c, &e), &e);
	assert_int_equal(stat(str_z(arena, path), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(symlink(str_z(arena, path), str_z(arena, link)), 0);
	c->current_context = STR("other");
	assert_ok(kubeconfig_write(link, c, &e), &e);
	assert_int_equal(lstat(str_z(arena, link), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_str(load(path)->current_context, "other");
	assert_str(kubeconfig_user(load(path), STR("bot"))->token, "sesame");
	arena_free(arena);
}
