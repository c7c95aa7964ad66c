/* How long to leave alone what keeps failing: 10 s after the second failure, doubled up to the maximum, forgotten after twice the maximum. */
#pragma once
#include "base/clock.h"
#include <stdbool.h>

struct pause {
	nsec_t span;
	mono_t updated;
	bool set;
};
/* What failed at `when`, how long from now on it is to be left alone; 0: try at once. */
nsec_t pause_left(const struct pause *p, mono_t when, mono_t now, nsec_t max);
/* Counts one more attempt after a failure at `when`. */
void pause_next(struct pause *p, mono_t when, mono_t now, nsec_t first, nsec_t max);
