#include "kubectl/set.h"
#include "codec/patch.h"
#include "kubectl/change.h"
#include "kubectl/walk.h"
#include <fnmatch.h>

/* Where the Pod's spec is. */
static struct value *pod_spec(const struct target *t, struct value *obj)
{
	static const struct { const char *kind, *path; } places[] = {{"Pod", "spec"}, {"CronJob", "spec.jobTemplate.spec.template.spec"}};
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (str_is(t->m->kind, places[i].kind))
			return value_path(obj, places[i].path);
	return value_path(obj, "spec.template.spec");
}

struct value *set_containers(struct ctl *c, const struct value *spec, const char *pattern)
{
	static const char *const lists[] = {"containers", "initContainers"};
	struct value *found = value_new(c->a, V_LIST);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct value *list = value_get(spec, str_of(lists[i]));
		EACH_ITEM(x, list)
			if (fnmatch(pattern, str_z(c->a, value_path_str(*x, "name")), 0) == 0)
				value_push(c->a, found, *x);
	}
	return found;
}

static int one(void *arg, struct target *t, struct err *e)
{
	struct set *s = arg;
	struct ctl *c = s->c;
	struct value *to = value_copy(c->a, t->obj), *spec = pod_spec(t, to), *obj = to;
	if (!spec)
		return err_set(e, ERR_BAD_REQUEST, "%.*s/%.*s the object is not a pod or does not have a pod template: *%.*s.%.*s", STR_F(t->m->resource), STR_F(t->name),
			STR_F(t->m->version), STR_F(t->m->kind));
	if (s->edit(s, t, spec, e) != 0)
		return -1;
	if (s->list)
		return 0;
	value_sort(to);
	bool local = opt_on(c, "local");
	struct value *patch = t->m->type ? patch_strategic_diff(c->a, t->m->type, value_copy(c->a, t->obj), value_copy(c->a, to), e)
		: patch_merge_diff(c->a, t->obj, to);
	if (!patch)
		return -1;
	if (!local && !map_len(patch))
		return 0;
	if (!local && !(obj = change_patch(c, t, change_patch_of(t), patch, "kubectl-set", s->dry, e)))
		return -1;
	return print_done(c, &s->p, t, obj, s->done, s->dry, e);
}

int set_run(struct set *s, struct err *e)
{
	struct ctl *c = s->c;
	static const struct str none;
	struct target_opts o = {.flags = TARGET_ALL_FLAG, .args = ctl_args(c)->len ? ctl_args(c)->items : &none, .nargs = s->nresources};
	if (ctl_dry_run(c, &s->dry, e) != 0 || printer_init(c, &s->p, false, e) != 0 || targets_read(c, &o, &s->ts, e) != 0)
		return -1;
	if (!opt_on(c, "local") && targets_fetch(c, &s->ts, false, e) != 0)
		return -1;
	return change_each(c, &s->ts, one, s, e);
}
