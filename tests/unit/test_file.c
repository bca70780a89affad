/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/unit.h"

static char start[4096];

/* Every test has a folder of its own, which is the current one. */
static int enter(void **state __attribute__((unused)))
{
    static char dir[] = "/tmp/test_file.XXXXXX";

    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    *state = dir;
    return getcwd(start, sizeof start) && mkdtemp(dir) ? chdir(dir) : -1;
}

static int leave(void **state __attribute__((unused)))
{
    char text[100];

    snprintf(text, sizeof text, "rm -rf %s", (const char *)*state);
    return chdir(start) == 0 ? system(text) : -1;
}

static uint32_t count_files(void)
{
    DIR *d = opendir(".");
    uint32_t n = 0;

    for (const struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void holds(const char *path, const char *text)
{
    char *data;
    size_t n;

    assert_int_equal(pz_file_read(path, 100, &data, &n, NULL), PZ_OK);
    assert_string_equal(data, text);
    assert_int_equal(n, strlen(text));
    free(data);
}

static struct pz_out *begin(const char *path)
{
    struct pz_out *out;

    assert_int_equal(pz_out_open(path, &out, NULL), PZ_OK);
    return out;
}

TEST(an_output_appears_at_commit_and_not_at_abort)
{
    struct pz_out *out;

    assert_int_equal(pz_file_write("f", "old", 3, NULL), PZ_OK);
    out = begin("f");
    assert_int_equal(pz_out_write(out, "new", 3, NULL), PZ_OK);
    assert_int_equal(pz_out_size(out), 3);
    assert_int_equal(count_files(), 2);
    holds("f", "old");
    pz_out_abort(out);
    assert_int_equal(count_files(), 1);
    holds("f", "old");
    out = begin("./f");
    assert_int_equal(pz_out_write(out, "new", 3, NULL), PZ_OK);
    assert_int_equal(pz_out_commit(out, NULL), PZ_OK);
    assert_int_equal(count_files(), 1);
    holds("f", "new");
}

TEST(the_mode_is_what_the_umask_leaves)
{
    mode_t before = umask(027);
    struct stat info;

    assert_int_equal(pz_file_write("f", "", 0, NULL), PZ_OK);
    assert_int_equal(umask(before), 027);
    assert_int_equal(stat("f", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

TEST(bytes_keep_their_order_in_pieces_of_any_size)
{
    static const size_t piece[] = { 1, 65535, 1, 65536, 3, 65534, 200000, 7 };
    struct pz_out *out = begin("f");
    uint8_t *all = malloc(600000), *at = all;
    char *data;
    size_t n;

    for (size_t i = 0; i < 600000; i++)
        all[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof piece / sizeof *piece; at += piece[i++])
        assert_int_equal(pz_out_write(out, at, piece[i], NULL), PZ_OK);
    assert_int_equal(pz_out_size(out), at - all);
    assert_int_equal(pz_out_commit(out, NULL), PZ_OK);
    assert_int_equal(pz_file_read("f", (size_t)(at - all), &data, &n, NULL), PZ_OK);
    assert_int_equal(n, at - all);
    assert_memory_equal(data, all, n);
    free(data);
    free(all);
}

TEST(what_is_to_be_mapped_is_written_in_pieces_that_large_pages_hold)
{
    enum { PIECE = 2 << 20 };
    static const size_t part[] = { 1, 65536, PIECE, 3 * PIECE - 5, 7, 2 * PIECE + 9, PIECE - 20 };
    int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct pz_out *out;
    uint8_t *all = malloc(10 * PIECE), *at = all;
    struct stat info;
    char *data;
    size_t n;

    for (size_t i = 0; i < 10 * PIECE; i++)
        all[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_int_equal(pz_out_attach(fd, "f", &out, NULL), PZ_OK);
    pz_out_for_map(out);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        assert_int_equal(pz_out_write(out, at, part[i], NULL), PZ_OK);
        at += part[i];
        assert_int_equal(fstat(fd, &info), 0);
        assert_int_equal(info.st_size, (at - all) / PIECE * PIECE);
    }
    assert_int_equal(pz_out_commit(out, NULL), PZ_OK);
    close(fd);
    assert_int_equal(pz_file_read("f", (size_t)(at - all), &data, &n, NULL), PZ_OK);
    assert_int_equal(n, at - all);
    assert_memory_equal(data, all, n);
    free(data);
    free(all);
}

TEST(a_name_may_be_as_long_as_the_system_allows)
{
    char name[NAME_MAX + 1], entry[NAME_MAX + 1];

    memset(name, 'n', NAME_MAX);
    name[NAME_MAX] = '\0';
    assert_int_equal(pz_file_write(name, "x", 1, NULL), PZ_OK);
    assert_int_equal(access(name, F_OK), 0);
    assert_int_equal(unlink(name), 0);
    snprintf(entry, sizeof entry, ".%.*s.123456.tmp", NAME_MAX - 12, name);
    assert_true(pz_file_is_temp_of(entry, name));
    assert_false(pz_file_is_temp_of(entry, "n"));
}

TEST(a_signal_leaves_no_temporary_file)
{
    struct pz_out *a = begin("a"), *b = begin("b"), *done = begin("done");

    assert_int_equal(pz_out_commit(done, NULL), PZ_OK);
    pz_out_abort(b);
    assert_int_equal(count_files(), 2);
    pz_out_abort_all();
    assert_int_equal(count_files(), 1);
    holds("done", "");
    pz_out_abort(a);
}

TEST(what_cannot_be_written_is_said_and_leaves_nothing)
{
    char big[70000] = { 0 };
    struct pz_err err = { 0 };
    struct pz_out *out;

    assert_int_equal(pz_out_open("nowhere/f", &out, &err), PZ_CANT_CREATE);
    assert_null(out);
    assert_int_equal(mkdir("folder", 0777), 0);
    out = begin("folder");
    assert_int_equal(pz_out_commit(out, &err), PZ_CANT_CREATE);
    assert_int_equal(count_files(), 1);
    out = begin("/dev/full"); /* a failure stays one */
    assert_int_equal(pz_out_write(out, big, sizeof big, &err), PZ_IO);
    assert_int_equal(pz_out_write(out, "x", 1, &err), PZ_IO);
    err.text[0] = '\0';
    assert_int_equal(pz_out_commit(out, &err), PZ_IO);
    assert_non_null(strstr(err.text, "/dev/full"));
    out = begin("/dev/full"); /* what is buffered fails at commit */
    assert_int_equal(pz_out_write(out, "x", 1, &err), PZ_OK);
    assert_int_equal(pz_out_commit(out, &err), PZ_IO);
    assert_int_equal(pz_out_commit(NULL, &err), PZ_OK);
}

TEST(a_descriptor_of_the_caller_stays_open)
{
    int fd = open("f", O_CREAT | O_RDWR, 0666);
    struct pz_out *out;

    assert_int_equal(pz_out_attach(fd, "mine", &out, NULL), PZ_OK);
    assert_int_equal(pz_out_write(out, "ab", 2, NULL), PZ_OK);
    assert_int_equal(pz_out_commit(out, NULL), PZ_OK);
    assert_int_equal(pz_out_attach(fd, "mine", &out, NULL), PZ_OK);
    pz_out_abort(out);
    assert_int_equal(write(fd, "c", 1), 1);
    close(fd);
    holds("f", "abc");
}

TEST(a_file_is_read_up_to_its_limit)
{
    struct pz_err err = { 0 };
    char *data;
    size_t n;

    assert_int_equal(pz_file_write("f", "12345", 5, NULL), PZ_OK);
    assert_int_equal(pz_file_read("f", 5, &data, &n, NULL), PZ_OK);
    assert_int_equal(n, 5);
    assert_string_equal(data, "12345");
    free(data);
    assert_int_equal(pz_file_read("f", 4, &data, &n, &err), PZ_BAD_DATA);
    assert_null(data);
    /* a limit that is reached at the end of a read: what is behind it is still noticed */
    data = calloc(1, 2 * 65535);
    assert_int_equal(pz_file_write("g", data, 2 * 65535, NULL), PZ_OK);
    free(data);
    assert_int_equal(pz_file_read("g", 65535, &data, &n, &err), PZ_BAD_DATA);
    assert_int_equal(pz_file_read("nosuch", 4, &data, &n, &err), PZ_NO_INPUT);
    assert_int_equal(pz_file_read(".", 4, &data, &n, &err), PZ_IO);
}

TEST(only_enoent_is_absence)
{
    struct pz_err err = { 0 };
    bool there;

    assert_int_equal(pz_file_exists("nosuch", &there, NULL), PZ_OK);
    assert_false(there);
    assert_int_equal(pz_file_exists(".", &there, NULL), PZ_OK);
    assert_true(there);
    assert_int_equal(pz_file_write("plain", "", 0, NULL), PZ_OK);
    assert_int_equal(pz_file_exists("plain/inside", &there, &err), PZ_NO_INPUT);
    assert_true(there);
    assert_non_null(strstr(err.text, "Not a directory"));
}

TEST(one_map_from_errno_to_status)
{
    assert_int_equal(pz_err_errno(NULL, PZ_NO_INPUT, ENOENT, "x"), PZ_NO_INPUT);
    assert_int_equal(pz_err_errno(NULL, PZ_NO_INPUT, EACCES, "x"), PZ_NO_ACCESS);
    assert_int_equal(pz_err_errno(NULL, PZ_NO_INPUT, ELOOP, "x"), PZ_NO_ACCESS);
    assert_int_equal(pz_err_errno(NULL, PZ_CANT_CREATE, EACCES, "x"), PZ_CANT_CREATE);
    assert_int_equal(pz_err_errno(NULL, PZ_NO_INPUT, EMFILE, "x"), PZ_TRY_AGAIN);
    assert_int_equal(pz_err_errno(NULL, PZ_NO_INPUT, EIO, "x"), PZ_IO);
    assert_int_equal(pz_err_errno(NULL, PZ_CANT_CREATE, ENOLCK, "x"), PZ_TRY_AGAIN);
    assert_int_equal(pz_err_errno(NULL, PZ_CANT_CREATE, EACCES, "x"), PZ_CANT_CREATE);
    assert_int_equal(pz_err_errno(NULL, PZ_IO, EFBIG, "x"), PZ_IO);
}

TEST(what_a_killed_process_left_goes_and_what_a_living_one_writes_stays)
{
    struct pz_out *out;
    bool there;

    assert_int_equal(pz_file_write(".f.abcdef.tmp", "half", 4, NULL), PZ_OK);
    assert_int_equal(pz_file_write(".g.abcdef.tmp", "half", 4, NULL), PZ_OK);
    assert_int_equal(pz_out_open("f", &out, NULL), PZ_OK);
    assert_int_equal(pz_file_write("f", "other", 5, NULL), PZ_OK); /* tidies up beside the first */
    assert_int_equal(pz_out_write(out, "mine", 4, NULL), PZ_OK);
    assert_int_equal(pz_out_commit(out, NULL), PZ_OK);
    assert_int_equal(pz_file_exists(".f.abcdef.tmp", &there, NULL), PZ_OK);
    assert_false(there);
    assert_int_equal(pz_file_exists(".g.abcdef.tmp", &there, NULL), PZ_OK);
    assert_true(there);
}

TEST(folders_of_paths)
{
    char dir[8];

    assert_true(pz_file_dirname("f", dir, sizeof dir));
    assert_string_equal(dir, ".");
    assert_true(pz_file_dirname("/f", dir, sizeof dir));
    assert_string_equal(dir, "/");
    assert_true(pz_file_dirname("a/b/f", dir, sizeof dir));
    assert_string_equal(dir, "a/b");
    assert_true(pz_file_dirname("/234567/f", dir, sizeof dir));
    assert_false(pz_file_dirname("/2345678/f", dir, sizeof dir));
}

TEST(an_output_goes_behind_links)
{
    struct stat info;

    assert_int_equal(mkdir("disk", 0700), 0);
    assert_int_equal(symlink("disk/f", "near"), 0);
    assert_int_equal(mkdir("a", 0700), 0);
    assert_int_equal(symlink("../near", "a/far"), 0);
    /* what is not there yet is made where they lead */
    assert_int_equal(pz_file_write("a/far", "one", 3, NULL), PZ_OK);
    holds("disk/f", "one");
    assert_int_equal(pz_file_write("near", "two", 3, NULL), PZ_OK);
    holds("disk/f", "two");
    assert_int_equal(lstat("near", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat("a/far", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(pz_file_write("loop", "x", 1, NULL), PZ_CANT_CREATE);
}

TEST(a_descriptor_by_its_name_is_written_as_it_stands)
{
    static const char *const folders[] = { "/dev/fd", "/proc/self/fd" };
    char name[40];
    struct stat info;
    int fd = open("f", O_RDWR | O_CREAT | O_APPEND, 0600);

    assert_int_equal(write(fd, "head ", 5), 5);
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%d", folders[i], fd);
        assert_int_equal(pz_file_write(name, i ? "two" : "one ", i ? 3 : 4, NULL), PZ_OK);
    }
    close(fd);
    holds("f", "head one two");
    assert_int_equal(pz_file_write(name, "x", 1, NULL), PZ_IO); /* closed */
    assert_int_equal(count_files(), 1);
    assert_int_equal(lstat("/dev/stdout", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

TEST(a_lock_has_one_holder_who_is_named)
{
    struct pz_lock *mine, *other;
    struct pz_err err = { 0 };
    char name[40];

    snprintf(name, sizeof name, "process %ld since 2", (long)getpid());
    assert_int_equal(pz_lock_take("l", 0, &mine, &err), PZ_OK);
    assert_int_equal(pz_lock_take("l", 0, &other, &err), PZ_TRY_AGAIN);
    assert_null(other);
    assert_non_null(strstr(err.text, name));
    assert_int_equal(pz_lock_take("l", 0.03, &other, &err), PZ_TRY_AGAIN);
    pz_lock_free(mine);
    assert_int_equal(pz_lock_take("l", 0, &other, &err), PZ_OK);
    pz_lock_free(other);
    pz_lock_free(NULL);
    assert_int_equal(pz_lock_take("nowhere/l", 0, &other, &err), PZ_CANT_CREATE);
}

AROUND_EACH(enter, leave)
