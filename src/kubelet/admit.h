/* Private to kubelet: whether a Pod may run here. */
#pragma once
#include "kubelet/node.h"

/* Marks the Pod failed and rejected when it may not; looks once, before the first sandbox. */
void admit(struct pod *p);
bool admit_sysctl_safe(struct str name); /* allowed without configuration */
