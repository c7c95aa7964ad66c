/* Private to kubelet: the handlers behind server.c's table. */
#pragma once
#include "kubelet/impl.h"
#include "net/http.h"

struct route {
	struct kubelet *k;
	struct http_req *q;
	struct http_resp *r;
	struct str rest; /* of the path behind the prefix, decoded */
};
void serve_logs(struct route *t);     /* /containerLogs/NS/POD/CONTAINER */
void serve_exec(struct route *t);     /* /exec/NS/POD[/UID]/CONTAINER */
void serve_attach(struct route *t);
void serve_forward(struct route *t);  /* /portForward/NS/POD[/UID] */
void serve_metrics(struct route *t);
void serve_probe_metrics(struct route *t);
void serve_slis(struct route *t);
void serve_cadvisor(struct route *t);
void serve_resource_metrics(struct route *t);
/* Answers with a set and frees it. */
void send_metrics(struct route *t, struct metric_set *set);
void serve_summary(struct route *t);
/* A parameter of the query, decoded; absent without. */
struct str route_param(const struct route *t, const char *name);
void route_error(struct route *t, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The Pod and container that rest names; NULL after an error was answered. */
struct pod *route_pod(struct route *t, struct str *ret_container);
