/* schema: descriptors of every type, generated from the data in schema/ by tools/gen; reflection over typed and dynamic objects.
 * Floor 2.  Headers: desc.h (types, fields, resources, tables of facts), reflect.h (reading and writing through descriptors),
 * value.h (dynamic values), quantity.h (resource amounts), metric.h (counters and their text), types.h (the C forms of the special scalars).  Private: tables.h.  Generated: gen/PACKAGE.h with the C structs,
 * gen/ids.h with the numbers of types, gen/metrics.h with those of metrics. */
#pragma once
