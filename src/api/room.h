/* api: helpers on typed objects: names, selectors, addresses, owner references, conditions, Pods, nodes, template hashes, conversions.
 * Floor 4.  Headers: name.h selector.h ip.h meta.h condition.h amount.h pod.h node.h hash.h convert.h.
 * To add a helper: put it with the noun that it reads; anything that needs a client or a clock of its own belongs to a higher room.
 * All of it is pure: no state, any thread; what is allocated comes from the caller's arena. */
#pragma once
