/* Probes and lifecycle handlers. */
#include "apiserver/registry/validate/pod.h"

static void check_target_port(struct check *k, struct str path, const struct int_or_str *port)
{
	if (port->is_str)
		bad_wrong(k, path, port->str, name_port(port->str));
	else
		check_port(k, path, port->num);
}

static void check_http(struct check *k, struct str path, const void *value)
{
	const struct core_v1_HTTPGetAction *h = value;
	if (!h->path.n)
		bad_required(k, at(k, path, "path"), NULL);
	check_target_port(k, at(k, path, "port"), &h->port);
	check_choice(k, at(k, path, "scheme"), h->scheme, CHOICES("HTTP", "HTTPS"));
	LIST_EACH(x, h->httpHeaders)
		bad_wrong(k, at(k, path, "httpHeaders"), x->name, name_http_header(x->name));
}

static void check_exec(struct check *k, struct str path, const void *value)
{
	if (!((const struct core_v1_ExecAction *)value)->command.len)
		bad_required(k, at(k, path, "command"), NULL);
}

static void check_tcp(struct check *k, struct str path, const void *value)
{
	check_target_port(k, at(k, path, "port"), &((const struct core_v1_TCPSocketAction *)value)->port);
}

static void check_grpc(struct check *k, struct str path, const void *value) { check_port(k, at(k, path, "port"), ((const struct core_v1_GRPCAction *)value)->port); }

struct handler {
	const char *name;
	const void *value;
	rule_call *check;
};

/* Exactly one of them: the first counts. */
static void check_handlers(struct check *k, struct str path, const struct handler *h, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		if (!h[i].value)
			continue;
		if (any)
			bad_forbidden(k, at(k, path, h[i].name), "may not specify more than 1 handler type");
		else if (h[i].check)
			h[i].check(k, at(k, path, h[i].name), h[i].value);
		any = true;
	}
	if (!any)
		bad_required(k, path, "must specify a handler type");
}

static const struct rule probe_rules[] = {
	NOT_NEG("initialDelaySeconds"), NOT_NEG("timeoutSeconds"), NOT_NEG("periodSeconds"), NOT_NEG("successThreshold"), NOT_NEG("failureThreshold"),
	AT_LEAST("terminationGracePeriodSeconds", 1, "must be greater than 0"), END};

static void check_probe(struct check *k, struct str path, const struct core_v1_Probe *b)
{
	const struct core_v1_ProbeHandler *h = &b->handler;
	const struct handler list[] = {{"exec", h->exec, check_exec}, {"httpGet", h->httpGet, check_http}, {"tcpSocket", h->tcpSocket, check_tcp}, {"grpc", h->grpc, check_grpc}};
	check_handlers(k, path, list, 4);
	check_rules(k, path, T_core_v1_Probe, b, probe_rules);
}

static void check_once(struct check *k, struct str path, const struct core_v1_Probe *b)
{
	if (b->successThreshold != 1)
		bad_number(k, at(k, path, "successThreshold"), b->successThreshold, "must be 1");
}

void check_probes(struct pod_check *p, struct str path, const struct core_v1_Container *c)
{
	struct check *k = p->k;
	if (c->livenessProbe) {
		check_probe(k, at(k, path, "livenessProbe"), c->livenessProbe);
		check_once(k, at(k, path, "livenessProbe"), c->livenessProbe);
	}
	if (c->readinessProbe) {
		struct str here = at(k, path, "readinessProbe");
		check_probe(k, here, c->readinessProbe);
		if (c->readinessProbe->has_terminationGracePeriodSeconds)
			bad_number(k, at(k, here, "terminationGracePeriodSeconds"), c->readinessProbe->terminationGracePeriodSeconds, "must not be set for readinessProbes");
	}
	if (c->startupProbe) {
		check_probe(k, at(k, path, "startupProbe"), c->startupProbe);
		check_once(k, at(k, path, "startupProbe"), c->startupProbe);
	}
}

static void check_sleep(struct pod_check *p, struct str path, const struct core_v1_LifecycleHandler *h)
{
	int64_t grace = p->spec->has_terminationGracePeriodSeconds ? p->spec->terminationGracePeriodSeconds : 0;
	if (!h->sleep || h->exec || h->httpGet || h->tcpSocket)
		return;
	if (h->sleep->seconds < 0 || h->sleep->seconds > grace)
		bad_number(p->k, at(p->k, path, "sleep"), h->sleep->seconds,
			str_z(p->k->a, str_printf(p->k->a, "must be non-negative and less than terminationGracePeriodSeconds (%lld)", (long long)grace)));
}

static void check_lifecycle_handler(struct pod_check *p, struct str path, const struct core_v1_LifecycleHandler *h)
{
	const struct handler list[] = {{"exec", h->exec, check_exec}, {"httpGet", h->httpGet, check_http}, {"tcpSocket", h->tcpSocket, check_tcp}, {"sleep", h->sleep, NULL}};
	check_handlers(p->k, path, list, 4);
	check_sleep(p, path, h);
}

void check_lifecycle(struct pod_check *p, struct str path, const struct core_v1_Lifecycle *l)
{
	struct check *k = p->k;
	if (l->postStart)
		check_lifecycle_handler(p, at(k, path, "postStart"), l->postStart);
	if (l->preStop)
		check_lifecycle_handler(p, at(k, path, "preStop"), l->preStop);
	if (!l->stopSignal.n)
		return;
	if (!p->spec->os || !p->spec->os->name.n)
		bad_forbidden(k, at(k, path, "stopSignal"), "may not be set for containers with empty `spec.os.name`");
	else if (str_is(p->spec->os->name, "windows"))
		check_choice(k, at(k, path, "stopSignal"), l->stopSignal, CHOICES("SIGTERM", "SIGKILL"));
}
