/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: what is asked of which model. Every step reads it, none writes it. */
#ifndef PZ_RANK_ASKED_H
#define PZ_RANK_ASKED_H

#include "rank/rank.h"

struct pz_asked {
    const struct pz_model *m;
    const struct pz_request *req;
};

#endif
