#include "apiserver/test_server.h"

#include <stdio.h>

static void limited(struct server_opts *o) { o->enable_admission = STR("LimitRanger"); }

static struct str pod(struct test_server *t, const char *name, const char *containers)
{
	char json[600];
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"automountServiceAccountToken\":false,\"containers\":[%s]}}", name, containers);
	return do_create(t, res("", "pods"), "default", json);
}

static void assert_says(struct str answer, const char *why)
{
	if (!str_has_prefix(answer, STR("! 403")) || !str_has_suffix(answer, str_of(why)))
		fail_msg("%.*s", STR_F(answer));
}

#define C(name, resources) "{\"name\":\"" name "\",\"image\":\"i\",\"resources\":{" resources "}}"

static void limits(struct test_server *t)
{
	do_create(t, res("", "serviceaccounts"), "default", "{\"metadata\":{\"name\":\"default\"}}");
	do_create(t, res("", "limitranges"), "default", "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[{\"type\":\"Container\",\"default\":{\"cpu\":\"500m\"},"
		"\"defaultRequest\":{\"cpu\":\"100m\"},\"min\":{\"cpu\":\"50m\"},\"max\":{\"cpu\":\"2\"},\"maxLimitRequestRatio\":{\"cpu\":\"10\"}},"
		"{\"type\":\"Pod\",\"max\":{\"memory\":\"1Gi\"}},{\"type\":\"PersistentVolumeClaim\",\"max\":{\"storage\":\"5Gi\"}}]}}");
	assert_says(pod(t, "a", C("c", "")), "maximum memory usage per Pod is 1Gi.  No limit is specified");
	struct str given = pod(t, "b", C("c", "\"limits\":{\"memory\":\"1Gi\"}"));
	assert_str(at_path(t, given, "metadata.annotations"), "{\"kubernetes.io/limit-ranger\":\"LimitRanger plugin set: cpu request for container c; cpu limit for container c\"}");
	assert_says(pod(t, "c", C("c", "\"limits\":{\"cpu\":\"3\",\"memory\":\"1Mi\"}")), "maximum cpu usage per Container is 2, but limit is 3");
	assert_says(pod(t, "d", C("c", "\"requests\":{\"cpu\":\"10m\"},\"limits\":{\"cpu\":\"100m\",\"memory\":\"1Mi\"}")), "minimum cpu usage per Container is 50m, but request is 10m");
	assert_says(pod(t, "e", C("c", "\"requests\":{\"cpu\":\"100m\"},\"limits\":{\"cpu\":\"1500m\",\"memory\":\"1Mi\"}")),
		"cpu max limit to request ratio per Container is 10, but provided ratio is 15.000000");
	assert_says(pod(t, "f", C("c", "\"limits\":{\"memory\":\"700Mi\"}") "," C("d", "\"limits\":{\"memory\":\"700Mi\",\"cpu\":\"3\"}")),
		"[maximum cpu usage per Container is 2, but limit is 3, maximum memory usage per Pod is 1Gi, but limit is 1400Mi]");
	assert_says(do_create(t, res("", "persistentvolumeclaims"), "default", "{\"metadata\":{\"name\":\"big\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
		"\"resources\":{\"requests\":{\"storage\":\"6Gi\"}}}}"), "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi");
}
TEST(ranges_give_and_refuse_amounts) { with_server_options(53, limited, limits); }
