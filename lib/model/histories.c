/* SPDX-License-Identifier: Apache-2.0 */
/* The histories inside a model file: see histories.h. The corpus without event rules is all that
 * is kept; weights and values are gathered beside it in the same order.
 *
 * Rules act on learning alone: what they leave out stands here with weight 0, since "seen" and
 * filters ask what a user did, not what was learned from it. Without rules the corpus that was
 * learned from is that very corpus, and none is made. Interactions that `keep` leaves out (a
 * split's test part) are not written at all. */
#include "model/histories.h"

#include <stdlib.h>

#include "base/mem.h"
#include "data/shares.h"
#include "model/item_facts.h"

/* from[p] of the kept interactions, in order; NULL when memory is out. */
static float *gather(const float *from, const uint8_t *keep, uint64_t n_interactions,
                     uint64_t n_kept)
{
    float *to = pz_mem_array(n_kept, sizeof *to);
    uint64_t n = 0;

    for (uint64_t p = 0; p < n_interactions && to; p++)
        if (!keep || keep[p])
            to[n++] = from[p];
    return to;
}

/* all: the corpus of every kept interaction; weight, value: parallel to it, value NULL when
 * missing. */
static enum pz_status write_columns(const struct pz_corpus *all, const float *weight,
                                    const float *value, struct pz_writer *w, struct pz_err *err)
{
    static const struct pz_attrs none;
    const uint64_t *ptr = all->all_ptr ? all->all_ptr : all->ptr;
    enum pz_status st = PZ_OK;

    if (w)
        st = pz_writer_add(w, "hist/ptr", PZ_U64, ptr, (uint64_t)all->n_users + 1, err);
    if (st == PZ_OK)
        st = pz_shares_add(w, all, "hist/item", PZ_U32, all->item, err);
    if (st == PZ_OK)
        st = pz_shares_add(w, all, "hist/time", PZ_I64, all->time, err);
    if (st == PZ_OK)
        st = pz_shares_add(w, all, "hist/weight", PZ_F32, weight, err);
    if (st == PZ_OK && all->event)
        st = pz_shares_add(w, all, "hist/event", PZ_U8, all->event, err);
    if (st == PZ_OK && value)
        st = pz_shares_add(w, all, "hist/value", PZ_F32, value, err);
    return st == PZ_OK && w ? pz_attrs_save(all->context ? all->context : &none, "context", w, err)
                            : st;
}

enum pz_status pz_histories_write(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                                  size_t n_rules, const uint8_t *keep,
                                  const struct pz_corpus *corpus, struct pz_writer *w,
                                  struct pz_err *err)
{
    struct pz_corpus_own own = { 0 };
    const struct pz_corpus *all = n_rules ? &own.c : corpus;
    float *every = NULL, *weight = NULL, *value = NULL;
    enum pz_status st = n_rules ? pz_corpus_make(ds, NULL, 0, keep, &own, err) : PZ_OK;
    uint64_t n = st == PZ_OK ? all->ptr[all->n_users] : 0;

    if (st != PZ_OK || (!w && !all->all_ptr)) {
        pz_corpus_clear(&own);
        return st;
    }
    if (n_rules) {
        every = pz_mem_array(ds->n_interactions, sizeof *every);
        st = every ? pz_corpus_weights(ds, rules, n_rules, every, err)
                   : pz_err_memory(err, "weights", 4.0 * (double)ds->n_interactions);
        if (st == PZ_OK && !(weight = gather(every, keep, ds->n_interactions, n)))
            st = pz_err_memory(err, "weights", 4.0 * (double)n);
    }
    if (st == PZ_OK && ds->value && !(value = gather(ds->value, keep, ds->n_interactions, n)))
        st = pz_err_memory(err, "event values", 4.0 * (double)n);
    if (st == PZ_OK)
        st = write_columns(all, n_rules ? weight : corpus->weight, value, w, err);
    if (st == PZ_OK)
        st = pz_item_facts_save(ds, corpus, keep, w, err);
    free(every);
    free(weight);
    free(value);
    pz_corpus_clear(&own);
    return st;
}
