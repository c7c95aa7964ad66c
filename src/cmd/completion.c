/* c8s completion bash|zsh|fish: scripts made of the commands' tables.
 *
 * To add a shell: its function and its row in shells[]. */
#include "cmd/command.h"
#include "cmd/flags.h"

/* Every flag of a command that has one. */
static void each_flag(const struct command *c, void (*fn)(const struct command *c, const struct flag *f))
{
	for (size_t g = 0; c->usage && g < c->usage->ngroups; g++)
		for (size_t i = 0; i < c->usage->groups[g].n; i++)
			fn(c, &c->usage->groups[g].v[i]);
}

/* Inside single quotes; before is what stands before each of the characters. */
static void quoted(const char *text, const char *special, const char *before)
{
	for (; *text; text++)
		printf("%s%c", strchr(special, *text) ? before : "", *text);
}

/* A shell without escapes inside single quotes: the quote is left, written, entered again. */
static void zsh_text(const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			printf("'\\''");
		else
			printf("%s%c", *text == ':' ? "\\" : "", *text);
}

static void bash_flag(const struct command *c, const struct flag *f)
{
	(void)c;
	printf(" --%s", f->name);
}

static void bash(void)
{
	printf("_c8s()\n{\n\tlocal word=${COMP_WORDS[COMP_CWORD]} flags=\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W \"");
	for (size_t i = 0; i < ncommands; i++)
		printf("%s%s", i ? " " : "", commands[i].name);
	printf("\" -- \"$word\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n\tcompletion) flags='bash zsh fish' ;;\n");
	for (size_t i = 0; i < ncommands; i++) {
		if (!commands[i].usage)
			continue;
		printf("\t%s) flags='", commands[i].name);
		each_flag(&commands[i], bash_flag);
		printf("' ;;\n");
	}
	printf("\tesac\n\tCOMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n\t[ ${#COMPREPLY[@]} != 0 ] || COMPREPLY=($(compgen -f -- \"${word#*=}\"))\n}\n"
	       "complete -o filenames -F _c8s c8s\n");
}

static void zsh_flag(const struct command *c, const struct flag *f)
{
	(void)c;
	printf(" '--%s:", f->name);
	zsh_text(f->help);
	printf("'");
}

static void zsh(void)
{
	printf("#compdef c8s\n_c8s()\n{\n\tlocal -a names flags\n\tnames=(");
	for (size_t i = 0; i < ncommands; i++) {
		printf(" '%s:", commands[i].name);
		zsh_text(commands[i].help);
		printf("'");
	}
	printf(" )\n\tif (( CURRENT == 2 )); then\n\t\t_describe command names\n\t\treturn\n\tfi\n\tcase $words[2] in\n\tcompletion) flags=( bash zsh fish ) ;;\n");
	for (size_t i = 0; i < ncommands; i++) {
		if (!commands[i].usage)
			continue;
		printf("\t%s) flags=(", commands[i].name);
		each_flag(&commands[i], zsh_flag);
		printf(" ) ;;\n");
	}
	printf("\tesac\n\t_describe flag flags || _files\n}\ncompdef _c8s c8s\n");
}

static void fish_flag(const struct command *c, const struct flag *f)
{
	printf("complete -c c8s -n '__fish_seen_subcommand_from %s' -l %s%s -d '", c->name, f->name, f->type == FLAG_BOOL ? "" : " -r");
	quoted(f->help, "\\'", "\\");
	printf("'\n");
}

static void fish(void)
{
	for (size_t i = 0; i < ncommands; i++) {
		printf("complete -c c8s -n __fish_use_subcommand -f -a %s -d '", commands[i].name);
		quoted(commands[i].help, "\\'", "\\");
		printf("'\n");
	}
	printf("complete -c c8s -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n");
	for (size_t i = 0; i < ncommands; i++)
		each_flag(&commands[i], fish_flag);
}

static const struct {
	const char *name;
	void (*write)(void);
} shells[] = {{"bash", bash}, {"fish", fish}, {"zsh", zsh}};

static int usage(void)
{
	printf("Writes a script that lets a shell complete commands and flags.\n\nUsage: c8s completion bash|zsh|fish\n\n"
	       "    source <(c8s completion bash)\n    c8s completion zsh > ~/.zfunc/_c8s\n    c8s completion fish > ~/.config/fish/completions/c8s.fish\n");
	return 0;
}

int cmd_shell_completion(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return usage();
	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(shells); i++)
		if (strcmp(shells[i].name, argv[1]) == 0)
			return shells[i].write(), 0;
	return cmd_error("completion wants one shell: bash, zsh or fish");
}
