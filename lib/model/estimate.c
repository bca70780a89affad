/* SPDX-License-Identifier: Apache-2.0 */
/* What a training will take, tried out on a part of the data: see pz_train_estimate. Costs differ too much between
 * machines and between shapes of data for constants to tell. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/train.h"
#include "model/tune.h"

enum { SAMPLE = 100000 };
static const double TUNING_FITS = 2, TUNING_MEMORY = 1.7; /* measured on five sets of 50,000 to 900,000 events */

/* Whether the times say anything about order, as a corpus has it. */
static bool is_ordered(const struct pz_dataset *ds)
{
    for (uint64_t p = 1; p < ds->n_inter; p++)
        if (ds->time[p] != ds->time[0])
            return true;
    return false;
}

/* Keep the interactions of every k-th user; returns their share. */
static double sample(const struct pz_dataset *ds, uint8_t *keep)
{
    uint64_t step = (ds->n_inter + SAMPLE - 1) / SAMPLE + (ds->n_inter == 0), n = 0;

    for (uint64_t u = 0; u < ds->users.n; u += step)
        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++, n++)
            keep[p] = 1;
    return n ? (double)n / (double)ds->n_inter : 1;
}

enum pz_status pz_train_estimate(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                 struct pz_estimate *out, struct pz_err *err)
{
    struct pz_train_cfg once = *cfg;
    double cpu = pz_cpu_seconds(), before = (double)pz_mem_peak(), fits, fit_bytes;
    uint8_t *keep = pz_mem_array(ds->n_inter, sizeof *keep);
    enum pz_status st;

    *out = (struct pz_estimate){ .share = 1 };
    if (!keep)
        return pz_err_memory(err, "the sample", (double)ds->n_inter);
    out->share = sample(ds, keep);
    once.keep = keep;
    once.n_trials = 0;
    once.log = NULL;
    st = pz_train(ds, &once, "/dev/null", err);
    free(keep);
    fits = cfg->n_trials ? 1 + TUNING_FITS * pz_tune_fits(ds->n_inter, is_ordered(ds), cfg->n_trials) : 1;
    fit_bytes = ((double)pz_mem_peak() - before) / out->share;
    out->cpu_s = (pz_cpu_seconds() - cpu) / out->share * fits;
    out->bytes = (before + fit_bytes) * (cfg->n_trials ? TUNING_MEMORY : 1);
    return st;
}
