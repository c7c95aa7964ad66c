/* describe: what runs Pods, and what they read and are reached by. */
#include "base/enc.h"
#include "kubectl/describe.h"
#include "kubectl/history.h"
#include "kubectl/pods.h"
#include "kubectl/walk.h"

static int64_t int_at(const struct value *v, const char *path, int64_t absent) { return int_of(value_path(v, path), absent); }

static void put_selector(struct describe *d)
{
	describe_line(d, 0, "Selector:\t%.*s", STR_F(describe_selector(d->c, value_path(d->obj, "spec.selector"))));
}

static void put_labels(struct describe *d)
{
	describe_map(d, 0, "Labels", value_path(d->obj, "metadata.labels"));
	describe_annotations(d, 0, value_path(d->obj, "metadata.annotations"));
}

static void put_template(struct describe *d)
{
	describe_line(d, 0, "Pod Template:");
	d->indent = 1;
	describe_template(d, value_path(d->obj, "spec.template"));
	d->indent = 0;
}

static struct str plain(struct ctl *c, const struct value *v, const char *absent)
{
	BUF(b);
	if (!v)
		return str_of(absent);
	jsonpath_write_value(&b, v);
	return buf_take(&b, c->a);
}

/* ---- Deployments */

static void put_sets(struct describe *d, const char *title, const struct revisions *all, uint32_t current, bool old)
{
	BUF(b);
	for (uint32_t i = 0; i < all->len; i++) {
		const struct value *rs = all->items[i].obj;
		if ((i == current) != old)
			buf_printf(&b, "%s%.*s (%lld/%lld replicas created)", b.n ? ", " : "", STR_F(value_path_str(rs, "metadata.name")),
				(long long)int_at(rs, "status.replicas", 0), (long long)int_at(rs, "spec.replicas", 0));
	}
	describe_line(d, 0, "%s:\t%.*s", title, STR_F(b.n ? buf_view(&b) : STR("<none>")));
}

/* Old ones, and the one that has the template of now. */
static int put_history(struct describe *d, struct err *e)
{
	struct revisions all = {0};
	if (history_read(d->c, d->t, &all, e) != 0)
		return -1;
	uint32_t current = all.len;
	for (uint32_t i = 0; i < all.len && current == all.len; i++)
		if (history_is_current(d->c, &all.items[i], d->t))
			current = i;
	if (all.len) {
		put_sets(d, "OldReplicaSets", &all, current, true);
		put_sets(d, "NewReplicaSet", &all, current, false);
	}
	return 0;
}

static void put_strategy(struct describe *d)
{
	const struct value *o = d->obj, *rolling = value_path(o, "spec.strategy.rollingUpdate");
	int64_t all = int_at(o, "status.replicas", 0), available = int_at(o, "status.availableReplicas", 0);
	describe_line(d, 0, "Replicas:\t%lld desired | %lld updated | %lld total | %lld available | %lld unavailable", (long long)int_at(o, "spec.replicas", 1),
		(long long)int_at(o, "status.updatedReplicas", 0), (long long)all, (long long)available,
		(long long)int_at(o, "status.unavailableReplicas", 0));
	describe_line(d, 0, "StrategyType:\t%.*s", STR_F(value_path_str(o, "spec.strategy.type")));
	describe_line(d, 0, "MinReadySeconds:\t%lld", (long long)int_at(o, "spec.minReadySeconds", 0));
	if (rolling)
		describe_line(d, 0, "RollingUpdateStrategy:\t%.*s max unavailable, %.*s max surge", STR_F(plain(d->c, value_get(rolling, STR("maxUnavailable")), "")),
			STR_F(plain(d->c, value_get(rolling, STR("maxSurge")), "")));
}

int describe_deployment(struct describe *d, struct err *e)
{
	describe_head(d);
	describe_line(d, 0, "CreationTimestamp:\t%.*s", STR_F(describe_time(d->c, value_path_str(d->obj, "metadata.creationTimestamp"))));
	put_labels(d);
	put_selector(d);
	put_strategy(d);
	put_template(d);
	describe_conditions(d, value_path(d->obj, "status.conditions"), true);
	return put_history(d, e) == 0 ? describe_events(d, e) : -1;
}

/* ---- other sets */

static int put_pods_status(struct describe *d, struct err *e)
{
	static const char *const phases[] = {"Running", "Pending", "Succeeded", "Failed"};
	unsigned n[ARRAY_LEN(phases)] = {0};
	struct targets pods = {0};
	if (pods_of(d->c, d->t, &pods, e) != 0)
		return -1;
	for (uint32_t i = 0; i < pods.len; i++)
		for (size_t k = 0; k < ARRAY_LEN(phases); k++)
			n[k] += str_is(value_path_str(pods.items[i].obj, "status.phase"), phases[k]);
	describe_line(d, 0, "Pods Status:\t%u Running / %u Waiting / %u Succeeded / %u Failed", n[0], n[1], n[2], n[3]);
	return 0;
}

static int put_rest(struct describe *d, struct err *e)
{
	if (put_pods_status(d, e) != 0)
		return -1;
	put_template(d);
	describe_conditions(d, value_path(d->obj, "status.conditions"), true);
	return 0;
}

int describe_replicaset(struct describe *d, struct err *e)
{
	describe_head(d);
	put_selector(d);
	put_labels(d);
	describe_owner(d);
	describe_line(d, 0, "Replicas:\t%lld current / %lld desired", (long long)int_at(d->obj, "status.replicas", 0), (long long)int_at(d->obj, "spec.replicas", 1));
	return put_rest(d, e) == 0 ? describe_events(d, e) : -1;
}

static void put_claims(struct describe *d)
{
	const struct value *list = value_path(d->obj, "spec.volumeClaimTemplates");
	describe_line(d, 0, list_len(list) ? "Volume Claims:" : "Volume Claims:\t<none>");
	EACH_ITEM(x, list) {
		BUF(modes);
		const struct value *v = value_path(*x, "spec.accessModes");
		EACH_ITEM(m, v)
			buf_printf(&modes, "%s%.*s", modes.n ? " " : "", STR_F(text_of(*m)));
		describe_line(d, 1, "Name:\t%.*s", STR_F(value_path_str(*x, "metadata.name")));
		describe_line(d, 1, "StorageClass:\t%.*s", STR_F(value_path_str(*x, "spec.storageClassName")));
		describe_map(d, 1, "Labels", value_path(*x, "metadata.labels"));
		describe_annotations(d, 1, value_path(*x, "metadata.annotations"));
		describe_line(d, 1, "Capacity:\t%.*s", STR_F(plain(d->c, value_path(*x, "spec.resources.requests.storage"), "<default>")));
		describe_line(d, 1, "Access Modes:\t[%.*s]", STR_F(buf_view(&modes)));
	}
}

int describe_statefulset(struct describe *d, struct err *e)
{
	const struct value *partition = value_path(d->obj, "spec.updateStrategy.rollingUpdate.partition");
	describe_head(d);
	describe_line(d, 0, "CreationTimestamp:\t%.*s", STR_F(describe_time(d->c, value_path_str(d->obj, "metadata.creationTimestamp"))));
	put_selector(d);
	put_labels(d);
	describe_line(d, 0, "Replicas:\t%lld desired | %lld total", (long long)int_at(d->obj, "spec.replicas", 1), (long long)int_at(d->obj, "status.replicas", 0));
	describe_line(d, 0, "Update Strategy:\t%.*s", STR_F(value_path_str(d->obj, "spec.updateStrategy.type")));
	if (partition)
		describe_line(d, 1, "Partition:\t%lld", (long long)int_of(partition, 0));
	if (put_rest(d, e) != 0)
		return -1;
	put_claims(d);
	return describe_events(d, e);
}

int describe_daemonset(struct describe *d, struct err *e)
{
	static const char *const counts[][2] = {
		{"Desired Number of Nodes Scheduled", "status.desiredNumberScheduled"}, {"Current Number of Nodes Scheduled", "status.currentNumberScheduled"},
		{"Number of Nodes Scheduled with Up-to-date Pods", "status.updatedNumberScheduled"},
		{"Number of Nodes Scheduled with Available Pods", "status.numberAvailable"}, {"Number of Nodes Misscheduled", "status.numberMisscheduled"},
	};
	describe_head(d);
	put_selector(d);
	describe_map(d, 0, "Node-Selector", value_path(d->obj, "spec.template.spec.nodeSelector"));
	put_labels(d);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		describe_line(d, 0, "%s: %lld", counts[i][0], (long long)int_at(d->obj, counts[i][1], 0));
	return put_rest(d, e) == 0 ? describe_events(d, e) : -1;
}

/* ---- configuration */

int describe_configmap(struct describe *d, struct err *e)
{
	const struct value *data = value_get(d->obj, STR("data")), *binary = value_get(d->obj, STR("binaryData"));
	describe_head(d);
	put_labels(d);
	describe_line(d, 0, "\nData\n====");
	EACH_MEMBER(m, data)
		describe_line(d, 0, "%.*s:\n----\n%.*s\n", STR_F(m->key), STR_F(text_of(m->value)));
	describe_line(d, 0, "\nBinaryData\n====");
	EACH_MEMBER(m, binary) {
		BUF(b);
		if (dec_base64(&b, text_of(m->value)) == 0)
			describe_line(d, 0, "%.*s: %zu bytes", STR_F(m->key), b.n);
	}
	describe_line(d, 0, "%s", "");
	return describe_events(d, e);
}

/* Sizes only: what is secret is not shown. */
int describe_secret(struct describe *d, struct err *e)
{
	(void)e;
	const struct value *data = value_get(d->obj, STR("data"));
	describe_head(d);
	put_labels(d);
	describe_line(d, 0, "\nType:\t%.*s\n\nData\n====", STR_F(value_path_str(d->obj, "type")));
	EACH_MEMBER(m, data) {
		BUF(b);
		if (dec_base64(&b, text_of(m->value)) == 0)
			describe_line(d, 0, "%.*s:\t%zu bytes", STR_F(m->key), b.n);
		buf_fini_secret(&b);
	}
	return 0;
}
