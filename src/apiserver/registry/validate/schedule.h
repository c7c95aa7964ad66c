/* Schedules of CronJobs. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* What is wrong with "*\/5 * * * *", "@hourly", "@every 1h"; absent: nothing. */
struct str schedule_wrong(struct arena *a, struct str schedule);
/* Whether the system's database of time zones has it. */
bool schedule_zone_known(struct str zone);
