/* RBAC: who may do what, worked out of the four kinds of rbac.authorization.k8s.io.
 *
 * Each request loop has an index of its own, by subject, rebuilt on the first question after a change (cursors on the four tables say when). */
#pragma once
#include "apiserver/authz.h"
#include "apiserver/server.h"
#include "gen/rbac_v1.h"

struct rbac;
struct rbac *authz_rbac(struct server *s); /* of the running chain */
struct rbac *rbac_new(struct server *s);
void rbac_free(struct rbac *r);
/* Why: the first rule that allows, as upstream words it; or the bindings of the user whose role is missing. */
enum decision rbac_decide(struct rbac *r, const struct attrs *at, struct buf *reason);
/* Calls fn for each rule that applies to the user in the namespace ("": cluster-wide ones only), until it returns false.  The rules are the index's: they are gone when the fiber has waited. */
void rbac_each_rule(struct rbac *r, const struct user *u, struct str ns, bool (*fn)(void *arg, const struct rbac_v1_PolicyRule *rule), void *arg);
/* The same for the rules that the user has in any namespace. */
void rbac_each_rule_anywhere(struct rbac *r, const struct user *u, bool (*fn)(void *arg, const struct rbac_v1_PolicyRule *rule), void *arg);
bool rbac_rule_allows(const struct rbac_v1_PolicyRule *rule, const struct attrs *at);
