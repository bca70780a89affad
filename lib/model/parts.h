/* SPDX-License-Identifier: Apache-2.0 */
/* The scorers there are. A new scorer is declared here and listed in scorer.c.
 */
#ifndef PZ_MODEL_PARTS_H
#define PZ_MODEL_PARTS_H

#include "model/scorer.h"

extern const struct pz_scorer pz_transitions;
extern const struct pz_scorer pz_factors;
extern const struct pz_scorer pz_spectral;
extern const struct pz_scorer pz_sessions;
extern const struct pz_scorer pz_content;
extern const struct pz_scorer pz_popularity;
extern const struct pz_scorer pz_sequence;
extern const struct pz_scorer pz_habits;
extern const struct pz_scorer pz_recent;

#endif
