#include "base/test.h"
#include "pki/cert.h"
#include "pki/jwt.h"

/* The example of RFC 7515, appendix A.3: ES256. */
static const char rfc_key[] = "-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
	"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
	"-----END PUBLIC KEY-----\n";
static const char rfc_token[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

TEST(jwt_verifies_the_example_of_the_rfc)
{
	struct arena *a = arena_new(NULL);
	CLEANUP(jwt_key_free) struct jwt_key *k = NULL;
	ERR(e);
	struct jwt t;
	assert_int_equal(jwt_keys_parse(str_of(rfc_key), &k, 1, &e), 1);
	assert_ok(jwt_parse(str_of(rfc_token), a, &t, &e), &e);
	assert_str(t.alg, "ES256");
	assert_null(t.kid.p);
	assert_true(jwt_verify(&t, k));
	t.signed_part.n--;
	assert_false(jwt_verify(&t, k));
	arena_free(a);
}

TEST(jwt_signs_what_it_verifies)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(pem);
	BUF(token);
	BUF(set);
	struct jwt t;
	struct jwt_key *keys[2] = {0};
	CLEANUP(pki_key_free) struct pki_key *k1 = pki_key_new(&e);
	CLEANUP(pki_key_free) struct pki_key *k2 = pki_key_new(&e);
	pki_key_pem(k1, &pem);
	assert_ok(pki_key_public_pem(k2, &pem, &e), &e);
	assert_int_equal(jwt_keys_parse(buf_view(&pem), keys, 2, &e), 2);
	assert_true(jwt_key_private(keys[0]) && !jwt_key_private(keys[1]));
	assert_int_equal(jwt_key_id(keys[0]).n, 43);
	assert_ok(jwt_sign(keys[0], STR("{\"sub\":\"x\"}"), &token, &e), &e);
	assert_ok(jwt_parse(buf_view(&token), a, &t, &e), &e);
	assert_str(t.payload, "{\"sub\":\"x\"}");
	assert_true(str_eq(t.kid, jwt_key_id(keys[0])));
	assert_int_equal(jwt_verify_any(&t, keys, 2), 0);
	assert_int_equal(jwt_verify_any(&t, keys + 1, 1), -1);
	assert_int_equal(jwt_sign(keys[1], STR("{}"), &token, &e), -1);
	jwt_jwks(keys, 2, &set);
	assert_true(str_find(buf_view(&set), STR("\"kty\":\"EC\"")) > 0 && str_find(buf_view(&set), STR("\"y\":\"")) > 0);
	jwt_key_free(keys[0]);
	jwt_key_free(keys[1]);
	arena_free(a);
}

TEST(jwt_refuses_rubbish)
{
	static const char *const bad[] = {"", "a.b", "a.b.c.d", "!.e30.e30", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOjF9.e30.e30"};
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct jwt t;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(jwt_parse(str_of(bad[i]), a, &t, &e), -1);
	arena_free(a);
}
