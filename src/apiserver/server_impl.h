/* Private to the room: what a server is made of. */
#pragma once
#include "apiserver/server.h"
#include "base/list.h"

#define SERVER_LOOPS_MAX 64

struct http_server;
struct tls;
struct server_loop {
	struct loop *loop;
	struct http_server *http;
	struct list watches; /* struct wire_watch of this loop */
};
struct server {
	struct server_opts opts;
	struct cache *cache;
	struct tls *tls;
	struct server_loop *loops;
	void *parts[PARTS];
	_Atomic bool ready, draining;
	void (*show)(void *arg, struct metric_set *to); /* the first loop's */
	void *show_arg;
};
/* Runs fn on every loop, one after another; waits. */
int server_each_loop(struct server *s, void (*fn)(struct server *s, struct server_loop *l, void *arg), void *arg, struct err *e) must_check;
/* The watches of the current loop. */
struct list *server_watches(struct server *s);
