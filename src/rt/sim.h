/* The simulated runtime: all loops on one thread, virtual clocks, seeded order of everything that is ready at the same time.
 *
 * Same code, same seed: same run.  The trace hash proves it.  A loop crash is loop_free + a new loop by the test. */
#pragma once
#include "rt/fiber.h"

struct sim_opts {
	uint64_t seed;
	wall_t wall_start; /* 0: 2026-01-01T00:00:00Z */
	nsec_t post_delay_max; /* posts between loops take a random time up to this; order per sender is kept */
	nsec_t job_delay_max;
};
struct rt *sim_new(const struct sim_opts *o);
/* Runs until no loop has anything to do before `until` (virtual), or done(arg) says so after a turn.  Returns the virtual time. */
mono_t sim_run(struct rt *rt, mono_t until, bool (*done)(void *arg), void *arg);
/* Jumps the wall clock (not the monotonic one). */
void sim_wall_jump(struct rt *rt, nsec_t by);
/* Random numbers of the simulation for the test's own faults. */
uint64_t sim_random(struct rt *rt);
/* Folds an observation into the trace hash; the runtime folds every scheduling step itself. */
void sim_trace(struct rt *rt, const char *what, uint64_t v);
uint64_t sim_trace_hash(const struct rt *rt);
