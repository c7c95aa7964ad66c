/* Whatever decodes must encode, and decode again to the same bytes.  The first byte picks the type. */
#include "base/log.h"
#include "codec/pb.h"
#include "gen/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const uint16_t types[] = {T_core_v1_Pod, T_apiextensions_v1_CustomResourceDefinition, T_core_v1_Secret, T_meta_v1_DeleteOptions,
	T_etcd_v3_TxnRequest, T_cri_v1_PodSandboxConfig, T_coordination_v1_Lease, T_core_v1_ResourceQuota};

static void typed(struct arena *a, const struct type *t, struct str in)
{
	BUF(first);
	BUF(second);
	ERR(e);
	struct ref x = {t, obj_new(a, t)}, y = {t, obj_new(a, t)};
	if (pb_decode(a, t, in, 0, x.p, &e) != 0)
		return;
	pb_encode(&first, x);
	if (first.n != pb_size(x))
		bug("size");
	if (pb_decode(a, t, buf_view(&first), 0, y.p, &e) != 0)
		bug(err_text(&e));
	pb_encode(&second, y);
	if (!str_eq(buf_view(&first), buf_view(&second)))
		bug("bytes changed");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	struct arena *a = arena_new(NULL);
	struct str in = str_n(p + 1, n - 1);
	struct ref o;
	typed(a, desc_type(types[*p % ARRAY_LEN(types)]), in);
	(void)!pb_envelope_decode(a, in, 0, &o, NULL);
	arena_free(a);
	return 0;
}
