/* What validation asks about Services. */
#pragma once
#include "gen/core_v1.h"
bool service_headless(const struct core_v1_ServiceSpec *s);
