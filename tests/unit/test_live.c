/* SPDX-License-Identifier: Apache-2.0 */
/* The live store: numbering, repeated ids, sessions that join users, forgetting, and several
 * processes writing and reading at once. Every test has a store of its own in a fresh folder. */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/signals.h"
#include "live/db.h"
#include "live/overlay.h"
#include "live/records.h"
#include "live/store.h"
#include "table/hash.h"
#include "tests/unit/unit.h"

static char dir[64];

static struct pz_live_store *open_store(void)
{
    struct pz_live_store *s = NULL;
    struct pz_err err = { 0 };
    if (pz_live_open(dir, true, &s, &err) != PZ_OK) {
        fail_msg("%s", err.text);
    }
    return s;
}

static int fresh_dir(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-live.XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state __attribute__((unused)))
{
    char path[96];
    const char *name[] = { "data.mdb", "lock.mdb" };
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, name[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return 0;
}

static struct pz_event event_of(const char *user, const char *session, const char *item)
{
    struct pz_event e = { .user_id = user,
                          .session_id = session,
                          .item_id = item,
                          .event_type = "watch",
                          .value = NAN,
                          .time = 1700000000 };
    return e;
}

static size_t put(struct pz_live_store *s, const struct pz_event *e, size_t n, uint64_t *last)
{
    size_t n_new = 0;
    struct pz_err err = { 0 };
    if (pz_live_put(s, e, n, &n_new, last, &err) != PZ_OK) {
        fail_msg("%s", err.text);
    }
    return n_new;
}

static void expect_items(struct pz_live_store *s, const char *user, uint64_t after,
                         const char *want)
{
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    struct pz_err err = { 0 };
    char got[256] = "";
    assert_int_equal(pz_live_read(s, user, after, &arena, &live, &err), PZ_OK);
    for (size_t i = 0; i < live.n_events; i++) {
        size_t used = strlen(got);
        snprintf(got + used, sizeof got - used, "%s ", live.event[i].item_id);
    }
    assert_string_equal(got, want);
    pz_arena_clear(&arena);
}

TEST(events_are_numbered_from_one_and_read_in_order_after_a_number)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", NULL, "a"), event_of("v", NULL, "b"),
                            event_of("u", NULL, "c") };
    uint64_t last = 0;
    assert_int_equal(put(s, e, 3, &last), 3);
    assert_int_equal(last, 3);
    expect_items(s, "u", 0, "a c ");
    expect_items(s, "u", 1, "c ");
    expect_items(s, "v", 2, "");
    expect_items(s, "nobody", 0, "");
    pz_live_close(s);
    s = open_store();
    expect_items(s, "u", 0, "a c ");
    pz_live_close(s);
}

TEST(a_repeated_event_id_is_kept_once)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", NULL, "a"), event_of("u", NULL, "b") };
    uint64_t last = 0;
    e[0].event_id = e[1].event_id = "same";
    assert_int_equal(put(s, e, 2, &last), 1);
    assert_int_equal(put(s, e, 1, &last), 0);
    assert_int_equal(last, 1);
    expect_items(s, "u", 0, "a ");
    pz_live_close(s);
}

TEST(a_bad_event_in_a_batch_of_many_callers_fails_alone)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", NULL, "a"), event_of(NULL, NULL, "b"),
                            event_of("u", NULL, "a"), event_of("u", NULL, "c"),
                            event_of("v", NULL, "d") };
    enum pz_live_fate fate[5];
    uint64_t last = 0;
    e[0].event_id = e[2].event_id = e[3].event_id = "x";
    assert_int_equal(pz_live_put_each(s, e, 5, fate, &last, NULL), PZ_OK);
    assert_int_equal(fate[0], PZ_LIVE_STORED);
    assert_int_equal(fate[1], PZ_LIVE_REFUSED);
    assert_int_equal(fate[2], PZ_LIVE_REPEATED);
    assert_int_equal(fate[3], PZ_LIVE_CONFLICT); /* the id of an event with another item */
    assert_int_equal(fate[4], PZ_LIVE_STORED);
    assert_int_equal(last, 2);
    expect_items(s, "u", 0, "a ");
    expect_items(s, "v", 0, "d ");
    pz_live_close(s);
}

/* An entry as LMDB has it, without what pz does around it. */
static void put_raw(struct pz_live_store *s, MDB_txn *txn, enum pz_db db, const char *key,
                    const void *value, size_t n)
{
    MDB_val k = pz_db_val(key, strlen(key)), v = pz_db_val(value, n);
    assert_int_equal(value ? mdb_put(txn, s->db[db], &k, &v, 0) : mdb_del(txn, s->db[db], &k, NULL),
                     0);
}

enum { MANY = 3000 };

/* As entries of their own, as they were before format 4. */
static int unpack_ids(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    unsigned char key[MANY + 50][16] = { { 0 } }, value[24] = { 0 };
    size_t n = 0;
    struct pz_walk w;
    (void)context;
    pz_walk_begin(&w, s, txn, PZ_DB_IDS);
    while (pz_walk_next(&w))
        for (size_t i = 0; i < w.value.mv_size / 16; i++)
            memcpy(key[n++], (const char *)w.value.mv_data + 16 * i, 16);
    assert_int_equal(pz_walk_end(&w), 0);
    assert_int_equal(mdb_drop(txn, s->db[PZ_DB_IDS], 0), 0);
    for (size_t i = 0; i < n; i++) {
        uint64_t what = pz_db_get_number(key[i] + 8);
        pz_db_put_number(value, what >> 24);
        pz_db_put_number(value + 16, (what & 0xffffff) << 8);
        assert_int_equal(pz_db_put(s, txn, PZ_DB_IDS, key[i], 16, value, 24, 0), 0);
    }
    return pz_db_put_meta(s, txn, "format", 3);
}

static void make_format_3(struct pz_live_store *s)
{
    assert_int_equal(pz_db_write(s, unpack_ids, NULL, "unpacking", NULL), PZ_OK);
}

/* A store as pz wrote it before values had checks. */
static void make_format_2(struct pz_live_store *s, MDB_txn *txn)
{
    put_raw(s, txn, PZ_DB_META, "counts", NULL, 0);
    for (enum pz_db db = 0; db < PZ_N_DBS; db++) {
        MDB_cursor *c;
        MDB_val k, v;
        assert_int_equal(mdb_cursor_open(txn, s->db[db], &c), 0);
        while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
            char key[512], value[512];
            assert_true(v.mv_size <= sizeof value);
            memcpy(key, k.mv_data, k.mv_size);
            memcpy(value, v.mv_data, v.mv_size);
            k.mv_data = key;
            v = pz_db_val(value, v.mv_size - 4);
            assert_int_equal(mdb_cursor_put(c, &k, &v, MDB_CURRENT), 0);
        }
        mdb_cursor_close(c);
    }
    put_raw(s, txn, PZ_DB_META, "format", "\0\0\0\0\0\0\0\2", 8);
}

/* A store as pz wrote it before ids were hashed. */
static void make_format_1(struct pz_live_store *s, MDB_txn *txn)
{
    static const char one[] = "\0\0\0\0\0\0\0\1";
    make_format_2(s, txn);
    put_raw(s, txn, PZ_DB_META, "salt", NULL, 0);
    put_raw(s, txn, PZ_DB_META, "format", one, 8);
    assert_int_equal(mdb_drop(txn, s->db[PZ_DB_IDS], 0), 0);
    put_raw(s, txn, PZ_DB_IDS, "once", one, 8);
    put_raw(s, txn, PZ_DB_FORGOTTEN, "gone", one, 8);
}

/* Change the file by LMDB alone. */
static void change(struct pz_live_store *s, void (*how)(struct pz_live_store *, MDB_txn *))
{
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(s->env, NULL, 0, &txn), 0);
    how(s, txn);
    assert_int_equal(mdb_txn_commit(txn), 0);
}

static enum pz_status take_name(void *context, const char *user_id, uint64_t number,
                                struct pz_err *err)
{
    (void)err;
    snprintf(context, 64, "%s %llu", user_id, (unsigned long long)number);
    return PZ_OK;
}

TEST(a_store_of_the_first_format_keeps_its_ids_and_its_forgotten)
{
    struct pz_live_store *s = open_store();
    struct pz_event e = event_of("u", NULL, "a");
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    uint64_t last = 0;
    char name[64] = "";
    e.event_id = "once";
    assert_int_equal(put(s, &e, 1, &last), 1);
    change(s, make_format_1);
    pz_live_close(s);
    for (int writable = 0; writable < 2; writable++) {
        assert_int_equal(pz_live_open(dir, writable, &s, NULL), PZ_OK);
        assert_int_equal(pz_live_read(s, "gone", 0, &arena, &live, NULL), PZ_OK);
        assert_true(live.forgotten);
        assert_int_equal(pz_live_read(s, "u", 0, &arena, &live, NULL), PZ_OK);
        assert_true(!live.forgotten && live.n_events == 1);
        assert_int_equal(pz_live_each_forgotten(s, take_name, name, NULL), PZ_OK);
        assert_string_equal(name, "gone 1");
        pz_arena_clear(&arena);
        if (writable) {
            assert_int_equal(put(s, &e, 1, &last), 0);
        }
        pz_live_close(s);
    }
}

static void fill(struct pz_live_store *s)
{
    static char id[MANY][16], item[MANY][16], user[MANY][16], session[MANY][16];
    static struct pz_event e[MANY];
    uint64_t last;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(user[i], sizeof user[i], "u%zu", i % 200);
        snprintf(session[i], sizeof session[i], "s%zu", i % 300);
        snprintf(item[i], sizeof item[i], "i%zu", i * 7 % 100);
        snprintf(id[i], sizeof id[i], "e%zu", i);
        e[i] = event_of(i % 3 ? user[i] : NULL, i % 2 ? NULL : session[i], item[i]);
        if (!e[i].user_id && !e[i].session_id)
            e[i].session_id = session[i];
        e[i].event_id = id[i];
    }
    assert_int_equal(put(s, e, MANY, &last), MANY);
    for (size_t i = 0; i < 50; i++) {
        const char *name[] = { "PRICE" }, *value[] = { item[i] };
        struct pz_live_row row = { user[i], name, value, 1 };
        assert_int_equal(pz_live_put_rows(s, PZ_LIVE_ITEMS, &row, 1, &last, NULL), PZ_OK);
    }
    for (size_t i = 0; i < 20; i++) {
        struct pz_live_receipt receipt;
        assert_int_equal(pz_live_forget(s, user[i * 7], i % 2, &receipt, NULL), PZ_OK);
    }
}

static enum pz_status add_row_hash(void *context, const struct pz_live_row *row, struct pz_err *err)
{
    uint64_t *h = context;
    (void)err;
    *h = *h * 31 + pz_hash64(row->id, strlen(row->id)) +
         pz_hash64(row->value[0], strlen(row->value[0]));
    return PZ_OK;
}

static enum pz_status add_event_hash(void *context, int pass, uint64_t number,
                                     const struct pz_event *e, struct pz_err *err)
{
    uint64_t *h = context;
    (void)pass;
    (void)err;
    *h = *h * 31 + number + pz_hash64(e->item_id, strlen(e->item_id));
    if (e->user_id)
        *h += pz_hash64(e->user_id, strlen(e->user_id));
    return PZ_OK;
}

/* All that a store says, [0]: of users one by one, [1]: of all events, [2]: of rows; status of
 * each. */
static void ask_all(struct pz_live_store *s, uint64_t hash[3], enum pz_status st[3])
{
    struct pz_arena arena = { 0 };
    hash[0] = hash[1] = hash[2] = 0;
    st[0] = PZ_OK;
    for (int i = 0; i < 220 && st[0] == PZ_OK; i++) {
        struct pz_live live = { 0 };
        char id[16];
        snprintf(id, sizeof id, "u%d", i);
        st[0] = pz_live_read(s, id, 0, &arena, &live, NULL);
        hash[0] = hash[0] * 31 + live.forgotten;
        for (size_t k = 0; k < live.n_events; k++)
            hash[0] = hash[0] * 31 + live.event[k].number +
                      pz_hash64(live.event[k].item_id, strlen(live.event[k].item_id));
        pz_arena_clear(&arena);
    }
    st[1] = pz_live_each(s, 0, 1, add_event_hash, &hash[1], NULL);
    st[2] = pz_live_each_row(s, PZ_LIVE_ITEMS, 0, add_row_hash, &hash[2], NULL);
}

/* The store opened anew by a reader, who is told the same. */
static struct pz_live_store *reread(struct pz_live_store *s, const uint64_t want[3])
{
    uint64_t got[3];
    enum pz_status st[3];
    pz_live_close(s);
    assert_int_equal(pz_live_open(dir, false, &s, NULL), PZ_OK);
    ask_all(s, got, st);
    assert_memory_equal(got, want, sizeof got);
    return s;
}

TEST(a_store_without_checks_is_read_as_it_is_and_gets_them_from_a_writer)
{
    struct pz_live_store *s = open_store();
    uint64_t want[3], got[3], last;
    enum pz_status st[3];
    struct pz_event e = event_of("u1", NULL, "new");
    fill(s);
    ask_all(s, want, st);
    make_format_3(s);
    change(s, make_format_2);
    s = reread(s, want);
    /* the same opening, borrowed by a writer */
    assert_int_equal(put(s, &e, 1, &last), 1);
    assert_int_equal(last, MANY + 50 + 20 + 1);
    e.event_id = "e1"; /* stored before, by another user */
    assert_int_equal(put(s, &e, 1, &last), 0);
    pz_live_close(s);
    s = open_store();
    for (int i = 0; i < 2; i++) {
        ask_all(s, got, st);
        assert_true(st[0] == PZ_OK && st[1] == PZ_OK && got[2] == want[2]);
        assert_int_equal(pz_live_verify(s, NULL), PZ_OK);
        assert_int_equal(pz_live_compact(s, NULL, NULL), PZ_OK);
    }
    pz_live_close(s);
}

TEST(a_store_with_an_entry_for_each_event_id_is_read_as_it_is_and_packed_by_a_writer)
{
    struct pz_live_store *s = open_store();
    uint64_t want[3], got[3], last;
    enum pz_status st[3];
    struct pz_event e = event_of("u1", NULL, "new");
    fill(s);
    ask_all(s, want, st);
    make_format_3(s);
    s = reread(s, want);
    e.event_id = "e1"; /* stored before, by another user */
    assert_int_equal(put(s, &e, 1, &last), 0);
    e.event_id = "never";
    assert_int_equal(put(s, &e, 1, &last), 1);
    assert_int_equal(put(s, &e, 1, &last), 0);
    pz_live_close(s);
    s = open_store();
    ask_all(s, got, st);
    assert_true(st[0] == PZ_OK && st[1] == PZ_OK);
    assert_int_equal(pz_live_verify(s, NULL), PZ_OK);
    pz_live_close(s);
}

static int count_ids(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    uint64_t *n = context;
    struct pz_walk w;
    n[0] = n[1] = 0;
    pz_walk_begin(&w, s, txn, PZ_DB_IDS);
    while (pz_walk_next(&w)) {
        n[0] += w.value.mv_size;
        n[1]++;
    }
    return pz_walk_end(&w);
}

/* Ids in an order without sense, in batches of any size, half of them once more. */
TEST(event_ids_are_kept_once_however_they_come_in_sixteen_bytes_each)
{
    enum { N = 20000, BATCH = 900 };
    struct pz_live_store *s = open_store();
    static struct pz_event e[BATCH];
    static enum pz_live_fate fate[BATCH];
    static char id[BATCH][24];
    static bool taken[N];
    uint64_t last = 0, n_taken = 0, random = 12345, n[2] = { 0, 0 };
    for (size_t round = 0; n_taken < N * 9 / 10; round++) {
        size_t batch = 1 + round * 37 % BATCH;
        for (size_t i = 0; i < batch; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            snprintf(id[i], sizeof id[i], "%llu", (unsigned long long)(random >> 33) % N);
            e[i] = event_of("u", NULL, "a");
            e[i].event_id = id[i];
        }
        assert_int_equal(pz_live_put_each(s, e, batch, fate, &last, NULL), PZ_OK);
        for (size_t i = 0; i < batch; i++) {
            bool *is = &taken[atoi(id[i])];
            assert_int_equal(fate[i], *is ? PZ_LIVE_REPEATED : PZ_LIVE_STORED);
            n_taken += !*is;
            *is = true;
        }
        assert_int_equal(last, n_taken);
    }
    assert_int_equal(pz_db_read(s, count_ids, n, "counting", NULL), PZ_OK);
    assert_int_equal(n[0], 16 * n_taken);
    assert_true(n[1] * 24 <= n_taken); /* buckets */
    pz_live_close(s);
}

static enum pz_db changed;

/* Another byte in the middle of a value. */
static void change_a_value(struct pz_live_store *s, MDB_txn *txn)
{
    MDB_cursor *c;
    MDB_val k, v;
    char key[512], value[512];
    assert_int_equal(mdb_cursor_open(txn, s->db[changed], &c), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_PREV), 0);
    memcpy(key, k.mv_data, k.mv_size);
    memcpy(value, v.mv_data, v.mv_size);
    value[v.mv_size / 2] ^= 1;
    k.mv_data = key;
    v.mv_data = value;
    assert_int_equal(mdb_cursor_put(c, &k, &v, MDB_CURRENT), 0);
    mdb_cursor_close(c);
}

/* The value of one key under another. */
static void move_a_value(struct pz_live_store *s, MDB_txn *txn)
{
    MDB_cursor *c;
    MDB_val k, v;
    char key[512], value[512];
    assert_int_equal(mdb_cursor_open(txn, s->db[changed], &c), 0);
    assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_PREV), 0);
    memcpy(value, v.mv_data, v.mv_size);
    assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_PREV), 0);
    memcpy(key, k.mv_data, k.mv_size);
    k.mv_data = key;
    v = pz_db_val(value, v.mv_size);
    assert_int_equal(mdb_cursor_put(c, &k, &v, MDB_CURRENT), 0);
    mdb_cursor_close(c);
}

static void lose_an_entry(struct pz_live_store *s, MDB_txn *txn)
{
    MDB_cursor *c;
    MDB_val k, v;
    assert_int_equal(mdb_cursor_open(txn, s->db[changed], &c), 0);
    assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_PREV), 0);
    assert_int_equal(mdb_cursor_del(c, 0), 0);
    mdb_cursor_close(c);
}

TEST(a_record_that_was_changed_moved_or_lost_is_damage)
{
    static const enum pz_db dbs[] = { PZ_DB_EVENTS, PZ_DB_OWNER, PZ_DB_ITEMS };
    void (*const ways[])(struct pz_live_store *, MDB_txn *) = { change_a_value, move_a_value,
                                                                lose_an_entry };
    for (size_t d = 0; d < 3; d++)
        for (size_t w = 0; w < 3; w++) {
            struct pz_live_store *s = open_store();
            struct pz_live_size size;
            struct pz_event e = event_of("u1", NULL, "new");
            enum pz_status st[3];
            uint64_t hash[3], last;
            size_t n_new;
            fill(s);
            changed = dbs[d];
            change(s, ways[w]);
            if (w < 2) {
                ask_all(s, hash, st);
                assert_true(st[0] == PZ_BAD_DATA || st[1] == PZ_BAD_DATA || st[2] == PZ_BAD_DATA);
            } else {
                assert_int_equal(pz_live_count(s, &size, NULL), PZ_BAD_DATA);
                assert_int_equal(pz_live_put(s, &e, 1, &n_new, &last, NULL), PZ_BAD_DATA);
            }
            pz_live_close(s);
            remove_dir(NULL);
            assert_int_equal(mkdir(dir, 0700), 0);
        }
}

/* Entries at the end of a page are taken away, an entry points to another's place, a page is
 * another one. */
static void damage_page(unsigned char *file, size_t page, int how)
{
    unsigned char *p = file + 4096 * page;
    uint16_t lower;
    memcpy(&lower, p + 12, 2);
    lower = (uint16_t)(lower - 2);
    if (how == 0)
        memcpy(p + 12, &lower, 2);
    else if (how == 1)
        memcpy(p + 16, p + 18, 2);
    else if (how == 2)
        memcpy(p, p + 4096, 4096);
    else
        p[4096 - 20] ^= 4;
}

/* Ask in a process of its own, as LMDB may crash on such pages: 0 the right answer, 1 another one,
 * else it said so. */
static int ask_apart(const uint64_t want[3])
{
    static const int crash[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    struct pz_live_store *s;
    uint64_t got[3];
    enum pz_status st[3];
    int status;
    bool same = true;
    pid_t child = fork();
    if (child > 0)
        return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 70;
    /* Where pz leaves a crash alone, under a sanitizer, cmocka would go on with the next test. */
    for (size_t i = 0; i < sizeof crash / sizeof *crash; i++)
        signal(crash[i], SIG_DFL);
    pz_signals_install();
    close(2);
    if (pz_live_open(dir, false, &s, NULL) != PZ_OK)
        _exit(65);
    ask_all(s, got, st);
    for (int i = 0; i < 3; i++)
        same = same && (st[i] != PZ_OK || got[i] == want[i]);
    _exit(!same ? 1 : st[0] != PZ_OK || st[1] != PZ_OK || st[2] != PZ_OK ? 65 : 0);
}

TEST(a_damaged_page_gives_the_right_answer_or_says_so)
{
    static unsigned char good[4 << 20], bad[4 << 20];
    char path[96];
    struct pz_live_store *s = open_store();
    uint64_t want[3];
    enum pz_status st[3];
    FILE *f;
    size_t n, said = 0;
    int answer;
    fill(s);
    ask_all(s, want, st);
    pz_live_close(s);
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    f = fopen(path, "rb");
    n = f ? fread(good, 1, sizeof good, f) / 4096 : 0;
    assert_true(n > 50 && n < sizeof good / 4096);
    fclose(f);
    for (size_t page = 2; page + 1 < n; page += 3)
        for (int how = 0; how < 4; how++) {
            memcpy(bad, good, sizeof bad);
            damage_page(bad, page, how);
            f = fopen(path, "wb");
            assert_true(f && fwrite(bad, 4096, n, f) == n && fclose(f) == 0);
            answer = ask_apart(want);
            if (answer == 1)
                fail_msg("page %zu, damage %d: another answer", page, how);
            said += answer != 0;
        }
    assert_true(said > n / 3); /* the others are free, or hold what is not asked for here */
}

/* The number of the newest transaction is made smaller, so that LMDB takes the other first page. */
TEST(an_older_state_is_not_taken_for_the_newest)
{
    unsigned char page[2][4096];
    char path[96];
    struct pz_live_store *s = open_store();
    uint64_t number[2], want[3];
    enum pz_status st[3];
    FILE *f;
    size_t newest;
    fill(s);
    ask_all(s, want, st);
    pz_live_close(s);
    assert_int_equal(ask_apart(want), 0);
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    f = fopen(path, "r+b");
    assert_true(f && fread(page, 4096, 2, f) == 2);
    for (int i = 0; i < 2; i++)
        memcpy(&number[i], page[i] + 16 + 24 + 96 + 8, 8);
    newest = number[1] > number[0];
    number[newest] -= 4;
    memcpy(page[newest] + 16 + 24 + 96 + 8, &number[newest], 8);
    assert_true(fseek(f, (long)newest * 4096, SEEK_SET) == 0 &&
                fwrite(page[newest], 4096, 1, f) == 1 && fclose(f) == 0);
    assert_int_equal(ask_apart(want), 65);
}

TEST(a_session_joins_the_user_with_its_earlier_events)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of(NULL, "s", "a"), event_of("u", NULL, "b"),
                            event_of("u", "s", "c"), event_of(NULL, "s", "d") };
    uint64_t last = 0;
    assert_int_equal(put(s, e, 1, &last), 1);
    expect_items(s, "s", 0, "a ");
    expect_items(s, "u", 0, "");
    assert_int_equal(put(s, e + 1, 3, &last), 3);
    expect_items(s, "u", 0, "a b c d ");
    /* A model that has seen events 1 and 2 knew event 1 as nobody's: event 3 made it the user's. */
    expect_items(s, "u", 2, "a c d ");
    expect_items(s, "u", 3, "d ");
    pz_live_close(s);
}

TEST(forgetting_a_user_removes_his_events_and_leaves_a_tombstone)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", "s", "a"), event_of("v", NULL, "b") };
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    struct pz_err err = { 0 };
    struct pz_live_receipt r;
    uint64_t last = 0;
    assert_int_equal(put(s, e, 2, &last), 2);
    assert_int_equal(pz_live_forget(s, "u", false, &r, &err), PZ_OK);
    assert_int_equal(r.events, 1);
    assert_int_equal(r.sessions, 1);
    assert_int_equal(r.number, 3);
    assert_int_equal(pz_live_read(s, "u", 0, &arena, &live, &err), PZ_OK);
    assert_true(live.forgotten);
    assert_int_equal(live.n_events, 0);
    pz_arena_clear(&arena);
    expect_items(s, "v", 0, "b ");
    pz_live_close(s);
}

TEST(one_id_for_session_and_user_counts_its_events_once)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of(NULL, "x", "a"), event_of("x", "x", "b") };
    struct pz_err err = { 0 };
    struct pz_live_receipt r;
    uint64_t last = 0;
    assert_int_equal(put(s, e, 2, &last), 2);
    expect_items(s, "x", 0, "a b ");
    assert_int_equal(pz_live_forget(s, "x", false, &r, &err), PZ_OK);
    assert_int_equal(r.events, 2);
    pz_live_close(s);
}

TEST(impressions_and_properties_come_back_with_the_event)
{
    struct pz_live_store *s = open_store();
    struct pz_event e = event_of("u", NULL, "a");
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    struct pz_err err = { 0 };
    uint64_t last = 0;
    e.impression = "x|y|z";
    e.properties = "{\"a\":1}";
    assert_int_equal(put(s, &e, 1, &last), 1);
    assert_int_equal(pz_live_read(s, "u", 0, &arena, &live, &err), PZ_OK);
    assert_int_equal(live.event[0].n_shown, 3);
    assert_string_equal(live.event[0].shown[0], "x");
    assert_string_equal(live.event[0].shown[2], "z");
    assert_string_equal(live.event[0].properties, "{\"a\":1}");
    assert_int_equal(live.event[0].number, 1);
    pz_arena_clear(&arena);
    pz_live_close(s);
}

TEST(a_forgotten_user_who_comes_back_counts_with_all_later_events)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", NULL, "a"), event_of("u", NULL, "b") };
    struct pz_live_receipt r;
    struct pz_err err = { 0 };
    uint64_t last = 0;
    assert_int_equal(put(s, e, 1, &last), 1);
    assert_int_equal(pz_live_forget(s, "u", false, &r, &err), PZ_OK);
    assert_int_equal(put(s, e + 1, 1, &last), 1);
    assert_int_equal(last, 3);
    /* A model that has seen number 3 is not asked for his history: the store is. */
    expect_items(s, "u", 3, "b ");
    pz_live_close(s);
}

TEST(a_full_map_grows_by_itself)
{
    enum { N = 2000, TEXT = 20000 };
    struct pz_live_store *s = open_store();
    char *text = malloc(TEXT + 16);
    struct pz_err err = { 0 };
    struct pz_live_size size = { 0 };
    uint64_t last = 0;
    assert_non_null(text);
    strcpy(text, "{\"a\":\"");
    memset(text + 6, 'x', TEXT);
    strcpy(text + 6 + TEXT, "\"}");
    struct pz_event e = event_of("u", NULL, "a");
    assert_int_equal(put(s, &e, 1, &last), 1);
    /* Another process would map the file as it is now; so does this second store of the test. */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct pz_arena arena = { 0 };
        struct pz_live live = { 0 };
        struct pz_live_store *reader = NULL;
        int bad = pz_live_open(dir, false, &reader, NULL) != PZ_OK || !reader;
        for (int i = 0; i < 6000 && !bad && size.events <= N; i++) { /* at most two minutes */
            pz_arena_clear(&arena);
            bad = pz_live_count(reader, &size, NULL) != PZ_OK ||
                  pz_live_read(reader, "u", 0, &arena, &live, NULL) != PZ_OK;
            usleep(20000);
        }
        bad = bad || live.n_events < PZ_LIVE_SHOWN_MAX;
        pz_arena_clear(&arena);
        pz_live_close(reader);
        _exit(bad);
    }
    e.properties = text;
    for (int i = 0; i < N / 500; i++) { /* 40 MB, beyond any first map */
        struct pz_event many[500];
        for (int k = 0; k < 500; k++) {
            many[k] = e;
        }
        assert_int_equal(put(s, many, 500, &last), 500);
    }
    assert_int_equal(pz_live_count(s, &size, &err), PZ_OK);
    assert_int_equal(size.events, N + 1);
    assert_true(size.bytes > (uint64_t)N * TEXT);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    free(text);
    pz_live_close(s);
}

TEST(all_events_of_a_busy_id_are_read_the_newest_with_what_was_shown)
{
    enum { N = 6000 };
    static struct pz_event e[N];
    static char item[N][8];
    struct pz_live_store *s = open_store();
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    const struct pz_live_want want = { .detail = PZ_LIVE_EACH, .most = 1000 };
    struct pz_live_receipt r;
    uint64_t last = 0;
    for (size_t i = 0; i < N; i++) {
        snprintf(item[i], sizeof item[i], "%zu", i + 1);
        e[i] = event_of("u", i % 3 == 0 ? "s" : NULL, item[i]);
        e[i].user_id = i % 3 == 0 && i > 0 ? NULL : "u"; /* a third by the session */
        e[i].impression = "x|y";
    }
    (void)put(s, e, N, &last);
    assert_int_equal(pz_live_read(s, "u", 0, &arena, &live, NULL), PZ_OK);
    assert_int_equal(live.n_events, N);
    for (size_t i = 0; i < live.n_events; i++) {
        assert_int_equal(live.event[i].number, i + 1);
        assert_string_equal(live.event[i].item_id, item[i]);
        assert_int_equal(live.event[i].n_shown, i < N - PZ_LIVE_SHOWN_MAX ? 0 : 2);
    }
    assert_int_equal(pz_live_read_as(s, "u", &want, &arena, &live, NULL), PZ_OK);
    assert_int_equal(live.n_events, 1000);
    assert_int_equal(live.event[0].number, N - 999);
    pz_arena_clear(&arena);
    assert_int_equal(pz_live_forget(s, "u", false, &r, NULL), PZ_OK);
    assert_int_equal(r.events, N); /* of which nothing is left out */
    pz_live_close(s);
}

TEST(large_properties_of_a_busy_id_are_left_out_but_not_the_events)
{
    enum { N = 600, BYTES = 500000, MORE = PZ_LIVE_READ_BYTES / BYTES + 1 };
    static struct pz_event e[N];
    char *properties = malloc(BYTES + 1);
    struct pz_live_store *s = open_store();
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    uint64_t last = 0;
    size_t n = 0;
    assert_non_null(properties);
    memset(properties, 'x', BYTES);
    properties[BYTES] = '\0';
    for (size_t i = 0; i < N; i++) {
        e[i] = event_of("u", NULL, "i");
        e[i].properties = i < N - PZ_LIVE_SHOWN_MAX ? properties : NULL;
    }
    (void)put(s, e, N, &last);
    assert_int_equal(pz_live_read(s, "u", 0, &arena, &live, NULL), PZ_OK);
    assert_int_equal(live.n_events, N);
    for (size_t i = 0; i < N; i++)
        n += live.event[i].properties != NULL;
    assert_int_equal(n, MORE);
    pz_arena_clear(&arena);
    pz_live_close(s);
    free(properties);
}

TEST(a_reader_of_nothing_is_no_error)
{
    struct pz_live_store *s = NULL;
    assert_int_equal(pz_live_open(dir, false, &s, NULL), PZ_OK);
    assert_null(s);
}

/* Inside a transaction: outside of one a reader holds no slot. */
static int die_reading(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    (void)s;
    (void)txn;
    (void)context;
    (void)kill(getpid(), SIGKILL);
    return 0;
}

TEST(readers_that_died_leave_no_slot_behind)
{
    struct pz_live_store *held = open_store(); /* else the next one to come would start afresh */
    struct pz_event e = event_of("u", NULL, "a");
    uint64_t last = 0;
    assert_int_equal(put(held, &e, 1, &last), 1);
    for (int i = 0; i < 2200; i++) { /* more than there are slots */
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct pz_live_store *s = NULL;
            if (pz_live_open(dir, false, &s, NULL) == PZ_OK && s) {
                (void)pz_db_read(s, die_reading, NULL, "reading", NULL);
            }
            _exit(1);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    pz_live_close(held);
}

/* ---- rows ---- */

static uint64_t put_row(struct pz_live_store *s, enum pz_live_table table, const char *id, size_t n,
                        const char *const *name, const char *const *value)
{
    struct pz_live_row row = { id, name, value, n };
    struct pz_err err = { 0 };
    uint64_t last = 0;
    if (pz_live_put_rows(s, table, &row, 1, &last, &err) != PZ_OK) {
        fail_msg("%s", err.text);
    }
    return last;
}

TEST(an_overlay_has_the_models_types_and_infers_others)
{
    struct pz_attr model_attr[] = { { .name = "PRICE", .kind = PZ_ATTR_NUMBER, .wide = true },
                                    { .name = "GENRE", .kind = PZ_ATTR_CATEGORY },
                                    { .name = "ADULT", .kind = PZ_ATTR_BOOL },
                                    { .name = "TITLE", .kind = PZ_ATTR_STRING } };
    struct pz_attrs known = { .n_attrs = 4, .attr = model_attr };
    const char *name[] = { "price", "GENRE", "ADULT", "TITLE", "stock" };
    struct pz_live_store *s = open_store();
    struct pz_overlay *o = NULL;
    struct pz_err err = { 0 };
    (void)put_row(s, PZ_LIVE_ITEMS, "b", 5, name,
                  (const char *[]){ "2.5", "y|x", "True", "T|1", "7" });
    (void)put_row(s, PZ_LIVE_ITEMS, "a", 2, name + 3, (const char *[]){ "T", "8" });
    (void)put_row(s, PZ_LIVE_ITEMS, "c", 2, name, (const char *[]){ "dear", "x" });
    assert_int_equal(pz_overlay_build(s, PZ_LIVE_ITEMS, 0, &known, &o, &err), PZ_OK);
    assert_int_equal(o->ids.n, 3);
    assert_int_equal(pz_dict_find_str(&o->ids, "b"), 1);
    assert_int_equal(o->attrs.n_rows, 3);
    const struct pz_attr *price = pz_attrs_find(&o->attrs, "PRICE");
    assert_string_equal(price->name, "PRICE");
    assert_true(price->kind == PZ_ATTR_NUMBER && price->wide);
    assert_true(isnan(price->num[0]) && price->num[1] == 2.5 && isnan(price->num[2]));
    const struct pz_attr *genre = pz_attrs_find(&o->attrs, "GENRE");
    assert_int_equal(genre->ptr[3], 3);
    assert_int_equal(genre->ptr[1], 0);
    assert_int_equal(genre->code[0],
                     pz_dict_find_str(&genre->values, "y")); /* in the order written */
    assert_int_equal(genre->code[2], pz_dict_find_str(&genre->values, "x"));
    assert_true(pz_attrs_find(&o->attrs, "ADULT")->num[1] == 1);
    assert_int_equal(pz_attrs_find(&o->attrs, "TITLE")->values.n,
                     2); /* no list: '|' is a letter of it */
    const struct pz_attr *stock = pz_attrs_find(&o->attrs, "STOCK");
    assert_true(stock->kind == PZ_ATTR_NUMBER && stock->num[0] == 8 && isnan(stock->num[2]));
    pz_overlay_free(o);
    pz_live_close(s);
}

TEST(a_row_replaces_the_whole_row_and_numbers_tell_what_is_new)
{
    const char *name[] = { "A", "B" };
    struct pz_live_store *s = open_store();
    struct pz_overlay *o = NULL;
    struct pz_live_size size;
    struct pz_err err = { 0 };
    assert_int_equal(put_row(s, PZ_LIVE_USERS, "u", 2, name, (const char *[]){ "1", "2" }), 1);
    assert_int_equal(put_row(s, PZ_LIVE_USERS, "v", 1, name, (const char *[]){ "3" }), 2);
    assert_int_equal(put_row(s, PZ_LIVE_USERS, "u", 1, name + 1, (const char *[]){ "4" }), 3);
    assert_int_equal(pz_live_count(s, &size, &err), PZ_OK);
    assert_int_equal(size.users, 2);
    assert_int_equal(size.rows_last, 3);
    assert_int_equal(pz_overlay_build(s, PZ_LIVE_USERS, 0, NULL, &o, &err), PZ_OK);
    assert_true(isnan(pz_attrs_find(&o->attrs, "A")->num[0]));
    assert_true(pz_attrs_find(&o->attrs, "B")->num[0] == 4);
    pz_overlay_free(o);
    assert_int_equal(pz_overlay_build(s, PZ_LIVE_USERS, 2, NULL, &o, &err), PZ_OK);
    assert_int_equal(o->ids.n, 1);
    pz_overlay_free(o);
    assert_int_equal(pz_overlay_build(s, PZ_LIVE_USERS, 3, NULL, &o, &err), PZ_OK);
    assert_null(o);
    pz_live_close(s);
}

struct met {
    size_t n;
    char last[32];
};

static enum pz_status meet_row(void *context, const struct pz_live_row *row, struct pz_err *err)
{
    struct met *to = context;

    (void)err;
    to->n++;
    assert_true(strcmp(to->last, row->id) < 0); /* in byte order, each once */
    snprintf(to->last, sizeof to->last, "%s", row->id);
    return PZ_OK;
}

static void put_numbered(struct pz_live_store *s, enum pz_live_table table, int from, int n)
{
    static const char *const name[1] = { "A" }, *const value[1] = { "1" };
    struct pz_live_row *row = calloc((size_t)n, sizeof *row);
    char(*id)[16] = calloc((size_t)n, sizeof *id);
    struct pz_err err = { 0 };
    uint64_t last;

    for (int i = 0; i < n; i++) {
        snprintf(id[i], sizeof *id, "r%d", from + i);
        row[i] = (struct pz_live_row){ id[i], name, value, 1 };
    }
    assert_int_equal(pz_live_put_rows(s, table, row, (size_t)n, &last, &err), PZ_OK);
    free(row);
    free(id);
}

static size_t rows_since(struct pz_live_store *s, enum pz_live_table table, uint64_t after)
{
    struct met met = { 0, "" };

    assert_int_equal(pz_live_each_row(s, table, after, meet_row, &met, NULL), PZ_OK);
    return met.n;
}

static bool were(struct pz_live_store *s, uint64_t number, uint64_t mark)
{
    bool was;

    assert_int_equal(pz_live_rows_were(s, number, mark, &was, NULL), PZ_OK);
    return was;
}

TEST(the_store_knows_which_of_its_states_somebody_has_seen)
{
    struct pz_live_store *s = open_store();
    struct pz_live_size a, b, c;
    struct pz_live_receipt receipt;

    put_numbered(s, PZ_LIVE_ITEMS, 0, 10);
    assert_int_equal(pz_live_count(s, &a, NULL), PZ_OK);
    assert_true(were(s, a.rows_last, a.rows_mark));
    put_numbered(s, PZ_LIVE_ITEMS, 5, 1000);
    put_numbered(s, PZ_LIVE_USERS, 0, 3);
    put_numbered(s, PZ_LIVE_ITEMS, 5, 1);
    assert_true(were(s, a.rows_last, a.rows_mark));
    assert_false(were(s, a.rows_last, a.rows_mark + 1)); /* another past */
    assert_false(were(s, a.rows_last + 5000, a.rows_mark));
    assert_int_equal(rows_since(s, PZ_LIVE_ITEMS, a.rows_last), 1000);
    assert_int_equal(rows_since(s, PZ_LIVE_USERS, a.rows_last), 3);
    assert_int_equal(rows_since(s, PZ_LIVE_ITEMS, 0), 1005);
    /* of a large batch the end alone is a state */
    put_numbered(s, PZ_LIVE_ITEMS, 0, 5000);
    assert_int_equal(pz_live_count(s, &b, NULL), PZ_OK);
    assert_false(were(s, a.rows_last, a.rows_mark));
    assert_true(were(s, b.rows_last, b.rows_mark));
    assert_int_equal(rows_since(s, PZ_LIVE_ITEMS, a.rows_last), 5000);
    put_numbered(s, PZ_LIVE_USERS, 2, 2);
    assert_true(were(s, b.rows_last, b.rows_mark));
    assert_int_equal(rows_since(s, PZ_LIVE_ITEMS, b.rows_last), 0);
    assert_int_equal(rows_since(s, PZ_LIVE_USERS, b.rows_last), 2);
    /* what was removed is in what was made before */
    assert_int_equal(pz_live_forget(s, "r3", false, &receipt, NULL), PZ_OK);
    assert_int_equal(receipt.rows, 1);
    assert_false(were(s, b.rows_last, b.rows_mark));
    put_numbered(s, PZ_LIVE_ITEMS, 7, 1);
    assert_false(were(s, b.rows_last, b.rows_mark));
    assert_int_equal(pz_live_count(s, &c, NULL), PZ_OK);
    assert_true(were(s, c.rows_last, c.rows_mark));
    pz_live_close(s);
}

TEST(the_newest_changes_of_rows_are_listed_and_no_more)
{
    struct pz_live_store *s = open_store();
    struct pz_live_size a, b;

    put_numbered(s, PZ_LIVE_ITEMS, 0, 4000);
    assert_int_equal(pz_live_count(s, &a, NULL), PZ_OK);
    for (int i = 0; i < 16; i++)
        put_numbered(s, PZ_LIVE_ITEMS, i, 4000);
    assert_int_equal(pz_live_count(s, &b, NULL), PZ_OK);
    assert_true(were(s, a.rows_last, a.rows_mark));
    put_numbered(s, PZ_LIVE_ITEMS, 0, 4000); /* 68,000 */
    assert_false(were(s, a.rows_last, a.rows_mark));
    assert_true(were(s, b.rows_last, b.rows_mark));
    assert_int_equal(rows_since(s, PZ_LIVE_ITEMS, a.rows_last), 4015);
    pz_live_close(s);
}

TEST(collecting_leaves_what_some_model_may_need)
{
    const char *name[] = { "A" };
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", NULL, "a"), event_of(NULL, "nobody", "b"),
                            event_of(NULL, "s", "c"), event_of("v", "s", "d"),
                            event_of("u", NULL, "e") };
    struct pz_live_receipt r;
    struct pz_err err = { 0 };
    uint64_t last = 0, removed = 0;
    e[4].event_id = "once";
    assert_int_equal(put(s, e, 5, &last), 5);
    assert_int_equal(put_row(s, PZ_LIVE_ITEMS, "x", 1, name, (const char *[]){ "1" }), 6);
    assert_int_equal(put_row(s, PZ_LIVE_ITEMS, "y", 1, name, (const char *[]){ "1" }), 7);
    /* Up to 3: event 1 alone; session s joined by event 4, later than that. */
    assert_int_equal(pz_live_collect(s, 3, 0, &removed, &err), PZ_OK);
    assert_int_equal(removed, 1);
    expect_items(s, "v", 0, "c d ");
    assert_int_equal(pz_live_forget(s, "v", false, &r, &err), PZ_OK);
    assert_int_equal(r.events, 2);
    assert_int_equal(put(s, e + 3, 1, &last), 1);
    assert_int_equal(pz_live_collect(s, last, 6, &removed, &err), PZ_OK);
    assert_int_equal(removed, 2); /* event 5 and row 6 */
    expect_items(s, "nobody", 0, "b ");
    expect_items(s, "v", last, "d ");
    assert_int_equal(put(s, e + 4, 1, &last), 0); /* its id is known still */
    pz_live_close(s);
}

/* A writer process: rounds of ten events of one user; exit status 0 when all were new. */
static void write_rounds(const char *user, int rounds)
{
    struct pz_live_store *s = NULL;
    int bad = pz_live_open(dir, true, &s, NULL) != PZ_OK;
    for (int r = 0; r < rounds && !bad; r++) {
        struct pz_event e[10];
        size_t n_new = 0;
        uint64_t last = 0;
        for (size_t i = 0; i < 10; i++) {
            e[i] = event_of(user, NULL, "item");
        }
        bad = pz_live_put(s, e, 10, &n_new, &last, NULL) != PZ_OK || n_new != 10;
    }
    pz_live_close(s);
    _exit(bad);
}

/* A reader process: what it sees never shrinks and is always whole transactions of ten. */
static void read_rounds(const char *user, int rounds)
{
    size_t before = 0;
    int bad = 0;
    for (int r = 0; r < rounds && !bad; r++) {
        struct pz_live_store *s = NULL;
        struct pz_arena arena = { 0 };
        struct pz_live live = { 0 };
        bad = pz_live_open(dir, false, &s, NULL) != PZ_OK || !s;
        bad = bad || pz_live_read(s, user, 0, &arena, &live, NULL) != PZ_OK;
        bad = bad || live.n_events < before || live.n_events % 10 != 0;
        before = live.n_events;
        pz_arena_clear(&arena);
        pz_live_close(s);
    }
    _exit(bad);
}

TEST(two_writers_and_ten_readers_lose_nothing)
{
    pz_live_close(open_store());
    for (int i = 0; i < 12; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0 && i < 2) {
            write_rounds(i == 0 ? "u" : "v", 40);
        } else if (pid == 0) {
            read_rounds(i % 2 == 0 ? "u" : "v", 40);
        }
    }
    for (int i = 0; i < 12; i++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct pz_live_store *s = open_store();
    struct pz_live_size size;
    assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
    assert_int_equal(size.last, 800);
    assert_int_equal(size.events, 800);
    pz_live_close(s);
}

/* Threads of one process: writers whose events make the map grow, and readers. */
struct thread_work {
    struct pz_live_store *s;
    const char *text;
    bool writes;
    size_t bad, seen;
};

static void *work(void *context)
{
    struct thread_work *w = context;
    for (int i = 0; i < 60; i++) {
        struct pz_event e = event_of("u", NULL, "a");
        struct pz_arena arena = { 0 };
        struct pz_live live = { 0 };
        size_t n_new = 0;
        uint64_t last = 0;
        e.properties = w->text;
        if (w->writes) {
            w->bad += pz_live_put(w->s, &e, 1, &n_new, &last, NULL) != PZ_OK || n_new != 1;
        } else {
            w->bad += pz_live_read(w->s, "u", 0, &arena, &live, NULL) != PZ_OK ||
                      live.n_events < w->seen;
            w->seen = live.n_events;
        }
        pz_arena_clear(&arena);
    }
    return NULL;
}

TEST(threads_write_and_read_one_store_while_it_grows)
{
    enum { N = 6, TEXT = 100000 };
    struct pz_live_store *s = open_store();
    struct thread_work w[N];
    pthread_t thread[N];
    struct pz_live_size size;
    char *text = malloc(TEXT + 16);
    assert_non_null(text);
    strcpy(text, "{\"a\":\"");
    memset(text + 6, 'x', TEXT);
    strcpy(text + 6 + TEXT, "\"}");
    for (int i = 0; i < N; i++) {
        w[i] = (struct thread_work){ .s = s, .text = text, .writes = i < N / 2 };
        assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(w[i].bad, 0);
    }
    assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
    assert_int_equal(size.events, 60 * N / 2);
    assert_true(size.bytes > 60 * (N / 2) * (uint64_t)TEXT);
    free(text);
    pz_live_close(s);
}

/* What a server does: writers that stay, views that come and go, and another process. */
struct sharing {
    struct pz_live_store *s;
    atomic_bool *done;
    size_t n, bad;
};

static void *put_many(void *context)
{
    struct sharing *w = context;
    for (size_t i = 0; i < 200; i++) {
        struct pz_event e = event_of("u", NULL, "a");
        size_t n_new = 0;
        uint64_t last = 0;
        w->bad += pz_live_put(w->s, &e, 1, &n_new, &last, NULL) != PZ_OK || n_new != 1;
        w->n += n_new;
    }
    return NULL;
}

static void *open_and_close(void *context)
{
    struct sharing *w = context;
    size_t before = 0;
    while (!atomic_load(w->done)) {
        struct pz_live_store *s = NULL;
        struct pz_live_size size = { 0 };
        w->bad += pz_live_open(dir, false, &s, NULL) != PZ_OK || s != w->s ||
                  pz_live_count(s, &size, NULL) != PZ_OK || size.events < before;
        before = size.events;
        pz_live_close(s);
        w->n++;
        usleep(1000);
    }
    return NULL;
}

TEST(opening_an_open_store_borrows_its_environment)
{
    struct pz_live_store *s = open_store();
    atomic_bool done = false;
    struct sharing w[3] = { { s, &done, 0, 0 }, { s, &done, 0, 0 }, { s, &done, 0, 0 } };
    pthread_t thread[3];
    struct pz_live_size size;
    int status = -1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        write_rounds("v", 100);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, i < 2 ? put_many : open_and_close, &w[i]),
                         0);
    }
    for (int i = 0; i < 3; i++) {
        atomic_store(&done, i == 2);
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(w[i].bad, 0);
        if (i == 1) {
            assert_int_equal(waitpid(pid, &status, 0), pid);
            assert_int_equal(status, 0);
            atomic_store(&done, true);
        }
    }
    assert_true(w[2].n > 0);
    assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
    assert_int_equal(size.events, w[0].n + w[1].n + 1000);
    pz_live_close(s);
}

TEST(a_reader_and_a_writer_of_one_process_share_whoever_comes_first)
{
    struct pz_live_store *reader = NULL, *writer;
    struct pz_event e = event_of("u", NULL, "a");
    uint64_t last = 0;
    char link[80];
    pz_live_close(open_store());
    assert_int_equal(pz_live_open(dir, false, &reader, NULL), PZ_OK);
    writer = open_store();
    assert_ptr_equal(reader, writer);
    snprintf(link, sizeof link, "%s.link", dir);
    assert_int_equal(symlink(dir, link), 0);
    pz_live_close(writer);
    assert_int_equal(pz_live_open(link, true, &writer, NULL), PZ_OK);
    assert_int_equal(unlink(link), 0);
    assert_ptr_equal(reader, writer); /* the file decides, not its name */
    assert_int_equal(put(writer, &e, 1, &last), 1);
    expect_items(reader, "u", 0, "a ");
    pz_live_close(reader);
    expect_items(writer, "u", 0, "a ");
    pz_live_close(writer);
}

/* Read without a pause; what they see never shrinks. */
static void *read_on(void *context)
{
    struct sharing *w = context;
    while (!atomic_load(w->done)) {
        struct pz_arena arena = { 0 };
        struct pz_live live = { 0 };
        w->bad += pz_live_read(w->s, "u", 0, &arena, &live, NULL) != PZ_OK || live.n_events < w->n;
        w->n = live.n_events;
        pz_arena_clear(&arena);
    }
    return NULL;
}

static int grow_under_readers(void)
{
    enum { N = 8, TEXT = 900000, PUTS = 120 };
    struct rlimit limit = { (rlim_t)1 << 30, (rlim_t)1 << 30 };
    char *text = calloc(1, TEXT + 1);
    struct pz_event e = event_of("v", NULL, "a"), few = event_of("u", NULL, "b");
    atomic_bool done = false;
    struct sharing w[N];
    pthread_t thread[N];
    size_t n_new = 0, bad = text == NULL || setrlimit(RLIMIT_AS, &limit) != 0;
    uint64_t last = 0;
    if (bad) {
        return 1;
    }
    struct pz_live_store *s = open_store();
    memset(text, 'x', TEXT);
    e.impression = text;
    (void)put(s, &few, 1, &last);
    for (int i = 0; i < N; i++) {
        w[i] = (struct sharing){ s, &done, 0, 0 };
        bad += pthread_create(&thread[i], NULL, read_on, &w[i]) != 0;
    }
    for (int i = 0; i < PUTS; i++) { /* twice the map of an eighth of the limit */
        struct pz_event two[2] = { e, e };
        bad += pz_live_put(s, two, 2, &n_new, &last, NULL) != PZ_OK || n_new != 2;
    }
    atomic_store(&done, true);
    for (int i = 0; i < N; i++) {
        bad += pthread_join(thread[i], NULL) != 0 || w[i].bad != 0;
    }
    pz_live_close(s);
    free(text);
    return bad != 0;
}

/* With readers preferred, the writer waits for a moment without readers, which does not come. */
TEST(a_small_map_grows_though_eight_threads_read_without_a_pause)
{
    int status = -1;
    pid_t pid;
    if (UNIT_SANITIZED) {
        skip(); /* sanitizers need all the address space */
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(grow_under_readers());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A caller that waits (a pipe that nobody reads) while others write. */
static enum pz_status write_meanwhile(void *context, int pass, uint64_t number,
                                      const struct pz_event *event, struct pz_err *err)
{
    struct pz_live_store *s = context;
    struct pz_event e = event_of("w", NULL, "late");
    struct pz_live_space space;
    uint64_t last = 0;
    (void)pass;
    (void)event;
    assert_true(number <= 2000); /* what comes meanwhile is not of this moment */
    if (number % 500 == 1) {
        (void)put(s, &e, 1, &last);
        assert_int_equal(pz_live_space(s, &space, err), PZ_OK);
        assert_int_equal(space.behind, 0);
        assert_int_equal(space.pid, 0);
    }
    return PZ_OK;
}

TEST(a_reader_that_takes_its_time_keeps_no_snapshot)
{
    struct pz_live_store *s = open_store();
    struct pz_event e[1000];
    struct pz_err err = { 0 };
    uint64_t last = 0;
    for (size_t i = 0; i < 1000; i++) {
        e[i] = event_of("u", NULL, "a");
    }
    (void)put(s, e, 1000, &last);
    (void)put(s, e, 1000, &last);
    assert_int_equal(pz_live_each(s, 0, 2, write_meanwhile, s, &err), PZ_OK);
    expect_items(s, "w", 0, "late late late late late late late late ");
    pz_live_close(s);
}

static bool file_has(const char *text)
{
    char path[96], *bytes;
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size_t n = (size_t)ftell(f);
    rewind(f);
    bytes = malloc(n);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, n, f), n);
    (void)fclose(f);
    bool has = memmem(bytes, n, text, strlen(text)) != NULL;
    free(bytes);
    return has;
}

TEST(a_purged_user_leaves_no_byte_in_a_compacted_store)
{
    const char *traces[] = { "Alice-4711", "sess-of-alice", "evid-alice", "note-of-alice",
                             "AliceTown" };
    struct pz_live_store *s = open_store();
    struct pz_live_receipt r;
    struct pz_live_compacted done;
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    struct pz_err err = { 0 };
    uint64_t last = 0;
    for (int i = 0; i < 300; i++) {
        char id[32], item[32];
        struct pz_event e = event_of(i % 3 ? "bob" : "Alice-4711", i % 3 ? NULL : "sess-of-alice",
                                     item);
        snprintf(item, sizeof item, "item%d", i);
        snprintf(id, sizeof id, i % 3 ? "e%d" : "evid-alice%d", i);
        e.event_id = id;
        e.properties = i % 3 ? NULL : "{\"a\":\"note-of-alice\"}";
        assert_int_equal(put(s, &e, 1, &last), 1);
    }
    (void)put_row(s, PZ_LIVE_USERS, "Alice-4711", 1, (const char *[]){ "CITY" },
                  (const char *[]){ "AliceTown" });
    assert_true(file_has(traces[0]));
    assert_int_equal(pz_live_forget(s, "Alice-4711", true, &r, &err), PZ_OK);
    assert_int_equal(r.events, 100);
    assert_int_equal(pz_live_compact(s, &done, &err), PZ_OK);
    assert_true(done.after < done.before);
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        assert_true(!file_has(traces[i]));
    }
    /* and the store is what it was: forgotten, its ids taken, bob's events there */
    assert_int_equal(pz_live_read(s, "Alice-4711", 0, &arena, &live, &err), PZ_OK);
    assert_true(live.forgotten && live.n_events == 0);
    assert_int_equal(pz_live_read(s, "bob", 0, &arena, &live, &err), PZ_OK);
    assert_int_equal(live.n_events, 200);
    pz_arena_clear(&arena);
    struct pz_event e = event_of("Alice-4711", NULL, "x");
    e.event_id = "evid-alice0";
    assert_int_equal(put(s, &e, 1, &last), 0);
    assert_int_equal(last, 302); /* numbers go on */
    pz_live_close(s);
}

/* Writers in threads and in another process, who follow the new file with their next event. */
TEST(compacting_while_others_write_loses_nothing)
{
    struct pz_live_store *s = open_store();
    struct sharing w[2] = { { s, NULL, 0, 0 }, { s, NULL, 0, 0 } };
    pthread_t thread[2];
    struct pz_live_size size;
    struct pz_err err = { 0 };
    int status = -1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        write_rounds("v", 100);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, put_many, &w[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pz_live_compact(s, NULL, &err), PZ_OK);
        usleep(5000);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(w[i].bad, 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
    assert_int_equal(size.events, 1400);
    assert_int_equal(size.last, 1400);
    pz_live_close(s);
}

/* One map: whatever passes by itself is to be tried again, wherever it was met. */
TEST(a_failing_call_has_one_status_everywhere)
{
    static const struct {
        int errnum;
        enum pz_status status;
    } map[] = {
        { EMFILE, PZ_TRY_AGAIN }, { ENFILE, PZ_TRY_AGAIN },  { EINTR, PZ_TRY_AGAIN },
        { ENOLCK, PZ_TRY_AGAIN }, { ENOMEM, PZ_TRY_AGAIN },  { EAGAIN, PZ_TRY_AGAIN },
        { EBUSY, PZ_TRY_AGAIN },  { ENOBUFS, PZ_TRY_AGAIN }, { EDEADLK, PZ_TRY_AGAIN },
        { EIO, PZ_IO },           { ENOSPC, PZ_IO },         { EDQUOT, PZ_IO },
        { EFBIG, PZ_IO },         { ESTALE, PZ_IO },
    };
    struct pz_live_store *s = open_store();

    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        assert_int_equal(pz_db_fail(s, map[i].errnum, "opening", NULL), map[i].status);
        assert_int_equal(pz_err_errno(NULL, PZ_INTERNAL, map[i].errnum, "opening"), map[i].status);
        assert_int_equal(pz_err_errno(NULL, PZ_NO_INPUT, map[i].errnum, "opening"), map[i].status);
    }
    assert_int_equal(pz_db_fail(s, EACCES, "opening", NULL), PZ_CANT_CREATE);
    assert_int_equal(pz_db_fail(s, MDB_CORRUPTED, "opening", NULL), PZ_BAD_DATA);
    assert_int_equal(pz_db_fail(s, MDB_READERS_FULL, "opening", NULL), PZ_TRY_AGAIN);
    pz_live_close(s);
}

/* Damage a byte of every page in turn: whoever opens the store says so, or nothing of it is
 * seen. */
TEST(pages_that_do_not_fit_together_are_found)
{
    static const size_t at[] = { 0, 10, 12, 14, 16 }; /* number, kind, bounds, first entry */
    char path[128];
    struct pz_live_store *s = open_store();
    struct pz_event e = event_of("alice", NULL, "x");
    uint64_t last;
    struct pz_live_size size;
    struct pz_err err = { 0 };
    size_t found = 0, tried = 0;
    unsigned char good, bad;
    int fd;

    for (int i = 0; i < 40; i++)
        assert_int_equal(put(s, &e, 1, &last), 1);
    assert_int_equal(pz_live_verify(s, &err), PZ_OK);
    pz_live_close(s);
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t page = 2; page < lseek(fd, 0, SEEK_END) / 4096; page++)
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            off_t place = page * 4096 + (off_t)at[i];

            assert_int_equal(pread(fd, &good, 1, place), 1);
            bad = (unsigned char)(good ^ 0xff);
            assert_int_equal(pwrite(fd, &bad, 1, place), 1);
            tried++;
            if (pz_live_open(dir, true, &s, &err) != PZ_OK) {
                assert_int_equal(err.status, PZ_BAD_DATA);
                found++;
            } else { /* a page that nothing leads to */
                assert_int_equal(pz_live_count(s, &size, NULL), PZ_OK);
                assert_int_equal(size.events, 40);
                pz_live_close(s);
            }
            assert_int_equal(pwrite(fd, &good, 1, place), 1);
        }
    close(fd);
    assert_in_range(found, 15, tried); /* the pages of nine tables and of what leads to them */
}

AROUND_EACH(fresh_dir, remove_dir)
