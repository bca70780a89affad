/* SPDX-License-Identifier: Apache-2.0 */
/* What LMDB and the system say, as statuses: whether to try again, to look at the disk, or to
 * repair. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/file.h"
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

/* ---- a store ---- */

static char dir[32];
static struct pz_live_store *store;

static int open_store(void **state __attribute__((unused)))
{
    snprintf(dir, sizeof dir, "/tmp/pz-live-db.XXXXXX");
    return mkdtemp(dir) && pz_live_open(dir, true, &store, NULL) == PZ_OK ? 0 : 1;
}

static int remove_store(void **state __attribute__((unused)))
{
    char text[64];

    pz_live_close(store);
    snprintf(text, sizeof text, "rm -rf %s", dir);
    return system(text);
}

AROUND_ALL(open_store, remove_store)

static enum pz_status add_number(void *context, int pass, uint64_t number,
                                 const struct pz_event *event, struct pz_err *err)
{
    uint64_t *sum = context;

    (void)err;
    assert_int_equal(pass, 0);
    assert_string_equal(event->item_id, number % 2 ? "odd" : "even");
    *sum = *sum * 10 + number;
    return PZ_OK;
}

TEST(a_file_that_cannot_be_read_is_not_called_damaged)
{
    char noise[64];
    int fd;

    snprintf(noise, sizeof noise, "%s/noise", dir);
    assert_int_equal(pz_file_write(noise, "no store", 8, NULL), PZ_OK);
    fd = open(noise, O_RDONLY);
    assert_int_equal(pz_db_sound(fd), MDB_CORRUPTED);
    close(fd);
    fd = open(noise, O_WRONLY); /* reading fails, as on a disk that does */
    assert_int_equal(pz_db_sound(fd), EBADF);
    close(fd);
}

TEST(what_came_after_a_number_is_given_in_its_order)
{
    static const uint64_t given[] = { 12345, 2345, 345, 45, 5, 0, 0 };
    struct pz_event e[5];
    size_t n_new;
    uint64_t last;

    for (size_t i = 0; i < 5; i++)
        e[i] = (struct pz_event){ .user_id = "u",
                                  .item_id = i % 2 ? "even" : "odd",
                                  .event_type = "view",
                                  .value = NAN,
                                  .time = 100 };
    assert_int_equal(pz_live_put(store, e, 5, &n_new, &last, NULL), PZ_OK);
    assert_int_equal(last, 5);
    for (uint64_t after = 0; after <= 6; after++) {
        uint64_t sum = 0;

        assert_int_equal(pz_live_each(store, after, 1, add_number, &sum, NULL), PZ_OK);
        assert_int_equal(sum, given[after]);
    }
}

/* ---- limits of what is stored ---- */

static char *text_of(char *buf, size_t n)
{
    memset(buf, 'x', n);
    buf[n] = '\0';
    return buf;
}

TEST(ids_have_256_bytes_and_texts_a_mebibyte)
{
    static char buf[PZ_LIVE_TEXT_MAX + 2];
    static const struct {
        size_t offset, most; /* the member of struct pz_event, its longest text */
    } members[] = {
        { offsetof(struct pz_event, user_id), 256 },
        { offsetof(struct pz_event, session_id), 256 },
        { offsetof(struct pz_event, item_id), 256 },
        { offsetof(struct pz_event, event_type), 256 },
        { offsetof(struct pz_event, event_id), 256 },
        { offsetof(struct pz_event, impression), 1048576 },
        { offsetof(struct pz_event, properties), 1048576 },
    };

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        for (size_t over = 0; over <= 1; over++) {
            struct pz_event e = { .user_id = "u", .event_type = "view", .value = NAN };
            const char *text = text_of(buf, members[i].most + over);

            memcpy((char *)&e + members[i].offset, &text, sizeof text);
            if (pz_live_check(&e, NULL) != (over ? PZ_BAD_DATA : PZ_OK))
                fail_msg("member %zu of %zu bytes", i, members[i].most + over);
        }
}

static enum pz_status take_id(void *context, const struct pz_live_row *row, struct pz_err *err)
{
    (void)err;
    snprintf(context, 400, "%s=%s", row->id, row->value[0]);
    return PZ_OK;
}

TEST(a_row_of_the_longest_id_comes_back)
{
    const char *name[] = { "PRICE" }, *value[] = { "1" };
    char id[300], got[400] = "", want[400];
    uint64_t last;

    for (size_t n = 256; n <= 257; n++) {
        struct pz_live_row row = { text_of(id, n), name, value, 1 };

        assert_int_equal(pz_live_put_rows(store, PZ_LIVE_ITEMS, &row, 1, &last, NULL),
                         n == 256 ? PZ_OK : PZ_BAD_DATA);
    }
    assert_int_equal(pz_live_each_row(store, PZ_LIVE_ITEMS, 0, take_id, got, NULL), PZ_OK);
    snprintf(want, sizeof want, "%s=1", text_of(id, 256));
    assert_string_equal(got, want);
}
