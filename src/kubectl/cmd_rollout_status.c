/* rollout status: follows a workload until all of it is new and available. */
#include "kubectl/command.h"
#include "kubectl/history.h"
#include "kubectl/walk.h"
#include "kubectl/watching.h"
#include <errno.h>

struct status {
	struct ctl *c;
	const struct target *t;
	struct str last;      /* line printed: each is printed once in a row */
	bool once;            /* --watch=false */
};

static int64_t count(const struct value *obj, const char *path) { return int_of(value_path(obj, path), 0); }

static const struct value *condition(const struct value *obj, const char *type)
{
	const struct value *list = value_path(obj, "status.conditions");
	EACH_ITEM(x, list)
		if (str_is(value_path_str(*x, "type"), type))
			return *x;
	return NULL;
}

#define LINE(s, ...) (str_printf((s)->c->a, __VA_ARGS__))

/* ---- one function per kind: what is still missing, or absent when it is done with *ret_done set to the last line */

static int deployment(struct status *s, const struct value *o, struct str *ret, bool *ret_done, struct err *e)
{
	struct str name = s->t->name;
	int64_t want = int_of(value_path(o, "spec.replicas"), 1), updated = count(o, "status.updatedReplicas"), all = count(o, "status.replicas");
	int64_t available = count(o, "status.availableReplicas"), revision = opt_int(s->c, "revision"), now = 0;
	if (str_i64(text_of(value_get(value_path(o, "metadata.annotations"), STR("deployment.kubernetes.io/revision"))), &now) != 0)
		now = 0;
	if (revision > 0 && revision != now)
		return err_set(e, ERR_BAD_REQUEST, "desired revision (%lld) is different from the running revision (%lld)", (long long)revision, (long long)now);
	if (count(o, "metadata.generation") > count(o, "status.observedGeneration"))
		*ret = STR("Waiting for deployment spec update to be observed...");
	else if (str_is(value_path_str(condition(o, "Progressing"), "reason"), "ProgressDeadlineExceeded"))
		return err_set(e, ERR_BAD_REQUEST, "deployment \"%.*s\" exceeded its progress deadline", STR_F(name));
	else if (updated < want)
		*ret = LINE(s, "Waiting for deployment \"%.*s\" rollout to finish: %lld out of %lld new replicas have been updated...", STR_F(name), (long long)updated,
			(long long)want);
	else if (all > updated)
		*ret = LINE(s, "Waiting for deployment \"%.*s\" rollout to finish: %lld old replicas are pending termination...", STR_F(name), (long long)(all - updated));
	else if (available < updated)
		*ret = LINE(s, "Waiting for deployment \"%.*s\" rollout to finish: %lld of %lld updated replicas are available...", STR_F(name), (long long)available,
			(long long)updated);
	else {
		*ret = LINE(s, "deployment \"%.*s\" successfully rolled out", STR_F(name));
		*ret_done = true;
	}
	return 0;
}

static int daemon_set(struct status *s, const struct value *o, struct str *ret, bool *ret_done, struct err *e)
{
	struct str name = s->t->name;
	int64_t want = count(o, "status.desiredNumberScheduled"), updated = count(o, "status.updatedNumberScheduled"), available = count(o, "status.numberAvailable");
	if (!str_is(value_path_str(o, "spec.updateStrategy.type"), "RollingUpdate"))
		return err_set(e, ERR_BAD_REQUEST, "rollout status is only available for RollingUpdate strategy type");
	if (count(o, "metadata.generation") > count(o, "status.observedGeneration"))
		*ret = STR("Waiting for daemon set spec update to be observed...");
	else if (updated < want)
		*ret = LINE(s, "Waiting for daemon set \"%.*s\" rollout to finish: %lld out of %lld new pods have been updated...", STR_F(name), (long long)updated,
			(long long)want);
	else if (available < want)
		*ret = LINE(s, "Waiting for daemon set \"%.*s\" rollout to finish: %lld of %lld updated pods are available...", STR_F(name), (long long)available,
			(long long)want);
	else {
		*ret = LINE(s, "daemon set \"%.*s\" successfully rolled out", STR_F(name));
		*ret_done = true;
	}
	return 0;
}

static int stateful_set(struct status *s, const struct value *o, struct str *ret, bool *ret_done, struct err *e)
{
	int64_t want = int_of(value_path(o, "spec.replicas"), 1), ready = count(o, "status.readyReplicas"), updated = count(o, "status.updatedReplicas");
	int64_t partition = count(o, "spec.updateStrategy.rollingUpdate.partition");
	struct str was = value_path_str(o, "status.currentRevision"), now = value_path_str(o, "status.updateRevision");
	if (!str_is(value_path_str(o, "spec.updateStrategy.type"), "RollingUpdate"))
		return err_set(e, ERR_BAD_REQUEST, "rollout status is only available for RollingUpdate strategy type");
	if (!count(o, "status.observedGeneration") || count(o, "metadata.generation") > count(o, "status.observedGeneration"))
		*ret = STR("Waiting for statefulset spec update to be observed...");
	else if (ready < want)
		*ret = LINE(s, "Waiting for %lld pods to be ready...", (long long)(want - ready));
	else if (value_path(o, "spec.updateStrategy.rollingUpdate.partition") && updated < want - partition)
		*ret = LINE(s, "Waiting for partitioned roll out to finish: %lld out of %lld new pods have been updated...", (long long)updated, (long long)(want - partition));
	else if (value_path(o, "spec.updateStrategy.rollingUpdate.partition")) {
		*ret = LINE(s, "partitioned roll out complete: %lld new pods have been updated...", (long long)updated);
		*ret_done = true;
	} else if (!str_eq(was, now))
		*ret = LINE(s, "waiting for statefulset rolling update to complete %lld pods at revision %.*s...", (long long)updated, STR_F(now));
	else {
		*ret = LINE(s, "statefulset rolling update complete %lld pods at revision %.*s...", (long long)count(o, "status.currentReplicas"), STR_F(was));
		*ret_done = true;
	}
	return 0;
}

static const struct viewer {
	const char *resource;
	int (*fn)(struct status *s, const struct value *o, struct str *ret, bool *ret_done, struct err *e);
} viewers[] = {
	{"daemonsets", daemon_set}, {"deployments", deployment}, {"statefulsets", stateful_set},
};

static int look(void *arg, struct value *obj, struct err *e)
{
	struct status *s = arg;
	struct str line = {0};
	bool done = false;
	if (!obj)
		return err_set(e, ERR_BAD_REQUEST, "object has been deleted");
	for (size_t i = 0; i < ARRAY_LEN(viewers); i++)
		if (history_is(s->t, viewers[i].resource) && viewers[i].fn(s, obj, &line, &done, e) != 0)
			return -1;
	if (!str_eq(line, s->last))
		ctl_print(s->c, "%.*s\n", STR_F(line));
	ctl_flush(s->c);
	s->last = line;
	return done || s->once;
}

static bool has_viewer(const struct target *t)
{
	for (size_t i = 0; i < ARRAY_LEN(viewers); i++)
		if (history_is(t, viewers[i].resource))
			return true;
	return false;
}

static int status_one(struct ctl *c, struct target *t, mono_t deadline, struct err *e)
{
	struct status s = {.c = c, .t = t, .once = !opt_on(c, "watch")};
	if (!has_viewer(t))
		return err_set(e, ERR_BAD_REQUEST, "no status viewer has been implemented for %.*s", STR_F(t->m->kind));
	if (watching_until(c, t, look, &s, deadline, e) == 0)
		return 0;
	if (e->sys == ETIME)
		err_set(e, ERR_BAD_REQUEST, "timed out waiting for the condition");
	return -1;
}

int cmd_rollout_status(struct ctl *c, struct err *e)
{
	struct targets ts;
	nsec_t timeout = opt_duration(c, "timeout");
	mono_t deadline = timeout > 0 ? rt_now() + timeout : MONO_NEVER;
	if (!ctl_args(c)->len && !opt_list(c, "filename")->len)
		return err_set(e, ERR_BAD_REQUEST, "required resource not specified");
	if (targets_read(c, &(struct target_opts){.flags = TARGET_LIST_ALL}, &ts, e) != 0 || targets_fetch(c, &ts, false, e) != 0)
		return -1;
	for (uint32_t i = 0; i < ts.len; i++) {
		if (status_one(c, &ts.items[i], deadline, e) == 0)
			continue;
		if (e->sys > 0)
			return -1;
		ctl_problem(c, e);
	}
	return 0;
}
