/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign's settings and named filters: campaign.json. Readers take no lock; the file is
 * replaced whole. */
#ifndef PZ_CAMPAIGN_SETTINGS_H
#define PZ_CAMPAIGN_SETTINGS_H

#include "base/err.h"
#include "base/json.h"

/* What can be set. */
struct pz_settable {
    const char *name;
    const char *choices; /* "a|b|c"; "": any text; NULL: a number in [min, max] */
    double min, max;
    bool whole;
    const char *meaning;
};
extern const struct pz_settable pz_settings_known[]; /* ended by .name = NULL */

struct pz_settings {
    json_t *doc; /* owned; NULL: nothing is set */
};

/* Read; a campaign without the file has nothing set. Free with pz_settings_clear, also after a
 * failure. */
enum pz_status pz_settings_read(const char *campaign, struct pz_settings *s, struct pz_err *err);
void pz_settings_clear(struct pz_settings *s);

/* A number or word that is set, else the fallback. Borrowed. */
double pz_settings_number(const struct pz_settings *s, const char *name, double fallback);
const char *pz_settings_word(const struct pz_settings *s, const char *name, const char *fallback);

/* The expression of a named filter, borrowed; NULL when there is none. */
const char *pz_settings_filter(const struct pz_settings *s, const char *name);

/* Set, or remove with value NULL. PZ_USAGE: no such setting ("did you mean"), or a value it cannot
 * have; PZ_NO_INPUT: nothing to remove. Waits up to wait_s seconds for the campaign's lock. */
enum pz_status pz_settings_set(const char *campaign, const char *name, const char *value,
                               double wait_s, struct pz_err *err);
enum pz_status pz_settings_set_filter(const char *campaign, const char *name,
                                      const char *expression, double wait_s, struct pz_err *err);

#endif
