/* SPDX-License-Identifier: Apache-2.0 */
/* A store as the view of a log: see shared.h. The log alone gives numbers; a put is
 *
 *   1. appended to the log: numbered, and durable when that returns
 *   2. applied to this store, after what others appended before it
 *   3. acknowledged: the next question on this host, of any process, sees it
 *
 * A batch whose commit was cut off is sent again under its token, for WAIT_S at most; a log that
 * could not be reached a moment ago is not waited for again.
 *
 * The store's own commits are not synced, as the log has all that is in them. They outlive every
 * process, but not the kernel: "boot" is the boot in which the file is written so, and in another
 * one the store is emptied and read anew. 0 says that the file was synced and is left alone. */
#include "live/hosts/shared.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/opt.h"
#include "base/time.h"
#include "live/ids.h"

static const double wait_s = 5, pause_s = 0.2, forgiven_s = 0.5;

/* ---- the store's side ---- */

static int read_state(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct pz_shared_state *to = context;
    int rc = pz_db_get_text(s, txn, "log", to->url, sizeof to->url);

    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "bound", &to->bound);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "boot", &to->boot);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "id", &to->id);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "last", &to->last);
    return rc == 0 ? pz_ids_get_salt(s, txn, to->salt) : rc;
}

enum pz_status pz_shared_state(struct pz_live_store *s, struct pz_shared_state *state,
                               struct pz_err *err)
{
    return pz_db_read(s, read_state, state, "reading", err);
}

/* This boot of the kernel; 1 where it does not say: stores are emptied never, and always synced. */
static uint64_t this_boot(void)
{
    char text[64];
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;

    if (f)
        fclose(f);
    return n > 0 ? pz_hash64(text, n) | 2 : 1;
}

static int empty(struct pz_live_store *s, MDB_txn *txn)
{
    static const char *const zero[] = { "last", "rows", "collected", "rows_collected" };
    int rc = 0;

    for (int i = 0; i < PZ_N_DBS && rc == 0; i++)
        rc = i == PZ_DB_META ? 0 : mdb_drop(txn, s->db[i], 0);
    for (size_t i = 0; i < sizeof zero / sizeof *zero && rc == 0; i++)
        rc = pz_db_put_meta(s, txn, zero[i], 0);
    return rc;
}

/* Begin to write without syncs in this boot. */
static int take_boot(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    uint64_t boot, own = this_boot();
    int rc = pz_db_get_meta(s, txn, "boot", &boot);

    (void)context;
    if (rc == 0 && boot != 0 && boot != own)
        rc = empty(s, txn);
    return rc == 0 && boot != own ? pz_db_put_meta(s, txn, "boot", own) : rc;
}

static int leave_boot(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    (void)context;
    return pz_db_put_meta(s, txn, "boot", 0);
}

enum pz_status pz_shared_settle(struct pz_live_store *s, struct pz_err *err)
{
    return pz_db_write(s, leave_boot, NULL, "closing", err);
}

/* Applying, with the reason why it could not be. */
struct attempt {
    struct pz_applying a;
    uint64_t boot;
    int rc;
};

static int try_apply(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct attempt *to = context;
    uint64_t boot;

    to->rc = pz_db_get_meta(s, txn, "boot", &boot);
    if (to->rc == 0 && boot != to->boot)
        to->rc = ESTALE; /* another process settled it */
    if (to->rc == 0)
        to->rc = pz_live_apply_all(s, txn, &to->a);
    return to->rc;
}

/* *gap: nothing was applied, as numbers before it are missing. */
static enum pz_status apply(struct pz_live_store *s, struct pz_applying *a, bool *gap,
                            struct pz_err *err)
{
    struct attempt t = { .a = *a, .boot = this_boot() };
    enum pz_status st;

    do {
        st = (t.boot == 1 ? pz_db_write : pz_db_write_lazily)(s, try_apply, &t,
                                                              "storing what the log has", err);
        if (t.rc == ESTALE && st != PZ_OK &&
            pz_db_write(s, take_boot, NULL, "opening", err) != PZ_OK)
            return err ? err->status : st;
    } while (t.rc == ESTALE && st != PZ_OK);
    *gap = st != PZ_OK && t.rc == ERANGE;
    *a = t.a;
    return *gap ? PZ_OK : st;
}

/* ---- the log's side ---- */

static enum pz_status check_head(const struct pz_live_store *s, const struct pz_shared_state *state,
                                 struct pz_journal *j, struct pz_err *err)
{
    struct pz_journal_head head;
    char url[256];
    enum pz_status st = pz_journal_head(j, &head, err);

    if (st != PZ_OK)
        return st;
    pz_journal_shown(state->url, url, sizeof url);
    if (head.store != state->id)
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s is the view of another log than the one at %s; a new store may follow "
            "that one",
            s->dir, url);
    if (head.last < state->last)
        return pz_err_set(
            err, PZ_BAD_DATA,
            "%s: the log at %s ends at number %llu, this store is at %llu: the database "
            "was put back to an older state; see pz-serve(7)",
            s->dir, url, (unsigned long long)head.last, (unsigned long long)state->last);
    return PZ_OK;
}

enum pz_status pz_shared_connect(struct pz_live_store *s, struct pz_journal **out,
                                 struct pz_err *err)
{
    struct pz_shared_state state = { .url = "" };
    enum pz_status st = pz_shared_state(s, &state, err);

    *out = NULL;
    if (st == PZ_OK && !*state.url)
        return pz_err_set(err, PZ_USAGE, "%s follows no log", s->dir);
    if (st == PZ_OK && !state.bound)
        return pz_err_set(err, PZ_USAGE,
                          "%s: the log is set, and not begun: pz-deploy log init does it", s->dir);
    if (st == PZ_OK)
        st = pz_journal_open(state.url, out, err);
    if (st == PZ_OK)
        st = check_head(s, &state, *out, err);
    if (st == PZ_OK) /* not before: a view without its log is better than none */
        st = pz_db_write(s, take_boot, NULL, "opening", err);
    if (st != PZ_OK) {
        pz_journal_close(*out);
        *out = NULL;
    }
    return st;
}

static enum pz_status missing(const struct pz_live_store *s, uint64_t after, uint64_t next,
                              struct pz_err *err)
{
    return pz_err_set(
        err, PZ_BAD_DATA,
        "%s: the log has number %llu and this store ends at %llu: what is between them "
        "is missing, and nothing behind it is taken",
        s->dir, (unsigned long long)next, (unsigned long long)after);
}

/* Apply entries; where numbers before them are missing, as the log's head says. */
static enum pz_status apply_known(struct pz_live_store *s, struct pz_journal *j,
                                  struct pz_applying *a, struct pz_err *err)
{
    struct pz_journal_head head;
    bool gap = false;
    enum pz_status st = apply(s, a, &gap, err);

    if (st != PZ_OK || !gap)
        return st;
    st = pz_journal_head(j, &head, err);
    a->trimmed = head.trimmed;
    if (st == PZ_OK)
        st = apply(s, a, &gap, err);
    return st == PZ_OK && gap ? missing(s, a->last, a->entry[0].number, err) : st;
}

enum pz_status pz_shared_catch_up(struct pz_live_store *s, struct pz_journal *j, uint64_t upto,
                                  uint64_t *last, struct pz_err *err)
{
    struct pz_entries list = { .v = NULL };
    struct pz_live_size size;
    enum pz_status st = pz_live_count(s, &size, err);

    *last = size.last;
    while (st == PZ_OK && *last < upto) {
        struct pz_applying a;

        st = pz_journal_read(j, *last, &list, err);
        if (st != PZ_OK || list.n == 0)
            break;
        a = (struct pz_applying){ .entry = list.v, .n = list.n };
        st = apply_known(s, j, &a, err);
        *last = a.last;
    }
    pz_entries_clear(&list);
    return st;
}

/* ---- putting ---- */

/* The store's connection for putting; with log_lock. */
static enum pz_status connection(struct pz_live_store *s, struct pz_err *err)
{
    if (s->log && pz_journal_is_lost(s->log)) {
        pz_journal_close(s->log);
        s->log = NULL;
    }
    return s->log ? PZ_OK : pz_shared_connect(s, &s->log, err);
}

static int64_t new_token(void)
{
    int64_t token = 0;

    while (token == 0)
        if (getrandom(&token, sizeof token, 0) != (ssize_t)sizeof token)
            token = 0;
    return token;
}

static enum pz_status append(struct pz_live_store *s, struct pz_entries *list, struct pz_err *err)
{
    int64_t token = new_token();
    double from = pz_time_clock(), until = s->log_failed > 0 ? from : from + wait_s;
    enum pz_status st;

    if (s->log_failed > 0 && from - s->log_failed < forgiven_s)
        return pz_err_set(err, PZ_UNAVAILABLE, "%s: the log cannot be reached at the moment",
                          s->dir);
    for (;;) {
        st = connection(s, err);
        if (st == PZ_OK)
            st = pz_journal_append(s->log, list->v, list->n, token, err);
        if (st == PZ_OK || (s->log && !pz_journal_is_lost(s->log)) ||
            (!s->log && st != PZ_UNAVAILABLE) || pz_time_clock() >= until)
            break;
        pz_time_rest(pause_s);
    }
    s->log_failed = st == PZ_UNAVAILABLE ? pz_time_clock() : 0;
    return st;
}

/* Steps 1 and 2. */
static enum pz_status put(struct pz_live_store *s, struct pz_entries *list, enum pz_live_fate *fate,
                          uint64_t *last, struct pz_err *err)
{
    struct pz_applying a = { .n = 0 };
    bool gap = false;
    enum pz_status st = PZ_OK;

    pthread_mutex_lock(&s->log_lock);
    if (list->n > 0) {
        st = append(s, list, err);
        a = (struct pz_applying){ .entry = list->v, .n = list->n, .fate = fate };
        if (st == PZ_OK)
            st = apply(s, &a, &gap, err);
        if (st == PZ_OK && gap)
            st = pz_shared_catch_up(s, s->log, list->v[0].number - 1, last, err);
        if (st == PZ_OK && gap)
            st = apply_known(s, s->log, &a, err);
    }
    pthread_mutex_unlock(&s->log_lock);
    *last = a.last;
    return st;
}

enum pz_status pz_shared_put_events(struct pz_live_store *s, const struct pz_event *event, size_t n,
                                    enum pz_live_fate *fate, uint64_t *last, struct pz_err *err)
{
    struct pz_entries list = { .v = NULL };
    enum pz_live_fate *of = pz_mem_array(n, sizeof *of);
    enum pz_status st = of ? PZ_OK : pz_err_memory(err, "events", (double)n);
    size_t at = 0;

    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        bool good = pz_live_check(&event[i], NULL) == PZ_OK;

        fate[i] = good ? PZ_LIVE_STORED : PZ_LIVE_REFUSED;
        if (good && !pz_entries_add_event(&list, &event[i]))
            st = pz_err_memory(err, "events", (double)n);
    }
    if (st == PZ_OK)
        st = put(s, &list, of, last, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (fate[i] == PZ_LIVE_STORED)
            fate[i] = of[at++];
    free(of);
    pz_entries_clear(&list);
    return st;
}

enum pz_status pz_shared_put_rows(struct pz_live_store *s, enum pz_live_table table,
                                  const struct pz_live_row *row, size_t n, uint64_t *last,
                                  struct pz_err *err)
{
    struct pz_entries list = { .v = NULL };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        if (!pz_entries_add_row(&list, table, &row[i]))
            st = pz_err_memory(err, "rows", (double)n);
    if (st == PZ_OK)
        st = put(s, &list, NULL, last, err);
    pz_entries_clear(&list);
    return st;
}

/* ---- forgetting ---- */

/* What a user has, as the store is now. */
struct person {
    const char *user_id;
    unsigned char hash[PZ_IDS_HASH_BYTES];
    struct pz_live_receipt receipt;
    struct pz_strs sessions;
    struct pz_arena arena;
};

static int note_session(struct pz_live_store *s, MDB_txn *txn, struct pz_walk *w,
                        const char *session, uint64_t number, void *context)
{
    struct person *p = context;
    const char *copy = pz_arena_strndup(&p->arena, session, strlen(session));

    (void)s;
    (void)txn;
    (void)w;
    (void)number;
    p->receipt.sessions++;
    return copy && pz_strs_add(&p->sessions, copy) ? 0 : ENOMEM;
}

static int look_at(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct person *p = context;
    struct pz_numbers list = { NULL, 0, 0 };
    MDB_val v;
    char owner[PZ_LIVE_ID_MAX + 1];
    uint64_t since;
    int rc = pz_ids_hash(s, txn, p->user_id, p->hash);

    pz_strs_clear(&p->sessions);
    p->receipt = (struct pz_live_receipt){ .events = 0 };
    if (rc == 0)
        rc = pz_live_numbers(s, txn, p->user_id, &list);
    p->receipt.events = list.n;
    free(list.v);
    if (rc == 0)
        rc = pz_live_each_session(s, txn, p->user_id, note_session, p);
    /* a session id serves as a user id until it joins somebody */
    if (rc == 0)
        rc = pz_live_joined(s, txn, p->user_id, owner, &since);
    if (rc == MDB_NOTFOUND)
        rc = pz_strs_add(&p->sessions, p->user_id) ? 0 : ENOMEM;
    if (rc != 0)
        return rc;
    rc = pz_db_get(s, txn, PZ_DB_USERS, p->user_id, strlen(p->user_id), &v);
    p->receipt.rows = rc == 0;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Under the log's lock nobody appends: the store has all there is, and knows what the user's is. */
static enum pz_status forget_locked(struct pz_live_store *s, struct person *p, bool purge,
                                    uint64_t last, struct pz_entries *list, struct pz_err *err)
{
    uint64_t reached;
    size_t n = purge ? sizeof p->hash : strlen(p->user_id);
    char *body = NULL;
    enum pz_status st = pz_shared_catch_up(s, s->log, last, &reached, err);

    if (st == PZ_OK)
        st = pz_db_read(s, look_at, p, "reading", err);
    if (st == PZ_OK && !(body = pz_entries_add(list, purge ? PZ_PURGE : PZ_FORGET, n)))
        st = pz_err_memory(err, "an entry", (double)n);
    if (st != PZ_OK)
        return st;
    memcpy(body, purge ? (const void *)p->hash : p->user_id, n);
    st = pz_journal_append(s->log, list->v, 1, new_token(), err);
    return st == PZ_OK
               ? pz_journal_erase(s->log, p->user_id, p->sessions.v, p->sessions.n, purge, err)
               : st;
}

enum pz_status pz_shared_forget(struct pz_live_store *s, const char *user_id, bool purge,
                                struct pz_live_receipt *receipt, struct pz_err *err)
{
    struct person p = { .user_id = user_id };
    struct pz_entries list = { .v = NULL };
    struct pz_journal_head head;
    struct pz_applying a;
    enum pz_status st;

    pthread_mutex_lock(&s->log_lock);
    st = connection(s, err);
    if (st == PZ_OK)
        st = pz_journal_lock(s->log, &head, err);
    if (st == PZ_OK)
        st = forget_locked(s, &p, purge, head.last, &list, err);
    if (st == PZ_OK)
        st = pz_journal_unlock(s->log, true, err);
    else if (s->log)
        (void)pz_journal_unlock(s->log, false, NULL);
    a = (struct pz_applying){ .entry = list.v, .n = list.n };
    if (st == PZ_OK)
        st = apply_known(s, s->log, &a, err);
    pthread_mutex_unlock(&s->log_lock);
    *receipt = p.receipt;
    if (st == PZ_OK)
        receipt->number = list.v[0].number;
    pz_entries_clear(&list);
    pz_strs_clear(&p.sessions);
    pz_arena_clear(&p.arena);
    return st;
}
