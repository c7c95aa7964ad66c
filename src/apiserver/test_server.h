/* For the room's tests: a server over an empty store in memory, and short forms of calls as the server itself. */
#pragma once
#include "apiserver/cache.h"
#include "apiserver/server.h"
#include "base/test.h"
#include "codec/json.h"
#include "rt/fiber.h"
#include "store/store.h"

struct test_server {
	struct rt *rt;
	struct loop *loop;
	struct arena *a;
	struct store *store;
	struct kv_disk *disk;
	struct server *server;
	struct transport *t;     /* all is allowed */
	char socket[200];
	void (*options)(struct server_opts *o);
	void (*fn)(struct test_server *t);
};
/* Runs fn on a fiber beside such a server: simulated with the seed, or (0) real. */
void with_server(uint64_t seed, void (*fn)(struct test_server *t));
/* The same with other options than the usual ones (no authorization). */
void with_server_options(uint64_t seed, void (*options)(struct server_opts *o), void (*fn)(struct test_server *t));
const struct resource *res(const char *group, const char *plural); /* version v1 */
/* An object from JSON, in t->a. */
struct ref obj_of(struct test_server *t, const struct resource *r, const char *json);
/* The call as somebody: the answer as JSON, or the error as do_call tells it. */
struct str do_call_as(struct test_server *t, const char *user, const char *group, struct call c);
/* The answer as JSON, or the error's text after "! CODE ". */
struct str do_call(struct test_server *t, struct call c);
struct str do_create(struct test_server *t, const struct resource *r, const char *ns, const char *json);
struct str do_get(struct test_server *t, const struct resource *r, const char *ns, const char *name);
struct str do_update(struct test_server *t, const struct resource *r, const char *ns, const char *name, const char *json);
struct str do_patch(struct test_server *t, const struct resource *r, const char *ns, const char *name, enum patch_type type, const char *patch);
struct str do_delete(struct test_server *t, const struct resource *r, const char *ns, const char *name);
/* "a b c": names in order; with "+" behind when there is more, and the continue token in *ret_continue (may be NULL). */
struct str do_list(struct test_server *t, struct call c, struct str *ret_continue);
/* Where a real server listens. */
const char *test_socket(struct test_server *t);
/* A raw HTTP/1.1 request on a connection of its own (real servers only): the whole answer. */
struct str wire(struct test_server *t, const char *method, const char *path, const char *headers, const char *body);
/* Value at "a.b" of a JSON text as text; absent when missing. */
struct str at_path(struct test_server *t, struct str json, const char *path);
