#include "api/hash.h"
#include "base/enc.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "schema/quantity.h"
#include <stdio.h>

/* ---- Go's names of fields ---- */

/* JSON names whose Go name is not just the name with a capital; a type's name in front decides between two. */
static const struct {
	const char *json, *go;
} go_names[] = {
	{"RBDVolumeSource.image", "RBDImage"}, {"RBDVolumeSource.keyring", "Keyring"}, {"RBDVolumeSource.monitors", "CephMonitors"},
	{"RBDVolumeSource.pool", "RBDPool"}, {"RBDVolumeSource.user", "RadosUser"}, {"GlusterfsVolumeSource.endpoints", "EndpointsName"},
	{"apiGroup", "APIGroup"}, {"apiVersion", "APIVersion"}, {"awsElasticBlockStore", "AWSElasticBlockStore"}, {"cephfs", "CephFS"},
	{"chapAuthDiscovery", "DiscoveryCHAPAuth"}, {"chapAuthSession", "SessionCHAPAuth"}, {"csi", "CSI"}, {"diskURI", "DataDiskURI"},
	{"dnsConfig", "DNSConfig"}, {"dnsPolicy", "DNSPolicy"}, {"fc", "FC"}, {"fsGroup", "FSGroup"}, {"fsGroupChangePolicy", "FSGroupChangePolicy"},
	{"fsType", "FSType"}, {"gcePersistentDisk", "GCEPersistentDisk"}, {"gmsaCredentialSpec", "GMSACredentialSpec"},
	{"gmsaCredentialSpecName", "GMSACredentialSpecName"}, {"grpc", "GRPC"}, {"httpGet", "HTTPGet"}, {"httpHeaders", "HTTPHeaders"}, {"ip", "IP"},
	{"iqn", "IQN"}, {"iscsi", "ISCSI"}, {"iscsiInterface", "ISCSIInterface"}, {"metadata", "ObjectMeta"}, {"nfs", "NFS"}, {"os", "OS"},
	{"pdID", "PdID"}, {"pdName", "PDName"}, {"rbd", "RBD"}, {"seLinuxChangePolicy", "SELinuxChangePolicy"}, {"seLinuxOptions", "SELinuxOptions"},
	{"serviceAccount", "DeprecatedServiceAccount"}, {"sslEnabled", "SSLEnabled"}, {"storageos", "StorageOS"}, {"targetWWNs", "TargetWWNs"},
	{"tcpSocket", "TCPSocket"}, {"tty", "TTY"}, {"uid", "UID"}, {"wwids", "WWIDs"},
};

static struct str short_name(struct str qualified) { return str_sub(qualified, (size_t)(str_rindex(qualified, '.') + 1), qualified.n); }

static bool is_name(struct str entry, struct str type, struct str json)
{
	struct str owner, name;
	if (!str_cut(entry, '.', &owner, &name))
		return str_eq(entry, json);
	return str_eq(owner, type) && str_eq(name, json);
}

static void put_field_name(struct buf *out, const struct type *t, const struct field *f)
{
	struct str json = field_name(f), type = short_name(desc_str(t->go_name));
	for (size_t i = 0; i < ARRAY_LEN(go_names); i++) {
		if (is_name(str_of(go_names[i].json), type, json)) {
			buf_put(out, go_names[i].go, strlen(go_names[i].go));
			return;
		}
	}
	char c = json.p[0];
	buf_char(out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
	buf_str(out, str_sub(json, 1, json.n));
}

/* ---- the dump ---- */

static void put_struct(struct buf *out, const struct type *t, const void *obj);

static void put_type(struct buf *out, struct str go_type, bool pointer)
{
	buf_char(out, '(');
	if (pointer)
		buf_char(out, '*');
	buf_str(out, go_type);
	buf_char(out, ')');
}

/* The fast form of upstream's amounts: the digits as they stand, times a power of ten; and the text beside it. */
static void put_quantity(struct buf *out, struct str text)
{
	struct quantity q = quantity_of(text);
	static const char *const formats[] = {
		[QUANTITY_DECIMAL_SI] = "DecimalSI", [QUANTITY_BINARY_SI] = "BinarySI", [QUANTITY_DECIMAL_EXPONENT] = "DecimalExponent"};
	buf_printf(out, "{i:(resource.int64Amount){value:(int64)%lld scale:(resource.Scale)%d} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)%.*s "
			"Format:(resource.Format)%s}",
		(long long)q.v, q.scale, STR_F(text.n ? text : STR("0")), formats[q.format]);
}

static void put_time(struct buf *out, const struct api_time *t)
{
	const int64_t year_one = 62135596800; /* seconds from year 1, which Go counts from, to 1970 */
	buf_printf(out, "{Time:(time.Time){wall:(uint64)0 ext:(int64)%lld loc:(*time.Location)<nil>}}", t->set ? (long long)(t->sec + year_one) : 0LL);
}

static void put_int_or_str(struct buf *out, const struct int_or_str *v)
{
	buf_printf(out, "{Type:(intstr.Type)%d IntVal:(int32)%d StrVal:(string)%.*s}", v->is_str, v->is_str ? 0 : v->num, STR_F(v->is_str ? v->str : STR("")));
}

/* The value alone, without its type. */
static void put_bare(struct buf *out, const struct field *f, const void *p)
{
	switch (f->kind) {
	case K_BOOL: buf_printf(out, *(const bool *)p ? "true" : "false"); break;
	case K_INT32: buf_i64(out, *(const int32_t *)p); break;
	case K_INT64: buf_i64(out, *(const int64_t *)p); break;
	case K_MESSAGE: put_struct(out, field_type(f), p); break;
	case K_QUANTITY: put_quantity(out, *(const struct str *)p); break;
	case K_TIME: put_time(out, p); break;
	case K_INTORSTRING: put_int_or_str(out, p); break;
	default: buf_str(out, *(const struct str *)p);
	}
}

static void put_list(struct buf *out, const struct field *f, const struct any_list *l)
{
	put_type(out, field_go_type(f), false);
	if (!l->len) {
		buf_lit(out, "<nil>");
		return;
	}
	if (f->card == MAP_OF)
		buf_lit(out, "map");
	buf_char(out, '[');
	for (uint32_t i = 0; i < l->len; i++) {
		if (i)
			buf_char(out, ' ');
		if (f->card == MAP_OF) {
			buf_str(out, *map_key_at(f, l, i));
			buf_char(out, ':');
		}
		put_bare(out, f, list_at(f, l, i));
	}
	buf_char(out, ']');
}

static void put_value(struct buf *out, const struct field *f, const void *obj)
{
	const void *p = (const char *)obj + f->offset;
	bool pointer = f->flags & FIELD_PTR;
	if (f->card != ONE) {
		put_list(out, f, p);
		return;
	}
	put_type(out, field_go_type(f), pointer);
	if (pointer && !field_present(obj, f))
		buf_lit(out, "<nil>");
	else
		put_bare(out, f, pointer && f->kind == K_MESSAGE ? *(void *const *)p : p);
}

/* The embedded struct that a flattened member belongs to, or NULL. */
static const struct field *embedded(const struct type *t, const struct field *f)
{
	for (unsigned i = 0; f->flags & FIELD_FLATTENED && i < t->nfields_pb; i++) {
		const struct field *in = type_pb_field(t, i);
		if (in->flags & FIELD_INLINE && f->offset >= in->offset && f->offset < in->offset + field_type(in)->size)
			return in;
	}
	return NULL;
}

static void put_embedded(struct buf *out, const struct field *in, const void *obj)
{
	struct str name = desc_str(field_type(in)->go_name);
	buf_str(out, short_name(name));
	buf_char(out, ':');
	put_type(out, name, false);
	put_struct(out, field_type(in), (const char *)obj + in->offset);
}

static void put_struct(struct buf *out, const struct type *t, const void *obj)
{
	const struct field *last = NULL;
	bool first = true;
	buf_char(out, '{');
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_field(t, i), *in = embedded(t, f);
		if (in && in == last)
			continue;
		last = in;
		if (!first)
			buf_char(out, ' ');
		first = false;
		if (in) {
			put_embedded(out, in, obj);
			continue;
		}
		put_field_name(out, t, f);
		buf_char(out, ':');
		put_value(out, f, obj);
	}
	buf_char(out, '}');
}

void dump_object(struct buf *out, struct ref o)
{
	put_type(out, desc_str(o.type->go_name), false);
	put_struct(out, o.type, o.p);
}

/* ---- hashes ---- */

static struct str safe(struct arena *a, uint32_t hash)
{
	char digits[16];
	BUF(out);
	snprintf(digits, sizeof digits, "%u", hash);
	enc_safe(&out, str_of(digits));
	return buf_take(&out, a);
}

struct str pod_template_hash(struct arena *a, const struct core_v1_PodTemplateSpec *t, const int32_t *collisions)
{
	BUF(dump);
	dump_object(&dump, (struct ref){desc_type(T_core_v1_PodTemplateSpec), (void *)t});
	if (collisions) {
		uint32_t n = (uint32_t)*collisions;
		uint8_t bytes[8] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
		buf_put(&dump, bytes, sizeof bytes);
	}
	return safe(a, hash_fnv32a(buf_view(&dump)));
}

struct str revision_hash(struct arena *a, struct str data, const int32_t *collisions)
{
	BUF(text);
	buf_str(&text, data);
	if (collisions)
		buf_i64(&text, *collisions);
	return safe(a, hash_fnv32(buf_view(&text)));
}
