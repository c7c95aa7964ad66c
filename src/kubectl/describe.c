#include "kubectl/describe.h"
#include "kubectl/event.h"
#include "kubectl/walk.h"
#include "base/clock.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#define ANNOTATION_MAX 140 /* of a line; the rest is cut off */
#define LAST_APPLIED_NAME "kubectl.kubernetes.io/last-applied-configuration"

static const struct kind_row {
	const char *group, *resource;
	describe_fn *fn;
} kinds[] = {
	{"", "configmaps", describe_configmap}, {"", "limitranges", describe_limitrange}, {"", "nodes", describe_node}, {"", "persistentvolumeclaims", describe_claim}, {"", "persistentvolumes", describe_pv}, {"", "pods", describe_pod},
	{"", "resourcequotas", describe_quota}, {"", "secrets", describe_secret}, {"", "serviceaccounts", describe_serviceaccount}, {"", "services", describe_service},
	{"apps", "daemonsets", describe_daemonset}, {"apps", "deployments", describe_deployment}, {"apps", "replicasets", describe_replicaset},
	{"apps", "statefulsets", describe_statefulset}, {"batch", "cronjobs", describe_cronjob}, {"batch", "jobs", describe_job},
	{"discovery.k8s.io", "endpointslices", describe_endpointslice}, {"networking.k8s.io", "networkpolicies", describe_networkpolicy},
	{"policy", "poddisruptionbudgets", describe_budget}, {"rbac.authorization.k8s.io", "clusterrolebindings", describe_rolebinding},
	{"rbac.authorization.k8s.io", "clusterroles", describe_role}, {"rbac.authorization.k8s.io", "rolebindings", describe_rolebinding},
	{"rbac.authorization.k8s.io", "roles", describe_role}, {"scheduling.k8s.io", "priorityclasses", describe_priorityclass},
	{"storage.k8s.io", "storageclasses", describe_storageclass},
};

void describe_line(struct describe *d, int level, const char *fmt, ...)
{
	va_list ap;
	for (int i = 0; i < level + d->indent; i++)
		buf_lit(&d->tab.text, "  ");
	va_start(ap, fmt);
	struct str line = str_vprintf(d->c->a, fmt, ap);
	va_end(ap);
	tab_text(&d->tab.text, line);
	buf_char(&d->tab.text, '\n');
}

/* A line below the value of the one before. */
static void continued(struct describe *d, int level, struct str text)
{
	for (int i = 0; i < level + d->indent && !d->raw_tabs; i++)
		buf_lit(&d->tab.text, "  ");
	buf_char(&d->tab.text, '\t');
	tab_text(&d->tab.text, text);
	buf_char(&d->tab.text, '\n');
}

static void put_first(struct describe *d, int level, const char *title, struct str text, bool first)
{
	if (first)
		describe_line(d, level, "%s:\t%s%.*s", title, d->inner ? d->inner : "", STR_F(text));
	else
		continued(d, level, text);
}

void describe_map(struct describe *d, int level, const char *title, const struct value *map)
{
	if (!map_len(map))
		describe_line(d, level, "%s:\t%s<none>", title, d->inner ? d->inner : "");
	EACH_MEMBER(m, map)
		put_first(d, level, title, str_printf(d->c->a, "%.*s=%.*s", STR_F(m->key), STR_F(text_of(m->value))), m == map->object.items);
}

static void put_annotation(struct describe *d, int level, struct member *m, bool first)
{
	struct str rest = text_of(m->value), line;
	if (rest.n && rest.p[rest.n - 1] == '\n')
		rest.n--;
	bool shorter = m->key.n + rest.n + 2 <= ANNOTATION_MAX && str_index(rest, '\n', 0) < 0;
	if (shorter) {
		put_first(d, level, "Annotations", str_printf(d->c->a, "%.*s: %.*s", STR_F(m->key), STR_F(rest)), first);
		return;
	}
	put_first(d, level, "Annotations", str_printf(d->c->a, "%.*s:", STR_F(m->key)), first);
	while (str_next(&rest, '\n', &line)) {
		bool cut = line.n > ANNOTATION_MAX;
		continued(d, level, str_printf(d->c->a, "  %.*s%s", STR_F(str_sub(line, 0, cut ? ANNOTATION_MAX - 2 : line.n)), cut ? "..." : ""));
	}
}

void describe_annotations(struct describe *d, int level, const struct value *map)
{
	bool first = true;
	EACH_MEMBER(m, map) {
		if (str_is(m->key, LAST_APPLIED_NAME))
			continue;
		put_annotation(d, level, m, first);
		first = false;
	}
	if (first)
		describe_line(d, level, "Annotations:\t%s<none>", d->inner ? d->inner : "");
}

void describe_head(struct describe *d)
{
	describe_line(d, 0, "Name:\t%.*s", STR_F(value_path_str(d->obj, "metadata.name")));
	if (d->t->m->namespaced)
		describe_line(d, 0, "Namespace:\t%.*s", STR_F(value_path_str(d->obj, "metadata.namespace")));
}

void describe_owner(struct describe *d)
{
	const struct value *owners = value_path(d->obj, "metadata.ownerReferences");
	EACH_ITEM(o, owners)
		if (is_true(value_get(*o, STR("controller"))))
			describe_line(d, 0, "Controlled By:\t%.*s/%.*s", STR_F(value_path_str(*o, "kind")), STR_F(value_path_str(*o, "name")));
}

struct str describe_time(struct ctl *c, struct str rfc3339)
{
	char text[64];
	int64_t sec;
	int32_t nsec;
	struct tm tm;
	if (!rfc3339.n || time_parse_rfc3339(rfc3339, &sec, &nsec) != 0)
		return rfc3339;
	time_t t = (time_t)sec;
	localtime_r(&t, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &tm);
	return str_dup(c->a, str_of(text));
}

struct str describe_selector(struct ctl *c, const struct value *selector)
{
	BUF(b);
	const struct value *labels = value_get(selector, STR("matchLabels")), *expressions = value_get(selector, STR("matchExpressions"));
	bool plain = selector && !labels && !expressions;
	EACH_MEMBER(m, plain ? selector : labels)
		buf_printf(&b, "%s%.*s=%.*s", b.n ? "," : "", STR_F(m->key), STR_F(text_of(m->value)));
	EACH_ITEM(x, expressions) {
		struct str op = value_path_str(*x, "operator"), key = value_path_str(*x, "key");
		const struct value *values = value_get(*x, STR("values"));
		buf_printf(&b, "%s%s%.*s", b.n ? "," : "", str_is(op, "DoesNotExist") ? "!" : "", STR_F(key));
		if (list_len(values))
			buf_printf(&b, " %s (", str_is(op, "In") ? "in" : "notin");
		EACH_ITEM(v, values)
			buf_printf(&b, "%s%.*s", v == values->list.items ? "" : ",", STR_F(text_of(*v)));
		if (list_len(values))
			buf_char(&b, ')');
	}
	return b.n ? buf_take(&b, c->a) : STR("<none>");
}

void describe_conditions(struct describe *d, const struct value *list, bool reasons)
{
	if (!list_len(list))
		return;
	describe_line(d, 0, "Conditions:");
	describe_line(d, 1, reasons ? "Type\tStatus\tReason" : "Type\tStatus");
	if (reasons)
		describe_line(d, 1, "----\t------\t------");
	EACH_ITEM(x, list) {
		struct str type = value_path_str(*x, "type"), status = value_path_str(*x, "status"), reason = value_path_str(*x, "reason");
		if (reasons)
			describe_line(d, 1, "%.*s \t%.*s\t%.*s", STR_F(type), STR_F(status), STR_F(reason));
		else
			describe_line(d, 1, "%.*s \t%.*s ", STR_F(type), STR_F(status));
	}
}

void describe_conditions_seen(struct describe *d, const char *title, const char *field)
{
	const struct value *list = value_path(d->obj, "status.conditions");
	if (!list_len(list))
		return;
	describe_line(d, 0, "Conditions:");
	describe_line(d, 1, "Type\tStatus\t%s\tLastTransitionTime\tReason\tMessage", title);
	describe_line(d, 1, "----\t------\t%.*s\t------------------\t------\t-------", (int)strlen(title), "------------------");
	EACH_ITEM(x, list) {
		struct str seen = describe_time(d->c, value_path_str(*x, field)), turned = describe_time(d->c, value_path_str(*x, "lastTransitionTime"));
		describe_line(d, 1, "%.*s \t%.*s \t%.*s \t%.*s \t%.*s \t%.*s", STR_F(value_path_str(*x, "type")), STR_F(value_path_str(*x, "status")), STR_F(seen), STR_F(turned),
			STR_F(value_path_str(*x, "reason")), STR_F(value_path_str(*x, "message")));
	}
}

/* ---- events */

static void put_event(struct describe *d, const struct value *ev)
{
	struct str last = event_age(d->c, ev), from = value_path_str(ev, "source.component");
	struct str field = value_path_str(ev, "involvedObject.fieldPath"), message = str_trim(value_path_str(ev, "message"));
	if (!from.n)
		from = value_path_str(ev, "reportingComponent");
	describe_line(d, 1, "%.*s\t%.*s\t%.*s\t%.*s\t%.*s%s%.*s", STR_F(value_path_str(ev, "type")), STR_F(value_path_str(ev, "reason")), STR_F(last), STR_F(from),
		STR_F(field), field.n ? ": " : "", STR_F(message));
}

int describe_events(struct describe *d, struct err *e)
{
	BUF(path);
	struct ctl *c = d->c;
	struct str name = value_path_str(d->obj, "metadata.name"), uid = value_path_str(d->obj, "metadata.uid"), ns = value_path_str(d->obj, "metadata.namespace");
	if (!opt_on(c, "show-events"))
		return 0;
	buf_lit(&path, "/api/v1");
	if (ns.n)
		buf_printf(&path, "/namespaces/%.*s", STR_F(ns));
	buf_lit(&path, "/events");
	bool node = str_is(d->t->m->kind, "Node");
	query_add(&path, "fieldSelector", str_printf(c->a, "involvedObject.kind=%.*s,involvedObject.name=%.*s%s%.*s", STR_F(d->t->m->kind), STR_F(name),
		node ? "" : ",involvedObject.uid=", STR_F(node ? STR("") : uid)));
	struct value *list = rest_get(c, buf_view(&path), e);
	if (!list)
		return -1;
	struct value *items = value_get(list, STR("items"));
	if (!list_len(items)) {
		describe_line(d, 0, "Events:\t<none>");
		return 0;
	}
	qsort(items->list.items, items->list.len, sizeof *items->list.items, event_by_time);
	describe_line(d, 0, "Events:");
	describe_line(d, 1, "Type\tReason\tAge\tFrom\tMessage");
	describe_line(d, 1, "----\t------\t----\t----\t-------");
	EACH_ITEM(ev, items)
		put_event(d, *ev);
	return 0;
}

/* ---- any kind */

/* A word of a title: "Creation", but "UID". */
static void put_word(struct buf *b, struct str word)
{
	static const char *const acronyms[] = {"API", "GUID", "OSB", "UID", "URL"};
	if (b->n)
		buf_char(b, ' ');
	for (size_t i = 0; i < ARRAY_LEN(acronyms); i++)
		if (str_eq_fold(word, str_of(acronyms[i]))) {
			buf_str(b, str_of(acronyms[i]));
			return;
		}
	buf_char(b, (char)toupper((unsigned char)word.p[0]));
	buf_str(b, str_sub(word, 1, word.n));
}

/* "Creation Timestamp" of creationTimestamp, "Pod IP" of podIP. */
static struct str title_of(struct ctl *c, struct str key)
{
	BUF(b);
	size_t from = 0;
	for (size_t i = 1; i <= key.n; i++) {
		bool upper = i < key.n && isupper((unsigned char)key.p[i]), last_of_capitals = i + 1 < key.n && islower((unsigned char)key.p[i + 1]);
		if (i < key.n && !(upper && (islower((unsigned char)key.p[i - 1]) || last_of_capitals)))
			continue;
		put_word(&b, str_sub(key, from, i));
		from = i;
	}
	return buf_take(&b, c->a);
}

static bool is_hidden(const char *parent, struct str key)
{
	static const char *const top[] = {"apiVersion", "kind"}, *const meta[] = {"name", "namespace", "labels", "annotations", "managedFields"};
	for (size_t i = 0; strcmp(parent, "") == 0 && i < ARRAY_LEN(top); i++)
		if (str_is(key, top[i]))
			return true;
	for (size_t i = 0; strcmp(parent, "metadata") == 0 && i < ARRAY_LEN(meta); i++)
		if (str_is(key, meta[i]))
			return true;
	return false;
}

static struct str scalar(struct ctl *c, const struct value *v)
{
	BUF(b);
	jsonpath_write_value(&b, v);
	struct str s = buf_take(&b, c->a);
	return s.n ? s : STR("");
}

/* Depth is bounded by the parser's limit. */
static void put_tree(struct describe *d, int level, const char *parent, const struct value *v)
{
	EACH_MEMBER(m, v) {
		struct str title = title_of(d->c, m->key);
		if (is_hidden(parent, m->key))
			continue;
		if (m->value->type == V_OBJECT || m->value->type == V_LIST) {
			describe_line(d, level, "%.*s:", STR_F(title));
			put_tree(d, level + 1, level ? "-" : str_z(d->c->a, m->key), m->value);
		} else {
			describe_line(d, level, "%.*s:\t%.*s", STR_F(title), STR_F(scalar(d->c, m->value)));
		}
	}
	EACH_ITEM(x, v) {
		if ((*x)->type == V_OBJECT || (*x)->type == V_LIST)
			put_tree(d, level, "-", *x);
		else
			describe_line(d, level, "%.*s", STR_F(scalar(d->c, *x)));
	}
}

int describe_generic(struct describe *d, struct err *e)
{
	describe_line(d, 0, "Name:\t%.*s", STR_F(value_path_str(d->obj, "metadata.name")));
	describe_line(d, 0, "Namespace:\t%.*s", STR_F(value_path_str(d->obj, "metadata.namespace")));
	describe_map(d, 0, "Labels", value_path(d->obj, "metadata.labels"));
	describe_annotations(d, 0, value_path(d->obj, "metadata.annotations"));
	describe_line(d, 0, "API Version:\t%.*s", STR_F(value_path_str(d->obj, "apiVersion")));
	describe_line(d, 0, "Kind:\t%.*s", STR_F(value_path_str(d->obj, "kind")));
	put_tree(d, 0, "", d->obj);
	return describe_events(d, e);
}

int describe_object(struct ctl *c, const struct target *t, struct err *e)
{
	struct describe d = {.c = c, .t = t, .obj = t->obj, .tab = TAB_DESCRIBE};
	describe_fn *fn = describe_generic;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_is(t->m->group, kinds[i].group) && str_is(t->m->resource, kinds[i].resource))
			fn = kinds[i].fn;
	int failed = fn(&d, e);
	if (!failed)
		tab_flush(&d.tab, &c->out);
	tab_fini(&d.tab);
	return failed;
}
