/* Sub-resources, and resources that are not stored, with behaviour of their own.  Sorted by group, resource, sub. */
#include "apiserver/authn_api.h"
#include "apiserver/strategy.h"

static const struct subresource_handler handlers[] = {
	{"", "serviceaccounts", "token", serviceaccount_token_create},
	{"authentication.k8s.io", "selfsubjectreviews", "", selfsubjectreview_create},
	{"authentication.k8s.io", "tokenreviews", "", tokenreview_create},
};

static int order(const struct subresource_handler *h, struct str group, struct str resource, struct str sub)
{
	int c = str_cmp(str_of(h->group), group);
	if (!c)
		c = str_cmp(str_of(h->resource), resource);
	return c ? c : str_cmp(str_of(h->sub), sub);
}

const struct subresource_handler *subresource_handler(struct str group, struct str resource, struct str sub)
{
	size_t lo = 0, hi = ARRAY_LEN(handlers);
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = order(&handlers[mid], group, resource, sub);
		if (c == 0)
			return &handlers[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
