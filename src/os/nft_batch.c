/* The netlink messages of one transaction: see nft.h. */
#include "os/nft_impl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#define ELEMS_PER_MESSAGE 128 /* a list of elements must stay below 64 KiB */
#define HOST_ORDER 1          /* BYTEORDER_HOST_ENDIAN and BIG_ENDIAN of nft(8), which reads them back to print keys */
#define BIG_ORDER 2

struct nft_batch *nft_batch_new(void)
{
	struct nft_batch *b = calloc(1, sizeof *b);
	if (!b)
		abort();
	b->bytes.max = NFT_BATCH_MAX + NFT_MESSAGE_ROOM;
	b->names = arena_new(NULL);
	return b;
}

void nft_batch_free(struct nft_batch *b)
{
	if (!b)
		return;
	buf_fini(&b->bytes);
	arena_free(b->names);
	free(b);
}

char *nft_z(struct nft_batch *b, struct str s)
{
	return str_z(b->names, s);
}

size_t nft_batch_len(const struct nft_batch *b)
{
	return b->messages;
}

/* The kernel's numbers of nft(8)'s data types, and their sizes. */
static const struct { uint8_t code, bytes; } types[] = {[NFT_T_IPV4] = {7, 4}, [NFT_T_IPV6] = {8, 16}, [NFT_T_PROTO] = {12, 1}, [NFT_T_PORT] = {13, 2},
	[NFT_T_MARK] = {19, 4}, [NFT_T_INTEGER] = {4, 4}, [NFT_T_IFNAME] = {41, 16}};

uint32_t nft_type_code(const enum nft_type *list, int n)
{
	uint32_t code = 0;
	for (int i = 0; i < n; i++)
		code = code << 6 | types[list[i]].code;
	return code;
}

/* Parts of a joined key are padded to words; a key of one part is not. */
uint32_t nft_type_bytes(const enum nft_type *list, int n)
{
	uint32_t bytes = 0;
	if (n == 1)
		return types[list[0]].bytes;
	for (int i = 0; i < n; i++)
		bytes += (types[list[i]].bytes + 3u) & ~3u;
	return bytes;
}

static uint32_t put_value(uint8_t *p, const struct nft_value *v)
{
	switch (v->type) {
	case NFT_T_IPV4: memcpy(p, v->ip.ip, 4); return 4;
	case NFT_T_IPV6: memcpy(p, v->ip.ip, 16); return 16;
	case NFT_T_PROTO: p[0] = (uint8_t)v->num; return 1;
	case NFT_T_PORT: p[0] = (uint8_t)(v->num >> 8), p[1] = (uint8_t)v->num; return 2;
	default: memcpy(p, &v->num, 4); return 4;
	}
}

void nft_raw_key(struct nft_raw *out, const struct nft_key *k)
{
	*out = (struct nft_raw){0};
	for (int i = 0; i < k->n; i++) {
		uint32_t n = put_value(out->p + out->n, &k->v[i]);
		out->n += k->n == 1 ? n : (n + 3u) & ~3u;
	}
}

/* Room for one message with its header; NULL once the batch has failed. */
static struct nlmsghdr *begin_message(struct nft_batch *b, uint16_t type, int family, uint16_t flags)
{
	if (!b->framed) {
		b->framed = true;
		char *p = buf_room(&b->bytes, NFT_MESSAGE_ROOM);
		if (p)
			b->bytes.n += nftnl_batch_begin(p, b->seq++)->nlmsg_len;
	}
	char *p = b->bytes.n <= NFT_BATCH_MAX ? buf_room(&b->bytes, NFT_MESSAGE_ROOM) : NULL;
	b->failed |= !p;
	return p ? nftnl_nlmsg_build_hdr(p, type, (uint16_t)family, flags, b->seq++) : NULL;
}

static void end_message(struct nft_batch *b, const struct nlmsghdr *h)
{
	b->bytes.n += MNL_ALIGN(h->nlmsg_len);
	b->messages++;
}

int nft_batch_bytes(struct nft_batch *b, struct str *ret, struct err *e)
{
	if (b->failed || b->bytes.failed)
		return err_set(e, ERR_TOO_LARGE, "nftables batch of more than %u bytes", NFT_BATCH_MAX);
	if (b->framed) {
		char *p = buf_room(&b->bytes, NFT_MESSAGE_ROOM);
		if (!p)
			return err_nomem(e, NFT_MESSAGE_ROOM);
		b->bytes.n += nftnl_batch_end(p, b->seq++)->nlmsg_len;
		b->framed = false;
	}
	*ret = buf_view(&b->bytes);
	return 0;
}

/* A comment as nft(8) keeps it; it is cut to what nft takes. */
struct udata { struct nftnl_udata_buf *buf; };
static struct udata udata_new(void)
{
	struct udata u = {nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN)};
	if (!u.buf)
		abort();
	return u;
}
static void udata_comment(struct nft_batch *b, struct udata u, uint8_t type, struct str comment)
{
	nftnl_udata_put_strz(u.buf, type, nft_z(b, str_sub(comment, 0, NFT_COMMENT_MAX)));
}

void nft_put_table(struct nft_batch *b, const struct nft_table *t, bool del)
{
	struct nlmsghdr *h = begin_message(b, del ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE, t->family, del ? 0 : NLM_F_CREATE);
	struct nftnl_table *x = h ? nftnl_table_alloc() : NULL;
	if (!x)
		return;
	nftnl_table_set_str(x, NFTNL_TABLE_NAME, nft_z(b, t->name));
	if (t->comment.n && !del) {
		struct udata u = udata_new();
		udata_comment(b, u, NFTNL_UDATA_TABLE_COMMENT, t->comment);
		nftnl_table_set_data(x, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u.buf), nftnl_udata_buf_len(u.buf));
		nftnl_udata_buf_free(u.buf);
	}
	nftnl_table_nlmsg_build_payload(h, x);
	nftnl_table_free(x);
	end_message(b, h);
}

static uint32_t hook_number(enum nft_hook h)
{
	static const uint32_t numbers[] = {NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING};
	return numbers[h];
}

static void set_base(struct nftnl_chain *x, const struct nft_chain *c)
{
	nftnl_chain_set_str(x, NFTNL_CHAIN_TYPE, c->type);
	nftnl_chain_set_u32(x, NFTNL_CHAIN_HOOKNUM, hook_number(c->hook));
	nftnl_chain_set_s32(x, NFTNL_CHAIN_PRIO, c->priority);
	nftnl_chain_set_u32(x, NFTNL_CHAIN_POLICY, NF_ACCEPT);
}

void nft_put_chain(struct nft_batch *b, const struct nft_table *t, const struct nft_chain *c, bool del)
{
	struct nlmsghdr *h = begin_message(b, del ? NFT_MSG_DELCHAIN : NFT_MSG_NEWCHAIN, t->family, del ? 0 : NLM_F_CREATE);
	struct nftnl_chain *x = h ? nftnl_chain_alloc() : NULL;
	if (!x)
		return;
	nftnl_chain_set_str(x, NFTNL_CHAIN_TABLE, nft_z(b, t->name));
	nftnl_chain_set_str(x, NFTNL_CHAIN_NAME, nft_z(b, c->name));
	if (c->base && !del)
		set_base(x, c);
	if (c->comment.n && !del) {
		struct udata u = udata_new();
		udata_comment(b, u, NFTNL_UDATA_CHAIN_COMMENT, c->comment);
		nftnl_chain_set_data(x, NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(u.buf), nftnl_udata_buf_len(u.buf));
		nftnl_udata_buf_free(u.buf);
	}
	nftnl_chain_nlmsg_build_payload(h, x);
	nftnl_chain_free(x);
	end_message(b, h);
}

static struct nftnl_rule *make_rule(struct nft_batch *b, const struct nft_table *t, struct str chain)
{
	struct nftnl_rule *x = nftnl_rule_alloc();
	if (!x)
		abort();
	nftnl_rule_set_str(x, NFTNL_RULE_TABLE, nft_z(b, t->name));
	nftnl_rule_set_str(x, NFTNL_RULE_CHAIN, nft_z(b, chain));
	return x;
}

static void send_rule(struct nft_batch *b, struct nlmsghdr *h, struct nftnl_rule *x)
{
	if (h) {
		nftnl_rule_nlmsg_build_payload(h, x);
		end_message(b, h);
	}
	nftnl_rule_free(x);
}

void nft_put_flush(struct nft_batch *b, const struct nft_table *t, struct str chain)
{
	send_rule(b, begin_message(b, NFT_MSG_DELRULE, t->family, 0), make_rule(b, t, chain));
}

/* The statements first: they may put messages for anonymous sets before the rule's own. */
static void put_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, const struct nft_rule *r, uint16_t flags)
{
	struct nftnl_rule *x = make_rule(b, t, chain);
	for (uint32_t i = 0; i < r->len; i++)
		nft_rows[r->stmts[i].kind].encode(b, t, x, &r->stmts[i]);
	if (r->comment.n) {
		struct udata u = udata_new();
		udata_comment(b, u, NFTNL_UDATA_RULE_COMMENT, r->comment);
		nftnl_rule_set_data(x, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u.buf), nftnl_udata_buf_len(u.buf));
		nftnl_udata_buf_free(u.buf);
	}
	send_rule(b, begin_message(b, NFT_MSG_NEWRULE, t->family, (uint16_t)(NLM_F_CREATE | flags)), x);
}

void nft_put_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, const struct nft_rule *r)
{
	put_rule(b, t, chain, r, NLM_F_APPEND);
}

void nft_batch_insert_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, const struct nft_rule *r)
{
	put_rule(b, t, chain, r, 0);
}

void nft_batch_delete_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, uint64_t handle)
{
	struct nftnl_rule *x = make_rule(b, t, chain);
	nftnl_rule_set_u64(x, NFTNL_RULE_HANDLE, handle);
	send_rule(b, begin_message(b, NFT_MSG_DELRULE, t->family, 0), x);
}

static uint32_t set_flags(const struct nft_set *s)
{
	return (s->ndata ? NFT_SET_MAP : 0) | (s->flags & NFT_SET_F_DYNAMIC ? NFT_SET_EVAL : 0) | (s->flags & NFT_SET_F_TIMEOUT ? NFT_SET_TIMEOUT : 0) |
		(s->flags & NFT_SET_F_INTERVAL ? NFT_SET_INTERVAL : 0);
}

static void set_types(struct nftnl_set *x, const enum nft_type *key, int nkey, const enum nft_type *data, int ndata)
{
	nftnl_set_set_u32(x, NFTNL_SET_KEY_TYPE, nft_type_code(key, nkey));
	nftnl_set_set_u32(x, NFTNL_SET_KEY_LEN, nft_type_bytes(key, nkey));
	if (ndata && data[0] == NFT_T_VERDICT) {
		nftnl_set_set_u32(x, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
		nftnl_set_set_u32(x, NFTNL_SET_DATA_LEN, 16);
	} else if (ndata) {
		nftnl_set_set_u32(x, NFTNL_SET_DATA_TYPE, nft_type_code(data, ndata));
		nftnl_set_set_u32(x, NFTNL_SET_DATA_LEN, nft_type_bytes(data, ndata));
	}
}

static uint32_t byte_order(const enum nft_type *types_, int n)
{
	return n == 1 && (types_[0] == NFT_T_MARK || types_[0] == NFT_T_INTEGER || types_[0] == NFT_T_PROTO) ? HOST_ORDER : BIG_ORDER;
}

static void set_userdata(struct nft_batch *b, struct nftnl_set *x, const enum nft_type *key, int nkey, const enum nft_type *data, int ndata, struct str comment)
{
	struct udata u = udata_new();
	nftnl_udata_put_u32(u.buf, NFTNL_UDATA_SET_KEYBYTEORDER, byte_order(key, nkey));
	if (ndata && data[0] != NFT_T_VERDICT)
		nftnl_udata_put_u32(u.buf, NFTNL_UDATA_SET_DATABYTEORDER, byte_order(data, ndata));
	if (comment.n)
		udata_comment(b, u, NFTNL_UDATA_SET_COMMENT, comment);
	nftnl_set_set_data(x, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u.buf), nftnl_udata_buf_len(u.buf));
	nftnl_udata_buf_free(u.buf);
}

static struct nftnl_set *make_set(struct nft_batch *b, const struct nft_table *t, struct str name)
{
	struct nftnl_set *x = nftnl_set_alloc();
	if (!x)
		abort();
	nftnl_set_set_u32(x, NFTNL_SET_FAMILY, (uint32_t)t->family);
	nftnl_set_set_str(x, NFTNL_SET_TABLE, nft_z(b, t->name));
	nftnl_set_set_str(x, NFTNL_SET_NAME, nft_z(b, name));
	return x;
}

void nft_put_set(struct nft_batch *b, const struct nft_table *t, const struct nft_set *s, bool del)
{
	struct nftnl_set *x = make_set(b, t, s->name);
	if (!del) {
		nftnl_set_set_u32(x, NFTNL_SET_ID, ++b->next_set_id);
		nftnl_set_set_u32(x, NFTNL_SET_FLAGS, set_flags(s));
		set_types(x, s->key, s->nkey, s->data, s->ndata);
		if (s->size)
			nftnl_set_set_u32(x, NFTNL_SET_DESC_SIZE, s->size);
		if (s->timeout_ms)
			nftnl_set_set_u64(x, NFTNL_SET_TIMEOUT, s->timeout_ms);
		set_userdata(b, x, s->key, s->nkey, s->data, s->ndata, s->comment);
	}
	struct nlmsghdr *h = begin_message(b, del ? NFT_MSG_DELSET : NFT_MSG_NEWSET, t->family, del ? 0 : NLM_F_CREATE);
	if (h) {
		nftnl_set_nlmsg_build_payload(h, x);
		end_message(b, h);
	}
	nftnl_set_free(x);
}

static void send_elems(struct nft_batch *b, const struct nft_table *t, struct nftnl_set *x, bool del)
{
	struct nlmsghdr *h = begin_message(b, del ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM, t->family, del ? 0 : NLM_F_CREATE);
	if (h) {
		nftnl_set_elems_nlmsg_build_payload(h, x);
		end_message(b, h);
	}
	nftnl_set_free(x);
}

static void set_verdict(struct nft_batch *b, struct nftnl_set_elem *el, const struct nft_verdict *v)
{
	static const int codes[] = {NF_ACCEPT, NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP, NFT_GOTO, NF_DROP};
	nftnl_set_elem_set_u32(el, NFTNL_SET_ELEM_VERDICT, (uint32_t)codes[v->kind]);
	if (v->kind == NFT_V_JUMP || v->kind == NFT_V_GOTO)
		nftnl_set_elem_set_str(el, NFTNL_SET_ELEM_CHAIN, nft_z(b, v->chain));
}

static void fill_elem(struct nft_batch *b, struct nftnl_set_elem *el, const struct nft_elem *e)
{
	struct nft_raw raw;
	if (e->verdict.kind)
		set_verdict(b, el, &e->verdict);
	if (e->data.n) {
		nft_raw_key(&raw, &e->data);
		nftnl_set_elem_set(el, NFTNL_SET_ELEM_DATA, raw.p, raw.n);
	}
	if (e->comment.n) {
		struct udata u = udata_new();
		udata_comment(b, u, NFTNL_UDATA_SET_ELEM_COMMENT, e->comment);
		nftnl_set_elem_set(el, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(u.buf), nftnl_udata_buf_len(u.buf));
		nftnl_udata_buf_free(u.buf);
	}
}

void nft_put_elem(struct nft_batch *b, const struct nft_table *t, const struct nft_elem *e, bool del)
{
	struct nft_raw raw;
	struct nftnl_set *x = make_set(b, t, e->set);
	struct nftnl_set_elem *el = nftnl_set_elem_alloc();
	if (!el)
		abort();
	nft_raw_key(&raw, &e->key);
	nftnl_set_elem_set(el, NFTNL_SET_ELEM_KEY, raw.p, raw.n);
	if (!del)
		fill_elem(b, el, e);
	nftnl_set_elem_add(x, el);
	send_elems(b, t, x, del);
}

/* Elements [from, to) of an anonymous set. */
static void put_anon_elems(struct nft_batch *b, const struct nft_table *t, struct str name, uint32_t id, const struct nft_anon *a, const struct nft_stmt *s,
	uint32_t from, uint32_t to)
{
	struct nftnl_set *x = make_set(b, t, name);
	nftnl_set_set_u32(x, NFTNL_SET_ID, id);
	for (uint32_t i = from; i < to; i++) {
		struct nftnl_set_elem *el = nftnl_set_elem_alloc();
		if (!el)
			abort();
		a->fill(el, s, i);
		nftnl_set_elem_add(x, el);
	}
	send_elems(b, t, x, false);
}

uint32_t nft_batch_anon(struct nft_batch *b, const struct nft_table *t, const struct nft_anon *a, const struct nft_stmt *s)
{
	struct str name = a->ndata ? STR("__map%d") : STR("__set%d");
	struct nftnl_set *x = make_set(b, t, name);
	uint32_t id = ++b->next_set_id;
	nftnl_set_set_u32(x, NFTNL_SET_ID, id);
	nftnl_set_set_u32(x, NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | a->flags);
	set_types(x, &a->key, 1, a->data, a->ndata);
	nftnl_set_set_u32(x, NFTNL_SET_DESC_SIZE, a->n);
	set_userdata(b, x, &a->key, 1, a->data, a->ndata, (struct str){0});
	struct nlmsghdr *h = begin_message(b, NFT_MSG_NEWSET, t->family, NLM_F_CREATE);
	if (h) {
		nftnl_set_nlmsg_build_payload(h, x);
		end_message(b, h);
	}
	nftnl_set_free(x);
	for (uint32_t i = 0; i < a->n; i += ELEMS_PER_MESSAGE)
		put_anon_elems(b, t, name, id, a, s, i, i + ELEMS_PER_MESSAGE < a->n ? i + ELEMS_PER_MESSAGE : a->n);
	return id;
}
