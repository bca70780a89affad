/* SPDX-License-Identifier: Apache-2.0 */
/* The live store's rows of items and users: see store.h. A record of "items" and "users": the
 * number of the change (8 bytes), then name and value of each column that is not null, each
 * ended by a NUL.
 *
 * Values are text as in a CSV cell; what they mean is told by the model's schema when they are
 * read (overlay.c). A row replaces the whole row of its id. Rows are read a chunk a transaction
 * and handed out behind it, so that a slow caller keeps no snapshot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live/hosts/shared.h"
#include "table/hash.h"

enum { HEAD_BYTES = 8, MAX_CELLS = 512 };

static enum pz_db db_of(enum pz_live_table table)
{
    return table == PZ_LIVE_ITEMS ? PZ_DB_ITEMS : PZ_DB_USERS;
}

static bool is_null(const struct pz_live_row *row, size_t i)
{
    return !row->value[i] || !*row->value[i];
}

size_t pz_live_cells_bytes(const struct pz_live_row *row)
{
    size_t n = 0;

    for (size_t i = 0; i < row->n; i++)
        n += is_null(row, i) ? 0 : strlen(row->name[i]) + strlen(row->value[i]) + 2;
    return n;
}

void pz_live_write_cells(char *p, const struct pz_live_row *row)
{
    for (size_t i = 0; i < row->n; i++)
        if (!is_null(row, i))
            p = stpcpy(stpcpy(p, row->name[i]) + 1, row->value[i]) + 1;
}

/* Writes n bytes of cells. */
typedef void write_fn(char *p, size_t n, const void *from);

/* A row to be put: n bytes of cells, which write makes of `from`. */
struct put {
    enum pz_live_table table;
    const char *id;
    uint64_t number;
    size_t n;
    write_fn *write;
    const void *from;
    bool listed; /* among the changes */
};

static int put_row(struct pz_live_store *s, MDB_txn *txn, const struct put *p, uint64_t *mark)
{
    enum pz_db db = db_of(p->table);
    size_t n_id = strlen(p->id);
    void *value;
    int rc = pz_db_reserve(s, txn, db, p->id, n_id, HEAD_BYTES + p->n, 0, &value);

    if (rc != 0)
        return rc;
    pz_db_put_number(value, p->number);
    p->write((char *)value + HEAD_BYTES, p->n, p->from);
    *mark = *mark * 31 + pz_hash64(p->id, n_id) + 7 * pz_hash64(value, HEAD_BYTES + p->n);
    pz_db_seal(db, p->id, n_id, value, HEAD_BYTES + p->n);
    return p->listed ? pz_changes_add(s, txn, p->table, p->id, p->number, *mark) : 0;
}

int pz_live_note_rows(struct pz_live_store *s, MDB_txn *txn, uint64_t number, uint64_t mark)
{
    int rc = pz_db_put_meta(s, txn, "rows", number);

    return rc == 0 ? pz_db_put_meta(s, txn, "rows_mark", mark) : rc;
}

/* Before and behind the rows of a transaction, n of them; the last one has the number. */
static int begin_rows(struct pz_live_store *s, MDB_txn *txn, size_t n, bool *list_all,
                      uint64_t *mark)
{
    int rc = pz_changes_begin(s, txn, n, list_all);

    return rc == 0 ? pz_db_get_meta(s, txn, "rows_mark", mark) : rc;
}

static int end_rows(struct pz_live_store *s, MDB_txn *txn, size_t n_listed, uint64_t number,
                    uint64_t mark)
{
    int rc = pz_changes_end(s, txn, n_listed);

    return rc == 0 ? pz_live_note_rows(s, txn, number, mark) : rc;
}

static void write_bytes(char *p, size_t n, const void *from)
{
    memcpy(p, from, n);
}

static void write_row(char *p, size_t n, const void *from)
{
    (void)n;
    pz_live_write_cells(p, from);
}

int pz_live_put_row_bytes(struct pz_live_store *s, MDB_txn *txn, enum pz_live_table table,
                          const char *id, const char *cells, size_t n, uint64_t number)
{
    struct put p = { table, id, number, n, write_bytes, cells, true };
    uint64_t mark = 0;
    bool list_all;
    int rc = begin_rows(s, txn, 1, &list_all, &mark);

    if (rc == 0)
        rc = put_row(s, txn, &p, &mark);
    return rc == 0 ? end_rows(s, txn, 1, number, mark) : rc;
}

struct putting {
    enum pz_live_table table;
    const struct pz_live_row *row;
    size_t n;
    uint64_t last;
};

static int put_all(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct putting *to = context;
    struct put p = { .table = to->table, .write = write_row };
    uint64_t mark = 0;
    bool list_all = true;
    int rc = pz_db_next(s, txn, &to->last);

    if (rc == 0)
        rc = begin_rows(s, txn, to->n, &list_all, &mark);
    for (size_t i = 0; i < to->n && rc == 0; i++) {
        p.id = to->row[i].id;
        p.number = ++to->last;
        p.n = pz_live_cells_bytes(&to->row[i]);
        p.from = &to->row[i];
        p.listed = list_all || i + 1 == to->n;
        rc = put_row(s, txn, &p, &mark);
    }
    if (rc == 0)
        rc = pz_db_put_meta(s, txn, "last", to->last);
    return rc == 0 ? end_rows(s, txn, list_all ? to->n : to->n > 0, to->last, mark) : rc;
}

enum pz_status pz_live_check_row(const struct pz_live_row *row, struct pz_err *err)
{
    size_t n = row->id ? strlen(row->id) : 0;

    if (n == 0 || n > PZ_LIVE_ID_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "an id must have 1 to %d bytes", PZ_LIVE_ID_MAX);
    if (row->n > MAX_CELLS)
        return pz_err_set(err, PZ_BAD_DATA, "%s has more than %d columns", row->id, MAX_CELLS);
    for (size_t i = 0; i < row->n; i++)
        if (row->value[i] && strlen(row->value[i]) > PZ_LIVE_TEXT_MAX)
            return pz_err_set(err, PZ_BAD_DATA, "%s: %s has more than %d bytes", row->id,
                              row->name[i], PZ_LIVE_TEXT_MAX);
    return PZ_OK;
}

enum pz_status pz_live_put_rows(struct pz_live_store *s, enum pz_live_table table,
                                const struct pz_live_row *row, size_t n, uint64_t *last,
                                struct pz_err *err)
{
    struct putting to = { table, row, n, 0 };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        st = pz_live_check_row(&row[i], err);
    if (st != PZ_OK)
        return st;
    if (!atomic_load(&s->follows))
        st = pz_db_write(s, put_all, &to, "storing rows", err);
    if (atomic_load(&s->follows))
        return pz_shared_put_rows(s, table, row, n, last, err);
    *last = to.last;
    return st;
}

/* Rows are copied a chunk a transaction, as events are (store.c). */
enum { CHUNK_ROWS = 512 };

struct copied {
    char *id;
    const char *bytes; /* [n] behind the number */
    size_t n;
};

struct chunk {
    enum pz_live_table table;
    enum pz_db db;
    uint64_t after;
    struct pz_arena listed;    /* what follows lives in it */
    struct pz_changes changes; /* since; .whole: they alone are looked at */
    size_t next;               /* of them */
    bool begun;
    char from[PZ_LIVE_ID_MAX + 1]; /* the id to go on behind; "" at first */
    char last[PZ_LIVE_ID_MAX + 1]; /* of this chunk */
    bool end;
    struct pz_arena arena;
    struct copied v[CHUNK_ROWS];
    size_t n;
};

static int keep_row(const MDB_val *k, const MDB_val *v, struct chunk *c)
{
    uint64_t number = v->mv_size >= HEAD_BYTES ? pz_db_get_number(v->mv_data) : 0;
    const char *bytes = (const char *)v->mv_data + HEAD_BYTES;
    struct copied *to = &c->v[c->n];

    if (number == 0 || k->mv_size > PZ_LIVE_ID_MAX)
        return MDB_CORRUPTED;
    memcpy(c->last, k->mv_data, k->mv_size);
    c->last[k->mv_size] = '\0';
    if (number <= c->after)
        return 0;
    to->n = v->mv_size - HEAD_BYTES;
    if (to->n > 0 && bytes[to->n - 1] != '\0')
        return MDB_CORRUPTED;
    to->id = pz_arena_strndup(&c->arena, c->last, k->mv_size);
    to->bytes = pz_arena_strndup(&c->arena, bytes, to->n);
    c->n++;
    return to->id && to->bytes ? 0 : ENOMEM;
}

/* The next of the rows that are known to have changed; what was collected since is not there. */
static int read_listed(struct pz_live_store *s, MDB_txn *txn, struct chunk *to, size_t *next)
{
    int rc = 0;

    for (; rc == 0 && *next < to->changes.n && to->n < CHUNK_ROWS; ++*next) {
        const char *id = to->changes.id[*next];
        MDB_val k = pz_db_val(id, strlen(id)), v;

        rc = pz_db_get(s, txn, to->db, id, k.mv_size, &v);
        rc = rc == 0 ? keep_row(&k, &v, to) : rc == MDB_NOTFOUND ? 0 : rc;
    }
    return rc;
}

static int read_chunk(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct chunk *to = context;
    size_t n_from = strlen(to->from), next = to->next;
    struct pz_walk w;
    int rc = 0;

    pz_arena_clear(&to->arena);
    to->n = 0;
    if (!to->begun)
        rc = pz_changes_read(s, txn, to->table, to->after, &to->listed, &to->changes);
    if (rc == 0 && to->changes.whole)
        rc = read_listed(s, txn, to, &next);
    if (rc != 0)
        return rc;
    to->begun = true; /* not before: it may be done again */
    to->next = next;
    to->end = next == to->changes.n;
    if (to->changes.whole)
        return 0;
    if (n_from > 0)
        pz_walk_from(&w, s, txn, to->db, to->from, n_from);
    else
        pz_walk_begin(&w, s, txn, to->db);
    to->end = true;
    while (pz_walk_next(&w)) {
        if (w.key.mv_size == n_from && memcmp(w.key.mv_data, to->from, n_from) == 0)
            continue; /* the last one of the chunk before */
        to->end = to->n < CHUNK_ROWS;
        if (!to->end)
            break;
        w.rc = keep_row(&w.key, &w.value, to);
    }
    return pz_walk_end(&w);
}

/* Borrows from the chunk. */
static enum pz_status hand_out(const struct copied *from, pz_live_row_fn *fn, void *context,
                               struct pz_err *err)
{
    const char *name[MAX_CELLS], *value[MAX_CELLS], *p = from->bytes, *end = p + from->n;
    struct pz_live_row row = { from->id, name, value, 0 };

    while (p < end && row.n < MAX_CELLS) {
        name[row.n] = p;
        p += strlen(p) + 1;
        if (p >= end)
            return pz_err_set(err, PZ_BAD_DATA, "a row of the live store is damaged");
        value[row.n++] = p;
        p += strlen(p) + 1;
    }
    return fn(context, &row, err);
}

enum pz_status pz_live_each_row(struct pz_live_store *s, enum pz_live_table table, uint64_t after,
                                pz_live_row_fn *fn, void *context, struct pz_err *err)
{
    struct chunk *c = calloc(1, sizeof *c);
    enum pz_status st = PZ_OK;

    if (!c)
        return pz_err_memory(err, "rows", sizeof *c);
    c->table = table;
    c->db = db_of(table);
    c->after = after;
    while (!c->end && st == PZ_OK) {
        st = pz_db_read(s, read_chunk, c, "reading rows", err);
        for (size_t i = 0; i < c->n && st == PZ_OK; i++)
            st = hand_out(&c->v[i], fn, context, err);
        memcpy(c->from, c->last, sizeof c->from);
    }
    pz_arena_clear(&c->arena);
    pz_arena_clear(&c->listed);
    free(c->changes.id);
    free(c);
    return st;
}

struct state {
    uint64_t number, mark;
    bool was;
};

static int look_for_state(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct state *of = context;
    uint64_t mark = 0;
    int rc = pz_changes_mark(s, txn, of->number, &mark);

    of->was = rc == 0 && mark == of->mark;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

enum pz_status pz_live_rows_were(struct pz_live_store *s, uint64_t number, uint64_t mark, bool *was,
                                 struct pz_err *err)
{
    struct state of = { number, mark, false };
    enum pz_status st = pz_db_read(s, look_for_state, &of, "reading rows", err);

    *was = st == PZ_OK && of.was;
    return st;
}
