/* Private to kubectl: from what people write ("po", "deployments.apps", kind: Pod) to resources of the API.
 *
 * Built-in resources come from the schema's tables, without asking the server; all else from the server's discovery, read when first needed. */
#pragma once
#include "kubectl/ctl.h"
#include "schema/desc.h"

struct mapping {
	struct str group, version, resource, singular, kind;
	bool namespaced;
	uint16_t verbs;           /* 1 << enum verb */
	const struct type *type;  /* NULL: not built in */
	str_list_t shorts, categories, subs;
};
struct mapping_list {
	struct mapping **items;
	uint32_t len, cap;
};
/* "pods", "po", "Pod", "deployments.apps", "deployments.v1.apps"; any case.  The error is upstream's "the server doesn't have a resource type". */
const struct mapping *mapping_find(struct ctl *c, struct str word, struct err *e);
/* Words with commas, and categories ("all"). */
int mapping_words(struct ctl *c, struct str words, struct mapping_list *ret, struct err *e) must_check;
const struct mapping *mapping_of_kind(struct ctl *c, struct str api_version, struct str kind, struct err *e);
/* All that the server has, in its order. */
int mapping_discover(struct ctl *c, struct mapping_list *ret, struct err *e) must_check;
/* "apps/v1" */
struct str mapping_api_version(struct ctl *c, const struct mapping *m);
/* "deployments.apps", "configmaps" */
struct str mapping_resource(struct ctl *c, const struct mapping *m);
/* "deployment.apps", "configmap" */
struct str mapping_kind(struct ctl *c, const struct mapping *m);
struct str kind_text(struct ctl *c, struct str group, struct str kind);
/* Appends "/api/v1/namespaces/NS/pods/NAME"; ns and name may be absent. */
void mapping_path(struct buf *out, const struct mapping *m, struct str ns, struct str name, const char *sub);
/* "apps/v1" into its parts; "v1" has no group. */
void split_api_version(struct str api_version, struct str *ret_group, struct str *ret_version);
