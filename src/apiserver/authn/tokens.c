/* --token-auth-file: lines of token,user,uid[,"group,group"]. */
#include "apiserver/authn/authn_impl.h"

#include "os/file.h"

#define FILE_MAX (1 << 20)
#define FIELDS 4

/* One CSV field off *rest; quoted ones may hold commas, "" is a quote. */
static struct str csv_field(struct arena *a, struct str *rest)
{
	struct str v;
	if (!rest->n || rest->p[0] != '"') {
		str_cut(*rest, ',', &v, rest);
		return str_trim(v);
	}
	char *out = arena_text(a, rest->n);
	size_t n = 0, i = 1;
	for (; i < rest->n; i++) {
		if (rest->p[i] == '"' && !(i + 1 < rest->n && rest->p[i + 1] == '"'))
			break;
		i += rest->p[i] == '"';
		out[n++] = rest->p[i];
	}
	struct str after = str_sub(*rest, i + 1, rest->n);
	str_cut(after, ',', &v, rest);
	return str_n(out, n);
}

static void add_line(struct authn *n, struct str line)
{
	struct str f[FIELDS] = {{0}}, group;
	for (int i = 0; i < FIELDS && line.p; i++)
		f[i] = csv_field(n->mem, &line);
	struct static_token t = {.token = f[0], .user = {.name = f[1], .uid = f[2]}};
	if (!f[0].n || !f[1].n)
		return;
	while (f[3].n && str_next(&f[3], ',', &group))
		user_add_group(n->mem, &t.user, str_trim(group));
	struct static_token *v = arena_array(n->mem, struct static_token, n->ntokens + 1);
	if (n->ntokens)
		memcpy(v, n->tokens, n->ntokens * sizeof *v);
	v[n->ntokens++] = t;
	n->tokens = v;
}

int tokens_load(struct authn *n, struct str file, struct err *e)
{
	struct str text, line;
	if (file_read(n->mem, str_z(n->mem, file), FILE_MAX, &text, e) < 0)
		return err_wrap(e, "--token-auth-file");
	while (text.p && str_next(&text, '\n', &line))
		if (str_trim(line).n && line.p[0] != '#')
			add_line(n, str_trim(line));
	return 0;
}
