/* SPDX-License-Identifier: Apache-2.0 */
/* Entries: see entry.h. What they are made of, and what becomes of them in a store.
 *
 * Every store that applies the same entries comes to the same records: nothing here looks at a
 * clock, at chance, or at what a store alone has. An id of an event is free again PZ_LIVE_ID_DAYS
 * after it was taken, by the log's clock, whether or not this store has dropped it. */
#include "live/hosts/entry.h"

#include <errno.h>
#include <stdlib.h>

#include "live/ids.h"

/* ---- making ---- */

void pz_entries_clear(struct pz_entries *list)
{
    pz_arena_clear(&list->arena);
    free(list->v);
    *list = (struct pz_entries){ .v = NULL };
}

char *pz_entries_add(struct pz_entries *list, enum pz_entry_kind kind, size_t n)
{
    char *body = pz_arena_take(&list->arena, n + 1);

    if (!body || !pz_mem_grow(&list->v, &list->cap, list->n + 1, sizeof *list->v))
        return NULL;
    list->v[list->n++] = (struct pz_entry){ .kind = kind, .body = body, .n = n };
    return body;
}

bool pz_entries_add_event(struct pz_entries *list, const struct pz_event *e)
{
    char *body = pz_entries_add(list, PZ_EVENT, pz_live_record_bytes(e));

    if (body)
        pz_live_write_record(body, e);
    return body != NULL;
}

bool pz_entries_add_row(struct pz_entries *list, enum pz_live_table table,
                        const struct pz_live_row *row)
{
    size_t n = strlen(row->id) + 1;
    char *body = pz_entries_add(list, table == PZ_LIVE_ITEMS ? PZ_ITEM : PZ_USER,
                                n + pz_live_cells_bytes(row));

    if (body) {
        memcpy(body, row->id, n);
        pz_live_write_cells(body + n, row);
    }
    return body != NULL;
}

/* ---- applying ---- */

static int apply_event(struct pz_live_store *s, MDB_txn *txn, const struct pz_entry *x,
                       enum pz_live_fate *fate)
{
    const MDB_val v = pz_db_val(x->body, x->n);
    struct pz_event e;
    int rc = pz_live_read_record(&v, &e);

    return rc == 0 ? pz_live_put_one(s, txn, &e, x->number, x->at, x->at - PZ_LIVE_ID_DAYS * 86400,
                                     fate)
                   : rc;
}

static int apply_row(struct pz_live_store *s, MDB_txn *txn, const struct pz_entry *x)
{
    size_t n = strnlen(x->body, x->n);
    int rc = n > 0 && n < x->n && n <= PZ_LIVE_ID_MAX ? 0 : MDB_CORRUPTED;

    return rc == 0
               ? pz_live_put_row_bytes(s, txn, x->kind == PZ_ITEM ? PZ_LIVE_ITEMS : PZ_LIVE_USERS,
                                       x->body, x->body + n + 1, x->n - n - 1, x->number)
               : rc;
}

static int apply_forget(struct pz_live_store *s, MDB_txn *txn, const struct pz_entry *x)
{
    char id[PZ_LIVE_ID_MAX + 1];
    struct pz_live_receipt receipt;

    if (x->n == 0 || x->n > PZ_LIVE_ID_MAX)
        return MDB_CORRUPTED;
    memcpy(id, x->body, x->n);
    id[x->n] = '\0';
    return pz_live_forget_at(s, txn, id, false, x->number, &receipt);
}

/* The user of a hash among the keys of a database, where ids begin `skip` bytes in and end at a NUL
 * or with the key. id "": nobody. */
static int find_user(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, size_t skip,
                     const unsigned char *hash, char id[PZ_LIVE_ID_MAX + 1])
{
    unsigned char own[PZ_IDS_HASH_BYTES];
    char last[PZ_LIVE_ID_MAX + 1] = "";
    struct pz_walk w;

    *id = '\0';
    pz_walk_begin(&w, s, txn, db);
    while (!*id && pz_walk_next(&w)) {
        const char *p = (const char *)w.key.mv_data + skip;
        size_t n = w.key.mv_size > skip ? strnlen(p, w.key.mv_size - skip) : 0;

        if (n == 0 || n > PZ_LIVE_ID_MAX || (strncmp(p, last, n) == 0 && last[n] == '\0'))
            continue;
        memcpy(last, p, n);
        last[n] = '\0';
        w.rc = pz_ids_hash(s, txn, last, own);
        if (w.rc == 0 && memcmp(own, hash, sizeof own) == 0)
            memcpy(id, last, n + 1);
    }
    return pz_walk_end(&w);
}

/* Of the user only a hash is known; what the store has of them is found by it. */
static int apply_purge(struct pz_live_store *s, MDB_txn *txn, const struct pz_entry *x)
{
    static const struct {
        enum pz_db db;
        size_t skip;
    } places[] = { { PZ_DB_OWNER, 1 }, { PZ_DB_JOINS, 0 }, { PZ_DB_USERS, 0 } };
    char id[PZ_LIVE_ID_MAX + 1] = "";
    unsigned char hash[PZ_IDS_HASH_BYTES];
    struct pz_live_receipt receipt;
    int rc = x->n == sizeof hash ? 0 : MDB_CORRUPTED;

    if (rc == 0)
        memcpy(hash, x->body, sizeof hash);
    for (size_t i = 0; i < sizeof places / sizeof *places && rc == 0 && !*id; i++)
        rc = find_user(s, txn, places[i].db, places[i].skip, hash, id);
    if (rc == 0 && *id)
        return pz_live_forget_at(s, txn, id, true, x->number, &receipt);
    return rc == 0 ? pz_ids_forget_hash(s, txn, hash, x->number) : rc;
}

static int apply_one(struct pz_live_store *s, MDB_txn *txn, const struct pz_entry *x,
                     enum pz_live_fate *fate)
{
    switch (x->kind) {
    case PZ_EVENT:
        return apply_event(s, txn, x, fate);
    case PZ_ITEM:
    case PZ_USER:
        return apply_row(s, txn, x);
    case PZ_FORGET:
        return apply_forget(s, txn, x);
    case PZ_PURGE:
        return apply_purge(s, txn, x);
    case PZ_VOID:
    case PZ_N_KINDS:
        break;
    }
    return 0;
}

/* What became of an entry that somebody else has applied. */
static int find_fate(struct pz_live_store *s, MDB_txn *txn, const struct pz_entry *x,
                     enum pz_live_fate *fate)
{
    const MDB_val v = pz_db_val(x->body, x->n);
    struct pz_event e, stored;
    int rc = x->kind == PZ_EVENT ? pz_live_get(s, txn, x->number, &stored) : 0;

    *fate = PZ_LIVE_STORED;
    if (rc != MDB_NOTFOUND)
        return rc;
    rc = pz_live_read_record(&v, &e);
    return rc == 0 ? pz_ids_fate(s, txn, &e, x->number, fate) : rc;
}

/* Numbers up to this one are not here, and never will be: what is exported does not contain
 * them. */
static int pass_over(struct pz_live_store *s, MDB_txn *txn, uint64_t number)
{
    int rc = pz_live_note(s, txn, "collected", number);

    return rc == 0 ? pz_live_note(s, txn, "rows_collected", number) : rc;
}

int pz_live_apply_all(struct pz_live_store *s, MDB_txn *txn, void *applying)
{
    struct pz_applying *to = applying;
    enum pz_live_fate ignored = PZ_LIVE_STORED;
    int rc = pz_db_get_meta(s, txn, "last", &to->last);

    for (size_t i = 0; i < to->n && rc == 0; i++) {
        const struct pz_entry *x = &to->entry[i];
        enum pz_live_fate *fate = to->fate ? &to->fate[i] : &ignored;

        if (x->number <= to->last) {
            rc = to->fate ? find_fate(s, txn, x, fate) : 0;
            continue;
        }
        if (x->number > to->last + 1 && x->number - 1 > to->trimmed) {
            rc = i == 0 ? ERANGE : 0;
            break;
        }
        if (x->number > to->last + 1)
            rc = pass_over(s, txn, x->number - 1);
        *fate = PZ_LIVE_STORED;
        if (rc == 0)
            rc = apply_one(s, txn, x, fate);
        to->last = x->number;
    }
    return rc == 0 ? pz_db_put_meta(s, txn, "last", to->last) : rc;
}
