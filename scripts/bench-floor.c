/* SPDX-License-Identifier: Apache-2.0 */
/* bench-floor FILE: read a file of numbers between commas, split it and convert them, and nothing
 * else: what no import can do without. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { BLOCK = 1 << 18 };

int main(int argc, char **argv)
{
    static char block[BLOCK];
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    uint64_t number = 0, sum = 0;
    ssize_t n;

    if (fd < 0) {
        fputs("usage: bench-floor FILE\n", stderr);
        return 2;
    }
    while ((n = read(fd, block, sizeof block)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (block[i] == ',' || block[i] == '\n') {
                sum ^= number;
                number = 0;
            } else {
                number = number * 10 + (uint64_t)(block[i] - '0');
            }
    printf("%ju\n", (uintmax_t)sum);
    return n < 0 || close(fd) != 0;
}
