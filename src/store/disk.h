/* Private: what an engine does to a simulated disk.  generation is the one that the engine saw when it opened: after a crash its calls fail. */
#pragma once
#include "store/kv.h"

uint64_t disk_generation(const struct kv_disk *d);
const struct kv_disk_faults *disk_faults(const struct kv_disk *d);
/* What is on it now, as the running system sees it. */
struct str disk_view(const struct kv_disk *d);
int disk_write(struct kv_disk *d, uint64_t generation, uint64_t off, struct str bytes) must_check;
int disk_sync(struct kv_disk *d, uint64_t generation) must_check;
nsec_t disk_delay(struct kv_disk *d); /* of the next sync */
