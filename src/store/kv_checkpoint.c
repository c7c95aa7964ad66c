/* Checkpoints: they move the point that a crash goes back to, and give free what LMDB kept for it. */
#include "store/kv_lmdb.h"
#include <errno.h>
#include <unistd.h>

int lmdb_move_roots(struct kvlog_mark *m, int fd, bool back)
{
	for (int i = 0; i < 2; i++) {
		off_t at = (off_t)i * m->page;
		ssize_t n = back ? pwrite(fd, m->roots[i], KVLOG_ROOT, at) : pread(fd, m->roots[i], KVLOG_ROOT, at);
		if (n != KVLOG_ROOT)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

/* Between two transactions: what is there now is to become the checkpoint. */
static int checkpoint_begin(struct lmdb *kv)
{
	struct checkpoint *c = &kv->next;
	int rc = lmdb_result(mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &c->pin));
	if (rc)
		return rc;
	kvlog_mark(&kv->log, &c->mark);
	c->mark.page = (uint32_t)kv->page;
	c->mark.txnid = mdb_txn_id(c->pin);
	rc = lmdb_move_roots(&c->mark, lmdb_file(kv), false);
	if (rc)
		mdb_txn_abort(STEAL(c->pin));
	else
		kv->dirty = 0;
	return rc;
}

static int checkpoint_write(struct lmdb *kv)
{
	return fdatasync(lmdb_file(kv)) ? -errno : kvlog_mark_write(&kv->log, &kv->next.mark);
}

/* Only now may LMDB use what the roots of the checkpoint before reach. */
static int checkpoint_end(struct lmdb *kv, int rc)
{
	struct checkpoint *c = &kv->next;
	if (!rc) {
		mdb_txn_abort(kv->pin);
		kv->pin = STEAL(c->pin);
		kvlog_mark_done(&kv->log, &c->mark);
		return 0;
	}
	mdb_txn_abort(STEAL(c->pin));
	rc = rc == -ENOSPC ? -EIO : rc;
	kv->broken = rc;
	return rc;
}

static void *checkpoint_main(void *arg)
{
	struct lmdb *kv = arg;
	kv->next.rc = checkpoint_write(kv);
	atomic_store_explicit(&kv->next.done, true, memory_order_release);
	return NULL;
}

int checkpoint_join(struct lmdb *kv)
{
	struct checkpoint *c = &kv->next;
	if (!c->running)
		return kv->broken;
	pthread_join(c->thread, NULL);
	c->running = false;
	atomic_store_explicit(&c->done, false, memory_order_relaxed);
	return checkpoint_end(kv, c->rc);
}

int checkpoint_poll(struct lmdb *kv)
{
	return atomic_load_explicit(&kv->next.done, memory_order_acquire) ? checkpoint_join(kv) : kv->broken;
}

int checkpoint_now(struct lmdb *kv)
{
	int rc = checkpoint_join(kv);
	if (!rc)
		rc = checkpoint_begin(kv);
	return rc ? rc : checkpoint_end(kv, checkpoint_write(kv));
}

void checkpoint_start(struct lmdb *kv)
{
	struct checkpoint *c = &kv->next;
	if (checkpoint_begin(kv))
		return; /* the next commit tries again */
	c->running = pthread_create(&c->thread, NULL, checkpoint_main, kv) == 0;
	if (!c->running)
		(void)checkpoint_end(kv, checkpoint_write(kv));
}

bool checkpoint_due(const struct lmdb *kv)
{
	return !kv->next.running && (kv->dirty >= kv->dirty_bytes || kvlog_used(&kv->log) >= kv->log.ring / 2);
}
