/* Private keys, X.509 certificates and requests.
 *
 * Objects are immutable once made and may be used by any thread.  Times are Unix seconds.  PEM texts of keys come in buffers that the caller
 * finishes with buf_fini_secret. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/addr.h"

struct pki_key;
struct pki_key *pki_key_new(struct err *e);                       /* EC P-256 */
struct pki_key *pki_key_parse(struct str pem, struct err *e);     /* private: PKCS#8, SEC1, PKCS#1; EC or RSA; unencrypted */
struct pki_key *pki_key_load(const char *file, struct err *e);
void pki_key_pem(const struct pki_key *k, struct buf *out);       /* "EC PRIVATE KEY" (SEC1) or "RSA PRIVATE KEY", as kubeadm writes */
int pki_key_public_pem(const struct pki_key *k, struct buf *out, struct err *e);
void pki_key_free(struct pki_key *k);
CLEANUP_FN(pki_key_free, struct pki_key *)

enum pki_usage { PKI_CLIENT = 1, PKI_SERVER = 2 };
#define PKI_BACKDATE_S 300               /* notBefore: clocks of nodes differ */
#define PKI_CERT_S (365 * 86400ll)       /* kubeadm's validity */
#define PKI_CA_S (3650 * 86400ll)

struct pki_spec {
	struct str common_name;
	const struct str *orgs;
	uint32_t norgs;
	const struct str *dns;
	uint32_t ndns;
	const struct ipaddr *ips;
	uint32_t nips;
	unsigned usages;          /* of enum pki_usage */
	int64_t now, valid_s;     /* from now - PKI_BACKDATE_S to now + valid_s; the end is cut to the CA's */
};
struct pki_cert;
/* Self-signed CA: digitalSignature, keyEncipherment, certSign; CA:TRUE; subject key id; the common name as DNS name too. */
struct pki_cert *pki_ca_new(const struct pki_key *key, const struct pki_spec *s, struct err *e);
struct pki_cert *pki_cert_new(const struct pki_key *subject, const struct pki_spec *s, const struct pki_cert *ca, const struct pki_key *ca_key, struct err *e);
struct pki_cert *pki_cert_parse(struct str pem, struct err *e);   /* the first certificate of the text */
struct pki_cert *pki_cert_parse_der(struct str der, struct err *e);
struct pki_cert *pki_cert_load(const char *file, struct err *e);
void pki_cert_pem(const struct pki_cert *c, struct buf *out);
void pki_cert_free(struct pki_cert *c);
CLEANUP_FN(pki_cert_free, struct pki_cert *)
/* key belongs to c. */
bool pki_cert_matches(const struct pki_cert *c, const struct pki_key *k);
/* c was signed by ca and both are valid at now. */
int pki_cert_verify(const struct pki_cert *c, const struct pki_cert *ca, int64_t now, struct err *e) must_check;

struct pki_info {
	struct str common_name;
	struct str *orgs, *dns, *emails, *uris;
	struct ipaddr *ips;
	uint32_t norgs, ndns, nips, nemails, nuris;
	int64_t not_before, not_after; /* certificates only */
	unsigned usages;
	bool is_ca;
	unsigned key_usage;       /* bits of RFC 5280 keyUsage, bit 0 digitalSignature */
	struct str serial;        /* hex */
};
int pki_cert_info(const struct pki_cert *c, struct arena *a, struct pki_info *ret, struct err *e) must_check;

/* Certificate requests (PKCS#10). */
struct pki_csr;
struct pki_csr *pki_csr_parse(struct str pem, struct err *e);     /* also checks its signature */
int pki_csr_pem(const struct pki_key *key, const struct pki_spec *s, struct buf *out, struct err *e) must_check;
int pki_csr_info(const struct pki_csr *r, struct arena *a, struct pki_info *ret, struct err *e) must_check;
/* Subject and names from the request, usages and validity from s; as kube-controller-manager's signers. */
struct pki_cert *pki_csr_sign(const struct pki_csr *r, const struct pki_spec *s, const struct pki_cert *ca, const struct pki_key *ca_key, struct err *e);
void pki_csr_free(struct pki_csr *r);
CLEANUP_FN(pki_csr_free, struct pki_csr *)

/* Writes by a temporary file, fsync and rename, so that readers see the old or the new content; mode such as 0600. */
int pki_write_file(const char *file, struct str content, unsigned mode, struct err *e) must_check;
int pki_read_file(const char *file, size_t max, struct buf *out, struct err *e) must_check;
