/* What a server says in a watch is decoded or refused; an object that is taken has a key and a revision. */
#include "client/https_impl.h"
#include "gen/ids.h"

static void decode(struct arena *a, bool pb, struct str frame)
{
	struct watch_event ev = {0};
	struct pb_meta m;
	ERR(e);
	if (https_event_decode(a, desc_type(T_core_v1_Pod), pb, frame, &ev, &e) < 0)
		return;
	if (ev.pb && (pb_meta_read(blob_str(ev.pb), &m) < 0 || m.rev != ev.rev))
		abort();
	blob_unref(ev.pb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct pb_meta m;
	(void)!pb_meta_read(str_n(data, n), &m);
	decode(a, true, str_n(data, n));
	decode(a, false, str_n(data, n));
	return 0;
}
