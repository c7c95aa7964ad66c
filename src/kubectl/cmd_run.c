/* run: a Pod of an image, perhaps with this terminal at it. */
#include "codec/json.h"
#include "codec/patch.h"
#include "kubectl/attach.h"
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/make.h"
#include "kubectl/walk.h"
#include "kubectl/watching.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct run {
	struct ctl *c;
	struct printer p;
	enum dry_run dry;
	struct target t;
	bool attach;
};

/* ---- flags */

static int read_env(struct ctl *c, struct value **ret, struct err *e)
{
	const str_list_t *l = opt_list(c, "env");
	struct value *list = l->len ? value_new(c->a, V_LIST) : NULL;
	struct str key, value;
	LIST_EACH(x, *l) {
		if (!str_cut(*x, '=', &key, &value) || !key.n)
			return err_set(e, ERR_BAD_REQUEST, "invalid env: %.*s", STR_F(*x));
		value_push(c->a, list, doc(c, "{'name': %s, 'value': %s}", key, value));
	}
	*ret = list;
	return 0;
}

static int read_labels(struct run *r, struct value **ret, struct err *e)
{
	struct str text = opt(r->c, "labels");
	if (text.n)
		return make_labels(r->c, text, ret, e);
	*ret = doc(r->c, "{'run': %s}", r->t.name);
	return 0;
}

static struct value *read_annotations(struct ctl *c)
{
	struct value *v = opt_list(c, "annotations")->len ? value_new(c->a, V_OBJECT) : NULL;
	struct str key, value;
	LIST_EACH(x, *opt_list(c, "annotations"))
		if (str_cut(*x, '=', &key, &value))
			value_set(c->a, v, key, value_str(c->a, value));
	return v;
}

/* What registries and tags allow; the server does not look. */
static bool is_image(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@", s.p[i]))
			return false;
	return s.n > 0;
}

static int check(struct run *r, struct err *e)
{
	struct ctl *c = r->c;
	struct str image = opt(c, "image"), restart = opt(c, "restart");
	uint32_t names = c->opts.dash >= 0 ? (uint32_t)c->opts.dash : ctl_args(c)->len;
	if (!names)
		return usage_error(c, e, "NAME is required for run");
	if (!opt_given(c, "image"))
		return err_set(e, ERR_BAD_REQUEST, "required flag(s) \"image\" not set");
	if (!is_image(image))
		return err_set(e, ERR_BAD_REQUEST, "Invalid image name \"%.*s\": invalid reference format", STR_F(image));
	if (opt_on(c, "tty") && !opt_on(c, "stdin"))
		return usage_error(c, e, "-i/--stdin is required for containers with -t/--tty=true");
	if (opt_on(c, "expose") && !opt(c, "port").n)
		return usage_error(c, e, "--port must be set when exposing a service");
	if (!str_is(restart, "Always") && !str_is(restart, "OnFailure") && !str_is(restart, "Never"))
		return usage_error(c, e, "invalid restart policy: %.*s", STR_F(restart));
	r->attach = opt_given(c, "attach") ? opt_on(c, "attach") : opt_on(c, "stdin");
	if (opt_on(c, "rm") && !r->attach)
		return usage_error(c, e, "--rm should only be used for attached containers");
	if (r->attach && r->dry != DRY_NONE)
		return usage_error(c, e, "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)");
	return 0;
}

/* ---- the Pod */

static int override(struct run *r, struct err *e)
{
	struct ctl *c = r->c;
	struct str text = opt(c, "overrides"), type = opt(c, "override-type");
	struct value *patch;
	struct json_opts o = {0};
	if (!text.n)
		return 0;
	if (json_parse(c->a, text, &o, &patch, NULL) != 0)
		return err_set(e, ERR_BAD_REQUEST, "Invalid JSON Patch");
	enum change_patch kind = str_is(type, "json") ? CHANGE_JSON : str_is(type, "strategic") ? CHANGE_STRATEGIC : CHANGE_MERGE;
	struct value *v = change_patch(c, &r->t, kind, patch, NULL, DRY_CLIENT, e);
	if (!v)
		return -1;
	r->t.obj = v;
	return 0;
}

static int make_pod(struct run *r, struct err *e)
{
	struct ctl *c = r->c;
	struct value *labels = NULL, *env = NULL, *ports = NULL, *t = value_bool(c->a, true);
	uint32_t first = c->opts.dash > 0 ? (uint32_t)c->opts.dash : 1, n = ctl_args(c)->len > first ? ctl_args(c)->len - first : 0;
	struct value *words = doc_words(c, ctl_args(c)->items + first, n);
	struct str policy = opt(c, "image-pull-policy");
	if (read_env(c, &env, e) != 0 || read_labels(r, &labels, e) != 0)
		return -1;
	if (opt(c, "port").n)
		ports = doc(c, "[{'containerPort': %d}]", opt_int(c, "port"));
	bool command = opt_on(c, "command"), in = opt_on(c, "stdin");
	r->t.obj = doc(c, "{'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': %s, 'labels': %v, 'annotations': %v, 'namespace': %s}, 'spec': {'containers': "
		"[{'name': %s, 'image': %s, 'imagePullPolicy': %s, 'command': %v, 'args': %v, 'env': %v, 'ports': %v, 'resources': {}, 'stdin': %v, 'stdinOnce': %v, "
		"'tty': %v, 'securityContext': %v}], 'dnsPolicy': 'ClusterFirst', 'restartPolicy': %s}, 'status': {}}",
		r->t.name, labels, read_annotations(c), c->ns_given ? c->ns : (struct str){0}, r->t.name, opt(c, "image"), policy.n ? policy : (struct str){0},
		command ? words : NULL, command ? NULL : words, env, ports, in ? t : NULL, in && !opt_on(c, "leave-stdin-open") ? t : NULL, opt_on(c, "tty") ? t : NULL,
		opt_on(c, "privileged") ? doc(c, "{'privileged': true}") : NULL, opt(c, "restart"));
	value_sort(r->t.obj);
	return override(r, e);
}

static int expose(struct run *r, struct err *e)
{
	struct ctl *c = r->c;
	int64_t port = opt_int(c, "port");
	struct target s = {.m = mapping_find(c, STR("services"), e), .ns = c->ns, .name = r->t.name};
	if (!opt_on(c, "expose"))
		return 0;
	s.obj = doc(c, "{'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': %s}, 'spec': {'ports': [{'port': %d, 'protocol': 'TCP', 'targetPort': %d}], "
		"'selector': %v}, 'status': {'loadBalancer': {}}}", s.name, port, port, value_path(r->t.obj, "metadata.labels"));
	struct value *obj = s.m ? change_create(c, &s, "kubectl-run", r->dry, e) : NULL;
	return obj ? print_done(c, &r->p, &s, obj, "created", r->dry, e) : -1;
}

/* ---- joining it */

static int started(void *arg, struct value *pod, struct err *e)
{
	struct run *r = arg;
	struct str phase = value_path_str(pod, "status.phase");
	if (!pod)
		return err_set(e, ERR_BAD_REQUEST, "pod \"%.*s\" was deleted", STR_F(r->t.name));
	r->t.obj = pod;
	return str_is(phase, "Running") || str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

static int ended(void *arg, struct value *pod, struct err *e)
{
	struct run *r = arg;
	(void)e;
	struct str phase = value_path_str(pod, "status.phase");
	if (!pod)
		return 1;
	r->t.obj = pod;
	return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

/* The container's exit code becomes ours, when it is not started again. */
static int take_code(struct run *r, struct err *e)
{
	if (str_is(opt(r->c, "restart"), "Always"))
		return 0;
	if (watching_until(r->c, &r->t, ended, r, rt_now() + NS_MIN, e) != 0)
		return -1;
	const struct value *statuses = value_path(r->t.obj, "status.containerStatuses");
	if (list_len(statuses))
		r->c->code = (int)int_of(value_path(item_at(statuses, 0), "state.terminated.exitCode"), 0);
	return 0;
}

static int join(struct run *r, struct err *e)
{
	struct ctl *c = r->c;
	if (watching_until(c, &r->t, started, r, rt_now() + opt_duration(c, "pod-running-timeout"), e) != 0)
		return e->sys == ETIME ? err_set(e, ERR_BAD_REQUEST, "timed out waiting for the condition") : -1;
	if (!opt_on(c, "quiet") && str_is(value_path_str(r->t.obj, "status.phase"), "Running"))
		dprintf(STDERR_FILENO, "If you don't see a command prompt, try pressing enter.\n");
	if (attach_pod(c, &r->t, e) != 0)
		return -1;
	return take_code(r, e);
}

static int remove_pod(struct run *r, struct err *e)
{
	struct change del = {.method = "DELETE"};
	if (!change_send(r->c, &r->t, &del, e))
		return -1;
	if (!opt_on(r->c, "quiet"))
		ctl_print(r->c, "pod \"%.*s\" deleted from %.*s namespace\n", STR_F(r->t.name), STR_F(r->t.ns));
	return 0;
}

int cmd_run(struct ctl *c, struct err *e)
{
	struct run r = {.c = c};
	if (ctl_dry_run(c, &r.dry, e) != 0 || check(&r, e) != 0 || printer_init(c, &r.p, false, e) != 0 || ctl_config(c, e) != 0)
		return -1;
	r.t = (struct target){.m = mapping_find(c, STR("pods"), e), .ns = c->ns, .name = ctl_arg(c, 0)};
	if (!r.t.m || make_pod(&r, e) != 0 || expose(&r, e) != 0)
		return -1;
	if (opt_on(c, "save-config") && r.dry != DRY_CLIENT)
		change_set_last_applied(c, r.t.obj);
	struct value *obj = change_create(c, &r.t, "kubectl-run", r.dry, e);
	if (!obj)
		return -1;
	if (!r.attach)
		return print_done(c, &r.p, &r.t, obj, "created", r.dry, e);
	ctl_flush(c);
	int failed = join(&r, e);
	ERR(gone);
	if (opt_on(c, "rm") && remove_pod(&r, failed ? &gone : e) != 0 && !failed)
		failed = -1;
	return failed;
}
