/* SPDX-License-Identifier: Apache-2.0 */
/* The live store: numbering, repeated ids, sessions that join users, forgetting, and several processes
 * writing and reading at once. Every test has a store of its own in a fresh folder. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "campaign/live.h"

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

static int fresh_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pz-live.XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    (void)state;
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
    struct pz_event e = { .user_id = user, .session_id = session, .item_id = item,
                          .event_type = "watch", .value = NAN, .time = 1700000000 };
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

static void expect_items(struct pz_live_store *s, const char *user, uint64_t after, const char *want)
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

static void events_are_numbered_from_one_and_read_in_order_after_a_number(void **state)
{
    (void)state;
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

static void a_repeated_event_id_is_kept_once(void **state)
{
    (void)state;
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

static void a_session_joins_the_user_with_its_earlier_events(void **state)
{
    (void)state;
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

static void forgetting_a_user_removes_his_events_and_leaves_a_tombstone(void **state)
{
    (void)state;
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of("u", "s", "a"), event_of("v", NULL, "b") };
    struct pz_arena arena = { 0 };
    struct pz_live live = { 0 };
    struct pz_err err = { 0 };
    struct pz_live_receipt r;
    uint64_t last = 0;
    assert_int_equal(put(s, e, 2, &last), 2);
    assert_int_equal(pz_live_forget(s, "u", &r, &err), PZ_OK);
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

static void one_id_for_session_and_user_counts_its_events_once(void **state)
{
    (void)state;
    struct pz_live_store *s = open_store();
    struct pz_event e[] = { event_of(NULL, "x", "a"), event_of("x", "x", "b") };
    struct pz_err err = { 0 };
    struct pz_live_receipt r;
    uint64_t last = 0;
    assert_int_equal(put(s, e, 2, &last), 2);
    expect_items(s, "x", 0, "a b ");
    assert_int_equal(pz_live_forget(s, "x", &r, &err), PZ_OK);
    assert_int_equal(r.events, 2);
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

static void two_writers_and_ten_readers_lose_nothing(void **state)
{
    (void)state;
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

#define ONE(test) cmocka_unit_test_setup_teardown(test, fresh_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(events_are_numbered_from_one_and_read_in_order_after_a_number),
        ONE(a_repeated_event_id_is_kept_once),
        ONE(a_session_joins_the_user_with_its_earlier_events),
        ONE(forgetting_a_user_removes_his_events_and_leaves_a_tombstone),
        ONE(one_id_for_session_and_user_counts_its_events_once),
        ONE(two_writers_and_ten_readers_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
