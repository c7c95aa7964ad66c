/* Private to os: the encoding of nftables. */
#pragma once
#include "os/nft.h"
#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#define NFT_COMMENT_MAX 127 /* nft(8) refuses longer ones */
#define NFT_MESSAGE_ROOM 65536   /* room kept for one message */

struct nft_batch {
	struct buf bytes;
	uint32_t seq, messages, next_set_id;
	bool framed, failed;
	struct arena *names; /* NUL-terminated copies for libnftnl */
};

/* A key or its data as the kernel wants it: every value padded to 4 bytes. */
struct nft_raw { uint8_t p[64]; uint32_t n; };
void nft_raw_key(struct nft_raw *out, const struct nft_key *k);
uint32_t nft_type_code(const enum nft_type *types, int n);  /* concatenated type numbers */
uint32_t nft_type_bytes(const enum nft_type *types, int n);

/* An anonymous set that a rule brings along. */
struct nft_anon {
	enum nft_type key, data[NFT_KEY_MAX];
	int ndata;
	uint32_t flags, n;
	/* The i-th element. */
	void (*fill)(struct nftnl_set_elem *el, const struct nft_stmt *s, uint32_t i);
};
/* Makes it in the batch; returns the id for the lookup. */
uint32_t nft_batch_anon(struct nft_batch *b, const struct nft_table *t, const struct nft_anon *a, const struct nft_stmt *s);
char *nft_z(struct nft_batch *b, struct str s);

/* One row per statement kind. */
struct nft_row {
	void (*text)(struct buf *out, int family, const struct nft_stmt *s);
	void (*encode)(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s);
};
extern const struct nft_row nft_rows[NFT_STMTS];
void nft_elem_text(struct buf *out, const struct nft_elem *e);
void nft_value_text(struct buf *out, const struct nft_value *v);
void nft_verdict_text(struct buf *out, const struct nft_verdict *v);
void nft_set_text(struct buf *out, const struct nft_set *s);
void nft_chain_text(struct buf *out, int family, const struct nft_chain *c);

void nft_put_table(struct nft_batch *b, const struct nft_table *t, bool del);
void nft_put_chain(struct nft_batch *b, const struct nft_table *t, const struct nft_chain *c, bool del);
void nft_put_flush(struct nft_batch *b, const struct nft_table *t, struct str chain);
void nft_put_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, const struct nft_rule *r);
void nft_put_set(struct nft_batch *b, const struct nft_table *t, const struct nft_set *s, bool del);
void nft_put_elem(struct nft_batch *b, const struct nft_table *t, const struct nft_elem *e, bool del);
