/* Private to kubectl: connections that become streams: exec, attach, port-forward. */
#pragma once
#include "kubectl/ctl.h"
#include "net/stream.h"

/* WebSocket first, SPDY when that is refused.  A refusal reads as upstream tells it. */
struct stream_conn *upgrade_open(struct ctl *c, struct str path, const struct stream_want *w, struct err *e);
