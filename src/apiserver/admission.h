/* Admission: a fixed-order table of plug-ins, each with optional admit (mutating) and validate hooks. */
#pragma once
#include "apiserver/request.h"

enum admit_op { ADMIT_CREATE = 1, ADMIT_UPDATE = 2, ADMIT_DELETE = 4, ADMIT_CONNECT = 8 };
struct admit {
	struct request *request;
	enum admit_op op;
	const struct type *type;  /* of obj and old: the storage version of built-ins; the body of a sub-resource */
	void *obj, *old;          /* NULL where the operation has none */
	struct str ns, name, sub;
	bool dry_run;
};
struct admission_plugin {
	const char *name;
	bool by_default;
	unsigned ops;
	int (*admit)(struct admit *a, struct err *e);
	int (*validate)(struct admit *a, struct err *e);
};
/* All plug-ins in upstream's order (admission/table.c). */
const struct admission_plugin *const *admission_plugins(size_t *n);
int admission_admit(struct admit *a, struct err *e) must_check;
int admission_validate(struct admit *a, struct err *e) must_check;
