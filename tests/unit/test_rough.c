/* SPDX-License-Identifier: Apache-2.0 */
/* Lists chosen from rough scores are those of exact ones: one model, laid out flat with the bytes
 * that rough scores are made of and without, asked the same 10,000 questions. Every second item is
 * the twin of the one before it, with the same events, so that there are ties wherever one
 * looks. */
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "filter/filter.h"
#include "model/blend.h"
#include "model/bytes.h"
#include "model/rough.h"
#include "rank/rank.h"
#include "rank/score.h"
#include "tests/unit/fixture_model.h"

enum { ITEMS = 2600, USERS = 700, QUERIES = 10000, NUM_MAX = 60, FEW = 100000 };

static char dir[32], packed[64], flat[2][64];

/* Events of users on pairs of twins of one moment, with a taste for a tenth of the catalogue; a row
 * an item with its price. */
static void write_data(struct pz_str *events, struct pz_str *items)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 3, 1);
    pz_str_adds(events, "USER_ID,ITEM_ID,TIMESTAMP\n");
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < 25; k++) {
            double x = pz_rng_unit(&rng);
            uint32_t pair = pz_rng_below(&rng, 2)
                                ? ((uint32_t)u % 10 * 130 + pz_rng_below(&rng, 130))
                                : (uint32_t)(x * x * (ITEMS / 2));

            pz_str_addf(events, "u%d,i%u,%d\nu%d,i%u,%d\n", u, 2 * pair, 1000000 + k * 50000, u,
                        2 * pair + 1, 1000000 + k * 50000);
        }
    pz_str_adds(items, "ITEM_ID,PRICE\n");
    for (int i = 0; i < ITEMS; i++)
        pz_str_addf(items, "i%d,%d\n", i, i / 2 * 37 % 100);
}

/* The model flat with what its parts derive, and without. */
static void lay_out(void)
{
    unpack_model(packed, true, flat[0]);
    unpack_model(packed, false, flat[1]);
}

static int make_models(void **state __attribute__((unused)))
{
    static const char *const params[] = { "sequence=on",         "sequence.epochs=1",
                                          "sequence.dim=16",     "weight.sequence=0.6",
                                          "factors.dim=16",      "factors.sweeps=2",
                                          "spectral.dim=24",     "weight.factors=0.7",
                                          "weight.spectral=0.5", NULL };
    struct pz_str events = { 0 }, items = { 0 };

    snprintf(dir, sizeof dir, "/tmp/pz-rough.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(packed, sizeof packed, "%s/m.pzm", dir);
    snprintf(flat[0], sizeof flat[0], "%s/rough.flat", dir);
    snprintf(flat[1], sizeof flat[1], "%s/exact.flat", dir);
    write_data(&events, &items);
    train_model("user-personalization", &events, &items, params, packed);
    lay_out();
    pz_str_clear(&events);
    pz_str_clear(&items);
    return 0;
}

static int remove_models(void **state __attribute__((unused)))
{
    unlink(packed);
    unlink(flat[0]);
    unlink(flat[1]);
    return rmdir(dir);
}

AROUND_ALL(make_models, remove_models)

/* A model with a ranker and two filters of its own. */
struct side {
    struct pz_model *m;
    struct pz_ranker *r;
    struct pz_filter *filter[2];
};

static void open_side(struct side *s, const char *path)
{
    static const char *const text[] = { "INCLUDE ItemID WHERE Items.PRICE < 30",
                                        "INCLUDE ItemID WHERE Items.PRICE = 41" };
    struct pz_err err = { 0 };

    must(pz_model_open(path, &s->m, &err), &err);
    s->r = pz_ranker_new(s->m);
    assert_non_null(s->r);
    for (size_t i = 0; i < 2; i++)
        must(pz_filter_compile(text[i], &(struct pz_filter_schema){ .m = s->m }, &s->filter[i],
                               &err),
             &err);
}

static void close_side(struct side *s)
{
    for (size_t i = 0; i < 2; i++)
        pz_filter_free(s->filter[i]);
    pz_ranker_free(s->r);
    pz_model_free(s->m);
}

/* One question and the strings it borrows. */
struct question {
    struct pz_request req;
    char user[16], item[12][16];
    const char *history[12];
    struct pz_promotion promotion;
    uint32_t filter; /* 0, 1: that one; else none */
};

static void make_question(struct question *q, uint64_t k)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 11, k);
    memset(q, 0, sizeof *q);
    q->req = (struct pz_request){ .num = 1 + pz_rng_below(&rng, NUM_MAX),
                                  .seed = k,
                                  .exploration_weight = pz_rng_below(&rng, 3) ? -1 : 0,
                                  .exploration_cutoff_days = 1 + pz_rng_below(&rng, 40) };
    q->filter = pz_rng_below(&rng, 4);
    if (pz_rng_below(&rng, 4)) {
        snprintf(q->user, sizeof q->user, "u%u", pz_rng_below(&rng, USERS + 20));
        q->req.user_id = q->user;
    }
    q->req.n_history = pz_rng_below(&rng, 3) ? pz_rng_below(&rng, 12) : 0;
    for (size_t i = 0; i < q->req.n_history; i++) {
        snprintf(q->item[i], sizeof q->item[i], "i%u", pz_rng_below(&rng, ITEMS));
        q->history[i] = q->item[i];
    }
    q->req.history = q->history;
    if (pz_rng_below(&rng, 5) == 0)
        q->req.rules.seen = PZ_SEEN_KEEP;
    if (pz_rng_below(&rng, 6) == 0) {
        q->promotion = (struct pz_promotion){ .name = "p", .percent = 20 };
        q->req.rules.promotion = &q->promotion;
        q->req.rules.n_promotions = 1;
    }
}

static struct pz_answer ask(struct side *s, struct question *q)
{
    struct pz_answer answer;
    struct pz_err err = { 0 };

    q->req.filter = q->filter < 2 ? s->filter[q->filter] : NULL;
    q->promotion.filter = s->filter[1];
    must(pz_rank(s->r, &q->req, &answer, &err), &err);
    return answer;
}

/* How far the scores are apart, in proportion. Lists and blends are the same, to the last bit. */
static double compare(const struct pz_answer *a, const struct pz_answer *b)
{
    double apart = 0;

    assert_int_equal(a->n, b->n);
    assert_int_equal(a->has_next, b->has_next);
    for (size_t i = 0; i < a->n; i++) {
        assert_int_equal(a->hit[i].item, b->hit[i].item);
        assert_int_equal(a->hit[i].source, b->hit[i].source);
        assert_memory_equal(&a->hit[i].blend, &b->hit[i].blend, sizeof(float));
        assert_int_equal(isnan(a->hit[i].score), isnan(b->hit[i].score));
        if (b->hit[i].score > 0)
            apart = fmax(apart, fabs(a->hit[i].score / b->hit[i].score - 1));
    }
    return apart;
}

static void compare_all(double most_apart)
{
    struct side rough = { 0 }, exact = { 0 };
    size_t ties = 0;
    double apart = 0, mean = 0;

    open_side(&rough, flat[0]);
    open_side(&exact, flat[1]);
    for (uint64_t k = 0; k < QUERIES; k++) {
        struct question q;
        struct pz_answer a, b;
        double off;

        make_question(&q, k);
        a = ask(&rough, &q);
        b = ask(&exact, &q);
        off = compare(&a, &b);
        apart = fmax(apart, off);
        mean += off / QUERIES;
        for (size_t i = 1; i < a.n; i++)
            ties += a.hit[i].blend == a.hit[i - 1].blend && a.hit[i].blend > 0;
    }
    print_message("ties %zu, scores apart %.2e, mean %.2e\n", ties, apart, mean);
    assert_true(ties > QUERIES);
    assert_true(apart < most_apart); /* of sums over the catalogue, see pz_scored_softmax */
    assert_true(mean < 3e-3);
    close_side(&rough);
    close_side(&exact);
}

TEST(lists_from_rough_scores_are_those_of_exact_ones)
{
    compare_all(2e-2);
}

/* As in a catalogue of many items. */
TEST(lists_of_what_lengths_leave_are_those_of_all)
{
    pz_bytes_many = 0;
    lay_out();
    compare_all(6e-2); /* a sample tells of the others */
    pz_bytes_many = FEW;
    lay_out();
}

/* What a closer look says of all items, against what is. */
static size_t check_look(const struct pz_rough *r, const float *out, uint32_t n)
{
    size_t closer = 0;

    for (uint32_t first = 0; first < n; first += PZ_ROUGH_ITEMS) {
        uint32_t item[PZ_ROUGH_ITEMS],
            left = n - first < PZ_ROUGH_ITEMS ? n - first : PZ_ROUGH_ITEMS;
        float at_most[PZ_ROUGH_ITEMS], about[PZ_ROUGH_ITEMS];

        for (uint32_t k = 0; k < left; k++) {
            item[k] = first + k;
            at_most[k] = out[item[k]];
        }
        pz_rough_look(r, item, left, -INFINITY, at_most, about);
        for (uint32_t k = 0; k < left; k++) {
            float exact = pz_rough_exact(r, item[k]);

            assert_true(exact <= at_most[k] && exact >= 2 * about[k] - at_most[k]);
            closer += at_most[k] < out[item[k]] - 0.01f;
        }
    }
    return closer;
}

/* Every rough score, however low, against its limit. */
static void check_limits(bool by_length)
{
    struct pz_model *m = NULL;
    struct pz_err err = { 0 };
    struct pz_mem_slab slab;
    struct pz_rough *r;
    float *out;
    void *scratch;
    uint64_t *all = pz_bits_new(ITEMS);
    size_t n_closer = 0;

    must(pz_model_open(flat[0], &m, &err), &err);
    assert_true(pz_rough_suits(m));
    assert_true(pz_mem_slab_init(&slab, pz_rough_bytes(m), 0));
    r = pz_rough_new(m, &slab);
    assert_non_null(r);
    out = pz_mem_array(m->items.n, sizeof *out);
    scratch = pz_mem_array(pz_model_scratch(m), 1);
    pz_bits_fill(all, m->items.n, true);
    for (uint32_t u = 0; u < 200; u++) {
        struct pz_query q = { .task = PZ_TASK_USER,
                              .n_hist = 1 + u % 20,
                              .hist = m->item + m->ptr[u],
                              .hist_time = m->time + m->ptr[u],
                              .hist_weight = m->weight + m->ptr[u],
                              .now = m->newest };
        struct pz_rough_task task = {
            .rough = r, .job = { .q = &q, .allowed = all, .scratch = scratch, .out = out }
        };

        pz_rough_score(m, &task, 1);
        assert_true(task.done);
        for (uint32_t i = 0; i < m->items.n; i++) {
            assert_true(pz_rough_exact(r, i) <= out[i]);
            assert_true(out[i] <= r->max[i / 64]);
        }
        n_closer += check_look(r, out, m->items.n);
    }
    assert_true(by_length ? n_closer > 100 * ITEMS : n_closer == 0);
    free(all);
    free(out);
    free(scratch);
    pz_rough_free(r);
    pz_mem_slab_clear(&slab);
    pz_model_free(m);
}

TEST(rough_scores_keep_their_limits)
{
    check_limits(false);
    pz_bytes_many = 0;
    lay_out();
    check_limits(true);
    pz_bytes_many = FEW;
    lay_out();
}

static void compare_together(void)
{
    struct side one = { 0 };
    struct pz_ranker *r[PZ_SCORE_BLOCK];
    struct question q[PZ_SCORE_BLOCK];
    struct pz_rank_task task[PZ_SCORE_BLOCK];

    open_side(&one, flat[0]);
    for (size_t i = 0; i < PZ_SCORE_BLOCK; i++)
        r[i] = pz_ranker_new(one.m);
    for (uint64_t k = 0; k + PZ_SCORE_BLOCK <= 400; k += PZ_SCORE_BLOCK) {
        size_t n = 1 + k / PZ_SCORE_BLOCK % PZ_SCORE_BLOCK;

        for (size_t i = 0; i < n; i++) {
            make_question(&q[i], k + i);
            q[i].req.filter = q[i].filter < 2 ? one.filter[q[i].filter] : NULL;
            q[i].promotion.filter = one.filter[1];
            task[i] = (struct pz_rank_task){ .ranker = r[i], .req = &q[i].req };
        }
        pz_rank_block(task, n);
        for (size_t i = 0; i < n; i++) {
            struct pz_answer alone = ask(&one, &q[i]);

            assert_int_equal(task[i].status, PZ_OK);
            assert_true(compare(&task[i].answer, &alone) <= 0);
        }
    }
    for (size_t i = 0; i < PZ_SCORE_BLOCK; i++)
        pz_ranker_free(r[i]);
    close_side(&one);
}

TEST(rough_queries_together_have_the_same_bits_as_one_by_one)
{
    compare_together();
    pz_bytes_many = 0;
    lay_out();
    compare_together();
    pz_bytes_many = FEW;
    lay_out();
}

/* What a rough product is, in whole numbers. */
static float product(const struct pz_bytes_scan *rows, const struct pz_bytes_query8 *q, size_t i)
{
    int32_t sum = 0;

    for (size_t k = 0; k < rows->d; k++)
        sum += rows->code[i * rows->d + k] * q->code[k];
    return q->unit * rows->scale[i] * (float)sum;
}

/* Lengths of rows that fill registers, that do not, and the largest numbers there are. */
TEST(rough_products_are_those_of_whole_numbers)
{
    enum { N = 23, D_MAX = 200, PLACES = 9 };
    static const uint32_t item[PLACES] = { 3, 0, 22, 21, 7, 7, 19, 18, 1 };
    struct pz_bytes_off off[1] = { { 0, 0 } };
    int8_t code[N * D_MAX];
    float x[D_MAX], scale[N], out[N], *to = out, bound[N], *off_by = bound;
    struct pz_bytes_query8 q;
    struct pz_rng rng;

    pz_rng_init(&rng, 7, 1);
    for (size_t i = 0; i < N; i++)
        scale[i] = 1 + (float)pz_rng_below(&rng, 100);
    for (size_t d = 8; d <= D_MAX; d += 8) {
        struct pz_bytes_scan rows = { code, scale, N, d };

        for (size_t i = 0; i < N * d; i++)
            code[i] = i < 4 * d ? (int8_t)(i % 2 ? 127 : -127)
                                : (int8_t)((int)pz_rng_below(&rng, 255) - 127);
        for (size_t k = 0; k < d; k++)
            x[k] = d % 16 ? (float)pz_rng_below(&rng, 1000) - 500 : k % 2 ? 1 : -1;
        pz_bytes_query8(x, d, &q);
        pz_bytes_rough_scan(&rows, off, (const struct pz_bytes_query8 *[]){ &q }, 1, &to, &off_by);
        for (size_t i = 0; i < N; i++)
            assert_true(out[i] >= product(&rows, &q, i) && out[i] <= product(&rows, &q, i));
        pz_bytes_rough_rows(&rows, off, &q, item, PLACES, out, bound);
        for (size_t i = 0; i < PLACES; i++)
            assert_true(out[i] >= product(&rows, &q, item[i]) &&
                        out[i] <= product(&rows, &q, item[i]));
    }
}

/* Rows that end where the memory ends, one more than the tiles of a block hold. */
TEST(a_scan_reads_no_byte_behind_its_rows)
{
    enum { D = 8, N = 2053, PAGE = 4096, BYTES = (N * D / PAGE + 1) * PAGE };
    char *map = mmap(NULL, BYTES + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                     0);
    float x[D] = { 1, -2, 3, -4, 5, -6, 7, -8 }, *scale = pz_mem_array(N, sizeof *scale);
    float *out[2] = { pz_mem_array(N, sizeof(float)), pz_mem_array(N, sizeof(float)) };
    float *bound[2] = { pz_mem_array(N, sizeof(float)), pz_mem_array(N, sizeof(float)) };
    struct pz_bytes_off *off = pz_mem_array(N, sizeof *off);
    struct pz_bytes_query8 q;
    struct pz_bytes_scan rows;

    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + BYTES, PAGE, PROT_NONE), 0);
    memset(map, 3, BYTES);
    for (size_t i = 0; i < N; i++)
        scale[i] = 1;
    rows = (struct pz_bytes_scan){ (int8_t *)map + BYTES - N * D, scale, N, D };
    pz_bytes_query8(x, D, &q);
    for (size_t n = 1; n <= 2; n++)
        pz_bytes_rough_scan(&rows, off, (const struct pz_bytes_query8 *[]){ &q, &q }, n, out,
                            bound);
    assert_memory_equal(out[0], out[1], N * sizeof(float));
    for (size_t i = 1; i < N; i++)
        assert_true(out[0][i] >= out[0][0] && out[0][i] <= out[0][0]);
    munmap(map, BYTES + PAGE);
    for (size_t k = 0; k < 2; k++) {
        free(out[k]);
        free(bound[k]);
    }
    free(scale);
    free(off);
}
