/* Events about objects: aggregated and rate-limited per source as upstream's recorder (same key within 10 minutes raises count). */
#pragma once
#include "client/transport.h"
struct recorder;
struct recorder *recorder_new(struct transport *t, struct scope *s, const char *component, struct str host);
void recorder_free(struct recorder *r);
struct core_v1_ObjectReference;
/* Does not wait: queued (256 at most, then dropped) and written by a fiber of its own. type is "Normal" or "Warning". */
void recorder_event(struct recorder *r, const struct core_v1_ObjectReference *about, const char *type, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Fills a reference to a typed object (kind, namespace, name, uid, apiVersion, resourceVersion); strings are shared. */
void recorder_ref(struct ref obj, struct core_v1_ObjectReference *ret);
