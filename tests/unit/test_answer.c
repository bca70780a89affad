/* SPDX-License-Identifier: Apache-2.0 */
/* The answering call: what is merged, what a refresh changes and what it leaves alone. */
#include "answer/answer.h"
#include "answer/write.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "campaign/set.h"
#include "campaign/settings.h"
#include "serve/wire.h"
#include "tests/unit/fixture_campaign.h"

static const struct pz_ask_options nothing = { .exploration_weight = -1 };

static struct pz_service *open_service(const char *path)
{
    struct pz_service *s = NULL;
    struct pz_err err = { 0 };

    must(pz_service_open(path, &s, &err), &err);
    return s;
}

static struct pz_prepared *prepare(struct pz_service *s, const struct pz_ask_options *o)
{
    struct pz_snapshot *snap = pz_service_take(s);
    struct pz_prepared *p = NULL;
    struct pz_err err = { 0 };

    must(pz_prepare(snap, o, &p, &err), &err);
    pz_snapshot_release(snap);
    return p;
}

/* How many items a user gets. */
static size_t ask(const struct pz_prepared *p, const char *user_id)
{
    struct pz_question q = { .user_id = user_id };
    struct pz_answered a;
    struct pz_err err = { 0 };
    size_t n;

    must(pz_ask(p, &q, &a, &err), &err);
    n = a.answer.n;
    pz_answered_clear(&a);
    return n;
}

static size_t ask_service(struct pz_service *s, const struct pz_ask_options *o, const char *user_id)
{
    struct pz_prepared *p = prepare(s, o);
    size_t n = ask(p, user_id);

    pz_prepared_free(p);
    return n;
}

static void set(const char *name, const char *value)
{
    struct pz_err err = { 0 };

    must(pz_settings_set(campaign, name, value, 0, &err), &err);
}

static bool refresh(struct pz_service *s)
{
    bool changed = false;
    struct pz_err err = { 0 };

    must(pz_service_refresh(s, &changed, &err), &err);
    return changed;
}

TEST(an_option_comes_before_a_setting_and_a_setting_before_the_default)
{
    struct pz_ask_options two = nothing, word = nothing;
    struct pz_service *s = open_service(campaign), *bare = open_service(model);
    struct pz_prepared *p = prepare(s, &nothing);

    assert_int_equal(pz_prepared_request(p)->num, 25);
    pz_prepared_free(p);
    set("num", "3");
    set("seen", "only");
    set("exploration-age", "7");
    assert_true(refresh(s));
    p = prepare(s, &nothing);
    assert_int_equal(pz_prepared_request(p)->num, 3);
    assert_int_equal(pz_prepared_request(p)->rules.seen, PZ_SEEN_ONLY);
    assert_true(pz_prepared_request(p)->exploration_cutoff_days == 7);
    pz_prepared_free(p);
    two.num = 2;
    word.seen = "keep";
    assert_int_equal(ask_service(s, &two, "u1"), 2);
    p = prepare(s, &word);
    assert_int_equal(pz_prepared_request(p)->rules.seen, PZ_SEEN_KEEP);
    pz_prepared_free(p);
    p = prepare(bare, &nothing);
    assert_int_equal(pz_prepared_request(p)->num, 25);
    pz_prepared_free(p);
    pz_service_close(bare);
    pz_service_close(s);
}

TEST(who_holds_a_snapshot_keeps_it_through_a_refresh)
{
    struct pz_service *s = open_service(campaign);
    struct pz_ask_options o = nothing;
    struct pz_snapshot *old = pz_service_take(s);
    struct pz_prepared *before, *after;

    o.filter = "INCLUDE ItemID WHERE Items.PRICE > 5";
    before = prepare(s, &o);
    assert_false(refresh(s));
    put_price("i0", "9");
    assert_true(refresh(s));
    after = prepare(s, &o);
    assert_ptr_equal(pz_prepared_snapshot(before), old);
    assert_ptr_not_equal(pz_prepared_snapshot(after), old);
    assert_int_equal(ask(before, "nobody"), 0);
    assert_int_equal(ask(after, "nobody"), 1);
    pz_service_close(s);
    assert_int_equal(ask(before, "nobody"), 0);
    pz_prepared_free(before);
    pz_prepared_free(after);
    pz_snapshot_release(old);
}

TEST(a_campaign_that_cannot_be_opened_again_answers_as_before)
{
    struct pz_service *s = open_service(campaign);
    char path[PZ_PATH_BYTES], away[PZ_PATH_BYTES];
    bool changed = true;
    struct pz_err err = { 0 };
    size_t n = ask_service(s, &nothing, "nobody");

    assert_int_equal(publish(0, 0), 2);
    must(pz_layout_version(path, campaign, 2, "", &err), &err);
    snprintf(away, sizeof away, "%s/away", dir);
    assert_int_equal(rename(path, away), 0);
    assert_int_not_equal(pz_service_refresh(s, &changed, &err), PZ_OK);
    assert_false(changed);
    assert_int_equal(ask_service(s, &nothing, "nobody"), n);
    assert_int_equal(rename(away, path), 0);
    assert_true(refresh(s));
    pz_service_close(s);
}

TEST(an_answer_shows_a_live_event_without_a_refresh)
{
    struct pz_service *s;
    struct pz_prepared *p;
    struct pz_ask_options o = nothing;
    struct pz_question q = { .user_id = "visitor" };
    struct pz_answered a;
    struct pz_err err = { 0 };

    put_event("somebody", "i1"); /* the store is there */
    s = open_service(campaign);
    o.seen = "exclude";
    o.seen_types = "*";
    p = prepare(s, &o);
    must(pz_ask(p, &q, &a, &err), &err);
    assert_false(a.is_known);
    assert_int_equal(a.answer.n, 6);
    pz_answered_clear(&a);
    put_event("visitor", "i1");
    must(pz_ask(p, &q, &a, &err), &err);
    assert_true(a.is_known);
    assert_int_equal(a.answer.n, 5);
    pz_answered_clear(&a);
    pz_prepared_free(p);
    pz_service_close(s);
}

TEST(why_and_counts_go_through_the_same_call)
{
    struct pz_service *s = open_service(campaign);
    struct pz_ask_options o = nothing;
    struct pz_question q = { .user_id = "nobody" };
    struct pz_prepared *p;
    struct pz_answered a;
    struct pz_why why;
    struct pz_err err = { 0 };
    uint64_t passed;
    uint32_t of;

    o.filter = "INCLUDE ItemID WHERE Items.PRICE = 2";
    o.explain = true;
    p = prepare(s, &o);
    must(pz_ask(p, &q, &a, &err), &err);
    must(pz_ask_why(&a, "i0", &why, &err), &err);
    assert_int_equal(why.fate, PZ_FATE_FILTERED);
    pz_answered_clear(&a);
    must(pz_ask_count(p, &q, &passed, &of, &err), &err);
    assert_int_equal(passed, 1);
    assert_int_equal(of, 6);
    pz_prepared_free(p);
    pz_service_close(s);
}

TEST(the_id_of_an_answer_names_the_version_and_is_the_same_for_the_same_answer)
{
    struct pz_service *s = open_service(campaign);
    struct pz_prepared *p = prepare(s, &nothing);
    struct pz_question q = { .user_id = "u1" }, other = { .user_id = "u2" };
    struct pz_answered a, b, c;
    char x[PZ_RID_BYTES], y[PZ_RID_BYTES], z[PZ_RID_BYTES];
    uint32_t version = 0;

    assert_int_equal(pz_ask(p, &q, &a, NULL), PZ_OK);
    assert_int_equal(pz_ask(p, &q, &b, NULL), PZ_OK);
    assert_int_equal(pz_ask(p, &other, &c, NULL), PZ_OK);
    assert_string_equal(pz_answered_rid(&a, x), pz_answered_rid(&b, y));
    assert_string_not_equal(x, pz_answered_rid(&c, z));
    assert_int_equal(strlen(x), 40);
    assert_true(pz_rid_version(x, &version));
    assert_int_equal(version, 1);
    assert_false(pz_rid_version("RID-12345678-1234", &version));
    assert_false(pz_rid_version("RIX-00000001-0000-0000-0000-000000000000", &version));
    pz_answered_clear(&a);
    pz_answered_clear(&b);
    pz_answered_clear(&c);
    pz_prepared_free(p);
    pz_service_close(s);
}

/* ---- filters and rules of a request ---- */

/* How many items two filters of one snapshot let through, each asked twice: compiled, then from the
 * cache. */
TEST(a_snapshot_keeps_filters_apart)
{
    static const struct {
        const char *filter;
        size_t n;
    } rows[] = { { "INCLUDE ItemID WHERE Items.PRICE = 1", 1 },
                 { "INCLUDE ItemID WHERE Items.PRICE > 0", 2 },
                 { "EXCLUDE ItemID WHERE Items.PRICE > 0", 4 } };
    struct pz_service *s = open_service(campaign);

    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct pz_ask_options o = nothing;

            o.filter = rows[i].filter;
            assert_int_equal(ask_service(s, &o, "nobody"), rows[i].n);
        }
    pz_service_close(s);
}

TEST(values_go_to_the_promotion_that_they_name)
{
    static const struct {
        const char *value;
        enum pz_status st;
    } rows[] = { { "sale:P=2", PZ_OK },    { "other:P=2", PZ_USAGE }, { "plain:P=2", PZ_USAGE },
                 { "sale:Q=2", PZ_USAGE }, { "sale", PZ_USAGE },      { "sales:P=2", PZ_USAGE } };
    const char *promote[] = { "plain:10", "sale:50:INCLUDE ItemID WHERE Items.PRICE < $P" };
    struct pz_service *s = open_service(campaign);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *value[] = { rows[i].value };
        struct pz_ask_options o = nothing;
        struct pz_snapshot *snap = pz_service_take(s);
        struct pz_prepared *p = NULL;

        o.promote = (struct pz_strs){ promote, 2, 2 };
        o.promote_values = (struct pz_strs){ value, 1, 1 };
        if (pz_prepare(snap, &o, &p, NULL) != rows[i].st)
            fail_msg("%s", rows[i].value);
        pz_prepared_free(p);
        pz_snapshot_release(snap);
    }
    pz_service_close(s);
}

/* ---- written answers ---- */

/* The answer to a question in a format. */
static void write_answer(struct pz_str *out, const struct pz_ask_options *o,
                         const struct pz_question *q, enum pz_format format)
{
    struct pz_service *s = open_service(campaign);
    struct pz_prepared *p = prepare(s, o);
    struct pz_show show = { .format = format, .snap = pz_prepared_snapshot(p) };
    struct pz_answered a;
    struct pz_err err = { 0 };

    must(pz_ask(p, q, &a, &err), &err);
    pz_str_reset(out);
    pz_answer_header(out, &show, q->item_id && !q->user_id, o->explain);
    pz_answer_add(out, &show, &a);
    pz_answered_clear(&a);
    pz_prepared_free(p);
    pz_service_close(s);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        n++;
    return n;
}

TEST(a_csv_line_begins_with_who_was_asked_for)
{
    struct pz_question user = { .user_id = "no,body" }, both = { .user_id = "u1", .item_id = "i1" };
    struct pz_ask_options o = nothing;
    struct pz_str text = { 0 };

    o.num = 2;
    write_answer(&text, &o, &user, PZ_FORMAT_CSV);
    assert_int_equal(strncmp(text.data, "user_id,item_id,rank,score,source\n", 34), 0);
    assert_int_equal(count_of(text.data, "\n\"no,body\",i"), 2);
    write_answer(&text, &o, &both, PZ_FORMAT_TSV);
    assert_int_equal(strncmp(text.data, "user_id\titem_id\trank\tscore\tsource\n", 34), 0);
    assert_int_equal(count_of(text.data, "\nu1\ti"), 2); /* with a user, the item is context */
    pz_str_clear(&text);
}

TEST(a_rule_is_shown_where_it_changed_a_score)
{
    const char *boost[] = { "Items.PRICE = 2: 3" };
    struct pz_question q = { .user_id = "nobody" };
    struct pz_ask_options o = nothing;
    struct pz_str text = { 0 };

    o.explain = true;
    write_answer(&text, &o, &q, PZ_FORMAT_CSV);
    assert_int_equal(count_of(text.data, "\n"), 7);
    assert_int_equal(count_of(text.data, "boost="), 0);
    o.boost = (struct pz_strs){ boost, 1, 1 };
    write_answer(&text, &o, &q, PZ_FORMAT_CSV);
    assert_int_equal(count_of(text.data, "boost=3\n"), 1); /* i1 alone costs 2 */
    pz_str_clear(&text);
}

TEST(json_is_one_object_with_its_rules_and_page)
{
    struct pz_question q = { .user_id = "u\"1" };
    struct pz_ask_options o = nothing;
    struct pz_str text = { 0 };

    o.num = 2;
    o.seen = "keep";
    write_answer(&text, &o, &q, PZ_FORMAT_JSON);
    assert_int_equal(count_of(text.data, "\"itemId\":"), 2);
    assert_int_equal(count_of(text.data, "\"rules\":{\"seen\":\"keep\""), 1);
    write_answer(&text, &o, &q, PZ_FORMAT_JSONL);
    assert_int_equal(count_of(text.data, "{\"input\":{\"userId\":\"u\\\"1\"},\"output\":"
                                         "{\"recommendedItems\":[\"i"),
                     1);
    assert_int_equal(count_of(text.data, "\"error\":null}\n"), 1);
    pz_str_clear(&text);
}

/* ---- threads ---- */

struct asking {
    struct pz_service *s;
    atomic_bool stop;
    atomic_size_t asked, failed;
};

static void *ask_on(void *context)
{
    struct asking *job = context;
    struct pz_ask_options o = nothing;

    o.filter = "INCLUDE ItemID WHERE Items.PRICE > 0";
    while (!atomic_load(&job->stop)) {
        struct pz_snapshot *snap = pz_service_take(job->s);
        struct pz_question q = { .user_id = "nobody" };
        struct pz_prepared *p = NULL;
        struct pz_answered a = { 0 };
        bool good = pz_prepare(snap, &o, &p, NULL) == PZ_OK;

        pz_snapshot_release(snap);
        good = good && pz_ask(p, &q, &a, NULL) == PZ_OK && a.answer.n == 2;
        atomic_fetch_add(good ? &job->asked : &job->failed, 1);
        pz_answered_clear(&a);
        pz_prepared_free(p);
    }
    return NULL;
}

TEST(threads_ask_while_the_campaign_is_refreshed_under_them)
{
    struct asking job = { .s = open_service(campaign) };
    pthread_t thread[3];
    char num[16];

    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, ask_on, &job), 0);
    for (int i = 0; i < 20 || atomic_load(&job.asked) + atomic_load(&job.failed) < 100; i++) {
        snprintf(num, sizeof num, "%d", i + 2);
        set("num", num);
        assert_true(refresh(job.s));
    }
    atomic_store(&job.stop, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(job.failed, 0);
    pz_service_close(job.s);
}

/* Over HTTP scores have nine significant digits, written by hand (serve/wire.c). */
TEST(scores_go_over_the_wire_with_nine_digits)
{
    static const double score[] = {
        0.123456789, 0.987654321,   0.5, 0.1, 0.0999999999, 0.0000012345, 1.0000004e-9, 1e-9,
        0.999999999, 0.25000000049, 0,   1,   5e-11
    };
    struct pz_service *s = open_service(campaign);
    struct pz_prepared *p = prepare(s, &nothing);
    struct pz_question q = { .user_id = "u1" };
    struct pz_wire_query how = { .n_columns = 0 };
    struct pz_answered a;
    struct pz_err err = { 0 };

    must(pz_ask(p, &q, &a, &err), &err);
    assert_true(a.answer.n > 0);
    for (size_t i = 0; i < sizeof score / sizeof *score; i++) {
        struct pz_str out = { 0 };
        json_t *doc, *got;

        a.answer.hit[0].score = score[i];
        pz_wire_answer(&out, PZ_OP_GET_RECOMMENDATIONS, &a, &how);
        doc = json_loadb(out.data, out.len, 0, NULL);
        got = json_object_get(json_array_get(json_object_get(doc, "itemList"), 0), "score");
        assert_true(json_is_number(got));
        assert_true(fabs(json_number_value(got) - score[i]) <= 5.01e-9 * score[i]);
        json_decref(doc);
        pz_str_clear(&out);
    }
    pz_answered_clear(&a);
    pz_prepared_free(p);
    pz_service_close(s);
}

AROUND_EACH(fresh_campaign, remove_campaign)
AROUND_ALL(group_setup, group_teardown)
