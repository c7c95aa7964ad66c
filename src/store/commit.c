/* Transactions: what the caller prepares, and what the writer does with it. */
#include "store/engine.h"
#include <errno.h>

/* A version that the answer holds, until the caller's side moves it to its arena. */
struct held {
	struct head head;
	struct blob *value;
};

struct commit {
	struct request r;
	const struct store_txn *txn;
	struct held *current, *prev; /* per compare; per op, or NULL when none wants it */
	bool conflict;
	int64_t revision;
};

/* ---- In the writer ---- */

static int newest(struct engine *e, struct str key, struct index_key *k, struct head *ret)
{
	*ret = (struct head){0};
	int rc = head_get(e->batch.txn, index_key(k, key), ret);
	return rc == -ENOENT ? 0 : rc;
}

static int hold(struct engine *e, const struct head *h, struct held *ret)
{
	struct version v;
	if (!head_live(h) || ret->value)
		return 0;
	int rc = version_get(e->batch.txn, (struct place){h->rev, h->sub}, &v);
	if (rc)
		return rc == -ENOENT ? -EUCLEAN : rc;
	ret->head = *h;
	ret->value = blob_copy(v.value);
	return ret->value ? 0 : -ENOMEM;
}

static int hold_all_current(struct engine *e, struct commit *c)
{
	struct index_key k;
	struct head h;
	int rc = 0;
	for (uint32_t i = 0; !rc && i < c->txn->ncompares; i++)
		if ((rc = newest(e, c->txn->compares[i].key, &k, &h)) == 0)
			rc = hold(e, &h, &c->current[i]);
	return rc;
}

static int compare_all(struct engine *e, struct commit *c)
{
	struct index_key k;
	struct head h;
	for (uint32_t i = 0; i < c->txn->ncompares; i++) {
		int rc = newest(e, c->txn->compares[i].key, &k, &h);
		if (rc)
			return rc;
		if ((head_live(&h) ? h.rev : 0) != c->txn->compares[i].mod_rev) {
			c->conflict = true;
			return hold_all_current(e, c);
		}
	}
	return 0;
}

/* On a full disk only what frees room, or hardly takes any, may pass. */
static int fits_full_disk(struct engine *e, const struct store_op *op, bool *ret)
{
	struct index_key k;
	struct head h;
	struct version v;
	*ret = op->type == STORE_DELETE;
	if (*ret)
		return 0;
	int rc = newest(e, op->key, &k, &h);
	if (rc || !head_live(&h))
		return rc;
	rc = version_get(e->batch.txn, (struct place){h.rev, h.sub}, &v);
	*ret = rc == 0 && op->value->n <= v.value.n + FULL_GROWTH;
	return rc;
}

/* Everything that could refuse the transaction, before its first change. */
static int admit(struct engine *e, struct commit *c)
{
	for (uint32_t i = 0; i < c->txn->nops && c->r.answer == ANSWER_OK; i++) {
		const struct store_op *op = &c->txn->ops[i];
		bool good = true;
		int rc = op->lease ? lease_known(e, op->lease, &good) : 0;
		if (!rc && !good)
			c->r.answer = ANSWER_NO_LEASE;
		if (!rc && atomic_load_explicit(&e->full, memory_order_relaxed) && !(rc = fits_full_disk(e, op, &good)) && !good)
			c->r.answer = ANSWER_FULL;
		if (rc)
			return rc;
	}
	return 0;
}

static int run_op(struct engine *e, const struct store_op *op, struct held *prev, bool *in_txn)
{
	struct index_key k;
	struct head old;
	struct change c = {op->key, op->type == STORE_PUT ? op->value : NULL, op->lease};
	int rc = newest(e, op->key, &k, &old);
	if (!rc && op->want_prev)
		rc = hold(e, &old, prev);
	if (!rc && op->ttl_s && c.value && !c.lease)
		rc = lease_for_ttl(e, op->ttl_s, &c.lease);
	if (rc || (!c.value && !head_live(&old)))
		return rc;
	return change_do(e, &c, k.s, &old, in_txn);
}

static int commit_run(struct engine *e, struct request *r)
{
	struct commit *c = container_of(r, struct commit, r);
	bool in_txn = false;
	int rc = compare_all(e, c);
	if (!rc && !c->conflict)
		rc = admit(e, c);
	for (uint32_t i = 0; !rc && !c->conflict && r->answer == ANSWER_OK && i < c->txn->nops; i++)
		rc = run_op(e, &c->txn->ops[i], c->prev ? &c->prev[i] : NULL, &in_txn);
	c->revision = e->batch.rev;
	return rc;
}

static void drop(struct held *h, uint32_t n)
{
	for (uint32_t i = 0; h && i < n; i++) {
		blob_unref(h[i].value);
		h[i] = (struct held){0};
	}
}

static void commit_undo(struct request *r)
{
	struct commit *c = container_of(r, struct commit, r);
	drop(c->current, c->txn->ncompares);
	drop(c->prev, c->txn->nops);
	c->conflict = false;
}

static const struct request_ops commit_ops = {.run = commit_run, .undo = commit_undo};

/* ---- On the caller's side ---- */

static int check_key(struct str key, struct err *err)
{
	if (!key.n)
		return err_set(err, ERR_BAD_REQUEST, "store: key is not provided");
	if (key.n > STORE_KEY_MAX)
		return err_set(err, ERR_BAD_REQUEST, "store: a key of %zu bytes is longer than %d", key.n, STORE_KEY_MAX);
	return 0;
}

static bool used_before(const struct store_txn *t, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (str_eq(t->ops[i].key, t->ops[at].key))
			return true;
	return false;
}

static int check_op(const struct store_txn *t, uint32_t i, struct err *err)
{
	const struct store_op *op = &t->ops[i];
	if (check_key(op->key, err))
		return -1;
	if (used_before(t, i))
		return err_set(err, ERR_BAD_REQUEST, "store: duplicate key given in txn request");
	if (op->type == STORE_PUT && (!op->value || op->lease < 0 || op->ttl_s < 0 || op->ttl_s > STORE_TTL_MAX_S))
		return err_set(err, ERR_BAD_REQUEST, "store: a put needs a value and a lease or ttl in range");
	if (op->type == STORE_PUT && op->value->n > STORE_VALUE_MAX)
		return err_set(err, ERR_TOO_LARGE, "etcdserver: request is too large");
	return 0;
}

static int check_txn(const struct store_txn *t, struct err *err)
{
	int rc = 0;
	if (t->ncompares > STORE_OPS_MAX || t->nops > STORE_OPS_MAX)
		return err_set(err, ERR_BAD_REQUEST, "store: too many operations in txn request");
	for (uint32_t i = 0; !rc && i < t->ncompares; i++)
		rc = check_key(t->compares[i].key, err);
	for (uint32_t i = 0; !rc && i < t->nops; i++)
		rc = check_op(t, i, err);
	return rc;
}

static size_t txn_bytes(const struct store_txn *t)
{
	size_t n = 0;
	for (uint32_t i = 0; i < t->nops; i++)
		n += t->ops[i].key.n + (t->ops[i].type == STORE_PUT ? t->ops[i].value->n : 0);
	return n;
}

static bool wants_prev(const struct store_txn *t)
{
	for (uint32_t i = 0; i < t->nops; i++)
		if (t->ops[i].want_prev)
			return true;
	return false;
}

static void unref_later(void *blob)
{
	blob_unref(blob);
}

/* The answer's own view of a held version; its bytes stay with the arena. */
static void give(struct arena *a, struct str key, struct held *h, struct store_kv *ret)
{
	if (!h->value)
		return;
	*ret = (struct store_kv){str_dup(a, key), blob_str(h->value), h->head.create_rev, h->head.rev, h->head.version, h->head.lease};
	arena_defer(a, unref_later, STEAL(h->value));
}

static struct store_kv *give_current(struct arena *a, struct commit *c)
{
	struct store_kv *v = arena_array(a, struct store_kv, c->txn->ncompares);
	for (uint32_t i = 0; v && i < c->txn->ncompares; i++)
		give(a, c->txn->compares[i].key, &c->current[i], &v[i]);
	return v;
}

static struct store_kv *give_prev(struct arena *a, struct commit *c)
{
	struct store_kv *v = arena_array(a, struct store_kv, c->txn->nops);
	for (uint32_t i = 0; v && i < c->txn->nops; i++)
		give(a, c->txn->ops[i].key, &c->prev[i], &v[i]);
	return v;
}

/* The arrays that the writer fills; -1 when the caller's budget is used up. */
static int make_room(struct commit *c, struct arena *a)
{
	c->current = arena_array(a, struct held, c->txn->ncompares);
	c->prev = wants_prev(c->txn) ? arena_array(a, struct held, c->txn->nops) : NULL;
	return c->current && (c->prev || !wants_prev(c->txn)) ? 0 : -1;
}

static int give_result(struct arena *a, struct commit *c, struct store_result *ret, struct err *err)
{
	struct store_result got = {.revision = c->revision, .conflict = c->conflict};
	if (c->conflict)
		got.current = give_current(a, c);
	else if (c->prev)
		got.prev = give_prev(a, c);
	if (c->conflict ? !got.current : c->prev && !got.prev) {
		commit_undo(&c->r);
		return err_nomem(err, sizeof(struct store_kv) * STORE_OPS_MAX);
	}
	*ret = got;
	return 0;
}

int engine_commit(struct store *s, const struct store_txn *t, struct arena *a, struct store_result *ret, struct err *err)
{
	struct engine *e = (struct engine *)s;
	struct commit c = {.r = {.ops = &commit_ops}, .txn = t};
	if (check_txn(t, err))
		return -1;
	if (make_room(&c, a))
		return err_nomem(err, sizeof(struct held) * (t->ncompares + t->nops));
	c.r.bytes = txn_bytes(t);
	enum answer answer = request_do(e, &c.r);
	if (answer == ANSWER_OK)
		return give_result(a, &c, ret, err);
	commit_undo(&c.r);
	return answer_error(e, answer, err);
}
