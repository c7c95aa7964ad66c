/* describe: Jobs and CronJobs. */
#include "base/clock.h"
#include "kubectl/describe.h"
#include "kubectl/walk.h"

#define INDEXES_SHOWN 50 /* characters of completed indexes, to the next comma */

#define TEXT(o, path) STR_F(value_path_str(o, path))

/* "Title:  12", "<unset>" without a number; with a unit behind it. */
static void put_number(struct describe *d, const char *title, const struct value *v, const char *unit, bool always)
{
	if (v)
		describe_line(d, 0, "%s:\t%lld%s", title, (long long)int_of(v, 0), unit);
	else if (always)
		describe_line(d, 0, "%s:\t<unset>", title);
}

static void put_time(struct describe *d, const char *title, const char *path, bool always)
{
	struct str at = value_path_str(d->obj, path);
	if (at.n)
		describe_line(d, 0, "%s:\t%.*s", title, STR_F(describe_time(d->c, at)));
	else if (always)
		describe_line(d, 0, "%s:\t<unset>", title);
}

static void put_duration(struct describe *d)
{
	struct str from = value_path_str(d->obj, "status.startTime"), to = value_path_str(d->obj, "status.completionTime");
	int64_t a, b;
	int32_t ns;
	if (from.n && to.n && time_parse_rfc3339(from, &a, &ns) == 0 && time_parse_rfc3339(to, &b, &ns) == 0)
		describe_line(d, 0, "Duration:\t%.*s", STR_F(duration_text(d->c, (b - a) * NS_S)));
}

static void put_pods(struct describe *d)
{
	const struct value *o = d->obj, *ready = value_path(o, "status.ready");
	long long active = int_of(value_path(o, "status.active"), 0), ok = int_of(value_path(o, "status.succeeded"), 0), failed = int_of(value_path(o, "status.failed"), 0);
	if (ready)
		describe_line(d, 0, "Pods Statuses:\t%lld Active (%lld Ready) / %lld Succeeded / %lld Failed", active, (long long)int_of(ready, 0), ok, failed);
	else
		describe_line(d, 0, "Pods Statuses:\t%lld Active / %lld Succeeded / %lld Failed", active, ok, failed);
}

static void put_indexes(struct describe *d)
{
	struct str all = value_path_str(d->obj, "status.completedIndexes");
	size_t n = INDEXES_SHOWN;
	if (!str_is(value_path_str(d->obj, "spec.completionMode"), "Indexed"))
		return;
	while (n < all.n && all.p[n] != ',')
		n++;
	if (!all.n)
		describe_line(d, 0, "Completed Indexes:\t<none>");
	else if (n >= all.n)
		describe_line(d, 0, "Completed Indexes:\t%.*s", STR_F(all));
	else
		describe_line(d, 0, "Completed Indexes:\t%.*s...", STR_F(str_sub(all, 0, n + 1)));
}

static void put_template(struct describe *d, const char *path)
{
	describe_line(d, 0, "Pod Template:");
	d->indent = 1;
	describe_template(d, value_path(d->obj, path));
	d->indent = 0;
}

int describe_job(struct describe *d, struct err *e)
{
	const struct value *o = d->obj, *suspend = value_path(o, "spec.suspend");
	describe_head(d);
	describe_line(d, 0, "Selector:\t%.*s", STR_F(describe_selector(d->c, value_path(o, "spec.selector"))));
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	describe_owner(d);
	put_number(d, "Parallelism", value_path(o, "spec.parallelism"), "", false);
	put_number(d, "Completions", value_path(o, "spec.completions"), "", true);
	if (value_path_str(o, "spec.completionMode").n)
		describe_line(d, 0, "Completion Mode:\t%.*s", TEXT(o, "spec.completionMode"));
	if (suspend)
		describe_line(d, 0, "Suspend:\t%s", is_true(suspend) ? "true" : "false");
	put_number(d, "Backoff Limit", value_path(o, "spec.backoffLimit"), "", false);
	put_number(d, "TTL Seconds After Finished", value_path(o, "spec.ttlSecondsAfterFinished"), "", false);
	put_time(d, "Start Time", "status.startTime", false);
	put_time(d, "Completed At", "status.completionTime", false);
	put_duration(d);
	put_number(d, "Active Deadline Seconds", value_path(o, "spec.activeDeadlineSeconds"), "s", false);
	put_pods(d);
	put_indexes(d);
	put_template(d, "spec.template");
	return describe_events(d, e);
}

static void put_active(struct describe *d, const struct value *list)
{
	BUF(b);
	EACH_ITEM(x, list)
		buf_printf(&b, "%s%.*s", b.n ? ", " : "", TEXT(*x, "name"));
	describe_line(d, 0, "Active Jobs:\t%.*s", STR_F(b.n ? buf_view(&b) : STR("<none>")));
}

int describe_cronjob(struct describe *d, struct err *e)
{
	const struct value *o = d->obj, *suspend = value_path(o, "spec.suspend"), *selector = value_path(o, "spec.jobTemplate.spec.selector");
	struct str zone = value_path_str(o, "spec.timeZone"), selected = selector ? describe_selector(d->c, selector) : STR("<unset>");
	describe_head(d);
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	describe_line(d, 0, "Schedule:\t%.*s", TEXT(o, "spec.schedule"));
	describe_line(d, 0, "Concurrency Policy:\t%.*s", TEXT(o, "spec.concurrencyPolicy"));
	describe_line(d, 0, "Suspend:\t%s", !suspend ? "<unset>" : is_true(suspend) ? "True" : "False");
	describe_line(d, 0, "Time Zone:\t%.*s", STR_F(zone.n ? zone : STR("<unset>")));
	put_number(d, "Successful Job History Limit", value_path(o, "spec.successfulJobsHistoryLimit"), "", true);
	put_number(d, "Failed Job History Limit", value_path(o, "spec.failedJobsHistoryLimit"), "", true);
	put_number(d, "Starting Deadline Seconds", value_path(o, "spec.startingDeadlineSeconds"), "s", true);
	describe_line(d, 0, "Selector:\t%.*s", STR_F(selected));
	put_number(d, "Parallelism", value_path(o, "spec.jobTemplate.spec.parallelism"), "", true);
	put_number(d, "Completions", value_path(o, "spec.jobTemplate.spec.completions"), "", true);
	put_number(d, "Active Deadline Seconds", value_path(o, "spec.jobTemplate.spec.activeDeadlineSeconds"), "s", false);
	put_template(d, "spec.jobTemplate.spec.template");
	put_time(d, "Last Schedule Time", "status.lastScheduleTime", true);
	put_active(d, value_path(o, "status.active"));
	return describe_events(d, e);
}
