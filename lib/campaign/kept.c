/* SPDX-License-Identifier: Apache-2.0 */
/* Items put since training in a file: see kept.h. A flat table of the kind "rows": the overlay
 * (live/overlay.c), what it makes of the model (model/extend.c), and "key", a text that says what
 * both follow from:
 *
 *   1 VERSION store ID rows NUMBER MARK after NUMBER model FINGERPRINT events MARK
 *
 * The numbers of rows do not tell two pasts of a store apart, of which one was restored from a
 * backup; the mark, a hash of all rows in order, does. The key is compared as text with what it
 * would have to be. The file is sealed as a model is: who finds a seal that fits maps it and reads
 * what an answer needs; otherwise it is read whole first. */
#include "campaign/kept.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "campaign/layout.h"
#include "campaign/tally.h"
#include "live/overlay.h"

enum {
    FEW = 1000, /* rows that are made in a millisecond */
    SHARE = 20, /* of a process's time that writing takes, 1 / SHARE */
    KEY_BYTES = 256
};

static bool make_key(char key[KEY_BYTES], const struct pz_view *v)
{
    char model[33];

    if (pz_table_fingerprint(v->model->table, model, NULL) != PZ_OK)
        return false;
    snprintf(key, KEY_BYTES,
             "1 %s store %s rows %" PRIu64 " %016" PRIx64 " after %" PRIu64
             " model %s events %016" PRIx64,
             PZ_VERSION, v->rows.store, v->rows.rows_last, v->rows.rows_mark, v->version.rows_seen,
             model, pz_tally_mark(v->tally));
    return true;
}

/* Whether it is of these rows: what is in the file is looked at before it is believed. */
static bool is_current(struct pz_table *t, const struct pz_view *v)
{
    char key[KEY_BYTES], *found = NULL;
    bool same = make_key(key, v) && pz_table_get_text(t, "key", &found, NULL) == PZ_OK &&
                strcmp(found, key) == 0;

    free(found);
    return same;
}

/* The model has the table where PZ_OK is returned. */
static enum pz_status take(struct pz_view *v, struct pz_table *t)
{
    bool sealed = false;
    struct pz_overlay *o = NULL;
    enum pz_status st = pz_table_trust(t, &sealed, NULL);

    if (st == PZ_OK)
        st = pz_overlay_load(t, &o, NULL);
    if (st == PZ_OK)
        st = pz_model_load_extension(v->model, t, NULL);
    if (st != PZ_OK) {
        pz_overlay_free(o);
        return st;
    }
    v->items = o;
    if (!sealed) /* it was read whole; who may write spares others that */
        pz_table_seal(t, NULL);
    return PZ_OK;
}

bool pz_kept_load(const char *campaign, struct pz_view *v)
{
    char path[PZ_PATH_BYTES];
    struct pz_table *t = NULL;
    enum pz_status st = pz_layout_version(path, campaign, v->version.number, "/items.flat", NULL);

    if (st == PZ_OK)
        st = pz_table_open(path, "rows", &t, NULL);
    if (st == PZ_OK && !(pz_table_is_flat(t) && is_current(t, v)))
        st = PZ_NEGATIVE;
    if (st == PZ_OK)
        st = take(v, t);
    if (st != PZ_OK)
        pz_table_close(t);
    return st == PZ_OK;
}

static enum pz_status write_file(const char *path, const struct pz_view *v, const char *key)
{
    struct pz_writer *w = NULL;
    enum pz_status st = pz_writer_open_flat(path, "rows", &w, NULL);

    if (st == PZ_OK)
        st = pz_writer_add_text(w, "key", key, NULL);
    if (st == PZ_OK)
        st = pz_overlay_save(v->items, w, NULL);
    if (st == PZ_OK)
        st = pz_model_save_extension(v->model, w, NULL);
    if (st == PZ_OK)
        return pz_writer_commit(w, NULL);
    pz_writer_abort(w);
    return st;
}

/* Whether no rows came while the items were made, which may have some of them. */
static bool is_as_of(const struct pz_view *v)
{
    struct pz_live_size now;

    return pz_live_count(v->store, &now, NULL) == PZ_OK && now.rows_last == v->rows.rows_last &&
           now.rows_mark == v->rows.rows_mark;
}

static void save(const char *path, const struct pz_view *v, const char *key)
{
    struct pz_table *t = NULL;
    bool sealed = false;
    enum pz_status st = write_file(path, v, key);

    if (st == PZ_OK)
        st = pz_table_open(path, "rows", &t, NULL);
    if (st == PZ_OK)
        st = pz_table_trust(t, &sealed, NULL);
    if (st == PZ_OK && !sealed)
        pz_table_seal(t, NULL);
    pz_table_close(t);
}

/* A server that gets rows all the time is not to write all the time. */
bool pz_kept_may_write(const struct pz_kept_pace *pace, double start)
{
    return start >= atomic_load(&pace->not_before);
}

void pz_kept_wrote(struct pz_kept_pace *pace, double start)
{
    atomic_store(&pace->not_before, start + SHARE * (pz_time_clock() - start));
}

void pz_kept_save(const char *campaign, const struct pz_view *v)
{
    static struct pz_kept_pace pace;
    double start = pz_time_clock();
    char path[PZ_PATH_BYTES], key[KEY_BYTES];

    if (!v->items || v->items->ids.n < FEW || !pz_kept_may_write(&pace, start) ||
        !make_key(key, v) || !is_as_of(v) ||
        pz_layout_version(path, campaign, v->version.number, "/items.flat", NULL) != PZ_OK)
        return;
    save(path, v, key);
    pz_kept_wrote(&pace, start);
}
