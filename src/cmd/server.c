/* c8s server: a supervisor that makes certificates, then runs the control plane and the node as processes of their own and starts them again when
 * they fail.
 *
 *     server ─┬─ c8s control-plane   API server, controllers, scheduler: a user of its own, no capabilities, a system call filter
 *             └─ c8s node            kubelet, kube-proxy: files only       (not with --disable-agent)
 *                  └─ c8s-helper     carries out the node's plans: mounts, cgroups, network
 *
 * SIGTERM ends the node first, then the control plane.  All work in the data folder.  The control plane names its files from there, so that it
 * needs no way to it: the folders above may be closed to its user.  The node reaches it by two unix sockets there, one as the kubelet and one as
 * kube-proxy: only root can open them, and who does is that user. */
#include "base/buf.h"
#include "base/log.h"
#include "cmd/address.h"
#include "cmd/command.h"
#include "cmd/control_plane.h"
#include "cmd/data_dir.h"
#include "cmd/detach.h"
#include "cmd/flags.h"
#include "kubeadm/certs.h"
#include "net/addr.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/signals.h"
#include "os/spawn.h"
#include "rt/fiber.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESTART_MIN (100 * NS_MS)
#define RESTART_MAX (10 * NS_S)
#define HEALTHY (10 * NS_S)        /* a process that lived so long starts again at once */
#define PORT_TRIES 50
#define PORT_PAUSE_MS 20
#define STOP_GRACE (15 * NS_S)
#define ARGS_MAX 48
#define CHILDREN_MAX 2
#define SOCKETS 2                  /* LOCAL_KUBELET_FD, LOCAL_PROXY_FD */
#define SOCKETS_DIR "run"          /* in the data folder, where all our processes work: so the sockets' paths are short whatever its own is */
#define KUBELET_SOCKET SOCKETS_DIR "/kubelet.sock"
#define PROXY_SOCKET SOCKETS_DIR "/kube-proxy.sock"
#define USER_NAME "c8s"
#define USER_ID 61443              /* without such a user: from systemd's range for services without an entry of their own */

struct opts {
	struct str data_dir, user, bind_address, advertise, node_name, runtime, kubeconfig, service_range, cluster_cidr, cluster_domain;
	int64_t secure_port, verbosity;
	bool disable_agent, detach;
};
#define AT(member) offsetof(struct opts, member)

static const struct flag flags[] = {
	{"advertise-address", 0, FLAG_STRING, AT(advertise), NULL, "address at which Pods and other nodes reach the API server (default: the machine's)"},
	{"bind-address", 0, FLAG_STRING, AT(bind_address), "0.0.0.0", "address to listen on"},
	{"cluster-cidr", 0, FLAG_STRING, AT(cluster_cidr), "10.244.0.0/16", "range of the Pods' addresses"},
	{"cluster-domain", 0, FLAG_STRING, AT(cluster_domain), "cluster.local", "DNS domain of the cluster"},
	{"container-runtime-endpoint", 0, FLAG_STRING, AT(runtime), "unix:///run/containerd/containerd.sock", "socket of the container runtime"},
	{"control-plane-user", 0, FLAG_STRING, AT(user), NULL, "user that the control plane runs as, by name or UID:GID (default: c8s if there is one, else 61443:61443)"},
	{"data-dir", 0, FLAG_STRING, AT(data_dir), "/var/lib/c8s", "folder of everything the cluster keeps: store, certificates, Pods"},
	{"detach", 0, FLAG_BOOL, AT(detach), "false", "return as soon as the API is ready and go on in the background; the log goes to DATA-DIR/server.log"},
	{"disable-agent", 0, FLAG_BOOL, AT(disable_agent), "false", "control plane only: run no Pods on this machine"},
	{"node-name", 0, FLAG_STRING, AT(node_name), NULL, "name of this node (default: the host name)"},
	{"secure-port", 0, FLAG_INT, AT(secure_port), "6443", "port of the API server"},
	{"service-cluster-ip-range", 0, FLAG_STRING, AT(service_range), "10.96.0.0/16", "range of the Services' addresses"},
	{"v", 'v', FLAG_INT, AT(verbosity), "0", "verbosity of the log"},
	{"write-kubeconfig", 0, FLAG_STRING, AT(kubeconfig), NULL, "also write the administrator's kubeconfig here"},
};

static const struct flag_group groups[] = {{"Flags", flags, ARRAY_LEN(flags), 0}};
const struct usage server_usage = {.name = "server", .arguments = "[FLAGS]", .groups = groups, .ngroups = ARRAY_LEN(groups),
	.about = "Runs a cluster on this machine: API server with its store, controllers, scheduler, and a node.",
	.more = "The administrator's kubeconfig is DATA-DIR/admin.conf:\n\n    export KUBECONFIG=/var/lib/c8s/admin.conf\n    c8s kubectl get nodes\n"};

struct child {
	struct supervisor *sv;
	const char *name;
	char *argv[ARGS_MAX];
	int argc, npass;        /* npass: of the supervisor's sockets */
	struct proc proc;
	bool running;
	struct scope scope;
};
struct supervisor {
	struct opts o;
	struct arena *mem;
	struct child children[CHILDREN_MAX];
	size_t n;
	uint32_t uid, gid;      /* of the control plane; 0: ours */
	int sockets[SOCKETS];   /* ours too, so that who connects while the control plane is started again waits */
	struct cond stop;
	bool stopping;
	int code;
};

/* ---- Command lines ---- */

static void arg(struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void arg(struct child *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str s = str_vprintf(c->sv->mem, fmt, ap);
	va_end(ap);
	if (c->argc < ARGS_MAX - 1)
		c->argv[c->argc++] = str_z(c->sv->mem, s);
}

static struct child *child_new(struct supervisor *sv, const char *name)
{
	struct child *c = &sv->children[sv->n++];
	*c = (struct child){.sv = sv, .name = name, .proc = {.pidfd = -1}};
	arg(c, "c8s");
	arg(c, "%s", name);
	if (sv->o.verbosity)
		arg(c, "-v=%lld", (long long)sv->o.verbosity);
	return c;
}

static void add_control_plane(struct supervisor *sv)
{
	const struct opts *o = &sv->o;
	struct child *c = child_new(sv, "control-plane");
	if (sv->uid)
		arg(c, "--user=%u:%u", sv->uid, sv->gid);
	arg(c, "--data-dir=store");
	arg(c, "--bind-address=%.*s", STR_F(o->bind_address));
	arg(c, "--advertise-address=%.*s", STR_F(o->advertise));
	arg(c, "--secure-port=%lld", (long long)o->secure_port);
	arg(c, "--service-account-issuer=https://kubernetes.default.svc.%.*s", STR_F(o->cluster_domain));
	arg(c, "--service-cluster-ip-range=%.*s", STR_F(o->service_range));
	arg(c, "--cluster-cidr=%.*s", STR_F(o->cluster_cidr));
	static const char *const fixed[] = {"--tls-cert-file=pki/apiserver.crt", "--tls-private-key-file=pki/apiserver.key", "--client-ca-file=pki/ca.crt",
		"--kubelet-client-certificate=pki/apiserver-kubelet-client.crt", "--kubelet-client-key=pki/apiserver-kubelet-client.key",
		"--service-account-key-file=pki/sa.pub", "--service-account-signing-key-file=pki/sa.key", "--requestheader-client-ca-file=pki/front-proxy-ca.crt",
		"--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true", "--root-ca-file=pki/ca.crt"};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		arg(c, "%s", fixed[i]);
	if (o->disable_agent)
		return;
	c->npass = SOCKETS;
	arg(c, "--local-node=%.*s", STR_F(o->node_name));
}

static void add_node(struct supervisor *sv)
{
	const struct opts *o = &sv->o;
	struct child *c = child_new(sv, "node");
	const int n = (int)o->data_dir.n;
	const char *d = o->data_dir.p;
	arg(c, "--kubeconfig=%.*s/kubelet.conf", n, d);
	arg(c, "--master=unix://" KUBELET_SOCKET);
	arg(c, "--root-dir=%.*s/kubelet", n, d);
	arg(c, "--cert-dir=%.*s/kubelet/pki", n, d);
	arg(c, "--hostname-override=%.*s", STR_F(o->node_name));
	arg(c, "--container-runtime-endpoint=%.*s", STR_F(o->runtime));
	arg(c, "--client-ca-file=%.*s/pki/ca.crt", n, d);
	arg(c, "--authentication-token-webhook=true");
	arg(c, "--authorization-mode=Webhook");
	arg(c, "--anonymous-auth=false");
	arg(c, "--pod-manifest-path=%.*s/manifests", n, d);
	arg(c, "--cni-conf-dir=%.*s/cni", n, d);
	arg(c, "--cluster-domain=%.*s", STR_F(o->cluster_domain));
	arg(c, "--fail-cgroupv1=false");
	arg(c, "--fail-swap-on=false");
	arg(c, "--");
	arg(c, "--kubeconfig=%.*s/kube-proxy.conf", n, d);
	arg(c, "--master=unix://" PROXY_SOCKET);
	arg(c, "--hostname-override=%.*s", STR_F(o->node_name));
	arg(c, "--cluster-cidr=%.*s", STR_F(o->cluster_cidr));
	arg(c, "--service-cluster-ip-range=%.*s", STR_F(o->service_range));
}

/* ---- Processes ---- */

static int child_start(struct child *c, struct err *e)
{
	struct spawn_opts s = {.path = "/proc/self/exe", .argv = (const char *const *)c->argv, .in = SPAWN_NULL, .out = SPAWN_INHERIT, .err = SPAWN_INHERIT,
		.parent_death_sig = SIGKILL, .pass = c->sv->sockets, .npass = c->npass};
	if (spawn(&s, &c->proc, e) < 0)
		return err_wrap(e, "starting %s", c->name);
	c->running = true;
	return 0;
}

/* A process that could not start at all says itself why; then the rest ends too, with its exit code. */
static void child_ended(struct child *c, int status, mono_t lived, bool first)
{
	BUF(text);
	proc_status_put(&text, status);
	c->running = false;
	if (c->sv->stopping)
		return;
	if (first && lived < HEALTHY && WIFEXITED(status) && WEXITSTATUS(status)) {
		c->sv->code = WEXITSTATUS(status);
		c->sv->stopping = true;
		cond_wake_all(&c->sv->stop);
		return;
	}
	log_warn("%s ended (%s) after %lld s; starting it again", c->name, buf_z(&text), (long long)(lived / NS_S));
}

static void child_fiber(void *p)
{
	struct child *c = p;
	nsec_t pause = RESTART_MIN;
	for (bool first = true; !c->sv->stopping; first = false) {
		ERR(e);
		mono_t began = rt_now_exact();
		int status = 0;
		if (child_start(c, &e) < 0)
			log_error("%s", err_text(&e));
		else if (proc_wait(&c->proc, MONO_NEVER, &status) == 0)
			child_ended(c, status, rt_now_exact() - began, first);
		else
			return; /* stopping: the supervisor ends it */
		pause = rt_now_exact() - began > HEALTHY ? RESTART_MIN : pause * 2 > RESTART_MAX ? RESTART_MAX : pause * 2;
		if (fiber_sleep(pause) < 0)
			return;
	}
}

static void child_stop(struct child *c)
{
	int status;
	scope_fini(&c->scope);
	if (c->running)
		proc_stop(&c->proc, STOP_GRACE, &status);
	c->running = false;
}

/* ---- The supervisor ---- */

static void signalled(void *p, int sig)
{
	struct supervisor *sv = p;
	sv->stopping = true;
	cond_wake_all(&sv->stop);
}

static void supervise(void *p)
{
	struct supervisor *sv = p;
	static const int signals[] = {SIGTERM, SIGINT, 0};
	ERR(e);
	struct signals *watch = signals_watch(signals, signalled, sv, &e);
	cond_init(&sv->stop);
	for (size_t i = 0; i < sv->n; i++) {
		scope_init(&sv->children[i].scope, NULL);
		if (!fiber_spawn(&sv->children[i].scope, "child", child_fiber, &sv->children[i]))
			bug("no fiber for a child");
	}
	while (!sv->stopping)
		if (cond_wait(&sv->stop, MONO_NEVER) < 0)
			break;
	for (size_t i = sv->n; i-- > 0;)
		child_stop(&sv->children[i]);
	signals_free(watch);
}

/* ---- Set-up ---- */

static struct str host_name(struct arena *a)
{
	char name[256] = "";
	gethostname(name, sizeof name - 1);
	for (char *c = name; *c; c++)
		*c = (char)tolower(*c);
	return str_dup(a, str_of(name));
}

static struct str from_here(struct arena *a, struct str path)
{
	char here[PATH_MAX];
	return getcwd(here, sizeof here) ? str_printf(a, "%s/%.*s", here, STR_F(path)) : path;
}

static int check(struct supervisor *sv, struct err *e)
{
	struct opts *o = &sv->o;
	struct ipaddr ip;
	if (o->secure_port < 1 || o->secure_port > 65535)
		return err_set(e, ERR_BAD_REQUEST, "--secure-port wants a number from 1 to 65535");
	if (ipaddr_parse(o->bind_address, &ip) < 0)
		return err_set(e, ERR_BAD_REQUEST, "--bind-address %.*s is no IP address", STR_F(o->bind_address));
	if (!o->disable_agent && geteuid() != 0)
		return err_set(e, ERR_BAD_REQUEST, "running Pods needs root: use sudo, or --disable-agent for the control plane alone");
	if (o->data_dir.n && o->data_dir.p[0] != '/')
		o->data_dir = from_here(sv->mem, o->data_dir);
	if (!o->node_name.n)
		o->node_name = host_name(sv->mem);
	if (!o->advertise.n)
		o->advertise = address_advertised(sv->mem, o->bind_address);
	struct str socket = o->runtime;
	if (str_has_prefix(socket, STR("unix://")))
		socket = str_sub(socket, 7, socket.n);
	if (socket.n && socket.p[0] != '/') /* the node works elsewhere */
		o->runtime = socket = from_here(sv->mem, socket);
	if (!o->disable_agent && access(str_z(sv->mem, socket), F_OK) < 0)
		return err_set(e, ERR_BAD_REQUEST, "no container runtime answers at %.*s: start containerd, name its socket with --container-runtime-endpoint, or use --disable-agent",
			STR_F(o->runtime));
	return 0;
}

/* A server that was killed leaves its port a little later: its children end after it. */
static int port_free(const struct opts *o, struct err *e)
{
	struct ipaddr ip = {0};
	if (!str_is(o->bind_address, "0.0.0.0") && !str_is(o->bind_address, "::") && ipaddr_parse(o->bind_address, &ip) < 0)
		return -1;
	for (int tries = PORT_TRIES;;) {
		int fd = listen_tcp(ip, (uint16_t)o->secure_port, NULL, e);
		if (fd >= 0)
			close(fd);
		if (fd >= 0 || --tries == 0)
			return fd < 0 ? -1 : 0;
		poll(NULL, 0, PORT_PAUSE_MS);
	}
}

static int make_config(struct supervisor *sv, const char *file, struct str user, struct str org, struct err *e)
{
	struct certs_kubeconfig k = {.file = file, .pki_dir = str_z(sv->mem, str_printf(sv->mem, "%.*s/pki", STR_F(sv->o.data_dir))),
		.server = str_printf(sv->mem, "https://127.0.0.1:%lld", (long long)sv->o.secure_port), .user = user, .org = org, .now = time(NULL)};
	if (!str_is(sv->o.bind_address, "0.0.0.0") && !str_is(sv->o.bind_address, "::"))
		k.server = str_printf(sv->mem, "https://%.*s", STR_F(host_port_join(sv->mem, sv->o.bind_address, (unsigned)sv->o.secure_port)));
	return certs_kubeconfig(&k, e);
}

/* ---- Whose files they are ---- */

static int choose_user(struct supervisor *sv, struct err *e)
{
	struct str uid, gid;
	int64_t u, g;
	ERR(none);
	if (geteuid() != 0)
		return sv->o.user.n ? err_set(e, ERR_BAD_REQUEST, "--control-plane-user needs root: use sudo") : 0;
	if (str_cut(sv->o.user, ':', &uid, &gid) && str_i64(uid, &u) == 0 && str_i64(gid, &g) == 0 && u > 0 && g > 0 && u < UINT32_MAX && g < UINT32_MAX) {
		sv->uid = (uint32_t)u;
		sv->gid = (uint32_t)g;
		return 0;
	}
	if (sv->o.user.n)
		return confine_user(str_z(sv->mem, sv->o.user), &sv->uid, &sv->gid, e) < 0 ? err_wrap(e, "--control-plane-user") : 0;
	if (confine_user(USER_NAME, &sv->uid, &sv->gid, &none) < 0)
		sv->uid = sv->gid = USER_ID;
	return 0;
}

/* A key that the control plane signs or serves with.  Absent is fine: not every PKI has each of them. */
static int give_file(struct supervisor *sv, int root, const char *rel, bool recursive, struct err *e)
{
	struct stat st;
	ERR(why);
	if (beneath_stat(root, rel, &st, &why) < 0)
		return 0;
	return beneath_chown(root, rel, sv->uid, sv->gid, recursive, e) < 0 ? err_wrap(e, "giving %s to the control plane's user", rel) : 0;
}

/* Its store and the keys that it uses are its own; the folders on the way let it pass, and nobody else.  The CA's keys stay ours. */
static int give_files(struct supervisor *sv, struct err *e)
{
	static const char *const own[] = {"pki/apiserver.key", "pki/apiserver-kubelet-client.key", "pki/front-proxy-client.key", "pki/sa.key", "pki/sa.pub"};
	static const char *const ways[] = {".", "pki"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *dir = str_z(a, sv->o.data_dir);
	if (!sv->uid)
		return 0;
	if (file_mkdirs(str_z(a, str_printf(a, "%s/store", dir)), 0700, e) < 0)
		return -1;
	int root = root_open(dir, e), r = root < 0 ? -1 : give_file(sv, root, "store", true, e);
	for (size_t i = 0; !r && i < ARRAY_LEN(own); i++)
		r = give_file(sv, root, own[i], false, e);
	for (size_t i = 0; !r && i < ARRAY_LEN(ways); i++) {
		const char *way = str_z(a, str_printf(a, "%s/%s", dir, ways[i]));
		if (chown(way, 0, sv->gid) < 0 || chmod(way, 0710) < 0)
			r = err_sys(e, errno, "opening %s to the control plane", way);
	}
	if (root >= 0)
		close(root);
	return r;
}

static int set_up(struct supervisor *sv, struct err *e)
{
	const struct opts *o = &sv->o;
	struct arena *a = sv->mem;
	const char *dir = str_z(a, o->data_dir);
	struct certs_opts c = {.dir = str_z(a, str_printf(a, "%s/pki", dir)), .service_range = o->service_range, .dns_domain = o->cluster_domain,
		.node_name = o->node_name, .addresses = &o->advertise, .naddresses = o->advertise.n > 0, .now = time(NULL)};
	struct str node = str_printf(a, "system:node:%.*s", STR_F(o->node_name));
	if (file_mkdirs(dir, 0700, e) < 0 || file_mkdirs(str_z(a, str_printf(a, "%s/manifests", dir)), 0700, e) < 0 || certs_ensure(&c, e) < 0)
		return -1;
	if (make_config(sv, str_z(a, str_printf(a, "%s/admin.conf", dir)), STR("kubernetes-admin"), STR("system:masters"), e) < 0)
		return -1;
	if (!o->disable_agent && (make_config(sv, str_z(a, str_printf(a, "%s/kubelet.conf", dir)), node, STR("system:nodes"), e) < 0 ||
					 make_config(sv, str_z(a, str_printf(a, "%s/kube-proxy.conf", dir)), STR("system:kube-proxy"), (struct str){0}, e) < 0))
		return -1;
	return o->kubeconfig.n ? make_config(sv, str_z(a, o->kubeconfig), STR("kubernetes-admin"), STR("system:masters"), e) : 0;
}

/* What a killed server left behind is unlinked unasked: the data folder's lock is ours. */
static int open_sockets(struct supervisor *sv, struct err *e)
{
	static const char *const paths[SOCKETS] = {KUBELET_SOCKET, PROXY_SOCKET};
	if (chdir(str_z(sv->mem, sv->o.data_dir)) < 0)
		return err_sys(e, errno, "%.*s", STR_F(sv->o.data_dir));
	if (sv->o.disable_agent)
		return 0;
	if (file_mkdirs(SOCKETS_DIR, 0700, e) < 0)
		return -1;
	if (chown(SOCKETS_DIR, 0, 0) < 0 || chmod(SOCKETS_DIR, 0700) < 0)
		return err_sys(e, errno, "%.*s/" SOCKETS_DIR, STR_F(sv->o.data_dir));
	for (size_t i = 0; i < SOCKETS; i++) {
		unlink(paths[i]);
		sv->sockets[i] = listen_unix(paths[i], 0600, e);
		if (sv->sockets[i] < 0)
			return err_wrap(e, "%.*s", STR_F(sv->o.data_dir));
	}
	return 0;
}

static int go_detached(struct supervisor *sv)
{
	struct arena *a = sv->mem;
	struct detach_opts d = {.log = str_z(a, str_printf(a, "%.*s/server.log", STR_F(sv->o.data_dir))),
		.kubeconfig = str_z(a, str_printf(a, "%.*s/admin.conf", STR_F(sv->o.data_dir)))};
	return detach(&d);
}

int cmd_server(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct supervisor *sv = arena_make(a, struct supervisor);
	ERR(e);
	sv->mem = a;
	int code = usage_parse(&server_usage, argc, argv, &sv->o, a);
	if (code >= 0)
		return code;
	signals_block();
	if (check(sv, &e) < 0 || port_free(&sv->o, &e) < 0 || data_dir_lock(str_z(a, sv->o.data_dir), &e) < 0 || set_up(sv, &e) < 0 || choose_user(sv, &e) < 0 || give_files(sv, &e) < 0 ||
	    open_sockets(sv, &e) < 0)
		return cmd_error("%s", err_text(&e));
	int parent = sv->o.detach ? go_detached(sv) : -1;
	if (parent >= 0)
		return parent;
	add_control_plane(sv);
	if (!sv->o.disable_agent)
		add_node(sv);
	struct rt *rt = rt_new(NULL);
	if (!rt || rt_main(rt, "server", supervise, sv))
		return cmd_error("out of memory");
	rt_free(rt);
	return sv->code;
}
