#include "kubeadm/certs.h"

#include "api/ip.h"
#include "base/enc.h"
#include "client/kubeconfig.h"
#include "os/file.h"
#include "pki/cert.h"

#include <stdio.h>

#define NAMES_MAX 32
#define PATH_LEN 4096

struct issuer {
	struct pki_cert *cert;
	struct pki_key *key;
};
/* What a leaf certificate says. */
struct leaf {
	const char *name, *cn, *org;
	const struct issuer *ca;
	unsigned usages;
	const struct str *dns;
	uint32_t ndns;
	const struct ipaddr *ips;
	uint32_t nips;
};

static void issuer_fini(struct issuer *i)
{
	pki_cert_free(i->cert);
	pki_key_free(i->key);
}

static const char *path_of(char out[PATH_LEN], const char *dir, const char *name, const char *ext)
{
	snprintf(out, PATH_LEN, "%s/%s%s", dir, name, ext);
	return out;
}

static int write_pair(const char *dir, const char *name, const struct pki_cert *c, const struct pki_key *k, struct err *e)
{
	char path[PATH_LEN];
	BUF(crt);
	struct buf key = {0};
	pki_cert_pem(c, &crt);
	pki_key_pem(k, &key);
	int rc = pki_write_file(path_of(path, dir, name, ".key"), buf_view(&key), 0600, e);
	buf_fini_secret(&key);
	return rc == 0 ? pki_write_file(path_of(path, dir, name, ".crt"), buf_view(&crt), 0644, e) : -1;
}

/* ---- Authorities ---- */

static int ca_load(const char *dir, const char *name, struct issuer *ret, struct err *e)
{
	char path[PATH_LEN];
	ret->cert = pki_cert_load(path_of(path, dir, name, ".crt"), e);
	ret->key = ret->cert ? pki_key_load(path_of(path, dir, name, ".key"), e) : NULL;
	if (!ret->key)
		return err_wrap(e, "the certificate authority cannot be used; restore it from a backup, or remove %s to make a new one (all clients must then be given new certificates)",
			dir);
	return pki_cert_matches(ret->cert, ret->key) ? 0 : err_set(e, ERR_BAD_REQUEST, "%s/%s.key does not belong to %s.crt", dir, name, name);
}

static int ca_ensure(const struct certs_opts *o, const char *name, const char *cn, struct issuer *ret, struct err *e)
{
	char path[PATH_LEN];
	if (file_exists(path_of(path, o->dir, name, ".crt")))
		return ca_load(o->dir, name, ret, e);
	struct pki_spec s = {.common_name = str_of(cn), .now = o->now, .valid_s = PKI_CA_S};
	ret->key = pki_key_new(e);
	ret->cert = ret->key ? pki_ca_new(ret->key, &s, e) : NULL;
	return ret->cert ? write_pair(o->dir, name, ret->cert, ret->key, e) : -1;
}

/* ---- Leaves ---- */

static bool has_names(const struct pki_info *i, const struct leaf *l)
{
	for (uint32_t k = 0; k < l->ndns; k++) {
		bool found = false;
		for (uint32_t n = 0; n < i->ndns; n++)
			found |= str_eq(i->dns[n], l->dns[k]);
		if (!found)
			return false;
	}
	for (uint32_t k = 0; k < l->nips; k++) {
		bool found = false;
		for (uint32_t n = 0; n < i->nips; n++)
			found |= ipaddr_eq(i->ips[n], l->ips[k]);
		if (!found)
			return false;
	}
	return true;
}

static bool fits(const struct pki_cert *c, const struct leaf *l, int64_t now)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct pki_info i;
	ERR(e);
	if (pki_cert_info(c, a, &i, &e) < 0 || pki_cert_verify(c, l->ca->cert, now, &e) < 0)
		return false;
	return i.not_after - now > (i.not_after - i.not_before) / 3 && has_names(&i, l);
}

static bool leaf_fits(const char *dir, const struct leaf *l, int64_t now)
{
	char path[PATH_LEN];
	ERR(e);
	CLEANUP(pki_cert_free) struct pki_cert *c = pki_cert_load(path_of(path, dir, l->name, ".crt"), &e);
	CLEANUP(pki_key_free) struct pki_key *k = c ? pki_key_load(path_of(path, dir, l->name, ".key"), &e) : NULL;
	return k && pki_cert_matches(c, k) && fits(c, l, now);
}

static struct pki_cert *leaf_new(const struct leaf *l, const struct pki_key *key, int64_t now, struct err *e)
{
	struct str org = str_of(l->org);
	struct pki_spec s = {.common_name = str_of(l->cn), .orgs = &org, .norgs = l->org ? 1 : 0, .dns = l->dns, .ndns = l->ndns, .ips = l->ips, .nips = l->nips,
		.usages = l->usages, .now = now, .valid_s = PKI_CERT_S};
	return pki_cert_new(key, &s, l->ca->cert, l->ca->key, e);
}

static int leaf_ensure(const struct certs_opts *o, const struct leaf *l, struct err *e)
{
	if (leaf_fits(o->dir, l, o->now))
		return 0;
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(e);
	CLEANUP(pki_cert_free) struct pki_cert *c = k ? leaf_new(l, k, o->now, e) : NULL;
	return c ? write_pair(o->dir, l->name, c, k, e) : -1;
}

/* ---- The server's names ---- */

struct names {
	struct str dns[NAMES_MAX];
	struct ipaddr ips[NAMES_MAX];
	uint32_t ndns, nips;
};

static void add_name(struct names *n, struct str s)
{
	struct ipaddr ip;
	if (!s.n)
		return;
	if (ipaddr_parse(s, &ip) == 0 && n->nips < NAMES_MAX)
		n->ips[n->nips++] = ip;
	else if (n->ndns < NAMES_MAX)
		n->dns[n->ndns++] = s;
}

static int server_names(const struct certs_opts *o, struct arena *a, struct names *n, struct err *e)
{
	struct str range, rest;
	struct cidr c;
	str_cut(o->service_range, ',', &range, &rest);
	if (cidr_parse(range, false, &c) < 0)
		return err_set(e, ERR_BAD_REQUEST, "--service-cluster-ip-range: \"%.*s\" is no address range", STR_F(range));
	add_name(n, STR("kubernetes"));
	add_name(n, STR("kubernetes.default"));
	add_name(n, STR("kubernetes.default.svc"));
	add_name(n, str_printf(a, "kubernetes.default.svc.%.*s", STR_F(o->dns_domain)));
	add_name(n, STR("localhost"));
	add_name(n, o->node_name);
	add_name(n, ip_text(a, cidr_at(cidr_network(c), 1)));
	add_name(n, STR("127.0.0.1"));
	add_name(n, STR("::1"));
	for (size_t i = 0; i < o->naddresses; i++)
		add_name(n, o->addresses[i]);
	return 0;
}

/* ---- Service-account keys ---- */

static int accounts_ensure(const struct certs_opts *o, struct err *e)
{
	char path[PATH_LEN];
	if (file_exists(path_of(path, o->dir, "sa", ".key")))
		return 0;
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(e);
	BUF(pub);
	struct buf pem = {0};
	if (!k || pki_key_public_pem(k, &pub, e) < 0)
		return -1;
	pki_key_pem(k, &pem);
	int rc = pki_write_file(path_of(path, o->dir, "sa", ".pub"), buf_view(&pub), 0600, e);
	if (rc == 0)
		rc = pki_write_file(path_of(path, o->dir, "sa", ".key"), buf_view(&pem), 0600, e);
	buf_fini_secret(&pem);
	return rc;
}

static int leaves_ensure(const struct certs_opts *o, const struct issuer *ca, const struct issuer *proxy, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct names *n = arena_make(a, struct names);
	if (server_names(o, a, n, e) < 0)
		return -1;
	const struct leaf leaves[] = {
		{"apiserver", "kube-apiserver", NULL, ca, PKI_SERVER, n->dns, n->ndns, n->ips, n->nips},
		{"apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters", ca, PKI_CLIENT, NULL, 0, NULL, 0},
		{"front-proxy-client", "front-proxy-client", NULL, proxy, PKI_CLIENT, NULL, 0, NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
		if (leaf_ensure(o, &leaves[i], e) < 0)
			return -1;
	return 0;
}

int certs_ensure(const struct certs_opts *o, struct err *e)
{
	struct issuer ca = {0}, proxy = {0};
	int rc = -1;
	if (file_mkdirs(o->dir, 0700, e) == 0 && ca_ensure(o, "ca", "kubernetes", &ca, e) == 0 &&
		ca_ensure(o, "front-proxy-ca", "front-proxy-ca", &proxy, e) == 0 && leaves_ensure(o, &ca, &proxy, e) == 0)
		rc = accounts_ensure(o, e);
	issuer_fini(&ca);
	issuer_fini(&proxy);
	return rc;
}

/* ---- Kubeconfigs ---- */


/* The file's own certificate still serves and the server is the same. */
static bool config_fits(const struct certs_kubeconfig *o, const struct leaf *l, struct arena *a)
{
	ERR(e);
	struct rest_config rc = {0};
	if (!file_exists(o->file))
		return false;
	struct clientcmd_v1_Config *c = kubeconfig_read(a, str_of(o->file), &e);
	if (!c || kubeconfig_rest(a, c, &(struct kubeconfig_overrides){0}, &rc, &e) < 0 || !str_eq(rc.server, o->server))
		return false;
	CLEANUP(pki_cert_free) struct pki_cert *cert = pki_cert_parse(rc.cert_pem, &e);
	return cert && fits(cert, l, o->now);
}

static struct clientcmd_v1_Config *config_new(const struct certs_kubeconfig *o, struct arena *a, struct str ca, struct str crt, struct str key)
{
	struct clientcmd_v1_Config *c = obj_make(a, clientcmd_v1_Config);
	struct str context = str_printf(a, "%.*s@kubernetes", STR_F(o->user));
	c->kind = STR("Config");
	c->apiVersion = STR("v1");
	*(struct clientcmd_v1_NamedCluster *)arena_push(a, &c->clusters) = (struct clientcmd_v1_NamedCluster){
		.name = STR("kubernetes"), .cluster = {.server = o->server, .certificate_authority_data = ca}};
	*(struct clientcmd_v1_NamedAuthInfo *)arena_push(a, &c->users) =
		(struct clientcmd_v1_NamedAuthInfo){.name = o->user, .user = {.client_certificate_data = crt, .client_key_data = key}};
	*(struct clientcmd_v1_NamedContext *)arena_push(a, &c->contexts) =
		(struct clientcmd_v1_NamedContext){.name = context, .context = {.cluster = STR("kubernetes"), .user = o->user}};
	c->current_context = context;
	return c;
}

int certs_kubeconfig(const struct certs_kubeconfig *o, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct issuer ca = {0};
	struct leaf l = {.name = "", .cn = str_z(a, o->user), .org = o->org.n ? str_z(a, o->org) : NULL, .ca = &ca, .usages = PKI_CLIENT};
	int rc = ca_load(o->pki_dir, "ca", &ca, e);
	if (rc == 0 && !config_fits(o, &l, a)) {
		CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(e);
		CLEANUP(pki_cert_free) struct pki_cert *c = k ? leaf_new(&l, k, o->now, e) : NULL;
		BUF(ca_pem);
		BUF(crt);
		BUF(key);
		arena_mark_secret(a);
		if (c) {
			pki_cert_pem(ca.cert, &ca_pem);
			pki_cert_pem(c, &crt);
			pki_key_pem(k, &key);
		}
		rc = c ? kubeconfig_write(str_of(o->file), config_new(o, a, buf_view(&ca_pem), buf_view(&crt), buf_view(&key)), e) : -1;
		buf_fini_secret(&key);
	}
	issuer_fini(&ca);
	return rc;
}
