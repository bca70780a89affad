/* SPDX-License-Identifier: Apache-2.0 */
/* The histories inside a model file: every interaction of the training data, those too that event
 * rules left out of learning (weight 0): filters and the seen rule ask for all that a user did. */
#ifndef PZ_MODEL_HISTORIES_H
#define PZ_MODEL_HISTORIES_H

#include "data/corpus.h"
#include "table/table.h"

/* Write hist/ptr, item, time, weight, event, value, the columns of Interactions under "context",
 * and the facts of items (item_facts.h).
 * ds, rules, keep  what the corpus was made from; interactions with keep[p] = 0 are not written
 * corpus           made by pz_corpus_make(ds, rules, n_rules, keep, ...)
 * w                NULL: another rank writes, and this one may have a share of what it writes
 * Memory: 25 bytes an interaction when there are rules, else what the value column needs.
 *
 * Errors:  PZ_TRY_AGAIN memory is out; as pz_corpus_weights and pz_writer_add
 * Threads: one writer, one thread */
enum pz_status pz_histories_write(const struct pz_dataset *ds, const struct pz_event_rule *rules,
                                  size_t n_rules, const uint8_t *keep,
                                  const struct pz_corpus *corpus, struct pz_writer *w,
                                  struct pz_err *err);

#endif
