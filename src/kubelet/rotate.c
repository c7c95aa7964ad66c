/* Container logs rotated by size: the present file is set aside, the runtime opens a new one, the oldest go. */
#include "kubelet/impl.h"
#include "kubelet/log.h"
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_EVERY (10 * NS_S) /* unless the configuration says otherwise */

static void drop_old(struct arena *a, const char *path, int keep)
{
	str_list_t old = {0};
	log_asides(a, path, &old);
	for (uint32_t i = 0; i + (uint32_t)keep < old.len; i++)
		remove(str_z(a, old.items[i]));
}

static void rotate(struct kubelet *k, struct arena *a, const char *path, struct str id)
{
	ERR(e);
	struct civil c = time_civil(rt_wall() / NS_S);
	char *aside = str_z(a, str_printf(a, "%s.%04d%02d%02d-%02d%02d%02d", path, c.year, c.month, c.day, c.hour, c.minute, c.second));
	struct cri_v1_ReopenContainerLogRequest req = {id};
	struct cri_v1_ReopenContainerLogResponse resp = {0};
	drop_old(a, path, k->cfg->containerLogMaxFiles > 2 ? k->cfg->containerLogMaxFiles - 2 : 0);
	if (rename(path, aside))
		return;
	if (cri_call(k->cri, a, CRI_REOPEN_LOG, &req, &resp, 0, &e) && !cri_not_found(&e)) {
		log_error("rotation of %s: %s", path, err_text(&e));
		if (rename(aside, path))
			log_error("%s could not be put back", path);
	}
}

static void look(struct kubelet *k, struct arena *a, const struct pod *p, int64_t max)
{
	struct { struct str path, id; } big[16];
	size_t n = 0;
	if (!p->view)
		return;
	LIST_EACH(c, p->view->containers) {
		struct stat st;
		char *path = str_z(a, c->log_path);
		if (c->state == CS_RUNNING && n < ARRAY_LEN(big) && c->log_path.n && stat(path, &st) == 0 && st.st_size >= max) {
			big[n].path = str_of(path);
			big[n++].id = str_dup(a, c->id);
		}
	}
	for (size_t i = 0; i < n; i++)
		rotate(k, a, big[i].path.p, big[i].id);
}

static void rotate_fiber(void *arg)
{
	struct kubelet *k = arg;
	int64_t max = amount_parse(STR("memory"), k->cfg->containerLogMaxSize);
	nsec_t every = k->cfg->containerLogMonitorInterval > 0 ? k->cfg->containerLogMonitorInterval : LOOK_EVERY;
	while (max > 0 && !fiber_sleep(every)) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct map_entry *en;
		str_list_t uids = {0};
		for (size_t i = 0; (en = map_next(&k->pods, &i));)
			*arena_push(a, &uids) = str_dup(a, en->key);
		LIST_EACH(u, uids) { /* a Pod may end while another's log is rotated */
			struct pod *p = pod_by_uid(k, *u);
			if (p)
				look(k, a, p, max);
		}
	}
}

void rotate_start(struct kubelet *k)
{
	if (!fiber_spawn(k->scope, "rotate", rotate_fiber, k))
		log_error("no fiber left to rotate logs");
}
