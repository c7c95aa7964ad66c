/* c8s help [COMMAND] [--markdown]: what docs/commands is made of. */
#include "cmd/command.h"
#include "cmd/flags.h"

static bool has_effect(const struct flag *f) { return f->type != FLAG_IGNORED; }

static const char *form(enum flag_type t)
{
	static const char *const forms[] = {[FLAG_INT] = "=NUMBER", [FLAG_STRING] = "=TEXT", [FLAG_LIST] = "=LIST", [FLAG_DURATION] = "=DURATION", [FLAG_BOOL] = "", [FLAG_IGNORED] = ""};
	return forms[t];
}

/* A table's cell: a bar would end it. */
static void put_cell(FILE *to, const char *text)
{
	for (; *text; text++)
		fprintf(to, *text == '|' ? "\\|" : "%c", *text);
}

static void put_row(FILE *to, const struct flag *f)
{
	fprintf(to, "| `");
	if (f->shorthand)
		fprintf(to, "-%c, ", f->shorthand);
	const char *tick = f->def && *f->def ? "`" : "";
	fprintf(to, "--%s%s` | %s%s%s | ", f->name, form(f->type), tick, f->def ? f->def : "", tick);
	put_cell(to, f->help);
	fprintf(to, " |\n");
}

/* Taken for compatibility: named, so that nobody looks for their effect. */
static void put_ignored(FILE *to, const struct usage *u)
{
	size_t n = 0;
	for (size_t g = 0; g < u->ngroups; g++)
		for (size_t i = 0; i < u->groups[g].n; i++)
			if (!has_effect(&u->groups[g].v[i]))
				fprintf(to, "%s`--%s`", n++ ? ", " : "\n## Taken, without effect\n\n", u->groups[g].v[i].name);
	fputs(n ? "\n" : "", to);
}

static void markdown(FILE *to, const struct usage *u)
{
	fprintf(to, "# c8s %s\n\n%s\n\n    c8s %s %s\n", u->name, u->about, u->name, u->arguments);
	for (size_t g = 0; g < u->ngroups; g++) {
		fprintf(to, "\n## %s\n\n| flag | default | meaning |\n|---|---|---|\n", u->groups[g].title);
		for (size_t i = 0; i < u->groups[g].n; i++)
			if (has_effect(&u->groups[g].v[i]))
				put_row(to, &u->groups[g].v[i]);
	}
	put_ignored(to, u);
	if (u->more)
		fprintf(to, "\n%s", u->more);
}

int cmd_help(int argc, char **argv)
{
	const struct command *c = argc > 1 ? program_find(argv[1]) : NULL;
	bool as_markdown = argc > 2 && strcmp(argv[2], "--markdown") == 0;
	char *words[] = {argc > 1 ? argv[1] : NULL, (char[]){"--help"}, NULL};
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return commands_print(stdout), 0;
	if (!c || c->run == cmd_help)
		return cmd_error("unknown command \"%s\"; c8s --help lists them", argv[1]);
	if (!as_markdown)
		return c->run(2, words);
	if (!c->usage)
		return cmd_error("%s has no page of its own", c->name);
	markdown(stdout, c->usage);
	return 0;
}
