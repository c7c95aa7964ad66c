#include "store/engine.h"
#include <errno.h>

static int detach(struct engine *e, int64_t lease, struct str ikey)
{
	char mem[8 + INDEX_MAX];
	int rc = lease ? kv_del(e->batch.txn, KV_LEASE_KEY, lease_key_key(mem, lease, ikey)) : 0;
	return rc == -ENOENT ? 0 : rc;
}

static int attach(struct engine *e, int64_t lease, struct str ikey)
{
	char mem[8 + INDEX_MAX];
	return lease ? row_put(e->batch.txn, KV_LEASE_KEY, lease_key_key(mem, lease, ikey), "", 0) : 0;
}

static int move_lease(struct engine *e, int64_t from, int64_t to, struct str ikey)
{
	int rc = from == to ? 0 : detach(e, from, ikey);
	return rc || from == to ? rc : attach(e, to, ikey);
}

static struct version next_version(const struct change *c, const struct head *old, struct place at)
{
	struct version v = {.at = at, .key = c->key, .value = blob_str(c->value)};
	v.r.prev_rev = old->rev;
	v.r.prev_sub = old->sub;
	if (!c->value) {
		v.r.flags = RECORD_TOMBSTONE;
		return v;
	}
	v.r.create_rev = head_live(old) ? old->create_rev : at.rev;
	v.r.version = head_live(old) ? old->version + 1 : 1;
	v.r.lease = c->lease;
	return v;
}

static struct store_event event_of(const struct change *c, const struct head *old, const struct version *v)
{
	return (struct store_event){
		.type = c->value ? STORE_PUT : STORE_DELETE, .key = c->key, .value = c->value, .mod_rev = v->at.rev,
		.create_rev = v->r.create_rev, .version = v->r.version, .lease = v->r.lease, .prev_rev = head_live(old) ? old->rev : 0,
	};
}

int change_do(struct engine *e, const struct change *c, struct str ikey, const struct head *old, bool *in_txn)
{
	struct version v = next_version(c, old, batch_place(e, in_txn));
	struct head h = {v.at.rev, v.at.sub, v.r.flags, v.r.create_rev, v.r.version, v.r.lease};
	struct store_event ev = event_of(c, old, &v);
	int rc = version_put(e->batch.txn, &v);
	if (!rc)
		rc = head_put(e->batch.txn, ikey, &h);
	if (!rc)
		rc = move_lease(e, head_live(old) ? old->lease : 0, v.r.lease, ikey);
	return rc ? rc : batch_event(e, &ev);
}
