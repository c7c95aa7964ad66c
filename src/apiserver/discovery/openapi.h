/* The OpenAPI documents, made by tools/gen/openapi.py at build time: deflated JSON and protobuf of each. */
#pragma once
#include <stddef.h>

struct openapi_form {
	const unsigned char *packed; /* raw deflate */
	unsigned packed_n, n;
	unsigned crc32;              /* of the plain bytes, as gzip's tail has it */
};
struct openapi_doc {
	const char *where;           /* "" version 2 (the first row); else of version 3: "apis/apps/v1".  Sorted */
	const char *hash;            /* SHA-512 of the JSON in hex */
	struct openapi_form json, pb;
};
extern const struct openapi_doc openapi_docs[];
extern const unsigned openapi_docs_len;
