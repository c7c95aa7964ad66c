#include "codec/defaults_config.h"
#include "codec/defaults_rules.h"
#include <pthread.h>
#include <stdlib.h>

#define PATH_MAX_STEPS 5  /* of a rule; the table is ours */
#define DEPTH_MAX 64      /* of messages within messages; JSON schemas recurse and have no defaults */

/* A path resolved to fields; messages in between may be pointers. */
struct steps {
	const struct field *f[PATH_MAX_STEPS];
	unsigned n;
};
struct step_rule {
	struct steps path, when;
	struct str value, is;
	bool make, conditional, any;
};
/* What has to be done at objects of one type. */
struct plan {
	struct step_rule *rules;
	uint32_t nrules;
	void (*hook)(struct defaulting *, struct ref);
	const struct config_default *config;
	const struct field **members; /* in which something has to be done, or below */
	uint32_t nmembers;
	bool reaches; /* something has to be done here or below */
};
/* Computed once from the tables; constant afterwards. */
static struct plan *plans;
static pthread_once_t plans_once = PTHREAD_ONCE_INIT;

/* ---- computing the plans ---- */

static bool resolve(const struct type *t, const char *path, struct steps *ret)
{
	struct str rest = str_of(path), name;
	*ret = (struct steps){0};
	while (t && ret->n < PATH_MAX_STEPS && str_next(&rest, '.', &name)) {
		const struct field *f = field_by_name(t, name, false);
		if (!f)
			return false;
		ret->f[ret->n++] = f;
		t = f->kind == K_MESSAGE ? field_type(f) : NULL;
	}
	return ret->n && !rest.p;
}

static struct step_rule *add_rule(struct plan *p)
{
	p->rules = realloc(p->rules, (p->nrules + 1) * sizeof *p->rules);
	if (!p->rules)
		abort();
	p->reaches = true;
	p->rules[p->nrules] = (struct step_rule){0};
	return &p->rules[p->nrules++];
}

static void plan_rule(const struct rule *r)
{
	const struct type *t = type_by_name(str_of(r->type));
	struct steps path, when = {0};
	if (!t || !resolve(t, r->path, &path) || (r->when && !resolve(t, r->when, &when)))
		return; /* an older version may lack the member */
	*add_rule(&plans[t->index]) = (struct step_rule){path, when, str_of(r->value), str_of(r->is), r->make, r->when != NULL, r->is == NULL};
}

static struct str unquoted(struct str json)
{
	return json.n >= 2 && json.p[0] == '"' ? str_sub(json, 1, json.n - 1) : json;
}

static void plan_declared(const struct type *t)
{
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_field(t, i);
		struct str value = field_default(f);
		if (value.n && f->card == ONE)
			*add_rule(&plans[t->index]) = (struct step_rule){.path = {{f}, 1}, .value = unquoted(value)};
	}
}

static bool is_resource_list(const struct field *f) { return f->card == MAP_OF && f->kind == K_QUANTITY; }

static bool reaches_in(const struct field *f) { return is_resource_list(f) || (f->kind == K_MESSAGE && plans[f->of].reaches); }

static bool reaches_below(const struct type *t)
{
	for (unsigned i = 0; i < t->nfields; i++)
		if (reaches_in(type_field(t, i)))
			return true;
	return false;
}

static void plan_members(const struct type *t)
{
	struct plan *p = &plans[t->index];
	p->members = p->reaches ? calloc(t->nfields + 1u, sizeof(struct field *)) : NULL;
	if (p->reaches && !p->members)
		abort();
	for (unsigned i = 0; p->reaches && i < t->nfields; i++)
		if (reaches_in(type_field(t, i)))
			p->members[p->nmembers++] = type_field(t, i);
}

static void plan_reach(void)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (uint16_t i = 1; i < desc_types(); i++)
			if (!plans[i].reaches && reaches_below(desc_type(i)))
				changed = plans[i].reaches = true;
	}
}

static void plan_config(void)
{
	for (size_t i = 0; i < config_defaults_len; i++) {
		const struct config_default *d = &config_defaults[i];
		const struct type *t = type_by_gvk(str_of(d->group), str_of(d->version), str_of(d->kind));
		if (t)
			plans[t->index].config = d, plans[t->index].reaches = true;
	}
}

static void compute_plans(void)
{
	plans = calloc(desc_types(), sizeof *plans);
	if (!plans)
		abort();
	for (size_t i = 0; i < default_rules_len; i++)
		plan_rule(&default_rules[i]);
	for (uint16_t i = 1; i < desc_types(); i++)
		plan_declared(desc_type(i));
	for (size_t i = 0; i < default_hooks_len; i++) {
		const struct type *t = type_by_name(str_of(default_hooks[i].type));
		if (t)
			plans[t->index].hook = default_hooks[i].fn, plans[t->index].reaches = true;
	}
	plan_config();
	plan_reach();
	for (uint16_t i = 1; i < desc_types(); i++)
		plan_members(desc_type(i));
}

/* ---- running them ---- */

/* Whether a default applies: pointers when absent, all else when zero. */
static bool unset(const void *obj, const struct field *f)
{
	if (f->card == ONE && f->flags & FIELD_PTR)
		return !field_present(obj, f);
	if (f->card == ONE && f->kind == K_INTORSTRING)
		return false;
	return field_empty(obj, f);
}

/* The object that holds the last step's member; NULL when a message on the way is absent. */
static void *walk(struct arena *a, void *obj, const struct steps *s, bool make)
{
	for (unsigned i = 0; obj && i + 1 < s->n; i++) {
		if (!make && !field_present(obj, s->f[i]))
			return NULL;
		obj = field_mutable(a, obj, s->f[i]);
	}
	return obj;
}

static bool holds(const struct step_rule *r, void *obj)
{
	const struct field *f = r->when.f[r->when.n - 1];
	void *at = walk(NULL, obj, &r->when, false);
	if (!at)
		return false;
	if (r->any || !r->is.n)
		return unset(at, f) != r->any;
	return f->kind == K_STRING && str_eq(*(struct str *)field_at(at, f), r->is);
}

static void set_list(struct arena *a, void *at, struct str value)
{
	str_list_t l = {0};
	struct str piece;
	while (str_next(&value, ',', &piece)) {
		struct str *s = arena_push(a, &l);
		if (s)
			*s = piece;
	}
	memcpy(at, &l, sizeof l);
}

static void set_int_or_str(struct int_or_str *to, struct str value)
{
	int64_t n;
	*to = str_i64(value, &n) ? (struct int_or_str){.str = value, .is_str = true} : (struct int_or_str){.num = (int32_t)n};
}

static void set_value(struct arena *a, void *obj, const struct field *f, struct str value)
{
	void *at = field_mutable(a, obj, f);
	int64_t n = 0;
	if (f->card == LIST_OF)
		return set_list(a, at, value);
	if (f->kind == K_INT32 || f->kind == K_INT64)
		(void)str_i64(value, &n);
	switch (f->kind) {
	case K_STRING: *(struct str *)at = value.p ? value : STR(""); break;
	case K_BOOL: *(bool *)at = str_is(value, "true"); break;
	case K_INT32: *(int32_t *)at = (int32_t)n; break;
	case K_INT64: *(int64_t *)at = n; break;
	case K_INTORSTRING: set_int_or_str(at, value); break;
	default: break; /* a message: it is there now */
	}
}

static void run_rule(struct arena *a, const struct step_rule *r, void *obj)
{
	if (r->conditional && !holds(r, obj))
		return;
	const struct field *f = r->path.f[r->path.n - 1];
	void *at = walk(a, obj, &r->path, r->make);
	if (at && unset(at, f))
		set_value(a, at, f, r->value);
}

static void visit(struct defaulting *d, const struct type *t, void *obj, unsigned depth);

static void visit_member(struct defaulting *d, void *obj, const struct field *f, unsigned depth)
{
	void *at = field_at(obj, f);
	const struct any_list *l = at;
	if (f->card == ONE) {
		void *message = f->flags & FIELD_PTR ? *(void **)at : at;
		if (message)
			visit(d, field_type(f), message, depth);
		return;
	}
	for (uint32_t i = 0; i < l->len; i++) {
		void *message = list_at(f, l, i);
		if (message)
			visit(d, field_type(f), message, depth);
	}
}

static void visit(struct defaulting *d, const struct type *t, void *obj, unsigned depth)
{
	const struct plan *p = &plans[t->index];
	if (!p->reaches || depth > DEPTH_MAX)
		return;
	for (uint32_t i = 0; i < p->nrules; i++)
		run_rule(d->a, &p->rules[i], obj);
	if (p->config)
		config_fill(d->a, p->config, (struct ref){t, obj});
	if (p->hook)
		p->hook(d, (struct ref){t, obj});
	for (uint32_t i = 0; i < p->nmembers; i++) {
		const struct field *f = p->members[i];
		if (f->kind == K_MESSAGE)
			visit_member(d, obj, f, depth + 1);
		else if (((struct any_list *)field_at(obj, f))->len)
			defaults_round(d, field_at(obj, f));
	}
}

void obj_default_now(struct arena *a, struct ref o, wall_t now)
{
	struct defaulting d = {a, now};
	pthread_once(&plans_once, compute_plans);
	visit(&d, o.type, o.p, 0);
}

void obj_default(struct arena *a, struct ref o) { obj_default_now(a, o, 0); }
