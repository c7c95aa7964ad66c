/* Flow control: which FlowSchema a request falls under, and so which priority level.
 *
 * Each request loop has its own picture of the FlowSchemas, in the order of their precedence, made anew on the first request after a change.
 * Requests are told apart and counted; all levels but the exempt one share one limit, and none is queued. */
#pragma once
#include "apiserver/request.h"
#include "base/buf.h"

/* Classifies, counts, and tells the client by headers.  False: as many requests run as may (--max-requests-inflight and the like for writing ones,
 * together); the exempt level and long-running requests are not held to that. */
bool flow_enter(struct request *r) must_check;
void flow_leave(struct request *r);
/* A line for each priority level with what it has done. */
void flow_dump_levels(struct server *s, struct buf *out);
