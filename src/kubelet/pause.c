#include "kubelet/pause.h"

static bool expired(const struct pause *p, mono_t when, nsec_t max) { return when - p->updated > 2 * max; }

nsec_t pause_left(const struct pause *p, mono_t when, mono_t now, nsec_t max)
{
	if (!p->set || expired(p, when, max))
		return 0;
	if (when > now) /* by a clock that was set back since */
		when = now;
	nsec_t left = when + p->span - now;
	return left > 0 ? left : 0;
}

void pause_next(struct pause *p, mono_t when, mono_t now, nsec_t first, nsec_t max)
{
	if (!p->set || expired(p, when, max))
		p->span = first;
	else
		p->span = p->span * 2 < max ? p->span * 2 : max;
	p->set = true;
	p->updated = now;
}
