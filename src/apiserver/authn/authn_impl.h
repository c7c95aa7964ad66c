/* Private to authn/: the authenticators and what they share. */
#pragma once
#include "apiserver/authn.h"
#include "apiserver/cache.h"
#include "apiserver/server.h"
#include "net/http.h"
#include "pki/cert.h"
#include "pki/jwt.h"

#define EXTRA_CREDENTIAL_ID "authentication.kubernetes.io/credential-id"
#define SA_KEYS_MAX 16

struct static_token {
	struct str token;
	struct user user;
};
struct authn {
	struct arena *mem;
	struct static_token *tokens;
	size_t ntokens;
	struct jwt_key *verify[SA_KEYS_MAX];
	int nverify;
	struct jwt_key *sign;         /* one of verify, or of the signing key file; NULL: no tokens are issued */
	struct pki_cert *proxy_ca;    /* --requestheader-client-ca-file */
};
static inline struct authn *authn_state(struct server *s) { return server_part(s, PART_AUTHN); }

/* Building users in an arena. */
void user_add_group(struct arena *a, struct user *u, struct str group); /* once each */
void user_add_extra(struct arena *a, struct user *u, struct str key, struct str value);

/* A bearer token against the static tokens and the service accounts.  audiences: any of them will do (none: the server's own).
 * 0: *ret is the user (without system:authenticated); -1: *why lists the authenticators' complaints. */
struct token_question {
	struct str token;
	const struct str *audiences;
	size_t naudiences;
	str_list_t matched;           /* out: audiences that the token is good for */
	str_list_t complaints;        /* out */
};
int token_authenticate(struct server *s, struct arena *a, struct token_question *q, struct user *ret) must_check;
int tokens_load(struct authn *n, struct str file, struct err *e) must_check;
/* account.c: 1: the token is no service account's. */
int account_authenticate(struct server *s, struct arena *a, struct token_question *q, struct user *ret, struct str *ret_why) must_check;

/* legacy.c: tokens that live in a Secret. */
#define LEGACY_ISSUER "kubernetes/serviceaccount"
struct value;
struct legacy_claims {
	struct str sub, ns, secret, account, account_uid;
};
/* The signature is good: -1 with *why when the token is no longer.  Waits: marks the Secret as used. */
int legacy_check(struct server *s, struct arena *a, struct str token, const struct value *all, struct legacy_claims *ret, struct str *why) must_check;
