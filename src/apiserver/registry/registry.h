/* Private to registry/: the strategies, and what they share.
 *
 *   table.c           the table of strategies            subresources.c   the table of sub-resources and reviews
 *   KIND.c            a kind's (or a family's) strategy  cells_*.c        table rows
 *   ip_alloc.c        cluster IPs and node ports         validate/        the rules
 * To add a kind: its `const struct strategy` in KIND.c, declared here, and its row in table.c. */
#pragma once
#include "api/meta.h"
#include "apiserver/cache.h"
#include "apiserver/server.h"
#include "apiserver/strategy.h"
#include "base/buf.h"

#define STRATEGY(name) extern const struct strategy name##_strategy
STRATEGY(mutating_policy); STRATEGY(mutating_policy_binding); STRATEGY(mutating_webhooks); STRATEGY(validating_policy); STRATEGY(validating_policy_binding);
STRATEGY(validating_webhooks); STRATEGY(apiservice); STRATEGY(crd); STRATEGY(controllerrevision); STRATEGY(daemonset); STRATEGY(deployment);
STRATEGY(replicaset); STRATEGY(statefulset); STRATEGY(hpa); STRATEGY(scale); STRATEGY(cronjob); STRATEGY(job); STRATEGY(csr); STRATEGY(lease); STRATEGY(configmap); STRATEGY(componentstatus);
STRATEGY(endpoints); STRATEGY(event); STRATEGY(limitrange); STRATEGY(namespace); STRATEGY(node); STRATEGY(pvc); STRATEGY(pv); STRATEGY(pod);
STRATEGY(podtemplate); STRATEGY(rc); STRATEGY(quota); STRATEGY(secret); STRATEGY(serviceaccount); STRATEGY(service); STRATEGY(endpointslice);
STRATEGY(flowschema); STRATEGY(prioritylevel); STRATEGY(ingressclass); STRATEGY(ingress); STRATEGY(ipaddress); STRATEGY(networkpolicy);
STRATEGY(servicecidr); STRATEGY(runtimeclass); STRATEGY(pdb); STRATEGY(clusterrolebinding); STRATEGY(clusterrole); STRATEGY(rolebinding); STRATEGY(role);
STRATEGY(deviceclass); STRATEGY(resourceclaim); STRATEGY(resourceclaimtemplate); STRATEGY(resourceslice); STRATEGY(priorityclass); STRATEGY(csidriver);
STRATEGY(csinode); STRATEGY(csistoragecapacity); STRATEGY(storageclass); STRATEGY(volumeattachment); STRATEGY(volumeattributesclass);
#undef STRATEGY

/* Whether the condition of a metadata map differs: annotations of Deployments, labels of EndpointSlices raise the generation. */
bool str_map_equal(const struct str_map *a, const struct str_map *b);
/* As the number of a strategy's update: old's generation, one more when `changed`. */
void generation_after(struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, bool changed);

/* ip_alloc.c: state of PART_REGISTRY. */
struct registry_state;
int service_allocate(struct request *r, void *obj, const void *old, struct err *e);
void service_release(struct request *r, const void *obj, const void *old);
