/* Signed JSON web tokens: RS256 and ES256 (ES384, ES512 verify too), key ids and key sets as upstream's service-account issuer makes them.
 *
 * This room knows signatures, not claims: payloads are JSON texts that the caller writes and reads. Key objects are immutable and thread-safe. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct jwt_key;
/* Private ("RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY") or public ("PUBLIC KEY", "CERTIFICATE", "RSA PUBLIC KEY"); all keys of the file in order.
 * Fills up to max, returns how many, -1 on error (none found is an error). */
int jwt_keys_parse(struct str pem, struct jwt_key **ret, int max, struct err *e) must_check;
int jwt_keys_load(const char *file, struct jwt_key **ret, int max, struct err *e) must_check;
void jwt_key_free(struct jwt_key *k);
CLEANUP_FN(jwt_key_free, struct jwt_key *)
bool jwt_key_private(const struct jwt_key *k);
struct str jwt_key_id(const struct jwt_key *k);       /* base64url(sha256(PKIX DER of the public key)) */
const char *jwt_key_alg(const struct jwt_key *k);     /* "RS256", "ES256", ... */

/* header.payload.signature; header is {"alg":...,"kid":...}. */
int jwt_sign(const struct jwt_key *k, struct str payload, struct buf *out, struct err *e) must_check;

/* A token taken apart; nothing is verified yet. */
struct jwt {
	struct str alg, kid;      /* kid absent without */
	struct str header, payload; /* JSON, in the arena */
	struct str signed_part, signature;
};
#define JWT_MAX (64u << 10) /* longer ones are not looked at */
int jwt_parse(struct str token, struct arena *a, struct jwt *ret, struct err *e) must_check;
/* The signature is k's and the algorithm is k's own (never taken from the token alone). */
bool jwt_verify(const struct jwt *t, const struct jwt_key *k);
/* Tries the keys whose id matches kid first, then, without a kid, all; index of the key, or -1. */
int jwt_verify_any(const struct jwt *t, struct jwt_key *const *keys, int n);
/* {"keys":[{"use":"sig","kty":...,"kid":...,"alg":...,...}]} as served at /openid/v1/jwks. */
void jwt_jwks(struct jwt_key *const *keys, int n, struct buf *out);
