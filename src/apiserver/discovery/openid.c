/* Discovery of the issuer of service-account tokens: authn/ makes the documents, caches may keep them. */
#include "apiserver/authn_api.h"
#include "apiserver/discovery/impl.h"

static int send_cacheable(struct request *r, const char *type, int (*make)(struct request *r, struct err *e), struct err *e)
{
	if (route_check(r, type, e) || make(r, e))
		return -1;
	CLEANUP(blob_unref) struct blob *body = blob_copy(r->answer.text);
	struct doc d = {.type = r->answer.content_type, .cache_control = STR("public, max-age=3600"), .body = body};
	r->answer = (struct answer){.kind = ANSWER_NONE};
	return body ? doc_send(r, &d) : err_nomem(e, 0);
}

int openid_issuer_handle(struct request *r, struct err *e) { return send_cacheable(r, "application/json", openid_configuration, e); }
int openid_keys_handle(struct request *r, struct err *e) { return send_cacheable(r, "application/jwk-set+json", openid_keys, e); }
