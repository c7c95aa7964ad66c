/* nftables: rule sets as data, rendered as `nft list` prints them, compared, and sent to the kernel as one atomic batch.
 *
 * A struct nft_part is a declared piece of a table: chains with their rules, sets, elements.  nft_batch_apply turns (old part, new part) into the smallest
 * batch; several parts may make up one table (one per Service), and an element held by two parts stays until the last one lets go of it
 * (struct nft_refs).  Rules are lists of statements (struct nft_stmt); each statement kind is one row in nft_stmt.c, which knows
 * how it reads and how it is encoded.  To add one: the enum, a builder, the row, a line in nft_test.c.
 *
 * Everything lives in arenas; strings are the caller's and must live as long as the part.  Nothing here needs privileges but nft_send. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "os/netlink.h"

#define NFT_BATCH_MAX (16u << 20) /* bytes of one batch */

/* Element and data types; a key is up to NFT_KEY_MAX of them, joined. */
enum nft_type { NFT_T_NONE, NFT_T_IPV4, NFT_T_IPV6, NFT_T_PROTO, NFT_T_PORT, NFT_T_MARK, NFT_T_INTEGER, NFT_T_IFNAME, NFT_T_VERDICT };
#define NFT_KEY_MAX 4

/* One value of a key or of map data. */
struct nft_value {
	enum nft_type type;
	struct net_ip ip;  /* prefix may be shorter in sets with intervals */
	uint32_t num;      /* protocol, port, mark, integer */
};
struct nft_key { struct nft_value v[NFT_KEY_MAX]; uint8_t n; };

enum nft_verdict_kind { NFT_V_NONE, NFT_V_ACCEPT, NFT_V_DROP, NFT_V_RETURN, NFT_V_JUMP, NFT_V_GOTO, NFT_V_REJECT /* rules only */ };
struct nft_verdict { enum nft_verdict_kind kind; struct str chain; };

struct nft_elem {
	struct str set;
	struct nft_key key;
	struct nft_verdict verdict; /* of verdict maps */
	struct nft_key data;        /* of other maps */
	struct str comment;
};
enum nft_set_flag { NFT_SET_F_DYNAMIC = 1, NFT_SET_F_TIMEOUT = 2, NFT_SET_F_INTERVAL = 4 };
struct nft_set {
	struct str name, comment;
	enum nft_type key[NFT_KEY_MAX], data[NFT_KEY_MAX]; /* data[0] NFT_T_NONE: a set; NFT_T_VERDICT: a verdict map */
	uint8_t nkey, ndata;
	uint32_t flags, size;
	uint64_t timeout_ms;
};

enum nft_stmt_kind {
	NFT_S_CT_STATE_NEW, NFT_S_CT_STATUS_DNAT, NFT_S_VERDICT, NFT_S_L4PROTO, NFT_S_ADDR, NFT_S_LOOKUP, NFT_S_VMAP, NFT_S_MARK_OR, NFT_S_MARK_XOR,
	NFT_S_MARK_TEST, NFT_S_MASQUERADE, NFT_S_DNAT, NFT_S_DNAT_NUMGEN, NFT_S_VMAP_NUMGEN, NFT_S_UPDATE, NFT_S_FIB_LOCAL, NFT_S_IIFNAME,
	NFT_S_DPORT, NFT_S_COUNTER, NFT_STMTS
};
/* Which packet fields make up a key. */
enum nft_field { NFT_F_SADDR, NFT_F_DADDR, NFT_F_L4PROTO, NFT_F_DPORT };
struct nft_stmt {
	enum nft_stmt_kind kind;
	bool invert;                 /* != */
	enum nft_field fields[NFT_KEY_MAX]; /* ADDR and FIB_LOCAL (one), LOOKUP, VMAP, UPDATE */
	uint8_t nfields;
	uint32_t num;                /* protocol, mark, port, reject kind */
	struct net_ip *ips;          /* ADDR: one, or an anonymous set */
	uint32_t nips;
	struct str name;             /* set, chain or interface ("cali*": prefix) */
	struct nft_verdict verdict;
	struct nft_value to[2];      /* DNAT: address, port */
	struct nft_key *targets;     /* DNAT_NUMGEN: address . port each */
	struct str *chains;          /* VMAP_NUMGEN: goto each */
	uint32_t ntargets;
};
struct nft_rule { struct nft_stmt *stmts; uint32_t len, cap; struct str comment; };
enum nft_hook { NFT_H_NONE = -1, NFT_H_PREROUTING = 0, NFT_H_INPUT, NFT_H_FORWARD, NFT_H_OUTPUT, NFT_H_POSTROUTING };
struct nft_chain {
	struct str name, comment;
	bool base;                   /* the rest only then */
	const char *type;            /* "filter", "nat" */
	enum nft_hook hook;
	int32_t priority;
	struct nft_rule *items;
	uint32_t len, cap;
};
struct nft_part {
	struct { struct nft_chain *items; uint32_t len, cap; } chains;
	struct { struct nft_set *items; uint32_t len, cap; } sets;
	struct { struct nft_elem *items; uint32_t len, cap; } elems;
};
struct nft_table { int family; struct str name, comment; }; /* family NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET */

/* Builders; NULL only when the arena's budget is used up. */
struct nft_chain *nft_part_chain(struct arena *a, struct nft_part *p, struct str name);
struct nft_rule *nft_chain_rule(struct arena *a, struct nft_chain *c, const struct nft_stmt *stmts, size_t n, struct str comment);
struct nft_elem *nft_part_elem(struct arena *a, struct nft_part *p, struct str set);
/* All of it in one heap block, for as long as the kernel has it: free() it.  Aborts when out of memory. */
struct nft_part *nft_part_copy(const struct nft_part *p) must_check;

/* As `nft list table` prints it, normalised: static chains and sets in their order, names with a slash sorted behind them, elements sorted. */
void nft_table_text(struct buf *out, const struct nft_table *t, const struct nft_part *const *parts, size_t n);
void nft_rule_text(struct buf *out, int family, const struct nft_rule *r);

/* Which elements are in the kernel's sets, and on behalf of which parts: of two parts that want different values for one key, the first keeps it
 * until it lets go. Zeroed is empty. */
struct nft_refs { struct map elems; };
void nft_refs_fini(struct nft_refs *r);

struct nft_batch;
struct nft_batch *nft_batch_new(void);
void nft_batch_free(struct nft_batch *b);
CLEANUP_FN(nft_batch_free, struct nft_batch *)
/* add + delete + add: the table is there and empty afterwards. */
void nft_batch_reset_table(struct nft_batch *b, const struct nft_table *t);
void nft_batch_delete_table(struct nft_batch *b, const struct nft_table *t); /* absent is fine */
/* From old (NULL: nothing) to cur (NULL: nothing).  A batch of many parts: call begin for all first, then end for all (chains and sets are made before
 * what refers to them and deleted after). */
void nft_batch_begin(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_part *old, const struct nft_part *cur);
void nft_batch_end(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_part *old, const struct nft_part *cur);
size_t nft_batch_len(const struct nft_batch *b); /* messages */
/* The netlink messages with their batch frame, for plan_nft; valid until the batch changes.  Fails when it outgrew NFT_BATCH_MAX. */
int nft_batch_bytes(struct nft_batch *b, struct str *ret, struct err *e) must_check;
/* Puts a rule at the head of somebody else's chain (Docker's FORWARD); find and delete it by its comment: nft_rules_find. */
void nft_batch_insert_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, const struct nft_rule *r);
void nft_batch_delete_rule(struct nft_batch *b, const struct nft_table *t, struct str chain, uint64_t handle);
/* Every message is an nftables one for a table in names (ends with NULL), and well-formed; an entry "table/chain" allows rules in that chain only.
 * For the helper. */
int nft_bytes_check(struct str bytes, const char *const *names, struct err *e) must_check;
/* Sends and waits for the kernel's word: all or nothing.  Blocks. */
int nft_send(struct str bytes, struct err *e) must_check;
/* Whether the chain exists in the kernel. */
bool nft_chain_exists(int family, const char *table, const char *chain);
/* Handles of up to n rules of a chain whose comment is `comment`; how many, or -1. */
int nft_rules_find(int family, const char *table, const char *chain, struct str comment, uint64_t *ret_handles, int n, struct err *e) must_check;
