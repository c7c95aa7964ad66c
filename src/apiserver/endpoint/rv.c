/* At which revision a read is served.
 *
 *     resourceVersion  match         limit   served
 *     continue token                         at the token's revision; without one in it, the newest
 *     none             -             any     the newest, cut at limit
 *     0                -, NotOlder   any     whatever is there; limit is ignored
 *     N                -             none    not older than N
 *     N                -             some    exactly N
 *     N                NotOlder      any     not older than N
 *     N                Exact         any     exactly N
 *
 * (The combinations that are refused stand in options.c.)  A revision that does not exist yet is waited for RV_WAIT, then 504. */
#include "apiserver/endpoint/endpoint.h"
#include "base/enc.h"
#include "codec/json.h"

#define RV_WAIT (3 * NS_S) /* as upstream's blockTimeout */

static int bad_token(struct err *e, const char *why) { return err_set(e, ERR_BAD_REQUEST, "invalid continue token: continue key is not valid: %s", why); }

/* Where Go's decoder meets the first character that is not of the alphabet. */
static size_t base64_stop(struct str s)
{
	size_t i = 0;
	while (i < s.n && (((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_'))
		i++;
	return i;
}

static int token_json(struct request *r, struct value **ret, struct err *e)
{
	struct str token = r->call.continue_;
	BUF(text);
	if (dec_base64url(&text, token)) {
		size_t at = base64_stop(token);
		return bad_token(e, str_z(r->arena, str_printf(r->arena, "illegal base64 data at input byte %zu", at == token.n ? token.n - 1 : at)));
	}
	ERR(why);
	if (json_parse(r->arena, buf_take(&text, r->arena), NULL, ret, &why))
		return bad_token(e, err_text(&why));
	return 0;
}

/* start is NAME or NS/NAME with a NUL behind, relative to the list's prefix. */
static int token_start(struct request *r, struct str start, struct read_plan *p, struct err *e)
{
	bool whole = r->table->namespaced && !r->at.ns.n;
	if (!start.n)
		return bad_token(e, "encoded start key empty (version meta.k8s.io/v1)");
	if (start.p[0] == '/' || str_find(start, STR("../")) >= 0)
		return bad_token(e, str_z(r->arena, start));
	if (start.p[start.n - 1] == 0)
		start.n--;
	p->start_ns = r->table->namespaced ? r->at.ns : STR("");
	p->start_name = start;
	if (whole)
		str_cut(start, '/', &p->start_ns, &p->start_name);
	return 0;
}

static int plan_continue(struct request *r, struct read_plan *p, struct err *e)
{
	struct value *v = NULL;
	if (r->call.resource_version.n && !str_is(r->call.resource_version, "0"))
		return err_set(e, ERR_BAD_REQUEST, "specifying resource version is not allowed when using continue");
	if (token_json(r, &v, e))
		return -1;
	struct str version = value_path_str(v, "v");
	if (!str_is(version, "meta.k8s.io/v1"))
		return bad_token(e, str_z(r->arena, str_printf(r->arena, "server does not recognize this encoded version %.*s", STR_F(version))));
	struct value *rv = value_get(v, STR("rv"));
	int64_t rev = rv && rv->type == V_INT ? rv->i : 0;
	if (rev == 0)
		return bad_token(e, "incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
	p->from = READ_CONTINUE;
	p->inconsistent = rev < 0;
	p->rev = rev < 0 ? 0 : (uint64_t)rev;
	return token_start(r, value_path_str(v, "start"), p, e);
}

static int parse_uint(struct str s, const char *prefix, enum err_reason reason, uint64_t *ret, struct err *e)
{
	BUF(q);
	if (str_u64(s, ret) == 0)
		return 0;
	enc_quote(&q, s);
	if (prefix)
		return err_set(e, reason, "%s%.*s: strconv.ParseUint: parsing %.*s: invalid syntax", prefix, STR_F(buf_view(&q)), STR_F(buf_view(&q)));
	return err_set(e, reason, "strconv.ParseUint: parsing %.*s: invalid syntax", STR_F(buf_view(&q)));
}

int rv_parse_get(struct str rv, uint64_t *ret, struct err *e) { return parse_uint(rv, "resourceVersion: Invalid value: ", ERR_UNKNOWN, ret, e); }

int plan_list(struct request *r, struct read_plan *p, struct err *e)
{
	const struct call *c = &r->call;
	*p = (struct read_plan){.limit = c->limit > 0 ? c->limit : 0, .start_ns = STR(""), .start_name = STR("")};
	if (c->continue_.n)
		return plan_continue(r, p, e);
	if (!c->resource_version.n)
		return 0;
	if (parse_uint(c->resource_version, "invalid resource version ", ERR_BAD_REQUEST, &p->rev, e))
		return -1;
	if (p->rev == 0) {
		p->from = READ_NOT_OLDER;
		p->limit = 0;
	} else if (str_is(c->rv_match, "Exact") || (!c->rv_match.n && p->limit)) {
		p->from = READ_EXACT;
	} else {
		p->from = READ_NOT_OLDER;
	}
	return 0;
}

int plan_wait(struct request *r, uint64_t rev, struct err *e)
{
	struct cache *c = server_cache(r->server);
	int w = cache_wait_revision(c, rev, rt_now() + RV_WAIT);
	if (w == 0)
		return 0;
	err_set(e, ERR_TIMEOUT, "Timeout: Too large resource version: %llu, current: %llu", (unsigned long long)rev, (unsigned long long)cache_revision(c));
	e->retry_after_s = 1;
	return err_cause(e, "ResourceVersionTooLarge", (struct str){0}, "Too large resource version");
}

struct str continue_token(struct arena *a, uint64_t rev, struct str start)
{
	BUF(json);
	BUF(out);
	buf_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":", (long long)rev);
	json_string(&json, start);
	buf_consume(&json, 0);
	json.n--; /* the closing quote */
	buf_lit(&json, "\\u0000\"}");
	enc_base64url(&out, buf_view(&json));
	return buf_take(&out, a);
}
