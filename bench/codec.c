/* Nanoseconds per Pod of 2.5 KB: decode and encode in JSON and protobuf.  ninja -C build bench_codec && build/bench_codec [FILE] */
#include "base/log.h"
#include "codec/json.h"
#include "codec/managed.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "gen/meta_v1.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef ROUNDS
#define ROUNDS 40000
#endif

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void put_container(struct buf *b, int i)
{
	buf_printf(b, "{\"env\":[");
	for (int k = 0; k < 8; k++)
		buf_printf(b, "%s{\"name\":\"SETTING_%d\",\"value\":\"vvvvvvvvvvvvvvvvvvvvvvvv\"}", k ? "," : "", k);
	buf_printf(b, "],\"image\":\"registry.example/app/server:1.2.3\",\"name\":\"c%d\",\"ports\":[{\"containerPort\":%d,\"name\":\"http%d\"}],"
		"\"readinessProbe\":{\"httpGet\":{\"path\":\"/healthz\",\"port\":%d}},\"resources\":{\"limits\":{\"memory\":\"256Mi\"},"
		"\"requests\":{\"cpu\":\"100m\",\"memory\":\"128Mi\"}}}", i, 8080 + i, i, 8080 + i);
}

/* What a client sends: members in alphabetical order. */
static void put_pod(struct buf *b)
{
	buf_printf(b, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{\"note\":\"%064d\"},\"labels\":{\"app\":\"bench\",\"slot\":\"0\","
		"\"tier\":\"web\"},\"name\":\"p-0\"},\"spec\":{\"automountServiceAccountToken\":false,\"containers\":[", 0);
	put_container(b, 0);
	buf_char(b, ',');
	put_container(b, 1);
	buf_printf(b, "]}}");
}

static void read_file(struct buf *b, const char *path)
{
	FILE *f = fopen(path, "rb");
	for (size_t n; f && (n = fread(buf_room(b, 65536), 1, 65536, f)) > 0;)
		b->n += n;
	if (f)
		fclose(f);
}

static struct ref decode_json(struct arena *a, const struct type *t, struct str in)
{
	ERR(e);
	struct json_opts o = {.flags = JSON_ALIAS_INPUT | JSON_STRICT};
	struct ref r = {t, obj_new(a, t)};
	if (json_decode(a, t, in, &o, r.p, &e) != 0)
		bug(err_text(&e));
	return r;
}

static struct ref decode_pb(struct arena *a, const struct type *t, struct str in)
{
	ERR(e);
	struct ref r = {t, obj_new(a, t)};
	if (pb_decode(a, t, in, PB_ALIAS_INPUT, r.p, &e) != 0)
		bug(err_text(&e));
	return r;
}

/* As on create. */
static void manage(struct arena *a, struct ref o)
{
	ERR(e);
	struct managed_write w = {.manager = STR("bench"), .api_version = STR("v1"), .now = NS_S};
	memset(&obj_meta(o)->managedFields, 0, sizeof obj_meta(o)->managedFields);
	if (managed_update(a, (struct ref){o.type, NULL}, o, &w, &e))
		bug(err_text(&e));
	memset(&obj_meta(o)->managedFields, 0, sizeof obj_meta(o)->managedFields);
}

#define MEASURE(what, bytes, ...)                                                                                        \
	do {                                                                                                            \
		double start_ = now();                                                                                  \
		for (int i_ = 0; i_ < ROUNDS; i_++) {                                                                    \
			__VA_ARGS__;                                                                                    \
		}                                                                                                       \
		double each_ = (now() - start_) / ROUNDS;                                                                \
		printf("%-14s %7.0f ns  %6.0f MB/s\n", what, each_, (double)(bytes) / each_ * 1e3);                      \
	} while (0)

int main(int argc, char **argv)
{
	BUF(text);
	BUF(out);
	BUF(pb);
	if (argc > 1)
		read_file(&text, argv[1]);
	else
		put_pod(&text);
	struct arena *a = arena_new(NULL), *keep = arena_new(NULL);
	const struct type *t = type_by_name(STR("core/v1.Pod"));
	struct str in = buf_view(&text);
	struct ref pod = decode_json(keep, t, in);
	json_encode(&out, pod);
	struct str json = str_dup(keep, buf_view(&out));
	pb_encode(&pb, pod);
	printf("as sent %zu bytes, as written %zu, protobuf %zu, arena %zu\n", in.n, json.n, pb.n, arena_used(keep));
	MEASURE("json decode", in.n, (arena_reset(a), decode_json(a, t, in)));
	MEASURE("  in order", json.n, (arena_reset(a), decode_json(a, t, json)));
	MEASURE("json encode", json.n, (buf_clear(&out), json_encode(&out, pod)));
	MEASURE("pb decode", pb.n, (arena_reset(a), decode_pb(a, t, buf_view(&pb))));
	MEASURE("pb encode", pb.n, (buf_clear(&out), pb_encode(&out, pod)));
	MEASURE("pb size", pb.n, pb_size(pod));
	MEASURE("copy", pb.n, (arena_reset(a), obj_copy(a, pod)));
	MEASURE("managed fields", pb.n, (arena_reset(a), manage(a, pod)));
	MEASURE("equal", pb.n, obj_equal(pod, pod));
	arena_free(a);
	arena_free(keep);
	return 0;
}
