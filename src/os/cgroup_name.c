/* Names and numbers of cgroups, without the kernel: see cgroup.h. */
#include "os/cgroup.h"
#include <stdio.h>

/* A systemd slice's name carries its whole path: "kubepods-burstable-podX.slice". '-' within a part would be a level, so uids get '_'. */
static void put_slice(struct buf *out, struct str head, const struct str *parts, int n)
{
	buf_char(out, '/');
	buf_str(out, head);
	for (int i = 0; i < n; i++) {
		if (i || head.n)
			buf_char(out, '-');
		for (size_t k = 0; k < parts[i].n; k++)
			buf_char(out, parts[i].p[k] == '-' ? '_' : parts[i].p[k]);
	}
	buf_lit(out, ".slice");
}

static int pod_parts(struct arena *a, enum cgroup_qos q, struct str uid, struct str parts[3])
{
	int n = 0;
	parts[n++] = STR("kubepods");
	if (q != CGROUP_GUARANTEED)
		parts[n++] = q == CGROUP_BURSTABLE ? STR("burstable") : STR("besteffort");
	if (uid.p)
		parts[n++] = str_printf(a, "pod%.*s", STR_F(uid));
	return n;
}

void cgroup_pod_path(struct buf *out, enum cgroup_driver d, struct str root, enum cgroup_qos q, struct str uid)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str parts[3];
	int n = pod_parts(a, q, uid, parts);
	if (d == CGROUP_DRIVER_CGROUPFS) {
		buf_str(out, root);
		for (int i = 0; i < n; i++)
			buf_char(out, '/'), buf_str(out, parts[i]);
		return;
	}
	/* Beneath a root "/x" the slices are x.slice/x-kubepods.slice/... */
	struct str head = str_sub(root, root.n > 0, root.n);
	if (head.n)
		put_slice(out, head, NULL, 0);
	for (int i = 1; i <= n; i++)
		put_slice(out, head, parts, i);
}

void cgroup_parent_name(struct buf *out, enum cgroup_driver d, struct str path)
{
	ptrdiff_t at = d == CGROUP_DRIVER_SYSTEMD ? str_rindex(path, '/') : -1;
	buf_str(out, str_sub(path, (size_t)(at + 1), path.n));
}

struct str cgroup_pod_uid(struct arena *a, struct str path)
{
	struct str name = str_sub(path, (size_t)(str_rindex(path, '/') + 1), path.n);
	bool slice = str_has_suffix(name, STR(".slice"));
	if (slice) {
		name = str_sub(name, 0, name.n - 6);
		name = str_sub(name, (size_t)(str_rindex(name, '-') + 1), name.n);
	}
	if (!str_has_prefix(name, STR("pod")) || name.n == 3)
		return (struct str){0};
	char *p = arena_text(a, name.n - 3);
	for (size_t i = 3; p && i < name.n; i++)
		p[i - 3] = slice && name.p[i] == '_' ? '-' : name.p[i];
	return p ? str_n(p, name.n - 3) : (struct str){0};
}

#define SHARES_MIN 2
#define SHARES_MAX 262144

uint64_t cgroup_weight(uint64_t shares)
{
	if (shares < SHARES_MIN)
		shares = SHARES_MIN;
	if (shares > SHARES_MAX)
		shares = SHARES_MAX;
	return 1 + (shares - SHARES_MIN) * 9999 / (SHARES_MAX - SHARES_MIN);
}

uint64_t cgroup_shares(int64_t milli_cpu)
{
	uint64_t shares = milli_cpu > 0 ? (uint64_t)milli_cpu * 1024 / 1000 : 0;
	if (shares < SHARES_MIN)
		return SHARES_MIN;
	return shares > SHARES_MAX ? SHARES_MAX : shares;
}

int64_t cgroup_quota_us(int64_t milli_cpu, int64_t period_us)
{
	if (milli_cpu <= 0)
		return 0;
	int64_t quota = milli_cpu * period_us / 1000;
	return quota < 1000 ? 1000 : quota; /* the kernel refuses less than 1 ms */
}
