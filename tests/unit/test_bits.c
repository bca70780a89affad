/* SPDX-License-Identifier: Apache-2.0 */
/* Bit sets, held to an array of bool at sizes around the ends of words. */
#include "base/bits.h"
#include "base/rng.h"
#include "tests/unit/unit.h"

enum { MOST = 200 };

static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, MOST };

/* A random set of n rows, as bits and plainly. */
static uint64_t *random_set(size_t n, uint64_t seed, bool plain[MOST])
{
    uint64_t *set = pz_bits_new(n);
    struct pz_rng rng;

    assert_non_null(set);
    pz_rng_init(&rng, seed, n);
    for (size_t i = 0; i < n; i++) {
        plain[i] = pz_rng_below(&rng, 2) == 1;
        if (plain[i])
            pz_bits_add(set, i);
    }
    return set;
}

/* The set is the plain one, and no bit is set behind its end. */
static void check_same(const uint64_t *set, const bool plain[MOST], size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pz_bits_has(set, i), plain[i]);
        count += plain[i];
    }
    assert_int_equal(pz_bits_count(set, n), count);
    for (size_t i = n; i < 64 * pz_bits_words(n); i++)
        assert_false(pz_bits_has(set, i));
}

TEST(rows_go_in_and_out_one_by_one)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        bool plain[MOST] = { false };
        uint64_t *set = random_set(sizes[k], 1, plain);

        check_same(set, plain, sizes[k]);
        for (size_t i = 0; i < sizes[k]; i += 3) {
            pz_bits_remove(set, i);
            plain[i] = false;
        }
        check_same(set, plain, sizes[k]);
        free(set);
    }
}

TEST(all_or_none_ends_with_the_last_row)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int all = 0; all <= 1; all++) {
            bool plain[MOST];
            uint64_t *set = random_set(sizes[k], 2, plain);

            memset(plain, all, sizeof plain);
            pz_bits_fill(set, sizes[k], all);
            check_same(set, plain, sizes[k]);
            free(set);
        }
}

TEST(the_lowest_rows_of_a_word_are_dropped)
{
    uint64_t word[] = { 1,
                        UINT64_MAX,
                        0x8000000000000000u,
                        0x8000000000000001u,
                        0x00ff00ff00ff00ffu,
                        0x0123456789abcdefu,
                        0xff00000000000000u };

    for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
        uint64_t left = word[i];

        for (size_t n = 0; left; n++, left &= left - 1)
            assert_int_equal(pz_bits_drop(word[i], n), left);
    }
}

TEST(sets_are_met_and_subtracted)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        bool a[MOST], b[MOST], without[MOST], both[MOST];
        uint64_t *x = random_set(n, 3, a), *y = random_set(n, 4, b), *out = pz_bits_new(n);

        for (size_t i = 0; i < n; i++) {
            without[i] = a[i] && !b[i];
            both[i] = a[i] && b[i];
        }
        pz_bits_without(out, x, y, n);
        check_same(out, without, n);
        pz_bits_both(x, x, y, n);
        check_same(x, both, n);
        pz_bits_without(y, y, x, n); /* out may be the first */
        for (size_t i = 0; i < n; i++)
            b[i] = b[i] && !a[i];
        check_same(y, b, n);
        free(x);
        free(y);
        free(out);
    }
}

TEST(sets_are_joined_and_inverted)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        bool a[MOST], b[MOST], either[MOST], neither[MOST];
        uint64_t *x = random_set(n, 5, a), *y = random_set(n, 6, b);

        for (size_t i = 0; i < n; i++) {
            either[i] = a[i] || b[i];
            neither[i] = !either[i];
        }
        pz_bits_either(x, x, y, n); /* out may be either */
        check_same(x, either, n);
        pz_bits_not(y, x, n);
        check_same(y, neither, n);
        for (size_t i = 0; i < n; i++)
            pz_bits_put(y, i, a[i]);
        check_same(y, a, n);
        free(x);
        free(y);
    }
}

static void check_runs(const uint64_t *skip, const bool *in, size_t n)
{
    struct pz_bits_run run = { 0, 0 };
    size_t w = 0;

    while (pz_bits_next_run(skip, n, &run)) {
        for (; w < run.begin; w++)
            assert_true(in[w]);
        assert_true(w < run.end);
        for (; w < run.end; w++)
            assert_false(in[w]);
    }
    for (; w < n; w++)
        assert_true(in[w]);
    run = (struct pz_bits_run){ 0, 0 };
    assert_int_equal(pz_bits_next_run(NULL, n, &run), n > 0);
    assert_int_equal(run.end - run.begin, n);
    assert_false(pz_bits_next_run(NULL, n, &run));
}

TEST(words_that_are_left_out_are_stepped_over)
{
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k], at = 0, used = 0;
        bool in[MOST];
        uint64_t *skip = random_set(n, 7, in), *word = pz_bits_new(n * 64);

        for (size_t w = 0; w < n; w++)
            word[w] = in[w] ? 0 : (uint64_t)1 << (w % 64);
        for (size_t w = 0; w < n; w++) {
            if (in[w])
                continue;
            at = pz_bits_next_word(skip, at, n);
            used = pz_bits_next_used(word, used, n);
            assert_int_equal(at++, w);
            assert_int_equal(used++, w);
        }
        assert_int_equal(pz_bits_next_word(skip, at, n), n);
        assert_int_equal(pz_bits_next_used(word, used, n), n);
        assert_int_equal(pz_bits_next_word(NULL, n / 2, n), n / 2);
        check_runs(skip, in, n);
        free(skip);
        free(word);
    }
}

TEST(a_set_has_more_than_one_less_than_it_has)
{
    bool in[MOST];
    uint64_t *x = random_set(MOST, 8, in);
    size_t n = pz_bits_count(x, MOST);

    assert_true(pz_bits_more_than(x, MOST, n - 1));
    assert_false(pz_bits_more_than(x, MOST, n));
    free(x);
}
