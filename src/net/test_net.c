#include "net/test_net.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

struct net_main {
	struct post post;
	void (*fn)(void *arg);
	void *arg;
};

static void run_main(void *p)
{
	struct net_main *m = p;
	m->fn(m->arg);
	(void)!fiber_sleep(50 * NS_MS); /* closed connections are freed in a later turn */
	loop_stop(loop_self());
}

static void posted(struct post *p)
{
	fiber_spawn(NULL, "test", run_main, container_of(p, struct net_main, post));
}

void net_run(void (*fn)(void *arg), void *arg)
{
	struct rt *rt = rt_new(NULL);
	struct loop *l = loop_new(rt, "test");
	struct net_main m = {.post.fn = posted, .fn = fn, .arg = arg};
	loop_post(l, &m.post);
	loop_run(l);
	loop_free(l);
	rt_free(rt);
}

static struct str bio_text(BIO *b)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);
	struct str s = {strndup(p, (size_t)n), (size_t)n};
	BIO_free(b);
	return s;
}

static struct str cert_text(X509 *c)
{
	BIO *b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(b, c);
	return bio_text(b);
}

static struct str key_text(EVP_PKEY *k)
{
	BIO *b = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL);
	return bio_text(b);
}

static void extend(X509 *c, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	X509_add_ext(c, x, -1);
	X509_EXTENSION_free(x);
}

static X509 *make(const char *cn, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *usage)
{
	X509 *c = X509_new();
	X509_NAME *n = X509_get_subject_name(c);
	X509_set_version(c, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c), ca ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(c), -60);
	X509_gmtime_adj(X509_getm_notAfter(c), 3600);
	if (usage && strcmp(usage, "clientAuth") == 0) {
		X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const unsigned char *)"devs", -1, -1, 0);
		X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const unsigned char *)"ops", -1, -1, 0);
	}
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_set_pubkey(c, key);
	X509_set_issuer_name(c, ca ? X509_get_subject_name(ca) : n);
	extend(c, NID_basic_constraints, ca ? "CA:FALSE" : "critical,CA:TRUE");
	if (usage)
		extend(c, NID_ext_key_usage, usage);
	if (usage && strcmp(usage, "serverAuth") == 0)
		extend(c, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
	X509_sign(c, ca_key ? ca_key : key, EVP_sha256());
	return c;
}

const struct net_certs *net_certs(void)
{
	static struct net_certs c;
	if (c.ca.p)
		return &c;
	EVP_PKEY *k[3];
	for (int i = 0; i < 3; i++)
		k[i] = EVP_EC_gen("P-256");
	X509 *ca = make("test-ca", k[0], NULL, NULL, NULL);
	X509 *server = make("server", k[1], ca, k[0], "serverAuth"), *client = make("alice", k[2], ca, k[0], "clientAuth");
	c = (struct net_certs){cert_text(ca), cert_text(server), key_text(k[1]), cert_text(client), key_text(k[2])};
	X509_free(ca);
	X509_free(server);
	X509_free(client);
	for (int i = 0; i < 3; i++)
		EVP_PKEY_free(k[i]);
	return &c;
}

struct tls *net_server_tls(void)
{
	const struct net_certs *c = net_certs();
	ERR(e);
	struct tls *t = tls_server_new(&(struct tls_server_opts){.cert.text = c->cert, .key.text = c->key, .client_ca.text = c->ca}, &e);
	if (!t)
		fail_msg("%s", err_text(&e));
	return t;
}

struct tls *net_client_tls(bool with_cert)
{
	const struct net_certs *c = net_certs();
	ERR(e);
	struct tls_client_opts o = {.ca.text = c->ca};
	if (with_cert)
		o.cert.text = c->client_cert, o.key.text = c->client_key;
	struct tls *t = tls_client_new(&o, &e);
	if (!t)
		fail_msg("%s", err_text(&e));
	return t;
}

struct http_server *net_serve(const struct http_opts *o, bool tls, char url[64])
{
	ERR(e);
	uint16_t port = 0;
	struct http_opts opts = *o;
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, 0, &port, &e);
	assert_true(fd >= 0);
	opts.tls = tls ? net_server_tls() : NULL;
	struct http_server *s = http_serve(fd, &opts, &e);
	assert_non_null(s);
	tls_unref(opts.tls);
	close(fd);
	snprintf(url, 64, "%s://127.0.0.1:%u", tls ? "https" : "http", port);
	return s;
}
