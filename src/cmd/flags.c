#include "cmd/flags.h"

struct parser {
	const struct flag *v;
	size_t n;
	char *opts;
	struct arena *arena;
	struct flag_result *ret;
	int argc, at;
	char **argv;
	struct err *e;
};

static const struct flag *by_name(const struct parser *p, struct str name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_is(name, p->v[i].name))
			return &p->v[i];
	return NULL;
}

static const struct flag *by_letter(const struct parser *p, char c)
{
	for (size_t i = 0; i < p->n; i++)
		if (c && p->v[i].shorthand == c)
			return &p->v[i];
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
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].def && setters[p->v[i].type](p, &p->v[i], str_of(p->v[i].def)))
			return -1;
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
	const struct flag *f = by_name(p, name);
	if (!f)
		return err_set(p->e, ERR_BAD_REQUEST, "unknown flag --%.*s", STR_F(name));
	return give(p, f, value, has_value);
}

static int short_flag(struct parser *p, struct str arg)
{
	if (arg.p[0] == 'h' && arg.n == 1)
		return p->ret->help = true, 0;
	const struct flag *f = by_letter(p, arg.p[0]);
	if (!f)
		return err_set(p->e, ERR_BAD_REQUEST, "unknown flag -%.*s", STR_F(arg));
	struct str value = str_sub(arg, 1, arg.n);
	if (value.n && value.p[0] == '=')
		value = str_sub(value, 1, value.n);
	return give(p, f, value, value.n > 0);
}

int flags_parse(const struct flag *v, size_t n, int argc, char **argv, void *opts, struct arena *a, struct flag_result *ret, struct err *e)
{
	struct parser p = {v, n, opts, a, ret, argc, 1, argv, e};
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
