#include "client/transport.h"
#include "client/impl.h"
#include <errno.h>

void transport_free(struct transport *t)
{
	if (t)
		t->ops->free(t);
}

void watch_close(struct watch *w)
{
	if (w)
		w->ops->watch_close(w);
}

int transport_failed(struct err *e, int error, const char *what)
{
	int sys = error < 0 ? -error : error;
	err_set(e, sys == ETIME || sys == ETIMEDOUT ? ERR_TIMEOUT : ERR_SERVICE_UNAVAILABLE, "%s: %s", what, strerror(sys));
	if (e)
		e->sys = sys;
	return -1;
}

struct str key_write(char *p, struct str ns, struct str name)
{
	char *to = p;
	if (ns.n) {
		to = (char *)mempcpy(to, ns.p, ns.n);
		*to++ = '/';
	}
	if (name.n)
		to = (char *)mempcpy(to, name.p, name.n);
	return (struct str){p, (size_t)(to - p)};
}

/* Field numbers of metav1.ObjectMeta; the metadata of every kind is its field 1. */
enum { META = 1, META_NAME = 1, META_NAMESPACE = 3, META_UID = 5, META_REV = 6 };
enum { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_32 = 5 };

static int take_varint(struct str *in, uint64_t *ret)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 10 && i < in->n; i++) {
		uint8_t b = (uint8_t)in->p[i];
		v |= (uint64_t)(b & 127) << (7 * i);
		if (b < 128) {
			*in = str_sub(*in, i + 1, in->n);
			*ret = v;
			return 0;
		}
	}
	return -1;
}

static int take_bytes(struct str *in, uint64_t n, struct str *ret)
{
	if (n > in->n)
		return -1;
	*ret = str_sub(*in, 0, (size_t)n);
	*in = str_sub(*in, (size_t)n, in->n);
	return 0;
}

/* The next field: its number, and its bytes when it has a length (empty otherwise). */
static int take_field(struct str *in, uint64_t *ret_tag, struct str *ret)
{
	uint64_t key, n;
	if (take_varint(in, &key) < 0)
		return -1;
	*ret_tag = key >> 3;
	*ret = (struct str){0};
	switch (key & 7) {
	case WIRE_VARINT:
		return take_varint(in, &n);
	case WIRE_64:
		return take_bytes(in, 8, ret);
	case WIRE_32:
		return take_bytes(in, 4, ret);
	case WIRE_LEN:
		return take_varint(in, &n) < 0 ? -1 : take_bytes(in, n, ret);
	}
	return -1;
}

static struct str *meta_member(struct pb_meta *m, struct str *rev, uint64_t tag)
{
	switch (tag) {
	case META_NAME:
		return &m->name;
	case META_NAMESPACE:
		return &m->ns;
	case META_UID:
		return &m->uid;
	case META_REV:
		return rev;
	}
	return NULL;
}

static int meta_scan(struct str in, struct pb_meta *ret)
{
	struct str v, rev = {0}, *to;
	struct pb_meta m = {0};
	for (uint64_t tag; in.n;) {
		if (take_field(&in, &tag, &v) < 0)
			return -1;
		if ((to = meta_member(&m, &rev, tag)))
			*to = v;
	}
	if (str_u64(rev, &m.rev) < 0)
		return -1;
	*ret = m;
	return 0;
}

int pb_meta_read(struct str pb, struct pb_meta *ret)
{
	struct str v;
	for (uint64_t tag; pb.n;) {
		if (take_field(&pb, &tag, &v) < 0)
			return -1;
		if (tag == META)
			return meta_scan(v, ret);
	}
	return -1;
}
