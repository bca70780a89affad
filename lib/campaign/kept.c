/* SPDX-License-Identifier: Apache-2.0 */
/* Items and users put since training in files: see kept.h. Flat tables of the kind "rows": the
 * overlay (live/overlay.c); of items what it makes of the model (model/extend.c); and two texts
 * that say what both follow from, "key" and "rows":
 *
 *   2 VERSION store ID after NUMBER model FINGERPRINT
 *   NUMBER MARK events MARK
 *
 * The last is of the items that live events alone know (tally.h), of which a file has none or those
 * of now. The number of the last change does not tell two pasts of a store apart, of which one was
 * restored from a backup; the mark, a hash of all changes in order, does. The key is compared as
 * text with what it would have to be. A file is sealed as a model is: who finds a seal that fits
 * maps it and reads what an answer needs; otherwise it is read whole first.
 *
 * Going on from an older file costs copying it and what was put since, a tenth of writing and
 * syncing another. So one is written when 1 / CHANGED of the rows are other ones. A process that
 * has no view yet would do the copying, and so would the next: it writes if any row is another one,
 * but not within OLD_S seconds of the last time, so that writing takes a small share of the time
 * however many such processes there are. */
#include "campaign/kept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "campaign/layout.h"
#include "campaign/tally.h"
#include "live/overlay.h"

enum {
    FEW = 1000,   /* rows that are made in a millisecond */
    CHANGED = 64, /* 1 / CHANGED of the rows */
    OLD_S = 2,
    SHARE = 20, /* of a process's time that writing takes, 1 / SHARE */
    KEY_BYTES = 256
};

/* By table: the file's ending, and the name of its dictionary of ids. */
static const struct {
    const char *file, *prefix;
} kinds[] = {
    [PZ_LIVE_ITEMS] = { "/items.flat", "items" }, [PZ_LIVE_USERS] = { "/users.flat", "users" }
};

static bool make_key(char key[KEY_BYTES], const struct pz_view *v)
{
    char model[33];

    if (pz_table_fingerprint(v->model->table, model, NULL) != PZ_OK)
        return false;
    snprintf(key, KEY_BYTES, "2 %s store %s after %" PRIu64 " model %s", PZ_VERSION, v->rows.store,
             v->version.rows_seen, model);
    return true;
}

static uint64_t events_mark(const struct pz_view *v, enum pz_live_table table)
{
    return table == PZ_LIVE_ITEMS ? pz_tally_mark(v->tally) : 0;
}

/* Whether it is of a state that these rows are or were in: what is in the file is looked at before
 * it is believed. */
static bool is_of(struct pz_table *t, const struct pz_view *v, enum pz_live_table table,
                  uint64_t *as_of, bool *current)
{
    char key[KEY_BYTES], *found = NULL, *rows = NULL;
    uint64_t number = 0, mark = 0, events = 0;
    bool was = make_key(key, v) && pz_table_get_text(t, "key", &found, NULL) == PZ_OK &&
               strcmp(found, key) == 0 && pz_table_get_text(t, "rows", &rows, NULL) == PZ_OK &&
               sscanf(rows, "%" SCNu64 " %" SCNx64 " events %" SCNx64, &number, &mark, &events) ==
                   3;

    free(found);
    free(rows);
    *as_of = number;
    *current = events == events_mark(v, table);
    if (!was || (events != 0 && !*current))
        return false;
    if (number == v->rows.rows_last)
        return mark == v->rows.rows_mark;
    return number < v->rows.rows_last &&
           pz_live_rows_were(v->store, number, mark, &was, NULL) == PZ_OK && was;
}

/* Rows of items belong to the model, which has the table where PZ_OK is returned; those of users to
 * the overlay alone. */
static enum pz_status take(struct pz_view *v, enum pz_live_table table, struct pz_table *t)
{
    bool sealed = false;
    struct pz_overlay *o = NULL;
    enum pz_status st = pz_table_trust(t, &sealed, NULL);

    if (st == PZ_OK)
        st = pz_overlay_load(t, kinds[table].prefix, &o, NULL);
    if (st == PZ_OK && table == PZ_LIVE_ITEMS)
        st = pz_model_load_extension(v->model, t, NULL);
    if (st != PZ_OK) {
        pz_overlay_free(o);
        return st;
    }
    if (table == PZ_LIVE_USERS)
        v->users_table = t;
    *pz_view_rows(v, table) = o;
    if (!sealed) /* it was read whole; who may write spares others that */
        pz_table_seal(t, NULL);
    return PZ_OK;
}

bool pz_kept_load(const char *campaign, struct pz_view *v, enum pz_live_table table, uint64_t *upto,
                  bool *current)
{
    char path[PZ_PATH_BYTES];
    struct pz_table *t = NULL;
    uint64_t as_of = 0;
    enum pz_status st = pz_layout_version(path, campaign, v->version.number, kinds[table].file,
                                          NULL);

    if (st == PZ_OK)
        st = pz_table_open(path, "rows", &t, NULL);
    if (st == PZ_OK &&
        !(pz_table_is_flat(t) && is_of(t, v, table, &as_of, current) && as_of >= *upto))
        st = PZ_NEGATIVE;
    if (st == PZ_OK)
        st = take(v, table, t);
    if (st == PZ_OK)
        *upto = as_of;
    else
        pz_table_close(t);
    return st == PZ_OK;
}

static enum pz_status write_file(const char *path, struct pz_view *v, enum pz_live_table table,
                                 const char *key)
{
    char rows[80];
    struct pz_writer *w = NULL;
    enum pz_status st = pz_writer_open_flat(path, "rows", &w, NULL);

    snprintf(rows, sizeof rows, "%" PRIu64 " %016" PRIx64 " events %016" PRIx64, v->rows.rows_last,
             v->rows.rows_mark, events_mark(v, table));
    if (st == PZ_OK)
        st = pz_writer_add_text(w, "key", key, NULL);
    if (st == PZ_OK)
        st = pz_writer_add_text(w, "rows", rows, NULL);
    if (st == PZ_OK)
        st = pz_overlay_save(*pz_view_rows(v, table), kinds[table].prefix, w, NULL);
    if (st == PZ_OK && table == PZ_LIVE_ITEMS)
        st = pz_model_save_extension(v->model, w, NULL);
    if (st == PZ_OK)
        return pz_writer_commit(w, NULL);
    pz_writer_abort(w);
    return st;
}

/* Whether no rows came while the overlay was made, which may have some of them. */
static bool is_as_of(const struct pz_view *v)
{
    struct pz_live_size now;

    return pz_live_count(v->store, &now, NULL) == PZ_OK && now.rows_last == v->rows.rows_last &&
           now.rows_mark == v->rows.rows_mark;
}

static void save(const char *path, struct pz_view *v, enum pz_live_table table, const char *key)
{
    struct pz_table *t = NULL;
    bool sealed = false;
    enum pz_status st = write_file(path, v, table, key);

    if (st == PZ_OK)
        st = pz_table_open(path, "rows", &t, NULL);
    if (st == PZ_OK)
        st = pz_table_trust(t, &sealed, NULL);
    if (st == PZ_OK && !sealed)
        pz_table_seal(t, NULL);
    pz_table_close(t);
}

/* A server that gets many rows all the time is not to write all the time. */
bool pz_kept_may_write(const struct pz_kept_pace *pace, double start)
{
    return start >= atomic_load(&pace->not_before);
}

void pz_kept_wrote(struct pz_kept_pace *pace, double start)
{
    atomic_store(&pace->not_before, start + SHARE * (pz_time_clock() - start));
}

/* Whether so many rows that the file lacks are worth writing it. */
static bool is_worth(const char *path, uint32_t unkept, uint32_t n, bool is_first)
{
    struct stat file;

    return unkept >= n / CHANGED || (is_first && unkept > 0 && stat(path, &file) == 0 &&
                                     file.st_mtime < pz_time_now() - OLD_S);
}

void pz_kept_save(const char *campaign, struct pz_view *v, enum pz_live_table table, bool is_first)
{
    static struct pz_kept_pace pace[2];
    double start = pz_time_clock();
    const struct pz_overlay *o = *pz_view_rows(v, table);
    char path[PZ_PATH_BYTES], key[KEY_BYTES];

    if (!o || o->ids.n < FEW || !pz_kept_may_write(&pace[table], start) ||
        pz_layout_version(path, campaign, v->version.number, kinds[table].file, NULL) != PZ_OK ||
        !is_worth(path, v->unkept[table], o->ids.n, is_first) || !make_key(key, v) || !is_as_of(v))
        return;
    save(path, v, table, key);
    v->unkept[table] = 0; /* where it could not be written, it is not tried at once again */
    pz_kept_wrote(&pace[table], start);
}

enum pz_status pz_kept_drop_users(const char *campaign, struct pz_err *err)
{
    static const char *const names[] = { "/users.flat", "/users.flat" PZ_SEAL_ENDING };
    char path[PZ_PATH_BYTES];
    uint32_t *version = NULL;
    size_t n = 0;
    enum pz_status st = pz_layout_versions(campaign, &version, &n, err);

    for (size_t i = 0; i < 2 * n && st == PZ_OK; i++) {
        st = pz_layout_version(path, campaign, version[i / 2], names[i % 2], err);
        if (st == PZ_OK && unlink(path) != 0 && errno != ENOENT)
            st = pz_err_errno(err, PZ_IO, errno, "cannot remove %s", path);
    }
    free(version);
    return st;
}
