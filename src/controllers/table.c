#include "controllers/controller.h"

const struct controller controllers[] = {
	{"deployment-controller", false, deployment_start},
	{"endpoints-controller", false, endpoints_start},
	{"endpointslice-controller", false, endpointslice_start},
	{"garbage-collector-controller", false, garbage_start},
	{"namespace-controller", false, namespace_start},
	{"node-ipam-controller", false, node_ipam_start},
	{"node-lifecycle-controller", false, node_lifecycle_start},
	{"replicaset-controller", false, replicaset_start},
	{"root-ca-certificate-publisher-controller", false, root_ca_start},
	{"serviceaccount-controller", false, serviceaccount_start},
};
const size_t ncontrollers = sizeof controllers / sizeof *controllers;
