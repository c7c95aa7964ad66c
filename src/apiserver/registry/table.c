/* Which strategy a kind has.  To add one: its row here, in order of group, then resource; kinds without a row get the generic one. */
#include "apiserver/server.h"
#include "apiserver/strategy.h"

#include "api/name.h"

static const struct strategy generic = {0};

/* Names of RBAC objects are path segments. */
static void validate_segment(struct str name, bool prefix, struct err *e)
{
	struct wrong w = name_path_segment(name);
	for (unsigned i = 0; i < w.n; i++)
		err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": %s", STR_F(name), w.v[i]);
}

#define RBAC "rbac.authorization.k8s.io"
static const struct strategy rbac_clusterroles = {.group = RBAC, .resource = "clusterroles", .allow_create_on_update = true, .validate_name = validate_segment};
static const struct strategy rbac_clusterrolebindings = {.group = RBAC, .resource = "clusterrolebindings", .allow_create_on_update = true, .validate_name = validate_segment};
static const struct strategy rbac_roles = {.group = RBAC, .resource = "roles", .allow_create_on_update = true, .validate_name = validate_segment};
static const struct strategy rbac_rolebindings = {.group = RBAC, .resource = "rolebindings", .allow_create_on_update = true, .validate_name = validate_segment};
static const struct strategy apiservices = {.group = "apiregistration.k8s.io", .resource = "apiservices", .validate_name = validate_segment};

static const struct strategy *const strategies[] = {
	&apiservices, &rbac_clusterrolebindings, &rbac_clusterroles, &rbac_rolebindings, &rbac_roles,
};

const struct strategy *strategy_of(struct str group, struct str resource)
{
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++) {
		const struct strategy *s = strategies[i];
		if (s->group && str_is(group, s->group) && str_is(resource, s->resource))
			return s;
	}
	return &generic;
}

const struct server_part registry_part = {0};
