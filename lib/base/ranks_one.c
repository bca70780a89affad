/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks of a build without MPI: there is one. */
#include "base/ranks.h"

void (*const pz_ranks_start)(void) = NULL;
