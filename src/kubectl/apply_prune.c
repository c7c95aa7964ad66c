/* apply --prune: objects that earlier applies made, and that this one left out, are deleted. */
#include "kubectl/apply_prune.h"
#include "kubectl/change.h"
#include "kubectl/walk.h"

static const char *const usual[] = {"core/v1/ConfigMap", "core/v1/Endpoints", "core/v1/Namespace", "core/v1/PersistentVolumeClaim", "core/v1/PersistentVolume",
	"core/v1/Pod", "core/v1/ReplicationController", "core/v1/Secret", "core/v1/Service", "batch/v1/Job", "batch/v1/CronJob", "networking.k8s.io/v1/Ingress",
	"apps/v1/DaemonSet", "apps/v1/Deployment", "apps/v1/ReplicaSet", "apps/v1/StatefulSet"};

static int add_kind(struct ctl *c, struct prune *p, struct str text, struct err *e)
{
	struct str group, rest, version, kind;
	if (!str_cut(text, '/', &group, &rest) || !str_cut(rest, '/', &version, &kind) || str_index(kind, '/', 0) >= 0)
		return err_set(e, ERR_BAD_REQUEST, "invalid GroupVersionKind format: %.*s, please follow <group/version/kind>", STR_F(text));
	bool core = str_is(group, "core");
	struct str api = core ? version : str_printf(c->a, "%.*s/%.*s", STR_F(group), STR_F(version));
	const struct mapping *m = mapping_of_kind(c, api, kind, e), **slot = m ? arena_push(c->a, &p->kinds) : NULL;
	if (slot)
		*slot = m;
	return m ? 0 : -1;
}

static int check_flags(struct ctl *c, struct err *e)
{
	bool selected = opt(c, "selector").n > 0;
	if (opt_on(c, "all") && selected)
		return err_set(e, ERR_BAD_REQUEST, "cannot set --all and --selector at the same time");
	if (opt_on(c, "prune") && !opt_on(c, "all") && !selected)
		return err_set(e, ERR_BAD_REQUEST, "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did "
			"not mean to prune all resources, specify a label selector");
	return 0;
}

int prune_init(struct ctl *c, struct prune *p, struct err *e)
{
	const str_list_t *given = opt_list(c, "prune-allowlist");
	if (check_flags(c, e))
		return -1;
	p->on = opt_on(c, "prune");
	for (uint32_t i = 0; p->on && i < given->len; i++)
		if (add_kind(c, p, given->items[i], e))
			return -1;
	for (size_t i = 0; p->on && !given->len && i < ARRAY_LEN(usual); i++)
		if (add_kind(c, p, str_of(usual[i]), e))
			return -1;
	return 0;
}

static void add_once(struct arena *a, str_list_t *l, struct str s)
{
	LIST_EACH(x, *l)
		if (str_eq(*x, s))
			return;
	struct str *slot = arena_push(a, l);
	if (slot)
		*slot = s;
}

void prune_seen(struct ctl *c, struct prune *p, const struct target *t, const struct value *obj)
{
	if (!p->on)
		return;
	add_once(c->a, &p->uids, value_path_str(obj, "metadata.uid"));
	if (t->m->namespaced)
		add_once(c->a, &p->namespaces, t->ns);
}

static bool is_seen(const struct prune *p, const struct value *obj)
{
	return str_list_has(&p->uids, value_path_str(obj, "metadata.uid"));
}

static int delete_one(struct ctl *c, struct printer *out, const struct mapping *m, struct value *obj, enum dry_run dry, struct err *e)
{
	struct target t = {.m = m, .ns = value_path_str(obj, "metadata.namespace"), .name = value_path_str(obj, "metadata.name"), .obj = obj};
	struct value *options = value_new(c->a, V_OBJECT);
	value_set(c->a, options, STR("propagationPolicy"), value_str(c->a, STR("Background")));
	if (dry == DRY_SERVER) /* with a body the query does not count */
		value_set(c->a, options, STR("dryRun"), value_new(c->a, V_LIST)), value_push(c->a, value_get(options, STR("dryRun")), value_str(c->a, STR("All")));
	struct change ch = {.method = "DELETE", .body = rest_body(c, options), .dry = dry};
	if (dry != DRY_CLIENT && !change_send(c, &t, &ch, e))
		return -1;
	return print_done(c, out, &t, obj, "pruned", dry, e);
}

static int prune_kind(struct ctl *c, struct prune *p, struct printer *out, const struct mapping *m, struct str ns, enum dry_run dry, struct err *e)
{
	struct target list = {.m = m, .ns = ns};
	struct value *v = target_list(c, &list, e);
	const struct value *items = value_get(v, STR("items"));
	EACH_ITEM(x, items)
		if (change_last_applied(*x).p && !is_seen(p, *x) && delete_one(c, out, m, *x, dry, e))
			return -1;
	return v ? 0 : -1;
}

int prune_run(struct ctl *c, struct prune *p, struct printer *out, enum dry_run dry, struct err *e)
{
	if (!p->on)
		return 0;
	LIST_EACH(ns, p->namespaces)
		LIST_EACH(m, p->kinds)
			if ((*m)->namespaced && prune_kind(c, p, out, *m, *ns, dry, e))
				return -1;
	LIST_EACH(m, p->kinds)
		if (!(*m)->namespaced && !c->ns_given && prune_kind(c, p, out, *m, (struct str){0}, dry, e))
			return -1;
	return 0;
}
