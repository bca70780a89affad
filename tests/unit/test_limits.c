/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

static void write_file(const char *root, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", root, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A group is held to the limits of all above it; "max" is none, and so is a file that is not
 * there. */
TEST(the_least_limit_up_the_tree_of_groups_holds)
{
    char root[] = "/tmp/pz-limits-XXXXXX", path[512];

    assert_non_null(mkdtemp(root));
    for (const char *const *name = (const char *const[]){ "a", "a/b", "c", NULL }; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", root, *name);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    write_file(root, "a/memory.max", "300000000\n");
    write_file(root, "a/b/memory.max", "max\n");
    write_file(root, "a/b/cpu.max", "150000 100000\n");
    write_file(root, "c/cpu.max", "max 100000\n");
    assert_true(pz_limits_of_group(root, "/a/b", "memory.max") == 3e8);
    assert_true(pz_limits_of_group(root, "/a/b", "cpu.max") == 1.5);
    assert_true(isinf(pz_limits_of_group(root, "/c", "cpu.max")));
    assert_true(isinf(pz_limits_of_group(root, "/c", "memory.max")));
    assert_true(pz_limits_of_group(root, "/a/b/gone", "memory.max") == 3e8);
    for (const char *const *name =
             (const char *const[]){ "a/memory.max", "a/b/memory.max", "a/b/cpu.max", "c/cpu.max",
                                    "a/b", "a", "c", "", NULL };
         *name; name++) {
        snprintf(path, sizeof path, "%s/%s", root, *name);
        assert_int_equal(remove(path), 0);
    }
}

TEST(sizes_are_in_powers_of_1000_and_with_an_i_of_1024)
{
    static const struct {
        const char *text;
        enum pz_status status;
        double bytes;
    } row[] = { { "1G", PZ_OK, 1e9 },
                { "1.5 GB", PZ_OK, 1.5e9 },
                { "900mb", PZ_OK, 9e8 },
                { "2GiB", PZ_OK, 2147483648.0 },
                { "700000000", PZ_OK, 7e8 },
                { "1T", PZ_OK, 1e12 },
                { "4M", PZ_TRY_AGAIN, 0 } /* less than the program itself */,
                { "", PZ_USAGE, 0 },
                { "G", PZ_USAGE, 0 },
                { "2X", PZ_USAGE, 0 },
                { "-2G", PZ_USAGE, 0 },
                { "2Gi B", PZ_USAGE, 0 },
                { "1e9", PZ_USAGE, 0 } };

    if (UNIT_SANITIZED)
        skip(); /* a sanitizer's own allocations do not survive such limits */
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *whose;
        pid_t child = fork(); /* a limit is for good */

        if (child == 0) {
            bool good = pz_limits_set_memory(row[i].text, 1, NULL) == row[i].status;

            if (good && row[i].status == PZ_OK && row[i].bytes < 1e10)
                good = pz_limits_memory(&whose) == row[i].bytes && strstr(whose, "max-memory");
            _exit(good ? 0 : 1);
        } else {
            int status;

            assert_int_equal(waitpid(child, &status, 0), child);
            if (status != 0)
                fail_msg("%s", row[i].text);
        }
    }
}

TEST(an_allocation_beyond_the_limit_fails_and_says_how_much_is_needed)
{
    int status;
    pid_t child = UNIT_SANITIZED ? 0 : fork();

    if (UNIT_SANITIZED)
        skip(); /* shadow memory is far above any limit */
    if (child == 0) {
        struct pz_err err = { 0 };
        bool good = pz_limits_set_memory("200M", 1, NULL) == PZ_OK && !pz_mem_array(250000000, 1);
        void *some = pz_mem_array(100000000, 1);

        pz_err_memory(&err, "a test", 150e6);
        good = good && some && strstr(err.text, "200.0 MB that --max-memory allows, at least 2");
        /* what fails needs more than there is, however little it is */
        pz_err_memory(&err, "a test", 0);
        good = good && strstr(err.text, "at least 200.1 MB");
        pz_limits_spare(400 << 20);
        free(some);
        some = pz_mem_array(250000000, 1);
        _exit(good && some ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
