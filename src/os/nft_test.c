#include "os/test_ns.h"
#include "os/nft.h"
#include "os/spawn.h"
#include <linux/netfilter.h>
#include <stdio.h>
#include <sys/wait.h>

#define VERDICT(k, c) {.kind = NFT_S_VERDICT, .verdict = {k, STR_INIT(c)}}
static const struct nft_table ip4 = {NFPROTO_IPV4, STR_INIT("c8s-test"), STR_INIT("rules of a test")};
static const struct nft_table ip6 = {NFPROTO_IPV6, STR_INIT("c8s-test"), {0}};

/* `nft list table`, the word of the real tool on what the kernel has. */
static void list(struct buf *out, const char *family)
{
	const char *argv[] = {"nft", "-s", "list", "table", family, "c8s-test", NULL};
	struct spawn_opts o = {.path = "nft", .argv = argv};
	struct spawn_output got;
	ERR(e);
	assert_ok(spawn_capture(&o, STR(""), 1 << 20, MONO_NEVER, &got, &e), &e);
	buf_str(out, buf_view(&got.out));
	spawn_output_fini(&got);
}

static int try_send(struct nft_batch *b, struct err *e)
{
	static const char *const tables[] = {"c8s-test", NULL};
	struct str bytes;
	assert_ok(nft_batch_bytes(b, &bytes, e), e);
	assert_ok(nft_bytes_check(bytes, tables, e), e);
	return nft_send(bytes, e);
}

static void move_to(const struct nft_table *t, struct nft_refs *refs, const struct nft_part *old, const struct nft_part *cur)
{
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	ERR(e);
	if (!old)
		nft_batch_reset_table(b, t);
	nft_batch_begin(b, t, refs, old, cur);
	nft_batch_end(b, t, refs, old, cur);
	assert_ok(try_send(b, &e), &e);
}

static void same_as_kernel(const struct nft_table *t, const struct nft_part *p)
{
	BUF(ours);
	BUF(kernels);
	nft_table_text(&ours, t, &p, 1);
	list(&kernels, t->family == NFPROTO_IPV6 ? "ip6" : "ip");
	assert_string_equal(buf_z(&ours), buf_z(&kernels));
}

static struct nft_set *set(struct arena *a, struct nft_part *p, const char *name, struct nft_set like)
{
	struct nft_set *s = arena_push(a, &p->sets);
	*s = like;
	s->name = str_of(name);
	return s;
}

static struct nft_stmt addr(enum nft_field f, struct net_ip *ips, uint32_t n, bool invert)
{
	return (struct nft_stmt){.kind = NFT_S_ADDR, .fields = {f}, .nfields = 1, .ips = ips, .nips = n, .invert = invert};
}

#define RULE(a, c, comment, ...) nft_chain_rule(a, c, (struct nft_stmt[]){__VA_ARGS__}, sizeof((struct nft_stmt[]){__VA_ARGS__}) / sizeof(struct nft_stmt), str_of(comment))

/* Every kind of statement at least once. */
static void make_rules(struct arena *a, struct nft_part *p, bool v6)
{
	enum nft_type at = v6 ? NFT_T_IPV6 : NFT_T_IPV4;
	set(a, p, "ips", (struct nft_set){.key = {at}, .nkey = 1, .comment = STR("some addresses")});
	set(a, p, "joined", (struct nft_set){.key = {at, at, NFT_T_PROTO, NFT_T_PORT}, .nkey = 4});
	set(a, p, "verdicts", (struct nft_set){.key = {at, NFT_T_PROTO, NFT_T_PORT}, .nkey = 3, .data = {NFT_T_VERDICT}, .ndata = 1});
	set(a, p, "ports", (struct nft_set){.key = {NFT_T_PROTO, NFT_T_PORT}, .nkey = 2, .data = {NFT_T_VERDICT}, .ndata = 1});
	set(a, p, "seen", (struct nft_set){.key = {at}, .nkey = 1, .size = 65535, .flags = NFT_SET_F_DYNAMIC | NFT_SET_F_TIMEOUT, .timeout_ms = 77000});
	struct nft_chain *base = nft_part_chain(a, p, STR("base"));
	*base = (struct nft_chain){.name = STR("base"), .base = true, .type = "filter", .hook = NFT_H_PREROUTING, .priority = -110};
	RULE(a, base, "", {.kind = NFT_S_CT_STATE_NEW}, VERDICT(NFT_V_JUMP, "target"));
	struct nft_chain *nat = nft_part_chain(a, p, STR("nat"));
	*nat = (struct nft_chain){.name = STR("nat"), .base = true, .type = "nat", .hook = NFT_H_POSTROUTING, .priority = 100};
	RULE(a, nat, "", {.kind = NFT_S_MARK_TEST, .num = 0x4000}, {.kind = NFT_S_MARK_XOR, .num = 0x4000}, {.kind = NFT_S_MASQUERADE});
	RULE(a, nat, "", {.kind = NFT_S_CT_STATUS_DNAT}, {.kind = NFT_S_LOOKUP, .fields = {NFT_F_SADDR, NFT_F_DADDR, NFT_F_L4PROTO, NFT_F_DPORT}, .nfields = 4, .name = STR("joined")}, {.kind = NFT_S_MASQUERADE});
	struct nft_chain *target = nft_part_chain(a, p, STR("target"));
	target->comment = STR("for jumps");
	RULE(a, target, "", {.kind = NFT_S_VERDICT, .verdict = {.kind = NFT_V_REJECT}});
	struct nft_chain *dnat = nft_part_chain(a, p, STR("dnat"));
	struct nft_key *targets = arena_array(a, struct nft_key, 2);
	for (uint32_t i = 0; i < 2; i++)
		targets[i] = (struct nft_key){.n = 2, .v = {{at, test_ip(v6 ? "fd00::5" : "10.1.2.3"), 0}, {NFT_T_PORT, {0}, 8080 + i}}};
	RULE(a, dnat, "", {.kind = NFT_S_L4PROTO, .num = 6}, {.kind = NFT_S_DNAT, .to = {{at, test_ip(v6 ? "fd00::5" : "10.1.2.3"), 0}, {NFT_T_PORT, {0}, 8080}}});
	RULE(a, dnat, "", {.kind = NFT_S_L4PROTO, .num = 17}, {.kind = NFT_S_DNAT_NUMGEN, .targets = targets, .ntargets = 2});
	struct nft_chain *all = nft_part_chain(a, p, STR("all"));
	static struct str names[] = {STR_INIT("target"), STR_INIT("dnat")};
	RULE(a, all, "", {.kind = NFT_S_VMAP_NUMGEN, .chains = names, .ntargets = 2});
	RULE(a, all, "", {.kind = NFT_S_VMAP, .fields = {NFT_F_DADDR, NFT_F_L4PROTO, NFT_F_DPORT}, .nfields = 3, .name = STR("verdicts")});
	RULE(a, all, "", {.kind = NFT_S_LOOKUP, .fields = {NFT_F_DADDR}, .nfields = 1, .name = STR("ips")}, {.kind = NFT_S_VMAP, .fields = {NFT_F_L4PROTO, NFT_F_DPORT}, .nfields = 2, .name = STR("ports")});
	RULE(a, all, "mark it", {.kind = NFT_S_IIFNAME, .name = STR("veth*"), .invert = true}, {.kind = NFT_S_MARK_OR, .num = 0x4000});
	RULE(a, all, "", {.kind = NFT_S_IIFNAME, .name = STR("cni0")}, VERDICT(NFT_V_RETURN, ""));
	RULE(a, all, "", {.kind = NFT_S_FIB_LOCAL, .fields = {NFT_F_SADDR}}, VERDICT(NFT_V_GOTO, "target"));
	RULE(a, all, "", {.kind = NFT_S_FIB_LOCAL, .fields = {NFT_F_DADDR}}, VERDICT(NFT_V_ACCEPT, ""));
	RULE(a, all, "", {.kind = NFT_S_UPDATE, .fields = {NFT_F_SADDR}, .nfields = 1, .name = STR("seen")});
	struct net_ip *ips = arena_array(a, struct net_ip, 3);
	ips[0] = test_ip(v6 ? "fd00:1::/48" : "192.0.2.0/24");
	ips[1] = test_ip(v6 ? "fd00:2::/48" : "203.0.113.0/24");
	ips[2] = test_ip(v6 ? "fd00:1::/47" : "10.0.0.0/15");
	RULE(a, all, "", addr(NFT_F_SADDR, ips, 2, true), VERDICT(NFT_V_DROP, ""));
	RULE(a, all, "", addr(NFT_F_SADDR, ips, 1, false), VERDICT(NFT_V_ACCEPT, ""));
	RULE(a, all, "", addr(NFT_F_DADDR, ips + 2, 1, true), VERDICT(NFT_V_ACCEPT, ""));
	struct nft_elem *e = nft_part_elem(a, p, STR("ips"));
	e->key = (struct nft_key){.n = 1, .v = {{at, test_ip(v6 ? "fd00::1" : "10.96.0.1"), 0}}};
	e = nft_part_elem(a, p, STR("verdicts"));
	e->key = (struct nft_key){.n = 3, .v = {{at, test_ip(v6 ? "fd00::1" : "10.96.0.1"), 0}, {NFT_T_PROTO, {0}, 6}, {NFT_T_PORT, {0}, 80}}};
	e->verdict = (struct nft_verdict){NFT_V_GOTO, STR("dnat")};
	e->comment = STR("demo/web");
	e = nft_part_elem(a, p, STR("ports"));
	e->key = (struct nft_key){.n = 2, .v = {{NFT_T_PROTO, {0}, 17}, {NFT_T_PORT, {0}, 30080}}};
	e->verdict = (struct nft_verdict){.kind = NFT_V_DROP};
}

TEST(nft_every_statement_reads_back_from_the_kernel_as_we_print_it)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int back = test_own_net();
	struct nft_part p4 = {0}, p6 = {0};
	struct nft_refs r4 = {0}, r6 = {0};
	make_rules(a, &p4, false);
	make_rules(a, &p6, true);
	move_to(&ip4, &r4, NULL, &p4);
	same_as_kernel(&ip4, &p4);
	move_to(&ip6, &r6, NULL, &p6);
	same_as_kernel(&ip6, &p6);
	nft_refs_fini(&r4);
	nft_refs_fini(&r6);
	test_leave_net(back);
}

static void service(struct arena *a, struct nft_part *p, const char *chain, const char *ip, unsigned port, uint64_t timeout_ms)
{
	struct nft_chain *c = nft_part_chain(a, p, str_of(chain));
	char *name = str_z(a, str_printf(a, "aff/%s", chain));
	set(a, p, name, (struct nft_set){.key = {NFT_T_IPV4}, .nkey = 1, .size = 100, .flags = NFT_SET_F_DYNAMIC | NFT_SET_F_TIMEOUT, .timeout_ms = timeout_ms});
	RULE(a, c, "", {.kind = NFT_S_UPDATE, .fields = {NFT_F_SADDR}, .nfields = 1, .name = str_of(name)});
	RULE(a, c, "", {.kind = NFT_S_DPORT, .num = port}, VERDICT(NFT_V_ACCEPT, ""));
	struct nft_elem *e = nft_part_elem(a, p, STR("verdicts"));
	e->key = (struct nft_key){.n = 3, .v = {{NFT_T_IPV4, test_ip(ip), 0}, {NFT_T_PROTO, {0}, 6}, {NFT_T_PORT, {0}, 80}}};
	e->verdict = (struct nft_verdict){NFT_V_GOTO, str_of(chain)};
}

static size_t messages(const struct nft_part *old, const struct nft_part *cur)
{
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	struct nft_refs none = {0};
	nft_batch_begin(b, &ip4, &none, old, cur);
	nft_batch_end(b, &ip4, &none, old, cur);
	nft_refs_fini(&none);
	return nft_batch_len(b);
}

TEST(nft_batch_holds_only_what_changed)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct nft_part one = {0}, same = {0}, other = {0};
	service(a, &one, "svc/a", "10.0.0.1", 80, 1000);
	service(a, &same, "svc/a", "10.0.0.1", 80, 1000);
	service(a, &other, "svc/a", "10.0.0.1", 81, 1000);
	assert_int_equal(messages(&one, &same), 0);
	assert_int_equal(messages(&one, &other), 3); /* flush and two rules */
	assert_int_equal(messages(NULL, &one), 5);
}

/* Parts come, change and go; the kernel takes every batch and in the end holds what the text says. */
TEST(nft_parts_change_in_the_kernel_step_by_step)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int back = test_own_net();
	struct nft_part frame = {0}, v[6] = {0};
	struct nft_refs refs = {0};
	const struct nft_part *now[3] = {&frame};
	set(a, &frame, "verdicts", (struct nft_set){.key = {NFT_T_IPV4, NFT_T_PROTO, NFT_T_PORT}, .nkey = 3, .data = {NFT_T_VERDICT}, .ndata = 1});
	service(a, &v[0], "svc/a", "10.0.0.1", 80, 1000);
	service(a, &v[1], "svc/a", "10.0.0.2", 81, 5000); /* other rules, set and element */
	service(a, &v[2], "svc/b", "10.0.0.1", 80, 1000); /* takes the address that a had */
	service(a, &v[3], "svc/c", "10.0.0.2", 80, 1000); /* wants an address that a still has */
	move_to(&ip4, &refs, NULL, &frame);
	move_to(&ip4, &refs, &(struct nft_part){0}, &v[0]);
	move_to(&ip4, &refs, &v[0], &v[1]);
	move_to(&ip4, &refs, &(struct nft_part){0}, &v[2]);
	move_to(&ip4, &refs, &(struct nft_part){0}, &v[3]);
	move_to(&ip4, &refs, &v[1], &(struct nft_part){0}); /* c gets it now */
	BUF(ours);
	BUF(kernels);
	now[1] = &v[2], now[2] = &v[3];
	nft_table_text(&ours, &ip4, now, 3);
	list(&kernels, "ip");
	assert_non_null(strstr(buf_z(&kernels), "10.0.0.2 . tcp . 80 : goto svc/c"));
	assert_null(strstr(buf_z(&kernels), "svc/a"));
	assert_int_equal(ours.n, kernels.n);
	move_to(&ip4, &refs, &v[2], NULL);
	move_to(&ip4, &refs, &v[3], NULL);
	assert_int_equal(refs.elems.n, 0);
	nft_refs_fini(&refs);
	test_leave_net(back);
}

TEST(nft_a_refused_batch_changes_nothing_and_says_what)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	int back = test_own_net();
	struct nft_part p = {0};
	struct nft_refs refs = {0};
	ERR(e);
	struct nft_chain *c = nft_part_chain(a, &p, STR("good"));
	RULE(a, c, "", VERDICT(NFT_V_GOTO, "missing"));
	nft_batch_reset_table(b, &ip4);
	nft_batch_begin(b, &ip4, &refs, NULL, &p);
	nft_batch_end(b, &ip4, &refs, NULL, &p);
	assert_int_equal(try_send(b, &e), -1);
	assert_int_equal(e.sys, ENOENT);
	assert_non_null(strstr(err_text(&e), "new rule good"));
	assert_false(nft_chain_exists(NFPROTO_IPV4, "c8s-test", "good"));
	nft_refs_fini(&refs);
	test_leave_net(back);
}

TEST(nft_large_maps_are_split_into_messages)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int back = test_own_net();
	struct nft_part p = {0};
	struct nft_refs refs = {0};
	uint32_t n = 1000;
	struct nft_key *targets = arena_array(a, struct nft_key, n);
	for (uint32_t i = 0; i < n; i++)
		targets[i] = (struct nft_key){.n = 2, .v = {{NFT_T_IPV4, test_ip("10.1.2.3"), 0}, {NFT_T_PORT, {0}, i + 1}}};
	struct nft_chain *c = nft_part_chain(a, &p, STR("big"));
	RULE(a, c, "", {.kind = NFT_S_L4PROTO, .num = 6}, {.kind = NFT_S_DNAT_NUMGEN, .targets = targets, .ntargets = n});
	move_to(&ip4, &refs, NULL, &p);
	BUF(kernels);
	list(&kernels, "ip");
	assert_non_null(strstr(buf_z(&kernels), "999 : 10.1.2.3 . 1000"));
	nft_refs_fini(&refs);
	test_leave_net(back);
}

TEST(nft_bytes_check_refuses_other_tables_and_nonsense)
{
	static const char *const other[] = {"kube-proxy", NULL}, *const chain[] = {"c8s-test/FORWARD", NULL};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new(), *rules = nft_batch_new();
	struct nft_part p = {0};
	struct str bytes;
	ERR(e);
	nft_batch_reset_table(b, &ip4);
	assert_ok(nft_batch_bytes(b, &bytes, &e), &e);
	assert_int_equal(nft_bytes_check(bytes, other, &e), -1);
	assert_true(err_is(&e, ERR_FORBIDDEN));
	assert_int_equal(nft_bytes_check(bytes, chain, &e), -1);
	struct nft_chain *c = nft_part_chain(a, &p, STR("FORWARD"));
	nft_batch_insert_rule(rules, &ip4, STR("FORWARD"), RULE(a, c, "x", VERDICT(NFT_V_ACCEPT, "")));
	assert_ok(nft_batch_bytes(rules, &bytes, &e), &e);
	assert_ok(nft_bytes_check(bytes, chain, &e), &e);
	_Alignas(8) char junk[64];
	for (int i = 0; i < 256; i++) {
		memset(junk, i, sizeof junk);
		assert_int_equal(nft_bytes_check(str_n(junk, sizeof junk), other, NULL), -1);
	}
}

TEST(nft_rules_are_found_and_deleted_by_comment)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new(), *d = nft_batch_new();
	int back = test_own_net();
	struct nft_part p = {0}, scratch = {0};
	struct nft_refs refs = {0};
	uint64_t handles[4];
	ERR(e);
	RULE(a, nft_part_chain(a, &p, STR("FORWARD")), "theirs", VERDICT(NFT_V_DROP, ""));
	move_to(&ip4, &refs, NULL, &p);
	nft_batch_insert_rule(b, &ip4, STR("FORWARD"), RULE(a, nft_part_chain(a, &scratch, STR("x")), "ours", {.kind = NFT_S_COUNTER}, VERDICT(NFT_V_ACCEPT, "")));
	assert_ok(try_send(b, &e), &e);
	assert_int_equal(nft_rules_find(NFPROTO_IPV4, "c8s-test", "FORWARD", STR("ours"), handles, 4, &e), 1);
	BUF(kernels);
	list(&kernels, "ip");
	assert_true(strstr(buf_z(&kernels), "ours") < strstr(buf_z(&kernels), "theirs"));
	nft_batch_delete_rule(d, &ip4, STR("FORWARD"), handles[0]);
	assert_ok(try_send(d, &e), &e);
	assert_int_equal(nft_rules_find(NFPROTO_IPV4, "c8s-test", "FORWARD", STR("ours"), handles, 4, &e), 0);
	assert_int_equal(nft_rules_find(NFPROTO_IPV4, "c8s-test", "FORWARD", STR("theirs"), handles, 4, &e), 1);
	nft_refs_fini(&refs);
	test_leave_net(back);
}
