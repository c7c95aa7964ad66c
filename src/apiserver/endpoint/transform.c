/* Table and PartialObjectMetadata: other shapes of the same objects. */
#include "apiserver/endpoint/endpoint.h"
#include "codec/json.h"
#include "gen/meta_v1.h"

/* ---- PartialObjectMetadata ---- */

static void partial_kind(struct request *r, struct buf *out)
{
	struct str v = r->accept.as_version;
	buf_printf(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%.*s\",", STR_F(v.n ? v : STR("v1")));
}

/* "metadata":{...} of the object. */
static void put_meta(const struct table_source *s, struct buf *out)
{
	if (s->cached) {
		CLEANUP(blob_unref) struct blob *b = object_json(s->cached);
		if (b)
			buf_str(out, object_json_meta(s->cached, b));
		return;
	}
	buf_lit(out, "\"metadata\":");
	json_encode(out, (struct ref){type_by_name(STR("meta/v1.ObjectMeta")), obj_meta(s->ref)});
}

void partial_object(struct request *r, const struct table_source *s, struct buf *out)
{
	partial_kind(r, out);
	put_meta(s, out);
	buf_char(out, '}');
}

/* ---- Table ---- */

/* What is only created and never stored, as reviews, has no printer. */
static bool has_table(const struct request *r)
{
	const struct column *v;
	return r->table || desc_columns(desc_str(r->res->group), desc_str(r->res->kind), &v);
}

int table_check(struct request *r, bool is_list, struct err *e)
{
	const struct type *t = is_list ? desc_type(r->res->list_type) : desc_type(r->res->type);
	struct str group = desc_str(t->group), pkg;
	str_cut(group, '.', &pkg, &(struct str){0});
	if (!pkg.n)
		pkg = STR("core");
	if (is_list && r->accept.as == AS_PARTIAL)
		return err_set(e, ERR_NOT_ACCEPTABLE, "you requested PartialObjectMetadata, but the requested object is a list (*%.*s.%s)", STR_F(pkg), desc_z(t->kind));
	if (!is_list && r->accept.as == AS_PARTIAL_LIST)
		return err_set(e, ERR_NOT_ACCEPTABLE, "you requested PartialObjectMetadataList, but the requested object is not a list (*%.*s.%s)", STR_F(pkg),
			desc_z(t->kind));
	struct str inc = r->include_object;
	if (r->accept.as == AS_TABLE && !has_table(r))
		return accept_not_acceptable(false, e);
	if (r->accept.as == AS_TABLE && inc.n && !str_is(inc, "None") && !str_is(inc, "Metadata") && !str_is(inc, "Object"))
		return err_set(e, ERR_BAD_REQUEST,
			"Unable to convert to Table as requested: includeObject: Invalid value: \"%.*s\": must be 'Metadata', 'Object', 'None', or empty", STR_F(inc));
	return 0;
}

static void put_column(struct buf *out, const struct column *c)
{
	buf_lit(out, "{\"name\":");
	json_string(out, desc_str(c->name));
	buf_lit(out, ",\"type\":");
	json_string(out, desc_str(c->type));
	buf_lit(out, ",\"format\":");
	json_string(out, desc_str(c->format));
	buf_lit(out, ",\"description\":");
	json_string(out, desc_str(c->text));
	buf_printf(out, ",\"priority\":%d}", c->priority);
}

static size_t columns_of(const struct request *r, const struct column **ret)
{
	bool other = r->sub && r->type && r->type->kind; /* a Scale has columns of its own */
	size_t n = other ? desc_columns(desc_str(r->type->group), desc_str(r->type->kind), ret) : desc_columns(desc_str(r->res->group), desc_str(r->res->kind), ret);
	return n ? n : desc_columns_fallback(ret);
}

void table_head(struct request *r, struct buf *out, bool columns, uint64_t rev, struct str continue_, int64_t remaining)
{
	const struct column *v;
	size_t n = columns ? columns_of(r, &v) : 0;
	buf_printf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%.*s\",\"metadata\":{", STR_F(r->accept.as_version));
	if (rev)
		buf_printf(out, "\"resourceVersion\":\"%llu\"", (unsigned long long)rev);
	if (continue_.n)
		buf_printf(out, ",\"continue\":\"%.*s\"", STR_F(continue_));
	if (remaining > 0)
		buf_printf(out, ",\"remainingItemCount\":%lld", (long long)remaining);
	buf_lit(out, "},\"columnDefinitions\":");
	if (!columns)
		buf_lit(out, "null");
	for (size_t i = 0; i < n; i++) {
		buf_char(out, i ? ',' : '[');
		put_column(out, &v[i]);
	}
	buf_str(out, columns ? STR("],\"rows\":") : STR(",\"rows\":"));
}

/* Without rows the generic printer answers null, those of the kinds an empty list. */
void table_tail(struct request *r, struct buf *out, size_t rows)
{
	if (rows)
		buf_lit(out, "]}");
	else
		buf_str(out, r->strategy->cells ? STR("[]}") : STR("null}"));
}

static void default_cells(struct ref o, struct buf *out)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	json_string(out, m->name);
	buf_lit(out, ",\"");
	time_rfc3339(out, m->creationTimestamp.sec, 0, 0);
	buf_char(out, '"');
}

/* Cells are made of the storage version; a Scale is a kind of its own. */
static const struct strategy *row_strategy(struct request *r, struct arena *a, struct ref *o)
{
	if (o->type == scale_type())
		return strategy_of(STR("autoscaling"), STR("scales"));
	if (r->table && str_eq(desc_str(o->type->kind), desc_str(r->table->type->kind)))
		*o = object_as(a, *o, r->table->type);
	return r->strategy;
}

static void put_cells(struct request *r, struct arena *a, struct ref o, struct buf *out)
{
	const struct strategy *s = row_strategy(r, a, &o);
	if (s->cells)
		s->cells(a, o.p, r->now, out);
	else
		default_cells(o, out);
	buf_char(out, ']');
	if (s->row_conditions)
		s->row_conditions(o.p, out);
}

static void put_row_object(struct request *r, struct arena *a, const struct table_source *s, struct ref o, struct buf *out)
{
	if (str_is(r->include_object, "None")) {
		buf_lit(out, "null");
	} else if (str_is(r->include_object, "Object")) {
		struct ref served = r->type && r->type->kind == o.type->kind ? object_as(a, o, r->type) : o;
		json_encode(out, served);
	} else {
		partial_object(r, s, out);
	}
}

int table_row(struct request *r, const struct table_source *s, bool first, struct buf *out)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL); /* of one row: the request's would grow with the list */
	struct ref o = s->ref;
	if (s->cached)
		o = (struct ref){s->cached->table->type, object_decode(s->cached, a, NULL)};
	if (!o.p)
		return -1;
	buf_str(out, first ? STR("[{\"cells\":[") : STR(",{\"cells\":["));
	put_cells(r, a, o, out);
	buf_lit(out, ",\"object\":");
	put_row_object(r, a, s, o, out);
	buf_char(out, '}');
	return 0;
}
