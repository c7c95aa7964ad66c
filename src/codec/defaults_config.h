/* Private to defaults: configuration files of components.  Their defaults are whole objects (schema/defaults.json, componentConfig). */
#pragma once
#include "schema/reflect.h"

struct config_default {
	const char *group, *version, *kind, *json;
};
extern const struct config_default config_defaults[]; /* generated */
extern const size_t config_defaults_len;
/* Fills what o leaves out; lists and maps that are given stay as they are. */
void config_fill(struct arena *a, const struct config_default *d, struct ref o);
