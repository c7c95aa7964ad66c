/* Sub-resources, and resources that are not stored, with behaviour of their own.  Sorted by group, resource, sub. */
#include "apiserver/authn_api.h"
#include "apiserver/registry/handlers.h"
#include "apiserver/strategy.h"

static const struct subresource_handler handlers[] = {
	{"", "bindings", "", binding_create},
	{"", "componentstatuses", "", componentstatus_read},
	{"", "namespaces", "finalize", namespace_finalize},
	{"", "nodes", "proxy", node_proxy},
	{"", "pods", "attach", pod_attach},
	{"", "pods", "binding", binding_create},
	{"", "pods", "ephemeralcontainers", pod_ephemeral},
	{"", "pods", "eviction", eviction_create},
	{"", "pods", "exec", pod_exec},
	{"", "pods", "log", pod_log},
	{"", "pods", "portforward", pod_portforward},
	{"", "pods", "proxy", pod_proxy},
	{"", "pods", "resize", pod_resize},
	{"", "serviceaccounts", "token", serviceaccount_token_create},
	{"", "services", "proxy", service_proxy},
	{"authentication.k8s.io", "selfsubjectreviews", "", selfsubjectreview_create},
	{"authentication.k8s.io", "tokenreviews", "", tokenreview_create},
	{"authorization.k8s.io", "localsubjectaccessreviews", "", localsubjectaccessreview_create},
	{"authorization.k8s.io", "selfsubjectaccessreviews", "", selfsubjectaccessreview_create},
	{"authorization.k8s.io", "selfsubjectrulesreviews", "", selfsubjectrulesreview_create},
	{"authorization.k8s.io", "subjectaccessreviews", "", subjectaccessreview_create},
	{"certificates.k8s.io", "certificatesigningrequests", "approval", csr_approval},
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
