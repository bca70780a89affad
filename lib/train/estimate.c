/* SPDX-License-Identifier: Apache-2.0 */
/* What a training will take, tried out on a part of the data: see pz_train_estimate. Costs differ
 * too much between machines and between shapes of data for constants to tell.
 *
 * Samples are of whole users, every n-th, so that histories keep their lengths. What depends on
 * items does not grow with users: of large data two samples are tried, and time and memory go on
 * along the line through both. The smaller one comes first, since memory is the peak of the
 * process, which never falls. The models go to /dev/null. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/order.h"
#include "train/train.h"
#include "train/tune.h"

enum { SAMPLE = 100000 };
static const double TUNING_FITS = 2,
                    TUNING_MEMORY = 1.7; /* measured on five sets of 50,000 to 900,000 events */

static bool is_ordered(const struct pz_dataset *ds)
{
    return pz_order_known(
        &(struct pz_histories_of){ ds->users.n, ds->ptr, ds->item, ds->time, &ds->items });
}

/* Keep the interactions of every step-th user; returns their share. */
static double sample(const struct pz_dataset *ds, uint64_t step, uint8_t *keep)
{
    uint64_t n = 0;

    memset(keep, 0, ds->n_interactions);
    for (uint64_t u = 0; u < ds->users.n; u += step)
        for (uint64_t p = ds->ptr[u]; p < ds->ptr[u + 1]; p++, n++)
            keep[p] = 1;
    return n ? (double)n / (double)ds->n_interactions : 1;
}

/* One fit of the defaults on a sample. */
static enum pz_status try_out(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                              uint64_t step, uint8_t *keep, struct pz_estimate *out,
                              struct pz_err *err)
{
    struct pz_train_cfg once = *cfg;
    double cpu = pz_cpu_seconds();
    enum pz_status st;

    out->share = sample(ds, step, keep);
    once.keep = keep;
    once.n_trials = 0;
    once.log = NULL;
    st = pz_train(ds, &once, "/dev/null", err);
    out->cpu_s = pz_cpu_seconds() - cpu;
    out->bytes = (double)pz_mem_peak();
    return st;
}

/* y at share 1 of the line through two points; a line that falls is noise. */
static double extend(double share0, double y0, double share1, double y1)
{
    double slope = share1 > share0 && y1 > y0 ? (y1 - y0) / (share1 - share0) : 0;

    return y1 + slope * (1 - share1);
}

enum pz_status pz_train_estimate(const struct pz_dataset *ds, const struct pz_train_cfg *cfg,
                                 struct pz_estimate *out, struct pz_err *err)
{
    uint64_t step = (ds->n_interactions + SAMPLE - 1) / SAMPLE;
    uint8_t *keep = pz_mem_array(ds->n_interactions, sizeof *keep);
    struct pz_estimate less = { .share = 0 };
    enum pz_status st = PZ_OK;

    *out = less;
    if (!keep)
        return pz_err_memory(err, "the sample", (double)ds->n_interactions);
    if (step >
        1) /* what depends on items does not grow with users: two points tell the two apart */
        st = try_out(ds, cfg, 2 * step, keep, &less, err);
    if (st == PZ_OK)
        st = try_out(ds, cfg, step > 1 ? step : 1, keep, out, err);
    free(keep);
    if (step > 1) {
        out->cpu_s = extend(less.share, less.cpu_s, out->share, out->cpu_s);
        out->bytes = extend(less.share, less.bytes, out->share, out->bytes);
    }
    if (cfg->n_trials) {
        out->cpu_s *= 1 +
                      TUNING_FITS * pz_tune_fits(ds->n_interactions, is_ordered(ds), cfg->n_trials);
        out->bytes *= TUNING_MEMORY;
    }
    return st;
}
