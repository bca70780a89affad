/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves the live store: users who asked to be forgotten, and what every retained model has
 * learned. See store.h.
 *
 * Forgetting is one transaction: events, sessions, row and the mark that keeps the user out go
 * together or not at all. Collecting works in pieces; it notes how far it came, so that an
 * export knows what is no longer there, and event ids outlive their events for PZ_LIVE_ID_DAYS
 * days, so that a late repeat is not stored. What is deleted stays as bytes in free pages until
 * compaction (compact.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "live/digest.h"
#include "live/hosts/shared.h"
#include "live/ids.h"

/* Remove one event, its index entry and its owner's digest; the event id stays, so that a late
 * repeat is not stored. */
static int remove_event(struct pz_live_store *s, MDB_txn *txn, uint64_t number)
{
    unsigned char be[8] = { 0 }, key[PZ_LIVE_KEY_BYTES];
    struct pz_event e;
    int rc = pz_live_get(s, txn, number, &e);
    size_t n;

    if (rc != 0)
        return rc;
    n = pz_live_owner_key(key, &e, number);
    rc = pz_digest_drop(s, txn, (char)key[0], (const char *)key + 1);
    if (rc == 0)
        rc = pz_db_del(s, txn, PZ_DB_OWNER, key, n);
    pz_db_put_number(be, number);
    return rc == 0 ? pz_db_del(s, txn, PZ_DB_EVENTS, be, 8) : rc;
}

static int remove_session(struct pz_live_store *s, MDB_txn *txn, struct pz_walk *w,
                          const char *session, uint64_t number, void *context)
{
    struct pz_live_receipt *receipt = context;
    int rc = pz_db_del(s, txn, PZ_DB_SESSIONS, session, strlen(session));

    (void)number;
    receipt->sessions++;
    return rc == 0 || rc == MDB_NOTFOUND ? pz_walk_delete(w) : rc;
}

/* The user's row, and with it what readers have built from the rows. */
static int remove_row(struct pz_live_store *s, MDB_txn *txn, const char *user_id,
                      struct pz_live_receipt *receipt)
{
    int rc = pz_db_del(s, txn, PZ_DB_USERS, user_id, strlen(user_id));

    if (rc == MDB_NOTFOUND)
        return 0;
    receipt->rows = 1;
    return rc == 0 ? pz_db_put_meta(s, txn, "rows", receipt->number) : rc;
}

/* ---- sessions of a forgotten user, in a store that follows a log ----
 *
 * The log erases what was the user's. A store that reads it from the start must come to the same as
 * one that saw it all: so a session goes to the first user, of those left, with an event in it. */

struct sessions {
    char (*id)[PZ_LIVE_ID_MAX + 1];
    size_t n, cap;
};

static int note_session(struct pz_live_store *s, MDB_txn *txn, struct pz_walk *w,
                        const char *session, uint64_t number, void *context)
{
    struct sessions *to = context;

    (void)s;
    (void)txn;
    (void)w;
    (void)number;
    if (!pz_mem_grow(&to->id, &to->cap, to->n + 1, sizeof *to->id))
        return ENOMEM;
    memcpy(to->id[to->n++], session, strlen(session) + 1);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int tie_again(struct pz_live_store *s, MDB_txn *txn, struct sessions *gone)
{
    struct pz_walk w;
    struct pz_event e;

    if (gone->n == 0)
        return 0;
    qsort(gone->id, gone->n, sizeof *gone->id, by_id);
    pz_walk_begin(&w, s, txn, PZ_DB_EVENTS);
    while (pz_walk_next(&w)) {
        w.rc = w.key.mv_size == 8 ? pz_live_read_record(&w.value, &e) : MDB_CORRUPTED;
        if (w.rc == 0 && e.user_id && e.session_id &&
            bsearch(e.session_id, gone->id, gone->n, sizeof *gone->id, by_id))
            w.rc = pz_live_join(s, txn, &e, pz_db_get_number(w.key.mv_data));
    }
    return pz_walk_end(&w);
}

static int remove_sessions(struct pz_live_store *s, MDB_txn *txn, const char *user_id,
                           struct pz_live_receipt *receipt)
{
    struct sessions gone = { .id = NULL };
    bool follows = atomic_load(&s->follows);
    int rc = follows ? pz_live_each_session(s, txn, user_id, note_session, &gone) : 0;

    if (rc == 0)
        rc = pz_live_each_session(s, txn, user_id, remove_session, receipt);
    if (rc == 0)
        rc = tie_again(s, txn, &gone);
    free(gone.id);
    return rc;
}

/* ---- forgetting ---- */

int pz_live_forget_at(struct pz_live_store *s, MDB_txn *txn, const char *user_id, bool purge,
                      uint64_t number, struct pz_live_receipt *receipt)
{
    struct pz_numbers list = { NULL, 0, 0 };
    int rc = pz_live_numbers(s, txn, user_id, &list);

    *receipt = (struct pz_live_receipt){ .events = list.n, .number = number };
    for (size_t i = 0; i < list.n && rc == 0; i++)
        rc = remove_event(s, txn, list.v[i]);
    free(list.v);
    if (rc == 0)
        rc = remove_sessions(s, txn, user_id, receipt);
    if (rc == 0)
        rc = remove_row(s, txn, user_id, receipt);
    if (rc == 0)
        rc = pz_changes_forget(s, txn, user_id);
    return rc == 0 ? pz_ids_forget(s, txn, user_id, number, !purge) : rc;
}

struct forgetting {
    const char *user_id;
    bool purge;
    struct pz_live_receipt *receipt;
};

static int forget_all(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    const struct forgetting *of = context;
    uint64_t last;
    int rc = pz_db_next(s, txn, &last);

    /* Forgetting takes a number of its own: whatever has seen fewer numbers does not know of it
     * yet. */
    if (rc == 0)
        rc = pz_db_put_meta(s, txn, "last", last + 1);
    return rc == 0 ? pz_live_forget_at(s, txn, of->user_id, of->purge, last + 1, of->receipt) : rc;
}

enum pz_status pz_live_forget(struct pz_live_store *s, const char *user_id, bool purge,
                              struct pz_live_receipt *receipt, struct pz_err *err)
{
    struct forgetting of = { user_id, purge, receipt };
    enum pz_status st = PZ_OK;

    if (!*user_id || strlen(user_id) > PZ_LIVE_ID_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "a user id must have 1 to %d bytes", PZ_LIVE_ID_MAX);
    if (!atomic_load(&s->follows))
        st = pz_db_write(s, forget_all, &of, "forgetting", err);
    return atomic_load(&s->follows) ? pz_shared_forget(s, user_id, purge, receipt, err) : st;
}

/* All of them, copied: fn is called behind the transaction. */
struct forgotten {
    char (*id)[PZ_LIVE_ID_MAX + 1];
    uint64_t *number;
    size_t n, cap, cap_number;
};

static int read_forgotten(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct forgotten *to = context;
    struct pz_walk w;

    to->n = 0;
    pz_walk_begin(&w, s, txn, PZ_DB_FORGOTTEN);
    while (pz_walk_next(&w)) {
        if (!pz_mem_grow(&to->id, &to->cap, to->n + 1, sizeof *to->id) ||
            !pz_mem_grow(&to->number, &to->cap_number, to->n + 1, sizeof *to->number))
            w.rc = ENOMEM;
        else
            w.rc = pz_ids_read_forgotten(s, txn, &w.key, &w.value, to->id[to->n],
                                         &to->number[to->n]);
        to->n += w.rc == 0 && *to->id[to->n];
    }
    return pz_walk_end(&w);
}

enum pz_status pz_live_each_forgotten(struct pz_live_store *s, pz_live_id_fn *fn, void *context,
                                      struct pz_err *err)
{
    struct forgotten all = { .id = NULL };
    enum pz_status st = pz_db_read(s, read_forgotten, &all, "reading", err);

    for (size_t i = 0; i < all.n && st == PZ_OK; i++)
        st = fn(context, all.id[i], all.number[i], err);
    free(all.id);
    free(all.number);
    return st;
}

struct among {
    const struct pz_dict *users;
    uint32_t *user, n;
};

static int find_among(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct among *of = context;
    char id[PZ_LIVE_ID_MAX + 1];
    bool is;
    MDB_stat all;
    int rc = mdb_stat(txn, s->db[PZ_DB_FORGOTTEN], &all);

    of->n = 0;
    if (rc != 0 || all.ms_entries == 0)
        return rc;
    for (uint32_t u = 0; u < of->users->n && rc == 0; u++) {
        size_t len;
        const char *p = pz_dict_get(of->users, u, &len);

        if (len > PZ_LIVE_ID_MAX)
            continue; /* no id that a store takes */
        memcpy(id, p, len);
        id[len] = '\0';
        rc = pz_ids_is_forgotten(s, txn, id, &is);
        if (is)
            of->user[of->n++] = u;
    }
    return rc;
}

enum pz_status pz_live_find_forgotten(struct pz_live_store *s, const struct pz_dict *users,
                                      uint32_t **user, uint32_t *n, struct pz_err *err)
{
    struct among of = { .users = users, .user = pz_mem_array(users->n, sizeof *of.user) };
    enum pz_status st = of.user ? pz_db_read(s, find_among, &of, "reading", err)
                                : pz_err_memory(err, "users", 4.0 * users->n);

    if (st != PZ_OK) {
        free(of.user);
        of.user = NULL;
    }
    *user = of.user;
    *n = of.n;
    return st;
}

/* ---- who need not be known as forgotten any more ---- */

struct unmarking {
    uint64_t upto, n_removed;
    const struct pz_strs *keep;
    unsigned char (*hash)[PZ_IDS_HASH_BYTES]; /* [keep->n] theirs, ascending */
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, PZ_IDS_HASH_BYTES);
}

static int unmark(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct unmarking *of = context;
    char id[PZ_LIVE_ID_MAX + 1];
    struct pz_walk w;
    int rc = 0;

    of->n_removed = 0;
    for (size_t i = 0; i < of->keep->n && rc == 0; i++)
        rc = pz_ids_hash(s, txn, of->keep->v[i], of->hash[i]);
    if (rc != 0)
        return rc;
    qsort(of->hash, of->keep->n, sizeof *of->hash, by_bytes);
    pz_walk_begin(&w, s, txn, PZ_DB_FORGOTTEN);
    while (pz_walk_next(&w)) {
        uint64_t number = 0;

        w.rc = pz_ids_read_forgotten(s, txn, &w.key, &w.value, id, &number);
        if (w.rc != 0 || number > of->upto ||
            bsearch(w.key.mv_data, of->hash, of->keep->n, sizeof *of->hash, by_bytes))
            continue;
        pz_walk_delete(&w);
        of->n_removed++;
    }
    return pz_walk_end(&w);
}

enum pz_status pz_live_unmark(struct pz_live_store *s, uint64_t upto, const struct pz_strs *keep,
                              uint64_t *n_removed, struct pz_err *err)
{
    struct unmarking of = { .upto = upto,
                            .keep = keep,
                            .hash = pz_mem_array(keep->n + 1, sizeof *of.hash) };
    enum pz_status st = PZ_OK;

    if (!of.hash)
        st = pz_err_memory(err, "forgotten users", 16.0 * (double)keep->n);
    else if (!atomic_load(&s->follows))
        st = pz_db_write(s, unmark, &of, "collecting", err);
    *n_removed = st == PZ_OK ? of.n_removed : 0;
    free(of.hash);
    return st;
}

/* ---- collecting ---- */

enum { PIECE = 10000 }; /* events looked at in one transaction */

struct collecting {
    uint64_t upto, from; /* from: where this piece starts; then where the next does */
    uint64_t n_removed;  /* in this piece */
};

/* Whether every model with the events up to `upto` has this one as its user's. */
static int is_learned(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                      uint64_t upto, bool *is)
{
    char user[PZ_LIVE_ID_MAX + 1];
    const char *owner = e->user_id ? e->user_id : user;
    uint64_t since = 0;
    int rc = e->user_id ? 0 : pz_live_joined(s, txn, e->session_id, user, &since);
    bool forgotten = true;

    /* An event of a session counts for its user from the joining on: a model that was made before
     * did not see it as theirs. */
    *is = false;
    if (rc != 0 || since > upto)
        return rc == MDB_NOTFOUND ? 0 : rc;
    /* Who was forgotten and came back has only the store: their events stay until they are in a new
     * model. */
    rc = pz_ids_is_forgotten(s, txn, owner, &forgotten);
    *is = !forgotten;
    return rc;
}

int pz_live_note(struct pz_live_store *s, MDB_txn *txn, const char *name, uint64_t upto)
{
    uint64_t before;
    int rc = pz_db_get_meta(s, txn, name, &before);

    return rc == 0 && upto > before ? pz_db_put_meta(s, txn, name, upto) : rc;
}

static int remove_learned(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct collecting *of = context;
    uint64_t number = of->from;
    int rc = 0;

    of->n_removed = 0;
    for (; rc == 0 && number <= of->upto && number < of->from + PIECE; number++) {
        struct pz_event e;
        bool goes = false;

        rc = pz_live_get(s, txn, number, &e);
        if (rc == 0)
            rc = is_learned(s, txn, &e, of->upto, &goes);
        else if (rc == MDB_NOTFOUND)
            rc = 0;
        if (rc == 0 && goes) {
            rc = remove_event(s, txn, number);
            of->n_removed++;
        }
    }
    return rc == 0 && of->n_removed > 0 ? pz_live_note(s, txn, "collected", number - 1) : rc;
}

static int remove_rows(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct collecting *of = context;
    int rc = 0;

    of->n_removed = 0;
    for (enum pz_db db = PZ_DB_ITEMS; db <= PZ_DB_USERS && rc == 0; db++) {
        struct pz_walk w;

        pz_walk_begin(&w, s, txn, db);
        while (pz_walk_next(&w))
            if (w.value.mv_size >= 8 && pz_db_get_number(w.value.mv_data) <= of->upto) {
                pz_walk_delete(&w);
                of->n_removed++;
            }
        rc = pz_walk_end(&w);
    }
    return rc == 0 && of->n_removed > 0 ? pz_live_note(s, txn, "rows_collected", of->upto) : rc;
}

/* Ids of what was collected, which no sender repeats any more; a day more, for clocks that differ
 * from a log's. */
static int trim_ids(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    const struct collecting *of = context;
    uint64_t n = 0;

    return pz_ids_trim(s, txn, of->upto, pz_time_now() - (PZ_LIVE_ID_DAYS + 1) * 86400, &n);
}

enum pz_status pz_live_collect(struct pz_live_store *s, uint64_t events, uint64_t rows,
                               uint64_t *n_removed, struct pz_err *err)
{
    struct collecting of = { .upto = events };
    struct pz_live_size size;
    enum pz_status st = pz_live_count(s, &size, err);

    *n_removed = 0;
    if (st == PZ_OK && events > size.last)
        of.upto = size.last;
    /* In pieces, so that writers are not kept waiting, and a crash leaves what was collected so
     * far. */
    for (of.from = 1; of.from <= of.upto && st == PZ_OK; of.from += PIECE) {
        st = pz_db_write(s, remove_learned, &of, "collecting", err);
        *n_removed += st == PZ_OK ? of.n_removed : 0;
    }
    if (st == PZ_OK && of.upto > 0)
        st = pz_db_write(s, trim_ids, &of, "collecting", err);
    of.upto = rows;
    if (st == PZ_OK && rows > 0 && size.items + size.users > 0) {
        st = pz_db_write(s, remove_rows, &of, "collecting", err);
        *n_removed += st == PZ_OK ? of.n_removed : 0;
    }
    return st;
}
