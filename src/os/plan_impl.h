/* Private to os: the inside of a plan. */
#pragma once
#include "os/plan.h"

#define STEP_STRS 4
#define STEP_NUMS 4
struct step {
	uint8_t op;             /* enum plan_op; anything after decoding */
	uint8_t nstrs, nnums;
	struct str strs[STEP_STRS]; /* NUL-terminated beyond .n */
	int64_t nums[STEP_NUMS];
};
struct plan {
	struct arena *mem;
	struct { struct step *items; uint32_t len, cap; } steps;
	size_t bytes;
	int fds[PLAN_FDS_MAX];
	int nfds;
	bool failed;            /* out of memory or over a limit */
};

/* One application of a plan. */
struct act {
	const struct plan *plan;
	const struct plan_policy *policy;
	struct plan_result *ret; /* may be NULL */
	int home;                /* own network namespace, while in another; -1 */
	int64_t undo;            /* of the current step: what undo needs */
};
struct op {
	const char *name;
	uint8_t nstrs, nnums;
	uint8_t blobs;                 /* 1 << i: strs[i] may hold any byte */
	const char *strs[STEP_STRS], *nums[STEP_NUMS]; /* for plan_print */
	int (*check)(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e);
	int (*apply)(struct act *a, const struct step *s, struct err *e);
	void (*undo)(struct act *a, const struct step *s); /* NULL: nothing to undo */
};
/* NULL for a number that is no operation. */
const struct op *plan_op_row(unsigned op);
const char *plan_op_name(unsigned op);
