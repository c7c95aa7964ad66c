/* What a kind's names may be, where that is not a DNS-1123 subdomain. */
#include "api/name.h"
#include "apiserver/registry/validate/validate.h"

static void blame(struct str name, struct wrong w, struct err *e)
{
	for (unsigned i = 0; i < w.n; i++)
		err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": %s", STR_F(name), w.v[i]);
}

void validate_name_path(struct str name, bool prefix, struct err *e) { blame(name, name_path_segment(name), e); }
