/* create deployment, job, cronjob, service, ingress. */
#include "kubectl/make.h"
#include "kubectl/mapping.h"
#include "kubectl/walk.h"

int make_deployment(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	const str_list_t *images = opt_list(c, "image");
	struct value *containers = value_new(c->a, V_LIST), *port = NULL;
	if (images->len > 1 && m->nargs)
		return err_set(e, ERR_BAD_REQUEST, "cannot specify multiple --image options and command");
	if (opt_int(c, "port") > 0)
		port = doc(c, "[{'containerPort': %d}]", opt_int(c, "port"));
	LIST_EACH(image, *images) {
		value_push(c->a, containers, doc(c, "{'image': %s, 'name': %s, 'command': %v, 'ports': %v, 'resources': {}}", *image, make_container_name(c, *image),
			doc_words(c, m->words, m->nargs), image == images->items ? port : NULL));
	}
	m->obj = doc(c, "{'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': %s, 'labels': {'app': %s}}, 'spec': {'replicas': %d, 'strategy': {}, "
		"'selector': {'matchLabels': {'app': %s}}, 'template': {'metadata': {'labels': {'app': %s}}, 'spec': {'containers': %v}}}, 'status': {}}",
		m->name, m->name, opt_int(c, "replicas"), m->name, m->name, containers);
	return 0;
}

/* ---- jobs */

static struct value *job_template(struct make *m, struct str restart)
{
	struct ctl *c = m->c;
	return doc(c, "{'template': {'metadata': {}, 'spec': {'restartPolicy': %s, 'containers': [{'name': %s, 'image': %s, 'command': %v, 'resources': {}}]}}}",
		restart, m->name, opt(c, "image"), doc_words(c, m->words, m->nargs));
}

static int job_from(struct make *m, struct err *e)
{
	BUF(path);
	struct ctl *c = m->c;
	struct str type, name;
	if (!str_cut(opt(c, "from"), '/', &type, &name))
		return err_set(e, ERR_BAD_REQUEST, "from must be an existing cronjob: TYPE/NAME expected");
	const struct mapping *k = mapping_find(c, type, e);
	if (!k)
		return -1;
	mapping_path(&path, k, c->ns, name, NULL);
	struct value *from = rest_get(c, buf_view(&path), e);
	if (!from)
		return -1;
	if (!str_is(k->kind, "CronJob"))
		return err_set(e, ERR_BAD_REQUEST, "from must be an existing cronjob: not supported: *v1.%.*s", STR_F(k->kind));
	struct value *annotations = value_path(from, "spec.jobTemplate.metadata.annotations");
	if (!annotations || annotations->type != V_OBJECT)
		annotations = value_new(c->a, V_OBJECT);
	value_set(c->a, annotations, STR("cronjob.kubernetes.io/instantiate"), value_str(c->a, STR("manual")));
	m->obj = doc(c, "{'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': %s, 'annotations': %v, 'labels': %v, 'ownerReferences': [{'apiVersion': "
		"'batch/v1', 'kind': 'CronJob', 'name': %s, 'uid': %s, 'controller': true}]}, 'spec': %v, 'status': {}}", m->name, annotations,
		value_path(from, "spec.jobTemplate.metadata.labels"), name, value_path_str(from, "metadata.uid"), value_path(from, "spec.jobTemplate.spec"));
	return 0;
}

int make_job(struct make *m, struct err *e)
{
	bool image = opt(m->c, "image").n > 0, from = opt(m->c, "from").n > 0;
	if (image == from)
		return err_set(e, ERR_BAD_REQUEST, "either --image or --from must be specified");
	if (from && m->nargs)
		return err_set(e, ERR_BAD_REQUEST, "cannot specify --from and command");
	if (from)
		return job_from(m, e);
	m->obj = doc(m->c, "{'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': %s}, 'spec': %v, 'status': {}}", m->name, job_template(m, STR("Never")));
	return 0;
}

int make_cronjob(struct make *m, struct err *e)
{
	(void)e;
	struct str restart = opt(m->c, "restart");
	m->obj = doc(m->c, "{'apiVersion': 'batch/v1', 'kind': 'CronJob', 'metadata': {'name': %s}, 'spec': {'schedule': %s, 'jobTemplate': {'metadata': {'name': %s}, "
		"'spec': %v}}, 'status': {}}", m->name, opt(m->c, "schedule"), m->name, job_template(m, restart.n ? restart : STR("OnFailure")));
	return 0;
}

/* ---- services */

static const char *service_type(const struct make *m)
{
	static const char *const types[][2] = {
		{"clusterip", "ClusterIP"}, {"externalname", "ExternalName"}, {"loadbalancer", "LoadBalancer"}, {"nodeport", "NodePort"},
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(strrchr(m->c->fact->path, ' ') + 1, types[i][0]) == 0)
			return types[i][1];
	return "";
}

int make_service(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	const str_list_t *tcp = opt_list(c, "tcp");
	const char *type = service_type(m);
	struct str ip = opt_exists(c, "clusterip") ? opt(c, "clusterip") : STR(""), external = opt_exists(c, "external-name") ? opt(c, "external-name") : STR("");
	int64_t node_port = opt_exists(c, "node-port") ? opt_int(c, "node-port") : 0;
	struct value *ports = tcp->len ? value_new(c->a, V_LIST) : NULL, *port;
	if (!tcp->len && !str_is(ip, "None") && !external.n)
		return err_set(e, ERR_BAD_REQUEST, "at least one tcp port specifier must be provided");
	LIST_EACH(spec, *tcp) {
		if (make_port(c, *spec, &port, e) != 0)
			return -1;
		if (node_port)
			value_set(c->a, port, STR("nodePort"), value_int(c->a, node_port));
		value_push(c->a, ports, port);
	}
	m->obj = doc(c, "{'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': %s, 'labels': {'app': %s}}, 'spec': {'type': %s, 'selector': {'app': %s}, "
		"'clusterIP': %s, 'externalName': %s, 'ports': %v}, 'status': {'loadBalancer': {}}}", m->name, m->name, str_of(type), m->name,
		ip.n ? ip : (struct str){0}, external.n ? external : (struct str){0}, ports);
	return 0;
}

/* ---- ingress: host/path=service:port[,tls[=secret]] */

static struct value *backend(struct ctl *c, struct str name, struct str port)
{
	int64_t number;
	bool numeric = str_i64(port, &number) == 0;
	struct value *v = numeric ? doc(c, "{'number': %d}", number) : doc(c, "{'name': %s}", port);
	return doc(c, "{'service': {'name': %s, 'port': %v}}", name, v);
}

static struct value *rule_of(struct make *m, struct str host)
{
	struct ctl *c = m->c;
	struct value *rules = doc_at(c, value_get(m->obj, STR("spec")), "rules", V_LIST);
	EACH_ITEM(r, rules)
		if (str_eq(value_path_str(*r, "host"), host))
			return *r;
	value_push(c->a, rules, doc(c, "{'host': %s, 'http': {'paths': []}}", host.n ? host : (struct str){0}));
	return item_at(rules, list_len(rules) - 1);
}

static int add_rule(struct make *m, struct str spec, struct err *e)
{
	struct ctl *c = m->c;
	struct str where, to, rest = {0}, host, path, name, port, tls = {0}, secret = {0};
	bool good = str_cut(spec, '=', &where, &to);
	if (good && str_cut(to, ',', &to, &rest))
		str_cut(rest, '=', &tls, &secret);
	good = good && str_cut(to, ':', &name, &port) && str_cut(where, '/', &host, &path) && (!tls.n || str_is(tls, "tls"));
	if (!good || !name.n || !port.n)
		return err_set(e, ERR_BAD_REQUEST, "rule %.*s is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]", STR_F(spec));
	bool prefix = path.n && path.p[path.n - 1] == '*';
	struct str full = str_printf(c->a, "/%.*s", STR_F(str_sub(path, 0, path.n - prefix)));
	value_push(c->a, value_path(rule_of(m, host), "http.paths"), doc(c, "{'path': %s, 'pathType': %s, 'backend': %v}", full, prefix ? STR("Prefix") : STR("Exact"),
		backend(c, name, port)));
	if (tls.n)
		value_push(c->a, doc_at(c, value_get(m->obj, STR("spec")), "tls", V_LIST), doc(c, "{'hosts': %v, 'secretName': %s}", doc_words(c, &host, host.n ? 1 : 0),
			secret.n ? secret : (struct str){0}));
	return 0;
}

int make_ingress(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	struct str def = opt(c, "default-backend"), name, port, class = opt(c, "class"), key, text;
	struct value *annotations = NULL, *to = NULL;
	if (!def.n && !opt_list(c, "rule")->len)
		return err_set(e, ERR_BAD_REQUEST, "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list "
			"of rules (which catch specific paths)");
	if (def.n && !str_cut(def, ':', &name, &port))
		return err_set(e, ERR_BAD_REQUEST, "default-backend should be in format servicename:serviceport");
	if (def.n)
		to = backend(c, name, port);
	LIST_EACH(a, *opt_list(c, "annotation")) {
		annotations = annotations ? annotations : value_new(c->a, V_OBJECT);
		if (!str_cut(*a, '=', &key, &text))
			return err_set(e, ERR_BAD_REQUEST, "annotation %.*s is invalid and should be in format key=[value]", STR_F(*a));
		value_set(c->a, annotations, key, value_str(c->a, text));
	}
	m->obj = doc(c, "{'apiVersion': 'networking.k8s.io/v1', 'kind': 'Ingress', 'metadata': {'name': %s, 'annotations': %v}, 'spec': {'ingressClassName': %s, "
		"'defaultBackend': %v}, 'status': {'loadBalancer': {}}}", m->name, annotations, class.n ? class : (struct str){0}, to);
	LIST_EACH(r, *opt_list(c, "rule"))
		if (add_rule(m, *r, e) != 0)
			return -1;
	return 0;
}
