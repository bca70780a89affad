/* SPDX-License-Identifier: Apache-2.0 */
/* Items that training did not see and users have: their chances, and the tally that they follow
 * from. */

#include "campaign/tally.h"
#include "model/arrivals.h"
#include "scorer_fixture.h"
#include "tests/unit/fixture_campaign.h"

/* Two arrivals, 7 and 9. Item 2 was followed by 8 events, of which 6 came when both were there: 3
 * of arrival 7; item 5 by 10, none of them. */
static const struct pz_arrivals tiny = {
    .n = 2,
    .item = (uint32_t[]){ 7, 9 },
    .share = (double[]){ 0.1, 0.02 },
    .lived = (double[]){ 0.75, 0.75 },
    .n_followed = 2,
    .followed = (struct pz_followed[]){ { 2, 8, 0 }, { 5, 10, 1 }, { 0, 0, 1 } },
    .pair = (struct pz_arrival_pair[]){ { 0, 3 } },
    .few = 4,
};

TEST(without_a_history_a_chance_is_the_share_of_what_happens_now)
{
    struct pz_query q = { .n_hist = 0 };
    double chance[2];

    pz_arrivals_chances(&tiny, &q, chance);
    assert_near(chance[0], 0.1, 1e-12);
    assert_near(chance[1], 0.02, 1e-12);
}

TEST(a_chance_is_the_mean_over_the_history_of_the_rates_after_its_items)
{
    uint32_t hist[] = { 3, 2 }; /* after 3 nobody had anything */
    struct pz_query q = { .n_hist = 2, .hist = hist };
    double chance[2], older = 1 / sqrt(2), all = 1 + older;
    float contrib[2];

    pz_arrivals_chances(&tiny, &q, chance);
    assert_near(chance[0], ((3 + 4 * 0.1) / (6 + 4) + older * 0.1) / all, 1e-12);
    assert_near(chance[1], ((0 + 4 * 0.02) / (6 + 4) + older * 0.02) / all, 1e-12);
    pz_arrivals_explain(&tiny, &q, 0, contrib);
    assert_near(contrib[0], 0, 1e-9);
    assert_near(contrib[1], 3 / 10.0 / all, 1e-6);
}

/* ---- of a campaign: 6 items, i0 to i5, that training saw */

static struct pz_view *view_after(const struct pz_view *old)
{
    struct pz_view *v = NULL;
    struct pz_err err = { 0 };

    must(pz_view_open_after(campaign, 0, old, &v, &err), &err);
    return v;
}

static uint32_t find(const struct pz_view *v, const char *item)
{
    return pz_dict_find_str(&v->model->items, item);
}

TEST(an_item_of_events_alone_is_one_of_the_model_s_with_its_second_user)
{
    struct pz_view *v, *later;

    put_event("u1", "fresh");
    put_event("u1", "fresh");
    v = view_after(NULL);
    assert_int_equal(find(v, "fresh"), PZ_NONE);
    assert_null(v->model->arrivals);
    put_event("stranger", "fresh");
    later = view_after(v);
    assert_int_equal(find(later, "fresh"), 6);
    assert_int_equal(later->model->arrivals->n, 1);
    assert_int_equal(later->model->arrivals->item[0], 6);
    pz_view_free(later);
    pz_view_free(v);
}

TEST(an_item_whose_row_was_put_is_an_arrival_too_and_keeps_its_row)
{
    struct pz_view *v;

    put_price("fresh", "7");
    put_event("u1", "fresh");
    put_event("u2", "fresh");
    v = view_after(NULL);
    assert_int_equal(find(v, "fresh"), 6);
    assert_int_equal(v->model->arrivals->n, 1);
    assert_int_equal(v->items->ids.n, 1);
    assert_near(v->items->attrs.attr[0].num[0], 7, 0);
    pz_view_free(v);
}

TEST(events_that_the_model_has_seen_do_not_count)
{
    struct pz_view *v;

    put_event("u1", "fresh");
    put_event("u2", "fresh");
    publish(2, 0);
    put_event("u3", "fresh");
    v = view_after(NULL);
    assert_null(v->model->arrivals);
    assert_int_equal(find(v, "fresh"), PZ_NONE);
    pz_view_free(v);
}

TEST(who_is_forgotten_counts_no_more)
{
    struct pz_live_store *s = NULL;
    struct pz_live_receipt gone = { 0 };
    struct pz_view *v, *after;
    struct pz_err err = { 0 };

    put_event("u1", "fresh");
    put_event("u2", "fresh");
    v = view_after(NULL);
    assert_non_null(v->model->arrivals);
    must(pz_campaign_open_live(campaign, true, &s, &err), &err);
    must(pz_live_forget(s, "u2", false, &gone, &err), &err);
    pz_live_close(s);
    after = view_after(v);
    assert_int_equal(find(after, "fresh"), PZ_NONE);
    pz_view_free(after);
    pz_view_free(v);
}

/* What a view says of arrivals, as text. */
static void tell(const struct pz_view *v, struct pz_str *out)
{
    const struct pz_arrivals *a = v->model->arrivals;

    for (uint32_t k = 0; a && k < a->n; k++) {
        size_t n;
        const char *id = pz_dict_get(&v->model->items, a->item[k], &n);

        pz_str_addf(out, "%.*s %.9g %.9g\n", (int)n, id, a->share[k], a->lived[k]);
    }
    for (uint32_t f = 0; a && f < a->n_followed; f++) {
        pz_str_addf(out, "after %u: %.9g", a->followed[f].item, a->followed[f].total);
        for (uint64_t p = a->followed[f].first; p < a->followed[f + 1].first; p++)
            pz_str_addf(out, " %u=%.9g", a->pair[p].arrival, (double)a->pair[p].count);
        pz_str_addc(out, '\n');
    }
}

TEST(what_is_counted_is_the_same_in_one_go_from_the_file_and_event_by_event)
{
    struct pz_view *v = view_after(NULL), *next, *anew;
    struct pz_str by_steps = { 0 }, at_once = { 0 };
    char user[16], item[16], path[96];

    for (int k = 0; k < 1200; k++) {
        snprintf(user, sizeof user, "u%d", k * 7 % 11);
        snprintf(item, sizeof item, k % 3 ? "i%d" : "new%d", k * 5 % 13 % 6);
        put_event(user, item);
        if (k % 400 == 399 || k > 1190) { /* a file is written at 500 events and more */
            next = view_after(v);
            pz_view_free(v);
            v = next;
        }
    }
    tell(v, &by_steps);
    assert_true(by_steps.len > 100);
    for (int round = 0; round < 3;
         round++) { /* without the file, from it, and from a damaged one */
        snprintf(path, sizeof path, "%s/versions/0001/tally.pz", campaign);
        if (round == 0)
            unlink(path);
        else if (round == 2)
            assert_int_equal(truncate(path, 100), 0);
        anew = view_after(NULL);
        pz_str_reset(&at_once);
        tell(anew, &at_once);
        assert_string_equal(at_once.data, by_steps.data);
        pz_view_free(anew);
        assert_int_equal(access(path, R_OK), 0);
    }
    pz_view_free(v);
    pz_str_clear(&by_steps);
    pz_str_clear(&at_once);
}

AROUND_EACH(fresh_campaign, remove_campaign)
AROUND_ALL(group_setup, group_teardown)
