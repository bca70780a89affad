/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, memory, random numbers, JSON and log: small modules, a few sentences each. */
#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/unit/unit.h"

TEST(an_error_keeps_its_status_and_one_sentence)
{
    struct pz_err err = { 0 };

    assert_int_equal(pz_err_set(&err, PZ_BAD_DATA, "line %d", 7), PZ_BAD_DATA);
    assert_string_equal(err.text, "line 7");
    pz_err_prefix(&err, "%s", "a.csv");
    assert_string_equal(err.text, "a.csv: line 7");
    assert_int_equal(err.status, PZ_BAD_DATA);
    assert_int_equal(pz_err_errno(&err, PZ_IO, 28, "writing x"), PZ_IO);
    assert_string_equal(err.text, "writing x: No space left on device");
    assert_int_equal(pz_err_memory(NULL, "anything", 1e9),
                     PZ_TRY_AGAIN); /* nobody wants the text */
}

TEST(a_long_error_is_cut_and_terminated)
{
    struct pz_err err = { 0 };
    char *text = malloc(5000);

    assert_non_null(text);
    memset(text, 'x', 4999);
    text[4999] = '\0';
    pz_err_set(&err, PZ_USAGE, "%s", text);
    assert_true(strlen(err.text) < sizeof err.text);
    pz_err_prefix(&err, "%s", text);
    assert_true(strlen(err.text) < sizeof err.text);
    free(text);
}

TEST(arrays_are_zeroed_aligned_and_never_too_small)
{
    uint64_t *a = pz_mem_array(1000, sizeof *a);

    assert_non_null(a);
    assert_int_equal((uintptr_t)a % PZ_MEM_ALIGN, 0);
    for (size_t i = 0; i < 1000; i++)
        assert_true(a[i] == 0);
    free(a);
    assert_null(pz_mem_array(SIZE_MAX / 2, 3)); /* the product overflows */
    a = pz_mem_array(0, 8);
    assert_non_null(a);
    free(a);
}

TEST(a_growing_array_keeps_its_content_and_refuses_an_overflow)
{
    uint32_t *a = NULL;
    size_t cap = 0;

    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(pz_mem_grow(&a, &cap, i + 1, sizeof *a));
        a[i] = i;
    }
    for (uint32_t i = 0; i < 5000; i++)
        assert_int_equal(a[i], i);
    assert_false(pz_mem_grow(&a, &cap, SIZE_MAX / 2, sizeof *a));
    assert_int_equal(a[4999], 4999);
    free(a);
}

/* Each limit by its name: glibc's and musl's type of it differ. */
TEST(nothing_is_reserved_where_a_limit_counts_it)
{
    struct rlimit space, data, wide = { .rlim_cur = (rlim_t)1 << 50 };
    void *p = pz_mem_reserve(1000, 4);

    assert_int_equal(getrlimit(RLIMIT_AS, &space), 0);
    assert_int_equal(getrlimit(RLIMIT_DATA, &data), 0);
    if (!p) /* the tests themselves have one */
        skip();
    free(p);
    wide.rlim_max = space.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &wide), 0);
    p = pz_mem_reserve(1000, 4);
    assert_int_equal(setrlimit(RLIMIT_AS, &space), 0);
    assert_null(p);
    wide.rlim_max = data.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_DATA, &wide), 0);
    p = pz_mem_reserve(1000, 4);
    assert_int_equal(setrlimit(RLIMIT_DATA, &data), 0);
    assert_null(p);
}

TEST(an_array_gives_back_its_beginning_and_its_end_and_keeps_the_rest)
{
    enum { N = 3 << 20, READ = 1 << 20, LEFT = 2 << 20 };
    uint32_t *a = pz_mem_room(N, sizeof *a), *none = NULL;

    for (uint32_t i = 0; i < N; i++)
        a[i] = i + 1;
    pz_mem_give_back(a, READ, sizeof *a);
    assert_int_equal(a[READ / 2], 0); /* its page is a new one */
    for (uint32_t i = READ; i < N; i++)
        assert_int_equal(a[i], i + 1);
    pz_mem_fit(&a, LEFT, sizeof *a);
    assert_int_equal(a[READ], READ + 1);
    assert_int_equal(a[LEFT - 1], LEFT);
    free(a);
    pz_mem_fit(&none, 5, sizeof *none);
    assert_null(none);
}

static void fill_slab(size_t bytes, size_t more)
{
    struct pz_mem_slab slab;
    char *p[3];

    assert_true(pz_mem_slab_init(&slab, bytes, more));
    p[0] = pz_mem_slab_take(&slab, 1, bytes / 2);
    p[1] = pz_mem_slab_map(&slab, more, 1, more / 2, false);
    p[2] = pz_mem_slab_take(&slab, 1, bytes / 2); /* is still due */
    for (size_t k = 0; k < 3; k++) {
        size_t n = k == 1 ? more : bytes / 2;

        assert_non_null(p[k]);
        assert_int_equal((uintptr_t)p[k] % PZ_MEM_ALIGN, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[k][i], 0);
        memset(p[k], 1, n);
    }
    assert_null(pz_mem_slab_take(&slab, 1, PZ_MEM_ALIGN));
    pz_mem_slab_clear(&slab);
    pz_mem_slab_clear(&slab);
}

TEST(a_slab_has_what_was_asked_for_whatever_is_mapped_beside_it)
{
    fill_slab(1024, 4096);
    fill_slab(1024, 1 << 20);
    fill_slab(1024, 3 << 20);
    fill_slab(3 << 20, 1 << 20);
}

TEST(an_arena_hands_out_aligned_pieces_that_do_not_overlap)
{
    struct pz_arena arena = { 0 };
    char *last = NULL;

    for (size_t i = 0; i < 3000; i++) {
        char *p = pz_arena_take(&arena, i % 97 + 1);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 8, 0);
        memset(p, (int)(i & 0x7f), i % 97 + 1);
        if (last)
            assert_int_equal(last[0], (int)((i - 1) & 0x7f));
        last = p;
    }
    assert_string_equal(pz_arena_strndup(&arena, "abcdef", 3), "abc");
    pz_arena_clear(&arena);
    assert_non_null(pz_arena_take(&arena, 1 << 20)); /* usable again; larger than a block */
    pz_arena_clear(&arena);
}

TEST(a_stream_of_random_numbers_depends_on_seed_and_stream_alone)
{
    struct pz_rng a, b, c;
    size_t equal = 0;

    pz_rng_init(&a, 1, 5);
    pz_rng_init(&b, 1, 5);
    pz_rng_init(&c, 1, 6);
    for (int i = 0; i < 100; i++) {
        uint64_t x = pz_rng_u64(&a);

        assert_true(x == pz_rng_u64(&b));
        equal += x == pz_rng_u64(&c);
    }
    assert_int_equal(equal, 0);
}

TEST(random_numbers_have_their_ranges_and_moments)
{
    enum { N = 200000 };
    struct pz_rng rng;
    double sum = 0, squares = 0, unit = 0;
    size_t count[10] = { 0 };

    pz_rng_init(&rng, 7, 0);
    for (int i = 0; i < N; i++) {
        double u = pz_rng_unit(&rng), z = pz_rng_normal(&rng);

        assert_true(u >= 0 && u < 1);
        count[pz_rng_below(&rng, 10)]++;
        unit += u;
        sum += z;
        squares += z * z;
    }
    /* five standard errors: 1 / sqrt(12 N), 1 / sqrt(N), sqrt(2 / N) */
    assert_true(fabs(unit / N - 0.5) < 5 / sqrt(12.0 * N));
    assert_true(fabs(sum / N) < 5 / sqrt((double)N));
    assert_true(fabs(squares / N - 1) < 5 * sqrt(2.0 / N));
    for (size_t i = 0; i < 10; i++)
        assert_true(fabs((double)count[i] - N / 10.0) < 5 * sqrt(N * 0.09));
}

TEST(json_is_refused_with_its_place)
{
    struct pz_err err = { 0 };
    json_t *doc = NULL;

    assert_int_equal(pz_json_parse("{\"a\": [1, 2]}", 13, "x.json", &doc, &err), PZ_OK);
    json_decref(doc);
    assert_int_equal(pz_json_parse("{\"a\": 1,\n \"a\": 2}", 17, "x.json", &doc, &err),
                     PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "x.json"));
    assert_non_null(strstr(err.text, "2")); /* the line */
    assert_int_equal(pz_json_parse("", 0, "x.json", &doc, &err), PZ_BAD_DATA);
    assert_int_equal(pz_json_parse("{} {}", 5, "x.json", &doc, &err), PZ_BAD_DATA);
}

TEST(json_text_escapes_what_it_must_and_mends_bad_bytes)
{
    struct pz_str s = { 0 };
    json_t *back;

    pz_json_add_string(&s, "a\"b\\c\n\x01\xff\xc3\xa9", 10);
    back = json_loadb(s.data, s.len, JSON_DECODE_ANY, NULL);
    assert_non_null(back);
    assert_string_equal(json_string_value(back), "a\"b\\c\n\x01\xef\xbf\xbd\xc3\xa9");
    json_decref(back);
    pz_str_reset(&s);
    pz_json_add_number(&s, NAN, true);
    pz_str_addc(&s, ' ');
    pz_json_add_number(&s, 0.1, false);
    assert_string_equal(s.data, "null 0.1");
    pz_str_clear(&s);
}

/* What a log of this level and form writes on standard error for one message of each level. */
static void talk(enum pz_level level, bool json, char *out, size_t n)
{
    int keep = dup(STDERR_FILENO), pipe_fd[2];
    struct pz_log *log;
    ssize_t got;

    assert_int_equal(pipe(pipe_fd), 0);
    dup2(pipe_fd[1], STDERR_FILENO);
    log = pz_log_new("pz-test", level, json);
    pz_log(log, PZ_LOG_ERROR, "e%d", 1);
    pz_log(log, PZ_LOG_WARN, "w\"");
    pz_log(log, PZ_LOG_NOTE, "n");
    pz_log(log, PZ_LOG_DEBUG, "d");
    pz_log_free(log);
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(pipe_fd[1]);
    got = read(pipe_fd[0], out, n - 1);
    close(pipe_fd[0]);
    out[got > 0 ? got : 0] = '\0';
}

TEST(a_log_says_what_its_level_allows)
{
    char out[2048];

    talk(PZ_LOG_ERROR, false, out, sizeof out);
    assert_non_null(strstr(out, "pz-test: e1\n"));
    assert_null(strstr(out, "w\""));
    talk(PZ_LOG_NOTE, false, out, sizeof out);
    assert_non_null(strstr(out, "n\n"));
    assert_null(strstr(out, "pz-test: d"));
    pz_log(NULL, PZ_LOG_ERROR, "nobody listens"); /* and nothing happens */
}

TEST(a_log_in_json_is_one_object_a_line)
{
    char out[2048], *rest = out;
    size_t n = 0;

    talk(PZ_LOG_DEBUG, true, out, sizeof out);
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line; n++) {
        json_t *doc = json_loads(line, 0, NULL);

        assert_non_null(doc);
        json_decref(doc);
    }
    assert_int_equal(n, 4);
}
