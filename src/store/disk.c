#include "store/disk.h"
#include "base/log.h"
#include "base/rand.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* A write of one piece, or a sync. */
struct step {
	bool sync;
	uint32_t n;
	uint64_t off;
	size_t at; /* of its bytes, in the journal */
};

struct kv_disk {
	struct buf view;      /* content, unsynced writes included */
	struct step *steps;
	size_t n, cap;
	struct buf journal;   /* bytes of the steps */
	struct kv_disk_faults faults;
	struct prng rng;
	uint64_t generation, syncs;
};

struct kv_disk *kv_disk_new(void)
{
	struct kv_disk *d = calloc(1, sizeof *d);
	invariant(d);
	d->view.max = d->journal.max = SIZE_MAX;
	d->generation = 1;
	return d;
}

void kv_disk_free(struct kv_disk *d)
{
	if (!d)
		return;
	buf_fini(&d->view);
	buf_fini(&d->journal);
	free(d->steps);
	free(d);
}

void kv_disk_set(struct kv_disk *d, const struct kv_disk_faults *f)
{
	d->faults = *f;
	prng_seed(&d->rng, f->seed);
}

const struct kv_disk_faults *disk_faults(const struct kv_disk *d)
{
	return &d->faults;
}

uint64_t disk_generation(const struct kv_disk *d)
{
	return d->generation;
}

struct str disk_view(const struct kv_disk *d)
{
	return buf_view(&d->view);
}

size_t kv_disk_steps(const struct kv_disk *d)
{
	return d->n;
}

uint64_t kv_disk_syncs(const struct kv_disk *d)
{
	return d->syncs;
}

nsec_t disk_delay(struct kv_disk *d)
{
	return d->faults.sync_delay > 0 ? (nsec_t)prng_below(&d->rng, (uint64_t)d->faults.sync_delay + 1) : 0;
}

static void record(struct kv_disk *d, struct step s)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 64;
		d->steps = reallocarray(d->steps, d->cap, sizeof *d->steps);
		invariant(d->steps);
	}
	d->steps[d->n++] = s;
}

static void apply(struct buf *to, uint64_t off, struct str bytes)
{
	if (!bytes.n)
		return;
	while (to->n < off + bytes.n)
		buf_char(to, 0); /* a hole */
	invariant(!to->failed);
	memcpy(to->p + off, bytes.p, bytes.n);
}

int disk_write(struct kv_disk *d, uint64_t generation, uint64_t off, struct str bytes)
{
	if (generation != d->generation)
		return -EIO;
	apply(&d->view, off, bytes);
	while (bytes.n) {
		size_t n = KV_DISK_PIECE - off % KV_DISK_PIECE;
		struct str piece = str_sub(bytes, 0, n < bytes.n ? n : bytes.n);
		record(d, (struct step){.off = off, .n = (uint32_t)piece.n, .at = d->journal.n});
		buf_str(&d->journal, piece);
		off += piece.n;
		bytes = str_sub(bytes, piece.n, bytes.n);
	}
	return 0;
}

int disk_sync(struct kv_disk *d, uint64_t generation)
{
	if (generation != d->generation)
		return -EIO;
	if (d->faults.fail_sync && --d->faults.fail_sync == 0)
		return -EIO;
	record(d, (struct step){.sync = true});
	d->syncs++;
	return 0;
}

static void keep(const struct kv_disk *d, const struct step *s, struct buf *to)
{
	if (!s->sync)
		apply(to, s->off, str_sub(buf_view(&d->journal), s->at, s->at + s->n));
}

/* What survives when the power goes after the first n steps. */
static void survivors(const struct kv_disk *d, size_t n, uint64_t seed, struct buf *to)
{
	size_t synced = n;
	struct prng rng;
	prng_seed(&rng, seed);
	while (synced && !d->steps[synced - 1].sync)
		synced--;
	for (size_t i = 0; i < n; i++)
		if (i < synced || (seed && prng_below(&rng, 2)))
			keep(d, &d->steps[i], to);
}

/* d begins again with these bytes, all of them safe. */
static void reset(struct kv_disk *d, struct buf *content)
{
	d->n = 0;
	buf_clear(&d->journal);
	buf_clear(&d->view);
	d->generation++;
	if (disk_write(d, d->generation, 0, buf_view(content)))
		bug("a disk refused its own content");
	record(d, (struct step){.sync = true});
}

void kv_disk_crash(struct kv_disk *d)
{
	BUF(left);
	left.max = SIZE_MAX;
	survivors(d, d->n, d->faults.seed ? prng_next(&d->rng) | 1 : 0, &left);
	reset(d, &left);
}

struct kv_disk *kv_disk_cut(const struct kv_disk *d, size_t n, uint64_t seed)
{
	BUF(left);
	struct kv_disk *cut = kv_disk_new();
	left.max = SIZE_MAX;
	survivors(d, n < d->n ? n : d->n, seed, &left);
	reset(cut, &left);
	return cut;
}

int kv_disk_load(struct kv_disk *d, int fd)
{
	BUF(got);
	got.max = SIZE_MAX;
	for (;;) {
		char *p = buf_room(&got, 65536);
		ssize_t n = p ? read(fd, p, 65536) : -1;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got.n += (size_t)n;
	}
	reset(d, &got);
	return 0;
}
