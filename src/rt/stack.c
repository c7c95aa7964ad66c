/* Fiber stacks: mapped in slabs, a guard page below each, pooled per loop.
 * A few free ones keep their pages (they will be used again soon); the others give them back. */
#include "rt/impl.h"
#include "base/log.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLAB_STACKS 16 /* one mapping of about 1 MiB at a time */
#define WARM_MAX 32    /* free stacks per loop that keep their pages: they have touched a few each */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

struct slab {
	struct list node;
	char *map;
	size_t bytes;
	struct fiber fibers[SLAB_STACKS];
};

/* Since Linux 6.13 a guard costs no mapping of its own, and mappings are limited per process. */
static int guard(char *p, size_t n)
{
	return madvise(p, n, MADV_GUARD_INSTALL) == 0 ? 0 : mprotect(p, n, PROT_NONE);
}

static int slab_carve(struct slab *s, size_t page, size_t stack)
{
	for (int i = 0; i < SLAB_STACKS; i++) {
		char *low = s->map + (size_t)i * (page + stack);
		if (guard(low, page) < 0)
			return -1;
		s->fibers[i].stack = low + page;
		s->fibers[i].stack_bytes = stack;
	}
	return 0;
}

static void slab_free(struct slab *s)
{
	for (int i = 0; i < SLAB_STACKS; i++)
		san_end(&s->fibers[i].san);
	san_unmap(s->map, s->bytes);
	munmap(s->map, s->bytes);
	free(s);
}

static struct slab *slab_new(size_t stack)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct slab *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	stack = (stack + page - 1) / page * page;
	s->bytes = SLAB_STACKS * (page + stack);
	s->map = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (s->map == MAP_FAILED) {
		free(s);
		return NULL;
	}
	madvise(s->map, s->bytes, MADV_NOHUGEPAGE); /* a touched page shall cost a page, not 2 MiB */
	san_map(s->map, s->bytes);
	if (slab_carve(s, page, stack) == 0)
		return s;
	slab_free(s);
	return NULL;
}

static bool slab_add(struct loop *l)
{
	struct slab *s = slab_new(l->rt->opts.stack_bytes);
	if (!s)
		return false;
	list_push(&l->slabs, &s->node);
	for (int i = 0; i < SLAB_STACKS; i++) {
		s->fibers[i].loop = l;
		list_push(&l->cold, &s->fibers[i].node);
	}
	return true;
}

struct fiber *stack_take(struct loop *l)
{
	struct list *n = list_pop(&l->warm);
	if (n) {
		l->nwarm--;
		return list_entry(n, struct fiber, node);
	}
	if (list_empty(&l->cold) && !slab_add(l))
		return NULL;
	return list_entry(list_pop(&l->cold), struct fiber, node);
}

void stack_give(struct loop *l, struct fiber *f)
{
	if (l->nwarm < WARM_MAX) {
		l->nwarm++;
		list_push_front(&l->warm, &f->node);
		return;
	}
	madvise(f->stack, f->stack_bytes, MADV_DONTNEED);
	list_push_front(&l->cold, &f->node);
}

void stack_free_all(struct loop *l)
{
	struct list *n;
	while ((n = list_pop(&l->slabs)))
		slab_free(list_entry(n, struct slab, node));
	list_init(&l->warm);
	list_init(&l->cold);
	l->nwarm = 0;
}
