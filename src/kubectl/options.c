#include "kubectl/options.h"
#include "base/log.h"

struct parser {
	struct arena *a;
	struct options *o;
	int argc, at, words;
	char **argv;
	struct err *e;
};

const struct command_fact *command_by_path(const char *path)
{
	size_t n = strlen("kubectl ");
	for (size_t i = 1; i < kubectl_commands_len; i++)
		if (strcmp(kubectl_commands[i].path + n, path) == 0)
			return &kubectl_commands[i];
	return *path ? NULL : &kubectl_commands[0];
}

static bool has_alias(const struct command_fact *c, struct str word)
{
	struct str rest = str_of(c->aliases), piece;
	while (rest.n && str_next(&rest, ',', &piece))
		if (str_eq(piece, word))
			return true;
	return false;
}

/* The command `word` below parent. */
static const struct command_fact *child(const struct command_fact *parent, struct str word)
{
	size_t n = strlen(parent->path);
	for (size_t i = 1; i < kubectl_commands_len; i++) {
		const char *path = kubectl_commands[i].path;
		if (strncmp(path, parent->path, n) != 0 || path[n] != ' ' || strchr(path + n + 1, ' '))
			continue;
		if (str_is(word, path + n + 1) || has_alias(&kubectl_commands[i], word))
			return &kubectl_commands[i];
	}
	return NULL;
}

static const struct flag_fact *flag_in(const struct command_fact *c, struct str name, char letter)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct flag_fact *f = &kubectl_flags[c->first + i];
		if (name.n ? str_is(name, f->name) : letter && f->shorthand == letter)
			return f;
	}
	return NULL;
}

/* Whether the word is a flag whose value is the next word. */
static bool takes_next(const struct command_fact *c, const char *word)
{
	struct str name = {0}, value;
	char letter = 0;
	if (word[1] == '-') {
		if (str_cut(str_of(word + 2), '=', &name, &value))
			return false;
	} else if (word[2]) {
		return false;
	} else {
		letter = word[1];
	}
	const struct flag_fact *f = flag_in(c, name, letter);
	if (!f)
		f = flag_in(&kubectl_commands[0], name, letter);
	return f && !f->no_opt;
}

const struct command_fact *command_find(int argc, char **argv, int *ret_words)
{
	const struct command_fact *c = &kubectl_commands[0];
	*ret_words = 0;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (argv[i][0] == '-' && argv[i][1]) {
			i += takes_next(c, argv[i]);
			continue;
		}
		const struct command_fact *next = child(c, str_of(argv[i]));
		if (!next)
			break;
		c = next;
		++*ret_words;
	}
	return c;
}

struct option *option_find(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->v[i].fact->name, name) == 0)
			return &o->v[i];
	return NULL;
}

static struct option *by_letter(const struct options *o, char c)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].fact->shorthand == c)
			return &o->v[i];
	return NULL;
}

static bool is_bool(struct str v)
{
	static const char *const words[] = {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(v, words[i]))
			return true;
	return false;
}

/* What is wrong with a value; absent when nothing is. */
static struct str complaint(struct arena *a, const struct flag_fact *f, struct str v)
{
	int64_t i;
	nsec_t d;
	if (f->type == OPT_BOOL && strcmp(f->go_type, "bool") == 0 && !is_bool(v))
		return str_printf(a, "strconv.ParseBool: parsing \"%.*s\": invalid syntax", STR_F(v));
	if (f->type == OPT_INT && str_i64(v, &i) != 0)
		return str_printf(a, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", STR_F(v));
	if (f->type == OPT_DURATION && duration_parse(v, &d) != 0)
		return str_printf(a, "time: invalid duration \"%.*s\"", STR_F(v));
	return (struct str){0};
}

static void add_values(struct parser *p, struct option *o, struct str v)
{
	struct str piece;
	if (!o->changed)
		o->list.len = 0;
	if (o->fact->type == OPT_ARRAY) {
		*arena_push(p->a, &o->list) = v;
		return;
	}
	while (v.n && str_next(&v, ',', &piece))
		*arena_push(p->a, &o->list) = piece;
}

static int set(struct parser *p, struct option *o, struct str v)
{
	const struct flag_fact *f = o->fact;
	struct str why = complaint(p->a, f, v);
	if (why.n && f->shorthand)
		return err_set(p->e, ERR_BAD_REQUEST, "invalid argument \"%.*s\" for \"-%c, --%s\" flag: %.*s", STR_F(v), f->shorthand, f->name, STR_F(why));
	if (why.n)
		return err_set(p->e, ERR_BAD_REQUEST, "invalid argument \"%.*s\" for \"--%s\" flag: %.*s", STR_F(v), f->name, STR_F(why));
	if (f->type == OPT_SLICE || f->type == OPT_ARRAY)
		add_values(p, o, v);
	o->text = v;
	o->changed = true;
	return 0;
}

static int long_flag(struct parser *p, const char *word)
{
	struct str name, value;
	bool given = str_cut(str_of(word + 2), '=', &name, &value);
	struct option *o = option_find(p->o, str_z(p->a, name));
	if (!o && str_is(name, "help")) {
		p->o->help = true;
		return 0;
	}
	if (!o)
		return err_set(p->e, ERR_BAD_REQUEST, "unknown flag: --%.*s", STR_F(name));
	if (given)
		return set(p, o, value);
	if (o->fact->no_opt)
		return set(p, o, str_of(o->fact->no_opt));
	if (p->at >= p->argc)
		return err_set(p->e, ERR_BAD_REQUEST, "flag needs an argument: --%.*s", STR_F(name));
	return set(p, o, str_of(p->argv[p->at++]));
}

/* "-itn default", "-ojson", "-o=json". */
static int short_flags(struct parser *p, const char *word)
{
	for (const char *c = word + 1; *c; c++) {
		struct option *o = by_letter(p->o, *c);
		if (!o && *c == 'h') {
			p->o->help = true;
			continue;
		}
		if (!o)
			return err_set(p->e, ERR_BAD_REQUEST, "unknown shorthand flag: '%c' in %s", *c, word);
		if (c[1] == '=')
			return set(p, o, str_of(c + 2));
		if (!o->fact->no_opt && c[1])
			return set(p, o, str_of(c + 1));
		if (!o->fact->no_opt && p->at >= p->argc)
			return err_set(p->e, ERR_BAD_REQUEST, "flag needs an argument: '%c' in %s", *c, word);
		if (set(p, o, str_of(o->fact->no_opt ? o->fact->no_opt : p->argv[p->at++])) != 0)
			return -1;
	}
	return 0;
}

static void positional(struct parser *p, char *word)
{
	if (p->words > 0)
		p->words--;
	else
		*arena_push(p->a, &p->o->args) = str_of(word);
}

static int walk(struct parser *p)
{
	while (p->at < p->argc) {
		char *word = p->argv[p->at++];
		int failed = 0;
		if (strcmp(word, "--") == 0)
			break;
		if (word[0] != '-' || !word[1])
			positional(p, word);
		else
			failed = word[1] == '-' ? long_flag(p, word) : short_flags(p, word);
		if (failed)
			return -1;
	}
	if (p->at > 0 && strcmp(p->argv[p->at - 1], "--") == 0)
		p->o->dash = (int)p->o->args.len;
	while (p->at < p->argc)
		positional(p, p->argv[p->at++]);
	return 0;
}

static void add_flags(struct options *o, const struct command_fact *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct flag_fact *f = &kubectl_flags[c->first + i];
		if (!option_find(o, f->name))
			o->v[o->n++] = (struct option){.fact = f, .text = str_of(f->def)};
	}
}

int options_parse(struct arena *a, const struct command_fact *c, int argc, char **argv, int words, struct options *ret, struct err *e)
{
	*ret = (struct options){.dash = -1};
	ret->v = arena_array(a, struct option, c->n + kubectl_commands[0].n);
	add_flags(ret, c);
	add_flags(ret, &kubectl_commands[0]);
	struct parser p = {.a = a, .o = ret, .argc = argc, .argv = argv, .words = words, .e = e};
	if (walk(&p) != 0)
		return -1;
	const struct option *help = option_find(ret, "help");
	ret->help |= help && str_is(help->text, "true");
	return 0;
}
