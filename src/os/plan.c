#include "os/plan_impl.h"
#include "os/fd.h"
#include "base/enc.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct plan *plan_new(void)
{
	struct plan *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	p->mem = arena_new(NULL);
	return p;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	arena_free(p->mem);
	free(p);
}

size_t plan_len(const struct plan *p)
{
	return p->steps.len;
}

int plan_nfds(const struct plan *p, const int **ret_fds)
{
	*ret_fds = p->fds;
	return p->nfds;
}

int plan_fd(struct plan *p, int fd)
{
	if (p->nfds == PLAN_FDS_MAX || fd < 0)
		return p->failed = true, -1;
	p->fds[p->nfds] = fd;
	return p->nfds++;
}

static struct step *add_step(struct plan *p, unsigned op)
{
	struct step *s = p->steps.len < PLAN_STEPS_MAX ? arena_push(p->mem, &p->steps) : NULL;
	if (s)
		s->op = (uint8_t)op;
	else
		p->failed = true;
	return s;
}

static void add_str(struct plan *p, struct step *s, struct str v)
{
	p->bytes += v.n;
	/* Aligned: some strings are structs or netlink messages. */
	char *z = p->bytes <= PLAN_BYTES_MAX ? arena_alloc(p->mem, v.n + 1) : NULL;
	if (!z) {
		p->failed = true;
		return;
	}
	if (v.n)
		memcpy(z, v.p, v.n);
	s->strs[s->nstrs++] = str_n(z, v.n);
}

/* Strings end with an absent one. */
static void add(struct plan *p, enum plan_op op, const struct str *strs, size_t nstrs, const int64_t *nums, size_t nnums)
{
	struct step *s = add_step(p, op);
	for (size_t i = 0; s && i < nstrs; i++)
		add_str(p, s, strs[i]);
	for (size_t i = 0; s && i < nnums; i++)
		s->nums[s->nnums++] = nums[i];
}
#define STRS(...) (const struct str[]){__VA_ARGS__}, sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)
#define NUMS(...) (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)
#define NONE NULL, 0
#define Z(s) str_of(s)
#define BYTES(s) str_n((s), sizeof *(s))

void plan_mkdir(struct plan *p, const char *root, const char *path, uint32_t mode, uint32_t uid, uint32_t gid)
{
	add(p, PLAN_MKDIR, STRS(Z(root), Z(path)), NUMS(mode, uid, gid));
}

void plan_chown(struct plan *p, const char *root, const char *path, uint32_t uid, uint32_t gid, bool recursive)
{
	add(p, PLAN_CHOWN, STRS(Z(root), Z(path)), NUMS(uid, gid, recursive));
}

void plan_chmod(struct plan *p, const char *root, const char *path, uint32_t mode)
{
	add(p, PLAN_CHMOD, STRS(Z(root), Z(path)), NUMS(mode));
}

void plan_write(struct plan *p, const char *root, const char *path, struct str data, uint32_t mode)
{
	add(p, PLAN_WRITE, STRS(Z(root), Z(path), data), NUMS(mode));
}

void plan_remove(struct plan *p, const char *root, const char *path)
{
	add(p, PLAN_REMOVE, STRS(Z(root), Z(path)), NONE);
}

void plan_tmpfs(struct plan *p, const char *root, const char *path, uint64_t size_bytes, uint32_t mode)
{
	add(p, PLAN_TMPFS, STRS(Z(root), Z(path)), NUMS((int64_t)size_bytes, mode));
}

void plan_bind(struct plan *p, const char *source_root, const char *source, const char *root, const char *path, uint32_t flags)
{
	add(p, PLAN_BIND, STRS(Z(root), Z(path), Z(source_root), Z(source)), NUMS(flags));
}

void plan_remount(struct plan *p, const char *root, const char *path, uint32_t flags)
{
	add(p, PLAN_REMOUNT, STRS(Z(root), Z(path)), NUMS(flags));
}

void plan_umount(struct plan *p, const char *root, const char *path)
{
	add(p, PLAN_UMOUNT, STRS(Z(root), Z(path)), NONE);
}

void plan_sysctl(struct plan *p, const char *name, const char *value)
{
	add(p, PLAN_SYSCTL, STRS(Z(name), Z(value)), NONE);
}

void plan_cgroup_create(struct plan *p, const char *path)
{
	add(p, PLAN_CGROUP_CREATE, STRS(Z(path)), NONE);
}

void plan_cgroup_limit(struct plan *p, const char *path, const struct cgroup_limits *l)
{
	add(p, PLAN_CGROUP_LIMIT, STRS(Z(path), BYTES(l)), NONE);
}

void plan_cgroup_add(struct plan *p, const char *path, int64_t pid)
{
	add(p, PLAN_CGROUP_ADD, STRS(Z(path)), NUMS(pid));
}

void plan_cgroup_kill(struct plan *p, const char *path)
{
	add(p, PLAN_CGROUP_KILL, STRS(Z(path)), NONE);
}

void plan_cgroup_remove(struct plan *p, const char *path)
{
	add(p, PLAN_CGROUP_REMOVE, STRS(Z(path)), NONE);
}

void plan_netns(struct plan *p, int fd)
{
	add(p, PLAN_NETNS, NONE, NUMS(fd));
}

/* Descriptors inside structs travel as index + 1; 0 stays "none". */
static int lend(struct plan *p, int fd)
{
	return fd ? plan_fd(p, fd) + 1 : 0;
}

void plan_link_add(struct plan *p, const struct net_link_new *l)
{
	struct net_link_new own = *l;
	own.peer_netns = lend(p, l->peer_netns);
	add(p, PLAN_LINK_ADD, STRS(BYTES(&own)), NONE);
}

void plan_link_del(struct plan *p, const char *name)
{
	add(p, PLAN_LINK_DEL, STRS(Z(name)), NONE);
}

void plan_link_set(struct plan *p, const char *name, const struct net_link_change *c)
{
	struct net_link_change own = *c;
	own.netns = c->mask & NET_SET_NETNS ? lend(p, c->netns) : 0;
	add(p, PLAN_LINK_SET, STRS(Z(name), BYTES(&own)), NONE);
}

void plan_addr_add(struct plan *p, const char *link, const struct net_ip *addr)
{
	add(p, PLAN_ADDR_ADD, STRS(Z(link), BYTES(addr)), NONE);
}

void plan_addr_del(struct plan *p, const char *link, const struct net_ip *addr)
{
	add(p, PLAN_ADDR_DEL, STRS(Z(link), BYTES(addr)), NONE);
}

void plan_route_add(struct plan *p, const struct net_route *r)
{
	add(p, PLAN_ROUTE_ADD, STRS(BYTES(r)), NONE);
}

void plan_route_del(struct plan *p, const struct net_route *r)
{
	add(p, PLAN_ROUTE_DEL, STRS(BYTES(r)), NONE);
}

void plan_nft(struct plan *p, struct str messages)
{
	add(p, PLAN_NFT, STRS(messages), NONE);
}

void plan_nft_once(struct plan *p, int family, const char *table, const char *chain, const char *comment, uint32_t count, struct str messages)
{
	add(p, PLAN_NFT_ONCE, STRS(Z(table), Z(chain), Z(comment), messages), NUMS(family, count));
}

void plan_nft_forget(struct plan *p, int family, const char *table, const char *chain, const char *comment)
{
	add(p, PLAN_NFT_FORGET, STRS(Z(table), Z(chain), Z(comment)), NUMS(family));
}

void plan_kill(struct plan *p, int64_t pid, uint64_t start_ticks, int sig)
{
	add(p, PLAN_KILL, NONE, NUMS(pid, (int64_t)start_ticks, sig));
}

/* Each string with its NUL, one after the other. */
static void put_list(struct buf *b, const char *const *list)
{
	for (; list && *list; list++)
		buf_put(b, *list, strlen(*list) + 1);
}

void plan_run(struct plan *p, const char *const *argv, const char *const *env, struct str input, uint32_t timeout_ms)
{
	BUF(args);
	BUF(vars);
	put_list(&args, argv);
	put_list(&vars, env);
	p->failed |= args.failed || vars.failed;
	add(p, PLAN_RUN, STRS(buf_view(&args), buf_view(&vars), input), NUMS(timeout_ms));
}

/* op, counts, then each string as length, bytes, and each number; little-endian as the machine is.  Both ends are the same program. */
void plan_encode(const struct plan *p, struct buf *out)
{
	for (uint32_t i = 0; i < p->steps.len; i++) {
		const struct step *s = &p->steps.items[i];
		buf_char(out, (char)s->op);
		buf_char(out, (char)s->nstrs);
		buf_char(out, (char)s->nnums);
		for (int k = 0; k < s->nstrs; k++) {
			uint32_t n = (uint32_t)s->strs[k].n;
			buf_put(out, &n, sizeof n);
			buf_str(out, s->strs[k]);
		}
		buf_put(out, s->nums, s->nnums * sizeof s->nums[0]);
	}
}

static bool take(struct str *in, void *to, size_t n)
{
	if (in->n < n)
		return false;
	memcpy(to, in->p, n);
	*in = str_n(in->p + n, in->n - n);
	return true;
}

static bool take_step(struct plan *p, struct str *in)
{
	uint8_t head[3];
	uint32_t n;
	if (!take(in, head, sizeof head) || head[1] > STEP_STRS || head[2] > STEP_NUMS)
		return false;
	struct step *s = add_step(p, head[0]);
	for (int i = 0; s && i < head[1]; i++) {
		if (!take(in, &n, sizeof n) || n > in->n)
			return false;
		add_str(p, s, str_n(in->p, n));
		*in = str_n(in->p + n, in->n - n);
	}
	if (!s || p->failed || !take(in, s->nums, head[2] * sizeof s->nums[0]))
		return false;
	s->nnums = head[2];
	return true;
}

struct plan *plan_decode(struct str bytes, const int *fds, int nfds, struct err *e)
{
	struct plan *p = plan_new();
	bool ok = nfds <= PLAN_FDS_MAX;
	for (int i = 0; ok && i < nfds; i++)
		plan_fd(p, fds[i]);
	while (ok && bytes.n)
		ok = take_step(p, &bytes);
	if (ok && !p->failed)
		return p;
	plan_free(p);
	err_set(e, ERR_BAD_REQUEST, "not a plan");
	return NULL;
}

void plan_result_fini(struct plan_result *r)
{
	buf_fini(&r->output);
	*r = (struct plan_result){0};
}

const char *plan_op_name(unsigned op)
{
	const struct op *row = plan_op_row(op);
	return row ? row->name : "unknown operation";
}

static void print_step(const struct step *s, struct buf *out)
{
	const struct op *row = plan_op_row(s->op);
	buf_str(out, str_of(plan_op_name(s->op)));
	for (int i = 0; row && i < s->nstrs && i < row->nstrs; i++) {
		buf_printf(out, " %s=", row->strs[i]);
		if (row->blobs & 1u << i)
			buf_printf(out, "(%zu bytes)", s->strs[i].n);
		else
			enc_quote(out, s->strs[i]);
	}
	for (int i = 0; row && i < s->nnums && i < row->nnums; i++)
		buf_printf(out, strcmp(row->nums[i], "mode") ? " %s=%lld" : " %s=0%llo", row->nums[i], (long long)s->nums[i]);
	buf_char(out, '\n');
}

void plan_print(const struct plan *p, struct buf *out)
{
	for (uint32_t i = 0; i < p->steps.len; i++)
		print_step(&p->steps.items[i], out);
}

static bool fits(const struct step *s, const struct op *row)
{
	if (!row || s->nstrs != row->nstrs || s->nnums != row->nnums)
		return false;
	for (int i = 0; i < s->nstrs; i++)
		if (!(row->blobs & 1u << i) && (s->strs[i].n >= PATH_MAX || memchr(s->strs[i].p, 0, s->strs[i].n)))
			return false;
	return true;
}

int plan_check(const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	int runs = 0;
	if (p->failed)
		return err_set(e, ERR_TOO_LARGE, "the plan is too large");
	for (uint32_t i = 0; i < p->steps.len; i++) {
		const struct step *s = &p->steps.items[i];
		const struct op *row = plan_op_row(s->op);
		if (!fits(s, row))
			return err_set(e, ERR_BAD_REQUEST, "step %u: %s is malformed", i + 1, plan_op_name(s->op));
		if (row->check(s, p, policy, e))
			return err_wrap(e, "step %u: %s", i + 1, row->name);
		runs += s->op == PLAN_RUN;
	}
	return runs > 1 ? err_set(e, ERR_BAD_REQUEST, "more than one program in a plan") : 0;
}

/* Back into the namespace in which step `at` was carried out. */
static void enter_namespace_of(struct act *a, uint32_t at)
{
	int64_t fd = -1;
	for (uint32_t i = 0; i < at; i++)
		if (a->plan->steps.items[i].op == PLAN_NETNS)
			fd = a->plan->steps.items[i].nums[0];
	if (a->home >= 0 && netns_enter(fd < 0 ? a->home : a->plan->fds[fd], NULL))
		abort();
}

static void undo_all(struct act *a, const int64_t *undo, uint32_t done)
{
	while (done-- > 0) {
		const struct step *s = &a->plan->steps.items[done];
		const struct op *row = plan_op_row(s->op);
		a->undo = undo[done];
		if (!row->undo)
			continue;
		enter_namespace_of(a, done);
		row->undo(a, s);
	}
}

static int apply_steps(struct act *a, struct err *e)
{
	int64_t undo[PLAN_STEPS_MAX];
	for (uint32_t i = 0; i < a->plan->steps.len; i++) {
		const struct step *s = &a->plan->steps.items[i];
		a->undo = 0;
		if (plan_op_row(s->op)->apply(a, s, e)) {
			err_wrap(e, "step %u: %s", i + 1, plan_op_name(s->op));
			undo_all(a, undo, i);
			return -1;
		}
		undo[i] = a->undo;
	}
	return 0;
}

int plan_apply(const struct plan *p, const struct plan_policy *policy, struct plan_result *ret, struct err *e)
{
	struct act a = {.plan = p, .policy = policy, .ret = ret, .home = -1};
	ERR(own);
	if (ret)
		*ret = (struct plan_result){0};
	if (plan_check(p, policy, e))
		return -1;
	int r = apply_steps(&a, e);
	/* A thread that stayed in a foreign namespace would do the next plan's work there. */
	if (a.home >= 0 && netns_enter(a.home, &own))
		abort();
	fd_cleanup(&a.home);
	if (r && ret)
		plan_result_fini(ret);
	return r;
}
