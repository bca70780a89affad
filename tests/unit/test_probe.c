/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: what they look at, and when they are none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "filter/filter.h"
#include "model/bytes.h"
#include "rank/rank.h"
#include "tests/unit/fixture_model.h"

enum { ITEMS = 4000, USERS = 900, NUM = 10, MANY = 100000 };

static char dir[32], packed[64], flat[64], all_parts[64], all_flat[64]; /* the last with parts
                                                                           without an order */

/* Users with a taste for a tenth of the catalogue, of which few items are met by many. */
static void write_data(struct pz_str *events, struct pz_str *items)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 5, 1);
    pz_str_adds(events, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < 12; k++) {
            double x = pz_rng_unit(&rng);

            pz_str_addf(events, "u%d,i%u,%d\n", u,
                        (uint32_t)u % 10 * (ITEMS / 10) + (uint32_t)(x * x * x * (ITEMS / 10)),
                        1000000 + k * 50000);
        }
    pz_str_adds(items, "ITEM_ID,PRICE\n");
    for (int i = 0; i < ITEMS; i++)
        pz_str_addf(items, "i%d,%d\n", i, i % 100);
}

static const char *const with_order[] = { "sequence=off",     "factors=on",      "factors.dim=16",
                                          "factors.sweeps=2", "spectral.dim=24", NULL };
static const char *const without[] = { "sequence=on", "sequence.dim=16", "sequence.pairs=0.05",
                                       "content=on",  "spectral.dim=24", NULL };

static int make_model(void **state __attribute__((unused)))
{
    static const char recipe[] = "user-personalization";
    struct pz_str events = { 0 }, items = { 0 };

    snprintf(dir, sizeof dir, "/tmp/pz-probe.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(packed, sizeof packed, "%s/m.pzm", dir);
    snprintf(flat, sizeof flat, "%s/m.flat", dir);
    snprintf(all_parts, sizeof all_parts, "%s/all.pzm", dir);
    snprintf(all_flat, sizeof all_flat, "%s/all.flat", dir);
    write_data(&events, &items);
    train_model(recipe, &events, &items, with_order, packed);
    train_model(recipe, &events, &items, without, all_parts);
    pz_bytes_many = 0; /* as in a catalogue of many items, whatever the number */
    unpack_model(packed, true, flat);
    unpack_model(all_parts, true, all_flat);
    pz_str_clear(&events);
    pz_str_clear(&items);
    return 0;
}

static int remove_model(void **state __attribute__((unused)))
{
    pz_bytes_many = MANY;
    unlink(packed);
    unlink(flat);
    unlink(all_parts);
    unlink(all_flat);
    return rmdir(dir);
}

AROUND_ALL(make_model, remove_model)

static struct pz_model *open_model(const char *path)
{
    struct pz_model *m = NULL;
    struct pz_err err = { 0 };

    must(pz_model_open(path, &m, &err), &err);
    return m;
}

static struct pz_answer ask(struct pz_ranker *r, const struct pz_request *req)
{
    struct pz_answer answer;
    struct pz_err err = { 0 };

    must(pz_rank(r, req, &answer, &err), &err);
    return answer;
}

static struct pz_request request(char user[16], int u, double share)
{
    snprintf(user, 16, "u%d", u);
    return (struct pz_request){
        .user_id = user, .num = NUM, .probe = share, .exploration_weight = u % 2 ? -1 : 0
    };
}

static void same(const struct pz_answer *a, const struct pz_answer *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        assert_int_equal(a->hit[i].item, b->hit[i].item);
        assert_memory_equal(&a->hit[i].blend, &b->hit[i].blend, sizeof(float));
        assert_true(fabs(a->hit[i].score / b->hit[i].score - 1) < 1e-6);
    }
}

/* The share of the exact lists that is found, of USERS users; how far scores are off at most into
 * *off. */
static double recall(const struct pz_model *m, double share, size_t *n_probed, double *off)
{
    struct pz_ranker *r = pz_ranker_new(m), *exact = pz_ranker_new(m);
    double found = 0, all = 0;

    *n_probed = 0;
    *off = 0;
    for (int u = 0; u < USERS; u++) {
        char user[16];
        struct pz_request req = request(user, u, share), whole = request(user, u, 0);
        struct pz_answer a = ask(r, &req), b = ask(exact, &whole);

        assert_int_equal(a.n, NUM);
        assert_true(b.probed <= 0 && a.probed < 1);
        *n_probed += a.probed > 0;
        all += (double)b.n;
        for (size_t i = 0; i < a.n; i++)
            for (size_t j = 0; j < b.n; j++)
                if (a.hit[i].item == b.hit[j].item) {
                    found++;
                    *off = fmax(*off, fabs(a.hit[i].score / b.hit[j].score - 1));
                }
    }
    pz_ranker_free(r);
    pz_ranker_free(exact);
    return found / all;
}

TEST(a_probe_finds_most_of_the_list)
{
    struct pz_model *m = open_model(flat);
    size_t n_probed;
    double off, found = recall(m, 0.1, &n_probed, &off);

    print_message("recall %.4f, scores off %.3f, probed %zu\n", found, off, n_probed);
    assert_int_equal(n_probed, USERS);
    assert_true(found > 0.98);
    pz_model_free(m);
}

TEST(parts_without_an_order_are_asked_of_what_is_looked_at)
{
    struct pz_model *m = open_model(all_parts);
    size_t n_probed, n_some = 0;
    double off, found = recall(m, 0.1, &n_probed, &off);

    for (size_t i = 0; i < m->n_parts; i++)
        n_some += m->part[i].scorer->score_some != NULL;
    assert_int_equal(n_some, 2);
    print_message("recall %.4f, scores off %.3f, probed %zu\n", found, off, n_probed);
    assert_int_equal(n_probed, USERS);
    assert_true(found > 0.95);
    pz_model_free(m);
}

/* Of all items what it says of some is what it says of all. */
TEST(some_items_have_the_scores_that_all_have)
{
    struct pz_model *m = open_model(all_parts);
    uint32_t n = m->items.n, hist[] = { 3, 40, 400 }, *item = pz_mem_array(n, sizeof *item);
    int64_t time[] = { 1000, 2000, 3000 };
    float weight[] = { 1, 1, 1 }, *all = pz_mem_array(n, sizeof *all),
          *some = pz_mem_array(n, sizeof *some);
    struct pz_query q = {
        .n_hist = 3, .hist = hist, .hist_time = time, .hist_weight = weight, .now = 4000
    };

    assert_true(item && all && some);
    for (uint32_t i = 0; i < n; i++)
        item[i] = i;
    for (size_t p = 0; p < m->n_parts; p++) {
        const struct pz_scorer *s = m->part[p].scorer;
        void *scratch = aligned_alloc(64, (s->scratch_bytes(m->part[p].part) + 64) / 64 * 64);

        assert_non_null(scratch);
        if (s->score_some) {
            memset(all, 0, n * sizeof *all);
            assert_true(s->score(m->part[p].part, &q, scratch, all));
            assert_true(s->some(m->part[p].part, &q, scratch));
            s->score_some(m->part[p].part, scratch, item, n, some);
            for (uint32_t i = 0; i < n; i++)
                assert_true(fabsf(all[i] - some[i]) <= 1e-5f * (1 + fabsf(all[i])));
        }
        free(scratch);
    }
    free(item);
    free(all);
    free(some);
    pz_model_free(m);
}

/* The k-th of some items that a user may have met. */
static uint32_t met(const struct pz_model *m, uint32_t user, uint32_t k)
{
    char id[16];

    snprintf(id, sizeof id, "i%u", user % 10 * (ITEMS / 10) + (user * 7 + k * 13) % 40);
    return pz_dict_find_str(&m->items, id);
}

/* The largest of those of n scores that are in a set. */
static float largest(const float *score, const uint64_t *set, uint32_t n)
{
    float most = 0;

    for (uint32_t i = 0; i < n; i++)
        most = pz_bits_has(set, i) ? fmaxf(most, score[i]) : most;
    return most;
}

/* Of a published model such parts name items themselves that have as much of them as any, or
 * nearly: so that they are on the scale of all items. */
TEST(parts_without_an_order_name_some_of_their_best_items)
{
    struct pz_model *m = open_model(all_flat);
    uint32_t n = m->items.n;
    uint64_t *allowed = pz_bits_new(n), *set = pz_bits_new(n);
    float *all = pz_mem_array(n, sizeof *all);
    size_t n_heads = 0;

    for (uint32_t i = 0; i < n; i++)
        pz_bits_put(allowed, i, i % 3 > 0);
    for (size_t p = 0; p < m->n_parts; p++) {
        const struct pz_scorer *s = m->part[p].scorer;
        const void *part = m->part[p].part;
        char *scratch = pz_mem_array(s->scratch_bytes(part), 1);
        double share = 0;

        for (uint32_t u = 0; s->heads && u < USERS; u++) {
            struct pz_query q = { .n_hist = 3,
                                  .hist = (uint32_t[]){ met(m, u, 0), met(m, u, 1), met(m, u, 2) },
                                  .hist_time = (int64_t[]){ 1000, 2000, 3000 },
                                  .hist_weight = (float[]){ 1, 1, 1 },
                                  .now = 4000 };

            assert_true(s->some(part, &q, scratch));
            pz_bits_fill(set, n, false);
            s->heads(part, scratch, allowed, set);
            assert_in_range(pz_bits_count(set, n), 1, 512);
            memset(all, 0, n * sizeof *all);
            assert_true(s->score(part, &q, scratch, all));
            share += (double)(largest(all, set, n) / largest(all, allowed, n)) / USERS;
            pz_bits_without(set, set, allowed, n);
            assert_int_equal(pz_bits_count(set, n), 0);
        }
        if (s->heads)
            print_message("%s: %.3f of the largest score\n", s->name, share);
        n_heads += s->heads != NULL;
        assert_true(!s->heads || share > 0.95);
        free(scratch);
    }
    assert_int_equal(n_heads, 2);
    free(allowed);
    free(set);
    free(all);
    pz_model_free(m);
}

/* An answer by a probe leaves nothing behind: the next one has the bits of a new ranker. */
TEST(exact_answers_after_a_probe_are_as_ever)
{
    const char *const path[] = { flat, all_parts };

    for (size_t k = 0; k < 2; k++) {
        struct pz_model *m = open_model(path[k]);
        struct pz_ranker *r = pz_ranker_new(m);

        for (int u = 0; u < 40; u++) {
            struct pz_ranker *exact = pz_ranker_new(m);
            char user[16];
            struct pz_request req = request(user, u, 0.05), whole = request(user, u, 0);
            struct pz_answer a = ask(r, &req), b;

            assert_true(a.probed > 0);
            a = ask(r, &whole);
            b = ask(exact, &whole);
            same(&a, &b);
            pz_ranker_free(exact);
        }
        pz_ranker_free(r);
        pz_model_free(m);
    }
}

TEST(a_share_of_half_or_more_is_the_exact_list)
{
    struct pz_model *m = open_model(flat);
    struct pz_ranker *r = pz_ranker_new(m), *exact = pz_ranker_new(m);

    for (int u = 0; u < 50; u++) {
        char user[16];
        struct pz_request req = request(user, u, 0.5), whole = request(user, u, 0);
        struct pz_answer a = ask(r, &req), b = ask(exact, &whole);

        assert_true(a.probed <= 0);
        same(&a, &b);
    }
    pz_ranker_free(r);
    pz_ranker_free(exact);
    pz_model_free(m);
}

/* Two items of a hundred are fewer than a probe would look at; promotions look further. */
TEST(few_items_and_rules_that_look_further_are_answered_exactly)
{
    static const char *const text[] = { "INCLUDE ItemID WHERE Items.PRICE < 2",
                                        "INCLUDE ItemID WHERE Items.PRICE < 60" };
    struct pz_model *m = open_model(flat);
    struct pz_ranker *r = pz_ranker_new(m), *exact = pz_ranker_new(m);
    struct pz_promotion promotion = { .name = "p", .percent = 20 };
    struct pz_err err = { 0 };

    for (int k = 0; k < 3; k++) {
        struct pz_filter *filter = NULL;
        char user[16];
        struct pz_request req = request(user, 7, 0.05), whole;
        struct pz_answer a, b;

        if (k < 2)
            must(pz_filter_compile(text[k], &(struct pz_filter_schema){ .m = m }, &filter, &err),
                 &err);
        req.filter = filter;
        req.rules.promotion = &promotion;
        req.rules.n_promotions = k == 2;
        whole = req;
        whole.probe = 0;
        a = ask(r, &req);
        b = ask(exact, &whole);
        assert_true((a.probed > 0) == (k == 1));
        if (k != 1)
            same(&a, &b);
        pz_filter_free(filter);
    }
    pz_ranker_free(r);
    pz_ranker_free(exact);
    pz_model_free(m);
}

TEST(pages_of_a_probe_have_no_item_twice)
{
    struct pz_model *m = open_model(flat);
    struct pz_ranker *r = pz_ranker_new(m);
    char user[16];
    struct pz_request req = request(user, 4, 0.05);
    bool *had = pz_mem_array(m->items.n, sizeof *had);

    assert_non_null(had);
    for (int page = 0; page < 4; page++) {
        struct pz_answer a = ask(r, &req);

        assert_true(a.probed > 0 && a.has_next);
        for (size_t i = 0; i < a.n; i++) {
            assert_false(had[a.hit[i].item]);
            had[a.hit[i].item] = true;
        }
        req.rules.page = a.next;
    }
    free(had);
    pz_ranker_free(r);
    pz_model_free(m);
}
