#include "controllers/controller.h"

const struct controller controllers[] = {
	{"clusterrole-aggregation-controller", false, clusterrole_aggregation_start, "clusterrole-aggregation-controller", NULL, "clusterrole-aggregation"},
	{"deployment-controller", false, deployment_start, "deployment-controller", NULL, "deployment"},
	{"endpoints-controller", false, endpoints_start, "endpoint-controller", "endpoint-controller", "endpoint"},
	{"endpointslice-controller", false, endpointslice_start, "endpointslice-controller", "endpoint-slice-controller", "endpointslice"},
	{"garbage-collector-controller", false, garbage_start, "generic-garbage-collector", NULL, "garbagecollector"},
	{"namespace-controller", false, namespace_start, "namespace-controller", NULL, "namespace"},
	{"node-ipam-controller", false, node_ipam_start, "node-controller", "cidrAllocator", "nodeipam"},
	{"node-lifecycle-controller", false, node_lifecycle_start, "node-controller", "node-controller", "nodelifecycle"},
	{"replicaset-controller", false, replicaset_start, "replicaset-controller", NULL, "replicaset"},
	{"root-ca-certificate-publisher-controller", false, root_ca_start, "root-ca-cert-publisher", NULL, "root-ca-cert-publisher"},
	{"serviceaccount-controller", false, serviceaccount_start, "service-account-controller", NULL, "serviceaccount"},
	{"taint-eviction-controller", false, taint_eviction_start, "node-controller", NULL, "taint-eviction-controller"},
	{"ttl-controller", false, ttl_start, "ttl-controller", NULL, "ttl"},
};
const size_t ncontrollers = sizeof controllers / sizeof *controllers;
