/* SPDX-License-Identifier: Apache-2.0 */
/* Seals of flat files: see table.h.
 *
 * A flat file is mapped and believed, for hashing it at every start would cost more than the
 * answer. Its seal, a line beside it, says which file was read whole and found right: its length,
 * inode, times of change to the nanosecond, and the hash of its contents. Whatever writes to the
 * file, replaces it or copies it changes one of these; it is then read whole again at the next
 * opening. What changes bytes below the file system's knowledge is found by pz_table_verify alone.
 *
 * A seal is compared as text with what it would have to be, so nothing in it needs to be parsed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "table/hash.h"
#include "table/reader.h"

enum { SEAL_BYTES = 160 };

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* The line that seals a file as it was when it was opened. */
static int write_seal(char text[SEAL_BYTES], const struct pz_table *t)
{
    int n = snprintf(text, SEAL_BYTES,
                     "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %016" PRIx64, t->size,
                     (uint64_t)t->info.st_ino, nanoseconds(&t->info.st_mtim),
                     nanoseconds(&t->info.st_ctim), pz_get64(t->map + 32));

    return n + snprintf(text + n, (size_t)(SEAL_BYTES - n), " %016" PRIx64 "\n",
                        pz_hash64(text, (size_t)n));
}

static char *seal_path(const struct pz_table *t)
{
    size_t n = strlen(t->path);
    char *path = pz_mem_array(n + sizeof PZ_SEAL_ENDING, 1);

    if (path)
        snprintf(path, n + sizeof PZ_SEAL_ENDING, "%s%s", t->path, PZ_SEAL_ENDING);
    return path;
}

static bool is_sealed(const struct pz_table *t)
{
    char *path = seal_path(t), *found = NULL, text[SEAL_BYTES];
    size_t n = 0;
    bool same = path && pz_file_read(path, SEAL_BYTES, &found, &n, NULL) == PZ_OK &&
                n == (size_t)write_seal(text, t) && memcmp(found, text, n) == 0;

    free(found);
    free(path);
    return same;
}

enum pz_status pz_table_trust(struct pz_table *t, bool *sealed, struct pz_err *err)
{
    *sealed = !t->flat || is_sealed(t);
    return *sealed ? PZ_OK : pz_table_verify(t, err);
}

enum pz_status pz_table_seal(const struct pz_table *t, struct pz_err *err)
{
    char *path = seal_path(t), text[SEAL_BYTES];
    enum pz_status st = path ? PZ_OK : pz_err_memory(err, "a seal", SEAL_BYTES);

    if (st == PZ_OK)
        st = pz_file_write(path, text, (size_t)write_seal(text, t), err);
    free(path);
    return st;
}

enum pz_status pz_table_recheck(struct pz_table *t, struct pz_err *err)
{
    struct stat now;

    /* A file that was replaced or removed is out of reach by its name, and mapped as it was. */
    if (!t->flat || (stat(t->path, &now) == 0 && now.st_ino != t->info.st_ino) ||
        !pz_table_is_touched(t))
        return PZ_OK;
    return pz_table_verify(t, err);
}

bool pz_table_is_touched(const struct pz_table *t)
{
    struct stat now;

    return stat(t->path, &now) != 0 || now.st_ino != t->info.st_ino ||
           now.st_size != t->info.st_size ||
           nanoseconds(&now.st_mtim) != nanoseconds(&t->info.st_mtim) ||
           nanoseconds(&now.st_ctim) != nanoseconds(&t->info.st_ctim);
}
