/* SPDX-License-Identifier: Apache-2.0 */
/* What LMDB and the system say, as statuses: whether to try again, to look at the disk, or to repair. */
#include <errno.h>

#include "live/db.h"
#include "tests/unit/unit.h"

static const struct {
    int rc;
    enum pz_status st;
    const char *hint; /* "": none */
} failures[] = {
    { ENOSPC, PZ_IO, "nothing of this is stored" },
    { EDQUOT, PZ_IO, "nothing of this is stored" },
    { EFBIG, PZ_IO, "nothing of this is stored" },
    { EIO, PZ_IO, "" },
    { EINVAL, PZ_BAD_DATA, "the live store is damaged" },
    { MDB_CORRUPTED, PZ_BAD_DATA, "damaged" },
    { MDB_PAGE_NOTFOUND, PZ_BAD_DATA, "damaged" },
    { MDB_INVALID, PZ_BAD_DATA, "damaged" },
    { MDB_KEYEXIST, PZ_BAD_DATA, "damaged" },
    { MDB_BAD_DBI, PZ_BAD_DATA, "damaged" },
    { MDB_READERS_FULL, PZ_TRY_AGAIN, "" }, /* between those two, and no damage */
    { MDB_MAP_FULL, PZ_INTERNAL, "" },
    { EACCES, PZ_CANT_CREATE, "" },
    { EROFS, PZ_CANT_CREATE, "" },
    { EPERM, PZ_CANT_CREATE, "" },
    { ENOENT, PZ_NO_INPUT, "" },
    { ENOMEM, PZ_TRY_AGAIN, "" },
    { EAGAIN, PZ_TRY_AGAIN, "" },
    { EINTR, PZ_TRY_AGAIN, "" },
    { EMFILE, PZ_TRY_AGAIN, "" },
    { ENFILE, PZ_TRY_AGAIN, "" },
    { ENOLCK, PZ_TRY_AGAIN, "" },
    { EBUSY, PZ_TRY_AGAIN, "" },
    { EDOM, PZ_INTERNAL, "" },
};

TEST(a_failure_says_what_can_be_done_about_it)
{
    char dir[] = "shop.pzc/live";
    struct pz_live_store s = { .dir = dir };

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct pz_err err = { .text = "" };

        if (pz_db_fail(&s, failures[i].rc, "writing", &err) != failures[i].st ||
            strncmp(err.text, "shop.pzc/live: writing: ", 24) != 0 ||
            !strstr(err.text, failures[i].hint) || (!*failures[i].hint && strchr(err.text, ';')))
            fail_msg("%s: status %d, \"%s\"", mdb_strerror(failures[i].rc), (int)err.status,
                     err.text);
    }
}
