/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target as a test: an empty input and each file of tests/data/TARGET, which are its seeds
 * and past findings, once. test_TARGET is this and the target; a finding aborts. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const char *path)
{
    static uint8_t data[1 << 16];
    FILE *f = fopen(path, "rb");

    if (!f) {
        perror(path);
        exit(1);
    }
    LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof data, f));
    fclose(f);
}

int main(int argc, char **argv)
{
    const char *name = strstr(argv[0], "test_fuzz_") + strlen("test_");
    char path[512];
    struct dirent *entry;
    DIR *dir;
    int n = 0;

    (void)argc;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    snprintf(path, sizeof path, "tests/data/%s", name);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "tests/data/%s/%s", name, entry->d_name);
        run(path);
        n++;
    }
    if (dir)
        closedir(dir);
    printf("1..1\nok 1 - %s: %d seeds and past findings\n", name, n);
    return 0;
}
