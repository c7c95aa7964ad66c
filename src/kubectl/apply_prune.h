/* Private to kubectl: apply --prune. */
#pragma once
#include "kubectl/print.h"

struct prune {
	bool on;
	struct { const struct mapping **items; uint32_t len, cap; } kinds;
	str_list_t uids, namespaces; /* of what was applied */
};
/* Reads the flags. */
int prune_init(struct ctl *c, struct prune *p, struct err *e) must_check;
void prune_seen(struct ctl *c, struct prune *p, const struct target *t, const struct value *obj);
/* Deletes what bears the annotation of an apply and was not seen, of the kinds to look at, in the namespaces that were seen. */
int prune_run(struct ctl *c, struct prune *p, struct printer *out, enum dry_run dry, struct err *e) must_check;
