/* Content negotiation: Accept and Content-Type. */
#include "apiserver/endpoint/endpoint.h"
#include <stdlib.h>

#define ACCEPT_CLAUSES_MAX 32 /* media types looked at in one Accept header */
#define ACCEPT_PARAMS_MAX 8

struct clause {
	struct str type, sub;
	double q;
	unsigned nparams;
	struct { struct str key, value; } params[ACCEPT_PARAMS_MAX];
};
struct clauses {
	struct clause v[ACCEPT_CLAUSES_MAX];
	unsigned n;
};

static const struct offer {
	enum media media;
	const char *sub, *name, *stream;
} offers[] = {
	{MEDIA_JSON, "json", "application/json", "application/json;stream=watch"},
	{MEDIA_YAML, "yaml", "application/yaml", NULL},
	{MEDIA_PB, "vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf;stream=watch"},
};

const char *media_name(enum media m) { return offers[m].name; }

static struct str accept_header(const struct request *r) { return r->http ? req_header(r->http, STR("accept")) : STR(""); }

/* The router compares texts without their parameters: no sub-type wildcards, no folding of case. */
bool accept_offered(struct request *r, bool watch)
{
	struct str rest = accept_header(r), piece;
	if (!rest.n)
		return true;
	while (str_next(&rest, ',', &piece)) {
		str_cut(piece, ';', &piece, &(struct str){0});
		piece = str_trim(piece);
		if (str_is(piece, "*/*"))
			return true;
		for (size_t i = 0; i < ARRAY_LEN(offers); i++)
			if (str_is(piece, offers[i].name))
				return true;
	}
	(void)watch;
	return false;
}

static void clause_params(struct clause *c, struct str rest)
{
	struct str piece, key, value;
	while (str_next(&rest, ';', &piece)) {
		str_cut(piece, '=', &key, &value);
		key = str_trim(key);
		value = str_trim(value);
		if (str_is(key, "q")) {
			char text[16] = {0};
			memcpy(text, value.p, value.n < 15 ? value.n : 15);
			c->q = strtod(text, NULL);
		} else if (c->nparams < ACCEPT_PARAMS_MAX) {
			c->params[c->nparams].key = key;
			c->params[c->nparams++].value = value;
		}
	}
}

static bool clause_parse(struct str piece, struct clause *ret)
{
	struct str media, params;
	*ret = (struct clause){.q = 1.0};
	str_cut(piece, ';', &media, &params);
	media = str_trim(media);
	if (!str_cut(media, '/', &ret->type, &ret->sub)) {
		if (!str_is(media, "*"))
			return false;
		ret->sub = STR("*");
	}
	clause_params(ret, params);
	return true;
}

/* Before: greater quality first, wildcards last; otherwise as sent. */
static bool before(const struct clause *x, const struct clause *y)
{
	if (x->q != y->q)
		return x->q > y->q;
	bool any_x = str_is(x->type, "*"), any_y = str_is(y->type, "*");
	if (any_x != any_y)
		return any_y;
	return !str_is(x->sub, "*") && str_is(y->sub, "*");
}

static void clauses_parse(struct str header, struct clauses *ret)
{
	struct str piece;
	ret->n = 0;
	while (ret->n < ACCEPT_CLAUSES_MAX && str_next(&header, ',', &piece)) {
		struct clause c;
		if (!clause_parse(piece, &c))
			continue;
		unsigned i = ret->n++;
		for (; i && before(&c, &ret->v[i - 1]); i--)
			ret->v[i] = ret->v[i - 1];
		ret->v[i] = c;
	}
}

static bool offer_fits(const struct offer *o, const struct clause *c)
{
	if (str_is(c->type, "*"))
		return str_is(c->sub, "*");
	return str_is(c->type, "application") && (str_is(c->sub, "*") || str_is(c->sub, o->sub));
}

static const struct {
	const char *name;
	enum media_as as;
} transforms[] = {{"Table", AS_TABLE}, {"PartialObjectMetadata", AS_PARTIAL}, {"PartialObjectMetadataList", AS_PARTIAL_LIST}};

/* Into what an answer can be turned. */
enum transforms { TRANSFORM_NONE, TRANSFORM_OBJECTS, TRANSFORM_DISCOVERY };

static bool take_discovery(struct str kind, struct str group, struct str version, struct accept *ret)
{
	ret->as = AS_DISCOVERY;
	return str_is(kind, "APIGroupDiscoveryList") && str_is(group, "apidiscovery.k8s.io") && str_is(version, "v2");
}

static bool take_transform(const struct offer *o, struct str kind, struct str group, struct str version, struct accept *ret)
{
	if (!str_is(group, "meta.k8s.io") || (!str_is(version, "v1") && !str_is(version, "v1beta1")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(transforms); i++) {
		if (!str_is(kind, transforms[i].name))
			continue;
		ret->as = transforms[i].as;
		ret->as_version = version;
		return ret->as != AS_TABLE || o->media != MEDIA_PB;
	}
	return false;
}

/* Takes the clause's parameters; false when the offer cannot do what they ask for. */
static bool offer_takes(const struct offer *o, const struct clause *c, enum transforms transform, struct accept *ret)
{
	struct str kind = {0}, group = STR(""), version = STR("");
	*ret = (struct accept){.media = o->media};
	for (unsigned i = 0; i < c->nparams; i++) {
		struct str k = c->params[i].key, v = c->params[i].value;
		if (str_is(k, "as"))
			kind = v;
		else if (str_is(k, "g"))
			group = v;
		else if (str_is(k, "v"))
			version = v;
		else if (str_is(k, "stream") && v.n && (!o->stream || !str_is(v, "watch")))
			return false;
		else if (str_is(k, "pretty"))
			ret->pretty = str_is(v, "1");
	}
	if (!kind.n && !group.n && !version.n)
		return true;
	switch (transform) {
	case TRANSFORM_OBJECTS:
		return take_transform(o, kind, group, version, ret);
	case TRANSFORM_DISCOVERY:
		return take_discovery(kind, group, version, ret);
	default:
		return false;
	}
}

static bool choose(struct str header, enum transforms transform, bool stream, struct accept *ret)
{
	struct clauses cs;
	if (!header.n) {
		*ret = (struct accept){.media = MEDIA_JSON};
		return true;
	}
	clauses_parse(header, &cs);
	for (unsigned i = 0; i < cs.n; i++)
		for (size_t j = 0; j < ARRAY_LEN(offers); j++)
			if (offer_fits(&offers[j], &cs.v[i]) && (!stream || offers[j].stream) && offer_takes(&offers[j], &cs.v[i], transform, ret))
				return true;
	return false;
}

static bool agent_is_human(struct str ua) { return str_has_prefix(ua, STR("curl")) || str_has_prefix(ua, STR("Wget")) || str_has_prefix(ua, STR("Mozilla/5.0")); }

static bool wants_pretty(struct request *r)
{
	struct str v;
	if (query_get(r, STR("pretty"), &v))
		return v.n && bool_of_query(v);
	return agent_is_human(r->user_agent);
}

int accept_not_acceptable(bool stream, struct err *e)
{
	return err_set(e, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: %s",
		stream ? "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch" : NEGOTIATE_ROUTER_TYPES);
}

int accept_choose(struct request *r, struct err *e)
{
	if (!choose(accept_header(r), TRANSFORM_OBJECTS, false, &r->accept))
		return accept_not_acceptable(false, e);
	r->accept.pretty = r->accept.pretty || wants_pretty(r);
	return 0;
}

int accept_plain(struct request *r, struct err *e)
{
	if (!choose(accept_header(r), TRANSFORM_NONE, false, &r->accept))
		return accept_not_acceptable(false, e);
	r->accept.pretty = r->accept.pretty || wants_pretty(r);
	return 0;
}

bool accept_discovery(struct request *r) { return choose(accept_header(r), TRANSFORM_DISCOVERY, false, &r->accept) && r->accept.as == AS_DISCOVERY; }

int accept_watch(struct request *r, struct err *e)
{
	if (!choose(accept_header(r), TRANSFORM_OBJECTS, true, &r->accept))
		return accept_not_acceptable(true, e);
	r->accept.stream = true;
	return 0;
}

void accept_for_error(struct request *r, struct accept *ret, bool *ret_ok)
{
	*ret = (struct accept){0};
	*ret_ok = choose(accept_header(r), TRANSFORM_NONE, false, ret);
	ret->pretty = ret->pretty || !*ret_ok || wants_pretty(r);
}

int content_media(struct request *r, enum media *ret, struct err *e)
{
	struct str type = str_trim(req_header(r->http, STR("content-type"))), media;
	if (!type.n)
		return *ret = MEDIA_JSON, 0;
	str_cut(type, ';', &media, &(struct str){0});
	media = str_trim(media);
	for (size_t i = 0; i < ARRAY_LEN(offers); i++)
		if (str_eq_fold(media, str_of(offers[i].name)))
			return *ret = offers[i].media, 0;
	return err_set(e, ERR_UNSUPPORTED_MEDIA_TYPE, "the body of the request was in an unknown format - accepted media types include: " NEGOTIATE_ROUTER_TYPES);
}
