#include "apiserver/test_server.h"
#include "net/addr.h"
#include "pki/cert.h"
#include "pki/jwt.h"

#include <stdio.h>
#include <unistd.h>

#define AUTHN "authentication.k8s.io"
#define RBAC "rbac.authorization.k8s.io"
#define ISSUER "https://issuer.example"

static struct {
	const char *dir;
	char tokens[300], key[300];
	struct jwt_key *sign;
} files;

static void make_files(void)
{
	BUF(pem);
	ERR(e);
	files.dir = test_tmpdir();
	snprintf(files.tokens, sizeof files.tokens, "%s/tokens.csv", files.dir);
	snprintf(files.key, sizeof files.key, "%s/sa.key", files.dir);
	assert_ok(pki_write_file(files.tokens, STR("t-alice,alice,1,\"devs,ops\"\n"), 0600, &e), &e);
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(&e);
	pki_key_pem(k, &pem);
	assert_ok(pki_write_file(files.key, buf_view(&pem), 0600, &e), &e);
	assert_int_equal(jwt_keys_load(files.key, &files.sign, 1, &e), 1);
}

static void with_keys(struct server_opts *o)
{
	static struct str key;
	make_files();
	key = str_of(files.key);
	o->token_auth_file = str_of(files.tokens);
	o->sa_key_files = &key;
	o->nsa_key_files = 1;
	o->sa_signing_key_file = key;
	o->service_account_issuer = STR(ISSUER);
	o->authorization_modes = STR("RBAC");
}

static void run(void (*fn)(struct test_server *t))
{
	with_server_options(0, with_keys, fn);
	jwt_key_free(files.sign);
}

static bool says(struct str text, const char *what) { return str_find(text, str_of(what)) >= 0; }

/* ---- tokens ---- */

static struct str uid_of_account(struct test_server *t)
{
	return at_path(t, do_create(t, res("", "serviceaccounts"), "default", "{\"metadata\":{\"name\":\"robot\"}}"), "metadata.uid");
}

static struct str request_token(struct test_server *t, const char *spec)
{
	char json[300];
	const struct type *type = NULL;
	const struct resource *sa = res("", "serviceaccounts");
	for (unsigned i = 0; i < sa->nsub; i++)
		if (str_is(desc_str(resource_sub(sa, i)->name), "token"))
			type = desc_type(resource_sub(sa, i)->type);
	struct ref body = {type, obj_new(t->a, type)};
	ERR(e);
	snprintf(json, sizeof json, "{\"spec\":%s}", spec);
	assert_ok(json_decode(t->a, type, str_of(json), NULL, body.p, &e), &e);
	obj_set_type(body);
	return do_call(t, (struct call){.verb = VERB_CREATE, .res = sa, .ns = STR("default"), .name = STR("robot"), .sub = STR("token"), .body = body});
}

static struct str review(struct test_server *t, struct str token)
{
	struct str json = str_printf(t->a, "{\"spec\":{\"token\":\"%.*s\"}}", STR_F(token));
	return do_create(t, res(AUTHN, "tokenreviews"), "", json.p);
}

static void bound(struct test_server *t)
{
	uid_of_account(t);
	do_create(t, res("", "secrets"), "default", "{\"metadata\":{\"name\":\"s\"}}");
	struct str made = request_token(t, "{\"expirationSeconds\":600,\"boundObjectRef\":{\"apiVersion\":\"v9\",\"kind\":\"Secret\",\"name\":\"s\"}}");
	struct str token = at_path(t, made, "status.token");
	assert_str(at_path(t, review(t, token), "status.user.username"), "system:serviceaccount:default:robot");
	do_delete(t, res("", "secrets"), "default", "s");
	assert_str(at_path(t, review(t, token), "status.error"), "[invalid bearer token, service account token has been invalidated]");
	assert_str(request_token(t, "{\"expirationSeconds\":600,\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"name\":\"s\"}}"), "! 404 secrets \"s\" not found");
}
TEST(a_bound_token_dies_with_its_object) { run(bound); }

static void conflict(struct test_server *t)
{
	uid_of_account(t);
	do_create(t, res("", "secrets"), "default", "{\"metadata\":{\"name\":\"s\"}}");
	assert_str(request_token(t, "{\"expirationSeconds\":600,\"boundObjectRef\":{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"name\":\"s\",\"uid\":\"u\"}}"),
		"! 409 Operation cannot be fulfilled on Secret \"s\": the UID in the bound object reference (u) does not match the UID in record. "
		"The object might have been deleted and then recreated");
}
TEST(a_token_is_bound_to_the_very_object) { run(conflict); }

static struct str legacy_token(struct test_server *t, struct str uid, const char *sub)
{
	BUF(token);
	ERR(e);
	struct str claims = str_printf(t->a, "{\"iss\":\"kubernetes/serviceaccount\",\"sub\":\"%s\",\"kubernetes.io/serviceaccount/namespace\":\"default\","
		"\"kubernetes.io/serviceaccount/secret.name\":\"old\",\"kubernetes.io/serviceaccount/service-account.name\":\"robot\","
		"\"kubernetes.io/serviceaccount/service-account.uid\":\"%.*s\"}", sub, STR_F(uid));
	assert_ok(jwt_sign(files.sign, claims, &token, &e), &e);
	return buf_take(&token, t->a);
}

static void make_secret(struct test_server *t, struct str token, const char *labels)
{
	struct str json = str_printf(t->a, "{\"metadata\":{\"name\":\"old\",\"labels\":{%s},\"annotations\":{\"kubernetes.io/service-account.name\":\"robot\"}},"
		"\"type\":\"kubernetes.io/service-account-token\",\"stringData\":{\"token\":\"%.*s\"}}", labels, STR_F(token));
	assert_true(at_path(t, do_create(t, res("", "secrets"), "default", json.p), "metadata.uid").n > 0);
}

static void legacy(struct test_server *t)
{
	struct str uid = uid_of_account(t), token = legacy_token(t, uid, "system:serviceaccount:default:robot");
	assert_str(at_path(t, review(t, token), "status.error"), "[invalid bearer token, Token has been invalidated]");
	make_secret(t, token, "");
	struct str who = review(t, token);
	assert_str(at_path(t, who, "status.user.username"), "system:serviceaccount:default:robot");
	assert_str(at_path(t, who, "status.user.groups"), "[\"system:serviceaccounts\",\"system:serviceaccounts:default\",\"system:authenticated\"]");
	assert_true(says(do_get(t, res("", "secrets"), "default", "old"), "\"kubernetes.io/legacy-token-last-used\":\"20"));
	assert_str(at_path(t, review(t, legacy_token(t, uid, "system:serviceaccount:default:other")), "status.error"), "[invalid bearer token, sub claim is invalid]");
	do_delete(t, res("", "secrets"), "default", "old");
	make_secret(t, token, "\"kubernetes.io/legacy-token-invalid-since\":\"2024-01-01\"");
	assert_true(says(review(t, token), "the token in secret default/old for service account default/robot has been marked invalid."));
}
TEST(an_old_token_is_good_while_its_secret_holds_it) { run(legacy); }

/* ---- listening sockets ---- */

static const struct user kubelet = {.name = STR_INIT("system:node:n"), .groups = &(struct str)STR_INIT("system:nodes"), .ngroups = 1};

static struct str who_am_i(struct test_server *t, const char *headers)
{
	struct str text = wire(t, "POST", "/apis/" AUTHN "/v1/selfsubjectreviews", headers, "{}");
	ptrdiff_t body = str_find(text, STR("\r\n\r\n"));
	assert_true(body > 0);
	return at_path(t, str_sub(text, body + 4, text.n), "status.userInfo");
}

static void by_socket(struct test_server *t)
{
	static const char *const headers[] = {"", "Authorization: Bearer t-alice\r\n", "Authorization: Bearer bad\r\n", "X-Remote-User: zoe\r\nX-Remote-Group: system:masters\r\n"};
	char path[300];
	ERR(e);
	snprintf(path, sizeof path, "%s/kubelet", test_tmpdir());
	int fd = listen_unix(path, 0600, &e);
	assert_ok(server_serve_as(t->server, fd, &kubelet, getuid(), &e), &e);
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		assert_str(who_am_i(t, str_printf(t->a, "Content-Type: application/json\r\n%s", headers[i]).p),
			"{\"username\":\"system:node:n\",\"groups\":[\"system:nodes\",\"system:authenticated\"]}");
	assert_true(says(wire(t, "GET", "/api", "Impersonate-User: zoe\r\n", ""), "403 Forbidden"));
	assert_int_equal(server_serve_as(t->server, STDERR_FILENO, &kubelet, getuid(), &e), -1);
}
TEST(who_comes_by_a_users_socket_is_that_user) { run(by_socket); }

/* ---- impersonation ---- */

#define ALICE "Authorization: Bearer t-alice\r\nImpersonate-User: "

static void grant(struct test_server *t, const char *rules)
{
	struct str role = str_printf(t->a, "{\"metadata\":{\"name\":\"imp\"},\"rules\":%s}", rules);
	assert_true(at_path(t, do_create(t, res(RBAC, "clusterroles"), "", role.p), "metadata.uid").n > 0);
	do_create(t, res(RBAC, "clusterrolebindings"), "", "{\"metadata\":{\"name\":\"imp\"},\"roleRef\":{\"apiGroup\":\"" RBAC "\",\"kind\":\"ClusterRole\",\"name\":\"imp\"},"
		"\"subjects\":[{\"kind\":\"User\",\"name\":\"alice\"}]}");
}

static void refused(struct test_server *t)
{
	assert_true(says(wire(t, "GET", "/api", ALICE "zoe\r\n", ""), "cannot impersonate-on:user-info:get path \\\"/api\\\""));
	assert_true(says(wire(t, "GET", "/api", ALICE "system:node:n\r\n", ""), "cannot impersonate-on:arbitrary-node:get path"));
	assert_true(says(wire(t, "GET", "/api", ALICE "system:serviceaccount:a:b\r\n", ""), "cannot impersonate-on:serviceaccount:get path"));
	grant(t, "[{\"apiGroups\":[\"\"],\"resources\":[\"users\"],\"resourceNames\":[\"zoe\"],\"verbs\":[\"impersonate\"]}]");
	assert_true(says(wire(t, "GET", "/api", ALICE "zoe\r\n", ""), "200 OK"));
	assert_true(says(wire(t, "GET", "/api", ALICE "yan\r\n", ""), "users \\\"yan\\\" is forbidden: User \\\"alice\\\" cannot impersonate resource \\\"users\\\""));
}
TEST(impersonation_is_refused_by_its_kind) { run(refused); }

static void constrained(struct test_server *t)
{
	grant(t, "[{\"apiGroups\":[\"" AUTHN "\"],\"resources\":[\"users\",\"groups\"],\"verbs\":[\"impersonate:user-info\"]},"
		"{\"nonResourceURLs\":[\"/api\"],\"verbs\":[\"impersonate-on:user-info:get\"]}]");
	assert_true(says(wire(t, "GET", "/api", ALICE "zoe\r\n", ""), "200 OK"));
	assert_true(says(wire(t, "GET", "/apis", ALICE "zoe\r\n", ""), "cannot impersonate-on:user-info:get path \\\"/apis\\\""));
	assert_true(says(wire(t, "GET", "/api", ALICE "zoe\r\nImpersonate-Group: system:masters\r\n", ""), "403 Forbidden"));
	assert_true(says(wire(t, "GET", "/api", ALICE "system:node:n\r\n", ""), "403 Forbidden"));
}
TEST(a_constrained_grant_holds_for_its_requests_alone) { run(constrained); }
