/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever bytes are put as events, items or users: they are stored or refused with a reason, what
 * is stored can be read by a query and exported, and the counts agree.
 *
 * Input: one byte (events, items or users by its remainder of 3), then the file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/export.h"
#include "live/overlay.h"
#include "live/put.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64], file[64];
static struct pz_live_store *store;

static void check(int good)
{
    if (!good)
        abort();
}

static void remove_store(void)
{
    char path[96];

    pz_live_close(store);
    store = NULL;
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", dir);
    unlink(path);
    rmdir(dir);
    unlink(file);
}

static void make_store(void)
{
    static int registered;

    snprintf(dir, sizeof dir, "/dev/shm/fuzz_events.%d", (int)getpid());
    snprintf(file, sizeof file, "/dev/shm/fuzz_events.%d.in", (int)getpid());
    check(pz_live_open(dir, true, &store, NULL) == PZ_OK);
    if (!registered++)
        atexit(remove_store);
}

static enum pz_status count_one(void *context, int pass, uint64_t number, const struct pz_event *e,
                                struct pz_err *err)
{
    (void)pass;
    (void)number;
    (void)err;
    check(e->event_type && (e->user_id || e->session_id));
    ++*(uint64_t *)context;
    return PZ_OK;
}

static void read_everything(uint64_t n_events)
{
    const struct pz_export_cfg cfg = { .model = NULL };
    struct pz_exported done = { 0 };
    struct pz_overlay *o = NULL;
    struct pz_out *out = NULL;
    uint64_t n = 0;

    check(pz_live_each(store, 0, 1, count_one, &n, NULL) == PZ_OK && n == n_events);
    check(pz_out_open("/dev/null", &out, NULL) == PZ_OK);
    check(pz_live_export_events(store, NULL, 0, out, &done, NULL) == PZ_OK);
    for (int t = PZ_LIVE_ITEMS; t <= PZ_LIVE_USERS; t++) {
        check(pz_live_export_rows(store, (enum pz_live_table)t, &cfg, out, &done, NULL) == PZ_OK);
        check(pz_overlay_build(store, (enum pz_live_table)t, 0, NULL, &o, NULL) == PZ_OK);
        pz_overlay_free(o);
    }
    check(pz_out_commit(out, NULL) == PZ_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pz_put_cfg cfg = { .path = file, .max_errors = 3 };
    struct pz_put_count count = { 0 };
    struct pz_live_size before, after;
    struct pz_err err = { .status = PZ_OK };
    enum pz_status st;

    if (size < 1)
        return 0;
    if (!store)
        make_store();
    check(pz_live_count(store, &before, NULL) == PZ_OK);
    check(pz_file_write(file, data + 1, size - 1, NULL) == PZ_OK);
    if (data[0] % 3 == 0)
        st = pz_put_events(store, &cfg, &count, &err);
    else
        st = pz_put_rows(store, data[0] % 3 == 1 ? PZ_LIVE_ITEMS : PZ_LIVE_USERS, &cfg, &count,
                         &err);
    check(st == PZ_OK || (st == PZ_BAD_DATA && err.text[0]));
    check(pz_live_count(store, &after, NULL) == PZ_OK);
    if (data[0] % 3 == 0)
        check(after.events == before.events + count.stored);
    read_everything(after.events);
    if (after.events + after.items + after.users > 500) /* afresh, before reading takes long */
        remove_store();
    return 0;
}
