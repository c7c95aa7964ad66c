/* Who calls, and whether they may: see client/reviews.h. */
#include "client/reviews.h"
#include "cmd/serving.h"

#define MASTERS "system:masters"

static bool identify(const struct serving_opts *o, struct reviews *v, struct http_req *q, struct caller *ret)
{
	if (caller_by_certificate(q, ret))
		return true;
	if (req_header(q, STR("authorization")).n)
		return caller_by_token(v, o->reviews, q, (struct reviews_ttl){o->token_ttl, o->token_ttl}, ret);
	caller_anonymous(q, ret);
	return true;
}

static bool open_path(const struct flag_list *l, struct str path)
{
	for (uint32_t i = 0; l && i < l->len; i++)
		if (str_matches(path, l->items[i]))
			return true;
	return false;
}

static struct str verb_of(struct arena *a, struct str method)
{
	char *v = str_z(a, method);
	for (char *c = v; *c; c++)
		*c |= 0x20;
	return str_of(v);
}

int serving_check(const struct serving_opts *o, struct reviews *v, struct http_req *q, struct str *ret_text)
{
	struct caller c;
	ERR(e);
	if (open_path(o->open_paths, q->path))
		return 0;
	*ret_text = STR("Unauthorized");
	if (!identify(o, v, q, &c))
		return 401;
	LIST_EACH(g, c.groups)
		if (str_is(*g, MASTERS))
			return 0;
	struct str verb = verb_of(q->arena, q->method);
	struct authorization_v1_NonResourceAttributes to = {.verb = verb, .path = q->path};
	int may = caller_may(v, o->reviews, q->arena, &c, (struct authorization_v1_SubjectAccessReviewSpec){.nonResourceAttributes = &to},
		(struct reviews_ttl){o->allow_ttl, o->deny_ttl}, &e);
	if (may > 0)
		return 0;
	*ret_text = str_printf(q->arena, "%sUser \"%.*s\" cannot %.*s path \"%.*s\"%s", may < 0 ? "" : "forbidden: ", STR_F(c.name), STR_F(verb), STR_F(q->path),
		may < 0 ? ": the API server could not be asked" : "");
	return may < 0 ? 500 : 403;
}
