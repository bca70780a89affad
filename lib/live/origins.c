/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of stores: see origins.h. In "meta" are "file", what the store's own file is known by, and
 * "origins", a line "STORE LAST" for each identity that it had, the oldest first. */
#include "live/origins.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "live/records.h"

enum { MOST = 8192 }; /* bytes of origins: two hundred and more */

uint64_t pz_origins_file(int fd)
{
    struct statx info;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) != 0)
        return 0;
    return info.stx_mask & STATX_BTIME
               ? (uint64_t)info.stx_btime.tv_sec * 1000000000 + info.stx_btime.tv_nsec
               : info.stx_ino;
}

int pz_origins_note(struct pz_live_store *s, MDB_txn *txn)
{
    return pz_db_put_meta(s, txn, "file", s->file);
}

/* Where that cannot be told, or was never noted, it did not. */
int pz_origins_moved(struct pz_live_store *s, MDB_txn *txn, bool *moved)
{
    uint64_t file;
    int rc = pz_db_get_meta(s, txn, "file", &file);

    *moved = rc == 0 && file != 0 && s->file != 0 && file != s->file;
    return rc;
}

static int draw(struct pz_live_store *s, MDB_txn *txn, uint64_t last)
{
    char list[MOST];
    uint64_t id, next;
    int n, rc = pz_db_get_meta(s, txn, "id", &id);

    if (rc == 0)
        rc = pz_db_get_text(s, txn, "origins", list, sizeof list);
    if (rc != 0)
        return rc;
    n = (int)strlen(list);
    if (getrandom(&next, sizeof next, 0) != (ssize_t)sizeof next)
        return errno;
    n += snprintf(list + n, sizeof list - (size_t)n, "%016" PRIx64 " %" PRIu64 "\n", id, last);
    if (n < MOST && last > 0)
        rc = pz_db_put(s, txn, PZ_DB_META, "origins", 7, list, (size_t)n, 0);
    if (rc == 0 && n < MOST)
        rc = pz_db_put_meta(s, txn, "id", next);
    return rc == 0 ? pz_origins_note(s, txn) : rc;
}

int pz_origins_keep(struct pz_live_store *s, MDB_txn *txn, uint64_t last)
{
    uint64_t file;
    bool moved;
    int rc = pz_origins_moved(s, txn, &moved);

    if (rc == 0 && !moved)
        rc = pz_db_get_meta(s, txn, "file", &file);
    if (rc != 0)
        return rc;
    return moved ? draw(s, txn, last) : file == 0 ? pz_origins_note(s, txn) : 0;
}

/* ---- for watermarks ---- */

static int read_origins(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    char *list = context;
    uint64_t id;
    int rc = pz_db_get_meta(s, txn, "id", &id);

    if (rc == 0)
        rc = pz_db_get_text(s, txn, "origins", list, MOST);
    snprintf(list + strlen(list), 17 + 1, "%016" PRIx64, id);
    return rc;
}

enum pz_status pz_live_add_origins(struct pz_live_store *s, struct pz_watermarks *marks,
                                   struct pz_err *err)
{
    char list[MOST + 17];
    enum pz_status st = pz_db_read(s, read_origins, list, "reading origins", err);
    bool ok = true;

    /* Each line's identity is the origin of the next one's. */
    for (char *at = list, *end; st == PZ_OK && ok && (end = strchr(at, '\n')); at = end + 1) {
        char origin[17] = "", store[17] = "";

        if (end - at < 18 || strlen(end + 1) < 16)
            return pz_err_set(err, PZ_BAD_DATA, "%s: the store's origins are damaged", s->dir);
        memcpy(origin, at, 16);
        memcpy(store, end + 1, 16);
        ok = pz_watermarks_add_origin(marks, store, origin, strtoull(at + 17, NULL, 10));
    }
    return ok ? st : pz_err_memory(err, "watermarks of live stores", 1e3);
}

static int part(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    uint64_t last;
    int rc = pz_db_next(s, txn, &last);

    (void)context;
    return rc == 0 ? draw(s, txn, last) : rc == EREMOTE ? 0 : rc;
}

enum pz_status pz_live_part(struct pz_live_store *s, struct pz_err *err)
{
    return pz_db_write(s, part, NULL, "drawing a new identity", err);
}
