/* SPDX-License-Identifier: Apache-2.0 */
/* People in time, for the tests of what lives now. */
#ifndef PZ_TESTS_FIXTURE_PEOPLE_H
#define PZ_TESTS_FIXTURE_PEOPLE_H

#include "tests/unit/scorer_fixture.h"

enum { PEOPLE = 500, EACH = 20, SPAN = 1000, CATALOGUE = 100, ALIVE = 10 };

/* People who act all over SPAN units of so many seconds. What they take are ALIVE items at a time,
 * one replaced by the next every SPAN / CATALOGUE (drift), or any of the catalogue.
 * Owner: the caller, by free */
static inline struct tiny *made_people(bool drift, int64_t unit_s)
{
    struct tiny *t = tiny_new(CATALOGUE + ALIVE);
    struct pz_rng rng;

    pz_rng_init(&rng, 5, 1);
    for (uint32_t u = 0; u < PEOPLE; u++) {
        for (uint32_t k = 0; k < EACH; k++) {
            uint32_t time = k * SPAN / EACH + pz_rng_below(&rng, SPAN / EACH);
            uint32_t first = drift ? time * CATALOGUE / SPAN : 0;
            uint32_t below = drift ? ALIVE : 1 + pz_rng_below(&rng, CATALOGUE);

            tiny_add(t, first + pz_rng_below(&rng, below), time * unit_s);
        }
        tiny_end_user(t);
    }
    return t;
}

#endif
