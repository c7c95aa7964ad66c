/* store: revisions, history, watch and leases over a tiny ordered-KV seam.
 * Floor 5.  Headers: store.h (what the API server calls; one ops table for every engine), kv.h (the seam beneath the embedded engine:
 * LMDB, or memory with injected faults). */
#pragma once
