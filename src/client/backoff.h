/* Growing pauses between attempts, with jitter: as upstream's ExponentialBackoffManager (factor 2).  Random numbers and time come from rt. */
#pragma once
#include "base/clock.h"

struct backoff {
	nsec_t min, max;   /* the first pause and the longest, before jitter */
	nsec_t reset;      /* so long without a failure: begin at min again; 0: only backoff_reset does */
	int jitter_percent; /* a pause is lengthened by up to so much */
	nsec_t next;       /* private */
	mono_t last;       /* private */
};
/* How long to wait now. */
nsec_t backoff_next(struct backoff *b);
void backoff_reset(struct backoff *b);
/* base lengthened by up to percent of itself. */
nsec_t backoff_jitter(nsec_t base, int percent);
