#include "client/https_impl.h"

struct stream_conn *https_upgrade(struct transport *t, struct str path_and_query, enum stream_framing f, const struct stream_want *w, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct https *h = https_of(t);
	struct https_headers hs = {0};
	if (https_authorize(h, a, &hs, e) < 0)
		return NULL;
	struct http_call q = {.path = path_and_query, .headers = hs.v, .nheaders = hs.n, .deadline = rt_now() + HTTPS_CALL_TIMEOUT};
	return stream_dial(h->client, &q, f, w, e);
}
