/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/file.h"
#include "base/par.h"
#include "table/table.h"
#include "tests/unit/unit.h"

static char path[64], other[80];

static int make_paths(void **state __attribute__((unused)))
{
    snprintf(path, sizeof path, "/tmp/pz-test-table-%ld", (long)getpid());
    snprintf(other, sizeof other, "%s.flat", path);
    return 0;
}

static int remove_paths(void **state __attribute__((unused)))
{
    unlink(path);
    unlink(other);
    return 0;
}

static void add_strings(struct pz_dict *dict, const char *const *s, size_t n)
{
    struct pz_dict_builder *b = pz_dict_builder_new();

    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(pz_dict_builder_add(b, s[i], strlen(s[i])), PZ_NONE);
    assert_int_equal(pz_dict_builder_finish(b, dict, NULL, NULL), PZ_OK);
    pz_dict_builder_free(b);
}

/* A table with several types, a dictionary, and a column of `n` numbers. */
static void write_table(uint64_t n)
{
    static const char *const names[] = { "b", "a", "c", "a" };
    uint32_t *big = calloc(n + 1, sizeof *big);
    const double real[] = { 1.5, -2 };
    struct pz_writer *w;
    struct pz_dict dict;

    for (uint64_t i = 0; i < n; i++)
        big[i] = (uint32_t)(i * 2654435761u);
    add_strings(&dict, names, 4);
    assert_int_equal(pz_writer_open(path, "data", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_writer_add(w, "big", PZ_U32, big, n, NULL), PZ_OK);
    assert_int_equal(pz_writer_add(w, "real", PZ_F64, real, 2, NULL), PZ_OK);
    assert_int_equal(pz_writer_add_dict(w, "names", &dict, NULL), PZ_OK);
    assert_int_equal(pz_writer_add_text(w, "text", "hello", NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    pz_dict_clear(&dict);
    free(big);
}

static void check_table(const char *file, uint64_t n)
{
    struct pz_table *t;
    struct pz_dict dict;
    const void *data;
    uint64_t got;
    char *text;

    assert_int_equal(pz_table_open(file, "data", &t, NULL), PZ_OK);
    assert_int_equal(pz_table_get(t, "big", PZ_U32, PZ_ANY, &data, &got, NULL), PZ_OK);
    assert_int_equal(got, n);
    for (uint64_t i = 0; i < n; i += 997)
        assert_int_equal(((const uint32_t *)data)[i], (uint32_t)(i * 2654435761u));
    assert_int_equal(pz_table_get_dict(t, "names", &dict, NULL), PZ_OK);
    assert_int_equal(dict.n, 3);
    assert_int_equal(pz_dict_find_str(&dict, "b"), 1);
    assert_int_equal(pz_dict_find_str(&dict, "d"), PZ_NONE);
    assert_int_equal(pz_table_get_text(t, "text", &text, NULL), PZ_OK);
    assert_string_equal(text, "hello");
    assert_int_equal(pz_table_get(t, "big", PZ_F32, PZ_ANY, &data, &got, NULL), PZ_BAD_DATA);
    assert_int_equal(pz_table_get(t, "none", PZ_F32, PZ_ANY, &data, &got, NULL), PZ_BAD_DATA);
    assert_int_equal(pz_table_verify(t, NULL), PZ_OK);
    free(text);
    pz_table_close(t);
}

TEST(what_is_written_is_read_back)
{
    write_table(3000000); /* three frames */
    check_table(path, 3000000);
}

TEST(a_flat_copy_reads_the_same)
{
    struct pz_table *t;

    write_table(5000);
    assert_int_equal(pz_table_open(path, "data", &t, NULL), PZ_OK);
    assert_int_equal(pz_table_unpack(t, NULL, other, NULL), PZ_OK);
    pz_table_close(t);
    check_table(other, 5000);
}

/* Whether the kernel was told that what maps a file is to be in large pages: "hg" among its flags
 * in /proc/self/smaps. */
static bool is_large(const char *file)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false, large = false;

    while (f && fgets(line, sizeof line, f)) {
        if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
            here = strstr(line, file) != NULL;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            large = strstr(line, " hg") != NULL;
    }
    if (f)
        fclose(f);
    return large;
}

TEST(a_flat_file_is_read_in_large_pages)
{
    struct pz_table *t;

    if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
        skip(); /* this kernel has none */
    write_table(300000);
    assert_int_equal(pz_table_open(path, "data", &t, NULL), PZ_OK);
    assert_int_equal(pz_table_unpack(t, NULL, other, NULL), PZ_OK);
    assert_false(is_large(path)); /* read once, and given back piece by piece */
    pz_table_close(t);
    assert_int_equal(pz_table_open(other, "data", &t, NULL), PZ_OK);
    assert_true(is_large(other));
    pz_table_close(t);
}

TEST(the_bytes_do_not_depend_on_threads)
{
    char *one, *four;
    size_t n_one, n_four;

    pz_par_set(1);
    write_table(3000000);
    assert_int_equal(pz_file_read(path, 1u << 30, &one, &n_one, NULL), PZ_OK);
    pz_par_set(4);
    write_table(3000000);
    assert_int_equal(pz_file_read(path, 1u << 30, &four, &n_four, NULL), PZ_OK);
    assert_int_equal(n_one, n_four);
    assert_memory_equal(one, four, n_one);
    free(one);
    free(four);
    pz_par_set(0);
}

/* Open and read everything; whatever the bytes are, the answer is a status. */
static enum pz_status read_all(const char *file)
{
    struct pz_table *t;
    enum pz_status st = pz_table_open(file, "data", &t, NULL);

    if (st == PZ_OK)
        st = pz_table_verify(t, NULL);
    pz_table_close(t);
    return st;
}

/* A column whose values come in pieces. */
struct pieces {
    const char *at;
};

static enum pz_status next_piece(void *source, void *to, size_t n, struct pz_err *err)
{
    struct pieces *p = source;

    (void)err;
    memcpy(to, p->at, n);
    p->at += n;
    return PZ_OK;
}

TEST(a_column_in_pieces_is_that_of_one_and_parts_of_it_are_read)
{
    enum { N = 2500000 }; /* three frames */
    static const uint64_t part[][2] = {
        { 0, N }, { 0, 0 }, { N, 0 }, { 5, 1000000 }, { 1048576, 1048576 }, { 2400000, 100000 }
    };
    uint32_t *big = calloc(N, sizeof *big);
    struct pieces at = { (const char *)big };
    struct pz_column_source source = { next_piece, &at };
    char *bytes[2];
    size_t n_bytes[2];
    struct pz_writer *w;
    struct pz_table *t;
    void *data;

    for (uint64_t i = 0; i < N; i++)
        big[i] = (uint32_t)(i * 2654435761u) >> 20;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(pz_writer_open(k ? other : path, "data", 0, &w, NULL), PZ_OK);
        assert_int_equal(k ? pz_writer_add_from(w, "big", PZ_U32, N, &source, NULL)
                           : pz_writer_add(w, "big", PZ_U32, big, N, NULL),
                         PZ_OK);
        assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
        assert_int_equal(pz_file_read(k ? other : path, 1 << 26, &bytes[k], &n_bytes[k], NULL),
                         PZ_OK);
    }
    assert_int_equal(n_bytes[0], n_bytes[1]);
    assert_memory_equal(bytes[0], bytes[1], n_bytes[0]);
    assert_int_equal(pz_table_open(path, "data", &t, NULL), PZ_OK);
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        assert_int_equal(pz_table_get_part(t, "big", PZ_U32, part[k][0], part[k][1], &data, NULL),
                         PZ_OK);
        assert_memory_equal(data, big + part[k][0], part[k][1] * sizeof *big);
        free(data);
    }
    assert_int_equal(pz_table_get_part(t, "big", PZ_U32, 1, N, &data, NULL), PZ_BAD_DATA);
    assert_int_equal(pz_table_get_part(t, "big", PZ_F32, 0, 1, &data, NULL), PZ_BAD_DATA);
    pz_table_close(t);
    free(bytes[0]);
    free(bytes[1]);
    free(big);
}

TEST(every_truncation_is_noticed)
{
    char *bytes;
    size_t n;

    write_table(50);
    assert_int_equal(pz_file_read(path, 1u << 20, &bytes, &n, NULL), PZ_OK);
    for (size_t cut = 0; cut < n; cut++) {
        FILE *f = fopen(other, "w");

        fwrite(bytes, 1, cut, f);
        fclose(f);
        assert_int_equal(read_all(other), PZ_BAD_DATA);
    }
    free(bytes);
}

TEST(every_flipped_byte_is_noticed)
{
    char *bytes;
    size_t n;

    write_table(50);
    assert_int_equal(pz_file_read(path, 1u << 20, &bytes, &n, NULL), PZ_OK);
    for (size_t at = 0; at < n; at++) {
        FILE *f = fopen(other, "w");

        bytes[at] ^= 0x41;
        fwrite(bytes, 1, n, f);
        fclose(f);
        assert_int_equal(read_all(other), PZ_BAD_DATA);
        bytes[at] ^= 0x41;
    }
    free(bytes);
}

TEST(a_column_s_name_has_1_to_127_printable_bytes)
{
    static const struct {
        const char *name;
        size_t n; /* 0: the name; else so many of its first byte */
        bool good;
    } names[] = { { "a", 0, true },     { " ", 0, true },     { "~", 0, true },
                  { "a", 127, true },   { "", 0, false },     { "a", 128, false },
                  { "\x1f", 0, false }, { "\x7f", 0, false }, { "\xe4", 0, false } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[200] = "";
        struct pz_writer *w;
        struct pz_table *t;
        enum pz_status st;

        strcpy(name, names[i].name);
        memset(name, name[0], names[i].n);
        assert_int_equal(pz_writer_open(path, "data", 0, &w, NULL), PZ_OK);
        st = pz_writer_add_text(w, name, "x", NULL);
        if (st != (names[i].good ? PZ_OK : PZ_BAD_DATA))
            fail_msg("name %zu", i);
        if (st != PZ_OK) {
            pz_writer_abort(w);
            continue;
        }
        assert_int_equal(pz_writer_add_text(w, name, "x", NULL), PZ_BAD_DATA); /* a second one */
        assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
        assert_int_equal(pz_table_open(path, "data", &t, NULL),
                         PZ_OK); /* the reader has the same bounds */
        assert_true(pz_table_has(t, name));
        pz_table_close(t);
    }
}

TEST(a_merge_of_dictionaries_maps_old_to_new)
{
    static const char *const a_names[] = { "x", "m" }, *const b_names[] = { "a", "x" };
    struct pz_dict a, b, both;
    const struct pz_dict *in[] = { &a, &b };
    uint32_t *map[2];

    add_strings(&a, a_names, 2);
    add_strings(&b, b_names, 2);
    assert_int_equal(pz_dict_merge(in, 2, &both, map, NULL), PZ_OK);
    assert_int_equal(both.n, 3);
    assert_int_equal(map[0][0], 1); /* m */
    assert_int_equal(map[0][1], 2); /* x */
    assert_int_equal(map[1][0], 0); /* a */
    assert_int_equal(map[1][1], 2);
    free(map[0]);
    free(map[1]);
    pz_dict_clear(&a);
    pz_dict_clear(&b);
    pz_dict_clear(&both);
}

TEST(a_path_that_is_no_file_is_answered_with_what_to_do)
{
    struct pz_table *t = NULL;
    struct pz_err err = { 0 };

    assert_int_equal(pz_table_open("/dev/null", NULL, &t, &err), PZ_BAD_DATA);
    assert_string_equal(err.text, "/dev/null is not a regular file; a pipe is read as -");
}

AROUND_ALL(make_paths, remove_paths)
