/* SPDX-License-Identifier: Apache-2.0 */
/* The live store: see live.h. Databases in one LMDB environment:
 *   events     number (8 bytes, big-endian) -> record
 *   owner      'u' and user id, or 's' and session id; NUL; number -> nothing. An event with a user
 *              is the user's; one with a session alone the session's
 *   ids        event id -> number: a repeated event is acknowledged and kept once
 *   sessions   session id -> number of the event that joined it to a user (8 bytes), user id: the first
 *              event that carries both decides
 *   joins      user id, NUL, that number -> session id
 *   forgotten  user id -> nothing
 *   meta       "last" -> the last number given out (numbers of removed events are not used again)
 * A record: i64 time, f64 value, then user, session, item, type, event id, each ended by a NUL.
 * Commits are synced (LMDB's default): when put returns, the events survive a power cut. */
#include "campaign/live.h"

#include <errno.h>
#include <lmdb.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DB_EVENTS, DB_OWNER, DB_IDS, DB_JOINS, DB_SESSIONS, DB_FORGOTTEN, DB_META, N_DBS, ID_MAX = 256 };

struct pz_live_store {
    MDB_env *env;
    MDB_dbi db[N_DBS];
    bool writable;
};

static enum pz_status fail(struct pz_err *err, int rc, const char *what)
{
    return pz_err_set(err, rc == ENOSPC || rc == EIO ? PZ_IO : PZ_TRY_AGAIN, "live store: %s: %s", what,
                      mdb_strerror(rc));
}

static int open_dbs(struct pz_live_store *s)
{
    static const char *const names[N_DBS] = { "events", "owner",    "ids",
                                              "joins",  "sessions", "forgotten", "meta" };
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, s->writable ? 0 : MDB_RDONLY, &txn);

    for (int i = 0; i < N_DBS && rc == 0; i++)
        rc = mdb_dbi_open(txn, names[i], s->writable ? MDB_CREATE : 0, &s->db[i]);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

enum pz_status pz_live_open(const char *dir, bool writable, struct pz_live_store **out,
                            struct pz_err *err)
{
    struct pz_live_store *s = calloc(1, sizeof *s);
    int rc;

    *out = NULL;
    if (!s)
        return pz_err_memory(err, "the live store", sizeof *s);
    s->writable = writable;
    if (writable && mkdir(dir, 0777) != 0 && errno != EEXIST) {
        free(s);
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", dir);
    }
    rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, N_DBS);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, 1024);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, (size_t)1 << 30);
    if (rc == 0)
        rc = mdb_env_open(s->env, dir, MDB_NOTLS | (writable ? 0 : MDB_RDONLY), 0666);
    if (rc == 0)
        rc = open_dbs(s);
    if (rc != 0) {
        pz_live_close(s);
        return fail(err, rc, dir);
    }
    *out = s;
    return PZ_OK;
}

void pz_live_close(struct pz_live_store *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    free(s);
}

static MDB_val value_of(const void *bytes, size_t n)
{
    return (MDB_val){ n, (void *)(uintptr_t)bytes };
}

static void put_number(unsigned char out[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(number >> (56 - 8 * i));
}

static uint64_t get_number(const unsigned char *p)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | p[i];
    return number;
}

enum { KEY_BYTES = ID_MAX + 16 };

/* Keys of joins: id, NUL, number. Returns the length. */
static size_t make_key(unsigned char *key, const char *id, uint64_t number)
{
    size_t n = strlen(id) + 1;

    memcpy(key, id, n);
    put_number(key + n, number);
    return n + 8;
}

/* Keys of owner: who ('u' or 's') before that. */
static size_t make_owner(unsigned char *key, char who, const char *id, uint64_t number)
{
    key[0] = (unsigned char)who;
    return 1 + make_key(key + 1, id, number);
}

static size_t event_owner(unsigned char *key, const struct pz_event *e, uint64_t number)
{
    return e->user_id ? make_owner(key, 'u', e->user_id, number)
                      : make_owner(key, 's', e->session_id, number);
}

/* The user that a session joined and the number of the event that did it; false when it has not. */
static bool joined(struct pz_live_store *s, MDB_txn *txn, const char *session, char user[ID_MAX + 1],
                   uint64_t *number)
{
    MDB_val k = value_of(session, strlen(session)), v;

    if (mdb_get(txn, s->db[DB_SESSIONS], &k, &v) != 0 || v.mv_size < 8 || v.mv_size > ID_MAX + 8)
        return false;
    *number = get_number(v.mv_data);
    memcpy(user, (const char *)v.mv_data + 8, v.mv_size - 8);
    user[v.mv_size - 8] = '\0';
    return true;
}

static int last_number(struct pz_live_store *s, MDB_txn *txn, uint64_t *last)
{
    MDB_val key = value_of("last", 4), data;
    int rc = mdb_get(txn, s->db[DB_META], &key, &data);

    *last = rc == 0 && data.mv_size == 8 ? get_number(data.mv_data) : 0;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int keep_last(struct pz_live_store *s, MDB_txn *txn, uint64_t last)
{
    unsigned char be[8];
    MDB_val key = value_of("last", 4), data = value_of(be, 8);

    put_number(be, last);
    return mdb_put(txn, s->db[DB_META], &key, &data, 0);
}

/* Tie a session to the user of the first event that carries both. */
static int join(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number)
{
    unsigned char key[KEY_BYTES], value[KEY_BYTES];
    size_t n_user = strlen(e->user_id);
    MDB_val k = value_of(e->session_id, strlen(e->session_id)), v = value_of(value, 8 + n_user);
    int rc;

    put_number(value, number);
    memcpy(value + 8, e->user_id, n_user);
    rc = mdb_put(txn, s->db[DB_SESSIONS], &k, &v, MDB_NOOVERWRITE);
    if (rc != 0)
        return rc == MDB_KEYEXIST ? 0 : rc;
    k = value_of(key, make_key(key, e->user_id, number));
    v = value_of(e->session_id, strlen(e->session_id));
    return mdb_put(txn, s->db[DB_JOINS], &k, &v, 0);
}

static size_t pack(const struct pz_event *e, unsigned char *record)
{
    const char *text[] = { e->user_id, e->session_id, e->item_id, e->event_type, e->event_id };
    size_t n = 16;

    memcpy(record, &e->time, 8);
    memcpy(record + 8, &e->value, 8);
    for (int i = 0; i < 5; i++) {
        size_t len = text[i] ? strlen(text[i]) : 0;

        memcpy(record + n, text[i] ? text[i] : "", len + 1);
        n += len + 1;
    }
    return n;
}

static void unpack(const MDB_val *v, struct pz_event *e)
{
    const char *p = (const char *)v->mv_data + 16;
    const char **field[] = { &e->user_id, &e->session_id, &e->item_id, &e->event_type, &e->event_id };

    memcpy(&e->time, v->mv_data, 8);
    memcpy(&e->value, (const char *)v->mv_data + 8, 8);
    for (int i = 0; i < 5; i++) {
        *field[i] = *p ? p : NULL;
        p += strlen(p) + 1;
    }
}

static int put_one(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t *number,
                   size_t *n_new)
{
    unsigned char be[8], key[KEY_BYTES], record[16 + 5 * (ID_MAX + 1)];
    MDB_val k, v, none = value_of("", 0);
    int rc = 0;

    put_number(be, *number + 1);
    v = value_of(be, 8);
    if (e->event_id) {
        k = value_of(e->event_id, strlen(e->event_id));
        rc = mdb_put(txn, s->db[DB_IDS], &k, &v, MDB_NOOVERWRITE);
        if (rc == MDB_KEYEXIST)
            return 0;
    }
    if (rc == 0) {
        k = value_of(be, 8);
        v = value_of(record, pack(e, record));
        rc = mdb_put(txn, s->db[DB_EVENTS], &k, &v, MDB_APPEND);
    }
    if (rc == 0) {
        k = value_of(key, event_owner(key, e, *number + 1));
        rc = mdb_put(txn, s->db[DB_OWNER], &k, &none, 0);
    }
    if (rc == 0 && e->user_id && e->session_id)
        rc = join(s, txn, e, *number + 1);
    if (rc == 0) {
        (*number)++;
        (*n_new)++;
    }
    return rc;
}

static enum pz_status check_event(const struct pz_event *e, struct pz_err *err)
{
    const char *text[] = { e->user_id, e->session_id, e->item_id, e->event_type, e->event_id };
    static const char *const names[] = { "user id", "session id", "item id", "event type", "event id" };

    if (!e->user_id && !e->session_id)
        return pz_err_set(err, PZ_BAD_DATA, "an event needs a user id or a session id");
    if (!e->event_type)
        return pz_err_set(err, PZ_BAD_DATA, "an event needs an event type");
    for (int i = 0; i < 5; i++)
        if (text[i] && (strlen(text[i]) > ID_MAX || !*text[i]))
            return pz_err_set(err, PZ_BAD_DATA, "%s must have 1 to 256 bytes", names[i]);
    return PZ_OK;
}

/* LMDB's map is an upper bound of the file; when it is full, or another process made it larger, adapt
 * and do the transaction again. */
static bool may_retry(struct pz_live_store *s, int rc)
{
    MDB_envinfo info;

    if (rc == MDB_MAP_RESIZED)
        return mdb_env_set_mapsize(s->env, 0) == 0;
    if (rc != MDB_MAP_FULL || mdb_env_info(s->env, &info) != 0)
        return false;
    return mdb_env_set_mapsize(s->env, info.me_mapsize * 2) == 0;
}

static int put_all(struct pz_live_store *s, const struct pz_event *event, size_t n, size_t *n_new,
                   uint64_t *last)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

    *n_new = 0;
    if (rc != 0)
        return rc;
    rc = last_number(s, txn, last);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = put_one(s, txn, &event[i], last, n_new);
    if (rc == 0)
        rc = keep_last(s, txn, *last);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

enum pz_status pz_live_put(struct pz_live_store *s, const struct pz_event *event, size_t n,
                           size_t *n_new, uint64_t *last, struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    int rc;

    for (size_t i = 0; i < n && st == PZ_OK; i++)
        st = check_event(&event[i], err);
    if (st != PZ_OK)
        return st;
    do
        rc = put_all(s, event, n, n_new, last);
    while (rc != 0 && may_retry(s, rc));
    return rc == 0 ? PZ_OK : fail(err, rc, "storing events");
}

static int begin_read(struct pz_live_store *s, MDB_txn **txn)
{
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn);

    if (rc == MDB_MAP_RESIZED && mdb_env_set_mapsize(s->env, 0) == 0)
        rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn);
    return rc;
}

struct numbers {
    uint64_t *v;
    size_t n, cap;
};

/* Numbers above `after` of one user ('u') or session ('s'). */
static int collect(struct pz_live_store *s, MDB_txn *txn, char who, const char *id, uint64_t after,
                   struct numbers *list)
{
    unsigned char key[KEY_BYTES], first[KEY_BYTES];
    size_t n = make_owner(key, who, id, after + 1);
    MDB_cursor *c;
    MDB_val k = value_of(key, n), v;
    int rc = mdb_cursor_open(txn, s->db[DB_OWNER], &c);

    if (rc != 0)
        return rc;
    memcpy(first, key, n);
    for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == n && memcmp(k.mv_data, first, n - 8) == 0;
         rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
        if (!pz_mem_grow(&list->v, &list->cap, list->n + 1, sizeof *list->v)) {
            rc = ENOMEM;
            break;
        }
        list->v[list->n++] = get_number((const unsigned char *)k.mv_data + n - 8);
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Call fn for every session that joined the user. fn may delete what the cursor stands on. */
typedef int session_fn(struct pz_live_store *s, MDB_txn *txn, MDB_cursor *c, const char *session,
                       uint64_t number, void *context);

static int each_session(struct pz_live_store *s, MDB_txn *txn, const char *user, session_fn *fn,
                        void *context)
{
    unsigned char key[KEY_BYTES];
    size_t n = make_key(key, user, 0);
    MDB_cursor *c;
    MDB_val k = value_of(key, n), v;
    int rc = mdb_cursor_open(txn, s->db[DB_JOINS], &c);

    if (rc != 0)
        return rc;
    for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == n && memcmp(k.mv_data, user, n - 8) == 0;
         rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
        char session[ID_MAX + 1];

        memcpy(session, v.mv_data, v.mv_size);
        session[v.mv_size] = '\0';
        rc = fn(s, txn, c, session, get_number((const unsigned char *)k.mv_data + n - 8), context);
        if (rc != 0)
            break;
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

struct collection {
    uint64_t after;
    struct numbers *list;
};

/* A session that joined later than `after` is new to whoever asks: all its events are. */
static int collect_session(struct pz_live_store *s, MDB_txn *txn, MDB_cursor *c, const char *session,
                           uint64_t number, void *context)
{
    struct collection *of = context;

    (void)c;
    return collect(s, txn, 's', session, number > of->after ? 0 : of->after, of->list);
}

/* The user's own events, those of sessions that joined him, and, as a session id serves as a user id
 * until it joins somebody, those of a session of that name. */
static int collect_user(struct pz_live_store *s, MDB_txn *txn, const char *user, uint64_t after,
                        struct numbers *list)
{
    struct collection of = { after, list };
    char owner[ID_MAX + 1];
    uint64_t number;
    int rc = collect(s, txn, 'u', user, after, list);

    if (rc == 0)
        rc = each_session(s, txn, user, collect_session, &of);
    if (rc == 0 && !joined(s, txn, user, owner, &number))
        rc = collect(s, txn, 's', user, after, list);
    return rc;
}

static int by_number(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

    return a < b ? -1 : a > b;
}

static const char *keep(struct pz_arena *arena, const char *s, bool *failed)
{
    const char *copy = s ? pz_arena_strndup(arena, s, strlen(s)) : NULL;

    *failed |= s && !copy;
    return copy;
}

static int read_events(struct pz_live_store *s, MDB_txn *txn, const struct numbers *list,
                       struct pz_arena *arena, struct pz_live *live)
{
    struct pz_live_event *out = pz_arena_take(arena, list->n * sizeof *out + 8);
    bool failed = !out;
    int rc = 0;

    for (size_t i = 0; i < list->n && rc == 0 && !failed; i++) {
        unsigned char be[8];
        MDB_val k = value_of(be, 8), v;
        struct pz_event e;

        put_number(be, list->v[i]);
        rc = mdb_get(txn, s->db[DB_EVENTS], &k, &v);
        if (rc != 0)
            break;
        unpack(&v, &e);
        out[i] = (struct pz_live_event){ .item_id = keep(arena, e.item_id, &failed),
                                         .event_type = keep(arena, e.event_type, &failed),
                                         .value = e.value,
                                         .time = e.time,
                                         .number = list->v[i] };
    }
    live->event = out;
    live->n_events = list->n;
    return failed ? ENOMEM : rc;
}

enum pz_status pz_live_read(struct pz_live_store *s, const char *user_id, uint64_t after,
                            struct pz_arena *arena, struct pz_live *live, struct pz_err *err)
{
    struct numbers list = { NULL, 0, 0 };
    MDB_val k = value_of(user_id, strlen(user_id)), v;
    MDB_txn *txn;
    int rc;

    memset(live, 0, sizeof *live);
    if (k.mv_size == 0 || k.mv_size > ID_MAX)
        return PZ_OK;
    rc = begin_read(s, &txn);
    if (rc != 0)
        return fail(err, rc, "reading events");
    live->forgotten = mdb_get(txn, s->db[DB_FORGOTTEN], &k, &v) == 0;
    rc = collect_user(s, txn, user_id, after, &list);
    if (rc == 0) {
        if (list.n > 1)
            qsort(list.v, list.n, sizeof *list.v, by_number);
        rc = read_events(s, txn, &list, arena, live);
    }
    mdb_txn_abort(txn);
    free(list.v);
    return rc == 0 ? PZ_OK : fail(err, rc, "reading events");
}

/* Whether an event is news to one who has all up to `after`, and whose it is: events of a session that
 * joined its user later than that are. user: where the user's id goes. */
static bool is_news(struct pz_live_store *s, MDB_txn *txn, uint64_t number, uint64_t after,
                    struct pz_event *e, char user[ID_MAX + 1])
{
    uint64_t since = 0;

    if (!e->user_id && e->session_id && joined(s, txn, e->session_id, user, &since))
        e->user_id = user;
    return number > after || since > after;
}

enum pz_status pz_live_each(struct pz_live_store *s, uint64_t after, pz_live_fn *fn, void *context,
                            struct pz_err *err)
{
    char user[ID_MAX + 1];
    MDB_val k, v;
    MDB_cursor *c = NULL;
    MDB_txn *txn;
    enum pz_status st = PZ_OK;
    int rc = begin_read(s, &txn);

    if (rc != 0)
        return fail(err, rc, "reading events");
    rc = mdb_cursor_open(txn, s->db[DB_EVENTS], &c);
    for (rc = rc ? rc : mdb_cursor_get(c, &k, &v, MDB_FIRST); rc == 0 && st == PZ_OK;
         rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
        uint64_t number = get_number(k.mv_data);
        struct pz_event e;

        unpack(&v, &e);
        if (is_news(s, txn, number, after, &e, user))
            st = fn(context, number, &e, err);
    }
    if (c)
        mdb_cursor_close(c);
    mdb_txn_abort(txn);
    return st != PZ_OK || rc == 0 || rc == MDB_NOTFOUND ? st : fail(err, rc, "reading events");
}

enum pz_status pz_live_last(struct pz_live_store *s, uint64_t *last, uint64_t *count,
                            struct pz_err *err)
{
    MDB_stat stat;
    MDB_txn *txn;
    int rc = begin_read(s, &txn);

    *last = *count = 0;
    if (rc != 0)
        return fail(err, rc, "reading events");
    rc = last_number(s, txn, last);
    if (rc == 0)
        rc = mdb_stat(txn, s->db[DB_EVENTS], &stat);
    if (rc == 0)
        *count = stat.ms_entries;
    mdb_txn_abort(txn);
    return rc == 0 ? PZ_OK : fail(err, rc, "reading events");
}

/* Remove one event and its index entry; the event id stays, so that a late repeat is not stored. */
static int remove_event(struct pz_live_store *s, MDB_txn *txn, uint64_t number)
{
    unsigned char be[8], key[KEY_BYTES];
    MDB_val k = value_of(be, 8), v;
    struct pz_event e;
    int rc;

    put_number(be, number);
    rc = mdb_get(txn, s->db[DB_EVENTS], &k, &v);
    if (rc != 0)
        return rc;
    unpack(&v, &e);
    k = value_of(key, event_owner(key, &e, number));
    rc = mdb_del(txn, s->db[DB_OWNER], &k, NULL);
    k = value_of(be, 8);
    return rc == 0 ? mdb_del(txn, s->db[DB_EVENTS], &k, NULL) : rc;
}

static int remove_session(struct pz_live_store *s, MDB_txn *txn, MDB_cursor *c, const char *session,
                          uint64_t number, void *context)
{
    MDB_val k = value_of(session, strlen(session));
    int rc = mdb_del(txn, s->db[DB_SESSIONS], &k, NULL);

    (void)number;
    (void)context;
    return rc == 0 || rc == MDB_NOTFOUND ? mdb_cursor_del(c, 0) : rc;
}

static int forget_all(struct pz_live_store *s, const char *user_id, uint64_t *n_removed)
{
    struct numbers list = { NULL, 0, 0 };
    MDB_val k = value_of(user_id, strlen(user_id)), none = value_of("", 0);
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

    if (rc != 0)
        return rc;
    rc = collect_user(s, txn, user_id, 0, &list);
    for (size_t i = 0; i < list.n && rc == 0; i++)
        rc = remove_event(s, txn, list.v[i]);
    if (rc == 0)
        rc = each_session(s, txn, user_id, remove_session, NULL);
    if (rc == 0)
        rc = mdb_put(txn, s->db[DB_FORGOTTEN], &k, &none, 0);
    *n_removed = list.n;
    free(list.v);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

enum pz_status pz_live_forget(struct pz_live_store *s, const char *user_id, uint64_t *n_removed,
                              struct pz_err *err)
{
    int rc;

    if (!*user_id || strlen(user_id) > ID_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "a user id must have 1 to 256 bytes");
    do
        rc = forget_all(s, user_id, n_removed);
    while (rc != 0 && may_retry(s, rc));
    return rc == 0 ? PZ_OK : fail(err, rc, "forgetting");
}
