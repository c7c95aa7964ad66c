/* Which strategy a kind has.  To add one: its row here, in order of group, then resource; kinds without a row get the generic one. */
#include "apiserver/server.h"
#include "apiserver/strategy.h"

static const struct strategy generic = {0};

static const struct strategy *const strategies[] = {
	&generic, /* until there are others */
};

const struct strategy *strategy_of(struct str group, struct str resource)
{
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++) {
		const struct strategy *s = strategies[i];
		if (s->group && str_is(group, s->group) && str_is(resource, s->resource))
			return s;
	}
	return &generic;
}

const struct server_part registry_part = {0};
