#include "api/name.h"
#include "base/arena.h"

#define FMT_LABEL "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define FMT_SUBDOMAIN FMT_LABEL "(\\." FMT_LABEL ")*"
#define FMT_UNDERSCORE "[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?"
#define FMT_1035 "[a-z]([-a-z0-9]*[a-z0-9])?"
#define FMT_QUALIFIED "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define REGEX(fmt) "regex used for validation is '" fmt "')"

#define MSG_LABEL \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " \
	"(e.g. 'my-name',  or '123-abc', " REGEX(FMT_LABEL)
#define MSG_SUBDOMAIN \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric " \
	"character (e.g. 'example.com', " REGEX(FMT_SUBDOMAIN)
#define MSG_QUALIFIED \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or " \
	"'my.name',  or '123-abc', " REGEX(FMT_QUALIFIED)

static void say(struct wrong *w, const char *what)
{
	if (w->n < NAME_WRONG_MAX)
		w->v[w->n++] = what;
}

static bool lower(char c) { return c >= 'a' && c <= 'z'; }
static bool upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool digit(char c) { return c >= '0' && c <= '9'; }
static bool alnum(char c) { return lower(c) || upper(c) || digit(c); }
static bool lower_alnum(char c) { return lower(c) || digit(c); }
static bool underscored(char c) { return alnum(c) || c == '_'; }

/* [ends]([ends inner]*[ends])? */
static bool shaped(struct str s, bool (*end)(char), const char *inner)
{
	if (!s.n || !end(s.p[0]) || !end(s.p[s.n - 1]))
		return false;
	for (size_t i = 1; i + 1 < s.n; i++)
		if (!end(s.p[i]) && !(s.p[i] && strchr(inner, s.p[i])))
			return false;
	return true;
}

static bool dotted(struct str s, bool (*end)(char))
{
	struct str piece;
	bool any = false;
	while (str_next(&s, '.', &piece)) {
		any = true;
		if (!shaped(piece, end, "-"))
			return false;
	}
	return any;
}

static bool is_label(struct str s) { return shaped(s, lower_alnum, "-"); }
static bool is_subdomain(struct str s) { return s.n && s.p[s.n - 1] != '.' && dotted(s, lower_alnum); }
static bool is_qualified_part(struct str s) { return shaped(s, alnum, "-_."); }

struct wrong name_dns1123_label(struct str s)
{
	struct wrong w = {0};
	if (s.n > NAME_DNS1123_LABEL_MAX)
		say(&w, "must be no more than 63 characters");
	if (!is_label(s))
		say(&w, is_subdomain(s) ? "must not contain dots" : MSG_LABEL);
	return w;
}

struct wrong name_dns1123_subdomain(struct str s)
{
	struct wrong w = {0};
	if (s.n > NAME_DNS1123_SUBDOMAIN_MAX)
		say(&w, "must be no more than 253 characters");
	if (!is_subdomain(s))
		say(&w, MSG_SUBDOMAIN);
	return w;
}

struct wrong name_dns1123_subdomain_with_underscore(struct str s)
{
	struct wrong w = {0};
	if (s.n > NAME_DNS1123_SUBDOMAIN_MAX)
		say(&w, "must be no more than 253 characters");
	if (!s.n || s.p[s.n - 1] == '.' || !dotted(s, underscored))
		say(&w, "a subdomain must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
			"'example.com', " REGEX(FMT_UNDERSCORE "(\\." FMT_UNDERSCORE ")*"));
	return w;
}

struct wrong name_dns1035_label(struct str s)
{
	struct wrong w = {0};
	if (s.n > NAME_DNS1035_LABEL_MAX)
		say(&w, "must be no more than 63 characters");
	if (!is_label(s) || !lower(s.p[0]))
		say(&w, "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
			"alphanumeric character (e.g. 'my-name',  or 'abc-123', " REGEX(FMT_1035));
	return w;
}

struct wrong name_wildcard_dns1123_subdomain(struct str s)
{
	struct wrong w = {0};
	if (!str_has_prefix(s, STR("*.")) || !is_subdomain(str_sub(s, 2, s.n)))
		say(&w, "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric "
			"characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', " REGEX("\\*\\." FMT_SUBDOMAIN));
	return w;
}

static void say_prefix(struct wrong *w, struct str prefix)
{
	if (!prefix.n)
		say(w, "prefix part must be non-empty");
	if (prefix.n > NAME_DNS1123_SUBDOMAIN_MAX)
		say(w, "prefix part must be no more than 253 characters");
	if (prefix.n && !is_subdomain(prefix))
		say(w, "prefix part " MSG_SUBDOMAIN);
}

struct wrong name_qualified(struct str s)
{
	struct wrong w = {0};
	struct str prefix, name;
	if (str_cut(s, '/', &prefix, &name)) {
		if (str_index(name, '/', 0) >= 0) {
			say(&w, "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
				"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '" FMT_QUALIFIED
				"') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
			return w;
		}
		say_prefix(&w, prefix);
	} else {
		name = s;
	}
	if (!name.n)
		say(&w, "name part must be non-empty");
	else if (name.n > NAME_QUALIFIED_MAX)
		say(&w, "name part must be no more than 63 characters");
	if (!is_qualified_part(name))
		say(&w, "name part " MSG_QUALIFIED);
	return w;
}

struct wrong name_label_value(struct str s)
{
	struct wrong w = {0};
	if (s.n > NAME_LABEL_VALUE_MAX)
		say(&w, "must be no more than 63 characters");
	if (s.n && !is_qualified_part(s))
		say(&w, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
			"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', " REGEX("(" FMT_QUALIFIED ")?"));
	return w;
}

struct wrong name_path_segment(struct str s)
{
	struct wrong w = {0};
	if (str_is(s, "."))
		say(&w, "may not be '.'");
	if (str_is(s, ".."))
		say(&w, "may not be '..'");
	if (str_index(s, '/', 0) >= 0)
		say(&w, "may not contain '/'");
	if (str_index(s, '%', 0) >= 0)
		say(&w, "may not contain '%'");
	return w;
}

static bool all_of(struct str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && !(s.p[i] && strchr(more, s.p[i])))
			return false;
	return s.n > 0;
}

struct wrong name_config_map_key(struct str s)
{
	struct wrong w = {0};
	if (s.n > NAME_DNS1123_SUBDOMAIN_MAX)
		say(&w, "must be no more than 253 characters");
	if (!all_of(s, "-._"))
		say(&w, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
			REGEX("[-._a-zA-Z0-9]+"));
	if (str_is(s, "."))
		say(&w, "must not be '.'");
	if (str_is(s, ".."))
		say(&w, "must not be '..'");
	else if (str_has_prefix(s, STR("..")))
		say(&w, "must not start with '..'");
	return w;
}

struct wrong name_env(struct str s)
{
	struct wrong w = {0};
	bool ok = s.n > 0;
	for (size_t i = 0; ok && i < s.n; i++)
		ok = s.p[i] >= ' ' && s.p[i] <= '~' && s.p[i] != '=';
	if (!s.n)
		say(&w, "environment variable name must be non-empty");
	else if (!ok)
		say(&w, "a valid environment variable name must consist only of printable ASCII characters other than '='");
	return w;
}

struct wrong name_c_identifier(struct str s)
{
	struct wrong w = {0};
	if (!all_of(s, "_") || digit(s.p[0]))
		say(&w, "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. "
			"'my_name',  or 'MY_NAME',  or 'MyName', " REGEX("[A-Za-z_][A-Za-z0-9_]*"));
	return w;
}

struct wrong name_port(struct str s)
{
	struct wrong w = {0};
	bool letter = false, charset = true;
	for (size_t i = 0; i < s.n; i++) {
		letter |= lower(s.p[i]);
		charset &= lower_alnum(s.p[i]) || s.p[i] == '-';
	}
	if (s.n > NAME_PORT_MAX)
		say(&w, "must be no more than 15 characters");
	if (!charset || !s.n)
		say(&w, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
	if (!letter)
		say(&w, "must contain at least one letter (a-z)");
	if (str_find(s, STR("--")) >= 0)
		say(&w, "must not contain consecutive hyphens");
	if (s.n && (s.p[0] == '-' || s.p[s.n - 1] == '-'))
		say(&w, "must not begin or end with a hyphen");
	return w;
}

struct wrong name_http_header(struct str s)
{
	struct wrong w = {0};
	if (!all_of(s, "-"))
		say(&w, "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', " REGEX("[-A-Za-z0-9]+"));
	return w;
}

struct wrong name_port_number(int64_t port)
{
	struct wrong w = {0};
	if (port < 1 || port > 65535)
		say(&w, "must be between 1 and 65535, inclusive");
	return w;
}

struct wrong name_domain_prefixed_path(struct str s)
{
	struct wrong w = {0};
	struct str host, path;
	if (!s.n)
		return say(&w, "must not be empty"), w;
	if (!str_cut(s, '/', &host, &path) || !host.n || !path.n) {
		say(&w, "must be a domain-prefixed path (such as \"acme.io/foo\")");
		return w;
	}
	if (!is_subdomain(host))
		say(&w, "prefix part " MSG_SUBDOMAIN);
	return w;
}

struct str wrong_join(struct arena *a, struct wrong w)
{
	struct str v[NAME_WRONG_MAX];
	for (unsigned i = 0; i < w.n; i++)
		v[i] = str_of(w.v[i]);
	return str_join(a, v, w.n, STR("; "));
}

struct str name_generate(struct arena *a, struct str base, const uint8_t rnd[NAME_SUFFIX])
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789"; /* no vowels and nothing that looks alike, as upstream */
	struct str head = str_sub(base, 0, NAME_DNS1123_LABEL_MAX - NAME_SUFFIX);
	char *p = arena_text(a, head.n + NAME_SUFFIX);
	if (head.n)
		memcpy(p, head.p, head.n);
	for (int i = 0; i < NAME_SUFFIX; i++)
		p[head.n + (size_t)i] = alphabet[rnd[i] % (sizeof alphabet - 1)];
	return (struct str){p, head.n + NAME_SUFFIX};
}
