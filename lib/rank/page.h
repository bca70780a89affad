/* SPDX-License-Identifier: Apache-2.0 */
/* Private to rank/: what ties a page token to its question.
 *
 * Threads: any. */
#ifndef PZ_RANK_PAGE_H
#define PZ_RANK_PAGE_H

#include "rank/rank.h"

/* What the check of a token must be: of the model and of everything that is asked. */
uint32_t pz_page_check(const struct pz_model *m, const struct pz_request *req);

#endif
