/* Rules for names, labels and other short texts, with upstream's messages (k8s.io/apimachinery util/validation).
 *
 * Each check returns what is wrong with s: {0} when nothing is.  The messages are static. */
#pragma once
#include "base/str.h"

#define NAME_DNS1123_LABEL_MAX 63     /* RFC 1123 */
#define NAME_DNS1123_SUBDOMAIN_MAX 253
#define NAME_DNS1035_LABEL_MAX 63     /* RFC 1035 */
#define NAME_QUALIFIED_MAX 63         /* the part behind the slash */
#define NAME_LABEL_VALUE_MAX 63
#define NAME_PORT_MAX 15              /* RFC 6335 */
#define NAME_WRONG_MAX 6

struct wrong {
	const char *v[NAME_WRONG_MAX];
	unsigned n;
};
struct wrong name_dns1123_label(struct str s);
struct wrong name_dns1123_subdomain(struct str s);
/* As the subdomain, upper case and underscores included (names of DNS search paths and the like). */
struct wrong name_dns1123_subdomain_with_underscore(struct str s);
struct wrong name_dns1035_label(struct str s);
struct wrong name_wildcard_dns1123_subdomain(struct str s);
/* [prefix/]name: label keys, annotations, resource names, finalizers, taints. */
struct wrong name_qualified(struct str s);
struct wrong name_label_value(struct str s);
/* Names as generated parts of a path: no '/', '%', not "." or "..". */
struct wrong name_path_segment(struct str s);
struct wrong name_config_map_key(struct str s);
struct wrong name_env(struct str s);          /* relaxed: printable ASCII without '=' */
struct wrong name_c_identifier(struct str s);
struct wrong name_port(struct str s);         /* IANA service name */
struct wrong name_http_header(struct str s);
struct wrong name_port_number(int64_t port);
/* With a prefix (domain/path) required, for example finalizers and signer names. */
struct wrong name_domain_prefixed_path(struct str s);

/* The messages joined: "a; b". */
struct arena;
struct str wrong_join(struct arena *a, struct wrong w);
/* generateName + suffix: the base is cut so that the name keeps within 63 characters; rnd are at least 5 random bytes. */
#define NAME_SUFFIX 5
struct str name_generate(struct arena *a, struct str base, const uint8_t rnd[NAME_SUFFIX]);
