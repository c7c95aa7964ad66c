/* A record of the log, as it is on a disk that lies: once as it stands, and once with its head made to fit. */
#include "store/kv_log.h"
#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_record(struct str bytes, uint64_t key)
{
	struct kvlog_head h;
	struct kvlog_op op;
	struct str ops;
	if (!kvlog_record(bytes, key, &h, &ops))
		return;
	while (kvlog_op(&ops, &op) > 0)
		if (op.key.p < bytes.p || op.key.p + op.key.n != op.value.p || op.value.p + op.value.n > bytes.p + bytes.n)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvlog_head h;
	if (size < sizeof h)
		return 0;
	char *p = memcpy(malloc(size), data, size);
	memcpy(&h, p, sizeof h);
	read_record(str_n(p, size), h.key);
	h.bytes = (uint32_t)size;
	memcpy(p, &h, sizeof h);
	h.sum = (uint32_t)crc32_z(0, (unsigned char *)p + sizeof h.sum, size - sizeof h.sum);
	memcpy(p, &h, sizeof h);
	read_record(str_n(p, size), h.key);
	free(p);
	return 0;
}
