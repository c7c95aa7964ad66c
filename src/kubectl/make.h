/* Private to kubectl: create KIND NAME.
 *
 * To add a kind: a function that fills m->obj from the flags, declared here, and its row in make.c. */
#pragma once
#include "kubectl/doc.h"

struct make {
	struct ctl *c;
	struct str name;
	const str_list_t *args;  /* behind the name: a command */
	uint32_t nargs;
	const struct str *words;
	struct value *obj;       /* result: the object */
};
typedef int make_fn(struct make *m, struct err *e);
make_fn make_clusterrole, make_clusterrolebinding, make_configmap, make_cronjob, make_deployment, make_docker_registry, make_generic, make_ingress, make_job,
	make_namespace, make_pdb, make_priorityclass, make_quota, make_role, make_rolebinding, make_service, make_serviceaccount, make_tls;
/* "nginx" of "registry/a/nginx:1.27". */
struct str make_container_name(struct ctl *c, struct str image);
/* Labels "a=b,c=d" as an object; spec is what the error quotes. */
int make_labels(struct ctl *c, struct str text, struct value **ret, struct err *e) must_check;
/* "80", "443:8443" as a port of a Service. */
int make_port(struct ctl *c, struct str spec, struct value **ret, struct err *e) must_check;
/* Appends a hash of the content to the name, as upstream's. */
void make_hash(struct make *m);
