#include "kubelet/payload.h"
#include "base/buf.h"
#include "base/clock.h"
#include "os/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX (16u << 20)

int payload_add(struct arena *a, struct payload *p, struct str path, struct str data, uint32_t mode, struct err *e)
{
	if (!path_is_clean(path) || str_has_prefix(path, STR("..")))
		return err_set(e, ERR_INVALID, "invalid path: must be relative and without \"..\": %.*s", STR_F(path));
	struct payload_file *f = NULL;
	LIST_EACH(x, *p)
		if (str_eq(x->path, path))
			f = x;
	if (!f)
		f = arena_push(a, p);
	*f = (struct payload_file){path, data, mode};
	return 0;
}

static struct str first_part(struct str path)
{
	struct str head;
	str_cut(path, '/', &head, &(struct str){0});
	return head;
}

static bool has_part(const struct payload *p, struct str name)
{
	LIST_EACH(f, *p)
		if (str_eq(first_part(f->path), name))
			return true;
	return false;
}

/* ---- compare */
static bool same_file(struct arena *a, int root, const struct payload_file *f)
{
	ERR(e);
	struct str now;
	struct stat st;
	const char *rel = str_z(a, str_printf(a, "..data/%.*s", STR_F(f->path)));
	if (beneath_read(a, root, rel, FILE_MAX, &now, &e) || !str_eq(now, f->data))
		return false;
	return beneath_stat(root, rel, &st, &e) == 0 && (st.st_mode & 0777 & ~0440u) == (f->mode & 0777 & ~0440u);
}

static size_t count_files(int dir, int depth)
{
	DIR *d = dir >= 0 ? fdopendir(dir) : NULL;
	size_t n = 0;
	for (struct dirent *en; d && (en = readdir(d));) {
		if (en->d_name[0] == '.' && (!en->d_name[1] || (en->d_name[1] == '.' && !en->d_name[2])))
			continue;
		if (en->d_type == DT_DIR && depth < 32)
			n += count_files(openat(dirfd(d), en->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), depth + 1);
		else
			n++;
	}
	if (d)
		closedir(d);
	return n;
}

static bool unchanged(struct arena *a, int root, const struct payload *p)
{
	ERR(e);
	LIST_EACH(f, *p)
		if (!same_file(a, root, f))
			return false;
	int data = beneath_open(root, "..data", O_RDONLY | O_DIRECTORY, 0, &e);
	return data >= 0 && count_files(data, 0) == p->len;
}

/* ---- write */
static int fill(int fd, struct str data, uint32_t mode, gid_t gid, struct err *e)
{
	while (data.n) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0)
			return err_sys(e, errno, "write");
		data = str_sub(data, (size_t)n, data.n);
	}
	if (gid != UINT32_MAX && fchown(fd, (uid_t)-1, gid))
		return err_sys(e, errno, "chown");
	return fchmod(fd, gid != UINT32_MAX ? mode | 0440 : mode) ? err_sys(e, errno, "chmod") : 0;
}

static int write_one(struct arena *a, int root, const char *ts, const struct payload_file *f, gid_t gid, struct err *e)
{
	char *rel = str_z(a, str_printf(a, "%s/%.*s", ts, STR_F(f->path)));
	char *slash = strrchr(rel, '/');
	*slash = 0;
	int r = beneath_mkdirs(root, rel, 0755, UINT32_MAX, gid, e);
	*slash = '/';
	if (r)
		return -1;
	int fd = beneath_open(root, rel, O_CREAT | O_EXCL | O_WRONLY, 0600, e);
	if (fd < 0)
		return -1;
	r = fill(fd, f->data, f->mode, gid, e);
	close(fd);
	return r;
}

static char *folder_name(struct arena *a, int64_t now)
{
	struct civil c = time_civil(now / NS_S);
	return str_z(a, str_printf(a, "..%04d_%02d_%02d_%02d_%02d_%02d.%09d", c.year, c.month, c.day, c.hour, c.minute, c.second, (int)(now % NS_S)));
}

static int links(struct arena *a, int root, const struct payload *p, struct err *e)
{
	LIST_EACH(f, *p) {
		struct stat st;
		struct str part = first_part(f->path);
		char *name = str_z(a, part);
		ERR(absent);
		if (beneath_stat(root, name, &st, &absent) == 0)
			continue;
		if (beneath_symlink(root, name, str_z(a, str_printf(a, "..data/%.*s", STR_F(part))), e))
			return -1;
	}
	return 0;
}

/* Links of keys that are gone, and folders of earlier contents. */
static int tidy(int root, const struct payload *p, const char *ts, struct err *e)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	for (struct dirent *en; d && !r && (en = readdir(d));) {
		const char *n = en->d_name;
		bool ours = !strcmp(n, ".") || !strcmp(n, "..") || !strcmp(n, "..data") || !strcmp(n, ts);
		if (!ours && !has_part(p, str_of(n)))
			r = beneath_remove(root, n, e);
	}
	if (d)
		closedir(d);
	return r;
}

static int replace(struct arena *a, int root, const struct payload *p, gid_t gid, int64_t now, struct err *e)
{
	char *ts = folder_name(a, now);
	if (beneath_mkdirs(root, ts, 0755, UINT32_MAX, gid, e))
		return -1;
	LIST_EACH(f, *p)
		if (write_one(a, root, ts, f, gid, e))
			return -1;
	if (beneath_remove(root, "..data_tmp", e) || beneath_symlink(root, "..data_tmp", ts, e) || beneath_rename(root, "..data_tmp", "..data", e))
		return -1;
	return links(a, root, p, e) || tidy(root, p, ts, e) ? -1 : 0;
}

int payload_write(struct arena *a, const char *dir, const struct payload *p, gid_t gid, int64_t now, struct err *e)
{
	int root = root_open(dir, e);
	if (root < 0)
		return -1;
	int r = unchanged(a, root, p) ? 0 : replace(a, root, p, gid, now, e);
	close(root);
	return r;
}
