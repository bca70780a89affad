/* SPDX-License-Identifier: Apache-2.0 */
/* Staging: words packed and read back, rows in the order of their partitions, and texts of many
 * threads as one dictionary. */
#include "base/mem.h"
#include "base/rng.h"
#include "import/staging.h"
#include "table/hash.h"
#include "tests/unit/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* ---- packed words ---- */

static const struct {
    uint64_t word[4];
    size_t n;
    uint8_t width;
} packs[] = {
    { { 0 }, 0, 0 },
    { { 7 }, 1, 0 },
    { { 7, 7, 7 }, 3, 0 }, /* all equal: no bytes at all */
    { { UINT64_MAX, UINT64_MAX }, 2, 0 },
    { { 5, 5 + 255 }, 2, 1 }, /* the widest distance of each width, and one more */
    { { 5, 5 + 256 }, 2, 2 },
    { { 9, 9 + 65535, 10 }, 3, 2 },
    { { 9, 9 + 65536 }, 2, 3 },
    { { 0, 0xffffff }, 2, 3 },
    { { 0, 0x1000000 }, 2, 4 },
    { { 1, 0x100000000u }, 2, 4 },
    { { 1, 0x100000001u }, 2, 5 },
    { { 0, 0xffffffffffu }, 2, 5 },
    { { 0, 0x10000000000u }, 2, 6 },
    { { 0, 0x1000000000000u }, 2, 7 },
    { { 0, 0xffffffffffffffu }, 2, 7 },
    { { 0, 0x100000000000000u }, 2, 8 },
    { { 3, UINT64_MAX, 0, 17 }, 4, 8 },
};

TEST(words_take_the_bytes_of_their_distance_and_come_back)
{
    for (size_t i = 0; i < LENGTH(packs); i++) {
        struct pz_packed p;
        uint64_t back[4] = { 0 };

        assert_true(pz_packed_make(&p, packs[i].word, packs[i].n));
        if (p.width != packs[i].width || (p.bytes == NULL) != (p.width == 0))
            fail_msg("row %zu: %u bytes a word", i, p.width);
        pz_packed_read(&p, 0, packs[i].n, back);
        assert_memory_equal(back, packs[i].word, packs[i].n * sizeof *back);
        for (size_t k = 0; k < packs[i].n; k++) { /* any one of them */
            pz_packed_read(&p, k, 1, back);
            assert_true(back[0] == packs[i].word[k]);
        }
        pz_packed_clear(&p);
        assert_null(p.bytes);
    }
}

/* ---- row groups ---- */

TEST(a_column_that_a_row_group_lacks_is_missing_in_all_its_rows)
{
    static const uint64_t a[] = { 4, 9, 4 };
    struct pz_staging staging = { 0 };
    uint64_t got[3];

    staging.group = calloc(1, sizeof *staging.group);
    assert_non_null(staging.group);
    staging.n = staging.cap = 1;
    staging.group[0] = (struct pz_row_group){ .n_rows = 3, .n_cols = 1 };
    staging.group[0].col = calloc(1, sizeof *staging.group[0].col);
    assert_true(pz_packed_make(staging.group[0].col, a, 3));
    pz_row_group_read(staging.group, 0, 77, got);
    assert_memory_equal(got, a, sizeof a);
    pz_row_group_read(staging.group, 1, 77, got);
    assert_true(got[0] == 77 && got[1] == 77 && got[2] == 77);
    pz_staging_drop(&staging, 1); /* no such column: nothing happens */
    assert_non_null(staging.group[0].col[0].bytes);
    pz_staging_drop(&staging, 0);
    assert_null(staging.group[0].col[0].bytes);
    pz_staging_clear(&staging);
    assert_null(staging.group);
    assert_int_equal(staging.n, 0);
}

TEST(rows_are_ordered_by_partition_and_stay_in_order_within)
{
    enum { N = 1000, KEYS = 40 };
    uint8_t of[KEYS];
    uint64_t key[N];
    uint32_t order[N], start[PZ_PARTITIONS + 1];
    bool met[N] = { false };
    struct pz_rng rng;

    pz_rng_init(&rng, 3, 0);
    for (size_t k = 0; k < KEYS; k++)
        of[k] = k < 2 ? (uint8_t)(255 * k)
                      : (uint8_t)pz_rng_below(&rng, 256); /* first and last too */
    for (size_t r = 0; r < N; r++)
        key[r] = pz_rng_below(&rng, KEYS);
    pz_partition_order(of, key, N, order, start);
    assert_int_equal(start[0], 0);
    assert_int_equal(start[PZ_PARTITIONS], N);
    for (size_t b = 0; b < PZ_PARTITIONS; b++) {
        assert_true(start[b] <= start[b + 1]);
        for (uint32_t k = start[b]; k < start[b + 1]; k++) {
            assert_int_equal(of[key[order[k]]], b);
            assert_false(met[order[k]]);
            met[order[k]] = true;
            if (k > start[b])
                assert_true(order[k - 1] < order[k]);
        }
    }
    pz_partition_order(of, key, 0, order, start);
    assert_int_equal(start[PZ_PARTITIONS], 0);
}

/* ---- texts ---- */

TEST(a_short_text_is_a_word_of_its_bytes)
{
    static const char text[] = "abcdefgh";

    for (size_t n = 1; n <= 8; n++) {
        uint64_t word = pz_texts_word(text, n), is = 0;

        memcpy(&is, text, n); /* the rest is zeros */
        if (word != is)
            fail_msg("%zu bytes", n);
    }
}

/* Lengths around the short cut of 8 bytes, equal beginnings, bytes from 0x80 on. */
static const char *const texts[] = { "a",          "b",        "ab",        "aa",
                                     "abcdefg",    "abcdefgh", "abcdefghi", "abcdefgi",
                                     "bcdefgh",    "\xff",     "\xc3\xa4",  "",
                                     "1",          "10",       "100",       "123456789",
                                     "1234567890", "12345678", "123456788", "\x80zzzzzzz" };

TEST(texts_are_numbered_as_they_are_met_at_once_or_deferred)
{
    struct pz_texts now = { 0 }, later = { 0 };
    uint64_t word[2 * LENGTH(texts)];

    for (size_t i = 0; i < 2 * LENGTH(texts); i++) { /* each one twice */
        const char *s = texts[i % LENGTH(texts)];

        assert_int_equal(pz_texts_add(&now, s, strlen(s)), i % LENGTH(texts));
        word[i] = pz_texts_defer(&later, s, strlen(s));
        assert_true(word[i] != UINT64_MAX);
    }
    assert_int_equal(pz_texts_count(&now), LENGTH(texts));
    assert_true(pz_texts_resolve(&later, word, LENGTH(word)));
    assert_int_equal(pz_texts_count(&later), LENGTH(texts));
    for (size_t i = 0; i < LENGTH(texts); i++) {
        assert_true(word[i] == word[i + LENGTH(texts)]);
        for (size_t k = 0; k < i; k++)
            assert_true(word[i] != word[k]);
    }
    pz_texts_clear(&now);
    pz_texts_clear(&later);
    assert_int_equal(pz_texts_count(&later), 0);
}

TEST(many_texts_outgrow_the_first_table)
{
    enum { N = 20000 };
    struct pz_texts t = { 0 };
    char text[16];

    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < N; i++)
            assert_int_equal(pz_texts_add(&t, text, (size_t)snprintf(text, sizeof text, "%u", i)),
                             i);
    assert_int_equal(pz_texts_count(&t), N);
    assert_true(t.used <= (t.mask + 1) / 3 * 2); /* at most two thirds full */
    pz_texts_clear(&t);
}

/* Two threads that meet the same user must put their rows into one partition. */
TEST(a_text_s_partition_depends_on_its_bytes_alone)
{
    struct pz_texts a = { .with_partitions = true }, b = { .with_partitions = true };
    size_t n = LENGTH(texts), differ = 0;

    for (size_t i = 0; i < n; i++) {
        pz_texts_add(&a, texts[i], strlen(texts[i]));
        pz_texts_add(&b, texts[n - 1 - i], strlen(texts[n - 1 - i]));
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a.partition[i], b.partition[n - 1 - i]);
        differ += a.partition[i] != a.partition[0];
    }
    assert_true(differ > n / 2);
    pz_texts_clear(&a);
    pz_texts_clear(&b);
}

TEST(texts_of_threads_unite_to_one_sorted_dictionary)
{
    for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
        struct pz_texts t[3] = { { 0 } };
        struct pz_texts *in[] = { &t[0], &t[1], &t[2] };
        struct pz_dict dict;
        uint32_t *map[3] = { NULL };

        for (size_t i = 0; i < LENGTH(texts); i++) {
            pz_texts_add(&t[i % n_threads], texts[i], strlen(texts[i]));
            pz_texts_add(&t[0], texts[i], strlen(texts[i])); /* the first meets all */
        }
        assert_int_equal(pz_texts_unite(in, n_threads, &dict, map, NULL), PZ_OK);
        assert_int_equal(dict.n, LENGTH(texts));
        for (size_t i = 0; i < LENGTH(texts); i++) {
            size_t k = i % n_threads;
            uint32_t number = pz_texts_add(&t[k], texts[i], strlen(texts[i]));

            assert_int_equal(map[k][number], pz_dict_find_str(&dict, texts[i]));
        }
        for (size_t k = 0; k < n_threads; k++) {
            free(map[k]);
            pz_texts_clear(&t[k]);
        }
        pz_dict_clear(&dict);
    }
}

TEST(no_texts_unite_to_an_empty_dictionary)
{
    struct pz_texts t = { 0 };
    struct pz_texts *in[] = { &t };
    struct pz_dict dict;
    uint32_t *map[1];

    assert_int_equal(pz_texts_unite(in, 1, &dict, map, NULL), PZ_OK);
    assert_int_equal(dict.n, 0);
    free(map[0]);
    pz_dict_clear(&dict);
    pz_texts_clear(&t);
}
