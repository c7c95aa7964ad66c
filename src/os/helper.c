#include "os/helper.h"
#include "os/fd.h"
#include "os/plan_impl.h"
#include "os/signals.h"
#include "os/spawn.h"
#include "os/confine.h"
#include "rt/io.h"
#include "rt/job.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PEERS_MAX 16          /* connections to one helper */
#define PEER_FD_FIRST 3
#define SHARE_MAGIC 0xfffffffeu

/* What precedes a plan, or an answer, in its packet. */
struct header {
	uint32_t id;
	uint32_t in_memfd;   /* the body is in the first descriptor instead */
	uint64_t n;          /* of the body */
};
struct answer {
	int32_t failed, reason, sys, status;
	uint64_t message, output; /* lengths of what follows */
};

struct waiting {
	struct list node;
	uint32_t id;
	bool done;
	int error;
	struct plan_result *ret;
	struct err *e;
};
struct helper {
	int fd;                  /* -1: direct */
	int dry_run;             /* descriptor; -1: off */
	const struct plan_policy *policy; /* direct */
	struct proc proc;        /* the forked process */
	struct list waiting;     /* fibers whose answers are to come */
	struct cond arrived;
	bool reading;            /* one of them reads for all */
	uint32_t next_id;
};

/* ---- packets: both ends ---- */

static int send_packet(int fd, struct header *h, struct str body, const int *fds, int nfds)
{
	int lent[PLAN_FDS_MAX + 1], n = 0;
	FD(mem) = -1;
	if (body.n + sizeof *h > HELPER_PACKET_MAX) {
		mem = fd_memory("plan", body.p, body.n);
		if (mem < 0)
			return mem;
		h->in_memfd = 1;
		lent[n++] = mem;
	}
	h->n = body.n;
	for (int i = 0; i < nfds; i++)
		lent[n++] = fds[i];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof lent)] = {0};
	struct iovec iov[2] = {{h, sizeof *h}, {(void *)body.p, h->in_memfd ? 0 : body.n}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = n ? control : NULL, .msg_controllen = n ? CMSG_SPACE((size_t)n * sizeof(int)) : 0};
	if (n) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN((size_t)n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(c), lent, (size_t)n * sizeof(int));
	}
	ssize_t sent;
	do
		sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* One packet taken from the socket. */
struct packet {
	struct header h;
	char *bytes;             /* heap or mapped */
	size_t mapped;
	struct str body;
	int fds[PLAN_FDS_MAX + 1], nfds;
};

static void packet_fini(struct packet *p)
{
	for (int i = 0; i < p->nfds; i++)
		close(p->fds[i]);
	if (p->mapped)
		munmap((void *)p->body.p, p->mapped);
	free(p->bytes);
}

static void take_fds(struct packet *p, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (int i = 0; i < n && p->nfds < (int)ARRAY_LEN(p->fds); i++)
			memcpy(&p->fds[p->nfds++], CMSG_DATA(c) + (size_t)i * sizeof(int), sizeof(int));
	}
}

/* A body that came as a memory file.  It is copied: its sender could still change a mapping while it is checked. */
static int take_memory(struct packet *p)
{
	struct stat st;
	int fd = p->nfds ? p->fds[0] : -1;
	if (fd < 0 || p->h.n > PLAN_BYTES_MAX || fstat(fd, &st) || (uint64_t)st.st_size < p->h.n)
		return -EBADMSG;
	free(p->bytes);
	p->bytes = malloc(p->h.n + 1);
	if (!p->bytes)
		return -ENOMEM;
	ssize_t n = pread(fd, p->bytes, p->h.n, 0);
	close(fd);
	memmove(p->fds, p->fds + 1, (size_t)--p->nfds * sizeof(int));
	p->body = str_n(p->bytes, p->h.n);
	return n == (ssize_t)p->h.n ? 0 : -EBADMSG;
}

/* 1: a packet; 0: the peer is gone; -EAGAIN: none there; other -errno: a bad one. */
static int recv_packet(int fd, struct packet *p)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof p->fds)];
	*p = (struct packet){.bytes = malloc(HELPER_PACKET_MAX)};
	if (!p->bytes)
		return -ENOMEM;
	struct iovec iov[2] = {{&p->h, sizeof p->h}, {p->bytes, HELPER_PACKET_MAX}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	take_fds(p, &m);
	if ((size_t)n < sizeof p->h || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return -EBADMSG;
	p->body = str_n(p->bytes, (size_t)n - sizeof p->h);
	if (p->h.in_memfd)
		return take_memory(p) ? -EBADMSG : 1;
	return p->h.n == p->body.n ? 1 : -EBADMSG;
}

/* ---- the helper process ---- */

struct server {
	const struct plan_policy *policy;
	int peers[PEERS_MAX], npeers;
	int workers;
};

static void answer(int fd, uint32_t id, int failed, const struct plan_result *r, const struct err *e)
{
	BUF(b);
	struct answer a = {.failed = failed, .reason = (int32_t)e->reason, .sys = e->sys, .status = r->status, .message = e->message.n, .output = r->output.n};
	struct header h = {.id = id};
	buf_put(&b, &a, sizeof a);
	buf_str(&b, e->message);
	buf_str(&b, buf_view(&r->output));
	/* A peer that does not take its answers is cut off: it must not hold up the others.  What was done stays done. */
	if (send_packet(fd, &h, buf_view(&b), NULL, 0))
		shutdown(fd, SHUT_RDWR);
}

static void carry_out(const struct server *s, int fd, uint32_t id, const struct plan *p)
{
	struct plan_result r = {0};
	ERR(e);
	int failed = plan_apply(p, s->policy, &r, &e);
	answer(fd, id, failed, &r, &e);
	plan_result_fini(&r);
}

static bool runs_program(const struct plan *p)
{
	for (uint32_t i = 0; i < p->steps.len; i++)
		if (p->steps.items[i].op == PLAN_RUN)
			return true;
	return false;
}

static void reap_workers(struct server *s, bool wait)
{
	while (s->workers > 0 && waitpid(-1, NULL, wait ? 0 : WNOHANG) > 0) {
		s->workers--;
		wait = false;
	}
}

/* In a worker of its own: programs take as long as they like. */
static void hand_to_worker(struct server *s, int fd, uint32_t id, const struct plan *p)
{
	reap_workers(s, s->workers >= HELPER_WORKERS_MAX);
	pid_t pid = fork();
	if (pid == 0) {
		carry_out(s, fd, id, p);
		_exit(0);
	}
	if (pid > 0) {
		s->workers++;
		return;
	}
	struct plan_result none = {0};
	ERR(e);
	answer(fd, id, err_sys(&e, errno, "fork"), &none, &e);
}

static void take_share(struct server *s, const struct packet *p)
{
	if (p->nfds == 1 && s->npeers < PEERS_MAX)
		s->peers[s->npeers++] = dup(p->fds[0]);
}

static void serve_packet(struct server *s, int fd, const struct packet *p)
{
	struct plan_result none = {0};
	ERR(e);
	if (p->h.id == SHARE_MAGIC) {
		take_share(s, p);
		answer(fd, p->h.id, 0, &none, &e);
		return;
	}
	CLEANUP(plan_free) struct plan *plan = plan_decode(p->body, p->fds, p->nfds, &e);
	if (!plan)
		answer(fd, p->h.id, -1, &none, &e);
	else if (runs_program(plan))
		hand_to_worker(s, fd, p->h.id, plan);
	else
		carry_out(s, fd, p->h.id, plan);
}

/* Everything that is there now; false when the peer is gone or talks nonsense. */
static bool serve_peer(struct server *s, int fd)
{
	int r;
	do {
		struct packet p;
		r = recv_packet(fd, &p);
		if (r == 1)
			serve_packet(s, fd, &p);
		packet_fini(&p);
	} while (r == 1);
	return r == -EAGAIN || r == -EINTR;
}

static void serve(struct server *s)
{
	while (s->npeers > 0) {
		struct pollfd v[PEERS_MAX];
		for (int i = 0; i < s->npeers; i++)
			v[i] = (struct pollfd){.fd = s->peers[i], .events = POLLIN};
		int polled = s->npeers;
		/* Woken now and then to reap workers. */
		if (poll(v, (nfds_t)polled, s->workers ? 1000 : -1) < 0 && errno != EINTR)
			return;
		reap_workers(s, false);
		for (int i = polled; i-- > 0;) {
			if (!v[i].revents || serve_peer(s, v[i].fd))
				continue;
			close(s->peers[i]);
			s->peers[i] = s->peers[--s->npeers];
		}
	}
}

struct start { const struct plan_policy *policy; };

static int helper_main(void *arg)
{
	struct server s = {.policy = ((struct start *)arg)->policy, .peers = {PEER_FD_FIRST}, .npeers = 1};
	struct confine_opts o = {.filter = CONFINE_NODE, .no_core = true};
	proc_title("c8s-helper");
	/* A terminal's Ctrl-C goes to the whole group; the helper must outlive its peers' shutdown. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (confine(&o, NULL))
		return 1;
	serve(&s);
	return 0;
}

/* ---- the callers' side ---- */

static struct helper *make(int fd)
{
	struct helper *h = calloc(1, sizeof *h);
	if (!h)
		abort();
	h->fd = fd;
	h->dry_run = -1;
	h->proc = PROC_NONE;
	list_init(&h->waiting);
	cond_init(&h->arrived);
	return h;
}

struct helper *helper_start(const struct plan_policy *policy, struct err *e)
{
	int pair[2];
	struct start start = {policy};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return err_sys(e, errno, "make the helper's socket"), NULL;
	struct spawn_opts o = {.fn = helper_main, .arg = &start, .err = SPAWN_INHERIT, .pass = &pair[1], .npass = 1};
	struct helper *h = make(pair[0]);
	int r = spawn(&o, &h->proc, e);
	close(pair[1]);
	if (!r)
		return h;
	helper_free(h);
	err_wrap(e, "privileged helper");
	return NULL;
}

struct helper *helper_direct(const struct plan_policy *policy)
{
	struct helper *h = make(-1);
	h->policy = policy;
	return h;
}

struct helper *helper_attach(int fd)
{
	return make(fd);
}

int helper_fd(const struct helper *h)
{
	return h->fd;
}

int64_t helper_pid(const struct helper *h)
{
	return h->proc.pid;
}

void helper_dry_run(struct helper *h, int fd)
{
	h->dry_run = fd;
}

void helper_free(struct helper *h)
{
	if (!h)
		return;
	fd_drop(&h->fd);
	if (h->proc.pidfd >= 0 && proc_wait(&h->proc, MONO_NEVER, NULL))
		proc_close(&h->proc);
	free(h);
}

/* Fills in what the caller waits for. */
static void settle(struct waiting *w, struct str body)
{
	struct answer a;
	w->done = true;
	if (body.n < sizeof a) {
		w->error = err_set(w->e, ERR_SYSTEM, "the privileged helper answered nonsense");
		return;
	}
	memcpy(&a, body.p, sizeof a);
	body = str_sub(body, sizeof a, body.n);
	w->error = a.failed ? -1 : 0;
	if (a.failed) {
		err_set(w->e, (enum err_reason)a.reason, "%.*s", (int)a.message, body.p);
		if (w->e)
			w->e->sys = a.sys;
	} else if (w->ret) {
		w->ret->status = a.status;
		buf_str(&w->ret->output, str_sub(body, a.message, a.message + a.output));
	}
}

static void fail_all(struct helper *h, int error)
{
	struct waiting *w;
	list_each(w, &h->waiting, node) {
		w->done = true;
		w->error = err_sys(w->e, error ? error : ECONNRESET, "the privileged helper is gone");
	}
}

/* Reads one packet for whoever waits for it. */
static void read_answer(struct helper *h)
{
	struct packet p;
	struct waiting *w;
	int r = fd_wait(h->fd, MONO_NEVER);
	if (r) {
		fail_all(h, r);
		return;
	}
	r = recv_packet(h->fd, &p);
	if (r <= 0 && r != -EAGAIN)
		fail_all(h, r);
	list_each(w, &h->waiting, node)
		if (r == 1 && w->id == p.h.id && !w->done) {
			settle(w, p.body);
			break;
		}
	packet_fini(&p);
}

/* Several fibers may wait on one connection: one of them reads, the others are woken. */
static void wait_answer(struct helper *h, struct waiting *w)
{
	bool fiber = fiber_self() != NULL;
	if (fiber)
		fiber_shield_begin();
	while (!w->done) {
		if (h->reading && cond_wait(&h->arrived, MONO_NEVER) == 0)
			continue;
		h->reading = true;
		read_answer(h);
		h->reading = false;
		if (fiber)
			cond_wake_all(&h->arrived);
	}
	if (fiber)
		fiber_shield_end();
}

/* The socket takes a few packets while the helper is busy; then the fiber waits (and off a loop, everything). */
static int send_when_possible(int fd, uint32_t id, struct str body, const int *fds, int nfds)
{
	for (;;) {
		struct header head = {.id = id};
		int r = send_packet(fd, &head, body, fds, nfds);
		if (r != -EAGAIN)
			return r;
		r = fiber_self() ? rt_wait_fd(fd, POLLOUT, MONO_NEVER) : poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		if (r < 0)
			return r;
	}
}

static int ask(struct helper *h, uint32_t id, struct str body, const int *fds, int nfds, struct plan_result *ret, struct err *e)
{
	struct waiting w = {.id = id, .ret = ret, .e = e};
	int r = send_when_possible(h->fd, id, body, fds, nfds);
	if (r)
		return err_sys(e, r, "ask the privileged helper");
	list_push(&h->waiting, &w.node);
	wait_answer(h, &w);
	list_remove(&w.node);
	return w.error;
}

int helper_share(struct helper *h, struct err *e)
{
	int pair[2];
	if (h->fd < 0)
		return err_set(e, ERR_BAD_REQUEST, "a direct helper cannot be shared");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return err_sys(e, errno, "make the helper's socket");
	int r = ask(h, SHARE_MAGIC, STR(""), &pair[1], 1, NULL, e);
	close(pair[1]);
	if (!r)
		return pair[0];
	close(pair[0]);
	return -1;
}

struct direct { struct helper *h; const struct plan *p; struct plan_result *ret; struct err *e; int r; };
static void run_direct(void *arg)
{
	struct direct *d = arg;
	d->r = plan_apply(d->p, d->h->policy, d->ret, d->e);
}

static int dry(struct helper *h, const struct plan *p, struct plan_result *ret)
{
	BUF(b);
	plan_print(p, &b);
	for (struct str rest = buf_view(&b); rest.n;) {
		ssize_t n = write(h->dry_run, rest.p, rest.n);
		if (n <= 0)
			break;
		rest = str_sub(rest, (size_t)n, rest.n);
	}
	if (ret)
		*ret = (struct plan_result){0};
	return 0;
}

int helper_run(struct helper *h, const struct plan *p, struct plan_result *ret, struct err *e)
{
	BUF(b);
	if (h->dry_run >= 0)
		return h->policy && plan_check(p, h->policy, e) ? -1 : dry(h, p, ret);
	if (h->fd < 0) {
		struct direct d = {.h = h, .p = p, .ret = ret, .e = e};
		if (fiber_self())
			rt_job(run_direct, &d);
		else
			run_direct(&d);
		return d.r;
	}
	if (p->failed)
		return err_set(e, ERR_TOO_LARGE, "the plan is too large");
	if (ret)
		*ret = (struct plan_result){0};
	plan_encode(p, &b);
	return b.failed ? err_nomem(e, PLAN_BYTES_MAX) : ask(h, h->next_id++ & 0x7fffffff, buf_view(&b), p->fds, p->nfds, ret, e);
}
