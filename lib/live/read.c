/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the events of one user: see store.h. Whose events they are, the user's own and those of
 * sessions that joined, is found first; then the rows of digests (digest.c) and, backwards, the
 * events behind them.
 *
 * A row stands for events of which some may not be wanted: those that the model has, or later ones
 * than a page knows. It is used where that makes no difference; else the user is read again, event
 * by event. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "live/digest_cache.h"
#include "live/ids.h"

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

/* The ids of an impression. */
static void keep_shown(struct pz_arena *arena, const char *impression, struct pz_live_event *out,
                       bool *failed)
{
    const char **list;
    size_t n = 1;

    for (const char *p = impression; p && (p = strchr(p, '|')); p++)
        n++;
    list = impression ? pz_arena_take(arena, n * sizeof *list) : NULL;
    *failed |= impression && !list;
    for (const char *p = impression; list && p;) {
        size_t len = strcspn(p, "|");

        list[out->n_shown] = pz_arena_strndup(arena, p, len);
        *failed |= !list[out->n_shown++];
        p = p[len] ? p + len + 1 : NULL;
    }
    out->shown = list;
}

/* Go to a number; where the walk stands on the next one, the one before it is likely it. */
static int find_number(struct pz_walk *w, uint64_t number, bool is_before)
{
    unsigned char be[8] = { 0 };

    if (is_before && pz_walk_next(w) && w->key.mv_size == 8 &&
        pz_db_get_number(w->key.mv_data) == number)
        return 0;
    pz_db_put_number(be, number);
    return pz_walk_to(w, be, 8);
}

/* Types are few: that of the event read before is likely this one's. */
static const char *keep_type(struct pz_arena *arena, const char *type,
                             const struct pz_live_event *before, bool *failed)
{
    if (before && type && before->event_type && strcmp(before->event_type, type) == 0)
        return before->event_type;
    return keep(arena, type, failed);
}

/* One event into *out; in_full: with its impression; properties: with them. before: the one read
 * before; NULL: none. */
static int read_one(struct pz_walk *w, uint64_t number, bool in_full, bool properties,
                    struct pz_arena *arena, const struct pz_live_event *before,
                    struct pz_live_event *out)
{
    struct pz_event e;
    bool failed = false;
    int rc = find_number(w, number, before && before->number == number + 1);

    if (rc == 0)
        rc = pz_live_read_record(&w->value, &e);
    if (rc != 0)
        return rc;
    *out = (struct pz_live_event){ .item_id = keep(arena, e.item_id, &failed),
                                   .event_type = keep_type(arena, e.event_type, before, &failed),
                                   .value = e.value,
                                   .time = e.time,
                                   .number = number };
    if (properties)
        out->properties = keep(arena, e.properties, &failed);
    if (in_full)
        keep_shown(arena, e.impression, out, &failed);
    return failed ? ENOMEM : 0;
}

/* Backwards, into out[list->n], as the newest matter most; older is whether the properties of more
 * than those are wanted. */
static int read_events(struct pz_live_store *s, MDB_txn *txn, const struct pz_numbers *list,
                       bool older, struct pz_arena *arena, struct pz_live_event *out)
{
    size_t bytes = 0;
    struct pz_walk w;
    int rc = 0;

    pz_walk_back(&w, s, txn, PZ_DB_EVENTS, NULL, 0);
    for (size_t i = list->n; i-- > 0 && rc == 0;) {
        bool in_full = list->n - i <= PZ_LIVE_SHOWN_MAX;

        rc = read_one(&w, list->v[i], in_full, in_full || (older && bytes < PZ_LIVE_READ_BYTES),
                      arena, i + 1 < list->n ? &out[i + 1] : NULL, &out[i]);
        if (rc == 0 && !in_full && out[i].properties)
            bytes += strlen(out[i].properties);
    }
    pz_walk_end(&w);
    return rc;
}

/* Ascending: those of one user come the newest first, of several sessions anyhow. */
static void put_in_order(struct pz_numbers *list)
{
    size_t n = list->n, i = 1;

    while (i < n && list->v[i] < list->v[i - 1])
        i++;
    if (i < n) {
        qsort(list->v, n, sizeof *list->v, by_number);
        return;
    }
    for (i = 0; i < n / 2; i++) {
        uint64_t other = list->v[n - 1 - i];

        list->v[n - 1 - i] = list->v[i];
        list->v[i] = other;
    }
}

/* A user or session with a digest, whose events with numbers above `after` are wanted. */
struct owner {
    char who, id[PZ_LIVE_ID_MAX + 1];
    uint64_t after, stamp;
    struct pz_digest_whole *whole; /* NULL: not got yet */
};

struct reading {
    const char *user_id;
    const struct pz_live_want *want;
    uint64_t after;
    bool each;      /* digests are passed over */
    bool anew;      /* tails are */
    bool unclear;   /* a row of a digest cannot say what is wanted */
    int64_t latest; /* what is dated later is no time (history.c) */
    struct pz_numbers list;
    struct owner *owner; /* [n] */
    size_t n, cap;
    struct pz_digest_tail tail; /* events before those of the list, of the last owner */
    size_t n_met;               /* owners that have any */
    struct pz_arena *arena;
    struct pz_live *live;
};

/* Note the owner's digest, if there is one that has anything wanted; *after: to where it goes. */
static int look_at_digest(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                          uint64_t *after, struct reading *to)
{
    struct pz_digest_about d;
    struct owner *o;
    int rc = pz_digest_look(s, txn, who, id, &d);

    if (rc != 0 || d.upto <= *after)
        return rc;
    if (!pz_mem_grow(&to->owner, &to->cap, to->n + 1, sizeof *to->owner))
        return ENOMEM;
    o = &to->owner[to->n++];
    o->who = who;
    o->after = *after;
    o->stamp = d.stamp;
    o->whole = NULL;
    memcpy(o->id, id, strlen(id) + 1);
    *after = d.upto;
    return 0;
}

/* Where the owner's digest is in memory with events behind it: those behind them are left to read.
 * The last of them is read, too: where it is not there, the store is another, or an older one. */
static int look_at_kept(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                        uint64_t after, struct reading *to, bool *done)
{
    size_t n_list = to->list.n, n_owners = to->n;
    struct pz_digest_whole *whole;
    struct pz_digest_tail tail;
    uint64_t last = 0;
    int rc = pz_digest_take(s, who, id, to->want, to->arena, to->live, &whole, &tail);

    if (rc != 0 || !whole)
        return rc;
    rc = look_at_digest(s, txn, who, id, &after, to);
    if (rc == 0 && to->n > n_owners && to->owner[to->n - 1].stamp == whole->stamp) {
        last = tail.event[tail.n - 1].number;
        rc = pz_live_owned(s, txn, who, id, last - 1, UINT64_MAX, SIZE_MAX, &to->list);
    }
    *done = rc == 0 && to->list.n > n_list && to->list.v[to->list.n - 1] == last;
    if (*done) {
        to->list.n--;
        to->owner[to->n - 1].whole = whole;
        to->tail = tail;
    } else {
        to->list.n = n_list;
        to->n = n_owners;
    }
    return rc;
}

/* What is to be read of one owner: the newest events, and if they are many, the digest and those
 * between. */
static int look_at_owned(struct pz_live_store *s, MDB_txn *txn, char who, const char *id,
                         uint64_t after, void *context)
{
    struct reading *to = context;
    size_t before = to->list.n, most = to->want->most ? to->want->most : SIZE_MAX;
    bool done = false;
    int rc = to->each || to->anew ? 0 : look_at_kept(s, txn, who, id, after, to, &done);

    if (rc == 0 && !done)
        rc = pz_live_owned(s, txn, who, id, after, UINT64_MAX, to->each ? most : PZ_DIGEST_KEPT,
                           &to->list);
    to->n_met += done || to->list.n > before;
    if (rc != 0 || done || to->each || to->list.n - before < PZ_DIGEST_KEPT)
        return rc;
    rc = look_at_digest(s, txn, who, id, &after, to);
    return rc == 0 ? pz_live_owned(s, txn, who, id, after, to->list.v[to->list.n - 1], SIZE_MAX,
                                   &to->list)
                   : rc;
}

/* What rows can say of what is wanted. */
struct saying {
    uint64_t after, upto; /* wanted numbers */
    int64_t latest;
    enum pz_live_detail detail;
};

/* Of a row that began before what is wanted, it is known that its last event is wanted, but not how
 * many are, nor which was the earliest. */
static bool can_say(const struct saying *s, const struct pz_digest_piece *piece, size_t row)
{
    bool partly = piece->head->base + piece->number[row][0] <= s->after,
         mixed = pz_digest_mixed(piece->number[row]);

    return pz_digest_last(piece, row) <= s->upto && piece->fact[row].time <= s->latest &&
           (!partly || (!mixed && !(s->detail & (PZ_LIVE_COUNTS | PZ_LIVE_ENDS)))) &&
           (!mixed || !(s->detail & PZ_LIVE_PAIRS)) &&
           (piece->fact[row].before != UINT32_MAX || !(s->detail & PZ_LIVE_ENDS));
}

/* Whether all rows of a piece can say what is wanted, and are of what is wanted alone. */
static bool all_can(const struct saying *s, const struct pz_digest_head *h)
{
    return h->base > s->after && h->last <= s->upto && h->latest <= s->latest &&
           !(s->detail & (PZ_LIVE_PAIRS | PZ_LIVE_ENDS) & ~h->says);
}

static void note_newest(struct pz_live *live, int64_t time, uint64_t last)
{
    live->run_time = time > live->run_time ? time : live->run_time;
    live->run_last = last > live->run_last ? last : live->run_last;
}

/* Some rows of one group, one behind the other. */
struct part {
    size_t n;
    const struct pz_live_fact *fact;
    const double (*value)[2]; /* NULL: they have none */
    const uint16_t *ref;
};

/* Leave of a group what is wanted, in a copy. to->unclear: they cannot say it. False: memory. */
static bool pick_rows(struct reading *to, const struct saying *s,
                      const struct pz_digest_piece *piece, size_t from, struct part *part)
{
    struct pz_live_fact *fact = pz_arena_take(to->arena, part->n * sizeof *fact);
    double(*value)[2] = pz_arena_take(to->arena, part->value ? part->n * sizeof *value : 0);
    uint16_t *ref = pz_arena_take(to->arena, part->n * sizeof *ref);
    size_t n = 0;

    if (!fact || !value || !ref)
        return false;
    for (size_t i = 0; i < part->n && !to->unclear; i++) {
        uint64_t last = pz_digest_last(piece, from + i);

        if (last <= s->after)
            continue;
        to->unclear = !can_say(s, piece, from + i);
        note_newest(to->live, part->fact[i].time, last);
        fact[n] = part->fact[i];
        ref[n] = part->ref[i];
        if (part->value)
            memcpy(value[n], part->value[i], sizeof *value);
        n++;
    }
    *part = (struct part){ n, fact, part->value ? (const void *)value : NULL, ref };
    return true;
}

/* Rows of a group become a run. */
static int add_run(struct reading *to, const struct pz_digest_items *items, const char *type,
                   const struct part *part)
{
    struct pz_live_run *run = pz_arena_take(to->arena, sizeof *run);

    if (!run)
        return ENOMEM;
    *run = (struct pz_live_run){ .event_type = *type ? type : NULL,
                                 .n = part->n,
                                 .fact = part->fact,
                                 .value = part->value,
                                 .ref = part->ref,
                                 .item = items->item,
                                 .item_id = items->id,
                                 .next = to->live->run };
    to->live->run = run;
    return 0;
}

/* The rows of a piece of a digest of which those after a number are wanted. */
static int add_rows(struct reading *to, const struct pz_digest_items *items, uint64_t after)
{
    const struct pz_digest_piece *piece = &items->piece;
    const struct pz_digest_head *h = piece->head;
    const struct saying saying = { .after = after,
                                   .upto = to->want->upto ? to->want->upto : UINT64_MAX,
                                   .latest = to->latest,
                                   .detail = to->want->detail };
    bool all = all_can(&saying, h);
    size_t row = 0, value = 0;
    int rc = 0;

    if (h->last <= after)
        return 0;
    for (uint32_t g = 0; g < h->n_groups && rc == 0 && !to->unclear; g++) {
        const struct pz_digest_group *group = &piece->group[g];
        bool valued = group->type & 1;
        struct part part = { group->n, piece->fact + row, valued ? piece->value + value : NULL,
                             piece->ref + row };

        if (!all && !pick_rows(to, &saying, piece, row, &part))
            return ENOMEM;
        if (part.n > 0)
            rc = add_run(to, items, piece->text + group->type / 2, &part);
        row += group->n;
        value += valued ? group->n : 0;
    }
    if (all)
        note_newest(to->live, h->latest, h->last);
    return rc;
}

static int read_digests(struct pz_live_store *s, MDB_txn *txn, struct reading *to)
{
    int rc = 0;

    for (size_t i = to->n; i-- > 0 && rc == 0;) {
        struct owner *o = &to->owner[i];

        if (!o->whole)
            rc = pz_digest_get(s, txn, o->who, o->id, o->stamp, to->want, to->arena, to->live,
                               &o->whole);
        for (const struct pz_digest_items *p = rc == 0 ? o->whole->piece : NULL;
             p && rc == 0 && !to->unclear; p = p->next)
            rc = add_rows(to, p, o->after);
    }
    return rc;
}

/* Numbers above the wanted ones do not count; then the newest of the user and of all sessions. */
static void cut_list(struct pz_numbers *list, const struct pz_live_want *want)
{
    while (want->upto && list->n > 0 && list->v[list->n - 1] > want->upto)
        list->n--;
    if (want->most && list->n > want->most) {
        memmove(list->v, list->v + (list->n - want->most), want->most * sizeof *list->v);
        list->n = want->most;
    }
}

/* Nothing is read yet; whether the user is forgotten is known. */
static void begin(struct pz_live *live)
{
    pz_live_release(live);
    live->event = NULL;
    live->n_events = 0;
    live->run = NULL;
    live->run_time = INT64_MIN;
    live->run_last = 0;
}

/* What is to be read of all owners. A tail has the events of one alone, up to now. */
static int look_at_all(struct pz_live_store *s, MDB_txn *txn, struct reading *to)
{
    int rc = 0;

    to->anew = to->want->upto > 0;
    do {
        begin(to->live);
        to->list.n = to->n = to->n_met = to->tail.n = 0;
        rc = pz_live_each_owner(s, txn, to->user_id, to->after, look_at_owned, to);
        to->anew = rc == 0 && to->tail.n > 0 && to->n_met > 1;
    } while (to->anew);
    put_in_order(&to->list);
    cut_list(&to->list, to->want);
    return rc;
}

/* What those before the newest have in memory, as they were among these once. */
static void leave_out(struct pz_live_event *e, size_t n)
{
    for (size_t i = 0; i + PZ_LIVE_SHOWN_MAX < n; i++) {
        e[i].n_shown = 0;
        e[i].properties = NULL;
    }
}

static int read_owned(struct pz_live_store *s, MDB_txn *txn, struct reading *to)
{
    struct pz_live *live = to->live;
    struct pz_live_event *out = NULL;
    int rc = look_at_all(s, txn, to);
    size_t n_tail = to->tail.n, n = n_tail + to->list.n;

    to->unclear = false;
    if (rc == 0 && !(out = pz_arena_take(to->arena, n * sizeof *out + 8)))
        rc = ENOMEM;
    if (rc == 0)
        rc = read_digests(s, txn, to);
    if (rc != 0 || to->unclear)
        return rc;
    rc = read_events(s, txn, &to->list, to->want->detail & PZ_LIVE_EACH, to->arena, out + n_tail);
    if (rc != 0)
        return rc;
    if (!to->each && !to->want->upto && to->n == 1 && to->n_met == 1)
        pz_digest_keep(to->owner[0].whole, to->want, out + n_tail, to->list.n);
    if (n_tail > 0) {
        memcpy(out, to->tail.event, n_tail * sizeof *out);
        leave_out(out, n);
    }
    live->event = out;
    live->n_events = n;
    return 0;
}

static int read_user(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct reading *to = context;
    int rc = pz_ids_is_forgotten(s, txn, to->user_id, &to->live->forgotten);

    to->after = to->live->forgotten ? 0 : to->want->after;
    to->each = to->want->detail & PZ_LIVE_EACH || to->want->most > 0;
    if (rc == 0)
        rc = read_owned(s, txn, to);
    if (rc == 0 && to->unclear) {
        to->each = true;
        rc = read_owned(s, txn, to);
    }
    return rc;
}

enum pz_status pz_live_read_as(struct pz_live_store *s, const char *user_id,
                               const struct pz_live_want *want, struct pz_arena *arena,
                               struct pz_live *live, struct pz_err *err)
{
    struct reading to = {
        .user_id = user_id, .want = want, .latest = pz_time_latest(), .arena = arena, .live = live
    };
    size_t n = strlen(user_id);
    enum pz_status st;

    live->held = NULL;
    begin(live);
    live->forgotten = false;
    if (n == 0 || n > PZ_LIVE_ID_MAX)
        return PZ_OK;
    st = pz_db_read(s, read_user, &to, "reading events", err);
    free(to.list.v);
    free(to.owner);
    return st;
}

enum pz_status pz_live_read(struct pz_live_store *s, const char *user_id, uint64_t after,
                            struct pz_arena *arena, struct pz_live *live, struct pz_err *err)
{
    const struct pz_live_want want = { .after = after, .detail = PZ_LIVE_EACH };

    return pz_live_read_as(s, user_id, &want, arena, live, err);
}
