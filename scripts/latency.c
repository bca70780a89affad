/* SPDX-License-Identifier: Apache-2.0 */
/* latency [-c] N COMMAND [ARG]...: run the command N times, its output thrown away, and print the
 * least, the median and the 95 % point of the milliseconds from before it is started to after it
 * has ended, or of processor time (-c), and then the pages that the last run touched first. */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

static double ms_of(const struct timeval *t)
{
    return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

/* Milliseconds of one run, or < 0 when it fails. */
static double run(char **argv, const posix_spawn_file_actions_t *quiet, bool cpu, long *faults)
{
    struct timespec from, to;
    struct rusage used;
    pid_t pid;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &from);
    if (posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ) != 0 ||
        wait4(pid, &status, 0, &used) < 0 || status != 0)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &to);
    *faults = used.ru_minflt;
    if (cpu)
        return ms_of(&used.ru_utime) + ms_of(&used.ru_stime);
    return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t quiet;
    bool cpu = argc > 1 && strcmp(argv[1], "-c") == 0;
    int first = cpu ? 2 : 1, n = argc > first + 1 ? atoi(argv[first]) : 0;
    long faults = 0;
    double *ms = n > 0 ? malloc((size_t)n * sizeof *ms) : NULL;

    if (!ms) {
        fprintf(stderr, "usage: latency [-c] N COMMAND [ARG]...\n");
        return 2;
    }
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    for (int i = 0; i < n; i++) {
        ms[i] = run(argv + first + 1, &quiet, cpu, &faults);
        if (ms[i] < 0) {
            fprintf(stderr, "latency: %s failed\n", argv[first + 1]);
            return 1;
        }
    }
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    printf("%.3f %.3f %.3f", ms[0], ms[n / 2], ms[n * 95 / 100]);
    if (cpu)
        printf(" %ld", faults);
    putchar('\n');
    free(ms);
    return 0;
}
