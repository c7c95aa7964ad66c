/* Private to codec: what a plain scalar means in YAML 1.1. */
#pragma once
#include "schema/value.h"

enum yaml_meaning { YAML_STRING, YAML_NULL, YAML_BOOL, YAML_INT, YAML_DOUBLE, YAML_MERGE };
/* Fills ret->b, ret->i or ret->d. */
enum yaml_meaning yaml_meaning(struct str s, struct value *ret);
/* Whether a string must be quoted so that it is read back as a string. */
bool yaml_ambiguous(struct str s);
