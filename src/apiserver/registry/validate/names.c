/* metadata.name by kind. */
#include "apiserver/registry/validate/validate.h"

#include "api/name.h"

static void say(struct str name, struct wrong w, struct err *e)
{
	for (unsigned i = 0; i < w.n; i++)
		err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": %s", STR_F(name), w.v[i]);
}

/* A prefix (generateName) may end in a dash: what follows will mend it. */
static struct str without_dash(struct str name, bool prefix)
{
	while (prefix && name.n > 1 && name.p[name.n - 1] == '-')
		name.n--;
	return name;
}

void validate_name_label(struct str name, bool prefix, struct err *e)
{
	say(name, name_dns1123_label(without_dash(name, prefix)), e);
}

void validate_name_path(struct str name, bool prefix, struct err *e)
{
	say(name, name_path_segment(name), e);
}

void validate_name_service(struct str name, bool prefix, struct err *e)
{
	say(name, name_dns1123_label(without_dash(name, prefix)), e);
}
