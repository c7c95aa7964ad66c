/* Handlers of the table in subresources.c that live in this folder. */
#pragma once
#include "apiserver/request.h"

/* binding.c, eviction.c */
int binding_create(struct request *r, struct err *e) must_check;
int eviction_create(struct request *r, struct err *e) must_check;
/* sub_edit.c: sub-resources that show the whole object and let one part of it be changed. */
int pod_ephemeral(struct request *r, struct err *e) must_check;
int pod_resize(struct request *r, struct err *e) must_check;
int namespace_finalize(struct request *r, struct err *e) must_check;
int csr_approval(struct request *r, struct err *e) must_check;
/* connect.c: what is handed on to kubelets, Pods and Services. */
int pod_log(struct request *r, struct err *e) must_check;
int pod_exec(struct request *r, struct err *e) must_check;
int pod_attach(struct request *r, struct err *e) must_check;
int pod_portforward(struct request *r, struct err *e) must_check;
int pod_proxy(struct request *r, struct err *e) must_check;
int node_proxy(struct request *r, struct err *e) must_check;
int service_proxy(struct request *r, struct err *e) must_check;
/* ../authz/reviews.c */
int subjectaccessreview_create(struct request *r, struct err *e) must_check;
int localsubjectaccessreview_create(struct request *r, struct err *e) must_check;
int selfsubjectaccessreview_create(struct request *r, struct err *e) must_check;
int selfsubjectrulesreview_create(struct request *r, struct err *e) must_check;
/* componentstatus.c */
int componentstatus_read(struct request *r, struct err *e) must_check;

/* 201 with an empty Status of success. */
void answer_created_status(struct request *r);
