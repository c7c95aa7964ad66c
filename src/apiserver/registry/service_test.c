#include "apiserver/test_server.h"

#define SERVICE(name, ip) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"clusterIP\":\"" ip "\",\"ports\":[{\"port\":80}]}}"

static struct str address_of(struct test_server *t, struct str service)
{
	struct str ip = at_path(t, service, "spec.clusterIP");
	return do_get(t, res("networking.k8s.io", "ipaddresses"), "", str_z(t->a, ip));
}

static void addresses(struct test_server *t)
{
	const struct resource *services = res("", "services"), *ips = res("networking.k8s.io", "ipaddresses");
	struct str a = do_create(t, services, "default", "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"ports\":[{\"port\":80}]}}"), ip = address_of(t, a);
	assert_str(at_path(t, ip, "spec.parentRef.name"), "a");
	assert_str(at_path(t, ip, "spec.parentRef.resource"), "services");
	assert_true(str_find(ip, STR("\"ipaddress.kubernetes.io/ip-family\":\"IPv4\"")) > 0);
	/* Somebody else's address is refused, and what the failed create had taken is free again. */
	do_create(t, ips, "", "{\"metadata\":{\"name\":\"10.96.0.9\"},\"spec\":{\"parentRef\":{\"group\":\"x.io\",\"resource\":\"things\",\"name\":\"t\"}}}");
	struct str taken = do_create(t, services, "default", SERVICE("b", "10.96.0.9"));
	assert_true(str_find(taken, STR("provided IP is already allocated")) > 0);
	struct str exists = do_create(t, services, "default", SERVICE("a", "10.96.0.10"));
	assert_true(str_has_prefix(exists, STR("! 409")));
	assert_true(str_has_prefix(do_get(t, ips, "", "10.96.0.10"), STR("! 404")));
	do_delete(t, services, "default", "a");
	assert_true(str_has_prefix(address_of(t, a), STR("! 404")));
	assert_str(at_path(t, do_get(t, ips, "", "10.96.0.9"), "spec.parentRef.name"), "t");
}
TEST(cluster_addresses_are_objects) { with_server(31, addresses); }
