/* Files: whole reads and atomic writes, resolution beneath a root, folders watched.
 *
 * Every path that a Pod or another user can influence goes through the beneath_* calls: root is a directory descriptor, rel a relative path, and no
 * component may lead out of root (openat2, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS).  Descriptors are O_CLOEXEC. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rt/loop.h"
#include <sys/stat.h>
#include <sys/types.h>

/* The whole file, at most max bytes (more is an error), into the arena; NUL-terminated beyond .n.  Works for /proc too. */
int file_read(struct arena *a, const char *path, size_t max, struct str *ret, struct err *e) must_check;
int file_read_fd(struct arena *a, int fd, size_t max, struct str *ret, struct err *e) must_check;
/* Temporary file in the same folder, written, fsynced, renamed; the folder is fsynced.  Readers see the old or the new content. */
int file_write_atomic(const char *path, struct str data, mode_t mode, struct err *e) must_check;
int file_mkdirs(const char *path, mode_t mode, struct err *e) must_check; /* mkdir -p */
bool file_exists(const char *path);
/* Removes the tree at path: links are removed, never followed; other mounts are left alone (and then the error says so). Absent is fine. */
int file_remove_tree(const char *path, struct err *e) must_check;
/* Writes all of it to an existing file such as those of /proc/sys and cgroups (one write call). */
int file_poke(const char *path, struct str data, struct err *e) must_check;

int root_open(const char *path, struct err *e) must_check; /* O_PATH descriptor of a folder, or -1 */
/* The folder at the absolute path, which must be top or lie beneath it, by a way without links below top. */
int root_open_beneath(const char *top, const char *path, struct err *e) must_check;
int beneath_open(int root, const char *rel, int flags, mode_t mode, struct err *e) must_check; /* descriptor or -1 */
/* mkdir -p; made folders get mode, uid, gid (UINT32_MAX: keep). */
int beneath_mkdirs(int root, const char *rel, mode_t mode, uid_t uid, gid_t gid, struct err *e) must_check;
int beneath_read(struct arena *a, int root, const char *rel, size_t max, struct str *ret, struct err *e) must_check;
int beneath_write(int root, const char *rel, struct str data, mode_t mode, struct err *e) must_check; /* atomic */
int beneath_chown(int root, const char *rel, uid_t uid, gid_t gid, bool recursive, struct err *e) must_check;
int beneath_chmod(int root, const char *rel, mode_t mode, struct err *e) must_check;
int beneath_symlink(int root, const char *rel, const char *target, struct err *e) must_check;
int beneath_rename(int root, const char *from, const char *to, struct err *e) must_check;
int beneath_remove(int root, const char *rel, struct err *e) must_check; /* tree; absent is fine */
int beneath_stat(int root, const char *rel, struct stat *ret, struct err *e) must_check; /* a link at the end is not followed */
/* True for a relative path without "", ".", ".." parts and without NUL, at most PATH_MAX - 1 bytes. */
bool path_is_clean(struct str rel);

/* Size on disk of the tree at path (blocks, hard links once) and its inodes; other mounts are left out; stops at limit entries (0: none).  Blocks. */
int file_usage(const char *path, uint64_t limit, uint64_t *ret_bytes, uint64_t *ret_inodes, struct err *e) must_check;

/* Changes in one folder (inotify): fn(arg, name, mask) on the current loop; name "" and IN_Q_OVERFLOW: look at everything again;
 * name "" and IN_IGNORED: the folder is gone. */
struct dir_watch;
struct dir_watch *dir_watch_new(const char *path, uint32_t mask, void (*fn)(void *arg, const char *name, uint32_t mask), void *arg, struct err *e);
void dir_watch_free(struct dir_watch *w);
#define DIR_WATCH_CHANGES 0x000003c8u /* IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE */
