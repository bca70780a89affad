/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "table/table.h"
#include "table/zst.h"
#include "tests/unit/unit.h"
#include "text/stream.h"

static char path[512];

static int make_path(void **state __attribute__((unused)))
{
    const char *dir = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/pz-test-stream-%ld", dir ? dir : "/tmp", (long)getpid());
    return 0;
}

static int remove_path(void **state __attribute__((unused)))
{
    unlink(path);
    return 0;
}

static void put_file(const void *bytes, size_t n)
{
    assert_int_equal(pz_file_write(path, bytes, n, NULL), PZ_OK);
}

/* Read all of a stream in pieces of at most `piece` bytes into buf. */
static enum pz_status drain(const char *name, size_t piece, char *buf, size_t cap, size_t *n,
                            struct pz_err *err)
{
    struct pz_in *in;
    size_t got = 1;
    enum pz_status st = pz_in_open(name, &in, err);

    *n = 0;
    while (st == PZ_OK && got > 0) {
        assert_true(*n + piece <= cap);
        st = pz_in_read(in, buf + *n, piece, &got, err);
        *n += got;
    }
    pz_in_close(in);
    return st;
}

/* `n` bytes that do not compress to nothing, and their zstd frame. */
static char *make_text(size_t n, char **packed, size_t *n_packed)
{
    char *text = malloc(n);
    uint32_t x = 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        text[i] = (char)('a' + (x >> 24) % 16);
    }
    *packed = malloc(pz_zst_bound(n));
    *n_packed = pz_zst_pack(*packed, pz_zst_bound(n), text, n, 0);
    assert_int_not_equal(*n_packed, 0);
    return text;
}

TEST(plain_text_comes_through_in_any_piece_size)
{
    char buf[64];
    size_t n;

    put_file("a,b\n1,2\n", 8);
    for (size_t piece = 1; piece < 20; piece++) {
        assert_int_equal(drain(path, piece, buf, sizeof buf, &n, NULL), PZ_OK);
        assert_int_equal(n, 8);
        assert_memory_equal(buf, "a,b\n1,2\n", 8);
    }
}

TEST(empty_and_very_short_files_are_plain)
{
    char buf[64];
    size_t n;

    for (size_t size = 0; size < 4; size++) {
        put_file("xyz", size);
        assert_int_equal(drain(path, 16, buf, sizeof buf, &n, NULL), PZ_OK);
        assert_int_equal(n, size);
    }
}

TEST(zstd_is_told_by_its_bytes_and_decoded)
{
    enum { N = 300000 };
    size_t n_packed, n;
    char *packed, *text = make_text(N, &packed, &n_packed), *buf = malloc(N + 100000);

    put_file(packed, n_packed);
    for (size_t piece = 4093; piece < 100000; piece *= 5) {
        assert_int_equal(drain(path, piece, buf, N + 100000, &n, NULL), PZ_OK);
        assert_int_equal(n, N);
        assert_memory_equal(buf, text, N);
    }
    free(packed);
    free(text);
    free(buf);
}

TEST(several_frames_and_skippable_ones_are_one_stream)
{
    static const char skip[] = "\x53\x2a\x4d\x18\x03\0\0\0abc";
    size_t n_packed, n;
    char *packed, *text = make_text(1000, &packed, &n_packed), *all, *buf = malloc(4096);

    all = malloc(2 * (n_packed + 11));
    memcpy(all, skip, 11);
    memcpy(all + 11, packed, n_packed);
    memcpy(all + 11 + n_packed, skip, 11);
    memcpy(all + 22 + n_packed, packed, n_packed);
    put_file(all, 22 + 2 * n_packed);
    assert_int_equal(drain(path, 512, buf, 4096, &n, NULL), PZ_OK);
    assert_int_equal(n, 2000);
    assert_memory_equal(buf, text, 1000);
    assert_memory_equal(buf + 1000, text, 1000);
    free(all);
    free(packed);
    free(text);
    free(buf);
}

TEST(a_zstd_stream_that_ends_early_is_an_error_at_every_length)
{
    size_t n_packed, n;
    char *packed, *text = make_text(300, &packed, &n_packed), buf[1024];
    struct pz_err err;

    for (size_t cut = 4; cut < n_packed; cut++) {
        put_file(packed, cut);
        assert_int_equal(drain(path, 64, buf, sizeof buf, &n, &err), PZ_BAD_DATA);
        assert_non_null(strstr(err.text, "ends in the middle"));
    }
    free(packed);
    free(text);
}

TEST(damaged_zstd_data_and_trailing_garbage_are_errors)
{
    size_t n_packed, n;
    char *packed, *text = make_text(300, &packed, &n_packed), buf[1024], *more;

    more = malloc(n_packed + 7);
    memcpy(more, packed, n_packed);
    memcpy(more + n_packed, "garbage", 7);
    put_file(more, n_packed + 7);
    assert_int_equal(drain(path, 64, buf, sizeof buf, &n, NULL), PZ_BAD_DATA);
    more[n_packed - 1] ^= 1; /* the checksum */
    put_file(more, n_packed);
    assert_int_equal(drain(path, 64, buf, sizeof buf, &n, NULL), PZ_BAD_DATA);
    free(more);
    free(packed);
    free(text);
}

TEST(gzip_that_ends_early_is_an_error)
{
    char buf[16];
    struct pz_err err;
    size_t n;

    put_file("\x1f\x8b\x08\0\0\0\0\0", 8);
    assert_int_equal(drain(path, 16, buf, sizeof buf, &n, &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "ends in the middle"));
}

TEST(a_table_is_refused_as_text)
{
    struct pz_writer *w;
    struct pz_err err;
    char buf[16];
    size_t n;

    assert_int_equal(pz_writer_open(path, "data", 0, &w, NULL), PZ_OK);
    assert_int_equal(pz_writer_commit(w, NULL), PZ_OK);
    assert_int_equal(drain(path, 16, buf, sizeof buf, &n, &err), PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "pz file"));
}

TEST(a_missing_file_and_a_folder_are_no_input)
{
    struct pz_in *in;
    char buf[16];
    size_t n;

    unlink(path);
    assert_int_equal(pz_in_open(path, &in, NULL), PZ_NO_INPUT);
    assert_null(in);
    assert_int_equal(drain(".", 16, buf, sizeof buf, &n, NULL), PZ_NO_INPUT);
}

TEST(a_pipe_on_standard_input_is_read_and_named)
{
    int fd[2], saved = dup(STDIN_FILENO);
    size_t n_packed, got, n = 0;
    char *packed, *text = make_text(500, &packed, &n_packed), buf[1024];
    struct pz_in *in;

    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], packed, n_packed), (ssize_t)n_packed);
    close(fd[1]);
    dup2(fd[0], STDIN_FILENO);
    close(fd[0]);
    assert_int_equal(pz_in_open("-", &in, NULL), PZ_OK);
    assert_string_equal(pz_in_name(in), "standard input");
    assert_int_equal(pz_in_size(in), 0);
    do {
        assert_int_equal(pz_in_read(in, buf + n, sizeof buf - n, &got, NULL), PZ_OK);
        n += got;
    } while (got > 0);
    assert_int_equal(n, 500);
    assert_memory_equal(buf, text, 500);
    assert_int_equal(pz_in_consumed(in), n_packed);
    pz_in_close(in);
    dup2(saved, STDIN_FILENO);
    close(saved);
    free(packed);
    free(text);
}

AROUND_ALL(make_path, remove_path)
