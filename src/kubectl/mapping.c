#include "kubectl/mapping.h"
#include "base/enc.h"
#include <ctype.h>

struct mappings {
	struct mapping_list builtin, discovered;
	bool asked;
};

void split_api_version(struct str v, struct str *ret_group, struct str *ret_version)
{
	if (!str_cut(v, '/', ret_group, ret_version)) {
		*ret_version = v;
		*ret_group = STR("");
	}
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = str_z(a, s);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)tolower((unsigned char)p[i]);
	return (struct str){p, s.n};
}

static void strings_of(struct arena *a, uint32_t index, unsigned n, str_list_t *ret)
{
	const uint32_t *pool = n ? desc_strings(index) : NULL;
	for (unsigned i = 0; i < n; i++)
		*arena_push(a, ret) = desc_str(pool[i]);
}

static void add_builtin(struct ctl *c, struct mappings *ms, const struct resource *r)
{
	struct mapping *m = arena_make(c->a, struct mapping);
	*m = (struct mapping){
		.group = desc_str(r->group), .version = desc_str(r->version), .resource = desc_str(r->plural), .singular = desc_str(r->singular),
		.kind = desc_str(r->kind), .namespaced = r->namespaced, .verbs = r->verbs, .type = desc_type(r->type),
	};
	strings_of(c->a, r->short_names, r->nshort, &m->shorts);
	strings_of(c->a, r->categories, r->ncategories, &m->categories);
	for (unsigned i = 0; i < r->nsub; i++)
		*arena_push(c->a, &m->subs) = desc_str(resource_sub(r, i)->name);
	*arena_push(c->a, &ms->builtin) = m;
}

/* Group versions come in the order in which the server prefers them; those that are off by default stand behind all others. */
static void add_group(struct ctl *c, struct mappings *ms, const struct group_version *gv, bool on)
{
	for (size_t i = 0; i < desc_resources(); i++) {
		const struct resource *r = desc_resource(i);
		if (r->group == gv->group && r->version == gv->version && (bool)r->on_by_default == on)
			add_builtin(c, ms, r);
	}
}

static struct mappings *mappings(struct ctl *c)
{
	if (c->mappings)
		return c->mappings;
	struct mappings *ms = c->mappings = arena_make(c->a, struct mappings);
	for (int on = 1; on >= 0; on--)
		for (size_t i = 0; i < desc_group_versions(); i++)
			add_group(c, ms, desc_group_version(i), on);
	return ms;
}

/* ---- discovery */

static const char *const verb_names[VERBS] = {
	[VERB_GET] = "get", [VERB_LIST] = "list", [VERB_WATCH] = "watch", [VERB_CREATE] = "create", [VERB_UPDATE] = "update",
	[VERB_PATCH] = "patch", [VERB_DELETE] = "delete", [VERB_DELETECOLLECTION] = "deletecollection",
};

static uint16_t verbs_of(const struct value *list)
{
	uint16_t verbs = 0;
	for (uint32_t i = 0; list && list->type == V_LIST && i < list->list.len; i++)
		for (int v = 0; v < VERBS; v++)
			if (str_is(list->list.items[i]->s, verb_names[v]))
				verbs |= (uint16_t)(1 << v);
	return verbs;
}

static void strings_of_value(struct arena *a, const struct value *list, str_list_t *ret)
{
	for (uint32_t i = 0; list && list->type == V_LIST && i < list->list.len; i++)
		*arena_push(a, ret) = list->list.items[i]->s;
}

static void add_sub(struct ctl *c, struct mapping_list *to, struct str resource, struct str sub)
{
	for (uint32_t i = to->len; i-- > 0;)
		if (str_eq(to->items[i]->resource, resource)) {
			*arena_push(c->a, &to->items[i]->subs) = sub;
			return;
		}
}

static void add_discovered(struct ctl *c, struct mapping_list *to, struct str group, struct str version, const struct value *r)
{
	struct str name = value_path_str(r, "name"), head, sub;
	if (str_cut(name, '/', &head, &sub)) {
		add_sub(c, to, head, sub);
		return;
	}
	const struct value *namespaced = value_get(r, STR("namespaced"));
	struct mapping *m = arena_make(c->a, struct mapping);
	*m = (struct mapping){
		.group = group, .version = version, .resource = name, .kind = value_path_str(r, "kind"), .singular = value_path_str(r, "singularName"),
		.namespaced = namespaced && namespaced->b, .verbs = verbs_of(value_get(r, STR("verbs"))), .type = type_by_gvk(group, version, value_path_str(r, "kind")),
	};
	if (!m->singular.n)
		m->singular = lower(c->a, m->kind);
	strings_of_value(c->a, value_get(r, STR("shortNames")), &m->shorts);
	strings_of_value(c->a, value_get(r, STR("categories")), &m->categories);
	*arena_push(c->a, to) = m;
}

static int read_version(struct ctl *c, struct mapping_list *to, struct str group_version, struct err *e)
{
	struct str group, version;
	split_api_version(group_version, &group, &version);
	struct value *v = rest_get(c, str_printf(c->a, "%s/%.*s", group.n ? "/apis" : "/api", STR_F(group_version)), e);
	const struct value *list = value_get(v, STR("resources"));
	for (uint32_t i = 0; list && list->type == V_LIST && i < list->list.len; i++)
		add_discovered(c, to, group, version, list->list.items[i]);
	return v ? 0 : -1;
}

/* The preferred version first; a group that fails is passed over, as one broken extension must not hide the others. */
static int read_group(struct ctl *c, struct mapping_list *to, const struct value *group)
{
	ERR(ignored);
	struct str preferred = value_path_str(group, "preferredVersion.groupVersion");
	const struct value *versions = value_get(group, STR("versions"));
	int failed = preferred.n ? read_version(c, to, preferred, &ignored) : 0;
	for (uint32_t i = 0; versions && i < versions->list.len; i++) {
		struct str gv = value_path_str(versions->list.items[i], "groupVersion");
		if (!str_eq(gv, preferred))
			failed |= read_version(c, to, gv, &ignored);
	}
	return failed;
}

int mapping_discover(struct ctl *c, struct mapping_list *ret, struct err *e)
{
	struct mappings *ms = mappings(c);
	if (!ms->asked) {
		struct value *groups = rest_get(c, STR("/apis"), e);
		if (!groups || read_version(c, &ms->discovered, STR("v1"), e) != 0)
			return -1;
		const struct value *list = value_get(groups, STR("groups"));
		for (uint32_t i = 0; list && i < list->list.len; i++)
			read_group(c, &ms->discovered, list->list.items[i]);
		ms->asked = true;
	}
	*ret = ms->discovered;
	return 0;
}

/* ---- words */

/* A word as resource, version and group; absent parts match anything. */
struct wanted {
	struct str name, version, group;
};

static bool names(const struct mapping *m, struct str name)
{
	return str_eq(m->resource, name) || str_eq_fold(m->kind, name) || str_eq(m->singular, name) || str_list_has(&m->shorts, name);
}

/* Plural names count before short ones: "ev" must not hide a resource that is called so. */
static const struct mapping *search(const struct mapping_list *l, const struct wanted *w)
{
	for (int shorts = 0; shorts < 2; shorts++)
		for (uint32_t i = 0; i < l->len; i++) {
			const struct mapping *m = l->items[i];
			bool named = shorts ? names(m, w->name) : str_eq(m->resource, w->name) || str_eq(m->singular, w->name);
			bool fits = (!w->group.p || str_eq(m->group, w->group) || (w->group.n && str_has_prefix(m->group, w->group) && m->group.p[w->group.n] == '.'));
			if (named && fits && (!w->version.p || str_eq(m->version, w->version)))
				return m;
		}
	return NULL;
}

static const struct mapping *search_forms(const struct mapping_list *l, struct str word)
{
	struct wanted w = {.name = word}, versioned;
	struct str rest;
	if (!str_cut(word, '.', &w.name, &rest))
		return search(l, &w);
	w.group = rest;
	versioned.name = w.name;
	if (str_cut(rest, '.', &versioned.version, &versioned.group)) {
		const struct mapping *m = search(l, &versioned);
		if (m)
			return m;
	} else {
		versioned = (struct wanted){.name = w.name, .version = rest, .group = STR("")};
		const struct mapping *m = search(l, &versioned);
		if (m)
			return m;
	}
	return search(l, &w);
}

const struct mapping *mapping_find(struct ctl *c, struct str word, struct err *e)
{
	struct mapping_list found;
	struct str w = lower(c->a, word), head, tail;
	const struct mapping *m = search_forms(&mappings(c)->builtin, w);
	if (m)
		return m;
	if (w.n && mapping_discover(c, &found, e) != 0)
		return NULL;
	m = w.n ? search_forms(&found, w) : NULL;
	str_cut(word, '.', &head, &tail);
	if (!m)
		err_set(e, ERR_BAD_REQUEST, "the server doesn't have a resource type \"%.*s\"", STR_F(head));
	return m;
}

static bool listed(const struct mapping_list *l, const struct mapping *m)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (str_eq(l->items[i]->resource, m->resource) && str_eq(l->items[i]->group, m->group))
			return true;
	return false;
}

/* One version of each resource of the category. */
static bool add_category(struct ctl *c, struct str word, struct mapping_list *ret)
{
	const struct mapping_list *l = &mappings(c)->builtin;
	uint32_t before = ret->len;
	for (uint32_t i = 0; i < l->len; i++)
		if (str_list_has(&l->items[i]->categories, word) && !listed(ret, l->items[i]))
			*arena_push(c->a, ret) = l->items[i];
	return ret->len > before;
}

int mapping_words(struct ctl *c, struct str words, struct mapping_list *ret, struct err *e)
{
	struct str word;
	if (!words.n)
		return mapping_find(c, words, e) ? 0 : -1;
	while (str_next(&words, ',', &word)) {
		if (!word.n)
			return err_set(e, ERR_BAD_REQUEST, "arguments in resource/name form must have a single resource and name");
		if (add_category(c, word, ret))
			continue;
		const struct mapping *m = mapping_find(c, word, e);
		if (!m)
			return -1;
		if (!listed(ret, m))
			*arena_push(c->a, ret) = (struct mapping *)m;
	}
	return 0;
}

const struct mapping *mapping_of_kind(struct ctl *c, struct str api_version, struct str kind, struct err *e)
{
	struct mapping_list found, *l = &mappings(c)->builtin;
	struct str group, version;
	split_api_version(api_version, &group, &version);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < l->len; i++)
			if (str_eq(l->items[i]->group, group) && str_eq(l->items[i]->version, version) && str_eq(l->items[i]->kind, kind))
				return l->items[i];
		if (round == 0 && mapping_discover(c, &found, e) != 0)
			return NULL;
		l = &found;
	}
	err_set(e, ERR_BAD_REQUEST, "no matches for kind \"%.*s\" in version \"%.*s\"", STR_F(kind), STR_F(api_version));
	return NULL;
}

/* ---- texts */

struct str mapping_api_version(struct ctl *c, const struct mapping *m)
{
	return m->group.n ? str_printf(c->a, "%.*s/%.*s", STR_F(m->group), STR_F(m->version)) : m->version;
}

struct str mapping_resource(struct ctl *c, const struct mapping *m)
{
	return m->group.n ? str_printf(c->a, "%.*s.%.*s", STR_F(m->resource), STR_F(m->group)) : m->resource;
}

struct str kind_text(struct ctl *c, struct str group, struct str kind)
{
	struct str k = lower(c->a, kind);
	return group.n ? str_printf(c->a, "%.*s.%.*s", STR_F(k), STR_F(group)) : k;
}

struct str mapping_kind(struct ctl *c, const struct mapping *m) { return kind_text(c, m->group, m->kind); }

static void put_segment(struct buf *out, struct str s)
{
	static const char plain[] = "-._~:@!$&'()*+,;=";
	for (size_t i = 0; i < s.n; i++)
		if (isalnum((unsigned char)s.p[i]) || strchr(plain, s.p[i]))
			buf_char(out, s.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
}

void mapping_path(struct buf *out, const struct mapping *m, struct str ns, struct str name, const char *sub)
{
	if (m->group.n)
		buf_printf(out, "/apis/%.*s/%.*s", STR_F(m->group), STR_F(m->version));
	else
		buf_printf(out, "/api/%.*s", STR_F(m->version));
	if (m->namespaced && ns.n) {
		buf_lit(out, "/namespaces/");
		put_segment(out, ns);
	}
	buf_printf(out, "/%.*s", STR_F(m->resource));
	if (name.n) {
		buf_char(out, '/');
		put_segment(out, name);
	}
	if (sub && *sub)
		buf_printf(out, "/%s", sub);
}
