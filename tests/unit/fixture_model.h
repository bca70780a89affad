/* SPDX-License-Identifier: Apache-2.0 */
/* Models for tests, trained from two tables as text, packed and flat. */
#ifndef PZ_TESTS_FIXTURE_MODEL_H
#define PZ_TESTS_FIXTURE_MODEL_H

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "import/import.h"
#include "model/model.h"
#include "tests/unit/unit.h"
#include "train/train.h"

static inline void must(enum pz_status st, const struct pz_err *err)
{
    if (st != PZ_OK)
        fail_msg("%s", err->text);
}

/* Train a model at `path` from interactions and items as CSV, which are written beside it
 * meanwhile. params: NULL at its end */
static inline void train_model(const char *recipe, const struct pz_str *events,
                               const struct pz_str *items, const char *const *params,
                               const char *path)
{
    struct pz_train_cfg cfg = { .recipe = pz_recipe_find(recipe, NULL),
                                .params = params,
                                .seed = 1 };
    const struct pz_str *text[] = { events, items };
    struct pz_import_cfg import = { .map = { 0 } };
    struct pz_import_count count[PZ_N_TABLES];
    struct pz_dataset *ds = NULL;
    struct pz_err err = { 0 };
    char file[2][128];

    for (int i = 0; i < 2; i++) {
        snprintf(file[i], sizeof file[i], "%s.%d.csv", path, i);
        must(pz_file_write(file[i], text[i]->data, text[i]->len, &err), &err);
        assert_true(pz_strs_add(&import.files[i == 0 ? PZ_INTERACTIONS : PZ_ITEMS], file[i]));
    }
    must(pz_import(&import, &ds, count, &err), &err);
    while (params[cfg.n_params])
        cfg.n_params++;
    must(pz_train(ds, &cfg, path, &err), &err);
    pz_dataset_free(ds);
    pz_strs_clear(&import.files[PZ_INTERACTIONS]);
    pz_strs_clear(&import.files[PZ_ITEMS]);
    for (int i = 0; i < 2; i++)
        unlink(file[i]);
}

/* The model flat, with what its parts derive or without. */
static inline void unpack_model(const char *packed, bool derives, const char *flat)
{
    struct pz_derived derived = { NULL, 0, 0 };
    struct pz_model *m = NULL;
    struct pz_err err = { 0 };

    must(pz_model_open(packed, &m, &err), &err);
    if (derives)
        must(pz_model_derive(m, &derived, &err), &err);
    must(pz_table_unpack(m->table, derives ? &derived : NULL, flat, &err), &err);
    pz_derived_clear(&derived);
    pz_model_free(m);
}

#endif
