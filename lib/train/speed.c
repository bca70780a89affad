/* SPDX-License-Identifier: Apache-2.0 */
/* How fast this machine is, beside the one that scorers' costs were measured on: the core of every
 * recipe is fitted to a few made-up events some times; the quickest counts, as others waited for
 * something. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/training.h"

enum { PROBE_USERS = 256, PROBE_EVENTS = 8, PROBE_ITEMS = 64, PROBES = 4 };
/* What the first scorer says of so small a corpus times this is what it takes where it was
 * measured; fits may take that share of what is foreseen. */
static const double PROBE_SAID = 1.11, PROBE_SHARE = 0.03;

struct made_up {
    uint64_t ptr[PROBE_USERS + 1];
    uint32_t item[PROBE_USERS * PROBE_EVENTS];
    int64_t time[PROBE_USERS * PROBE_EVENTS];
    float weight[PROBE_USERS * PROBE_EVENTS];
};

static struct pz_corpus make_up(struct made_up *m)
{
    struct pz_rng rng;

    pz_rng_init(&rng, 1, 1);
    for (uint32_t u = 0; u <= PROBE_USERS; u++)
        m->ptr[u] = (uint64_t)u * PROBE_EVENTS;
    for (uint32_t p = 0; p < PROBE_USERS * PROBE_EVENTS; p++) {
        m->item[p] = pz_rng_below(&rng, PROBE_ITEMS);
        m->time[p] = p;
        m->weight[p] = 1;
    }
    return (struct pz_corpus){ .n_users = PROBE_USERS,
                               .n_items = PROBE_ITEMS,
                               .ptr = m->ptr,
                               .item = m->item,
                               .time = m->time,
                               .weight = m->weight,
                               .newest = PROBE_USERS * PROBE_EVENTS,
                               .ordered = true };
}

enum pz_status pz_estimate_fit(const struct pz_scorer *s, const struct pz_corpus *c,
                               const double *value, void **part, double *said, double *took,
                               struct pz_err *err)
{
    struct pz_fit_cfg fit = { .value = value, .seed = 1 };
    struct pz_fit_cost cost;
    enum pz_status st = pz_scorer_cost(s, c, value, &cost, err);
    double from = pz_cpu_seconds();

    if (st == PZ_OK)
        st = s->fit(c, &fit, part, err);
    *said += cost.work_ns;
    *took += pz_cpu_seconds() - from;
    return st;
}

enum pz_status pz_estimate_speed(double work_ns, double *speed, struct pz_err *err)
{
    struct made_up *m = malloc(sizeof *m);
    const struct pz_scorer *core = pz_scorers[0];
    double value[PZ_MAX_SETTINGS], all_ns = 0;
    enum pz_status st = m ? PZ_OK : pz_err_memory(err, "the speed of this machine", sizeof *m);

    pz_scorer_defaults(core, value);
    for (int i = 0; st == PZ_OK && i < PROBES; i++) {
        struct pz_corpus c = make_up(m);
        double said = 0, took = 0;
        void *part = NULL;

        if (i > 0 && all_ns * (i + 1) / i > PROBE_SHARE * work_ns)
            break;
        st = pz_estimate_fit(core, &c, value, &part, &said, &took, err);
        core->free(part);
        all_ns += PROBE_SAID * said;
        if (i == 0 || took < *speed * PROBE_SAID * said)
            *speed = took / (PROBE_SAID * said);
    }
    free(m);
    return st;
}
