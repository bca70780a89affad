/* SPDX-License-Identifier: Apache-2.0 */
/* A corpus of which is known what follows: for the tests of tuning. */
#ifndef PZ_TESTS_FIXTURE_CHAIN_H
#define PZ_TESTS_FIXTURE_CHAIN_H

#include "data/corpus.h"
#include "tests/unit/unit.h"

enum { CHAIN_USERS = 240 /* at most */, CHAIN_EVENTS = 8, CHAIN_MOST = 21 /* events */ };

struct chain {
    struct pz_corpus c;
    uint64_t ptr[CHAIN_USERS + 1];
    uint32_t item[CHAIN_USERS * CHAIN_MOST];
    int64_t time[CHAIN_USERS * CHAIN_MOST];
    float weight[CHAIN_USERS * CHAIN_MOST];
};

/* User u has items u, u + 1, u + 2, ... (of n_items), one a second, or all at one time: item i is
 * always followed by item i + 1. */
static inline void chain_make(struct chain *t, uint32_t n_users, uint32_t n_items,
                              uint32_t n_events, bool ordered)
{
    memset(t, 0, sizeof *t);
    for (uint32_t u = 0; u < n_users; u++) {
        for (uint32_t k = 0; k < n_events; k++) {
            t->item[u * n_events + k] = (u + k) % n_items;
            t->time[u * n_events + k] = ordered ? (int64_t)k : 0;
            t->weight[u * n_events + k] = 1;
        }
        t->ptr[u + 1] = (uint64_t)(u + 1) * n_events;
    }
    t->c = (struct pz_corpus){ .n_users = n_users,
                               .n_items = n_items,
                               .ptr = t->ptr,
                               .item = t->item,
                               .time = t->time,
                               .weight = t->weight,
                               .newest = n_events - 1,
                               .ordered = ordered };
}

#endif
