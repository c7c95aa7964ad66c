#include "cmd/test_link.h"
#include "base/log.h"
#include "rt/sim.h"
#include <errno.h>
#include <stdlib.h>

#define POLL (500 * NS_MS) /* how soon an open watch notices that its wire is cut */

struct link_watch {
	struct watch base;
	struct link *link;
	struct watch *inner;
	bool inside, cut;
	struct list node;
};

void uplink_init(struct uplink *u, struct rt *rt)
{
	*u = (struct uplink){.rt = rt};
	list_init(&u->links);
	list_init(&u->watches);
	cond_init(&u->quiet);
}

static int broken(struct err *e, const char *why)
{
	return err_set(e, ERR_SERVICE_UNAVAILABLE, "%s", why);
}

static bool lost(struct link *l)
{
	return l->lost_pct && sim_random(l->up->rt) % 200 < l->lost_pct;
}

/* The way there. */
static int before(struct link *l, struct err *e)
{
	int rc = l->delay_max ? fiber_sleep((nsec_t)(sim_random(l->up->rt) % (uint64_t)l->delay_max)) : 0;
	if (rc)
		return err_sys(e, rc, "call");
	if (!l->up->server)
		return broken(e, "connection refused");
	return l->cut || lost(l) ? broken(e, "no route to host") : 0;
}

static int link_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct link *l = (struct link *)t;
	struct uplink *u = l->up;
	if (before(l, e))
		return -1;
	u->busy++;
	int rc = transport_call(u->server, c, a, ret, e);
	u->busy--;
	cond_wake_all(&u->quiet);
	if (!l->cut && u->server && !lost(l))
		return rc;
	if (rc)
		err_fini(e);
	return broken(e, "connection reset by peer");
}

static struct watch *link_watch_open(struct transport *t, const struct call *c, struct err *e)
{
	struct link *l = (struct link *)t;
	if (before(l, e))
		return NULL;
	l->up->busy++;
	struct watch *inner = transport_watch(l->up->server, c, e);
	l->up->busy--;
	cond_wake_all(&l->up->quiet);
	if (!inner)
		return NULL;
	struct link_watch *w = calloc(1, sizeof *w);
	invariant(w);
	*w = (struct link_watch){.base.ops = t->ops, .link = l, .inner = inner, .cut = !l->up->server};
	list_push(&l->up->watches, &w->node);
	return &w->base;
}

static void hang_up(struct link_watch *w)
{
	watch_close(STEAL(w->inner));
	cond_wake_all(&w->link->up->quiet);
}

static int ended(struct link_watch *w, struct watch_event *ev, int rc, struct err *e)
{
	if (rc == 0)
		blob_unref(ev->pb);
	err_fini(e);
	hang_up(w);
	return broken(e, "unexpected EOF");
}

static int link_watch_next(struct watch *base, struct watch_event *ret, mono_t deadline, struct err *e)
{
	struct link_watch *w = (struct link_watch *)base;
	for (;;) {
		if (w->cut || !w->inner)
			return ended(w, NULL, -1, e);
		ERR(why);
		mono_t slice = rt_now() + POLL < deadline ? rt_now() + POLL : deadline;
		w->inside = true;
		int rc = watch_next(w->inner, ret, slice, &why);
		w->inside = false;
		if (w->cut || w->link->cut)
			return ended(w, ret, rc, e);
		if (rc < 0 && abs(why.sys) == ETIME && slice < deadline)
			continue;
		if (rc < 0)
			err_move(e, &why);
		return rc;
	}
}

static void link_watch_close(struct watch *base)
{
	struct link_watch *w = (struct link_watch *)base;
	list_remove(&w->node);
	hang_up(w);
	free(w);
}

static void nothing(struct transport *t) {}

static const struct transport_ops ops = {link_call, link_watch_open, link_watch_next, link_watch_close, nothing};

void link_init(struct link *l, struct uplink *u)
{
	*l = (struct link){.base.ops = &ops, .up = u, .id = u->made++};
	list_push(&u->links, &l->node);
}

void uplink_cut_watches(struct uplink *u)
{
	struct link_watch *w;
	list_each(w, &u->watches, node)
	{
		w->cut = true;
		if (!w->inside && w->inner)
			watch_close(STEAL(w->inner));
	}
}

static bool is_quiet(const struct uplink *u)
{
	struct link_watch *w;
	bool open = false;
	list_each(w, &u->watches, node)
		open |= w->inner != NULL;
	return !open && u->busy == 0;
}

void uplink_down(struct uplink *u)
{
	u->server = NULL;
	for (uplink_cut_watches(u); !is_quiet(u); uplink_cut_watches(u)) /* again: one may have been about to open */
		if (cond_wait(&u->quiet, rt_now() + POLL) == -ECANCELED)
			break;
}
