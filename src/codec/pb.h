/* Protobuf over descriptors, byte for byte as upstream marshals (schema README, "Protobuf output"), and the storage envelope "k8s\0". */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "schema/reflect.h"

#define PB_DEPTH_MAX 64 /* messages within one another: they recurse on the caller's stack, some 450 bytes each */
enum pb_flag { PB_ALIAS_INPUT = 1 /* strings may point into the input, which must outlive the object */ };
int pb_decode(struct arena *a, const struct type *t, struct str in, unsigned flags, void *obj, struct err *e) must_check;
/* Exact size, then the bytes (written back to front in one pass). */
size_t pb_size(struct ref o);
void pb_encode(struct buf *out, struct ref o);
/* "k8s\0" + runtime.Unknown{typeMeta{apiVersion, kind}, raw, "", ""}. */
void pb_envelope_encode(struct buf *out, struct ref o);
bool pb_envelope_encode_whole(struct buf *out, struct ref o); /* false: o has empty lists or maps that will be read back as absent (obj_drop_empty) */
struct pb_envelope {
	struct str api_version, kind, raw, content_encoding, content_type; /* point into the input */
};
#define PB_MAGIC STR("k8s\0")
bool pb_is_envelope(struct str in);
int pb_envelope_open(struct str in, struct pb_envelope *ret, struct err *e) must_check;
/* Opens, finds the type, decodes. */
int pb_envelope_decode(struct arena *a, struct str in, unsigned flags, struct ref *ret, struct err *e) must_check;
/* Plain varint helpers for gRPC messages share descriptors generated from grpc.json: see schema grpc types "cri.v1.PodSandboxConfig". */
