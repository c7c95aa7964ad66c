/* Handing a batch to the kernel, checking one, and asking what is there: see nft.h. */
#include "os/nft_impl.h"
#include "os/fd.h"
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/chain.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

static int open_netfilter(struct err *e)
{
	static const int on = 1;
	FD(fd) = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return err_sys(e, errno, "open a netfilter socket");
	/* Errors without a copy of what they are about, but with the kernel's word on it. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	return fd_steal(&fd);
}

static const char *message_name(uint16_t type)
{
	static const char *const names[] = {[NFT_MSG_NEWTABLE] = "new table", [NFT_MSG_DELTABLE] = "delete table", [NFT_MSG_NEWCHAIN] = "new chain",
		[NFT_MSG_DELCHAIN] = "delete chain", [NFT_MSG_NEWRULE] = "new rule", [NFT_MSG_DELRULE] = "delete rule", [NFT_MSG_NEWSET] = "new set",
		[NFT_MSG_DELSET] = "delete set", [NFT_MSG_NEWSETELEM] = "new element", [NFT_MSG_DELSETELEM] = "delete element"};
	type = NFNL_MSG_TYPE(type);
	return type < ARRAY_LEN(names) && names[type] ? names[type] : "message";
}

/* Attribute 2 of every message is the name of what it is about: chain, set; tables have theirs in 1. */
static const char *subject(const struct nlmsghdr *h, uint16_t want)
{
	const struct nlattr *at;
	mnl_attr_for_each(at, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(at) == want && !mnl_attr_validate(at, MNL_TYPE_NUL_STRING))
			return mnl_attr_get_str(at);
	return NULL;
}

static const struct nlmsghdr *message_by_seq(struct str bytes, uint32_t seq)
{
	int left = (int)bytes.n;
	for (const struct nlmsghdr *h = (const void *)bytes.p; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
		if (h->nlmsg_seq == seq)
			return h;
	return NULL;
}

static int explain(struct str bytes, const struct nlmsghdr *answer, struct err *e)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(answer);
	const struct nlmsghdr *h = message_by_seq(bytes, answer->nlmsg_seq);
	const char *name = h ? subject(h, 2) : NULL;
	return err_sys(e, err->error, "nftables: %s %s", h ? message_name(h->nlmsg_type) : "batch", name ? name : "");
}

/* The kernel has worked on the batch when sendmsg returns: what it did not like is already waiting to be read. */
static int read_errors(int fd, struct str bytes, struct err *e)
{
	_Alignas(struct nlmsghdr) char p[16384];
	for (;;) {
		ssize_t n = recv(fd, p, sizeof p, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : err_sys(e, errno, "nftables");
		int left = (int)n;
		for (const struct nlmsghdr *h = (const void *)p; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			if (h->nlmsg_type == NLMSG_ERROR && ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error)
				return explain(bytes, h, e);
	}
}

int nft_send(struct str bytes, struct err *e)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	if (!bytes.n)
		return 0;
	FD(fd) = open_netfilter(e);
	if (fd < 0)
		return -1;
	int room = (int)bytes.n + 65536;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	ssize_t n = sendto(fd, bytes.p, bytes.n, 0, (struct sockaddr *)&kernel, sizeof kernel);
	if (n < 0)
		return err_sys(e, errno, "send a batch of %zu bytes to nftables", bytes.n);
	return read_errors(fd, bytes, e);
}

static bool known_type(uint16_t type)
{
	switch (type) {
	case NFT_MSG_NEWTABLE: case NFT_MSG_DELTABLE: case NFT_MSG_NEWCHAIN: case NFT_MSG_DELCHAIN: case NFT_MSG_NEWRULE: case NFT_MSG_DELRULE:
	case NFT_MSG_NEWSET: case NFT_MSG_DELSET: case NFT_MSG_NEWSETELEM: case NFT_MSG_DELSETELEM:
		return true;
	}
	return false;
}

/* An entry is a table, or "table/chain" for rules of that chain. */
static bool allowed(const char *const *names, uint16_t type, const char *table, const char *chain)
{
	char both[256];
	bool rule = type == NFT_MSG_NEWRULE || type == NFT_MSG_DELRULE;
	if (snprintf(both, sizeof both, "%s/%s", table, chain ? chain : "") >= (int)sizeof both)
		return false;
	for (; names && *names; names++)
		if (!strcmp(*names, table) || (rule && chain && !strcmp(*names, both)))
			return true;
	return false;
}

static int check_message(const struct nlmsghdr *h, const char *const *names, struct err *e)
{
	uint16_t type = h->nlmsg_type;
	if (type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END)
		return 0;
	if (NFNL_SUBSYS_ID(type) != NFNL_SUBSYS_NFTABLES || !known_type(NFNL_MSG_TYPE(type)) || h->nlmsg_len < sizeof *h + sizeof(struct nfgenmsg))
		return err_set(e, ERR_FORBIDDEN, "message type 0x%x is not allowed in a batch", type);
	const char *table = subject(h, 1);
	if (!table || !allowed(names, NFNL_MSG_TYPE(type), table, subject(h, 2)))
		return err_set(e, ERR_FORBIDDEN, "nftables table %s is not allowed here", table ? table : "(none)");
	return 0;
}

int nft_bytes_check(struct str bytes, const char *const *names, struct err *e)
{
	if (bytes.n > NFT_BATCH_MAX + 2 * NFT_MESSAGE_ROOM || (uintptr_t)bytes.p % _Alignof(struct nlmsghdr))
		return err_set(e, ERR_BAD_REQUEST, "not an nftables batch");
	int left = (int)bytes.n;
	for (const struct nlmsghdr *h = (const void *)bytes.p; left > 0; h = mnl_nlmsg_next(h, &left)) {
		if (!mnl_nlmsg_ok(h, left) || h->nlmsg_len % MNL_ALIGNTO)
			return err_set(e, ERR_BAD_REQUEST, "not an nftables batch");
		if (check_message(h, names, e))
			return -1;
	}
	return 0;
}

/* One question and its answers; 0 or -errno. */
static int ask(struct nlmsghdr *h, mnl_cb_t each, void *arg)
{
	_Alignas(struct nlmsghdr) char p[65536];
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!s)
		return -errno;
	int r = mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) || mnl_socket_sendto(s, h, h->nlmsg_len) < 0 ? -errno : 0;
	for (int more = 1; !r && more > 0;) {
		ssize_t n = mnl_socket_recvfrom(s, p, sizeof p);
		more = n < 0 ? -1 : mnl_cb_run(p, (size_t)n, h->nlmsg_seq, mnl_socket_get_portid(s), each, arg);
		r = more < 0 ? -errno : 0;
	}
	mnl_socket_close(s);
	return r;
}

bool nft_chain_exists(int family, const char *table, const char *chain)
{
	_Alignas(struct nlmsghdr) char p[1024];
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(p, NFT_MSG_GETCHAIN, (uint16_t)family, NLM_F_ACK, 1);
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, chain);
	return ask(h, NULL, NULL) == 0;
}

struct search { struct str comment; uint64_t *handles; int n, max; };

static int match_comment(const struct nftnl_udata *attr, void *arg)
{
	struct search *s = arg;
	size_t n = nftnl_udata_len(attr);
	if (nftnl_udata_type(attr) != NFTNL_UDATA_RULE_COMMENT || !n)
		return 0;
	return str_eq(str_n(nftnl_udata_get(attr), n - 1), s->comment) ? 1 : 0;
}

static int on_rule(const struct nlmsghdr *h, void *arg)
{
	struct search *s = arg;
	struct nftnl_rule *r = nftnl_rule_alloc();
	uint32_t len = 0;
	if (!r)
		return errno = ENOMEM, MNL_CB_ERROR;
	if (nftnl_rule_nlmsg_parse(h, r) == 0) {
		const void *data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
		if (data && nftnl_udata_parse(data, len, match_comment, s) > 0 && s->n < s->max)
			s->handles[s->n++] = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

int nft_rules_find(int family, const char *table, const char *chain, struct str comment, uint64_t *ret_handles, int n, struct err *e)
{
	_Alignas(struct nlmsghdr) char p[1024];
	struct search s = {.comment = comment, .handles = ret_handles, .max = n};
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(p, NFT_MSG_GETRULE, (uint16_t)family, NLM_F_DUMP, 1);
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	int r = ask(h, on_rule, &s);
	return r ? err_sys(e, r, "list the rules of %s %s", table, chain) : s.n;
}
