/* describe: Pods, and the Pod templates of other kinds. */
#include "kubectl/describe.h"
#include "kubectl/walk.h"

#define F(v, path) STR_F(value_path_str(v, path))

static int64_t int_at(const struct value *v, const char *path, int64_t absent) { return int_of(value_path(v, path), absent); }

static struct str plain(struct ctl *c, const struct value *v)
{
	BUF(b);
	if (!v)
		return STR("");
	jsonpath_write_value(&b, v);
	return b.n ? buf_take(&b, c->a) : STR("");
}

/* ---- containers */

static void put_ports(struct describe *d, const struct value *ports)
{
	BUF(own);
	BUF(host);
	const char *s = list_len(ports) > 1 ? "s" : "";
	EACH_ITEM(p, ports) {
		struct str name = value_path_str(*p, "name"), protocol = value_path_str(*p, "protocol");
		struct str tail = str_printf(d->c->a, "/%.*s%s%.*s%s", STR_F(protocol.n ? protocol : STR("TCP")), name.n ? " (" : "", STR_F(name), name.n ? ")" : "");
		buf_printf(&own, "%s%lld%.*s", own.n ? ", " : "", (long long)int_at(*p, "containerPort", 0), STR_F(tail));
		buf_printf(&host, "%s%lld%.*s", host.n ? ", " : "", (long long)int_at(*p, "hostPort", 0), STR_F(tail));
	}
	describe_line(d, 2, "Port%s:\t%.*s", s, STR_F(own.n ? buf_view(&own) : STR("<none>")));
	describe_line(d, 2, "Host Port%s:\t%.*s", s, STR_F(host.n ? buf_view(&host) : STR("<none>")));
}

static void put_words(struct describe *d, const char *title, const struct value *words)
{
	if (list_len(words))
		describe_line(d, 2, "%s:", title);
	EACH_ITEM(w, words) {
		struct str rest = text_of(*w), line;
		while (str_next(&rest, '\n', &line))
			describe_line(d, 3, "%.*s", STR_F(line));
	}
}

static void put_state(struct describe *d, const char *title, const struct value *state)
{
	struct ctl *c = d->c;
	const struct value *running = value_get(state, STR("running")), *waiting = value_get(state, STR("waiting")), *ended = value_get(state, STR("terminated"));
	if (running) {
		describe_line(d, 2, "%s:\tRunning", title);
		describe_line(d, 3, "Started:\t%.*s", STR_F(describe_time(c, value_path_str(running, "startedAt"))));
	} else if (ended) {
		describe_line(d, 2, "%s:\tTerminated", title);
		if (value_path_str(ended, "reason").n)
			describe_line(d, 3, "Reason:\t%.*s", F(ended, "reason"));
		if (value_path_str(ended, "message").n)
			describe_line(d, 3, "Message:\t%.*s", F(ended, "message"));
		describe_line(d, 3, "Exit Code:\t%lld", (long long)int_at(ended, "exitCode", 0));
		if (int_at(ended, "signal", 0))
			describe_line(d, 3, "Signal:\t%lld", (long long)int_at(ended, "signal", 0));
		describe_line(d, 3, "Started:\t%.*s", STR_F(describe_time(c, value_path_str(ended, "startedAt"))));
		describe_line(d, 3, "Finished:\t%.*s", STR_F(describe_time(c, value_path_str(ended, "finishedAt"))));
	} else {
		describe_line(d, 2, "%s:\tWaiting", title);
		if (value_path_str(waiting, "reason").n)
			describe_line(d, 3, "Reason:\t%.*s", F(waiting, "reason"));
	}
}

static void put_status(struct describe *d, const struct value *status)
{
	if (!status)
		return;
	put_state(d, "State", value_get(status, STR("state")));
	if (map_len(value_path(status, "lastState")))
		put_state(d, "Last State", value_path(status, "lastState"));
	describe_line(d, 2, "Ready:\t%s", is_true(value_get(status, STR("ready"))) ? "True" : "False");
	describe_line(d, 2, "Restart Count:\t%lld", (long long)int_at(status, "restartCount", 0));
}

static void put_amounts(struct describe *d, const char *title, const struct value *map)
{
	if (map_len(map))
		describe_line(d, 2, "%s:", title);
	EACH_MEMBER(m, map)
		describe_line(d, 3, "%.*s:\t%.*s", STR_F(m->key), STR_F(plain(d->c, m->value)));
}

static struct str probe_action(struct ctl *c, const struct value *p)
{
	const struct value *exec = value_path(p, "exec.command"), *http = value_get(p, STR("httpGet")), *tcp = value_get(p, STR("tcpSocket")), *grpc = value_get(p, STR("grpc"));
	BUF(b);
	if (exec) {
		buf_lit(&b, "exec [");
		EACH_ITEM(w, exec)
			buf_printf(&b, "%s%.*s", w == exec->list.items ? "" : " ", STR_F(text_of(*w)));
		buf_char(&b, ']');
	} else if (http) {
		struct str scheme = value_path_str(http, "scheme"), path = value_path_str(http, "path");
		char low[8] = "http";
		if (str_eq_fold(scheme, STR("https")))
			memcpy(low, "https", 6);
		buf_printf(&b, "http-get %s://%.*s:%.*s%s%.*s", low, F(http, "host"), STR_F(plain(c, value_get(http, STR("port")))), path.n && path.p[0] == '/' ? "" : "/",
			STR_F(path));
	} else if (tcp) {
		buf_printf(&b, "tcp-socket %.*s:%.*s", F(tcp, "host"), STR_F(plain(c, value_get(tcp, STR("port")))));
	} else if (grpc) {
		buf_printf(&b, "grpc <pod>:%lld %.*s", (long long)int_at(grpc, "port", 0), F(grpc, "service"));
	} else {
		buf_lit(&b, "unknown");
	}
	return buf_take(&b, c->a);
}

static void put_probe(struct describe *d, const char *title, const struct value *p)
{
	if (!p)
		return;
	struct str action = probe_action(d->c, p);
	describe_line(d, 2, "%s:\t%.*s delay=%llds timeout=%llds period=%llds #success=%lld #failure=%lld", title, STR_F(action),
		(long long)int_at(p, "initialDelaySeconds", 0), (long long)int_at(p, "timeoutSeconds", 0), (long long)int_at(p, "periodSeconds", 0),
		(long long)int_at(p, "successThreshold", 0), (long long)int_at(p, "failureThreshold", 0));
}

/* ---- environment */

/* Fields of metadata are known here; others only where the container runs. */
static struct str field_value(struct describe *d, struct str path)
{
	static const char *const known[] = {"metadata.name", "metadata.namespace", "metadata.uid"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_is(path, known[i]) && !d->template)
			return value_path_str(d->obj, known[i]);
	return STR("");
}

static struct str amount_value(struct describe *d, const struct value *container, struct str resource)
{
	const struct value *v = value_path(container, str_z(d->c->a, str_printf(d->c->a, "resources.%.*s", STR_F(resource))));
	return v ? plain(d->c, v) : STR("0");
}

static void put_variable(struct describe *d, const struct value *container, const struct value *v)
{
	static const struct { const char *path, *text, *of; } keys[] = {
		{"valueFrom.configMapKeyRef", "of config map", ""}, {"valueFrom.secretKeyRef", "in secret", ""},
	};
	struct str name = value_path_str(v, "name"), rest = value_path_str(v, "value"), line;
	const struct value *field = value_path(v, "valueFrom.fieldRef"), *amount = value_path(v, "valueFrom.resourceFieldRef");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct value *ref = value_path(v, keys[i].path);
		if (ref) {
			describe_line(d, 3, "%.*s:\t<set to the key '%.*s' %s '%.*s'>\tOptional: %s", STR_F(name), F(ref, "key"), keys[i].text, F(ref, "name"),
				is_true(value_get(ref, STR("optional"))) ? "true" : "false");
			return;
		}
	}
	if (field) {
		struct str path = value_path_str(field, "fieldPath"), version = value_path_str(field, "apiVersion");
		describe_line(d, 3, "%.*s:\t%.*s (%.*s:%.*s)", STR_F(name), STR_F(field_value(d, path)), STR_F(version.n ? version : STR("v1")), STR_F(path));
		return;
	}
	if (amount) {
		struct str resource = value_path_str(amount, "resource");
		describe_line(d, 3, "%.*s:\t%.*s (%.*s)", STR_F(name), STR_F(amount_value(d, container, resource)), STR_F(resource));
		return;
	}
	if (!rest.p)
		rest = STR("");
	for (bool first = true; str_next(&rest, '\n', &line); first = false)
		describe_line(d, 3, "%.*s%s\t%.*s", STR_F(first ? name : STR("")), first ? ":" : "", STR_F(line));
}

static void put_sources(struct describe *d, const struct value *list)
{
	static const char *const refs[][2] = {{"configMapRef", "ConfigMap"}, {"secretRef", "Secret"}};
	if (list_len(list))
		describe_line(d, 2, "Environment Variables from:");
	EACH_ITEM(x, list)
		for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
			const struct value *ref = value_get(*x, str_of(refs[i][0]));
			struct str prefix = value_path_str(*x, "prefix");
			if (ref)
				describe_line(d, 3, "%.*s\t%s%s%.*s%s\tOptional: %s", F(ref, "name"), refs[i][1], prefix.n ? " with prefix '" : "", STR_F(prefix), prefix.n ? "'" : "",
					is_true(value_get(ref, STR("optional"))) ? "true" : "false");
		}
}

static void put_environment(struct describe *d, const struct value *container)
{
	const struct value *env = value_get(container, STR("env"));
	put_sources(d, value_get(container, STR("envFrom")));
	describe_line(d, 2, list_len(env) ? "Environment:" : "Environment:\t<none>");
	EACH_ITEM(v, env)
		put_variable(d, container, *v);
}

static void put_mounts(struct describe *d, const struct value *mounts)
{
	struct str last = {0};
	describe_line(d, 2, list_len(mounts) ? "Mounts:" : "Mounts:\t<none>");
	for (uint32_t n = 0; n < list_len(mounts); n++) {
		/* By path: the smallest one behind the last. */
		const struct value *next = NULL;
		EACH_ITEM(m, mounts) {
			struct str path = value_path_str(*m, "mountPath");
			if ((!last.p || str_cmp(path, last) > 0) && (!next || str_cmp(path, value_path_str(next, "mountPath")) < 0))
				next = *m;
		}
		if (!next)
			return;
		last = value_path_str(next, "mountPath");
		struct str sub = value_path_str(next, "subPath");
		describe_line(d, 3, "%.*s from %.*s (%s%s%.*s%s)", STR_F(last), F(next, "name"), is_true(value_get(next, STR("readOnly"))) ? "ro" : "rw",
			sub.n ? ",path=\"" : "", STR_F(sub), sub.n ? "\"" : "");
	}
}

static void put_devices(struct describe *d, const struct value *list)
{
	if (list_len(list))
		describe_line(d, 2, "Devices:");
	EACH_ITEM(x, list)
		describe_line(d, 3, "%.*s from %.*s", F(*x, "devicePath"), F(*x, "name"));
}

static void put_seccomp(struct describe *d, int level, const struct value *profile)
{
	if (!profile)
		return;
	describe_line(d, level, "SeccompProfile:\t%.*s", F(profile, "type"));
	if (str_is(value_path_str(profile, "type"), "Localhost"))
		describe_line(d, level, "LocalhostProfile:\t%.*s", F(profile, "localhostProfile"));
}

static const struct value *status_of(const struct value *statuses, struct str name)
{
	EACH_ITEM(s, statuses)
		if (str_eq(value_path_str(*s, "name"), name))
			return *s;
	return NULL;
}

static void put_container(struct describe *d, const struct value *c, const struct value *status)
{
	int indent = d->indent;
	describe_line(d, d->template ? 1 - indent : 1, "%s%.*s:", d->template ? " " : "", F(c, "name"));
	d->indent = 0;
	if (status)
		describe_line(d, 2, "Container ID:\t%.*s", F(status, "containerID"));
	describe_line(d, 2, "Image:\t%.*s", F(c, "image"));
	if (status)
		describe_line(d, 2, "Image ID:\t%.*s", F(status, "imageID"));
	put_ports(d, value_get(c, STR("ports")));
	put_seccomp(d, 2, value_path(c, "securityContext.seccompProfile"));
	put_words(d, "Command", value_get(c, STR("command")));
	put_words(d, "Args", value_get(c, STR("args")));
	put_status(d, status);
	put_amounts(d, "Limits", value_path(c, "resources.limits"));
	put_amounts(d, "Requests", value_path(c, "resources.requests"));
	put_probe(d, "Liveness", value_get(c, STR("livenessProbe")));
	put_probe(d, "Readiness", value_get(c, STR("readinessProbe")));
	put_probe(d, "Startup", value_get(c, STR("startupProbe")));
	put_environment(d, c);
	put_mounts(d, value_get(c, STR("volumeMounts")));
	put_devices(d, value_get(c, STR("volumeDevices")));
	d->indent = indent;
}

void describe_containers(struct describe *d, const char *title, const struct value *list, const struct value *statuses)
{
	if (!list_len(list))
		return;
	describe_line(d, 0, "%s:", title);
	EACH_ITEM(c, list)
		put_container(d, *c, status_of(statuses, value_path_str(*c, "name")));
}

/* ---- where it may run */

static struct str toleration(struct ctl *c, const struct value *t)
{
	BUF(b);
	struct str value = value_path_str(t, "value"), effect = value_path_str(t, "effect");
	buf_str(&b, value_path_str(t, "key"));
	if (value.n)
		buf_printf(&b, "=%.*s", STR_F(value));
	if (effect.n)
		buf_printf(&b, ":%.*s", STR_F(effect));
	if (str_is(value_path_str(t, "operator"), "Exists") && !value.n)
		buf_printf(&b, "%sop=Exists", b.n ? " " : "");
	if (value_get(t, STR("tolerationSeconds")))
		buf_printf(&b, " for %llds", (long long)int_at(t, "tolerationSeconds", 0));
	return buf_take(&b, c->a);
}

void describe_placement(struct describe *d, const struct value *spec)
{
	const struct value *tolerations = value_get(spec, STR("tolerations"));
	describe_map(d, 0, "Node-Selectors", value_get(spec, STR("nodeSelector")));
	if (!list_len(tolerations))
		describe_line(d, 0, "Tolerations:\t<none>");
	EACH_ITEM(t, tolerations) {
		struct str text = toleration(d->c, *t);
		describe_line(d, 0, "%s\t%.*s", t == tolerations->list.items ? "Tolerations:" : "", STR_F(text));
	}
}

void describe_template(struct describe *d, const struct value *template)
{
	const struct value *spec = value_get(template, STR("spec"));
	bool was = d->template;
	d->template = true;
	describe_map(d, 0, "Labels", value_path(template, "metadata.labels"));
	if (map_len(value_path(template, "metadata.annotations")))
		describe_annotations(d, 0, value_path(template, "metadata.annotations"));
	if (value_path_str(spec, "serviceAccountName").n)
		describe_line(d, 0, "Service Account:\t%.*s", F(spec, "serviceAccountName"));
	describe_containers(d, "Init Containers", value_get(spec, STR("initContainers")), NULL);
	describe_containers(d, "Containers", value_get(spec, STR("containers")), NULL);
	describe_volumes(d, value_get(spec, STR("volumes")));
	if (value_path_str(spec, "priorityClassName").n)
		describe_line(d, 0, "Priority Class Name:\t%.*s", F(spec, "priorityClassName"));
	describe_placement(d, spec);
	d->template = was;
}

/* ---- a Pod */

static void put_ips(struct describe *d)
{
	const struct value *ips = value_path(d->obj, "status.podIPs");
	describe_line(d, 0, "IP:\t%.*s", F(d->obj, "status.podIP"));
	describe_line(d, 0, list_len(ips) ? "IPs:" : "IPs:\t<none>");
	EACH_ITEM(ip, ips)
		describe_line(d, 1, "IP:\t%.*s", F(*ip, "ip"));
}

static void put_status_lines(struct describe *d)
{
	struct ctl *c = d->c;
	struct str deleted = value_path_str(d->obj, "metadata.deletionTimestamp"), reason = value_path_str(d->obj, "status.reason"), phase = value_path_str(d->obj, "status.phase");
	if (deleted.n && !str_is(phase, "Failed") && !str_is(phase, "Succeeded")) {
		struct str ago = ago_text(c, deleted);
		describe_line(d, 0, "Status:\tTerminating (lasts %.*s)", STR_F(ago));
		describe_line(d, 0, "Termination Grace Period:\t%llds", (long long)int_at(d->obj, "metadata.deletionGracePeriodSeconds", 0));
	} else {
		describe_line(d, 0, "Status:\t%.*s", STR_F(phase));
	}
	if (reason.n)
		describe_line(d, 0, "Reason:\t%.*s", STR_F(reason));
	if (value_path_str(d->obj, "status.message").n)
		describe_line(d, 0, "Message:\t%.*s", F(d->obj, "status.message"));
	put_seccomp(d, 0, value_path(d->obj, "spec.securityContext.seccompProfile"));
}

static void put_pod_head(struct describe *d)
{
	static const char *const optional[][2] = {{"Priority Class Name", "spec.priorityClassName"}, {"Runtime Class Name", "spec.runtimeClassName"}};
	const struct value *o = d->obj;
	struct str node = value_path_str(o, "spec.nodeName"), start = value_path_str(o, "status.startTime");
	describe_head(d);
	describe_line(d, 0, "Priority:\t%lld", (long long)int_at(o, "spec.priority", 0));
	for (size_t i = 0; i < ARRAY_LEN(optional); i++)
		if (value_path_str(o, optional[i][1]).n)
			describe_line(d, 0, "%s:\t%.*s", optional[i][0], F(o, optional[i][1]));
	describe_line(d, 0, "Service Account:\t%.*s", F(o, "spec.serviceAccountName"));
	if (node.n)
		describe_line(d, 0, "Node:\t%.*s/%.*s", STR_F(node), F(o, "status.hostIP"));
	else
		describe_line(d, 0, "Node:\t<none>");
	if (start.n)
		describe_line(d, 0, "Start Time:\t%.*s", STR_F(describe_time(d->c, start)));
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	put_status_lines(d);
	put_ips(d);
	describe_owner(d);
	if (value_path_str(o, "status.nominatedNodeName").n)
		describe_line(d, 0, "NominatedNodeName:\t%.*s", F(o, "status.nominatedNodeName"));
}

/* With the status of the condition that each stands for. */
static void put_gates(struct describe *d)
{
	const struct value *gates = value_path(d->obj, "spec.readinessGates"), *conditions = value_path(d->obj, "status.conditions");
	if (!list_len(gates))
		return;
	describe_line(d, 0, "Readiness Gates:");
	describe_line(d, 1, "Type\tStatus");
	EACH_ITEM(g, gates) {
		struct str type = value_path_str(*g, "conditionType"), status = STR("<none>");
		EACH_ITEM(c, conditions)
			if (str_eq(value_path_str(*c, "type"), type))
				status = value_path_str(*c, "status");
		describe_line(d, 1, "%.*s \t%.*s ", STR_F(type), STR_F(status));
	}
}

static void put_spread(struct describe *d, const struct value *list)
{
	EACH_ITEM(x, list) {
		struct str selector = describe_selector(d->c, value_get(*x, STR("labelSelector")));
		describe_line(d, 0, "%s\t%.*s:%.*s when max skew %lld is exceeded for selector %.*s", x == list->list.items ? "Topology Spread Constraints:" : "",
			F(*x, "topologyKey"), F(*x, "whenUnsatisfiable"), (long long)int_at(*x, "maxSkew", 0), STR_F(selector));
	}
}

int describe_pod(struct describe *d, struct err *e)
{
	static const char *const lists[][3] = {
		{"Init Containers", "spec.initContainers", "status.initContainerStatuses"}, {"Containers", "spec.containers", "status.containerStatuses"},
		{"Ephemeral Containers", "spec.ephemeralContainers", "status.ephemeralContainerStatuses"},
	};
	const struct value *o = d->obj;
	put_pod_head(d);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		describe_containers(d, lists[i][0], value_path(o, lists[i][1]), value_path(o, lists[i][2]));
	put_gates(d);
	describe_conditions(d, value_path(o, "status.conditions"), false);
	describe_volumes(d, value_path(o, "spec.volumes"));
	if (value_path_str(o, "status.qosClass").n)
		describe_line(d, 0, "QoS Class:\t%.*s", F(o, "status.qosClass"));
	describe_placement(d, value_get(o, STR("spec")));
	put_spread(d, value_path(o, "spec.topologySpreadConstraints"));
	return describe_events(d, e);
}
