/* Selectors over cached objects. */
#include "apiserver/cache/impl.h"
#include "apiserver/endpoint/endpoint.h"

/* The field that a selector of the request's version means; false when that version does not know the name. */
static bool own_name(const struct request *r, struct str *field)
{
	const struct selector_name *n = r->strategy->selector_names;
	for (; n && n->api_version; n++) {
		if (!str_eq(str_of(n->api_version), desc_str(r->type->api_version)))
			continue;
		if (n->name && str_is(*field, n->name))
			return *field = str_of(n->field), true;
		if ((!n->name || n->instead) && str_is(*field, n->field))
			return false;
	}
	return true;
}

static bool selectable(const struct cache_table *t, struct str field)
{
	if (str_is(field, "metadata.name") || (str_is(field, "metadata.namespace") && (t->namespaced || !t->nfields)))
		return true;
	for (uint32_t i = 0; i < t->nfields; i++)
		if (str_eq(field, t->impl->fields[i].path))
			return true;
	return false;
}

static int check_field(const struct request *r, struct str *field, struct err *e)
{
	const struct cache_table *t = r->table;
	struct str asked = *field;
	if (own_name(r, field) && selectable(t, *field))
		return 0;
	if (t->nfields)
		return err_set(e, ERR_BAD_REQUEST, "field label not supported: %.*s", STR_F(asked));
	return err_set(e, ERR_BAD_REQUEST, "\"%.*s\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", STR_F(asked));
}

int match_parse(struct request *r, struct match *ret, struct err *e)
{
	*ret = (struct match){.any = true, .name = STR(""), .ns = STR("")};
	if (r->call.label_selector.n && selector_parse(r->arena, r->call.label_selector, &ret->labels, e))
		return -1;
	if (r->call.field_selector.n && field_selector_parse(r->arena, r->call.field_selector, &ret->fields, e))
		return -1;
	for (uint32_t i = 0; i < ret->fields.len; i++)
		if (check_field(r, &ret->fields.items[i].field, e))
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
