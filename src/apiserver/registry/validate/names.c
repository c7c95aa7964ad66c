/* Names of kinds that are not plain DNS subdomains. */
#include "apiserver/registry/validate/field.h"
#include "apiserver/registry/validate/validate.h"

/* A generateName may end in a dash: what follows makes it whole. */
static struct str whole(struct str name, bool prefix)
{
	bool dash = prefix && name.n > 1 && name.p[name.n - 1] == '-';
	return str_sub(name, 0, name.n - dash);
}

static void add(struct err *e, struct str name, struct wrong w)
{
	for (unsigned i = 0; i < w.n; i++)
		err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": %s", STR_F(name), w.v[i]);
}

void validate_name_label(struct str name, bool prefix, struct err *e) { add(e, name, name_dns1123_label(whole(name, prefix))); }
void validate_name_service(struct str name, bool prefix, struct err *e) { add(e, name, name_dns1123_label(whole(name, prefix))); }
void validate_name_path(struct str name, bool prefix, struct err *e) { add(e, name, name_path_segment(name)); }
