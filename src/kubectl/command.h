/* Private to kubectl: the table of commands.
 *
 * To add one: its function below, and its row in command.c under its path.  Flags come from schema/kubectl.json.  A command returns 0, or -1 with the
 * error, which is printed in upstream's words and ends the program with 1; another exit code goes into ctl->code. */
#pragma once
#include "kubectl/ctl.h"

struct command {
	const char *path;    /* "rollout status" */
	int (*run)(struct ctl *c, struct err *e);
	const char *usage;   /* what follows the name */
	const char *help;    /* one line */
};
const struct command *command_of(const struct command_fact *f); /* NULL: only groups others, or is not there */
/* Prints the help of a command or group. */
void command_help(struct ctl *c, const struct command_fact *f);

int cmd_annotate(struct ctl *c, struct err *e);
int cmd_api_resources(struct ctl *c, struct err *e);
int cmd_api_versions(struct ctl *c, struct err *e);
int cmd_apply(struct ctl *c, struct err *e);
int cmd_attach(struct ctl *c, struct err *e);
int cmd_can_i(struct ctl *c, struct err *e);
int cmd_cluster_info(struct ctl *c, struct err *e);
int cmd_completion(struct ctl *c, struct err *e);
int cmd_config_delete_context(struct ctl *c, struct err *e);
int cmd_config_rename_context(struct ctl *c, struct err *e);
int cmd_config_set_context(struct ctl *c, struct err *e);
int cmd_config_current(struct ctl *c, struct err *e);
int cmd_config_contexts(struct ctl *c, struct err *e);
int cmd_config_clusters(struct ctl *c, struct err *e);
int cmd_config_users(struct ctl *c, struct err *e);
int cmd_config_use(struct ctl *c, struct err *e);
int cmd_config_view(struct ctl *c, struct err *e);
int cmd_create(struct ctl *c, struct err *e);
int cmd_create_token(struct ctl *c, struct err *e);
int cmd_set_env(struct ctl *c, struct err *e);
int cmd_set_image(struct ctl *c, struct err *e);
int cmd_set_last_applied(struct ctl *c, struct err *e);
int cmd_view_last_applied(struct ctl *c, struct err *e);
int cmd_create_kind(struct ctl *c, struct err *e);
int cmd_delete(struct ctl *c, struct err *e);
int cmd_describe(struct ctl *c, struct err *e);
int cmd_events(struct ctl *c, struct err *e);
int cmd_exec(struct ctl *c, struct err *e);
int cmd_get(struct ctl *c, struct err *e);
int cmd_label(struct ctl *c, struct err *e);
int cmd_logs(struct ctl *c, struct err *e);
int cmd_options(struct ctl *c, struct err *e);
int cmd_patch(struct ctl *c, struct err *e);
int cmd_port_forward(struct ctl *c, struct err *e);
int cmd_replace(struct ctl *c, struct err *e);
int cmd_rollout_change(struct ctl *c, struct err *e);
int cmd_rollout_history(struct ctl *c, struct err *e);
int cmd_rollout_status(struct ctl *c, struct err *e);
int cmd_rollout_undo(struct ctl *c, struct err *e);
int cmd_run(struct ctl *c, struct err *e);
int cmd_scale(struct ctl *c, struct err *e);
int cmd_version(struct ctl *c, struct err *e);
int cmd_wait(struct ctl *c, struct err *e);
int cmd_whoami(struct ctl *c, struct err *e);
