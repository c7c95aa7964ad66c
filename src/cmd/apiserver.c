/* c8s kube-apiserver. */
#include "apiserver/server.h"
#include "base/buf.h"
#include "base/log.h"
#include "cmd/address.h"
#include "cmd/command.h"
#include "cmd/control_plane.h"
#include "cmd/flags.h"
#include "net/addr.h"
#include "os/confine.h"
#include "os/netlink.h"
#include "rt/io.h"
#include "store/store.h"
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPS_MAX 4          /* request loops: TLS is their work, and the machine has other things to do */
#define FILES_MAX 65536       /* a connection each for thousands of watchers */
#define DRAIN (10 * NS_S)    /* what a SIGTERM leaves running requests */

struct opts {
	struct str data_dir, user, bind_address, advertise_address;
	int64_t secure_port, verbosity, max_in_flight, max_mutating, request_min_s, loops;
	struct str cert, key, client_ca, tokens, cluster_range, node_ports, issuer, signing_key, etcd_prefix;
	struct flag_list sa_keys, audiences, modes, enable_admission, disable_admission, etcd_servers;
	struct str rh_ca, kubelet_cert, kubelet_key, kubelet_ca, local_node, log_format;
	struct flag_list rh_user, rh_uid, rh_group, rh_extra, rh_allowed;
	bool anonymous, privileged;
	nsec_t event_ttl, request_timeout;
	struct component_opts components;
};
#define AT(member) offsetof(struct opts, member)

static const struct flag flags[] = {
	{"advertise-address", 0, FLAG_STRING, AT(advertise_address), NULL, "address at which other members of the cluster reach this server (default: the machine's)"},
	{"allow-privileged", 0, FLAG_BOOL, AT(privileged), "false", "let containers ask for privileges"},
	{"anonymous-auth", 0, FLAG_BOOL, AT(anonymous), "true", "take requests without credentials as system:anonymous"},
	{"api-audiences", 0, FLAG_LIST, AT(audiences), NULL, "audiences that tokens for this server name (the issuer when empty)"},
	{"authorization-mode", 0, FLAG_LIST, AT(modes), "AlwaysAllow", "authorizers, asked in this order: Node, RBAC, AlwaysAllow, AlwaysDeny"},
	{"bind-address", 0, FLAG_STRING, AT(bind_address), "0.0.0.0", "address to listen on"},
	{"cert-dir", 0, FLAG_IGNORED, 0, NULL, ""},
	{"client-ca-file", 0, FLAG_STRING, AT(client_ca), NULL, "CA certificates that sign client certificates"},
	{"cluster-cidr", 0, FLAG_STRING, AT(components.cluster_cidr), NULL, "range that the nodes' Pod ranges are cut from (control plane in one process)"},
	{"data-dir", 0, FLAG_STRING, AT(data_dir), "/var/lib/c8s/store", "folder of the embedded store"},
	{"disable-admission-plugins", 0, FLAG_LIST, AT(disable_admission), NULL, "admission plug-ins to leave out of the default ones"},
	{"enable-admission-plugins", 0, FLAG_LIST, AT(enable_admission), NULL, "admission plug-ins to run besides the default ones"},
	{"enable-bootstrap-token-auth", 0, FLAG_IGNORED, 0, "false", ""},
	{"etcd-cafile", 0, FLAG_IGNORED, 0, NULL, ""},
	{"etcd-certfile", 0, FLAG_IGNORED, 0, NULL, ""},
	{"etcd-keyfile", 0, FLAG_IGNORED, 0, NULL, ""},
	{"etcd-servers", 0, FLAG_LIST, AT(etcd_servers), NULL, "etcd servers instead of the embedded store (not yet)"},
	{"event-ttl", 0, FLAG_DURATION, AT(event_ttl), "1h0m0s", "how long events are kept"},
	{"kubelet-certificate-authority", 0, FLAG_STRING, AT(kubelet_ca), NULL, "CA certificates of the kubelets' serving certificates"},
	{"kubelet-client-certificate", 0, FLAG_STRING, AT(kubelet_cert), NULL, "client certificate shown to kubelets"},
	{"kubelet-client-key", 0, FLAG_STRING, AT(kubelet_key), NULL, "key of the client certificate shown to kubelets"},
	{"kubelet-preferred-address-types", 0, FLAG_IGNORED, 0, NULL, ""},
	{"local-node", 0, FLAG_STRING, AT(local_node), NULL, "name of the node whose kubelet and kube-proxy connect to the unix sockets that come as descriptors 3 and 4 (control plane of c8s server)"},
	{"logging-format", 0, FLAG_STRING, AT(log_format), "text", "text or json"},
	{"max-mutating-requests-inflight", 0, FLAG_INT, AT(max_mutating), "200", "writing requests served at a time"},
	{"max-requests-inflight", 0, FLAG_INT, AT(max_in_flight), "400", "reading requests served at a time"},
	{"min-request-timeout", 0, FLAG_INT, AT(request_min_s), "1800", "seconds that a watch lasts at least, when it names no timeout"},
	{"proxy-client-cert-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"proxy-client-key-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"request-timeout", 0, FLAG_DURATION, AT(request_timeout), "1m0s", "how long a request may take, watches apart"},
	{"requestheader-allowed-names", 0, FLAG_LIST, AT(rh_allowed), NULL, "common names of front proxies (any that the CA signed when empty)"},
	{"requestheader-client-ca-file", 0, FLAG_STRING, AT(rh_ca), NULL, "CA certificates of front proxies, whose headers name the user"},
	{"requestheader-extra-headers-prefix", 0, FLAG_LIST, AT(rh_extra), NULL, "prefixes of headers with more about the user"},
	{"requestheader-group-headers", 0, FLAG_LIST, AT(rh_group), NULL, "headers with the user's groups"},
	{"requestheader-uid-headers", 0, FLAG_LIST, AT(rh_uid), NULL, "headers with the user's uid"},
	{"requestheader-username-headers", 0, FLAG_LIST, AT(rh_user), NULL, "headers with the user's name"},
	{"root-ca-file", 0, FLAG_STRING, AT(components.root_ca_file), NULL, "CA certificates published to every namespace (control plane in one process)"},
	{"secure-port", 0, FLAG_INT, AT(secure_port), "6443", "port to serve HTTPS on"},
	{"service-account-issuer", 0, FLAG_STRING, AT(issuer), NULL, "issuer in the service-account tokens"},
	{"service-account-key-file", 0, FLAG_LIST, AT(sa_keys), NULL, "public keys that verify service-account tokens"},
	{"service-account-signing-key-file", 0, FLAG_STRING, AT(signing_key), NULL, "private key that signs service-account tokens"},
	{"service-cluster-ip-range", 0, FLAG_STRING, AT(cluster_range), "10.96.0.0/16", "range of the Services' addresses; a second one after a comma"},
	{"service-node-port-range", 0, FLAG_STRING, AT(node_ports), "30000-32767", "range of the Services' node ports"},
	{"tls-cert-file", 0, FLAG_STRING, AT(cert), NULL, "serving certificate"},
	{"tls-private-key-file", 0, FLAG_STRING, AT(key), NULL, "key of the serving certificate"},
	{"token-auth-file", 0, FLAG_STRING, AT(tokens), NULL, "static tokens: token,user,uid,\"groups\" per line"},
	{"user", 0, FLAG_STRING, AT(user), NULL, "become this user (a name of /etc/passwd, or UID:GID), without capabilities and with a filter on system calls"},
	{"v", 'v', FLAG_INT, AT(verbosity), "0", "verbosity of the log"},
};

static const struct flag_group groups[] = {{"Flags", flags, ARRAY_LEN(flags), 0}};
const struct usage kube_apiserver_usage = {.name = "kube-apiserver", .arguments = "[FLAGS]", .groups = groups, .ngroups = ARRAY_LEN(groups),
	.about = "Serves the Kubernetes API from an embedded store."};

struct run {
	struct opts o;
	struct rt *rt;
	struct arena *arena;
	struct store *store;
	struct server *server;
	struct loop *loops[LOOPS_MAX];
	size_t nloops;
	int listen_fd, signal_fd;
	int code;
	const struct apiserver_extra *extra;
	struct scope scope;          /* of the extra components */
	void *components;
};

static struct str join(struct arena *a, const struct flag_list *l) { return str_join(a, l->items, l->len, STR(",")); }

static struct str flag_lines(struct run *r)
{
	BUF(out);
	flags_write(flags, ARRAY_LEN(flags), &r->o, &out);
	return buf_take(&out, r->arena);
}

static struct server_opts server_opts_of(struct run *r)
{
	const struct opts *o = &r->o;
	return (struct server_opts){
		.store = r->store, .loops = r->loops, .nloops = r->nloops,
		.service_cluster_ip_range = o->cluster_range, .service_node_port_range = o->node_ports,
		.advertise_address = o->advertise_address.n ? o->advertise_address : address_advertised(r->arena, o->bind_address), .secure_port = (int)o->secure_port,
		.service_account_issuer = o->issuer, .sa_key_files = o->sa_keys.items, .nsa_key_files = o->sa_keys.len, .sa_signing_key_file = o->signing_key,
		.api_audiences = o->audiences.items, .napi_audiences = o->audiences.len,
		.client_ca_file = o->client_ca, .tls_cert_file = o->cert, .tls_key_file = o->key, .token_auth_file = o->tokens,
		.requestheader_client_ca_file = o->rh_ca,
		.requestheader_username_headers = o->rh_user.items, .nrh_user = o->rh_user.len, .requestheader_uid_headers = o->rh_uid.items, .nrh_uid = o->rh_uid.len,
		.requestheader_group_headers = o->rh_group.items, .nrh_group = o->rh_group.len, .requestheader_extra_prefixes = o->rh_extra.items, .nrh_extra = o->rh_extra.len,
		.requestheader_allowed_names = o->rh_allowed.items, .nrh_allowed = o->rh_allowed.len,
		.kubelet_client_cert_file = o->kubelet_cert, .kubelet_client_key_file = o->kubelet_key, .kubelet_ca_file = o->kubelet_ca,
		.authorization_modes = join(r->arena, &o->modes), .enable_admission = join(r->arena, &o->enable_admission),
		.disable_admission = join(r->arena, &o->disable_admission),
		.anonymous_auth = o->anonymous, .allow_privileged = o->privileged,
		.max_in_flight = (int)o->max_in_flight, .max_mutating_in_flight = (int)o->max_mutating,
		.event_ttl = o->event_ttl, .min_request_timeout = o->request_min_s * NS_S, .request_timeout = o->request_timeout,
		.flags = flag_lines(r),
	};
}

static int check_opts(const struct opts *o, struct err *e)
{
	if (o->etcd_servers.len)
		return err_set(e, ERR_BAD_REQUEST, "--etcd-servers is not there yet; leave it out and name a --data-dir");
	if (!o->cert.n || !o->key.n)
		return err_set(e, ERR_BAD_REQUEST, "--tls-cert-file and --tls-private-key-file are needed to serve HTTPS");
	if (o->secure_port < 1 || o->secure_port > 65535)
		return err_set(e, ERR_BAD_REQUEST, "--secure-port wants a number from 1 to 65535");
	if (o->sa_keys.len && !o->issuer.n)
		return err_set(e, ERR_BAD_REQUEST, "--service-account-key-file needs --service-account-issuer");
	return 0;
}

/* The bound address when others can reach it, else the one that leads out. */
static struct str own_address(struct run *r)
{
	struct net_ip ip;
	char link[16];
	BUF(text);
	if (!str_is(r->o.bind_address, "0.0.0.0") && !str_is(r->o.bind_address, "::") && !str_has_prefix(r->o.bind_address, STR("127.")) && !str_is(r->o.bind_address, "::1"))
		return r->o.bind_address;
	if (net_default_addr(AF_INET, &ip, link, NULL) < 0)
		return STR("127.0.0.1");
	net_ip_put(&text, &ip);
	return buf_take(&text, r->arena);
}

static int open_listener(struct run *r, struct err *e)
{
	struct ipaddr ip = {0};
	if (!str_is(r->o.bind_address, "0.0.0.0") && !str_is(r->o.bind_address, "::") && ipaddr_parse(r->o.bind_address, &ip))
		return err_set(e, ERR_BAD_REQUEST, "--bind-address %.*s is no IP address", STR_F(r->o.bind_address));
	if (str_is(r->o.bind_address, "0.0.0.0"))
		ip.family = 0;
	r->listen_fd = listen_tcp(ip, (uint16_t)r->o.secure_port, NULL, e);
	return r->listen_fd < 0 ? -1 : 0;
}

static void store_fatal(void *arg, const char *why)
{
	(void)arg;
	log_error("the store has failed: %s", why);
	_exit(1);
}

static int open_store(struct run *r, struct err *e)
{
	struct store_opts s = {.dir = str_z(r->arena, r->o.data_dir), .on_fatal = store_fatal};
	r->store = store_open(r->rt, &s, e);
	return r->store ? 0 : -1;
}

static int make_loops(struct run *r, struct err *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cores < 1 ? 1 : cores > LOOPS_MAX ? LOOPS_MAX : (size_t)cores;
	r->loops[0] = loop_self();
	for (r->nloops = 1; r->nloops < n; r->nloops++) {
		char name[16];
		snprintf(name, sizeof name, "api-%zu", r->nloops);
		struct loop *l = loop_new(r->rt, str_z(r->arena, str_of(name)));
		int c = l ? loop_start(l) : -1;
		if (c)
			return err_sys(e, c, "starting a loop");
		r->loops[r->nloops] = l;
	}
	return 0;
}

/* Who can open the sockets is root and these; no certificate is needed. */
static int serve_local_node(struct run *r, struct err *e)
{
	static struct str nodes = STR_INIT("system:nodes");
	static const struct user proxy = {.name = STR_INIT("system:kube-proxy")};
	struct user *kubelet = arena_make(r->arena, struct user);
	*kubelet = (struct user){.name = str_printf(r->arena, "system:node:%.*s", STR_F(r->o.local_node)), .groups = &nodes, .ngroups = 1};
	if (!r->o.local_node.n)
		return 0;
	if (server_serve_as(r->server, LOCAL_KUBELET_FD, kubelet, 0, e) || server_serve_as(r->server, LOCAL_PROXY_FD, &proxy, 0, e))
		return err_wrap(e, "--local-node");
	return 0;
}

static int start(struct run *r, struct err *e)
{
	if (!r->o.advertise_address.n)
		r->o.advertise_address = own_address(r);
	if (check_opts(&r->o, e) || open_listener(r, e) || open_store(r, e) || make_loops(r, e))
		return -1;
	struct server_opts so = server_opts_of(r);
	r->server = server_new(&so, e);
	/* Who connects meanwhile waits in the socket's queue: nobody meets a server without roles and is refused what is his. */
	if (!r->server || server_post_start(r->server, e) || server_serve(r->server, r->listen_fd, e) || serve_local_node(r, e))
		return -1;
	log_info("Serving securely on %.*s:%lld", STR_F(r->o.bind_address), (long long)r->o.secure_port);
	return r->extra ? r->extra->start(r->server, &r->o.components, &r->scope, &r->components, e) : 0;
}

static void stop(struct run *r)
{
	if (r->extra)
		scope_fini(&r->scope);
	if (r->components)
		r->extra->stop(r->components);
	if (r->server) {
		server_drain(r->server, rt_now() + DRAIN);
		server_free(r->server);
	}
	for (size_t i = 1; i < r->nloops; i++) {
		loop_stop(r->loops[i]);
		loop_join(r->loops[i]);
		loop_free(r->loops[i]);
	}
	store_close(r->store);
	if (r->listen_fd >= 0)
		close(r->listen_fd);
}

static void serve(void *arg)
{
	struct run *r = arg;
	ERR(e);
	scope_init(&r->scope, NULL);
	if (start(r, &e))
		r->code = cmd_error("%s", err_text(&e));
	else if (rt_wait_fd(r->signal_fd, EPOLLIN, MONO_NEVER) > 0)
		log_info("Shutting down");
	stop(r);
}

/* Before the first thread, so that all of them inherit it. */
static int block_signals(void)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Before the first thread, and before a byte of others is read. */
static int drop_privileges(struct run *r, struct err *e)
{
	struct confine_opts o = {.drop_caps = true, .filter = CONFINE_CONTROL_PLANE, .no_core = true, .nofile = FILES_MAX};
	struct str uid, gid;
	int64_t u, g;
	if (!r->o.user.n)
		return 0;
	if (str_cut(r->o.user, ':', &uid, &gid) && str_i64(uid, &u) == 0 && str_i64(gid, &g) == 0 && u >= 0 && g >= 0) {
		o.uid = (uint32_t)u;
		o.gid = (uint32_t)g;
	} else if (confine_user(str_z(r->arena, r->o.user), &o.uid, &o.gid, e) < 0) {
		return err_wrap(e, "--user");
	}
	if (r->o.secure_port < 1024)
		o.keep_caps = 1ull << CAP_NET_BIND_SERVICE;
	return confine(&o, e);
}

static int run(struct run *r)
{
	ERR(e);
	struct log_opts log = {.fd = 2, .verbosity = (int)r->o.verbosity, .json = str_is(r->o.log_format, "json")};
	log_setup(&log);
	if (drop_privileges(r, &e) < 0)
		return cmd_error("%s", err_text(&e));
	r->listen_fd = -1;
	r->signal_fd = block_signals();
	r->rt = rt_new(NULL);
	if (!r->rt || rt_main(r->rt, "api-0", serve, r))
		return cmd_error("out of memory");
	rt_free(r->rt);
	close(r->signal_fd);
	return r->code;
}

int cmd_kube_apiserver(int argc, char **argv)
{
	return apiserver_main(argc, argv, NULL);
}

int apiserver_main(int argc, char **argv, const struct apiserver_extra *extra)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct run *r = arena_make(a, struct run);
	r->arena = a;
	r->extra = extra;
	int code = usage_parse(&kube_apiserver_usage, argc, argv, &r->o, a);
	return code >= 0 ? code : run(r);
}
