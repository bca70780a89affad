/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of tables: see records.h. The one place that calls LMDB's get, put, del and cursors.
 *
 * Since format 3 a value is followed by its check: 4 bytes, the lower half of
 *
 *   hash(value) + 31 hash(key) + number of the table,      hash: XXH3, 64 bits
 *
 * so that a record that was changed, or that stands under another key or in another table, is seen
 * when it is read. What is missing is seen in three ways: a walk over all entries meets as many as
 * LMDB has counted; every transaction notes in meta ("counts") how many there are in each table;
 * and where a reader finds nothing, the pages from the root to the place are looked at as data, as
 * is every page that a walk comes to.
 *
 * Formats 1 and 2 have no checks. Whether the transaction of this thread has is found out at its
 * beginning: a writer of another process may have changed the format since the store was opened. */
#include "live/records.h"

#include <errno.h>
#include <stdlib.h>

#include "live/page.h"
#include "table/hash.h"

enum { KEY_MAX = 511 /* of LMDB */ };

#define HASH_OF_NOTHING 0x2d06800538d394c2u

static const char *const counts = "counts";

/* Of the transaction that this thread is in. */
static _Thread_local struct {
    bool checked;             /* values have checks */
    bool packed;              /* event ids are in buckets */
    struct pz_page_tree tree; /* where to look; .file NULL: do not, the pages may change */
} now;

/* ---- checks ---- */

static uint32_t make_check(enum pz_db db, const void *key, size_t n, const void *value,
                           size_t n_value)
{
    /* of nothing at once: half of all entries are their key alone */
    uint64_t of_value = n_value ? pz_hash64(value, n_value) : HASH_OF_NOTHING;

    return (uint32_t)(of_value + 31 * pz_hash64(key, n) + db);
}

void pz_db_seal(enum pz_db db, const void *key, size_t n, void *value, size_t n_value)
{
    uint32_t check = make_check(db, key, n, value, n_value);

    if (now.checked)
        memcpy((char *)value + n_value, &check, PZ_DB_CHECK);
}

/* Look at the check and leave it away. */
static int open_value(enum pz_db db, const MDB_val *key, MDB_val *value)
{
    uint32_t check;

    if (!now.checked)
        return 0;
    if (value->mv_size < PZ_DB_CHECK)
        return MDB_CORRUPTED;
    value->mv_size -= PZ_DB_CHECK;
    memcpy(&check, (const char *)value->mv_data + value->mv_size, PZ_DB_CHECK);
    return check == make_check(db, key->mv_data, key->mv_size, value->mv_data, value->mv_size)
               ? 0
               : MDB_CORRUPTED;
}

/* Whether the pages say too where a key is, or is not. A key that was changed would stand beside
 * its place: what is there must be as it was stored. */
static int check_path(enum pz_db db, const void *key, size_t n)
{
    struct pz_page_entry beside[2];
    int rc = 0;

    if (!now.tree.file)
        return 0;
    if (!pz_page_path(&now.tree, pz_db_name(db), key, n, beside))
        return MDB_CORRUPTED;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        MDB_val k = pz_db_val(beside[i].key, beside[i].key_bytes),
                v = pz_db_val(beside[i].value, beside[i].value_bytes);

        rc = beside[i].key ? open_value(db, &k, &v) : 0;
    }
    return rc;
}

/* ---- one entry ---- */

int pz_db_get(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n,
              MDB_val *value)
{
    MDB_val k = pz_db_val(key, n);
    int rc = mdb_get(txn, s->db[db], &k, value);

    if (rc == MDB_NOTFOUND)
        return check_path(db, key, n) == 0 ? rc : MDB_CORRUPTED;
    return rc == 0 ? open_value(db, &k, value) : rc;
}

int pz_db_reserve(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n,
                  size_t n_value, unsigned flags, void **value)
{
    MDB_val k = pz_db_val(key, n),
            v = pz_db_val(NULL, n_value + (now.checked ? (size_t)PZ_DB_CHECK : 0));
    int rc = mdb_put(txn, s->db[db], &k, &v, flags | MDB_RESERVE);

    *value = v.mv_data;
    return rc;
}

int pz_db_put(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n,
              const void *value, size_t n_value, unsigned flags)
{
    void *to;
    int rc = pz_db_reserve(s, txn, db, key, n, n_value, flags, &to);

    if (rc != 0)
        return rc;
    if (n_value > 0)
        memcpy(to, value, n_value);
    pz_db_seal(db, key, n, to, n_value);
    return 0;
}

int pz_db_del(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const void *key, size_t n)
{
    MDB_val k = pz_db_val(key, n);

    return mdb_del(txn, s->db[db], &k, NULL);
}

/* ---- walks ---- */

static void open_at(struct pz_walk *w, MDB_txn *txn, MDB_dbi handle, MDB_cursor_op first,
                    MDB_cursor_op on)
{
    *w = (struct pz_walk){ .first = first, .on = on, .db = PZ_N_DBS, .all = UINT64_MAX };
    w->rc = mdb_cursor_open(txn, handle, &w->c);
}

static void open_in(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                    MDB_cursor_op first, MDB_cursor_op on)
{
    open_at(w, txn, s->db[db], first, on);
    w->db = db;
}

void pz_walk_begin(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db)
{
    MDB_stat stat = { .ms_entries = 0 };

    open_in(w, s, txn, db, MDB_FIRST, MDB_NEXT);
    if (w->rc == 0)
        w->rc = mdb_stat(txn, s->db[db], &stat);
    w->all = stat.ms_entries;
}

void pz_walk_from(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n)
{
    open_in(w, s, txn, db, MDB_SET_RANGE, MDB_NEXT);
    w->key = pz_db_val(key, n);
    if (w->rc == 0)
        w->rc = check_path(db, key, n);
}

void pz_walk_back(struct pz_walk *w, struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                  const void *key, size_t n)
{
    MDB_val at = pz_db_val(key, n), value;
    int rc;

    open_in(w, s, txn, db, MDB_LAST, MDB_PREV);
    if (w->rc != 0 || !key)
        return;
    w->rc = check_path(db, key, n);
    /* Behind all that come before it, or behind all. */
    rc = w->rc == 0 ? mdb_cursor_get(w->c, &at, &value, MDB_SET_RANGE) : w->rc;
    if (rc == 0)
        w->first = MDB_PREV;
    else if (rc != MDB_NOTFOUND)
        w->rc = rc;
}

void pz_walk_begin_free(struct pz_walk *w, MDB_txn *txn)
{
    open_at(w, txn, 0, MDB_FIRST, MDB_NEXT);
}

/* An entry of a table, as it was found. */
static int look_at(struct pz_walk *w)
{
    const unsigned char *key = w->key.mv_data;

    if (w->db == PZ_N_DBS)
        return 0;
    if (now.tree.file && !w->known && (size_t)(key - w->page) >= PZ_PAGE) {
        w->page = key - (size_t)(key - now.tree.file) % PZ_PAGE;
        if (!pz_page_is_leaf(&now.tree, w->page))
            return MDB_CORRUPTED;
    }
    return open_value(w->db, &w->key, &w->value);
}

bool pz_walk_next(struct pz_walk *w)
{
    if (w->rc == 0)
        w->rc = mdb_cursor_get(w->c, &w->key, &w->value, w->first);
    w->first = w->on;
    if (w->rc == 0)
        w->rc = look_at(w);
    else if (w->rc == MDB_NOTFOUND && w->all != UINT64_MAX && w->n != w->all)
        w->rc = MDB_CORRUPTED;
    w->n++;
    return w->rc == 0;
}

int pz_walk_to(struct pz_walk *w, const void *key, size_t n)
{
    int rc = w->rc == 0 || w->rc == MDB_NOTFOUND ? 0 : w->rc;

    w->key = pz_db_val(key, n);
    w->known = true;
    if (rc == 0)
        rc = mdb_cursor_get(w->c, &w->key, &w->value,
                            MDB_SET_KEY); /* quick for neighbours on a page */
    if (rc == 0)
        rc = look_at(w);
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

/* ---- transactions ---- */

/* Where the pages of a reader's transaction are: the map begins as many pages before the one of a
 * value as that one's number says. A writer that has begun two transactions since uses the page
 * with the root. */
static void find_pages(MDB_txn *txn, const void *value)
{
    const unsigned char *at = value, *page = at - (uintptr_t)at % PZ_PAGE;
    const unsigned char *file = page - pz_get64(page) * PZ_PAGE;

    if (pz_get32(file + PZ_PAGE_HEAD) == PZ_PAGE_MAGIC &&
        !pz_page_find_tree(file, mdb_txn_id(txn), &now.tree))
        now.tree.file = NULL;
}

int pz_db_learn_format(struct pz_live_store *s, MDB_txn *txn, bool writes, uint64_t *format)
{
    MDB_val k = pz_db_val("format", 6), v;
    int rc = mdb_get(txn, s->db[PZ_DB_META], &k, &v);

    now.checked = now.packed = false;
    now.tree.file = NULL;
    *format = 0;
    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    if (v.mv_size != 8 && v.mv_size != 8 + PZ_DB_CHECK)
        return MDB_CORRUPTED;
    now.checked = v.mv_size > 8;
    if (!writes && now.checked)
        find_pages(txn, v.mv_data);
    rc = open_value(PZ_DB_META, &k, &v);
    if (rc != 0)
        return rc;
    *format = pz_db_get_number(v.mv_data);
    if ((*format >= PZ_DB_CHECKED) != now.checked)
        return MDB_CORRUPTED;
    now.packed = *format >= PZ_DB_PACKED;
    return *format > PZ_DB_DIGESTS ? MDB_VERSION_MISMATCH : 0;
}

bool pz_db_has_packed_ids(void)
{
    return now.packed;
}

static int add_check(struct pz_walk *w)
{
    size_t n = w->value.mv_size;
    char key[KEY_MAX], *copy = malloc(n + PZ_DB_CHECK);
    MDB_val k = pz_db_val(key, w->key.mv_size), v = pz_db_val(copy, n + PZ_DB_CHECK);
    int rc = !copy ? ENOMEM : k.mv_size > sizeof key ? MDB_CORRUPTED : 0;

    if (rc == 0) { /* copies: what is put moves what lies on the page */
        memcpy(key, w->key.mv_data, k.mv_size);
        memcpy(copy, w->value.mv_data, n);
        now.checked = true;
        pz_db_seal(w->db, key, k.mv_size, copy, n);
        now.checked = false;
        rc = mdb_cursor_put(w->c, &k, &v, MDB_CURRENT);
    }
    free(copy);
    return rc;
}

int pz_db_add_checks(struct pz_live_store *s, MDB_txn *txn, bool old)
{
    int rc = 0;

    for (enum pz_db db = 0; old && db < PZ_N_DBS && rc == 0; db++) {
        struct pz_walk w;

        pz_walk_begin(&w, s, txn, db);
        while (pz_walk_next(&w))
            w.rc = add_check(&w);
        rc = pz_walk_end(&w);
    }
    now.checked = true;
    return rc;
}

/* How many entries LMDB says that the tables have; of meta it is not noted. */
static int count(struct pz_live_store *s, MDB_txn *txn, unsigned char n[8 * PZ_DB_META])
{
    MDB_stat stat;
    int rc = 0;

    for (enum pz_db db = 0; db < PZ_DB_META && rc == 0; db++) {
        rc = mdb_stat(txn, s->db[db], &stat);
        pz_db_put_number(n + (size_t)8 * db, rc == 0 ? stat.ms_entries : 0);
    }
    return rc;
}

/* What the last transaction noted. MDB_NOTFOUND: nothing, or its format has no checks. */
static int get_noted(struct pz_live_store *s, MDB_txn *txn, MDB_val *noted)
{
    return now.checked ? pz_db_get(s, txn, PZ_DB_META, counts, strlen(counts), noted)
                       : MDB_NOTFOUND;
}

static bool same(const MDB_val *noted, const unsigned char n[8 * PZ_DB_META])
{
    return noted->mv_size == 8 * PZ_DB_META && memcmp(noted->mv_data, n, 8 * PZ_DB_META) == 0;
}

int pz_db_check_counts(struct pz_live_store *s, MDB_txn *txn)
{
    unsigned char n[8 * PZ_DB_META];
    MDB_val noted;
    /* A view that a power cut has torn is emptied and read anew (hosts/shared.c). */
    int rc = atomic_load(&s->follows) ? MDB_NOTFOUND : get_noted(s, txn, &noted);

    if (rc != 0)
        return rc == MDB_NOTFOUND ? 0 : rc;
    rc = count(s, txn, n);
    return rc == 0 && !same(&noted, n) ? MDB_CORRUPTED : rc;
}

int pz_db_note_counts(struct pz_live_store *s, MDB_txn *txn)
{
    unsigned char n[8 * PZ_DB_META];
    MDB_val noted = { 0, NULL };
    int rc = count(s, txn, n);

    if (rc == 0 && now.checked)
        rc = get_noted(s, txn, &noted);
    if ((rc != 0 && rc != MDB_NOTFOUND) || !now.checked || same(&noted, n))
        return rc == MDB_NOTFOUND ? 0 : rc;
    return pz_db_put(s, txn, PZ_DB_META, counts, strlen(counts), n, sizeof n, 0);
}
