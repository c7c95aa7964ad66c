/* Selectors in access reviews: given raw or as requirements. */
#pragma once
#include "apiserver/request.h"

struct authorization_v1_ResourceAttributes;
/* Causes of what is wrong with their form; res may be NULL. */
void review_selectors_check(struct request *r, const struct authorization_v1_ResourceAttributes *res, struct err *e);
/* The field selector into *at.  What cannot be read is left out, and said in evaluation_error. */
void review_selectors_read(struct request *r, const struct authorization_v1_ResourceAttributes *res, struct attrs *at, struct buf *evaluation_error);
