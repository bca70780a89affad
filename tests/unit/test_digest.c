/* SPDX-License-Identifier: Apache-2.0 */
/* Digests: what a query reads of a busy user against the events one by one, through everything that
 * stores and removes events. */
#include <math.h>
#include <unistd.h>

#include "base/rng.h"
#include "live/db.h"
#include "live/records.h"
#include "live/store.h"
#include "tests/unit/unit.h"

enum { N_ITEMS = 60, N_TYPES = 3, N_KINDS = (N_ITEMS + 1) * N_TYPES * 2 };

static char dir[64];

static struct pz_live_store *open_store(void)
{
    struct pz_live_store *s = NULL;

    snprintf(dir, sizeof dir, "/tmp/pz-digest.XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(pz_live_open(dir, true, &s, NULL), PZ_OK);
    return s;
}

static void remove_store(struct pz_live_store *s)
{
    char path[96];
    const char *name[] = { "data.mdb", "lock.mdb" };

    pz_live_close(s);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, name[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static uint64_t below(struct pz_rng *rng, uint64_t n)
{
    return pz_rng_below(rng, (uint32_t)n);
}

/* ---- random events ---- */

/* Item 0 is none. */
static void put_some(struct pz_live_store *s, struct pz_rng *rng, size_t n)
{
    static const char *const types[N_TYPES] = { "buy", "click", "view" };
    enum { MOST = 700 };
    static char item[MOST][16];
    struct pz_event e[MOST];
    enum pz_live_fate fate[MOST];
    uint64_t last;

    for (size_t i = 0; i < n; i++) {
        uint64_t who = below(rng, 20), k = below(rng, N_ITEMS + 1);

        snprintf(item[i], sizeof item[i], "item%02d", (int)k);
        e[i] = (struct pz_event){ .user_id = who < 12   ? "busy"
                                             : who < 14 ? "other"
                                                        : NULL,
                                  .session_id = who >= 14 || who == 0 ? "session" : NULL,
                                  .item_id = k ? item[i] : NULL,
                                  .event_type = types[below(rng, N_TYPES)],
                                  .value = below(rng, 2) ? NAN : (double)below(rng, 6),
                                  .time = 1700000000 + (int64_t)below(rng, 1000) };
    }
    assert_int_equal(pz_live_put_each(s, e, n, fate, &last, NULL), PZ_OK);
}

/* ---- what is known of each kind ---- */

struct kind {
    uint64_t n;
    int64_t time, early;
    double value, least;
    bool pair; /* an event that is later than SOME_TIME and larger than SOME_VALUE */
};

enum { SOME_TIME = 1700000950, SOME_VALUE = 4 }; /* few events have both */

static size_t kind_of(const struct pz_live_event *e)
{
    size_t item = e->item_id ? (size_t)atoi(e->item_id + 4) : 0, type = *e->event_type == 'b'   ? 0
                                                                        : *e->event_type == 'c' ? 1
                                                                                                : 2;

    return (item * N_TYPES + type) * 2 + (isnan(e->value) ? 0 : 1);
}

static void note(struct kind *k, const struct pz_live_event *e, uint64_t times)
{
    k->time = k->n == 0 || e->time > k->time ? e->time : k->time;
    k->early = k->n == 0 || e->time < k->early ? e->time : k->early;
    k->value = k->n == 0 || e->value > k->value ? e->value : k->value;
    k->least = k->n == 0 || e->value < k->least ? e->value : k->least;
    k->pair = k->pair || (e->time > SOME_TIME && (isnan(e->value) || e->value > SOME_VALUE));
    k->n += times;
}

static void note_row(const struct pz_live_run *run, size_t i, struct kind *kind)
{
    const struct pz_live_fact *fact = &run->fact[i];
    struct pz_live_event e = { .item_id = run->item_id[run->ref[i]],
                               .event_type = run->event_type,
                               .value = run->value ? run->value[i][0] : NAN,
                               .time = fact->time };
    struct kind *k = &kind[kind_of(&e)];

    assert_true(run->value == NULL || run->value[i][0] >= run->value[i][1]);
    assert_true(fact->times > 0 && pz_live_row_item(run, i) == PZ_NONE);
    note(k, &e, fact->times);
    k->early = fact->time - fact->before < k->early ? fact->time - fact->before : k->early;
    if (run->value && run->value[i][1] < k->least)
        k->least = run->value[i][1];
}

/* Returns how many rows there are. */
static size_t note_runs(const struct pz_live *live, struct kind *kind)
{
    int64_t time = INT64_MIN;
    size_t n = 0;

    for (const struct pz_live_run *run = live->run; run; run = run->next)
        for (size_t i = 0; i < run->n; i++, n++) {
            note_row(run, i, kind);
            time = run->fact[i].time > time ? run->fact[i].time : time;
        }
    assert_true(n == 0 || live->run_time == time);
    return n;
}

static size_t read_kinds(struct pz_live_store *s, const char *user, struct pz_live_want want,
                         struct kind *kind)
{
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    size_t n;

    memset(kind, 0, N_KINDS * sizeof *kind);
    assert_int_equal(pz_live_read_as(s, user, &want, &arena, &live, NULL), PZ_OK);
    n = note_runs(&live, kind);
    for (size_t i = 0; i < live.n_events; i++) {
        const struct pz_live_event *e = &live.event[i];

        assert_true(i == 0 || e->number > e[-1].number);
        assert_true(e->number > want.after || live.forgotten || user[0] != 'o');
        note(&kind[kind_of(e)], e, 1);
    }
    assert_true(n == 0 || live.n_events >= PZ_LIVE_SHOWN_MAX || want.upto);
    pz_live_release(&live);
    pz_arena_clear(&arena);
    return n;
}

static struct pz_live_cache *cache; /* of the test at hand; NULL: none */

/* How many answers came of a digest. */
static size_t compare(struct pz_live_store *s, const char *user, uint64_t after, uint64_t upto)
{
    static struct kind is[N_KINDS], should[N_KINDS];
    struct pz_live_want want = {
        .after = after, .upto = upto, .detail = PZ_LIVE_EACH, .cache = cache
    };
    size_t n_used = 0;

    assert_int_equal(read_kinds(s, user, want, should), 0);
    for (want.detail = PZ_LIVE_KINDS; want.detail < PZ_LIVE_EACH; want.detail++) {
        n_used += read_kinds(s, user, want, is) > 0;
        for (size_t k = 0; k < N_KINDS; k++) {
            assert_int_equal(is[k].n > 0, should[k].n > 0);
            assert_true(is[k].n == 0 || is[k].time == should[k].time);
            assert_true(is[k].n == 0 || is[k].value == should[k].value || isnan(is[k].value));
            if (want.detail & PZ_LIVE_PAIRS)
                assert_int_equal(is[k].pair, should[k].pair);
            if (want.detail & PZ_LIVE_COUNTS)
                assert_int_equal(is[k].n, should[k].n);
            if (is[k].n == 0 || !(want.detail & PZ_LIVE_ENDS))
                continue;
            assert_true(is[k].early == should[k].early);
            assert_true(is[k].least == should[k].least || isnan(is[k].least));
        }
    }
    return n_used;
}

/* The number up to which the digest goes, or one before; 0: there is none. */
static uint64_t some_last(struct pz_live_store *s, struct pz_rng *rng)
{
    const struct pz_live_want want = { .detail = PZ_LIVE_KINDS };
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    uint64_t number = 0;

    assert_int_equal(pz_live_read_as(s, "busy", &want, &arena, &live, NULL), PZ_OK);
    if (live.run)
        number = live.run_last - below(rng, live.run_last / 4 + 1);
    pz_arena_clear(&arena);
    return number;
}

/* most: bytes of a cache; 0: none */
static void follow_a_busy_user(size_t most)
{
    struct pz_rng rng = { .s = { 11, 12, 13, 14 } };
    struct pz_live_store *s = open_store();
    size_t n_used = 0, n_forgotten = 0;

    cache = most ? pz_live_cache_new(most) : NULL;
    for (int step = 0; step < 400; step++) {
        struct pz_live_size size;
        struct pz_live_receipt r;
        uint64_t what = below(&rng, 60), n;

        if (what == 0)
            assert_int_equal(pz_live_compact(s, NULL, NULL), PZ_OK);
        else if (what == 1 && ++n_forgotten < 4)
            assert_int_equal(pz_live_forget(s, n_forgotten % 2 ? "other" : "busy", step % 2, &r,
                                            NULL),
                             PZ_OK);
        assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
        if (what == 2)
            assert_int_equal(pz_live_collect(s, size.last - below(&rng, size.last / 4 + 1), 0, &n,
                                             NULL),
                             PZ_OK);
        put_some(s, &rng, 1 + below(&rng, step % 8 ? 60 : 700));
        assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
        n_used += compare(s, "busy", 0, 0);
        n_used += compare(s, "session", 0, 0);
        n_used += compare(s, "busy", below(&rng, size.last), 0);
        n_used += compare(s, "busy", below(&rng, 50), size.last - below(&rng, 900));
        n_used += compare(s, "busy", some_last(s, &rng), 0);
        (void)compare(s, "other", below(&rng, size.last), 0);
    }
    assert_true(n_used > 400);
    pz_live_cache_free(cache);
    cache = NULL;
    remove_store(s);
}

TEST(a_query_of_a_busy_user_sees_what_the_events_say)
{
    follow_a_busy_user(0);
}

TEST(digests_that_are_kept_in_memory_say_the_same)
{
    follow_a_busy_user(40000); /* two or three digests */
}

/* Where the rows lie that a read gives. */
static const struct pz_live_fact *read_facts(struct pz_live_store *s, struct pz_live_cache *kept,
                                             struct pz_arena *arena, struct pz_live *live)
{
    const struct pz_live_want want = { .cache = kept };

    assert_int_equal(pz_live_read_as(s, "other", &want, arena, live, NULL), PZ_OK);
    assert_non_null(live->run);
    return live->run->fact;
}

TEST(a_digest_is_read_once_while_there_is_room_for_it)
{
    struct pz_rng rng = { .s = { 5, 6, 7, 8 } };
    struct pz_live_store *s = open_store();
    const struct pz_live_fact *fact, *again;

    for (int i = 0; i < 20; i++)
        put_some(s, &rng, 700);
    for (int room = 0; room < 2; room++) {
        struct pz_live_cache *kept = pz_live_cache_new(room ? 1 << 20 : 10);
        struct pz_arena arena = { 0 };
        struct pz_live first, second;

        fact = read_facts(s, kept, &arena, &first);
        again = read_facts(s, kept, &arena, &second);
        assert_int_equal(fact == again, room);
        pz_live_release(&first);
        assert_true(fact != again || first.held == NULL);
        assert_true(second.run->fact->times > 0); /* held still */
        pz_live_release(&second);
        pz_arena_clear(&arena);
        pz_live_cache_free(kept);
    }
    remove_store(s);
}

/* ---- tails ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void check_event(const struct pz_live_event *is, const struct pz_live_event *should,
                        const struct pz_dict *items)
{
    uint32_t item = is->item_id ? pz_dict_find_str(items, is->item_id) : PZ_NONE;

    assert_true(is->number == should->number && is->time == should->time);
    assert_memory_equal(&is->value, &should->value, sizeof is->value);
    assert_true(same_text(is->item_id, should->item_id));
    assert_true(same_text(is->event_type, should->event_type));
    assert_true(same_text(is->properties, should->properties));
    assert_int_equal(is->n_shown, should->n_shown);
    for (size_t i = 0; i < is->n_shown; i++)
        assert_string_equal(is->shown[i], should->shown[i]);
    assert_true(is->found == 0 || is->found == item + 1);
}

/* Whether events of user "u" came out of memory, which are what they are without. */
static bool is_kept(struct pz_live_store *s, struct pz_live_cache *kept,
                    const struct pz_dict *items)
{
    const struct pz_live_want want = { .items = items, .cache = kept }, plain = { .items = items };
    struct pz_arena arena = { 0 };
    struct pz_live is, should;
    bool found;

    assert_int_equal(pz_live_read_as(s, "u", &want, &arena, &is, NULL), PZ_OK);
    assert_int_equal(pz_live_read_as(s, "u", &plain, &arena, &should, NULL), PZ_OK);
    assert_int_equal(is.n_events, should.n_events);
    for (size_t i = 0; i < is.n_events; i++)
        check_event(&is.event[i], &should.event[i], items);
    found = is.n_events > 0 && is.event[0].found > 0;
    pz_live_release(&is);
    pz_arena_clear(&arena);
    return found;
}

/* Events of "u", or of a session that joins them with the first. */
static void put_full(struct pz_live_store *s, size_t n, bool joins)
{
    enum { MOST = 700 };
    struct pz_event e[MOST];
    enum pz_live_fate fate[MOST];
    uint64_t last;

    for (size_t i = 0; i < n; i++)
        e[i] = (struct pz_event){ .user_id = joins && i > 0 ? NULL : "u",
                                  .session_id = joins ? "s" : NULL,
                                  .item_id = i % 3 ? "item1" : "item2",
                                  .event_type = i % 5 ? "click" : "buy",
                                  .value = i % 5 ? NAN : (double)i,
                                  .time = 1700000000 + (int64_t)i,
                                  .impression = i % 2 ? "item1|item3" : NULL,
                                  .properties = i % 7 ? NULL : "{\"a\":1}" };
    assert_int_equal(pz_live_put_each(s, e, n, fate, &last, NULL), PZ_OK);
}

TEST(the_newest_events_of_a_busy_user_are_kept_too_and_are_what_is_stored)
{
    struct pz_live_store *s = open_store();
    struct pz_live_cache *kept = pz_live_cache_new(1 << 20);
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict items;
    struct pz_live_receipt r;
    size_t n_kept = 0;

    (void)pz_dict_builder_add(b, "item1", 5);
    (void)pz_dict_builder_add(b, "item2", 5);
    assert_int_equal(pz_dict_builder_finish(b, &items, NULL, NULL), PZ_OK);
    pz_dict_builder_free(b);
    for (int i = 0; i < 4; i++)
        put_full(s, 700, false);
    assert_false(is_kept(s, kept, &items)); /* for who asks once it would not pay */
    assert_false(is_kept(s, kept, &items));
    assert_true(is_kept(s, kept, &items));
    for (size_t n = 1; n < 200; n += 7) { /* some are added, or the digest is made anew */
        put_full(s, n, false);
        n_kept += is_kept(s, kept, &items);
    }
    assert_true(n_kept > 0);
    put_full(s, 30, true);
    assert_false(is_kept(s, kept, &items));
    assert_int_equal(pz_live_forget(s, "u", false, &r, NULL), PZ_OK);
    for (int i = 0; i < 4; i++) {
        assert_false(is_kept(s, kept, &items));
        put_full(s, 300, false);
    }
    pz_dict_clear(&items);
    pz_live_cache_free(kept);
    remove_store(s);
}

/* 2,000 events of one kind, later and later; the first of a value, the others of another. */
static size_t read_pairs(double first, double others)
{
    enum { N = 2000 };
    static struct pz_event e[N];
    static enum pz_live_fate fate[N];
    const struct pz_live_want want = { .detail = PZ_LIVE_PAIRS };
    struct pz_live_store *s = open_store();
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    uint64_t last;
    size_t n;

    for (size_t i = 0; i < N; i++)
        e[i] = (struct pz_event){ .user_id = "busy",
                                  .item_id = "item01",
                                  .event_type = "buy",
                                  .value = i ? others : first,
                                  .time = 1700000000 + (int64_t)i };
    assert_int_equal(pz_live_put_each(s, e, N, fate, &last, NULL), PZ_OK);
    assert_int_equal(pz_live_read_as(s, "busy", &want, &arena, &live, NULL), PZ_OK);
    n = live.run ? live.run->n : 0;
    assert_true(n == 0 || !live.run->next);
    assert_true(live.n_events == (n ? PZ_LIVE_SHOWN_MAX : N));
    pz_arena_clear(&arena);
    remove_store(s);
    return n;
}

TEST(where_the_latest_event_is_not_the_largest_pairs_are_read_one_by_one)
{
    assert_int_equal(read_pairs(3, 3), 1);
    assert_int_equal(read_pairs(3, 5), 1);
    assert_int_equal(read_pairs(5, 3), 0);
    assert_int_equal(read_pairs(NAN, NAN), 1);
}

/* ---- cost ---- */

TEST(what_is_read_of_a_user_grows_with_the_items_not_with_the_events)
{
    struct pz_rng rng = { .s = { 1, 2, 3, 4 } };
    struct pz_live_store *s = open_store();
    static const unsigned details[] = { PZ_LIVE_KINDS, PZ_LIVE_ENDS,
                                        PZ_LIVE_COUNTS | PZ_LIVE_ENDS };
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    struct pz_live_size size;

    for (int i = 0; i < 60; i++)
        put_some(s, &rng, 700);
    assert_int_equal(pz_live_read(s, "busy", 0, &arena, &live, NULL), PZ_OK);
    assert_true(live.n_events > 20000);
    for (size_t i = 0; i < 3; i++) {
        const struct pz_live_want want = { .detail = details[i] };

        assert_int_equal(pz_live_read_as(s, "busy", &want, &arena, &live, NULL), PZ_OK);
        /* two owners, the user and the session, each with some events beside the rows */
        assert_in_range(live.n_events, 2 * PZ_LIVE_SHOWN_MAX, 2 * (PZ_LIVE_SHOWN_MAX + 600));
        assert_non_null(live.run);
    }
    pz_arena_clear(&arena);
    assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
    assert_int_equal(size.events, 60 * 700);
    remove_store(s);
}

/* Make the first piece of the other user's digest one of format 5. */
static int put_old_layout(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    unsigned char key[] = "duother\0\0\0\0";
    char piece[1 << 16];
    MDB_val v;
    int rc = pz_db_get(s, txn, PZ_DB_OWNER, key, sizeof key, &v);

    (void)context;
    if (rc != 0 || v.mv_size > sizeof piece)
        return rc ? rc : MDB_BAD_VALSIZE;
    memcpy(piece, v.mv_data, v.mv_size);
    piece[24] = 1;
    return pz_db_put(s, txn, PZ_DB_OWNER, key, sizeof key, piece, v.mv_size, 0);
}

TEST(a_digest_of_another_layout_is_passed_over_and_made_anew)
{
    struct pz_rng rng = { .s = { 5, 6, 7, 8 } };
    struct pz_live_store *s = open_store();

    for (int i = 0; i < 20; i++)
        put_some(s, &rng, 700);
    assert_true(compare(s, "other", 0, 0) > 0);
    assert_int_equal(pz_db_write(s, put_old_layout, NULL, "writing", NULL), PZ_OK);
    assert_int_equal(compare(s, "other", 0, 0), 0);
    for (int i = 0; i < 20; i++)
        put_some(s, &rng, 700);
    assert_true(compare(s, "other", 0, 0) > 0);
    remove_store(s);
}

static int read_format(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    uint64_t *format = context;

    return pz_db_get_meta(s, txn, "format", format);
}

TEST(a_store_without_busy_users_stays_readable_for_older_programs)
{
    struct pz_rng rng = { .s = { 1, 2, 3, 4 } };
    struct pz_live_store *s = open_store();
    uint64_t format = 0;

    put_some(s, &rng, 700);
    assert_int_equal(pz_db_read(s, read_format, &format, "reading", NULL), PZ_OK);
    assert_int_equal(format, 4);
    for (int i = 0; i < 10; i++)
        put_some(s, &rng, 700);
    assert_int_equal(pz_db_read(s, read_format, &format, "reading", NULL), PZ_OK);
    assert_int_equal(format, 6);
    remove_store(s);
}
