/* Private to registry/: connections to kubelets, Pods and Services for sub-resources that end there. */
#pragma once
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/handlers.h"
#include "net/http_client.h"

#define CONNECT_WAIT (30 * NS_S) /* for the other side's first words */

struct target {
	struct request *r;
	struct str path;       /* with its query */
	struct str url;        /* "https://HOST:PORT", for messages */
	bool unverified;       /* the kubelet's certificate is not looked at */
	struct http_client *client;
	struct tls *tls;
};
void target_fini(struct target *t);
CLEANUP_FN(target_fini, struct target *)

/* Where a node's kubelet listens. */
struct node_place {
	struct str host;
	int port;
};
int connect_node(struct request *r, struct str name, struct node_place *ret, struct err *e) must_check;
int connect_to(struct target *t, const char *scheme, struct str host, int port, struct err *e) must_check;
int connect_to_kubelet(struct target *t, struct str node, struct err *e) must_check;
/* Tells a connection that was not made in upstream's words: how is "Get", "Post" (of a request that streams) or NULL (of bytes handed on).  Returns -1; other
 * errors stay as they are. */
int connect_not_made(const struct target *t, const char *how, struct err *e);
/* The request and its answer go on as they come, upgrades as bytes. */
int connect_hand_on(struct target *t, struct err *e) must_check;
/* In process there is no connection to hand on to. */
int connect_need_wire(struct request *r, struct err *e) must_check;

struct core_v1_Pod;
/* The object decoded into the request's arena; NULL: not there, without an error. */
const void *connect_look_up(struct request *r, const char *group, const char *plural, struct str ns, struct str name, struct err *e);
const struct core_v1_Pod *connect_pod(struct request *r, struct err *e); /* of the request */
int connect_container(struct request *r, const struct core_v1_Pod *p, struct str *ret, struct err *e) must_check;
void connect_put_query(struct buf *b, struct str name, struct str value); /* "?name=value" or "&name=value", encoded */
