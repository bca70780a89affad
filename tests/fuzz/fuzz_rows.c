/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as CSV: the stream engine (libcsv) and the block engine (the scanner) have the same
 * header, the same rows and the same bad ones. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/both_engines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pz_str stream = { 0 }, blocks = { 0 };
    size_t front = 0;
    char path[32];
    int fd = memfd_create("rows", 0);

    while (front < size && (data[front] == 0xef || data[front] == 0xbb || data[front] == 0xbf ||
                            data[front] <= ' '))
        front++;
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    if (front == size || data[front] != '{') { /* JSON has no cells to compare */
        rows_of_stream(path, NULL, &stream);
        lseek(fd, 0, SEEK_SET);
        rows_of_blocks(path, NULL, &blocks);
        if (stream.len != blocks.len ||
            (stream.len && memcmp(stream.data, blocks.data, stream.len) != 0))
            abort();
    }
    pz_str_clear(&stream);
    pz_str_clear(&blocks);
    close(fd);
    return 0;
}
