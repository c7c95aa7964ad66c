/* schema: descriptors of every type, generated from schema/*.jsonl by tools/gen; reflection over typed and dynamic objects.
 * Floor 2.  Headers: desc.h (types, fields, resources, tables of facts), reflect.h (reading and writing through descriptors),
 * value.h (dynamic values), types.h (the C forms of the special scalars).  Generated: gen/PACKAGE.h with the C structs. */
#pragma once
