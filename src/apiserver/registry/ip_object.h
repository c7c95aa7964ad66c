/* IPAddress objects: what shows others, and other API servers, that an address is a Service's (KEP-1880). */
#pragma once
#include "api/ip.h"
#include "apiserver/request.h"
#include "gen/networking_v1.h"

/* The object for an address of a Service, in the arena. */
struct networking_v1_IPAddress *ip_object(struct arena *a, struct ip ip, struct str service_ns, struct str service);
/* Stores it as the server itself; ERR_ALREADY_EXISTS when somebody has the address. */
int ip_object_create(struct request *r, struct ip ip, struct str service_ns, struct str service, struct err *e) must_check;
/* Deletes it when it is the Service's; failures are logged: the address is found free or repaired at the next start. */
void ip_object_delete(struct request *r, struct ip ip, struct str service_ns, struct str service);
