/* SPDX-License-Identifier: Apache-2.0 */
/* A preload shim of a slow disk: fdatasync and fsync take PZ_SYNC_MS milliseconds more. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int after_a_while(const char *name, int fd)
{
    const char *text = getenv("PZ_SYNC_MS");
    long us = text ? (long)(atof(text) * 1000) : 0;
    int (*real)(int) = dlsym(RTLD_NEXT, name);

    nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL);
    return real(fd);
}

int fdatasync(int fd)
{
    return after_a_while("fdatasync", fd);
}

int fsync(int fd)
{
    return after_a_while("fsync", fd);
}
