#include "base/test.h"
#include "pki/cert.h"
#include "pki/jwt.h"
#include <stdio.h>
#include <sys/stat.h>

#define NOW 1790000000ll

struct ca {
	struct pki_key *key;
	struct pki_cert *cert;
};

static struct ca make_ca(void)
{
	ERR(e);
	struct ca ca = {.key = pki_key_new(&e)};
	ca.cert = pki_ca_new(ca.key, &(struct pki_spec){.common_name = STR("kubernetes"), .now = NOW, .valid_s = PKI_CA_S}, &e);
	if (!ca.cert)
		fail_msg("%s", err_text(&e));
	return ca;
}

static void free_ca(struct ca *ca)
{
	pki_cert_free(ca->cert);
	pki_key_free(ca->key);
}

TEST(pki_certificates_carry_names_usages_and_dates)
{
	struct arena *a = arena_new(NULL);
	struct ca ca = make_ca();
	ERR(e);
	struct str orgs[] = {STR_INIT("system:masters"), STR_INIT("b")}, dns[] = {STR_INIT("kubernetes.default.svc")};
	struct ipaddr ips[2];
	struct pki_info info;
	assert_int_equal(ipaddr_parse(STR("10.96.0.1"), &ips[0]), 0);
	assert_int_equal(ipaddr_parse(STR("fd00::1"), &ips[1]), 0);
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(&e);
	CLEANUP(pki_cert_free) struct pki_cert *c = pki_cert_new(k, &(struct pki_spec){.common_name = STR("kube-apiserver"), .orgs = orgs, .norgs = 2,
		.dns = dns, .ndns = 1, .ips = ips, .nips = 2, .usages = PKI_SERVER, .now = NOW, .valid_s = PKI_CERT_S}, ca.cert, ca.key, &e);
	assert_non_null(c);
	assert_int_equal(pki_cert_info(c, a, &info, &e), 0);
	assert_str(info.common_name, "kube-apiserver");
	assert_str(info.orgs[0], "system:masters");
	assert_int_equal(info.norgs, 2);
	assert_str(info.dns[0], "kubernetes.default.svc");
	assert_true(info.nips == 2 && ipaddr_eq(info.ips[0], ips[0]) && ipaddr_eq(info.ips[1], ips[1]));
	assert_int_equal(info.usages, PKI_SERVER);
	assert_int_equal(info.not_before, NOW - 300);
	assert_int_equal(info.not_after, NOW + PKI_CERT_S);
	assert_false(info.is_ca);
	assert_true(pki_cert_matches(c, k));
	assert_false(pki_cert_matches(c, ca.key));
	assert_ok(pki_cert_verify(c, ca.cert, NOW, &e), &e);
	assert_int_equal(pki_cert_verify(c, ca.cert, NOW + 2 * PKI_CERT_S, &e), -1);
	struct ca other = make_ca();
	assert_int_equal(pki_cert_verify(c, other.cert, NOW, &e), -1);
	free_ca(&other);
	free_ca(&ca);
	arena_free(a);
}

TEST(pki_keys_and_certificates_survive_files)
{
	struct ca ca = make_ca();
	ERR(e);
	BUF(key);
	BUF(cert);
	char name[300];
	struct stat st;
	pki_key_pem(ca.key, &key);
	pki_cert_pem(ca.cert, &cert);
	assert_true(str_has_prefix(buf_view(&key), STR("-----BEGIN EC PRIVATE KEY-----")));
	snprintf(name, sizeof name, "%s/ca.key", test_tmpdir());
	assert_ok(pki_write_file(name, buf_view(&key), 0600, &e), &e);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_load(name, &e);
	CLEANUP(pki_cert_free) struct pki_cert *c = pki_cert_parse(buf_view(&cert), &e);
	assert_true(k && c && pki_cert_matches(c, k));
	assert_null(pki_key_parse(STR("rubbish"), &e));
	assert_null(pki_cert_load("/nonexistent", &e));
	free_ca(&ca);
}

TEST(pki_requests_are_signed_with_their_own_names)
{
	struct arena *a = arena_new(NULL);
	struct ca ca = make_ca();
	ERR(e);
	BUF(pem);
	struct str orgs[] = {STR_INIT("system:nodes")}, dns[] = {STR_INIT("node-1")};
	struct pki_info info;
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(&e);
	assert_ok(pki_csr_pem(k, &(struct pki_spec){.common_name = STR("system:node:node-1"), .orgs = orgs, .norgs = 1, .dns = dns, .ndns = 1}, &pem, &e), &e);
	CLEANUP(pki_csr_free) struct pki_csr *r = pki_csr_parse(buf_view(&pem), &e);
	assert_non_null(r);
	assert_int_equal(pki_csr_info(r, a, &info, &e), 0);
	assert_str(info.common_name, "system:node:node-1");
	CLEANUP(pki_cert_free) struct pki_cert *c = pki_csr_sign(r, &(struct pki_spec){.usages = PKI_CLIENT, .now = NOW, .valid_s = 20 * PKI_CA_S}, ca.cert, ca.key, &e);
	assert_non_null(c);
	assert_int_equal(pki_cert_info(c, a, &info, &e), 0);
	assert_str(info.orgs[0], "system:nodes");
	assert_str(info.dns[0], "node-1");
	assert_int_equal(info.not_after, NOW + PKI_CA_S); /* not beyond the CA's */
	assert_true(pki_cert_matches(c, k));
	pem.p[pem.n / 2] ^= 1;
	assert_null(pki_csr_parse(buf_view(&pem), &e));
	free_ca(&ca);
	arena_free(a);
}
