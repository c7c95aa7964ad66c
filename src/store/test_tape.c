#include "store/test_tape.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define SHORT 4096

struct tape tape;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- The calls ---- */

#define WRAPPED(name) __asm__(name) __attribute__((visibility("default"), used))
ssize_t tape_pwrite(int fd, const void *p, size_t n, off_t off) WRAPPED("pwrite");
ssize_t tape_pwrite64(int fd, const void *p, size_t n, off_t off) WRAPPED("pwrite64");
ssize_t tape_writev(int fd, const struct iovec *iov, int n) WRAPPED("writev");
int tape_fdatasync(int fd) WRAPPED("fdatasync");
int tape_fsync(int fd) WRAPPED("fsync");
int tape_renameat(int from_dir, const char *from, int to_dir, const char *to) WRAPPED("renameat");

static void *real(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);
	return fn ? fn : abort(), fn;
}

static bool strikes(_Atomic int *left)
{
	return atomic_load(left) && atomic_fetch_sub(left, 1) == 1;
}

static void maybe_die(void)
{
	if (strikes(&tape.die))
		_exit(9);
}

static int file_of(int fd)
{
	struct stat st;
	for (int i = 0; atomic_load(&tape.on) && fstat(fd, &st) == 0 && i < TAPE_FILES; i++)
		if (st.st_ino == tape.inodes[i])
			return i;
	return -1;
}

static void record(struct tape_step s)
{
	pthread_mutex_lock(&lock);
	if (tape.n == ARRAY_LEN(tape.steps))
		abort();
	tape.steps[tape.n++] = s;
	tape.log_writes += s.file == TAPE_LOG && s.off >= 8192;
	pthread_mutex_unlock(&lock);
}

static void wait_while_held(void)
{
	atomic_fetch_add(&tape.held, 1);
	while (atomic_load(&tape.hold))
		usleep(1000);
	atomic_fetch_sub(&tape.held, 1);
}

ssize_t tape_pwrite(int fd, const void *p, size_t n, off_t off)
{
	ssize_t (*fn)(int, const void *, size_t, off_t) = real("pwrite");
	int file = file_of(fd), flags = fcntl(fd, F_GETFL);
	size_t began = tape.n;
	maybe_die();
	if (tape.refuse_direct && flags & O_DIRECT) {
		errno = EINVAL;
		return -1;
	}
	if (file == TAPE_LOG) {
		wait_while_held();
		if (strikes(&tape.fail_sync[TAPE_LOG])) {
			errno = EIO;
			return -1;
		}
	}
	ssize_t rc = fn(fd, p, tape.short_writes && flags & O_DSYNC && n > SHORT ? SHORT : n, off);
	if (rc > 0 && file >= 0)
		record((struct tape_step){.file = (enum tape_file)file, .through = flags & O_DSYNC, .began = began, .off = off, .bytes = blob_copy(str_n(p, (size_t)rc))});
	return rc;
}

ssize_t tape_pwrite64(int fd, const void *p, size_t n, off_t off)
{
	return tape_pwrite(fd, p, n, off);
}

ssize_t tape_writev(int fd, const struct iovec *iov, int n)
{
	ssize_t (*fn)(int, const struct iovec *, int) = real("writev");
	int file = file_of(fd);
	size_t began = tape.n;
	off_t off = file >= 0 ? lseek(fd, 0, SEEK_CUR) : 0;
	if (file >= 0)
		maybe_die();
	ssize_t rc = fn(fd, iov, n);
	for (int i = 0; file >= 0 && i < n; off += (off_t)iov[i++].iov_len)
		record((struct tape_step){.file = (enum tape_file)file, .began = began, .off = off, .bytes = blob_copy(str_n(iov[i].iov_base, iov[i].iov_len))});
	return rc;
}

int tape_fdatasync(int fd)
{
	int (*fn)(int) = real("fdatasync");
	int file = file_of(fd);
	size_t began = tape.n;
	maybe_die();
	if (file < 0)
		return fn(fd);
	if (tape.sync_delay)
		usleep((useconds_t)(tape.sync_delay / NS_US));
	if (strikes(&tape.fail_sync[file])) {
		errno = EIO;
		return -1;
	}
	int rc = fn(fd);
	record((struct tape_step){.file = (enum tape_file)file, .sync = true, .began = began});
	return rc;
}

int tape_fsync(int fd)
{
	int (*fn)(int) = real("fsync");
	maybe_die();
	return fn(fd);
}

int tape_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int (*fn)(int, const char *, int, const char *) = real("renameat");
	maybe_die();
	return fn(from_dir, from, to_dir, to);
}

/* ---- The tape ---- */

static const char *const names[TAPE_FILES] = {"store.mdb", "store.log"};

void tape_start(struct world *w)
{
	for (int i = 0; i < TAPE_FILES; i++) {
		struct stat st;
		assert_int_equal(stat(str_z(w->a, str_printf(w->a, "%s/%s", w->dir, names[i])), &st), 0);
		tape.inodes[i] = st.st_ino;
	}
	atomic_store(&tape.on, true);
}

void tape_stop(void)
{
	atomic_store(&tape.on, false);
}

void tape_clear(void)
{
	tape_stop();
	for (size_t i = 0; i < tape.n; i++)
		blob_unref(tape.steps[i].bytes);
	memset(&tape, 0, sizeof tape);
}

size_t tape_steps(struct world *w)
{
	return atomic_load(&tape.n);
}

/* ---- Images ---- */

struct str file_bytes(struct arena *a, const char *dir, const char *name)
{
	struct stat st;
	int fd = open(str_z(a, str_printf(a, "%s/%s", dir, name)), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	char *p = arena_text(a, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	return str_n(p, (size_t)st.st_size);
}

static void write_at(int fd, off_t off, struct str bytes)
{
	assert_int_equal(lseek(fd, off, SEEK_SET), off);
	assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
}

static int open_file(const char *dir, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

void file_write(const char *dir, const char *name, struct str bytes)
{
	int fd = open_file(dir, name);
	write_at(fd, 0, bytes);
	close(fd);
}

struct image image_of(struct arena *a, const char *dir)
{
	return (struct image){file_bytes(a, dir, "store.mdb"), file_bytes(a, dir, "store.log"), file_bytes(a, dir, "format")};
}

/* Of a write that was not synced each sector may have got to the disk. */
static void write_torn(int fd, const struct tape_step *s, struct prng *rng)
{
	for (size_t at = 0; at < s->bytes->n; at += SECTOR)
		if (prng_below(rng, 2))
			write_at(fd, s->off + (off_t)at, str_sub(blob_str(s->bytes), at, at + SECTOR));
}

/* Up to where the file is safe at the cut. */
static size_t synced(enum tape_file file, size_t cut)
{
	size_t upto = 0;
	for (size_t i = 0; i < cut; i++)
		if (tape.steps[i].file == file && tape.steps[i].sync)
			upto = tape.steps[i].began;
	return upto;
}

static void write_survivors(int fd, enum tape_file file, size_t cut, uint64_t seed)
{
	struct prng rng;
	size_t safe = synced(file, cut);
	prng_seed(&rng, seed);
	for (size_t i = 0; i < tape.n && (i < cut || tape.steps[i].began <= cut); i++) {
		const struct tape_step *s = &tape.steps[i];
		if (s->sync || s->file != file)
			continue;
		if (i < safe || (i < cut && s->through))
			write_at(fd, s->off, blob_str(s->bytes));
		else if (seed)
			write_torn(fd, s, &rng);
	}
}

void image_lay_out(const struct image *image, const char *dir, size_t cut, uint64_t seed)
{
	const struct str *first[TAPE_FILES] = {&image->store, &image->log};
	file_write(dir, "format", image->format);
	for (int i = 0; i < TAPE_FILES; i++) {
		int fd = open_file(dir, names[i]);
		write_at(fd, 0, *first[i]);
		write_survivors(fd, (enum tape_file)i, cut, seed ? seed + (uint64_t)i : 0);
		close(fd);
	}
}
