/* SPDX-License-Identifier: Apache-2.0 */
/* Operands that are something else than is wanted: a model where a dataset belongs, the two in the
 * wrong order. What a path is stands in its first bytes, not in its name; what cannot be read is
 * PZ_OPERAND_OTHER, and whoever opens it says why.
 *
 * Threads: any. */
#ifndef PZ_CAMPAIGN_OPERAND_H
#define PZ_CAMPAIGN_OPERAND_H

#include <stdbool.h>

#include "base/err.h"

enum pz_operand { PZ_OPERAND_OTHER, PZ_OPERAND_DATASET, PZ_OPERAND_MODEL, PZ_OPERAND_CAMPAIGN };

/* What a path is. */
enum pz_operand pz_operand_kind(const char *path);

/* Refuse an operand of another kind than wanted, with the line to type instead. An operand of kind
 * OTHER passes.
 *
 * wanted   a set of kinds: 1 << PZ_OPERAND_MODEL | 1 << PZ_OPERAND_CAMPAIGN
 * Errors:  PZ_USAGE */
enum pz_status pz_operand_want(const char *path, unsigned wanted, struct pz_err *err);

/* Whether the two stand in the wrong order: first is of a kind in `second_wanted` alone, second of
 * one in `first_wanted` alone. */
bool pz_operands_swapped(const char *first, unsigned first_wanted, const char *second,
                         unsigned second_wanted);

#endif
