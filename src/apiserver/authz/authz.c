/* The chain of authorizers: the superuser group, then the modes of --authorization-mode in their order. */
#include "apiserver/authz.h"

#include "apiserver/authz/node.h"
#include "apiserver/authz/rbac.h"

#include <stdlib.h>

#define MODES_MAX 4
typedef enum decision (*mode_fn)(struct server *s, const struct attrs *at, struct buf *reason);
struct authz {
	struct rbac *rbac;
	mode_fn modes[MODES_MAX];
	size_t n;
};

static struct authz *state_of(struct server *s)
{
	return server_part(s, PART_AUTHZ);
}

static enum decision always_allow(struct server *s, const struct attrs *at, struct buf *reason)
{
	return DECISION_ALLOW;
}

static enum decision always_deny(struct server *s, const struct attrs *at, struct buf *reason)
{
	if (reason)
		buf_lit(reason, "Everything is forbidden.");
	return DECISION_NO_OPINION;
}

static enum decision by_rbac(struct server *s, const struct attrs *at, struct buf *reason)
{
	return rbac_decide(state_of(s)->rbac, at, reason);
}

static const struct {
	const char *name;
	mode_fn fn;
} modes[] = {{"AlwaysAllow", always_allow}, {"AlwaysDeny", always_deny}, {"Node", node_decide}, {"RBAC", by_rbac}};

enum decision authz_decide(struct server *s, const struct attrs *at, struct buf *reason)
{
	const struct authz *a = state_of(s);
	if (user_in_group(at->user, STR("system:masters")))
		return DECISION_ALLOW;
	for (size_t i = 0; i < a->n; i++) {
		BUF(why);
		enum decision d = a->modes[i](s, at, reason ? &why : NULL);
		if (reason && d != DECISION_NO_OPINION)
			buf_clear(reason); /* who decides explains it alone */
		if (why.n)
			buf_printf(reason, "%s%.*s", reason->n ? "\n" : "", STR_F(buf_view(&why)));
		if (d != DECISION_NO_OPINION)
			return d;
	}
	return DECISION_NO_OPINION;
}

struct rbac *authz_rbac(struct server *s)
{
	return state_of(s)->rbac;
}

static int add_mode(struct authz *a, struct str name, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (str_is(name, modes[i].name) && a->n < MODES_MAX) {
			a->modes[a->n++] = modes[i].fn;
			return 0;
		}
	return err_set(e, ERR_BAD_REQUEST, "--authorization-mode: \"%.*s\" is not a mode; use AlwaysAllow, AlwaysDeny, Node or RBAC", STR_F(name));
}

static void authz_stop(struct server *s, void *state)
{
	struct authz *a = state;
	rbac_free(a->rbac);
	free(a);
}

static int authz_start(struct server *s, void **ret_state, struct err *e)
{
	struct authz *a = calloc(1, sizeof *a);
	struct str list = server_options(s)->authorization_modes;
	if (!a || !(a->rbac = rbac_new(s))) {
		free(a);
		return err_nomem(e, sizeof *a);
	}
	if (!list.n)
		list = STR("Node,RBAC"); /* never open by default */
	for (struct str name; str_next(&list, ',', &name);)
		if (add_mode(a, name, e) < 0) {
			authz_stop(s, a);
			return -1;
		}
	*ret_state = a;
	return 0;
}

const struct server_part authz_part = {.start = authz_start, .stop = authz_stop};
