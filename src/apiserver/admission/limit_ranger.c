/* LimitRanger: what the LimitRanges of a namespace give the containers of new Pods, and what they refuse. */
#include "apiserver/admission/plugins.h"

#include "api/pod.h"
#include "schema/quantity.h"

#define ANNOTATION "kubernetes.io/limit-ranger"

typedef struct core_v1_LimitRangeItem item_t;
typedef struct core_v1_Container container_t;

/* ---- defaults ---- */

static void add_name(struct buf *names, struct str name) { buf_printf(names, "%s%.*s", names->n ? ", " : "", STR_F(name)); }

/* Fills what is missing; its names go to the annotation as `cpu, memory request for container c`. */
static void fill(struct arena *a, struct str_map *have, const struct str_map *defaults, const char *what, const char *prefix, struct str container, struct buf *note)
{
	BUF(names);
	LIST_EACH(d, *defaults)
		if (!str_map_has(have, d->key)) {
			str_map_set(a, have, d->key, d->value);
			add_name(&names, d->key);
		}
	if (names.n)
		buf_printf(note, "%s%.*s %s for %s %.*s", note->n ? "; " : "", STR_F(buf_view(&names)), what, prefix, STR_F(container));
}

static void fill_containers(struct arena *a, core_v1_Container_list_t *l, const item_t *item, const char *prefix, struct buf *note)
{
	LIST_EACH(c, *l)
	{
		fill(a, &c->resources.requests, &item->defaultRequest, "request", prefix, c->name, note);
		fill(a, &c->resources.limits, &item->default_, "limit", prefix, c->name, note);
	}
}

static void fill_pod(struct admit *a, const struct core_v1_LimitRange *l)
{
	struct core_v1_Pod *p = a->obj;
	struct arena *mem = a->request->arena;
	BUF(note);
	LIST_EACH(i, l->spec.limits)
		if (str_is(i->type, "Container")) {
			fill_containers(mem, &p->spec.containers, i, "container", &note);
			fill_containers(mem, &p->spec.initContainers, i, "init container", &note);
		}
	if (note.n)
		str_map_set(mem, &p->metadata.annotations, STR(ANNOTATION), str_printf(mem, "LimitRanger plugin set: %.*s", STR_F(buf_view(&note))));
}

/* ---- bounds ---- */

/* The errors of one LimitRange, each text once. */
struct bounds {
	struct arena *a;
	struct str type;
	struct { struct str *items; uint32_t len, cap; } errors;
};
struct amount_in_text {
	struct str text; /* absent: not given */
	struct quantity q;
};

static void say(struct bounds *b, struct str text)
{
	LIST_EACH(s, b->errors)
		if (str_eq(*s, text))
			return;
	struct str *p = arena_push(b->a, &b->errors);
	if (p)
		*p = text;
}

static struct amount_in_text given(const struct str_map *m, struct str name)
{
	struct str s = str_map_get(m, name);
	return (struct amount_in_text){str_map_has(m, name) ? s : (struct str){0}, quantity_of(s)};
}

/* `maximum cpu usage per Container is 2` and what is wrong with it. */
static void say_usage(struct bounds *b, const char *which, const struct str_pair *bound, const char *what, struct str have)
{
	struct str head = str_printf(b->a, "%s %.*s usage per %.*s is %.*s", which, STR_F(bound->key), STR_F(b->type), STR_F(bound->value));
	if (have.p)
		say(b, str_printf(b->a, "%.*s, but %s is %.*s", STR_F(head), what, STR_F(have)));
	else
		say(b, str_printf(b->a, "%.*s.  No %s is specified", STR_F(head), what));
}

static void check_min(struct bounds *b, const struct str_pair *min, const struct str_map *requests, const struct str_map *limits)
{
	struct amount_in_text req = given(requests, min->key), lim = given(limits, min->key);
	struct quantity bound = quantity_of(min->value);
	if (!req.text.p || quantity_cmp(&req.q, &bound) < 0)
		say_usage(b, "minimum", min, "request", req.text);
	else if (lim.text.p && quantity_cmp(&lim.q, &bound) < 0)
		say_usage(b, "minimum", min, "limit", lim.text);
}

static void check_max(struct bounds *b, const struct str_pair *max, const struct str_map *requests, const struct str_map *limits)
{
	struct amount_in_text req = given(requests, max->key), lim = given(limits, max->key);
	struct quantity bound = quantity_of(max->value);
	if (!lim.text.p || quantity_cmp(&lim.q, &bound) > 0)
		say_usage(b, "maximum", max, "limit", lim.text);
	else if (req.text.p && quantity_cmp(&req.q, &bound) > 0)
		say_usage(b, "maximum", max, "request", req.text);
}

static void check_max_request(struct bounds *b, const struct str_pair *max, const struct str_map *requests)
{
	struct amount_in_text req = given(requests, max->key);
	struct quantity bound = quantity_of(max->value);
	if (!req.text.p || quantity_cmp(&req.q, &bound) > 0)
		say_usage(b, "maximum", max, "request", req.text);
}

static void check_ratio(struct bounds *b, const struct str_pair *max, const struct str_map *requests, const struct str_map *limits)
{
	struct amount_in_text req = given(requests, max->key), lim = given(limits, max->key);
	struct quantity bound = quantity_of(max->value);
	struct str head = str_printf(b->a, "%.*s max limit to request ratio per %.*s is %.*s, but", STR_F(max->key), STR_F(b->type), STR_F(max->value));
	if (!quantity_sign(&req.q))
		say(b, str_printf(b->a, "%.*s no request is specified or request is 0", STR_F(head)));
	else if (!quantity_sign(&lim.q))
		say(b, str_printf(b->a, "%.*s no limit is specified or limit is 0", STR_F(head)));
	else if (quantity_double(&lim.q) / quantity_double(&req.q) > quantity_double(&bound))
		say(b, str_printf(b->a, "%.*s provided ratio is %f", STR_F(head), quantity_double(&lim.q) / quantity_double(&req.q)));
}

static void check_item(struct bounds *b, const item_t *i, const struct str_map *requests, const struct str_map *limits)
{
	LIST_EACH(p, i->min)
		check_min(b, p, requests, limits);
	LIST_EACH(p, i->max)
		check_max(b, p, requests, limits);
	LIST_EACH(p, i->maxLimitRequestRatio)
		check_ratio(b, p, requests, limits);
}

static void check_containers(struct bounds *b, const item_t *i, const core_v1_Container_list_t *l)
{
	LIST_EACH(c, *l)
		check_item(b, i, &c->resources.requests, &c->resources.limits);
}

static struct str_map texts(struct arena *a, struct amounts v)
{
	struct str_map m = {0};
	LIST_EACH(x, v)
		str_map_set(a, &m, x->name, amount_text(a, x->name, x->value));
	return m;
}

static void check_pod(struct bounds *b, const struct core_v1_LimitRange *l, const struct core_v1_Pod *p)
{
	LIST_EACH(i, l->spec.limits)
	{
		b->type = i->type;
		if (str_is(i->type, "Container")) {
			check_containers(b, i, &p->spec.containers);
			check_containers(b, i, &p->spec.initContainers);
		} else if (str_is(i->type, "Pod")) {
			struct str_map requests = texts(b->a, pod_requests(b->a, &p->spec)), limits = texts(b->a, pod_limits(b->a, &p->spec));
			check_item(b, i, &requests, &limits);
		}
	}
}

static void check_claim(struct bounds *b, const struct core_v1_LimitRange *l, const struct core_v1_PersistentVolumeClaim *c)
{
	static const struct str_map none;
	LIST_EACH(i, l->spec.limits)
	{
		b->type = i->type;
		if (!str_is(i->type, "PersistentVolumeClaim"))
			continue;
		LIST_EACH(p, i->min)
			check_min(b, p, &c->spec.resources.requests, &none);
		LIST_EACH(p, i->max)
			check_max_request(b, p, &c->spec.resources.requests);
	}
}

/* ---- the plug-in ---- */

typedef struct { const struct core_v1_LimitRange **items; uint32_t len, cap; } ranges_t;

static ranges_t ranges_of(struct admit *a)
{
	struct cache *c = server_cache(a->request->server);
	struct arena *mem = a->request->arena;
	ranges_t l = {0};
	struct cache_pin pin;
	struct cache_iter it;
	cache_pin(c, cache_table_by_name(c, "", "limitranges"), &pin);
	cache_seek(&it, &pin, a->ns, a->ns, STR(""), false);
	for (struct object *o; (o = cache_next(&it));) {
		arena_defer(mem, (void (*)(void *))object_unref, object_ref(o));
		const struct core_v1_LimitRange *r = object_decode(o, mem, NULL), **slot = r ? arena_push(mem, &l) : NULL;
		if (slot)
			*slot = r;
	}
	cache_unpin(&pin);
	return l;
}

/* New Pods only, but resizes are looked at, too; claims whenever they are written. */
static bool is_new_pod(const struct admit *a) { return admit_is(a, "", "pods", "") && a->op == ADMIT_CREATE; }
static bool is_claim(const struct admit *a) { return admit_is(a, "", "persistentvolumeclaims", ""); }

static int give(struct admit *a, struct err *e)
{
	if (!is_new_pod(a))
		return 0;
	ranges_t l = ranges_of(a);
	LIST_EACH(r, l)
		fill_pod(a, *r);
	return 0;
}

static int refuse(struct admit *a, struct err *e)
{
	if (!is_new_pod(a) && !admit_is(a, "", "pods", "resize") && !is_claim(a))
		return 0;
	ranges_t l = ranges_of(a);
	LIST_EACH(r, l)
	{
		struct bounds b = {.a = a->request->arena};
		if (is_claim(a))
			check_claim(&b, *r, a->obj);
		else
			check_pod(&b, *r, a->obj);
		if (b.errors.len == 1)
			return admit_forbidden(a, e, "%.*s", STR_F(b.errors.items[0]));
		if (b.errors.len)
			return admit_forbidden(a, e, "[%.*s]", STR_F(str_join(b.a, b.errors.items, b.errors.len, STR(", "))));
	}
	return 0;
}

const struct admission_plugin plugin_limit_ranger = {.name = "LimitRanger", .by_default = true, .ops = ADMIT_CREATE | ADMIT_UPDATE, .admit = give, .validate = refuse};
