/* rt: loops, fibers, timers, channels, cancellation, jobs on worker threads; real and simulated.
 * Floor 1.  Headers: loop.h (runtime, loops, timers, fd events, posts), fiber.h (fibers, scopes, waiting), chan.h, io.h (blocking calls for
 * fibers), job.h, sim.h.  Time, randomness and threads are reached only through here, so that everything above runs simulated. */
#pragma once
