/* The recorded rules of upstream's proxy: each scenario is fed to ours step by step, and both what we say the table is and what the kernel then lists
 * must read as the recording does. */
#include "codec/json.h"
#include "codec/yaml.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "os/file.h"
#include "os/spawn.h"
#include "os/test_ns.h"
#include "proxy/proxy.h"
#include "schema/reflect.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>

struct case_ {
	struct arena *a;
	const char *name;
	struct value *doc;
	struct str recorded;     /* what is still to be compared */
	struct proxy_opts opts;
	struct proxy *proxy;
	unsigned compared;
};

static struct value *load(struct arena *a, const char *path)
{
	struct str s;
	struct value *v;
	ERR(e);
	assert_ok(file_read(a, path, 1 << 20, &s, &e), &e);
	assert_ok(yaml_parse(a, s, NULL, &v, &e), &e);
	return v;
}

/* ---- canonical text ---- */

struct strs { struct str *items; uint32_t len, cap; };
static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}
static void sort(struct strs *l)
{
	if (l->len)
		qsort(l->items, l->len, sizeof *l->items, by_text);
}
static void add(struct arena *a, struct strs *l, struct str s)
{
	struct str *slot = arena_push(a, l);
	*slot = s;
}

/* "elements = { b,\n a }" with its parts sorted: the kernel lists them in the order of a hash. */
static struct str canon_block(struct arena *a, struct str block)
{
	BUF(b);
	struct strs parts = {0};
	struct str key = STR("elements = { "), piece;
	ptrdiff_t at = str_find(block, key);
	if (at < 0)
		return block;
	struct str rest = str_sub(block, (size_t)at + key.n, block.n);
	ptrdiff_t end = str_find(rest, STR(" }\n"));
	for (struct str list = str_sub(rest, 0, (size_t)end); str_next(&list, ',', &piece);)
		add(a, &parts, str_trim(piece));
	sort(&parts);
	buf_str(&b, str_sub(block, 0, (size_t)at + key.n));
	buf_str(&b, str_join(a, parts.items, parts.len, STR(", ")));
	buf_str(&b, str_sub(rest, (size_t)end, rest.n));
	return buf_take(&b, a);
}

static struct str canon(struct arena *a, struct str text)
{
	BUF(b);
	struct strs fixed = {0}, dynamic = {0};
	struct str head, body;
	text = str_trim(text);
	if (!str_cut(text, '\n', &head, &body))
		return text;
	body = str_sub(body, 0, body.n - 1); /* the last brace */
	while (body.n) {
		ptrdiff_t at = str_find(body, STR("\n\n"));
		struct str block = at < 0 ? body : str_sub(body, 0, (size_t)at + 1), name;
		body = at < 0 ? (struct str){0} : str_sub(body, (size_t)at + 2, body.n);
		struct str lines = block;
		str_next(&lines, '\n', &name);
		bool dyn = str_index(name, '/', 0) >= 0;
		/* Upstream empties a chain that is no longer used and deletes it a second later; ours goes at once. */
		if (dyn && str_is(str_trim(lines), "}"))
			continue;
		add(a, dyn ? &dynamic : &fixed, canon_block(a, block));
	}
	sort(&dynamic);
	buf_str(&b, head);
	buf_char(&b, '\n');
	buf_str(&b, str_join(a, fixed.items, fixed.len, STR("\n")));
	buf_str(&b, str_join(a, dynamic.items, dynamic.len, STR("\n")));
	return buf_take(&b, a);
}

/* ---- the recording ---- */

/* The next "--- nft list table FAMILY" section of the current step; false at the step's end. */
static bool next_table(struct case_ *c, int *ret_family, struct str *ret_text)
{
	while (c->recorded.n) {
		struct str line, rest;
		if (str_has_prefix(c->recorded, STR("=== ")))
			return false;
		str_cut(c->recorded, '\n', &line, &rest);
		ptrdiff_t end = str_find(rest, STR("\n--- ")), step = str_find(rest, STR("\n=== "));
		if (end < 0 || (step >= 0 && step < end))
			end = step;
		struct str text = end < 0 ? rest : str_sub(rest, 0, (size_t)end + 1);
		c->recorded = end < 0 ? (struct str){0} : str_sub(rest, (size_t)end + 1, rest.n);
		if (!str_has_prefix(line, STR("--- nft list table ")))
			continue;
		*ret_family = str_has_prefix(line, STR("--- nft list table ip6")) ? AF_INET6 : AF_INET;
		*ret_text = text;
		return true;
	}
	return false;
}

static void next_step(struct case_ *c)
{
	ptrdiff_t at = str_has_prefix(c->recorded, STR("=== ")) ? 0 : str_find(c->recorded, STR("\n=== ")) + 1;
	c->recorded = str_sub(c->recorded, (size_t)at, c->recorded.n);
	struct str title;
	str_next(&c->recorded, '\n', &title);
}

static void differ(const struct case_ *c, const char *whose, struct str want, struct str got)
{
	struct str w, g;
	while (str_next(&want, '\n', &w) && str_next(&got, '\n', &g))
		if (!str_eq(w, g))
			fail_msg("%s (%s)\nwant: %.*s\n got: %.*s", c->name, whose, STR_F(w), STR_F(g));
}

static struct str kernels(struct arena *a, int family)
{
	const char *argv[] = {"nft", "-s", "list", "table", family == AF_INET6 ? "ip6" : "ip", "kube-proxy", NULL};
	struct spawn_opts o = {.path = "nft", .argv = argv};
	struct spawn_output got;
	ERR(e);
	assert_ok(spawn_capture(&o, STR(""), 1 << 20, MONO_NEVER, &got, &e), &e);
	struct str s = buf_take(&got.out, a);
	spawn_output_fini(&got);
	return s;
}

static void compare(struct case_ *c)
{
	struct str text;
	int family;
	ERR(e);
	if (proxy_sync(c->proxy, &e))
		fail_msg("%s: %s", c->name, err_text(&e));
	next_step(c);
	while (next_table(c, &family, &text)) {
		BUF(ours);
		struct str want = canon(c->a, text);
		proxy_text(c->proxy, family, &ours);
		differ(c, "text", want, canon(c->a, buf_view(&ours)));
		differ(c, "kernel", want, canon(c->a, kernels(c->a, family)));
		c->compared++;
	}
}

/* ---- the scenario ---- */

static void apply(struct case_ *c, const struct value *o)
{
	ERR(e);
	bool service = str_is(value_path_str(o, "kind"), "Service");
	const struct type *t = type_by_name(service ? STR("core/v1.Service") : STR("discovery/v1.EndpointSlice"));
	void *obj = obj_new(c->a, t);
	assert_ok(obj_from_value(c->a, t, o, NULL, obj, &e), &e);
	if (service)
		proxy_service_set(c->proxy, obj);
	else
		proxy_slice_set(c->proxy, obj);
}

/* "Service/name" in namespace demo. */
static void delete(struct case_ *c, struct str what)
{
	struct str kind, name;
	str_cut(what, '/', &kind, &name);
	if (str_is(kind, "Service"))
		proxy_service_delete(c->proxy, STR("demo"), name);
	else
		proxy_slice_delete(c->proxy, STR("demo"), name);
}

static void each(struct case_ *c, const struct value *list, bool del)
{
	for (uint32_t i = 0; list && list->type == V_LIST && i < list->list.len; i++) {
		if (del)
			delete(c, list->list.items[i]->s);
		else
			apply(c, list->list.items[i]);
	}
}

static void set_cidrs(struct proxy_opts *o, struct str list)
{
	struct str piece;
	struct net_ip ip;
	while (str_next(&list, ',', &piece))
		if (!net_ip_parse(piece, &ip))
			o->local_cidrs[ip.family == AF_INET6 ? PROXY_V6 : PROXY_V4] = ip;
}

static void set_local(struct proxy_opts *o, const struct value *config)
{
	struct str mode = value_path_str(config, "detectLocalMode"), cidr = value_path_str(config, "clusterCIDR");
	o->local = PROXY_LOCAL_CIDR;
	if (str_is(mode, "NodeCIDR"))
		set_cidrs(o, STR("10.244.0.0/24,fd00:244::/64"));
	else
		set_cidrs(o, cidr.p ? cidr : STR("10.244.0.0/16,fd00:244::/48"));
	if (str_is(mode, "BridgeInterface"))
		o->local = PROXY_LOCAL_BRIDGE, o->local_interface = value_path_str(config, "detectLocal.bridgeInterface");
	if (str_is(mode, "InterfaceNamePrefix"))
		o->local = PROXY_LOCAL_PREFIX, o->local_interface = value_path_str(config, "detectLocal.interfaceNamePrefix");
}

static void set_nodeports(struct case_ *c, const struct value *list)
{
	struct net_ip *ips = arena_array(c->a, struct net_ip, 8);
	for (uint32_t i = 0; list && i < list->list.len; i++)
		if (!net_ip_parse(list->list.items[i]->s, &ips[c->opts.nnodeport_cidrs]))
			c->opts.nnodeport_cidrs++;
	c->opts.nodeport_cidrs = ips;
}

static void configure(struct case_ *c, struct helper *h, const struct net_ip *service_cidrs)
{
	const struct value *config = value_get(c->doc, STR("config")), *bit = value_path(config, "nftables.masqueradeBit"), *all = value_path(config, "nftables.masqueradeAll");
	c->opts = (struct proxy_opts){.node_name = STR("node-a"), .zone = STR("z1"), .node_ips = {test_ip("10.99.0.10"), test_ip("fd00:99::10")},
		.service_cidrs = service_cidrs, .nservice_cidrs = 2, .helper = h, .masquerade_all = all && all->b, .masquerade_mark = bit ? 1u << bit->i : 0};
	set_local(&c->opts, config);
	/* The bridge's own name stands for itself, a prefix gets the star that nftables wants. */
	if (c->opts.local == PROXY_LOCAL_PREFIX)
		c->opts.local_interface = str_printf(c->a, "%.*s*", STR_F(c->opts.local_interface));
	set_nodeports(c, value_path(config, "nodePortAddresses"));
}

static void run_case(struct case_ *c, struct helper *h, const struct net_ip *service_cidrs)
{
	const struct value *steps = value_get(c->doc, STR("steps"));
	ERR(e);
	configure(c, h, service_cidrs);
	c->proxy = proxy_new(&c->opts, &e);
	assert_non_null(c->proxy);
	each(c, value_get(c->doc, STR("objects")), false);
	proxy_set_synced(c->proxy);
	compare(c);
	for (uint32_t i = 0; steps && i < steps->list.len && c->recorded.n; i++) {
		each(c, value_get(steps->list.items[i], STR("apply")), false);
		each(c, value_get(steps->list.items[i], STR("delete")), true);
		compare(c);
	}
	proxy_free(c->proxy);
}

static void wire(const char *name, const char *v4, const char *v6)
{
	struct net_link_new l = {.kind = "veth"};
	struct net_link_change up = {.mask = NET_SET_UP};
	struct net_ip ips[] = {test_ip(v4), test_ip(v6)};
	ERR(e);
	snprintf(l.name, sizeof l.name, "%s", name);
	snprintf(l.peer, sizeof l.peer, "%sx", name);
	assert_ok(net_link_add(&l, &e), &e);
	assert_ok(net_link_set(name, &up, &e), &e);
	for (int i = 0; i < 2; i++)
		assert_ok(net_addr_add(name, &ips[i], &e), &e);
}

TEST(proxy_nftables_vectors)
{
	const char *shared = test_shared();
	if (!shared)
		skip();
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct plan_policy policy;
	plan_policy_node(&policy, NULL);
	int back = test_own_net();
	CLEANUP(helper_free) struct helper *h = helper_direct(&policy);
	struct net_ip service_cidrs[] = {test_ip("10.96.0.0/16"), test_ip("fd00:96::/112")};
	unsigned compared = 0;
	wire("eth0", "10.99.0.10/24", "fd00:99::10/64");
	DIR *dir = opendir(str_z(a, str_printf(a, "%s/vectors/proxy/scenarios", shared)));
	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir));) {
		ERR(e);
		if (!str_has_suffix(str_of(d->d_name), STR(".yaml")))
			continue;
		struct str base = str_sub(str_of(d->d_name), 0, strlen(d->d_name) - 5);
		struct case_ c = {.a = a, .name = d->d_name};
		c.doc = load(a, str_z(a, str_printf(a, "%s/vectors/proxy/scenarios/%s", shared, d->d_name)));
		assert_ok(file_read(a, str_z(a, str_printf(a, "%s/vectors/proxy/recorded/nftables/%.*s.txt", shared, STR_F(base))), 1 << 20, &c.recorded, &e), &e);
		run_case(&c, h, service_cidrs);
		compared += c.compared;
	}
	closedir(dir);
	assert_true(compared >= 45);
	test_leave_net(back);
}
