#include "kubelet/cni_conf.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/spawn.h"
#include "os/test_ns.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CNI_BIN_DIR "/usr/lib/cni"

static struct cni_conf dual(void)
{
	return (struct cni_conf){.pod_cidrs = {test_ip("10.244.3.0/24"), test_ip("fd00:3::/64")}, .mtu = 1400};
}

TEST(cni_conf_is_json_with_a_range_and_route_per_family)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cni_conf c = dual();
	struct value *v;
	BUF(b);
	ERR(e);
	cni_conf_put(&b, &c);
	assert_ok(json_parse(a, buf_view(&b), NULL, &v, &e), &e);
	assert_str(value_path_str(v, "cniVersion"), "1.0.0");
	const struct value *plugins = value_get(v, STR("plugins"));
	assert_int_equal(plugins->list.len, 2);
	const struct value *bridge = plugins->list.items[0], *ranges = value_path(bridge, "ipam.ranges");
	assert_str(value_path_str(bridge, "bridge"), "cni0");
	assert_true(value_get(bridge, STR("hairpinMode"))->b && value_get(bridge, STR("isGateway"))->b);
	assert_false(value_get(bridge, STR("ipMasq"))->b);
	assert_int_equal(ranges->list.len, 2);
	assert_str(value_path_str(ranges->list.items[1]->list.items[0], "subnet"), "fd00:3::/64");
	assert_int_equal(value_path(bridge, "ipam.routes")->list.len, 2);
}

TEST(cni_conf_is_written_only_when_it_changes)
{
	struct cni_conf c = dual();
	char dir[256], path[300];
	struct stat was, is;
	ERR(e);
	snprintf(dir, sizeof dir, "%s/cni/net.d", test_tmpdir());
	snprintf(path, sizeof path, "%s/%s", dir, CNI_CONF_FILE);
	assert_ok(cni_conf_write(&c, dir, &e), &e);
	assert_int_equal(stat(path, &was), 0);
	assert_ok(cni_conf_write(&c, dir, &e), &e);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(was.st_ino, is.st_ino);
	c.mtu = 1300;
	assert_ok(cni_conf_write(&c, dir, &e), &e);
	assert_int_equal(stat(path, &is), 0);
	assert_int_not_equal(was.st_ino, is.st_ino);
	assert_int_equal(is.st_mode & 07777, 0644);
}

static int plugin(const char *command, const char *netns, struct str conf, struct spawn_output *out)
{
	char ns[64], cmd[32];
	snprintf(ns, sizeof ns, "CNI_NETNS=%s", netns);
	snprintf(cmd, sizeof cmd, "CNI_COMMAND=%s", command);
	const char *argv[] = {CNI_BIN_DIR "/bridge", NULL};
	const char *env[] = {cmd, ns, "CNI_CONTAINERID=c8stest", "CNI_IFNAME=eth0", "CNI_PATH=" CNI_BIN_DIR, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct spawn_opts o = {.path = argv[0], .argv = argv, .env = env};
	ERR(e);
	assert_ok(spawn_capture(&o, conf, 65536, rt_now_exact() + 20 * NS_S, out, &e), &e);
	return out->status;
}

/* What a runtime does: the first plug-in's part of the list, with name and version. */
TEST(cni_conf_is_taken_by_the_distributions_bridge)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cni_conf c = {.pod_cidrs = {test_ip("10.244.3.0/24")}};
	struct spawn_output out;
	struct value *v;
	char netns[64];
	BUF(b);
	BUF(conf);
	ERR(e);
	if (access(CNI_BIN_DIR "/bridge", X_OK))
		skip();
	int back = test_own_net();
	int pod = netns_new(&e);
	c.data_dir = str_of(test_tmpdir());
	cni_conf_put(&b, &c);
	assert_ok(json_parse(a, buf_view(&b), NULL, &v, &e), &e);
	struct value *bridge = value_get(v, STR("plugins"))->list.items[0];
	value_set(a, bridge, STR("name"), value_str(a, STR("c8s")));
	value_set(a, bridge, STR("cniVersion"), value_str(a, STR("1.0.0")));
	json_write(&conf, bridge);
	snprintf(netns, sizeof netns, "/proc/%d/fd/%d", (int)getpid(), pod);
	if (plugin("ADD", netns, buf_view(&conf), &out))
		fail_msg("%s", buf_z(&out.out));
	assert_non_null(strstr(buf_z(&out.out), "10.244.3.2/24"));
	spawn_output_fini(&out);
	assert_true(net_link_index("cni0") > 0);
	assert_int_equal(plugin("DEL", netns, buf_view(&conf), &out), 0);
	spawn_output_fini(&out);
	close(pod);
	test_leave_net(back);
}
