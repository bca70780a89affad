/* SPDX-License-Identifier: Apache-2.0 */
/* Private to eval/: what windows made as jobs share with those made in one run.
 *
 * Threads: one at a time for each struct. */
#ifndef PZ_EVAL_WINDOW_JOBS_H
#define PZ_EVAL_WINDOW_JOBS_H

#include "eval/windows.h"

/* Set protocol, recipe, seed and k from w->asked; false: one is missing. */
bool pz_windows_read_question(struct pz_windows *w);

#endif
