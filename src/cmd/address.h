/* Addresses of this machine that flags leave open. */
#pragma once
#include "base/arena.h"

/* --advertise-address when it is not given: the address listened on if others can reach it, else the machine's; "" when it has none but loopback. */
struct str address_advertised(struct arena *a, struct str bind_address);
