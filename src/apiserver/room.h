/* apiserver: the Kubernetes API over the store.  Floor 7.
 *
 *   bytes -> codec -> object -> strategy -> store -> cache -> watchers and informers
 *
 * Folders: registry/ (one file per kind: its strategy), cache/, endpoint/ (verbs, watch, tables, patches), authn/ authz/ admission/ flow/ discovery/
 * bootstrap/.  Headers: object.h cache.h request.h strategy.h server.h identity.h authn.h authz.h admission.h flow.h discovery.h metrics.h.
 *
 * To add a kind with behaviour of its own: one file in registry/ with a `const struct strategy`, and its row in registry/table.c. */
#pragma once
