/* SPDX-License-Identifier: Apache-2.0 */
/* What became of every row: read = kept + rejected + duplicate.
 *
 * One line at the end says it for all tables, of a failed run too, where it follows the reason; it
 * also says what joins: how many ids of items and users occur in interactions. The ledger gets the
 * same figures. */
#include <stdio.h>
#include <string.h>

#include "base/ledger.h"
#include "cmd/import/import.h"

/* One line accounts for every row. It is the last one of a run, so that of a failed run too. */
static void add_counts(struct pz_str *text, const struct pz_import_count *count)
{
    static const char *const names[] = { "interactions", "items", "users" };

    for (int t = 0; t < PZ_N_TABLES; t++)
        if (count[t].read > 0)
            pz_str_addf(text, "%s%s: read %llu, kept %llu, rejected %llu, duplicate %llu",
                        text->len ? "; " : "", names[t], (unsigned long long)count[t].read,
                        (unsigned long long)count[t].kept, (unsigned long long)count[t].rejected,
                        (unsigned long long)count[t].duplicate);
    if (count[PZ_INTERACTIONS].read == 0)
        pz_str_adds(text, text->len ? "; no interactions: for an update (pz-train --update)" : "");
    for (int t = PZ_ITEMS; t < PZ_N_TABLES; t++)
        if (count[PZ_INTERACTIONS].read > 0 && count[t].ids > 0)
            pz_str_addf(text, "; %s: %llu of %llu occur in interactions%s", names[t],
                        (unsigned long long)count[t].joined, (unsigned long long)count[t].ids,
                        count[t].joined ? "" : " (are the ids written in the same way?)");
}

void import_say_counts(const struct pz_import_count *count, enum pz_status st, struct pz_log *log,
                       struct pz_err *err)
{
    struct pz_str text = { 0 };
    char reason[sizeof err->text];

    memcpy(reason, err->text, sizeof reason);
    add_counts(&text, count);
    for (int t = 0; t < PZ_N_TABLES; t++) {
        pz_ledger_count("rows_in", count[t].read);
        pz_ledger_count("rows_rejected", count[t].rejected);
    }
    if (text.len > 0 && !text.failed && st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s", text.data);
    else if (text.len > 0 && !text.failed && st == PZ_BAD_DATA)
        pz_err_set(err, st, "%s; %s", reason, text.data);
    pz_str_clear(&text);
}

void import_print_counts(const struct pz_import_count *count)
{
    static const char *const tables[] = { "interactions", "items", "users" };

    for (size_t t = 0; t < PZ_N_TABLES; t++) {
        if (count[t].read == 0)
            continue;
        printf("%s\"%s\":{\"read\":%llu,\"kept\":%llu,\"rejected\":%llu,\"duplicate\":%llu",
               t ? "," : "{", tables[t], (unsigned long long)count[t].read,
               (unsigned long long)count[t].kept, (unsigned long long)count[t].rejected,
               (unsigned long long)count[t].duplicate);
        if (t != PZ_INTERACTIONS)
            printf(",\"ids\":%llu,\"joined\":%llu", (unsigned long long)count[t].ids,
                   (unsigned long long)count[t].joined);
        printf("}");
    }
    printf("}\n");
}
