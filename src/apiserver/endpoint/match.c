/* Selectors over cached objects. */
#include "apiserver/cache/impl.h"
#include "apiserver/endpoint/endpoint.h"

static int known_field(const struct cache_table *t, struct str field, struct err *e)
{
	if (str_is(field, "metadata.name") || str_is(field, "metadata.namespace"))
		return 0;
	for (uint32_t i = 0; i < t->nfields; i++)
		if (str_eq(field, t->impl->fields[i].path))
			return 0;
	if (t->nfields)
		return err_set(e, ERR_BAD_REQUEST, "field label not supported: %.*s", STR_F(field));
	return err_set(e, ERR_BAD_REQUEST, "\"%.*s\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", STR_F(field));
}

int match_parse(struct request *r, struct match *ret, struct err *e)
{
	*ret = (struct match){.any = true, .name = STR(""), .ns = STR("")};
	if (r->call.label_selector.n && selector_parse(r->arena, r->call.label_selector, &ret->labels, e))
		return -1;
	if (r->call.field_selector.n && field_selector_parse(r->arena, r->call.field_selector, &ret->fields, e))
		return -1;
	for (uint32_t i = 0; i < ret->fields.len; i++)
		if (known_field(r->table, ret->fields.items[i].field, e))
			return -1;
	ret->any = selector_everything(&ret->labels) && !ret->fields.len;
	field_selector_requires(&ret->fields, STR("metadata.name"), &ret->name);
	field_selector_requires(&ret->fields, STR("metadata.namespace"), &ret->ns);
	ret->name_only = selector_everything(&ret->labels) && ret->fields.len == 1 && ret->name.n;
	return 0;
}

static struct str field_of(const void *obj, struct str field)
{
	const struct object *o = obj;
	if (str_is(field, "metadata.name"))
		return o->name;
	if (str_is(field, "metadata.namespace"))
		return o->ns;
	for (uint32_t i = 0; i < o->table->nfields; i++)
		if (str_eq(field, o->table->impl->fields[i].path))
			return o->fields[i];
	return STR("");
}

bool match_object(const struct match *m, const struct object *o)
{
	if (m->any)
		return true;
	if (m->name_only)
		return str_eq(o->name, m->name);
	struct str_map labels = {o->labels, o->nlabels, o->nlabels};
	if (!selector_everything(&m->labels) && !selector_matches(&m->labels, &labels))
		return false;
	return !m->fields.len || field_selector_matches(&m->fields, field_of, o);
}

void match_bucket(const struct match *m, const struct cache_table *t, struct str ns, struct bucket *ret)
{
	*ret = (struct bucket){.ns = t->namespaced ? (ns.n ? ns : m->ns) : STR(""), .name = m->name};
	if (t->nfields && field_selector_requires(&m->fields, t->impl->fields[0].path, &ret->field))
		ret->by_field = true;
}
