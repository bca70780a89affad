/* SPDX-License-Identifier: Apache-2.0 */
/* What operands are, and what to type when they are not what is wanted: see operand.h.
 *
 * Only the first bytes of a file are looked at (pz_table_kind), so that a damaged file keeps its
 * own error; a folder is taken for a campaign, as everywhere. Advice names the operand as it was
 * given, so that the line can be typed as it stands but for the names in capitals. */
#include "campaign/operand.h"

#include <stdio.h>

#include "base/str.h"
#include "campaign/live.h"
#include "table/table.h"

enum pz_operand pz_operand_kind(const char *path)
{
    char kind[4];
    bool folder, store;

    /* What cannot be looked at is left to whoever opens it. */
    if (pz_campaign_is(path, &folder, NULL) != PZ_OK || pz_live_is(path, &store, NULL) != PZ_OK)
        return PZ_OPERAND_OTHER;
    if (folder)
        return store ? PZ_OPERAND_OTHER : PZ_OPERAND_CAMPAIGN;
    if (!pz_table_kind(path, kind))
        return PZ_OPERAND_OTHER;
    return kind[0] == 'd' ? PZ_OPERAND_DATASET : PZ_OPERAND_MODEL;
}

/* The line that makes what is wanted of what is there. */
static void add_advice(struct pz_str *text, const char *path, enum pz_operand is, unsigned wanted)
{
    const char *before = "", *after = "";

    if (is == PZ_OPERAND_DATASET) {
        before = "learn a model from it: pz-train -o MODEL.pzm ";
    } else if (is == PZ_OPERAND_MODEL && wanted == 1u << PZ_OPERAND_CAMPAIGN) {
        before = "publish it: pz-deploy publish CAMPAIGN.pzc ";
    } else if (is == PZ_OPERAND_MODEL) {
        before = "bring it up to date with new data: pz-train --update ";
        after = " -o MODEL.pzm NEW.pzd";
    } else if (wanted == 1u << PZ_OPERAND_DATASET) {
        before = "its live events as a dataset: pz-event export ";
        after = " -o NEW.pzd";
    } else {
        return;
    }
    pz_str_addf(text, "; %s", before);
    pz_str_add_shell(text, path);
    pz_str_adds(text, after);
}

static const char *name_of(unsigned kinds)
{
    return kinds == 1u << PZ_OPERAND_DATASET    ? "a dataset (*.pzd)"
           : kinds == 1u << PZ_OPERAND_MODEL    ? "a model (*.pzm)"
           : kinds == 1u << PZ_OPERAND_CAMPAIGN ? "a campaign (*.pzc)"
                                                : "a model (*.pzm) or a campaign (*.pzc)";
}

enum pz_status pz_operand_want(const char *path, unsigned wanted, struct pz_err *err)
{
    enum pz_operand is = pz_operand_kind(path);
    struct pz_str advice = { 0 };

    if (is == PZ_OPERAND_OTHER || wanted >> is & 1)
        return PZ_OK;
    add_advice(&advice, path, is, wanted);
    pz_err_set(err, PZ_USAGE, "%s is %s, and %s is needed%s", path, name_of(1u << is),
               name_of(wanted), advice.data && !advice.failed ? advice.data : "");
    pz_str_clear(&advice);
    return PZ_USAGE;
}

bool pz_operands_swapped(const char *first, unsigned first_wanted, const char *second,
                         unsigned second_wanted)
{
    enum pz_operand a = pz_operand_kind(first), b = pz_operand_kind(second);
    unsigned swapped = (second_wanted & ~first_wanted) >> a & (first_wanted & ~second_wanted) >> b &
                       1;

    return a != PZ_OPERAND_OTHER && b != PZ_OPERAND_OTHER && swapped;
}
