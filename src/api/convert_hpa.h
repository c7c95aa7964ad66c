/* Private to api: HorizontalPodAutoscaler v1 and v2 (names have gone over already). */
#pragma once
#include "base/arena.h"
void hpa_v1_to_v2(struct arena *a, const void *v1, void *v2);
void hpa_v2_to_v1(struct arena *a, const void *v2, void *v1);
