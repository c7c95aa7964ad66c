/* scale: through the scale subresource, so that it works for everything that has one. */
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/walk.h"
#include "rt/fiber.h"

#define LOOK_AGAIN (NS_S / 4)

struct scale {
	struct ctl *c;
	struct targets ts;
	struct printer p;
	enum dry_run dry;
	int64_t replicas;
};

static struct value *read_scale(struct scale *s, const struct target *t, struct err *e)
{
	BUF(path);
	mapping_path(&path, t->m, t->ns, t->name, "scale");
	return rest_get(s->c, buf_view(&path), e);
}

static int check_now(struct scale *s, const struct target *t, struct err *e)
{
	int64_t wanted = opt_int(s->c, "current-replicas");
	struct str rv = opt(s->c, "resource-version");
	if (wanted < 0 && !rv.n)
		return 0;
	struct value *now = read_scale(s, t, e);
	if (!now)
		return -1;
	int64_t have = int_of(value_path(now, "spec.replicas"), 0);
	struct str have_rv = value_path_str(now, "metadata.resourceVersion");
	if (wanted >= 0 && wanted != have)
		return err_set(e, ERR_BAD_REQUEST, "Expected replicas to be %lld, was %lld", (long long)wanted, (long long)have);
	if (rv.n && !str_eq(rv, have_rv))
		return err_set(e, ERR_BAD_REQUEST, "Expected resource version to be %.*s, was %.*s", STR_F(rv), STR_F(have_rv));
	return 0;
}

static int wait_scaled(struct scale *s, const struct target *t, struct err *e)
{
	nsec_t timeout = opt_duration(s->c, "timeout");
	mono_t deadline = rt_now() + timeout;
	while (timeout && s->dry == DRY_NONE) {
		struct value *now = read_scale(s, t, e);
		if (!now)
			return -1;
		if (int_of(value_path(now, "status.replicas"), 0) == s->replicas)
			return 0;
		if (rt_now() >= deadline || fiber_sleep(LOOK_AGAIN) != 0)
			return err_set(e, ERR_BAD_REQUEST, "timed out waiting for \"%.*s\" to be synced", STR_F(t->name));
	}
	return 0;
}

static int one(void *arg, struct target *t, struct err *e)
{
	struct scale *s = arg;
	struct value *patch = doc(s->c, "{'spec': {'replicas': %d}}", s->replicas);
	struct change ch = {.method = "PATCH", .content_type = "application/merge-patch+json", .body = rest_body(s->c, patch), .manager = "kubectl-scale",
		.dry = s->dry, .sub = "scale"};
	if (s->dry != DRY_CLIENT && (check_now(s, t, e) != 0 || !change_send(s->c, t, &ch, e) || wait_scaled(s, t, e) != 0))
		return -1;
	struct value *obj = t->obj, *spec = value_get(obj, STR("spec"));
	if (spec)
		value_set(s->c->a, spec, STR("replicas"), value_int(s->c->a, s->replicas));
	return print_done(s->c, &s->p, t, obj, "scaled", s->dry, e);
}

int cmd_scale(struct ctl *c, struct err *e)
{
	struct scale s = {.c = c, .replicas = opt_int(c, "replicas")};
	if (!opt_given(c, "replicas"))
		return err_set(e, ERR_BAD_REQUEST, "required flag(s) \"replicas\" not set");
	if (s.replicas < 0)
		return err_set(e, ERR_BAD_REQUEST, "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
	if (ctl_dry_run(c, &s.dry, e) != 0 || printer_init(c, &s.p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_ALL_FLAG}, &s.ts, e) != 0)
		return -1;
	if (s.ts.len > 1 && opt(c, "resource-version").n)
		return err_set(e, ERR_BAD_REQUEST, "cannot use --resource-version with multiple resources");
	if (targets_fetch(c, &s.ts, false, e) != 0)
		return -1;
	if (!s.ts.len && !c->problems.len)
		return err_set(e, ERR_BAD_REQUEST, "no objects passed to scale");
	return change_each(c, &s.ts, one, &s, e);
}
