/* What Pods left behind that went while the kubelet was away: folders with their mounts, cgroups. */
#include "kubelet/impl.h"
#include <dirent.h>

static bool uid_like(const char *s) { return strlen(s) >= 32 && !strchr(s, '.'); }

static void cgroups_remove(struct kubelet *k, struct str uid)
{
	for (enum cgroup_qos q = CGROUP_GUARANTEED; q <= CGROUP_BESTEFFORT; q++) {
		ERR(e);
		BUF(path);
		CLEANUP(plan_free) struct plan *plan = plan_new();
		struct str root = str_is(k->cfg->cgroupRoot, "/") ? STR("") : k->cfg->cgroupRoot;
		cgroup_pod_path(&path, str_is(k->cfg->cgroupDriver, "systemd") ? CGROUP_DRIVER_SYSTEMD : CGROUP_DRIVER_CGROUPFS, root, q, uid);
		if (!k->cfg->cgroupsPerQOS || !cgroup_exists(k->cgroups, buf_z(&path)))
			continue;
		plan_cgroup_kill(plan, buf_z(&path));
		plan_cgroup_remove(plan, buf_z(&path));
		if (helper_run(k->helper, plan, NULL, &e))
			log_error("orphaned cgroup %s: %s", buf_z(&path), err_text(&e));
	}
}

static void folder_remove(struct kubelet *k, struct arena *a, const char *uid)
{
	ERR(e);
	CLEANUP(plan_free) struct plan *plan = plan_new();
	char *root = str_z(a, str_printf(a, "%.*s/pods/%s", STR_F(k->o.root_dir), uid));
	struct mount_list l = {0};
	size_t n = strlen(root);
	cgroups_remove(k, str_of(uid));
	if (mount_table(a, root, &l, &e))
		return;
	for (uint32_t i = l.len; i-- > 0;)
		if (l.items[i].path.n > n + 1)
			plan_umount(plan, root, str_z(a, str_sub(l.items[i].path, n + 1, l.items[i].path.n)));
	if ((plan_len(plan) && helper_run(k->helper, plan, NULL, &e)) || file_remove_tree(root, &e))
		log_error("orphaned folder %s: %s", root, err_text(&e));
}

static void folders(struct kubelet *k, struct arena *a)
{
	DIR *d = opendir(str_z(a, str_printf(a, "%.*s/pods", STR_F(k->o.root_dir))));
	for (struct dirent *en; d && (en = readdir(d));)
		if (uid_like(en->d_name) && !pod_by_uid(k, str_of(en->d_name)))
			folder_remove(k, a, en->d_name);
	if (d)
		closedir(d);
}

/* Two kubelets on one machine share cgroups and must not share Pods: only groups of Pods whose folder is ours go. */
void orphans_clean(struct kubelet *k, struct arena *a)
{
	if (!k->sources_ready || k->orphans_done)
		return;
	folders(k, a);
	k->orphans_done = true;
}
