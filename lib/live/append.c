/* SPDX-License-Identifier: Apache-2.0 */
/* Putting events into the store: see store.h. One transaction gives every new event the next
 * number and writes its record, its place under its owner, its event id, and the session that it
 * joins to its user; the owner's digest follows now and then.
 *
 * An event whose id was taken before is passed over; the first event that carries both a session
 * and a user ties the two for ever. Numbers are never used again, also when events go. A
 * transaction may be run again from its start (db.h): nothing outside it changes before it is
 * durable. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"
#include "live/digest.h"
#include "live/hosts/shared.h"
#include "live/ids.h"

enum pz_status pz_live_check(const struct pz_event *e, struct pz_err *err)
{
    static const char *const names[PZ_LIVE_N_TEXTS] = { "user id",    "session id",
                                                        "item id",    "event type",
                                                        "event id",   "recommendation id",
                                                        "impression", "properties" };
    struct pz_event copy = *e;

    if (!e->user_id && !e->session_id)
        return pz_err_set(err, PZ_BAD_DATA, "an event needs a user id or a session id");
    if (!e->event_type)
        return pz_err_set(err, PZ_BAD_DATA, "an event needs an event type");
    for (int i = 0; i < PZ_LIVE_N_TEXTS; i++) {
        const char *text = *pz_live_text(&copy, i);
        /* The first six are ids and types; impressions and properties may be long. */
        size_t most = i < 6 ? PZ_LIVE_ID_MAX : PZ_LIVE_TEXT_MAX;

        if (text && (!*text || strlen(text) > most))
            return pz_err_set(err, PZ_BAD_DATA, "%s must have 1 to %zu bytes", names[i], most);
    }
    return PZ_OK;
}

int pz_live_join(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e, uint64_t number)
{
    unsigned char key[PZ_LIVE_KEY_BYTES], value[PZ_LIVE_KEY_BYTES];
    size_t n_user = strlen(e->user_id), n_session = strlen(e->session_id);
    int rc;

    pz_db_put_number(value, number);
    memcpy(value + 8, e->user_id, n_user);
    /* Whoever signs in first owns the session: a shared device must not move what was seen to the
     * next user. */
    rc = pz_db_put(s, txn, PZ_DB_SESSIONS, e->session_id, n_session, value, 8 + n_user,
                   MDB_NOOVERWRITE);
    if (rc != 0)
        return rc == MDB_KEYEXIST ? 0 : rc;
    return pz_db_put(s, txn, PZ_DB_JOINS, key, pz_live_join_key(key, e->user_id, number),
                     e->session_id, n_session, 0);
}

static int put_owner(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                     uint64_t number)
{
    unsigned char key[PZ_LIVE_KEY_BYTES];

    return pz_db_put(s, txn, PZ_DB_OWNER, key, pz_live_owner_key(key, e, number), NULL, 0, 0);
}

/* All of an event but its id and owner. */
static int put_record(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                      uint64_t number)
{
    int rc = pz_live_add_record(s, txn, number, e);

    return rc == 0 && e->user_id && e->session_id ? pz_live_join(s, txn, e, number) : rc;
}

int pz_live_put_one(struct pz_live_store *s, MDB_txn *txn, const struct pz_event *e,
                    uint64_t number, int64_t at, int64_t oldest, enum pz_live_fate *fate)
{
    struct pz_claiming of = { e, 1, number - 1, at, oldest, fate };
    int rc;

    *fate = PZ_LIVE_STORED;
    rc = pz_ids_claim(s, txn, &of);
    if (rc == 0 && *fate == PZ_LIVE_STORED)
        rc = put_owner(s, txn, e, number);
    if (rc == 0 && *fate == PZ_LIVE_STORED)
        rc = put_record(s, txn, e, number);
    return rc == 0 && *fate == PZ_LIVE_STORED ? pz_digest_follow(s, txn, e, number) : rc;
}

struct putting {
    const struct pz_event *event;
    size_t n;
    enum pz_live_fate *fate; /* [n] */
    uint64_t last;
};

struct numbered {
    const struct pz_event *e;
    uint64_t number;
};

/* In the order of the keys of owner, nearly; pages are filled one after the other then. */
static int by_owner(const void *x, const void *y)
{
    const struct numbered *a = x, *b = y;
    const char *who = a->e->user_id ? a->e->user_id : a->e->session_id,
               *other = b->e->user_id ? b->e->user_id : b->e->session_id;
    int order = strcmp(who, other);

    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static int put_stored(struct pz_live_store *s, MDB_txn *txn, struct putting *to)
{
    struct numbered *list = pz_mem_array(to->n, sizeof *list);
    size_t n = 0;
    int rc = list ? 0 : ENOMEM;

    for (size_t i = 0; i < to->n && rc == 0; i++)
        if (to->fate[i] ==
            PZ_LIVE_STORED) { /* numbers have no gaps: only what is stored takes one */
            list[n++] = (struct numbered){ &to->event[i], ++to->last };
            rc = put_record(s, txn, &to->event[i], to->last);
        }
    if (rc == 0 && n > 1)
        qsort(list, n, sizeof *list, by_owner);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = put_owner(s, txn, list[i].e, list[i].number);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = pz_digest_follow(s, txn, list[i].e, list[i].number);
    free(list);
    return rc;
}

/* New events get the next numbers. */
static int put_all(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct putting *to = context;
    struct pz_claiming of = { to->event, to->n, 0, pz_time_now(), INT64_MIN, to->fate };
    int rc = pz_db_next(s, txn, &to->last);

    for (size_t i = 0; i < to->n; i++)
        to->fate[i] = pz_live_check(&to->event[i], NULL) == PZ_OK ? PZ_LIVE_STORED
                                                                  : PZ_LIVE_REFUSED;
    of.last = to->last;
    if (rc == 0) /* all at once: by the order of their hashes, each page is written once */
        rc = pz_ids_claim(s, txn, &of);
    if (rc == 0)
        rc = put_stored(s, txn, to);
    return rc == 0 ? pz_db_put_meta(s, txn, "last", to->last) : rc;
}

enum pz_status pz_live_put_each(struct pz_live_store *s, const struct pz_event *event, size_t n,
                                enum pz_live_fate *fate, uint64_t *last, struct pz_err *err)
{
    /* One durable commit for all of them: its fsync is nearly all of the cost of a put. */
    struct putting to = { event, n, fate, 0 };
    enum pz_status st = PZ_OK;

    if (!atomic_load(&s->follows))
        st = pz_db_write(s, put_all, &to, "storing events", err);
    if (atomic_load(&s->follows)) /* since a moment ago, perhaps: nothing was stored then */
        return pz_shared_put_events(s, event, n, fate, last, err);
    *last = to.last;
    return st;
}

static enum pz_status check_all(const struct pz_event *event, size_t n, enum pz_live_fate **fate,
                                struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    *fate = NULL;
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        st = pz_live_check(&event[i], err);
    if (st == PZ_OK && !(*fate = pz_mem_array(n, sizeof **fate)))
        st = pz_err_memory(err, "events", (double)n);
    return st;
}

enum pz_status pz_live_put(struct pz_live_store *s, const struct pz_event *event, size_t n,
                           size_t *n_new, uint64_t *last, struct pz_err *err)
{
    enum pz_live_fate *fate;
    enum pz_status st = check_all(event, n, &fate, err);

    *n_new = 0;
    if (st == PZ_OK)
        st = pz_live_put_each(s, event, n, fate, last, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++)
        *n_new += fate[i] == PZ_LIVE_STORED;
    free(fate);
    return st;
}
