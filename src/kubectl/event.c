#include "kubectl/event.h"
#include "kubectl/table.h"
#include "kubectl/walk.h"

static struct str seen(const struct value *ev)
{
	static const char *const fields[] = {"series.lastObservedTime", "lastTimestamp", "eventTime", "firstTimestamp", "metadata.creationTimestamp"};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (value_path_str(ev, fields[i]).n)
			return value_path_str(ev, fields[i]);
	return STR("");
}

int event_by_time(const void *x, const void *y) { return str_cmp(seen(*(struct value *const *)x), seen(*(struct value *const *)y)); }

struct str event_age(struct ctl *c, const struct value *ev)
{
	struct str last = ago_text(c, seen(ev)), first = value_path_str(ev, "firstTimestamp");
	int64_t n = int_of(value_path(ev, "series.count"), int_of(value_path(ev, "count"), 1));
	if (n <= 1)
		return last;
	struct str since = ago_text(c, first.n ? first : value_path_str(ev, "eventTime"));
	return str_printf(c->a, "%.*s (x%lld over %.*s)", STR_F(last), (long long)n, STR_F(since));
}
