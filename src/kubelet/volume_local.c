/* emptyDir and hostPath. */
#include "kubelet/volume.h"
#include <fcntl.h>
#include <unistd.h>

static uint64_t memory_size(struct volume_job *j, const struct core_v1_EmptyDirVolumeSource *s)
{
	struct amounts lim = pod_limits(j->a, &j->spec->pod->spec);
	int64_t pod = amounts_get(&lim, STR("memory")), own = s->sizeLimit.n ? amount_parse(STR("memory"), s->sizeLimit) : 0;
	bool all = true;
	LIST_EACH(c, j->spec->pod->spec.containers)
		all &= str_map_has(&c->resources.limits, STR("memory"));
	pod = all ? pod : 0;
	return (uint64_t)(own && pod ? own < pod ? own : pod : own ? own : pod);
}

int volume_emptydir(struct volume_job *j, struct err *e)
{
	const struct core_v1_EmptyDirVolumeSource *s = j->v->volumeSource.emptyDir;
	bool memory = str_is(s->medium, "Memory");
	return volume_folder(j, memory, memory ? memory_size(j, s) : 0, memory ? 01777 : 0777, e);
}

static const struct {
	const char *type, *what;
	mode_t format;
} kinds[] = {{"Directory", "directory", S_IFDIR}, {"DirectoryOrCreate", "directory", S_IFDIR}, {"File", "file", S_IFREG}, {"FileOrCreate", "file", S_IFREG},
	{"Socket", "socket file", S_IFSOCK}, {"CharDevice", "character device", S_IFCHR}, {"BlockDevice", "block device", S_IFBLK}};

static int host_create(const char *path, bool folder, struct err *e)
{
	if (folder)
		return file_mkdirs(path, 0755, e);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	close(fd);
	return 0;
}

int volume_hostpath(struct volume_job *j, struct err *e)
{
	const struct core_v1_HostPathVolumeSource *s = j->v->volumeSource.hostPath;
	char *path = str_z(j->a, s->path);
	struct stat st;
	for (size_t i = 0; s->type.n && i < ARRAY_LEN(kinds); i++) {
		if (!str_is(s->type, kinds[i].type))
			continue;
		bool there = stat(path, &st) == 0;
		if (!there && str_has_suffix(s->type, STR("OrCreate")))
			return host_create(path, kinds[i].format == S_IFDIR, e);
		if (!there || (st.st_mode & S_IFMT) != kinds[i].format)
			return err_set(e, ERR_INVALID, "hostPath type check failed: %s is not a %s", path, kinds[i].what);
	}
	return 0;
}
