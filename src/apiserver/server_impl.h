/* Private to the room: what a server is made of. */
#pragma once
#include "apiserver/server.h"
#include "base/list.h"

#define SERVER_LOOPS_MAX 64
#define SERVER_LISTENERS_MAX 3 /* TLS, and a node's kubelet and kube-proxy */

struct http_server;
struct tls;
/* What a listening socket says of those who connect; the argument of pipeline_http. */
struct listener {
	struct server *server;
	const struct user *as; /* NULL: credentials tell */
	uint32_t uid;          /* with as: who may connect */
};
struct server_loop {
	struct loop *loop;
	struct http_server *http[SERVER_LISTENERS_MAX];
	struct list watches; /* struct wire_watch of this loop */
};
struct server {
	struct server_opts opts;
	struct cache *cache;
	struct tls *tls;
	struct server_loop *loops;
	struct listener listeners[SERVER_LISTENERS_MAX];
	size_t nlisteners;
	void *parts[PARTS];
	_Atomic bool ready, draining;
	void (*show)(void *arg, struct metric_set *to); /* the first loop's */
	void *show_arg;
};
/* Runs fn on every loop, one after another; waits. */
int server_each_loop(struct server *s, void (*fn)(struct server *s, struct server_loop *l, void *arg), void *arg, struct err *e) must_check;
/* The watches of the current loop. */
struct list *server_watches(struct server *s);
