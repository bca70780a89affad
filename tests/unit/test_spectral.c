/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/parts.h"
#include "model/spectral/spectral.h"
#include "scorer_fixture.h"
#include "tests/unit/unit.h"

static const char *const names[] = { "dim",   "user_norm", "item_norm", "target_norm",
                                     "power", "recency",   NULL };

TEST(values_of_two_blocks_are_known)
{
    /* two users met both of a, b; one met c: A^T A has the eigenvalues 4 and 1 */
    struct tiny *t = tiny_make("ab|ab|c", 3);
    struct fitted f;
    const struct pz_spectral_part *p;

    fitted_settings(&f, &pz_spectral, names, (const double[]){ 8, 0, 0, 0, 1, 0 });
    fitted_fit(&f, &t->c);
    p = f.part;
    assert_near(p->value[0], 4, 1e-4);
    assert_near(p->value[1], 1, 1e-4);
    assert_near(p->value[2], 0, 1e-3);
    pz_spectral.free(f.part);
    free(t);
}

/* (4 2; 2 3)^-1 = (3 -2; -2 4) / 8; (1 2; 2 1) has a negative eigenvalue. */
TEST(a_positive_definite_matrix_is_inverted)
{
    float a[] = { 4, 2, 0, 3 }, b[] = { 1, 2, 0, 1 }, c[] = { NAN, 0, 0, 1 };
    const float want[] = { 0.375f, -0.25f, -0.25f, 0.5f };

    assert_int_equal(pz_mat_invert(pz_mat_of(a, 2, 2), NULL), PZ_OK);
    for (size_t k = 0; k < 4; k++)
        assert_true(fabsf(a[k] - want[k]) < 1e-6f);
    assert_int_equal(pz_mat_invert(pz_mat_of(b, 2, 2), NULL), PZ_INTERNAL);
    assert_int_equal(pz_mat_invert(pz_mat_of(c, 2, 2), NULL), PZ_INTERNAL);
}

/* A processor that OpenBLAS does not know is not treated as one of 2004; one that it knows, or that
 * can do no more, is left to it. */
TEST(kernels_follow_what_a_processor_can_do)
{
    assert_string_equal(pz_mat_better_kernels("Prescott", true, true), "SkylakeX");
    assert_string_equal(pz_mat_better_kernels("Prescott", true, false), "Haswell");
    assert_string_equal(pz_mat_better_kernels("Barcelona", true, false), "Haswell");
    assert_null(pz_mat_better_kernels("Prescott", false, false));
    assert_null(pz_mat_better_kernels("Zen", true, true));
}

/* (2 on the diagonal, 1 beside it)^-1 = 1 - 1 / (n + 1) and -1 / (n + 1). Of 133 and more columns,
 * and an odd number, OpenBLAS ends the process where it was asked for the other triangle and has
 * the kernels of processors without AVX: the command tests run it with those. */
TEST(an_odd_number_of_columns_is_inverted)
{
    enum { N = 151 };
    static float a[N * N];

    for (size_t i = 0; i < N; i++)
        for (size_t j = i; j < N; j++)
            a[i * N + j] = i == j ? 2 : 1;
    assert_int_equal(pz_mat_invert(pz_mat_of(a, N, N), NULL), PZ_OK);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            assert_near((double)a[i * N + j], (i == j) - 1.0 / (N + 1), 1e-5);
}

/* Values descend, A v = l v, and each vector's largest entry is positive, whatever sign a library
 * chose. */
TEST(eigenvectors_have_a_sign_of_their_own)
{
    static const float a[] = { 4, -1, 0, -1, 3, -2, 0, -2, 5 };
    float v[9], value[3];

    memcpy(v, a, sizeof v);
    assert_int_equal(pz_mat_eigen(pz_mat_of(v, 3, 3), value, NULL), PZ_OK);
    for (size_t k = 0; k < 3; k++) {
        float largest = 0;

        for (size_t i = 0; i < 3; i++) {
            float image = 0;

            for (size_t j = 0; j < 3; j++)
                image += a[3 * i + j] * v[3 * j + k];
            assert_near((double)image, (double)(value[k] * v[3 * i + k]), 1e-5);
            largest = fabsf(v[3 * i + k]) > fabsf(largest) ? v[3 * i + k] : largest;
        }
        assert_true(largest > 0);
        assert_true(k == 0 || value[k] <= value[k - 1]);
    }
}

/* s = D^z (A^T A)^power D^-y h by the plain sums. */
static void brute_force(const struct tiny *t, const double *set, const uint32_t *hist, size_t n,
                        double *s)
{
    uint32_t items = t->c.n_items;
    double *count = calloc(items, sizeof *count), *x = calloc(items, sizeof *x);

    memset(s, 0, items * sizeof *s);
    for (uint64_t p = 0; p < t->ptr[t->c.n_users]; p++)
        count[t->item[p]]++;
    for (size_t k = 1; k <= n; k++)
        x[hist[n - k]] += pow((double)k, -set[5]) * pow(count[hist[n - k]], -set[2]);
    for (uint32_t u = 0; u < t->c.n_users; u++) {
        double length = (double)(t->ptr[u + 1] - t->ptr[u]), dot = 0, norm = pow(length, -set[1]);

        for (uint64_t p = t->ptr[u]; p < t->ptr[u + 1]; p++)
            dot += norm * pow(count[t->item[p]], -set[2]) * x[t->item[p]];
        for (uint64_t p = t->ptr[u]; p < t->ptr[u + 1]; p++)
            s[t->item[p]] += norm * pow(count[t->item[p]], -set[2]) * dot;
    }
    for (uint32_t i = 0; i < items; i++)
        s[i] *= count[i] > 0 ? pow(count[i], set[3]) : 0;
    free(count);
    free(x);
}

TEST(all_vectors_at_power_one_give_the_pair_sums)
{
    static const double set[] = { 48, 0.3, 0.4, 0.2, 1, 0.7 };
    struct tiny *t = tiny_random(90, 40, 12, 1);
    uint32_t hist[] = { 3, 17, 3, 30 };
    double want[40], top = 0;
    float got[40];
    struct fitted f;

    fitted_settings(&f, &pz_spectral, names, set);
    fitted_fit(&f, &t->c);
    assert_true(fitted_score(&f, hist, 4, got, 40));
    brute_force(t, set, hist, 4, want);
    for (uint32_t i = 0; i < 40; i++)
        top = want[i] > top ? want[i] : top;
    for (uint32_t i = 0; i < 40; i++) /* vectors are bytes: 1/127 of an entry */
        assert_true(fabs((double)got[i] - want[i]) <= 0.02 * top);
    pz_spectral.free(f.part);
    free(t);
}

TEST(all_vectors_at_power_zero_give_the_history_back)
{
    struct tiny *t = tiny_make("ab|bc|cd|ad|abd", 4); /* of full rank */
    uint32_t hist[] = { 1, 3 };
    float got[4];
    struct fitted f;

    fitted_settings(&f, &pz_spectral, names, (const double[]){ 8, 0, 0, 0, 0, 0 });
    fitted_fit(&f, &t->c);
    assert_true(fitted_score(&f, hist, 2, got, 4));
    assert_near(got[0], 0, 0.02);
    assert_near(got[1], 1, 0.02);
    assert_near(got[2], 0, 0.02);
    assert_near(got[3], 1, 0.02);
    pz_spectral.free(f.part);
    free(t);
}

/* A sparse matrix and its transpose from a corpus, values 1. */
static void sparse_of(const struct tiny *t, struct pz_sparse *a)
{
    uint64_t n = t->ptr[t->c.n_users];

    *a = (struct pz_sparse){ .rows = t->c.n_users,
                             .cols = t->c.n_items,
                             .ptr = t->ptr,
                             .col = t->item,
                             .by_row = pz_mem_array(n, sizeof *a->by_row),
                             .my_rows = { 0, t->c.n_users } };
    for (uint64_t p = 0; p < n; p++)
        a->by_row[p] = 1;
    assert_int_equal(pz_by_item_make(&t->c, a->by_row, PZ_MAT_ROWS, &a->by_col, NULL), PZ_OK);
}

static void sparse_free(struct pz_sparse *a)
{
    free(a->by_row);
    pz_by_item_clear(&a->by_col);
}

TEST(leading_values_agree_with_a_dense_solver)
{
    enum { N = 120, K = 24 };
    struct tiny *t = tiny_random(500, N, 30, 2);
    float *gram = pz_mem_array(N * N, sizeof *gram), all[N], value[K];
    struct pz_mat vector;
    struct pz_sparse a;
    double in = 0;

    sparse_of(t, &a);
    for (uint32_t u = 0; u < t->c.n_users; u++)
        for (uint64_t p = t->ptr[u]; p < t->ptr[u + 1]; p++)
            for (uint64_t q = t->ptr[u]; q < t->ptr[u + 1]; q++)
                gram[t->item[p] * N + t->item[q]]++;
    assert_int_equal(pz_mat_eigen(pz_mat_of(gram, N, N), all, NULL), PZ_OK);
    assert_int_equal(pz_sparse_eigen(&a, K, 1, &vector, value, NULL), PZ_OK);
    for (size_t k = 0; k < 10; k++) /* ten groups of items: ten large values, then a gap */
        assert_near(value[k] / all[k], 1, 0.01);
    for (size_t j = 0; j < K; j++) /* nothing found twice or larger than it is */
        assert_true(value[j] <= all[j] * 1.01f);
    for (size_t j = 0; j < K; j++) /* the ten leading directions lie in the span found */
        for (size_t k = 0; k < 10; k++) {
            double dot = 0;

            for (size_t i = 0; i < N; i++)
                dot += (double)vector.v[i * vector.stride + j] * (double)gram[i * N + k];
            in += dot * dot;
        }
    assert_near(in, 10, 0.05);
    sparse_free(&a);
    free(gram);
    free(vector.v);
    free(t);
}

TEST(a_row_of_bytes_is_within_half_a_step)
{
    float row[8] = { 0.5f, -1, 0.25f, 0, 0.7f, -0.33f, 0.01f, 0.99f }, zero[8] = { 0 };
    int8_t code[8];
    float scale = pz_bytes_row(row, 8, code);

    assert_int_equal(code[1], -127);
    for (size_t k = 0; k < 8; k++)
        assert_true(fabsf(scale * (float)code[k] - row[k]) <= 0.5001f * scale);
    assert_true(pz_bytes_row(zero, 8, code) == 0);
    assert_int_equal(code[0], 0);
}

TEST(shares_of_events_sum_to_the_score)
{
    struct tiny *t = tiny_random(90, 40, 12, 3);
    uint32_t hist[] = { 5, 9, 5, 21, 33 };
    struct fitted f;

    fitted_settings(&f, &pz_spectral, names, (const double[]){ 16, 0.3, 0.4, 0.2, 0.3, 0.7 });
    fitted_fit(&f, &t->c);
    assert_explains(&f, hist, 5, 40, 0.002); /* the query is rounded to 14 bits */
    pz_spectral.free(f.part);
    free(t);
}

TEST(read_outs_need_no_new_fit)
{
    struct tiny *t = tiny_random(90, 40, 12, 3);
    uint32_t hist[] = { 5, 9, 21 };
    float want[40], got[40];
    struct fitted f, g;

    fitted_settings(&f, &pz_spectral, names, (const double[]){ 16, 0.3, 0.4, 0.5, 0.4, 0.9 });
    fitted_settings(&g, &pz_spectral, names, (const double[]){ 16, 0.3, 0.4, 0, 0, 0 });
    fitted_fit(&f, &t->c);
    fitted_fit(&g, &t->c);
    for (size_t k = 0; k < pz_spectral.n_settings; k++)
        if (pz_spectral.settings[k].read_out)
            pz_spectral.set(g.part, k, f.value[k]);
    assert_true(fitted_score(&f, hist, 3, want, 40));
    assert_true(fitted_score(&g, hist, 3, got, 40));
    assert_memory_equal(want, got, sizeof want);
    pz_spectral.free(f.part);
    pz_spectral.free(g.part);
    free(t);
}

/* Scores of an item that came with the delta, where all events weigh `weight`. Items 0 to 18 are
 * old; item 19 is had last by every third user. */
static void score_new_item(float weight, float *out)
{
    enum { ITEMS = 20, USERS = 60 };
    struct tiny *old = tiny_random(USERS, ITEMS - 1, 8, 5), *all = tiny_new(ITEMS);
    uint32_t old_item[ITEMS];
    uint64_t first_new[USERS];
    struct fitted f;
    struct pz_fit_cfg cfg = { .value = f.value, .seed = 7 };
    void *part = NULL;

    for (uint32_t u = 0; u < USERS; u++) {
        for (uint64_t p = old->ptr[u]; p < old->ptr[u + 1]; p++)
            tiny_add(all, old->item[p], old->time[p]);
        first_new[u] = all->ptr[u + 1];
        if (u % 3 == 0)
            tiny_add(all, ITEMS - 1, 5000);
        tiny_end_user(all);
    }
    for (size_t p = 0; p < TINY_EVENTS; p++)
        old->weight[p] = all->weight[p] = weight;
    for (uint32_t i = 0; i < ITEMS; i++)
        old_item[i] = i < ITEMS - 1 ? i : PZ_NONE;
    fitted_settings(&f, &pz_spectral, names, (const double[]){ 8, 0.5, 0.3, 0, 0.1, 0.9 });
    fitted_fit(&f, &old->c);
    assert_int_equal(pz_spectral.update(f.part, &all->c,
                                        &(struct pz_delta){ .old_item = old_item,
                                                            .first_new = first_new },
                                        &cfg, &part, NULL),
                     PZ_OK);
    pz_spectral.free(f.part);
    f.part = part;
    assert_true(fitted_score(&f, (const uint32_t[]){ 1, 4 }, 2, out, ITEMS));
    pz_spectral.free(part);
    free(old);
    free(all);
}

/* Only ratios of weights matter: A = R / (n_u^x n_i^y) of weights that are all w is w^(1 - x - y)
 * times that of ones, and so is the vector of a new item, v_j = sum_u A[u,j] p_u / l, the same. */
TEST(an_item_that_is_folded_in_depends_on_ratios_of_weights)
{
    float one[20], quarter[20];

    score_new_item(1, one);
    score_new_item(0.25f, quarter);
    assert_true(one[19] != 0);
    for (size_t i = 0; i < 19;
         i++) /* the items of the decomposition, to see that the scale is right */
        assert_near(quarter[i] / quarter[0], one[i] / one[0], 0.02);
    assert_near(quarter[19] / quarter[0], one[19] / one[0], 0.02);
}

/* A new item that everybody who had item 0 has had once more now: the decomposition's own equation,
 * v_i = sum_u A[u,i] p_u / l, gives it nearly item 0's vector; nearly, as these users have an event
 * more. */
TEST(an_item_that_is_folded_in_is_like_one_with_the_same_users)
{
    enum { ITEMS = 20, USERS = 60 };
    struct tiny *old = tiny_random(USERS, ITEMS - 1, 12, 5), *all = tiny_new(ITEMS);
    uint32_t old_item[ITEMS];
    uint64_t first_new[USERS];
    struct fitted f;
    struct pz_fit_cfg cfg = { .value = f.value, .seed = 7 };
    void *part = NULL;
    float out[ITEMS];

    for (uint32_t u = 0; u < USERS; u++) {
        uint32_t had = 0;

        for (uint64_t p = old->ptr[u]; p < old->ptr[u + 1]; p++) {
            tiny_add(all, old->item[p], old->time[p]);
            had += old->item[p] == 0;
        }
        first_new[u] = all->ptr[u + 1];
        for (; had > 0; had--)
            tiny_add(all, ITEMS - 1, 5000);
        tiny_end_user(all);
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        old_item[i] = i < ITEMS - 1 ? i : PZ_NONE;
    fitted_settings(&f, &pz_spectral, names, (const double[]){ 8, 0.5, 0.3, 0, 0.1, 0.9 });
    fitted_fit(&f, &old->c);
    assert_int_equal(pz_spectral.update(f.part, &all->c,
                                        &(struct pz_delta){ .old_item = old_item,
                                                            .first_new = first_new },
                                        &cfg, &part, NULL),
                     PZ_OK);
    pz_spectral.free(f.part);
    f.part = part;
    for (uint32_t h = 0; h < 3; h++) {
        assert_true(fitted_score(&f, &h, 1, out, ITEMS));
        assert_near(log2((double)(out[19] / out[0])), 0,
                    1); /* multiplied by l it would be 6 times that */
    }
    pz_spectral.free(part);
    free(old);
    free(all);
}

TEST(threads_do_not_change_a_byte)
{
    struct tiny *t = tiny_random(500, 150, 20, 4);
    struct fitted f;

    fitted_settings(&f, &pz_spectral, names, (const double[]){ 40, 0.3, 0.4, 0.2, 0.3, 0.7 });
    assert_same_at_any_thread_count(&f, &t->c);
    free(t);
}

TEST(a_file_gives_the_part_back)
{
    struct tiny *t = tiny_random(90, 40, 12, 5);
    uint32_t hist[] = { 1, 2, 30 };
    struct fitted f;

    fitted_settings(&f, &pz_spectral, names, (const double[]){ 16, 0.3, 0.4, 0.2, 0.3, 0.7 });
    fitted_fit(&f, &t->c);
    assert_survives_a_file(&f, hist, 3, 40, false);
    assert_survives_a_file(&f, hist, 3, 40, true);
    pz_spectral.free(f.part);
    free(t);
}

TEST(little_data_is_borne)
{
    assert_bears_little_data(&pz_spectral);
}

TEST(unknown_items_say_nothing)
{
    struct tiny *t = tiny_make("ab|ab", 3);
    uint32_t hist[] = { 2 };
    float out[3];
    struct fitted f;

    fitted_settings(&f, &pz_spectral, NULL, NULL);
    fitted_fit(&f, &t->c);
    assert_false(fitted_score(&f, hist, 1, out, 3));
    pz_spectral.free(f.part);
    free(t);
}
