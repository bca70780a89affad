/* SPDX-License-Identifier: Apache-2.0 */
/* All that -p can say, from the tables of the scorers: for people (-p list), for programs (--json),
 * and for the manual, into which the build splices it.
 *
 * A part comes first, as the switch that it is, then its settings; the trend of items, which is
 * chosen as a part is but cannot be switched, comes last. Defaults are those before a training
 * looks at its data, which may move them and what is searched (pz_scorer.start). */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "train/options.h"
#include "train/training.h"

/* One row: texts that each form writes in its own way. */
struct row {
    char name[64], def[32], allowed[64], searched[64]; /* searched "": not tuned */
    const char *meaning;
};

/* "8..128"; whole numbers without an exponent. */
static void write_range(char *text, size_t n, double low, double high, bool whole)
{
    snprintf(text, n, whole ? "%.0f..%.0f" : "%g..%g", low, high);
}

static struct row row_of_part(const struct pz_scorer *s)
{
    struct row row = { .def = "auto", .meaning = s->meaning };

    snprintf(row.name, sizeof row.name, "%s", s->name);
    snprintf(row.allowed, sizeof row.allowed, "%s", s->is_fallback ? "on, auto" : "on, off, auto");
    return row;
}

static struct row row_of_setting(const struct pz_scorer *s, const struct pz_setting *set)
{
    struct row row = { .meaning = set->meaning };

    snprintf(row.name, sizeof row.name, "%s.%s", s->name, set->name);
    snprintf(row.def, sizeof row.def, set->whole ? "%.0f" : "%g", set->def);
    write_range(row.allowed, sizeof row.allowed, set->min, set->max, set->whole);
    if (set->low < set->high)
        write_range(row.searched, sizeof row.searched, set->low, set->high, set->whole);
    return row;
}

static void add_row(struct pz_str *out, const struct row *row, enum pz_list_form form)
{
    static const char *const key[] = { "name", "default", "allowed", "searched", "meaning" };
    const char *cell[] = { row->name, row->def, row->allowed, row->searched, row->meaning };

    switch (form) {
    case PZ_LIST_TEXT:
        pz_str_addf(out, "%-26s %8s  %-16s %-12s  %s\n", row->name, row->def, row->allowed,
                    *row->searched ? row->searched : "-", row->meaning);
        break;
    case PZ_LIST_JSON:
        for (size_t i = 0; i < sizeof cell / sizeof *cell; i++) {
            pz_str_addf(out, "%s\"%s\":", i ? "," : "{", key[i]);
            pz_json_add_string(out, cell[i], strlen(cell[i]));
        }
        pz_str_adds(out, "}\n");
        break;
    case PZ_LIST_MDOC:
        pz_str_addf(out, ".It Cm %s No = Ar %s\n%s", row->name, row->def, row->meaning);
        pz_str_addf(out, " (%s%s%s)\n", row->allowed, *row->searched ? "; searched " : "",
                    row->searched);
        break;
    case PZ_LIST_NAMES:
        pz_str_addf(out, "%s%s=", out->len ? " " : "", row->name);
        break;
    }
}

static void add_scorer(struct pz_str *out, const struct pz_scorer *s, bool is_part,
                       enum pz_list_form form)
{
    struct row row = row_of_part(s);

    if (is_part)
        add_row(out, &row, form);
    for (size_t k = 0; k < s->n_settings; k++) {
        row = row_of_setting(s, &s->settings[k]);
        add_row(out, &row, form);
    }
}

void pz_params_list(struct pz_str *out, enum pz_list_form form)
{
    if (form == PZ_LIST_TEXT)
        pz_str_addf(out, "%-26s %8s  %-16s %-12s  %s\n", "name", "default", "allowed", "searched",
                    "meaning");
    if (form == PZ_LIST_MDOC)
        pz_str_adds(out, ".Bl -tag -width Ds -compact\n");
    for (size_t i = 0; pz_scorers[i]; i++)
        add_scorer(out, pz_scorers[i], true, form);
    add_scorer(out, &pz_trend_choice, false, form);
    for (size_t i = 0; pz_scorers[i]; i++) {
        struct row row = { .def = "searched", .allowed = "0..", .meaning = "weight in the blend" };

        snprintf(row.name, sizeof row.name, "weight.%s", pz_scorers[i]->name);
        add_row(out, &row, form);
    }
    if (form == PZ_LIST_MDOC)
        pz_str_adds(out, ".El\n");
}

bool pz_params_ask_list(const struct pz_strs *params)
{
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->v[i], "list") == 0)
            return true;
    return false;
}
