/* SPDX-License-Identifier: Apache-2.0 */

#include "table/dict.h"
#include "table/hash.h"
#include "tests/unit/unit.h"

/* A dictionary of n C strings; the caller clears it. */
static struct pz_dict make(const char *const *s, size_t n)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict dict;

    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(pz_dict_builder_add(b, s[i], strlen(s[i])), PZ_NONE);
    assert_int_equal(pz_dict_builder_finish(b, &dict, NULL, NULL), PZ_OK);
    pz_dict_builder_free(b);
    return dict;
}

static void assert_string_at(const struct pz_dict *dict, uint32_t i, const char *want)
{
    size_t len;
    const char *s = pz_dict_get(dict, i, &len);

    assert_int_equal(len, strlen(want));
    assert_memory_equal(s, want, len);
}

TEST(a_builder_numbers_by_first_appearance_and_keeps_each_string_once)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    size_t len;

    assert_int_equal(pz_dict_builder_add(b, "pear", 4), 0);
    assert_int_equal(pz_dict_builder_add(b, "apple", 5), 1);
    assert_int_equal(pz_dict_builder_add(b, "pear", 4), 0);
    assert_int_equal(pz_dict_builder_count(b), 2);
    assert_memory_equal(pz_dict_builder_get(b, 1, &len), "apple", 5);
    assert_int_equal(len, 5);
    pz_dict_builder_free(b);
}

TEST(finishing_sorts_by_bytes_and_says_where_each_went)
{
    static const char *const s[] = { "b", "Z", "a", "\xc3\xa9", "aa" };
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict dict;
    uint32_t *final;

    for (size_t i = 0; i < 5; i++)
        pz_dict_builder_add(b, s[i], strlen(s[i]));
    assert_int_equal(pz_dict_builder_finish(b, &dict, &final, NULL), PZ_OK);
    assert_string_at(&dict, 0, "Z");
    assert_string_at(&dict, 1, "a");
    assert_string_at(&dict, 2, "aa");
    assert_string_at(&dict, 3, "b");
    assert_string_at(&dict, 4, "\xc3\xa9");
    assert_memory_equal(final, ((const uint32_t[]){ 3, 0, 1, 4, 2 }), 5 * sizeof *final);
    free(final);
    pz_dict_builder_free(b);
    pz_dict_clear(&dict);
}

TEST(strings_with_a_long_common_beginning_are_sorted_by_what_follows)
{
    static const char *const s[] = { "catalogue-item-20", "catalogue-item-", "catalogue-item-3",
                                     "catalogue-item-1000000001", "catalogue-item-1000000000" };
    struct pz_dict dict = make(s, 5);

    assert_string_at(&dict, 0, "catalogue-item-");
    assert_string_at(&dict, 1, "catalogue-item-1000000000");
    assert_string_at(&dict, 2, "catalogue-item-1000000001");
    assert_string_at(&dict, 3, "catalogue-item-20");
    assert_string_at(&dict, 4, "catalogue-item-3");
    pz_dict_clear(&dict);
}

TEST(the_empty_string_and_nul_bytes_are_strings)
{
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict dict;

    assert_int_equal(pz_dict_builder_add(b, "a\0b", 3), 0);
    assert_int_equal(pz_dict_builder_add(b, "", 0), 1);
    assert_int_equal(pz_dict_builder_add(b, "a", 1), 2);
    assert_int_equal(pz_dict_builder_add(b, "a\0", 2), 3);
    assert_int_equal(pz_dict_builder_finish(b, &dict, NULL, NULL), PZ_OK);
    assert_int_equal(pz_dict_find(&dict, "", 0), 0);
    assert_int_equal(pz_dict_find(&dict, "a", 1), 1);
    assert_int_equal(pz_dict_find(&dict, "a\0", 2), 2);
    assert_int_equal(pz_dict_find(&dict, "a\0b", 3), 3);
    assert_int_equal(pz_dict_find(&dict, "a\0c", 3), PZ_NONE);
    assert_int_equal(pz_dict_check(&dict, 6, NULL), PZ_OK);
    pz_dict_builder_free(b);
    pz_dict_clear(&dict);
}

TEST(an_empty_dictionary_finds_nothing)
{
    struct pz_dict dict = make(NULL, 0), zero = { 0 };

    assert_int_equal(dict.n, 0);
    assert_int_equal(pz_dict_find_str(&dict, "x"), PZ_NONE);
    assert_int_equal(pz_dict_find_str(&zero, "x"), PZ_NONE);
    pz_dict_clear(&dict);
    pz_dict_clear(&zero);
}

TEST(many_strings_are_all_found_where_they_are)
{
    enum { N = 20000 };
    struct pz_dict_builder *b = pz_dict_builder_new();
    struct pz_dict dict;
    uint32_t *final;
    char s[32];

    for (unsigned i = 0; i < N; i++) {
        int n = snprintf(s, sizeof s, "%u", i * 2654435761u);

        assert_int_equal(pz_dict_builder_add(b, s, (size_t)n), i);
    }
    assert_int_equal(pz_dict_builder_finish(b, &dict, &final, NULL), PZ_OK);
    assert_int_equal(pz_dict_check(&dict, dict.offset[N], NULL), PZ_OK);
    for (unsigned i = 0; i < N; i++) {
        snprintf(s, sizeof s, "%u", i * 2654435761u);
        assert_int_equal(pz_dict_find_str(&dict, s), final[i]);
    }
    free(final);
    pz_dict_builder_free(b);
    pz_dict_clear(&dict);
}

TEST(a_tail_is_found_behind_the_rest)
{
    struct pz_dict dict = make((const char *const[]){ "b", "d" }, 2),
                   tail = make((const char *const[]){ "a", "c" }, 2);

    dict.n += tail.n;
    dict.tail = &tail;
    assert_string_at(&dict, 1, "d");
    assert_string_at(&dict, 2, "a");
    assert_string_at(&dict, 3, "c");
    assert_int_equal(pz_dict_find_str(&dict, "d"), 1);
    assert_int_equal(pz_dict_find_str(&dict, "a"), 2);
    assert_int_equal(pz_dict_find_str(&dict, "c"), 3);
    assert_int_equal(pz_dict_find_str(&dict, "e"), PZ_NONE);
    dict.tail = NULL;
    pz_dict_clear(&dict);
    pz_dict_clear(&tail);
}

TEST(going_along_finds_what_looking_up_finds)
{
    enum { N = 400 };
    static char id[N][8];
    const char *own[N], *later[N];
    size_t n_own = 0, n_later = 0;
    uint64_t random = 7;

    for (int i = 0; i < N; i++) {
        snprintf(id[i], sizeof id[i], i % 3 ? "%04d" : "%04d-", i);
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (random >> 62 < 2)
            own[n_own++] = id[i];
        else if (random >> 62 == 2)
            later[n_later++] = id[i];
    }
    struct pz_dict dict = make(own, n_own), tail = make(later, n_later);
    dict.tail = &tail;
    dict.n += tail.n;
    for (int step = 1; step < 60; step++) {
        struct pz_dict_walk w = { .dict = &dict };
        for (int i = step - 1; i < N; i += step)
            assert_int_equal(pz_dict_walk_to(&w, id[i], strlen(id[i])),
                             pz_dict_find_str(&dict, id[i]));
        assert_int_equal(pz_dict_walk_to(&w, "x", 1), PZ_NONE);
    }
    struct pz_dict none = { 0 };
    struct pz_dict_walk w = { .dict = &none };
    assert_int_equal(pz_dict_walk_to(&w, "x", 1), PZ_NONE);
    dict.tail = NULL;
    pz_dict_clear(&dict);
    pz_dict_clear(&tail);
}

TEST(broken_dictionaries_are_refused)
{
    static const uint64_t good[] = { 0, 1, 2 }, back[] = { 0, 2, 1 }, far[] = { 0, 9, 2 },
                          late[] = { 1, 1, 2 };
    struct pz_dict dict = { .n = 2, .offset = good, .bytes = "ab" };

    assert_int_equal(pz_dict_check(&dict, 2, NULL), PZ_OK);
    assert_int_equal(pz_dict_check(&dict, 3, NULL), PZ_BAD_DATA);
    dict.offset = back;
    assert_int_equal(pz_dict_check(&dict, 1, NULL), PZ_BAD_DATA);
    dict.offset = far;
    assert_int_equal(pz_dict_check(&dict, 2, NULL), PZ_BAD_DATA);
    dict.offset = late;
    assert_int_equal(pz_dict_check(&dict, 2, NULL), PZ_BAD_DATA);
    dict.offset = good;
    dict.bytes = "ba";
    assert_int_equal(pz_dict_check(&dict, 2, NULL), PZ_BAD_DATA);
    dict.bytes = "aa";
    assert_int_equal(pz_dict_check(&dict, 2, NULL), PZ_BAD_DATA);
}

TEST(a_merge_of_three_is_the_union_in_order_with_maps)
{
    static const char *const a[] = { "b", "d" }, *const c[] = { "a", "b", "e" };
    struct pz_dict one = make(a, 2), none = make(NULL, 0), three = make(c, 3), out;
    const struct pz_dict *in[] = { &one, &none, &three };
    uint32_t *map[3];

    assert_int_equal(pz_dict_merge(in, 3, &out, map, NULL), PZ_OK);
    assert_int_equal(out.n, 4);
    assert_string_at(&out, 0, "a");
    assert_string_at(&out, 1, "b");
    assert_string_at(&out, 2, "d");
    assert_string_at(&out, 3, "e");
    assert_memory_equal(map[0], ((const uint32_t[]){ 1, 2 }), 2 * sizeof **map);
    assert_memory_equal(map[2], ((const uint32_t[]){ 0, 1, 3 }), 3 * sizeof **map);
    assert_int_equal(pz_dict_check(&out, 4, NULL), PZ_OK);
    for (int k = 0; k < 3; k++)
        free(map[k]);
    pz_dict_clear(&one);
    pz_dict_clear(&none);
    pz_dict_clear(&three);
    pz_dict_clear(&out);
}

TEST(a_merge_of_nothing_is_empty)
{
    struct pz_dict none = make(NULL, 0), out;
    const struct pz_dict *in[] = { &none };

    assert_int_equal(pz_dict_merge(in, 1, &out, NULL, NULL), PZ_OK);
    assert_int_equal(out.n, 0);
    assert_int_equal(out.offset[0], 0);
    pz_dict_clear(&out);
    assert_int_equal(pz_dict_merge(in, 0, &out, NULL, NULL), PZ_OK);
    assert_int_equal(out.n, 0);
    pz_dict_clear(&out);
    pz_dict_clear(&none);
}

/* Three inputs of which one is empty take the way of many. */
TEST(few_strings_into_many_are_united_as_any)
{
    const struct pz_dict none = { .offset = (const uint64_t[]){ 0 }, .bytes = "" };

    for (unsigned n = 0; n < 5; n++)
        for (int turn = 0; turn < 2; turn++) {
            struct pz_dict_builder *b[2] = { pz_dict_builder_new(), pz_dict_builder_new() };
            struct pz_dict in[2], out[2];
            const struct pz_dict *list[3] = { &in[turn], &in[1 - turn], &none };
            uint32_t *map[2][3] = { { NULL } };
            char s[16];

            for (unsigned i = 0; i < 400; i++) {
                snprintf(s, sizeof s, "%x", i * 2654435761u >> (i % 9));
                assert_true(pz_dict_builder_add(b[0], s, strlen(s)) != PZ_NONE);
                if (i < n) {
                    assert_true(pz_dict_builder_add(b[1], s + i % 2, strlen(s + i % 2)) != PZ_NONE);
                    snprintf(s, sizeof s, "%c", "/0zg5"[i]);
                    assert_true(pz_dict_builder_add(b[1], s, 1) != PZ_NONE);
                }
            }
            for (int k = 0; k < 2; k++) {
                assert_int_equal(pz_dict_builder_finish(b[k], &in[k], NULL, NULL), PZ_OK);
                pz_dict_builder_free(b[k]);
            }
            assert_int_equal(pz_dict_merge(list, 2, &out[0], map[0], NULL), PZ_OK);
            assert_int_equal(pz_dict_merge(list, 3, &out[1], map[1], NULL), PZ_OK);
            assert_int_equal(out[0].n, out[1].n);
            assert_memory_equal(out[0].offset, out[1].offset, 8 * (out[0].n + 1));
            assert_memory_equal(out[0].bytes, out[1].bytes, out[0].offset[out[0].n]);
            for (int k = 0; k < 2; k++)
                assert_memory_equal(map[0][k], map[1][k], 4 * list[k]->n);
            for (int k = 0; k < 2; k++) {
                pz_dict_clear(&in[k]);
                pz_dict_clear(&out[k]);
                for (int i = 0; i < 3; i++)
                    free(map[k][i]);
            }
        }
}

TEST(many_overlapping_inputs_merge_as_sorting_them_together_would)
{
    enum { INPUTS = 9, EACH = 300 };
    struct pz_dict_builder *all = pz_dict_builder_new();
    struct pz_dict part[INPUTS], want, got;
    const struct pz_dict *in[INPUTS];
    char s[16];

    for (unsigned k = 0; k < INPUTS; k++) {
        struct pz_dict_builder *b = pz_dict_builder_new();

        for (unsigned i = 0; i < EACH; i++) {
            int n = snprintf(s, sizeof s, "%u", (i * 7919u + k * 104729u) % 1000u);

            pz_dict_builder_add(b, s, (size_t)n);
            pz_dict_builder_add(all, s, (size_t)n);
        }
        assert_int_equal(pz_dict_builder_finish(b, &part[k], NULL, NULL), PZ_OK);
        pz_dict_builder_free(b);
        in[k] = &part[k];
    }
    assert_int_equal(pz_dict_builder_finish(all, &want, NULL, NULL), PZ_OK);
    assert_int_equal(pz_dict_merge(in, INPUTS, &got, NULL, NULL), PZ_OK);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.offset, want.offset, (want.n + 1) * sizeof *want.offset);
    assert_memory_equal(got.bytes, want.bytes, want.offset[want.n]);
    for (int k = 0; k < INPUTS; k++)
        pz_dict_clear(&part[k]);
    pz_dict_builder_free(all);
    pz_dict_clear(&want);
    pz_dict_clear(&got);
}

TEST(a_hash_of_pieces_is_the_hash_of_the_whole)
{
    struct pz_hash *h = pz_hash_new();
    char text[600], hex[33];

    memset(text, 'x', sizeof text);
    pz_hash_add(h, text, 1);
    pz_hash_add(h, text + 1, 299);
    pz_hash_add(h, text + 300, 300);
    assert_true(pz_hash_finish64(h) == pz_hash64(text, sizeof text));
    h = pz_hash_new();
    pz_hash_finish(h, hex); /* XXH3-128 of nothing, as xxh128sum prints it */
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
}
