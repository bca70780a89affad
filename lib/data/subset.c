/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of datasets: see subset.h. The corpus without event rules is the part; event values are
 * gathered beside it in the same order, and all else is borrowed from the whole for the time of
 * writing.
 *
 * The dictionaries stay those of the whole, so that a user or item has the same number in both.
 * Impressions and watermarks are left out: a part that is for judging must not look as if it
 * contained a live store's events. */
#include "data/subset.h"

#include <stdlib.h>

#include "base/mem.h"
#include "data/corpus.h"
#include "data/split.h"

enum pz_status pz_subset_save(const struct pz_dataset *ds, const uint8_t *keep, const char *path,
                              struct pz_err *err)
{
    static const struct pz_attrs none;
    struct pz_corpus_own own = { 0 };
    struct pz_dataset part = *ds;
    enum pz_status st = pz_corpus_make(ds, NULL, 0, keep, &own, err);
    float *value = NULL;
    uint64_t n = 0;

    if (st != PZ_OK)
        return st;
    part.n_interactions = own.c.ptr[own.c.n_users];
    part.ptr = own.c.ptr;
    part.item = own.c.item;
    part.time = own.c.time;
    part.event = own.c.event;
    part.context = own.c.context ? *own.c.context : none;
    part.impression_ptr = NULL;
    part.impression = NULL;
    part.watermarks = (struct pz_watermarks){ 0 };
    part.value = value = ds->value ? pz_mem_array(part.n_interactions, sizeof *value) : NULL;
    for (uint64_t p = 0; p < ds->n_interactions && value; p++)
        if (keep[p])
            value[n++] = ds->value[p];
    st = ds->value && !value ? pz_err_memory(err, "event values", 4.0 * (double)part.n_interactions)
                             : pz_dataset_save(&part, path, err);
    free(value);
    pz_corpus_clear(&own);
    return st;
}

enum pz_status pz_subset_hold_out(const struct pz_dataset *ds, const char *split, uint64_t seed,
                                  const char *path, uint8_t *keep, struct pz_err *err)
{
    struct pz_split_spec spec = { .kind = PZ_SPLIT_TIME };
    /* keep[] holds the roles until they are told apart: what is learned from, and what is not. */
    uint8_t *truth = pz_mem_array(ds->n_interactions, 1);
    enum pz_status st = truth ? pz_split_parse(split, &spec, err)
                              : pz_err_memory(err, "what is held out", (double)ds->n_interactions);

    if (st == PZ_OK && spec.kind != PZ_SPLIT_LEAVE_LAST && spec.kind != PZ_SPLIT_TIME &&
        spec.kind != PZ_SPLIT_RANDOM)
        st = pz_err_set(err, PZ_USAGE,
                        "--holdout %s: users or items that are held out whole are for pz-eval "
                        "--split, whose -o keeps the model",
                        split);
    if (st == PZ_OK)
        st = pz_split_assign(ds, &spec, seed, keep, err);
    for (uint64_t p = 0; st == PZ_OK && p < ds->n_interactions; p++) {
        truth[p] = (keep[p] & PZ_ROLE_TRUTH) != 0;
        keep[p] = (keep[p] & PZ_ROLE_TRAIN) != 0;
    }
    if (st == PZ_OK)
        st = pz_subset_save(ds, truth, path, err);
    free(truth);
    return st;
}
