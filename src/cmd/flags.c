#include "cmd/flags.h"
#include "base/buf.h"
#include "cmd/command.h"

struct parser {
	const struct flag_group *groups;
	size_t n;
	char *all, *opts; /* all options, and those of the group at hand */
	struct arena *arena;
	struct flag_result *ret;
	int argc, at;
	char **argv;
	struct err *e;
};

/* Sets p->opts to the found flag's options. */
static const struct flag *find(struct parser *p, struct str name, char letter)
{
	for (size_t g = 0; g < p->n; g++)
		for (size_t i = 0; i < p->groups[g].n; i++) {
			const struct flag *f = &p->groups[g].v[i];
			if (letter ? f->shorthand != letter : !str_is(name, f->name))
				continue;
			p->opts = p->all + p->groups[g].base;
			return f;
		}
	return NULL;
}

static int bad(struct parser *p, const struct flag *f, struct str value, const char *wants)
{
	return err_set(p->e, ERR_BAD_REQUEST, "--%s wants %s, not \"%.*s\"", f->name, wants, STR_F(value));
}

static int set_bool(struct parser *p, const struct flag *f, struct str v)
{
	bool yes = str_is(v, "true") || str_is(v, "1") || str_is(v, "t"), no = str_is(v, "false") || str_is(v, "0") || str_is(v, "f");
	if (!yes && !no)
		return bad(p, f, v, "true or false");
	*(bool *)(p->opts + f->offset) = yes;
	return 0;
}

static int set_int(struct parser *p, const struct flag *f, struct str v)
{
	return str_i64(v, (int64_t *)(p->opts + f->offset)) ? bad(p, f, v, "a number") : 0;
}

static int set_string(struct parser *p, const struct flag *f, struct str v)
{
	*(struct str *)(p->opts + f->offset) = v;
	return 0;
}

static int set_duration(struct parser *p, const struct flag *f, struct str v)
{
	return duration_parse(v, (nsec_t *)(p->opts + f->offset)) ? bad(p, f, v, "a duration such as 30s or 1h") : 0;
}

static int set_list(struct parser *p, const struct flag *f, struct str v)
{
	struct flag_list *l = (struct flag_list *)(p->opts + f->offset);
	struct str piece;
	while (v.n && str_next(&v, ',', &piece))
		if (piece.n)
			*arena_push(p->arena, l) = str_of(str_z(p->arena, piece));
	return 0;
}

static int set_nothing(struct parser *p, const struct flag *f, struct str v)
{
	(void)p, (void)f, (void)v;
	return 0;
}

static int (*const setters[])(struct parser *p, const struct flag *f, struct str v) = {
	[FLAG_BOOL] = set_bool, [FLAG_INT] = set_int,           [FLAG_STRING] = set_string,
	[FLAG_LIST] = set_list, [FLAG_DURATION] = set_duration, [FLAG_IGNORED] = set_nothing,
};

static int defaults(struct parser *p)
{
	for (size_t g = 0; g < p->n; g++) {
		p->opts = p->all + p->groups[g].base;
		for (size_t i = 0; i < p->groups[g].n; i++)
			if (p->groups[g].v[i].def && setters[p->groups[g].v[i].type](p, &p->groups[g].v[i], str_of(p->groups[g].v[i].def)))
				return -1;
	}
	return 0;
}

static bool is_switch(const struct flag *f)
{
	return f->type == FLAG_BOOL || (f->type == FLAG_IGNORED && f->def && (strcmp(f->def, "true") == 0 || strcmp(f->def, "false") == 0));
}

static int give(struct parser *p, const struct flag *f, struct str value, bool has_value)
{
	if (!has_value && is_switch(f)) {
		value = STR("true");
	} else if (!has_value) {
		if (p->at + 1 >= p->argc)
			return err_set(p->e, ERR_BAD_REQUEST, "--%s needs a value", f->name);
		value = str_of(p->argv[++p->at]);
	}
	struct flag_list *l = (struct flag_list *)(p->opts + f->offset);
	if (f->type == FLAG_LIST && !l->given) {
		l->len = 0;
		l->given = true;
	}
	return setters[f->type](p, f, value);
}

static int long_flag(struct parser *p, struct str arg)
{
	struct str name, value;
	bool has_value = str_cut(arg, '=', &name, &value);
	if (str_is(name, "help"))
		return p->ret->help = true, 0;
	const struct flag *f = find(p, name, 0);
	if (!f)
		return err_set(p->e, ERR_BAD_REQUEST, "unknown flag --%.*s", STR_F(name));
	return give(p, f, value, has_value);
}

static int short_flag(struct parser *p, struct str arg)
{
	if (arg.p[0] == 'h' && arg.n == 1)
		return p->ret->help = true, 0;
	const struct flag *f = find(p, (struct str){0}, arg.p[0]);
	if (!f)
		return err_set(p->e, ERR_BAD_REQUEST, "unknown flag -%.*s", STR_F(arg));
	struct str value = str_sub(arg, 1, arg.n);
	if (value.n && value.p[0] == '=')
		value = str_sub(value, 1, value.n);
	return give(p, f, value, value.n > 0);
}

int flags_parse_groups(const struct flag_group *g, size_t n, int argc, char **argv, void *opts, struct arena *a, struct flag_result *ret, struct err *e)
{
	struct parser p = {g, n, opts, opts, a, ret, argc, 1, argv, e};
	*ret = (struct flag_result){.rest = arena_array(a, char *, (size_t)argc + 1)};
	if (defaults(&p))
		return -1;
	for (; p.at < argc; p.at++) {
		struct str arg = str_of(argv[p.at]);
		bool dash = arg.n > 1 && arg.p[0] == '-', two = dash && arg.p[1] == '-';
		if (two && arg.n == 2) {
			while (++p.at < argc)
				ret->rest[ret->nrest++] = argv[p.at];
		} else if (two ? long_flag(&p, str_sub(arg, 2, arg.n)) : dash ? short_flag(&p, str_sub(arg, 1, arg.n)) : 0) {
			return -1;
		} else if (!dash) {
			ret->rest[ret->nrest++] = argv[p.at];
		}
	}
	return 0;
}

int flags_parse(const struct flag *v, size_t n, int argc, char **argv, void *opts, struct arena *a, struct flag_result *ret, struct err *e)
{
	return flags_parse_groups(&(struct flag_group){.v = v, .n = n}, 1, argc, argv, opts, a, ret, e);
}

void flags_help(const struct flag *v, size_t n, FILE *to)
{
	static const char *const wants[] = {[FLAG_BOOL] = "", [FLAG_INT] = " int", [FLAG_STRING] = " string", [FLAG_LIST] = " strings", [FLAG_DURATION] = " duration"};
	for (size_t i = 0; i < n; i++) {
		char text[80];
		if (v[i].type == FLAG_IGNORED)
			continue;
		snprintf(text, sizeof text, "--%s%s", v[i].name, wants[v[i].type]);
		fprintf(to, "  %c%c%s %-44s %s%s%s%s\n", v[i].shorthand ? '-' : ' ', v[i].shorthand ? v[i].shorthand : ' ', v[i].shorthand ? "," : " ", text, v[i].help,
			v[i].def && *v[i].def ? " (default " : "", v[i].def ? v[i].def : "", v[i].def && *v[i].def ? ")" : "");
	}
}

void usage_print(const struct usage *u, FILE *to)
{
	fprintf(to, "%s\n\nUsage: c8s %s %s\n", u->about, u->name, u->arguments);
	for (size_t g = 0; g < u->ngroups; g++) {
		fprintf(to, "\n%s:\n", u->groups[g].title);
		flags_help(u->groups[g].v, u->groups[g].n, to);
	}
	if (u->more)
		fprintf(to, "\n%s", u->more);
}

int usage_parse(const struct usage *u, int argc, char **argv, void *opts, struct arena *a)
{
	struct flag_result res;
	ERR(e);
	if (flags_parse_groups(u->groups, u->ngroups, argc, argv, opts, a, &res, &e))
		return cmd_error("%s (c8s %s --help lists the flags)", err_text(&e), u->name);
	if (res.help) {
		usage_print(u, stdout);
		return 0;
	}
	return res.nrest ? cmd_error("unexpected argument \"%s\" (c8s %s --help lists the flags)", res.rest[0], u->name) : -1;
}

static void write_value(const struct flag *f, const void *at, struct buf *out)
{
	const struct flag_list *l = at;
	switch (f->type) {
	case FLAG_BOOL: buf_str(out, *(const bool *)at ? STR("true") : STR("false")); break;
	case FLAG_INT: buf_printf(out, "%lld", (long long)*(const int64_t *)at); break;
	case FLAG_STRING: buf_str(out, *(const struct str *)at); break;
	case FLAG_DURATION: duration_put(out, *(const nsec_t *)at); break;
	case FLAG_LIST:
		for (uint32_t i = 0; i < l->len; i++)
			buf_printf(out, "%s%.*s", i ? "," : "", STR_F(l->items[i]));
		break;
	case FLAG_IGNORED: break;
	}
}

void flags_write(const struct flag *v, size_t n, const void *opts, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].type == FLAG_IGNORED)
			continue;
		buf_printf(out, "%s=", v[i].name);
		write_value(&v[i], (const char *)opts + v[i].offset, out);
		buf_char(out, '\n');
	}
}
