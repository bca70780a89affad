/* SPDX-License-Identifier: Apache-2.0 */
/* Walks: see walk.h. The one place that moves LMDB's cursors. */
#include "live/walk.h"

static void open_at(struct pz_walk *w, MDB_txn *txn, MDB_dbi db, MDB_cursor_op first,
                    MDB_cursor_op on)
{
    *w = (struct pz_walk){ .first = first, .on = on };
    w->rc = mdb_cursor_open(txn, db, &w->c);
}

void pz_walk_begin(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db)
{
    open_at(w, txn, s->db[db], MDB_FIRST, MDB_NEXT);
}

void pz_walk_from(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n)
{
    open_at(w, txn, s->db[db], MDB_SET_RANGE, MDB_NEXT);
    w->key = pz_db_val(key, n);
}

void pz_walk_back(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n)
{
    MDB_val at = pz_db_val(key, n), value;
    int rc;

    open_at(w, txn, s->db[db], MDB_LAST, MDB_PREV);
    if (w->rc != 0 || !key)
        return;
    /* Behind all that come before it, or behind all. */
    rc = mdb_cursor_get(w->c, &at, &value, MDB_SET_RANGE);
    if (rc == 0)
        w->first = MDB_PREV;
    else if (rc != MDB_NOTFOUND)
        w->rc = rc;
}

void pz_walk_begin_free(struct pz_walk *w, MDB_txn *txn)
{
    open_at(w, txn, 0, MDB_FIRST, MDB_NEXT);
}

bool pz_walk_next(struct pz_walk *w)
{
    if (w->rc == 0)
        w->rc = mdb_cursor_get(w->c, &w->key, &w->value, w->first);
    w->first = w->on;
    return w->rc == 0;
}

int pz_walk_to(struct pz_walk *w, const void *key, size_t n)
{
    int rc = w->rc == 0 || w->rc == MDB_NOTFOUND ? 0 : w->rc;

    w->key = pz_db_val(key, n);
    if (rc == 0)
        rc = mdb_cursor_get(w->c, &w->key, &w->value, MDB_SET); /* quick for neighbours on a page */
    w->first = w->on;
    w->rc = rc == MDB_NOTFOUND ? 0 : rc;
    return rc;
}

int pz_walk_delete(struct pz_walk *w)
{
    w->rc = mdb_cursor_del(w->c, 0);
    return w->rc;
}

int pz_walk_end(struct pz_walk *w)
{
    if (w->c)
        mdb_cursor_close(w->c);
    w->c = NULL;
    return w->rc == MDB_NOTFOUND ? 0 : w->rc;
}
