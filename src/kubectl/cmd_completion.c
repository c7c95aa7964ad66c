/* completion: a shell script made from the tables of commands and flags.  It asks this program for kinds and names. */
#include "kubectl/command.h"
#include <stdio.h>

/* "get|describe": words below a path; flags of it. */
static void put_command(struct ctl *c, const struct command_fact *f)
{
	size_t n = strlen(f->path);
	if (f->hidden)
		return;
	ctl_print(c, "\t%c%s%c) words=\"", '"', f->path, '"');
	for (size_t i = 1; i < kubectl_commands_len; i++) {
		const char *path = kubectl_commands[i].path;
		if (strncmp(path, f->path, n) == 0 && path[n] == ' ' && !strchr(path + n + 1, ' '))
			ctl_print(c, "%s ", path + n + 1);
	}
	ctl_print(c, "\"; flags=\"");
	for (unsigned i = 0; i < f->n; i++)
		if (!kubectl_flags[f->first + i].hidden)
			ctl_print(c, "--%s ", kubectl_flags[f->first + i].name);
	ctl_print(c, "\" ;;\n");
}

static const char head[] =
	"# kubectl completion.  In this shell:  source <(kubectl completion bash)\n"
	"__kubectl_facts() {\n\twords= flags=\n\tcase \"$1\" in\n";
static const char tail[] =
	"\tesac\n}\n"
	"__kubectl_namespace() {\n\tlocal i\n\tfor ((i = 1; i < ${#COMP_WORDS[@]} - 1; i++)); do\n"
	"\t\t[[ ${COMP_WORDS[i]} == -n || ${COMP_WORDS[i]} == --namespace ]] && echo \"-n ${COMP_WORDS[i + 1]}\"\n\tdone\n}\n"
	"__kubectl_names() { kubectl get \"$1\" $(__kubectl_namespace) -o jsonpath='{.items[*].metadata.name}' 2>/dev/null; }\n"
	"__kubectl() {\n"
	"\tlocal path=kubectl rest=() word words flags i cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} found=\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tword=${COMP_WORDS[i]}\n\t\t[[ $word == -* ]] && continue\n\t\t__kubectl_facts \"$path\"\n"
	"\t\tif [[ \" $words\" == *\" $word \"* ]]; then path+=\" $word\"; else rest+=(\"$word\"); fi\n\tdone\n"
	"\t__kubectl_facts kubectl\n\tlocal common=$flags\n\t__kubectl_facts \"$path\"\n"
	"\tcase \"$previous\" in\n"
	"\t-n|--namespace) COMPREPLY=($(compgen -W \"$(__kubectl_names namespaces)\" -- \"$cur\")); return ;;\n"
	"\t--context) COMPREPLY=($(compgen -W \"$(kubectl config get-contexts -o name)\" -- \"$cur\")); return ;;\n"
	"\t-o|--output) COMPREPLY=($(compgen -W \"json yaml kyaml name wide jsonpath= custom-columns=\" -- \"$cur\")); return ;;\n"
	"\t-f|--filename) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n\tesac\n"
	"\tif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$flags $common\" -- \"$cur\")); return; fi\n"
	"\tif [[ -n $words && ${#rest[@]} -eq 0 ]]; then found=$words; fi\n"
	"\tcase \"$path\" in\n"
	"\t'kubectl config use-context') found=$(kubectl config get-contexts -o name) ;;\n"
	"\t'kubectl logs'|'kubectl exec'|'kubectl attach'|'kubectl port-forward') ((${#rest[@]} == 0)) && found=$(__kubectl_names pods) ;;\n"
	"\t'kubectl get'|'kubectl describe'|'kubectl delete'|'kubectl label'|'kubectl annotate'|'kubectl patch'|'kubectl scale'|'kubectl wait'|'kubectl rollout '*)\n"
	"\t\tif ((${#rest[@]} == 0)); then found=$(kubectl api-resources -o name 2>/dev/null); else found=$(__kubectl_names \"${rest[0]}\"); fi ;;\n"
	"\tesac\n\tCOMPREPLY=($(compgen -W \"$found\" -- \"$cur\"))\n}\n"
	"complete -o default -F __kubectl kubectl\n";

int cmd_completion(struct ctl *c, struct err *e)
{
	struct str shell = ctl_arg(c, 0);
	bool zsh = str_is(shell, "zsh");
	if (ctl_args(c)->len != 1)
		return usage_error(c, e, ctl_args(c)->len ? "Too many arguments. Expected only the shell type." : "Shell not specified.");
	if (!zsh && !str_is(shell, "bash"))
		return usage_error(c, e, "Unsupported shell type \"%.*s\".", STR_F(shell));
	ctl_print(c, "%s%s", zsh ? "autoload -U +X bashcompinit && bashcompinit\n" : "", head);
	for (size_t i = 0; i < kubectl_commands_len; i++)
		put_command(c, &kubectl_commands[i]);
	ctl_print(c, "%s", tail);
	return 0;
}
