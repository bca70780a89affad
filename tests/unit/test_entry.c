/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that were numbered elsewhere: two stores that apply the same ones come to the same,
 * whatever the pieces, and also when one reads them after the other had a person erased from
 * them. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live/hosts/shared.h"
#include "live/ids.h"
#include "tests/unit/unit.h"

enum { DAY = 86400, T0 = 1700000000 };

static char dir[2][64];
static struct pz_live_store *store[2];

static int set_salt(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    return pz_ids_set_salt(s, txn, context);
}

static int fresh(void **state)
{
    unsigned char salt[PZ_HASH_SALT_BYTES] = { 1, 2, 3 };

    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(dir[i], sizeof dir[i], "/tmp/pz-entry.XXXXXX");
        if (!mkdtemp(dir[i]) || pz_live_open(dir[i], true, &store[i], NULL) != PZ_OK ||
            pz_db_write(store[i], set_salt, salt, "", NULL) != PZ_OK)
            return 1;
        atomic_store(&store[i]->follows, true);
    }
    return 0;
}

static int clear(void **state)
{
    char path[160];

    (void)state;
    for (int i = 0; i < 2; i++) {
        pz_live_close(store[i]);
        snprintf(path, sizeof path, "%s/data.mdb", dir[i]);
        (void)unlink(path);
        snprintf(path, sizeof path, "%s/lock.mdb", dir[i]);
        (void)unlink(path);
        (void)rmdir(dir[i]);
    }
    return 0;
}

/* ---- making entries ---- */

static void add(struct pz_entries *list, const char *user, const char *session, const char *item,
                const char *id, int64_t at)
{
    const struct pz_event e = { .user_id = user,
                                .session_id = session,
                                .item_id = item,
                                .event_type = "watch",
                                .event_id = id,
                                .value = NAN,
                                .time = T0 };

    assert_true(pz_entries_add_event(list, &e));
    list->v[list->n - 1].number = list->n;
    list->v[list->n - 1].at = at;
}

static void add_text(struct pz_entries *list, enum pz_entry_kind kind, const void *text, size_t n)
{
    char *body = pz_entries_add(list, kind, n);

    assert_non_null(body);
    memcpy(body, text, n);
    list->v[list->n - 1].number = list->n;
    list->v[list->n - 1].at = T0;
}

/* Apply entries `from` to `upto` (of 1, 2, ...); the return value of pz_live_apply_all. */
static int last_rc;

static int apply_fn(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    return last_rc = pz_live_apply_all(s, txn, context);
}

static int apply(int i, const struct pz_entries *list, size_t from, size_t upto, uint64_t trimmed,
                 enum pz_live_fate *fate)
{
    struct pz_applying a = {
        .entry = list->v + from - 1, .n = upto - from + 1, .trimmed = trimmed, .fate = fate
    };

    (void)pz_db_write_lazily(store[i], apply_fn, &a, "", NULL);
    return last_rc;
}

/* ---- what is in a store ---- */

static int same_dbs(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    MDB_txn *other;
    int rc = mdb_txn_begin(store[1]->env, NULL, MDB_RDONLY, &other);

    (void)context;
    for (int i = 0; i < PZ_N_DBS && rc == 0; i++) {
        MDB_cursor *a, *b;
        MDB_val ka, va, kb, vb;
        int ra, rb;

        if (i == PZ_DB_META)
            continue;
        mdb_cursor_open(txn, s->db[i], &a);
        mdb_cursor_open(other, store[1]->db[i], &b);
        do {
            ra = mdb_cursor_get(a, &ka, &va, MDB_NEXT);
            rb = mdb_cursor_get(b, &kb, &vb, MDB_NEXT);
            if (ra != rb || (ra == 0 && (ka.mv_size != kb.mv_size || va.mv_size != vb.mv_size ||
                                         memcmp(ka.mv_data, kb.mv_data, ka.mv_size) != 0 ||
                                         memcmp(va.mv_data, vb.mv_data, va.mv_size) != 0)))
                rc = 1000 + i;
        } while (rc == 0 && ra == 0);
        mdb_cursor_close(a);
        mdb_cursor_close(b);
    }
    mdb_txn_abort(other);
    return rc;
}

static void expect_same(void)
{
    assert_int_equal(pz_db_read(store[0], same_dbs, NULL, "", NULL), PZ_OK);
}

static uint64_t events(int i)
{
    struct pz_live_size size;

    assert_int_equal(pz_live_count(store[i], &size, NULL), PZ_OK);
    return size.events;
}

/* ---- */

TEST(entries_are_applied_once_in_order_and_without_a_gap)
{
    struct pz_entries list = { .v = NULL };
    enum pz_live_fate fate[4];

    add(&list, "u", NULL, "a", "same", T0);
    add(&list, "u", NULL, "b", NULL, T0);
    add(&list, "u", NULL, "a", "same", T0);
    add(&list, "u", NULL, "d", "same", T0);
    assert_int_equal(apply(0, &list, 2, 2, 0, NULL), ERANGE);
    assert_int_equal(events(0), 0);
    assert_int_equal(apply(0, &list, 1, 2, 0, NULL), 0);
    assert_int_equal(apply(0, &list, 4, 4, 2, NULL), ERANGE);
    /* from the start once more: what is there is passed over, and what became of it is known */
    assert_int_equal(apply(0, &list, 1, 4, 0, fate), 0);
    assert_int_equal(fate[0], PZ_LIVE_STORED);
    assert_int_equal(fate[2], PZ_LIVE_REPEATED);
    assert_int_equal(fate[3], PZ_LIVE_CONFLICT);
    memset(fate, 0xff, sizeof fate);
    assert_int_equal(apply(0, &list, 1, 4, 0, fate), 0);
    assert_int_equal(fate[1], PZ_LIVE_STORED);
    assert_int_equal(fate[2], PZ_LIVE_REPEATED);
    assert_int_equal(fate[3], PZ_LIVE_CONFLICT);
    assert_int_equal(events(0), 2);
    /* numbers that were trimmed may be missing */
    assert_int_equal(apply(1, &list, 4, 4, 3, NULL), 0);
    assert_int_equal(events(1), 1);
    pz_entries_clear(&list);
}

TEST(an_event_id_is_free_again_after_its_days_by_the_clock_of_the_log)
{
    struct pz_entries list = { .v = NULL };
    enum pz_live_fate fate[3];

    add(&list, "u", NULL, "a", "id", T0);
    add(&list, "u", NULL, "a", "id", T0 + PZ_LIVE_ID_DAYS * DAY);
    add(&list, "u", NULL, "a", "id", T0 + PZ_LIVE_ID_DAYS * DAY + 256);
    assert_int_equal(apply(0, &list, 1, 3, 0, fate), 0);
    assert_int_equal(fate[1], PZ_LIVE_REPEATED);
    assert_int_equal(fate[2], PZ_LIVE_STORED);
    pz_entries_clear(&list);
}

TEST(a_store_that_reads_an_erased_log_is_the_same_as_one_that_saw_all)
{
    /* u and v share a device; u is forgotten, then purged. Erased are u's own events and row, those
     * of the session that u had, and the entry that named u. */
    static const size_t erased[] = { 1, 2, 4, 6, 8 };
    static const char row[] = "u\0CITY\0Paris";
    struct pz_entries list = { .v = NULL };
    unsigned char hash[16], salt[PZ_HASH_SALT_BYTES] = { 1, 2, 3 };

    pz_hash_salted("u", 1, salt, hash);
    add(&list, NULL, "s", "a", NULL, T0);      /* 1 */
    add(&list, "u", "s", "b", NULL, T0);       /* 2 u has s */
    add(&list, "v", "s", "c", NULL, T0);       /* 3 */
    add(&list, NULL, "s", "d", NULL, T0);      /* 4 */
    add(&list, "w", "t", "e", "id", T0);       /* 5 */
    add_text(&list, PZ_USER, row, sizeof row); /* 6 */
    add(&list, "v", NULL, "f", NULL, T0);      /* 7 */
    add_text(&list, PZ_FORGET, "u", 1);        /* 8 */
    add(&list, NULL, "s", "g", NULL, T0);      /* 9 v's now */
    add(&list, "u", NULL, "h", NULL, T0);      /* 10 u comes back, and is purged */
    add_text(&list, PZ_PURGE, hash, sizeof hash);
    add(&list, "w", NULL, "i", NULL, T0);
    for (size_t i = 1; i <= list.n; i++)
        assert_int_equal(apply(0, &list, i, i, 0, NULL), 0);
    for (size_t i = 0; i < sizeof erased / sizeof *erased; i++) {
        list.v[erased[i] - 1].kind = PZ_VOID;
        list.v[erased[i] - 1].n = 0;
    }
    list.v[9].kind = PZ_VOID;
    assert_int_equal(apply(1, &list, 1, list.n, 0, NULL), 0);
    assert_int_equal(events(0), 5);
    expect_same();
    pz_entries_clear(&list);
}

TEST(a_damaged_entry_is_refused)
{
    struct pz_entries list = { .v = NULL };

    add_text(&list, PZ_EVENT, "no record", 9);
    assert_int_equal(apply(0, &list, 1, 1, 0, NULL), MDB_CORRUPTED);
    pz_entries_clear(&list);
    add_text(&list, PZ_ITEM, "no end", 6);
    assert_int_equal(apply(0, &list, 1, 1, 0, NULL), MDB_CORRUPTED);
    pz_entries_clear(&list);
    add_text(&list, PZ_PURGE, "short", 5);
    assert_int_equal(apply(0, &list, 1, 1, 0, NULL), MDB_CORRUPTED);
    assert_int_equal(events(0), 0);
    pz_entries_clear(&list);
}

AROUND_EACH(fresh, clear)
