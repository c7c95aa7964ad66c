/* Names are resolved on a worker thread.  The fiber may leave before the answer comes (deadline, cancellation): then the answer frees itself,
 * and the loop does not end before it has arrived. */
#include "rt/impl.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

#define RESOLVE_MAX 16 /* addresses kept of one answer */

struct lookup {
	struct job job;
	struct post post;
	struct loop *loop;
	struct list waiters;
	bool done, abandoned;
	int result; /* how many, or -errno */
	struct sockaddr_storage found[RESOLVE_MAX];
	char *port;
	char host[];
};

static int gai_errno(int r)
{
	switch (r) {
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_SERVICE:
		return -EINVAL;
	default:
		return -ENOENT;
	}
}

static int ask(const char *host, const char *port, int flags, struct sockaddr_storage *ret, int max)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
	int n = 0, r = getaddrinfo(host, port, &hints, &found);
	if (r)
		return gai_errno(r);
	for (struct addrinfo *a = found; a && n < max; a = a->ai_next)
		if (a->ai_addrlen <= sizeof *ret) {
			memset(&ret[n], 0, sizeof *ret);
			memcpy(&ret[n++], a->ai_addr, a->ai_addrlen);
		}
	freeaddrinfo(found);
	return n;
}

static void lookup_run(struct job *j)
{
	struct lookup *k = container_of(j, struct lookup, job);
	k->result = ask(k->host, k->port, AI_ADDRCONFIG, k->found, RESOLVE_MAX);
	loop_post(k->loop, &k->post);
}

static void lookup_arrived(struct post *p)
{
	struct lookup *k = container_of(p, struct lookup, post);
	k->loop->lookups--;
	k->done = true;
	if (k->abandoned)
		free(k);
	else
		waiters_wake(&k->waiters, 0);
}

static struct lookup *lookup_new(const char *host, const char *port)
{
	size_t hn = strlen(host) + 1, pn = strlen(port) + 1;
	struct lookup *k = calloc(1, sizeof *k + hn + pn);
	if (!k)
		return NULL;
	k->job.fn = lookup_run;
	k->post.fn = lookup_arrived;
	k->loop = loop_self();
	k->port = k->host + hn;
	memcpy(k->host, host, hn);
	memcpy(k->port, port, pn);
	list_init(&k->waiters);
	return k;
}

static int lookup_wait(struct lookup *k, mono_t deadline)
{
	int r = 0;
	while (!k->done && r == 0)
		r = fiber_park(&k->waiters, deadline, PARK_CANCELLABLE);
	if (k->done)
		return 0;
	k->abandoned = true;
	return r;
}

static int lookup_take(struct lookup *k, struct sockaddr_storage *ret, int n)
{
	int r = k->result < n ? k->result : n;
	for (int i = 0; i < r; i++)
		ret[i] = k->found[i];
	free(k);
	return r;
}

/* An address in digits needs no thread and no waiting. */
struct numeric {
	const char *host, *port;
	struct sockaddr_storage *ret;
	int n;
};

static void ask_numeric(void *arg)
{
	struct numeric *q = arg;
	q->n = ask(q->host, q->port, AI_NUMERICHOST | AI_NUMERICSERV, q->ret, q->n);
}

int rt_resolve(const char *host, const char *port, struct sockaddr_storage *ret, int n, mono_t deadline)
{
	struct rt *rt = loop_self()->rt;
	struct numeric q = {host, port, ret, n};
	if (rt_is_sim(rt))
		return -ENOTSUP;
	rt_on_loop_stack(ask_numeric, &q);
	if (q.n > 0)
		return q.n;
	struct lookup *k = lookup_new(host, port);
	int r = k ? pool_add(rt->pool, &k->job) : -ENOMEM;
	if (r < 0) {
		free(k);
		return r;
	}
	k->loop->lookups++;
	r = lookup_wait(k, deadline);
	return r < 0 ? r : lookup_take(k, ret, n);
}
