/* Worker threads: started when a job finds none idle, up to the limit; gone after a while without work. */
#include "rt/impl.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define POOL_IDLE (10 * NS_S)

struct pool {
	pthread_mutex_t mu;
	pthread_cond_t work, gone;
	struct list queue;
	int threads, idle, threads_max;
	uint32_t queued;
	nsec_t idle_for;
	bool quit;
};

struct pool *pool_new(int threads_max)
{
	pthread_condattr_t attr;
	struct pool *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	list_init(&p->queue);
	p->threads_max = threads_max;
	p->idle_for = POOL_IDLE;
	pthread_mutex_init(&p->mu, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &attr);
	pthread_cond_init(&p->gone, &attr);
	pthread_condattr_destroy(&attr);
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->quit = true;
	pthread_cond_broadcast(&p->work);
	while (p->threads)
		pthread_cond_wait(&p->gone, &p->mu);
	pthread_mutex_unlock(&p->mu);
	pthread_mutex_destroy(&p->mu);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->gone);
	free(p);
}

int pool_threads(struct pool *p)
{
	pthread_mutex_lock(&p->mu);
	int n = p->threads;
	pthread_mutex_unlock(&p->mu);
	return n;
}

void pool_set_idle(struct pool *p, nsec_t idle)
{
	pthread_mutex_lock(&p->mu);
	p->idle_for = idle;
	pthread_mutex_unlock(&p->mu);
}

static struct timespec idle_until(nsec_t span)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	int64_t ns = ts.tv_nsec + span;
	return (struct timespec){ts.tv_sec + ns / NS_S, ns % NS_S};
}

/* The next job, or NULL when this thread shall end.  Locked. */
static struct job *next_job(struct pool *p)
{
	struct timespec until = idle_until(p->idle_for);
	int r = 0;
	p->idle++;
	while (list_empty(&p->queue) && !p->quit && r == 0)
		r = pthread_cond_timedwait(&p->work, &p->mu, &until);
	p->idle--;
	struct list *n = list_pop(&p->queue);
	p->queued -= n != NULL;
	return n ? list_entry(n, struct job, node) : NULL;
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct job *j;
	pthread_setname_np(pthread_self(), "c8s-job");
	pthread_mutex_lock(&p->mu);
	while ((j = next_job(p))) {
		pthread_mutex_unlock(&p->mu);
		j->fn(j); /* j may be gone when it returns */
		pthread_mutex_lock(&p->mu);
	}
	p->threads--;
	pthread_cond_signal(&p->gone);
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

static int add_worker(struct pool *p)
{
	pthread_t t;
	int r = pthread_create(&t, NULL, worker, p);
	if (r)
		return p->threads ? 0 : -r; /* those that run will come to it */
	pthread_detach(t);
	p->threads++;
	return 0;
}

int pool_add(struct pool *p, struct job *j)
{
	int r = 0;
	pthread_mutex_lock(&p->mu);
	if (p->queued >= (uint32_t)p->idle && p->threads < p->threads_max)
		r = add_worker(p);
	if (r == 0) {
		list_push(&p->queue, &j->node);
		p->queued++;
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->mu);
	return r;
}

void rt_job(void (*fn)(void *arg), void *arg)
{
	struct loop *l = loop_self();
	if (!l) { /* a plain thread may block */
		fn(arg);
		return;
	}
	invariant(l->current);
	l->rt->ops->job(l->rt, fn, arg);
}
