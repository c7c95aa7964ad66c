/* Flags that kube-scheduler and kube-controller-manager share: upstream's names. */
#include "cmd/component.h"
#include <stddef.h>

#define AT(member) offsetof(struct component_flags, member)

const struct flag component_connection[COMPONENT_CONNECTION] = {
	{"kube-api-burst", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kube-api-content-type", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kube-api-qps", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kubeconfig", 0, FLAG_STRING, AT(kubeconfig), NULL, "how to reach the API server"},
	{"master", 0, FLAG_STRING, AT(master), NULL, "address of the API server, over the kubeconfig's"},
};
const struct flag component_election[COMPONENT_ELECTION] = {
	{"leader-elect", 0, FLAG_BOOL, AT(elect), "true", "work only while holding the lease, so that several instances can run"},
	{"leader-elect-lease-duration", 0, FLAG_DURATION, AT(lease), "15s", "how long others wait before they take over a lease that is not renewed"},
	{"leader-elect-renew-deadline", 0, FLAG_DURATION, AT(renew), "10s", "how long the leader tries to renew before it gives up"},
	{"leader-elect-resource-lock", 0, FLAG_STRING, AT(lock_type), "leases", "kind of the lock; only leases"},
	{"leader-elect-resource-namespace", 0, FLAG_STRING, AT(lock_ns), "kube-system", "namespace of the lease"},
	{"leader-elect-retry-period", 0, FLAG_DURATION, AT(retry), "2s", "pause between attempts"},
};
const struct flag component_serving[COMPONENT_SERVING] = {
	{"authentication-kubeconfig", 0, FLAG_STRING, AT(authn_kubeconfig), NULL, "how to reach the API server that reviews tokens (taken from --authorization-kubeconfig)"},
	{"authentication-skip-lookup", 0, FLAG_BOOL, AT(skip_lookup), "false", "trust no client certificates but those of --client-ca-file"},
	{"authentication-token-webhook-cache-ttl", 0, FLAG_DURATION, AT(token_ttl), "10s", "how long the review of a token is remembered"},
	{"authentication-tolerate-lookup-failure", 0, FLAG_IGNORED, 0, "false", ""},
	{"authorization-always-allow-paths", 0, FLAG_LIST, AT(open_paths), "/healthz,/readyz,/livez", "paths that everybody may read"},
	{"authorization-kubeconfig", 0, FLAG_STRING, AT(authz_kubeconfig), NULL, "how to reach the API server that reviews tokens and access (that of --kubeconfig when empty)"},
	{"authorization-webhook-cache-authorized-ttl", 0, FLAG_DURATION, AT(allow_ttl), "10s", "how long a permission is remembered"},
	{"authorization-webhook-cache-unauthorized-ttl", 0, FLAG_DURATION, AT(deny_ttl), "10s", "how long a refusal is remembered"},
	{"bind-address", 0, FLAG_STRING, AT(bind_address), "0.0.0.0", "address to serve on"},
	{"cert-dir", 0, FLAG_STRING, AT(cert_dir), NULL, "folder in which a self-signed certificate is kept when none is named (empty: a new one at every start)"},
	{"client-ca-file", 0, FLAG_STRING, AT(client_ca), NULL, "CA certificates that sign client certificates"},
	{"disable-http2-serving", 0, FLAG_IGNORED, 0, "false", ""},
	{"http2-max-streams-per-connection", 0, FLAG_IGNORED, 0, NULL, ""},
	{"permit-address-sharing", 0, FLAG_IGNORED, 0, "false", ""},
	{"permit-port-sharing", 0, FLAG_IGNORED, 0, "false", ""},
	{"requestheader-allowed-names", 0, FLAG_IGNORED, 0, NULL, ""},
	{"requestheader-client-ca-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"requestheader-extra-headers-prefix", 0, FLAG_IGNORED, 0, NULL, ""},
	{"requestheader-group-headers", 0, FLAG_IGNORED, 0, NULL, ""},
	{"requestheader-uid-headers", 0, FLAG_IGNORED, 0, NULL, ""},
	{"requestheader-username-headers", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-cert-file", 0, FLAG_STRING, AT(cert), NULL, "serving certificate"},
	{"tls-cipher-suites", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-curve-preferences", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-min-version", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-private-key-file", 0, FLAG_STRING, AT(key), NULL, "key of the serving certificate"},
	{"tls-sni-cert-key", 0, FLAG_IGNORED, 0, NULL, ""},
};
const struct flag component_general[COMPONENT_GENERAL] = {
	{"allow-metric-labels", 0, FLAG_IGNORED, 0, NULL, ""},
	{"allow-metric-labels-manifest", 0, FLAG_IGNORED, 0, NULL, ""},
	{"contention-profiling", 0, FLAG_IGNORED, 0, "false", ""},
	{"disabled-metrics", 0, FLAG_IGNORED, 0, NULL, ""},
	{"emulated-version", 0, FLAG_IGNORED, 0, NULL, ""},
	{"feature-gates", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-flush-frequency", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-json-info-buffer-size", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-json-split-stream", 0, FLAG_IGNORED, 0, "false", ""},
	{"log-text-info-buffer-size", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-text-split-stream", 0, FLAG_IGNORED, 0, "false", ""},
	{"logging-format", 0, FLAG_STRING, AT(log_format), "text", "text or json"},
	{"min-compatibility-version", 0, FLAG_IGNORED, 0, NULL, ""},
	{"profiling", 0, FLAG_IGNORED, 0, "false", ""},
	{"show-hidden-metrics-for-version", 0, FLAG_IGNORED, 0, NULL, ""},
	{"v", 'v', FLAG_INT, AT(verbosity), "0", "verbosity of the log"},
	{"vmodule", 0, FLAG_IGNORED, 0, NULL, ""},
};
