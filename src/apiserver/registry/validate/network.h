/* Addresses and ports: what Services, Ingresses, policies and slices share. */
#pragma once
#include "apiserver/registry/validate/rules.h"

#define BAD_CIDR "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

/* Neither unspecified, loopback nor link-local (core.c). */
void check_special_ip(struct check *k, struct str path, struct str ip);
void check_port_or_name(struct check *k, struct str path, const struct int_or_str *p); /* service.c */
/* Where a load balancer answers (service.c). */
void check_lb_point(struct check *k, struct str path, struct str ip, struct str hostname);
/* Strict: no host bits, no leading zeros (network.c). */
bool check_cidr(struct check *k, struct str path, struct str cidr);
