/* codec: JSON, YAML and protobuf over descriptors; copy, equality, defaults, field paths and sets, the patches, server-side apply.
 * Floor 3.  Headers: json.h pb.h yaml.h ops.h defaults.h patch.h fieldset.h managed.h.
 * Private: scan.h out.h list.h scalar.h utf8.h yaml_scalar.h.
 * Every decoder takes foreign bytes: limits are named, deep nesting and size are bounded, each has a fuzz target. */
#pragma once
