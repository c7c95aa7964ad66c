/* Private to kubectl: its commands and their flags, generated from schema/kubectl.json.  Flags of the first row, "kubectl", hold in every command. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type { OPT_STRING, OPT_BOOL, OPT_INT, OPT_DURATION, OPT_SLICE /* commas separate */, OPT_ARRAY };
struct flag_fact {
	const char *name, *def;
	const char *no_opt; /* the value of a flag that stands alone; NULL: it wants one */
	const char *go_type;
	uint8_t type;       /* enum opt_type */
	char shorthand;
	bool hidden;
};
struct command_fact {
	const char *path, *aliases; /* "kubectl rollout status"; "cm,configmaps" */
	uint16_t first, n;          /* in kubectl_flags */
	bool hidden;
};
extern const struct flag_fact kubectl_flags[];
extern const struct command_fact kubectl_commands[];
extern const size_t kubectl_commands_len;
