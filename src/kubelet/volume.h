/* Volume plug-ins. */
#pragma once
#include "kubelet/impl.h"
#include "kubelet/payload.h"

struct volume_job {
	struct pod *p;
	struct spec *spec;
	const struct core_v1_Volume *v;
	struct arena *a;
	char *dir;         /* of the volume */
	const char *rel;   /* beneath the Pod's folder */
};
struct volume_plugin {
	const char *dir;   /* NULL: no folder of ours */
	bool (*fits)(const struct core_v1_VolumeSource *s);
	int (*setup)(struct volume_job *j, struct err *e);
	struct str (*place)(struct arena *a, const struct pod *p, const struct core_v1_Volume *v); /* NULL: the folder */
	bool refresh, readonly;
};
int volume_emptydir(struct volume_job *j, struct err *e) must_check;
int volume_hostpath(struct volume_job *j, struct err *e) must_check;
int volume_configmap(struct volume_job *j, struct err *e) must_check;
int volume_secret(struct volume_job *j, struct err *e) must_check;
int volume_projected(struct volume_job *j, struct err *e) must_check;
int volume_downward(struct volume_job *j, struct err *e) must_check;
/* token.c: the Pod's token for an audience, asked for again when most of its life is over. */
int token_get(struct pod *p, struct arena *a, const struct core_v1_ServiceAccountTokenProjection *s, struct str *ret, struct err *e) must_check;
void tokens_free(struct pod *p);

/* Makes the folder, on a tmpfs if wanted; with the Pod's fsGroup. */
int volume_folder(struct volume_job *j, bool memory, uint64_t size, uint32_t mode, struct err *e) must_check;
gid_t volume_gid(const struct volume_job *j); /* fsGroup, or UINT32_MAX */
