/* Who calls the kubelet, and whether they may: client certificates and token reviews, then SubjectAccessReviews on nodes/SUBRESOURCE; answers are
 * remembered for a while. */
#pragma once
#include "kubelet/impl.h"
#include "client/reviews.h"

/* Waits.  0: go on; else the status to answer with (401, 403, 500) and its text, in the request's arena. */
int auth_check(struct kubelet *k, struct http_req *q, struct str *ret_text);
