/* SPDX-License-Identifier: Apache-2.0 */
/* Reading events: see store.h, and db.h for what is kept where. A record of "events": i64 time,
 * f64 value, then the texts of an event in the order of pz_live_text, each ended by a NUL, ""
 * for NULL.
 *
 * Whose an event is follows from the sessions that joined a user, as of the moment of reading: a
 * session that joined late brings its earlier events with it. Reading all copies a chunk a
 * transaction and calls behind it, up to the last number at the beginning. A record that is not
 * of this form is damage (MDB_CORRUPTED), never a shorter event. */
#include "live/events.h"
#include "live/ids.h"
#include "live/origins.h"
#include "table/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_BYTES = 16 };

const char **pz_live_text(struct pz_event *e, int i)
{
    static const uint8_t place[PZ_LIVE_N_TEXTS] = {
        offsetof(struct pz_event, user_id),    offsetof(struct pz_event, session_id),
        offsetof(struct pz_event, item_id),    offsetof(struct pz_event, event_type),
        offsetof(struct pz_event, event_id),   offsetof(struct pz_event, recommendation_id),
        offsetof(struct pz_event, impression), offsetof(struct pz_event, properties)
    };

    return (const char **)(void *)((char *)e + place[i]);
}

size_t pz_live_join_key(unsigned char *key, const char *id, uint64_t number)
{
    size_t n = strlen(id) + 1;

    memcpy(key, id, n);
    pz_db_put_number(key + n, number);
    return n + 8;
}

/* Keys of owner: who ('u' or 's') before that. */
static size_t make_owner(unsigned char *key, char who, const char *id, uint64_t number)
{
    key[0] = (unsigned char)who;
    return 1 + pz_live_join_key(key + 1, id, number);
}

size_t pz_live_owner_key(unsigned char *key, const struct pz_event *e, uint64_t number)
{
    return e->user_id ? make_owner(key, 'u', e->user_id, number)
                      : make_owner(key, 's', e->session_id, number);
}

int pz_live_joined(struct pz_live_store *s, MDB_txn *txn, const char *session,
                   char user[PZ_LIVE_ID_MAX + 1], uint64_t *number)
{
    MDB_val v;

    int rc = pz_db_get(s, txn, PZ_DB_SESSIONS, session, strlen(session), &v);

    if (rc == 0 && (v.mv_size < 8 || v.mv_size > PZ_LIVE_ID_MAX + 8))
        rc = MDB_CORRUPTED;
    if (rc != 0)
        return rc;
    *number = pz_db_get_number(v.mv_data);
    memcpy(user, (const char *)v.mv_data + 8, v.mv_size - 8);
    user[v.mv_size - 8] = '\0';
    return 0;
}

/* ---- records ---- */

size_t pz_live_record_bytes(const struct pz_event *e)
{
    struct pz_event copy = *e;
    size_t n = HEAD_BYTES + PZ_LIVE_N_TEXTS;

    for (int i = 0; i < PZ_LIVE_N_TEXTS; i++)
        n += *pz_live_text(&copy, i) ? strlen(*pz_live_text(&copy, i)) : 0;
    return n;
}

void pz_live_write_record(char *p, const struct pz_event *e)
{
    struct pz_event copy = *e;

    memcpy(p, &e->time, 8);
    memcpy(p + 8, &e->value, 8);
    p += HEAD_BYTES;
    for (int i = 0; i < PZ_LIVE_N_TEXTS; i++)
        p = stpcpy(p, *pz_live_text(&copy, i) ? *pz_live_text(&copy, i) : "") + 1;
}

int pz_live_add_record(struct pz_live_store *s, MDB_txn *txn, uint64_t number,
                       const struct pz_event *e)
{
    unsigned char be[8] = { 0 };
    size_t n = pz_live_record_bytes(e);
    void *record;
    int rc;

    pz_db_put_number(be, number);
    rc = pz_db_reserve(s, txn, PZ_DB_EVENTS, be, 8, n, MDB_APPEND, &record);
    if (rc != 0)
        return rc;
    pz_live_write_record(record, e);
    pz_db_seal(PZ_DB_EVENTS, be, 8, record, n);
    return 0;
}

int pz_live_read_record(const MDB_val *v, struct pz_event *e)
{
    const char *p = v->mv_data, *end = p + v->mv_size, *text[PZ_LIVE_N_TEXTS];

    /* With a NUL at the end no text is read beyond it. */
    if (v->mv_size < HEAD_BYTES + PZ_LIVE_N_TEXTS || end[-1] != '\0')
        return MDB_CORRUPTED;
    memcpy(&e->time, p, 8);
    memcpy(&e->value, p + 8, 8);
    p += HEAD_BYTES;
    for (int i = 0; i < PZ_LIVE_N_TEXTS; i++) {
        if (p >= end)
            return MDB_CORRUPTED;
        text[i] = *p ? p : NULL; /* most are empty */
        p += (*p ? strlen(p) : 0) + 1;
    }
    for (int i = 0; i < PZ_LIVE_N_TEXTS; i++)
        *pz_live_text(e, i) = text[i];
    return e->user_id || e->session_id ? 0 : MDB_CORRUPTED;
}

int pz_live_get(struct pz_live_store *s, MDB_txn *txn, uint64_t number, struct pz_event *e)
{
    unsigned char be[8] = { 0 };
    MDB_val v;
    int rc;

    pz_db_put_number(be, number);
    rc = pz_db_get(s, txn, PZ_DB_EVENTS, be, 8, &v);
    return rc == 0 ? pz_live_read_record(&v, e) : rc;
}

/* ---- whose events ---- */

int pz_live_owned(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t after,
                  uint64_t before, size_t most, struct pz_numbers *list)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    size_t n = make_owner(key, who, id, before);
    struct pz_walk w;

    pz_walk_back(&w, s, txn, PZ_DB_OWNER, key, n);
    for (; most > 0 && pz_walk_next(&w) && w.key.mv_size == n &&
           memcmp(w.key.mv_data, key, n - 8) == 0;
         most--) {
        uint64_t number = pz_db_get_number((const unsigned char *)w.key.mv_data + n - 8);

        if (number <= after)
            break;
        if (!pz_mem_grow(&list->v, &list->cap, list->n + 1, sizeof *list->v)) {
            w.rc = ENOMEM;
            break;
        }
        list->v[list->n++] = number;
    }
    return pz_walk_end(&w);
}

int pz_live_each_session(struct pz_live_store *s, MDB_txn *txn, const char *user,
                         pz_live_session_fn *fn, void *context)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];
    size_t n = pz_live_join_key(key, user, 0);
    struct pz_walk w;

    pz_walk_from(&w, s, txn, PZ_DB_JOINS, key, n);
    while (pz_walk_next(&w) && w.key.mv_size == n && memcmp(w.key.mv_data, user, n - 8) == 0) {
        char session[PZ_LIVE_ID_MAX + 1];

        if (w.value.mv_size > PZ_LIVE_ID_MAX) {
            w.rc = MDB_CORRUPTED;
            break;
        }
        memcpy(session, w.value.mv_data, w.value.mv_size);
        session[w.value.mv_size] = '\0';
        w.rc = fn(s, txn, &w, session,
                  pz_db_get_number((const unsigned char *)w.key.mv_data + n - 8), context);
    }
    return pz_walk_end(&w);
}

struct owners {
    uint64_t after;
    pz_live_owner_fn *fn;
    void *context;
};

/* A session that joined later than `after` is new to whoever asks: all its events are. */
static int meet_session(struct pz_live_store *s, MDB_txn *txn, struct pz_walk *w,
                        const char *session, uint64_t number, void *context)
{
    const struct owners *of = context;

    (void)w;
    return of->fn(s, txn, 's', session, number > of->after ? 0 : of->after, of->context);
}

int pz_live_each_owner(struct pz_live_store *s, MDB_txn *txn, const char *user, uint64_t after,
                       pz_live_owner_fn *fn, void *context)
{
    struct owners of = { after, fn, context };
    char owner[PZ_LIVE_ID_MAX + 1];
    uint64_t number;
    int rc = fn(s, txn, 'u', user, after, context);

    if (rc == 0)
        rc = pz_live_each_session(s, txn, user, meet_session, &of);
    if (rc == 0)
        rc = pz_live_joined(s, txn, user, owner, &number);
    return rc == MDB_NOTFOUND ? fn(s, txn, 's', user, after, context) : rc;
}

static int collect(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t after,
                   void *list)
{
    return pz_live_owned(s, txn, who, id, after, UINT64_MAX, SIZE_MAX, list);
}

int pz_live_numbers(struct pz_live_store *s, MDB_txn *txn, const char *user,
                    struct pz_numbers *list)
{
    return pz_live_each_owner(s, txn, user, 0, collect, list);
}

/* ---- reading all ---- */

/* Events are copied a chunk a transaction and handed out behind it, so that a caller who waits (a
 * pipe that nobody reads) keeps no snapshot, for which the file would grow. Numbers above the last
 * one of the beginning, and what they joined, do not count: chunks and passes are of one moment. */
enum { CHUNK_EVENTS = 512, CHUNK_BYTES = 1 << 20 };

struct numbered {
    uint64_t number;
    struct pz_event e;
};

struct chunk {
    uint64_t after, upto, next; /* upto 0: not known yet; next: number to go on with, 0: the end */
    struct pz_arena arena;
    struct numbered *v;
    size_t n, cap, bytes;
};

/* Whether an event is news to one who has all up to `after`, and whose it is: events of a session
 * that joined its user later than that are. user: where the user's id goes. */
static int look_at_owner(struct pz_live_store *s, MDB_txn *txn, uint64_t number,
                         const struct chunk *c, struct pz_event *e, char user[PZ_LIVE_ID_MAX + 1],
                         bool *is_news)
{
    uint64_t since = 0;
    int rc = !e->user_id && e->session_id ? pz_live_joined(s, txn, e->session_id, user, &since)
                                          : MDB_NOTFOUND;

    if (rc == 0 && since <= c->upto)
        e->user_id = user;
    *is_news = number > c->after || (e->user_id == user && since > c->after);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int keep_event(struct pz_live_store *s, MDB_txn *txn, uint64_t number, const MDB_val *v,
                      struct chunk *c)
{
    char user[PZ_LIVE_ID_MAX + 1];
    MDB_val copy = { v->mv_size, NULL };
    struct pz_event e;
    bool is_news = false;
    int rc = pz_live_read_record(v, &e);

    if (rc == 0)
        rc = look_at_owner(s, txn, number, c, &e, user, &is_news);
    if (rc != 0 || !is_news)
        return rc;
    copy.mv_data = pz_arena_take(&c->arena, v->mv_size);
    if (!copy.mv_data || !pz_mem_grow(&c->v, &c->cap, c->n + 1, sizeof *c->v))
        return ENOMEM;
    memcpy(copy.mv_data, v->mv_data, v->mv_size);
    c->v[c->n].number = number;
    rc = pz_live_read_record(&copy, &c->v[c->n].e);
    if (rc == 0 && e.user_id == user)
        c->v[c->n].e.user_id = pz_arena_strndup(&c->arena, user, strlen(user));
    c->bytes += v->mv_size;
    return rc == 0 && !c->v[c->n++].e.user_id && e.user_id ? ENOMEM : rc;
}

static int read_chunk(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct chunk *to = context;
    unsigned char be[8] = { 0 };
    uint64_t next = to->next;
    struct pz_walk w;
    int rc = to->upto == 0 ? pz_db_get_meta(s, txn, "last", &to->upto) : 0;

    pz_arena_clear(&to->arena);
    to->n = to->bytes = 0;
    if (rc != 0)
        return rc;
    pz_db_put_number(be, next);
    pz_walk_from(&w, s, txn, PZ_DB_EVENTS, be, 8);
    next = 0;
    while (pz_walk_next(&w)) {
        uint64_t number = w.key.mv_size == 8 ? pz_db_get_number(w.key.mv_data) : 0;

        if (number > to->upto)
            break;
        if (to->n == CHUNK_EVENTS || to->bytes >= CHUNK_BYTES) {
            next = number;
            break;
        }
        w.rc = number == 0 ? MDB_CORRUPTED : keep_event(s, txn, number, &w.value, to);
    }
    rc = pz_walk_end(&w);
    if (rc == 0) /* not before: it may be done again */
        to->next = next;
    return rc;
}

/* first: the number to begin with */
static enum pz_status each(struct pz_live_store *s, uint64_t after, uint64_t first, int n_passes,
                           pz_live_fn *fn, void *context, struct pz_err *err)
{
    struct chunk c = { .after = after };
    enum pz_status st = PZ_OK;

    for (int pass = 0; pass < n_passes && st == PZ_OK; pass++) {
        c.next = first;
        while (c.next > 0 && st == PZ_OK) {
            st = pz_db_read(s, read_chunk, &c, "reading events", err);
            for (size_t i = 0; i < c.n && st == PZ_OK; i++)
                st = fn(context, pass, c.v[i].number, &c.v[i].e, err);
        }
    }
    pz_arena_clear(&c.arena);
    free(c.v);
    return st;
}

enum pz_status pz_live_each(struct pz_live_store *s, uint64_t after, int n_passes, pz_live_fn *fn,
                            void *context, struct pz_err *err)
{
    return each(s, after, 1, n_passes, fn, context, err);
}

enum pz_status pz_live_since(struct pz_live_store *s, uint64_t after, pz_live_fn *fn, void *context,
                             struct pz_err *err)
{
    return each(s, after, after + 1, 1, fn, context, err);
}

static int count_all(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct pz_live_size *size = context;
    uint64_t *const out[PZ_N_DBS] = { [PZ_DB_EVENTS] = &size->events,
                                      [PZ_DB_ITEMS] = &size->items,
                                      [PZ_DB_USERS] = &size->users,
                                      [PZ_DB_SESSIONS] = &size->sessions,
                                      [PZ_DB_FORGOTTEN] = &size->forgotten };
    MDB_stat stat = { 0 };
    MDB_envinfo info;
    uint64_t id = 0;
    int rc = pz_db_check_counts(s, txn);

    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "last", &size->last);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "id", &id);
    snprintf(size->store, sizeof size->store, "%016" PRIx64, id);
    if (rc == 0)
        rc = pz_origins_moved(s, txn, &size->moved);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "rows", &size->rows_last);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "rows_mark", &size->rows_mark);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "collected", &size->collected);
    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "rows_collected", &size->rows_collected);
    for (int i = 0; i < PZ_N_DBS && rc == 0; i++)
        if (out[i] && (rc = mdb_stat(txn, s->db[i], &stat)) == 0)
            *out[i] = stat.ms_entries;
    if (rc == 0)
        rc = mdb_env_info(s->env, &info);
    if (rc == 0) {
        size->bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
        size->map_bytes = info.me_mapsize;
        size->file = s->ino;
    }
    return rc;
}

enum pz_status pz_live_count(struct pz_live_store *s, struct pz_live_size *size, struct pz_err *err)
{
    memset(size, 0, sizeof *size);
    return pz_db_read(s, count_all, size, "counting", err);
}

struct oldest {
    uint64_t last; /* the newest transaction */
    struct pz_live_space *space;
};

/* A line of mdb_reader_list: process, thread, transaction ("-": none). */
static int meet_reader(const char *line, void *context)
{
    const struct oldest *of = context;
    unsigned long long txn;
    int pid;

    if (sscanf(line, "%d %*x %llu", &pid, &txn) == 2 && txn < of->last &&
        of->last - txn > of->space->behind) {
        of->space->behind = of->last - txn;
        of->space->pid = pid;
    }
    return 0;
}

static int measure(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct oldest of = { mdb_txn_id(txn), context };
    MDB_envinfo info;
    MDB_stat stat;
    size_t n = 0;
    int rc = mdb_env_info(s->env, &info);

    if (rc == 0)
        rc = mdb_env_stat(s->env, &stat);
    if (rc == 0)
        rc = pz_db_count_free(txn, 0, &n);
    if (rc != 0)
        return rc;
    *of.space = (struct pz_live_space){ .bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize,
                                        .free = n * (uint64_t)stat.ms_psize };
    return mdb_reader_list(s->env, meet_reader, &of) < 0 ? EIO : 0;
}

enum pz_status pz_live_space(struct pz_live_store *s, struct pz_live_space *space,
                             struct pz_err *err)
{
    memset(space, 0, sizeof *space);
    return pz_db_read(s, measure, space, "measuring", err);
}

static int look_through(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    int fd, rc = mdb_env_get_fd(s->env, &fd);

    (void)txn;
    (void)context;
    return rc == 0 ? pz_db_sound(fd) : rc;
}

enum pz_status pz_live_verify(struct pz_live_store *s, struct pz_err *err)
{
    return pz_db_read(s, look_through, NULL, "checking", err);
}

static int hash_file(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    unsigned char piece[16384];
    struct pz_hash *h = pz_hash_new();
    ssize_t n = 0;
    off_t at = 0;
    int fd, rc = h ? mdb_env_get_fd(s->env, &fd) : ENOMEM;

    (void)txn;
    while (rc == 0 && (n = pread(fd, piece, sizeof piece, at)) > 0) {
        pz_hash_add(h, piece, (size_t)n);
        at += n;
    }
    if (rc == 0 && n < 0)
        rc = errno;
    if (h)
        pz_hash_finish(h, context);
    return rc;
}

enum pz_status pz_live_hash(struct pz_live_store *s, char hex[33], struct pz_err *err)
{
    return pz_db_read(s, hash_file, hex, "reading", err);
}
