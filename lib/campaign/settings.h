/* SPDX-License-Identifier: Apache-2.0 */
/* A campaign's settings and named filters: campaign.json. Readers take no lock; the file is
 * replaced whole. Values from a person are checked in set.h.
 *
 * Threads: any. */
#ifndef PZ_CAMPAIGN_SETTINGS_H
#define PZ_CAMPAIGN_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

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

/* Whether a value is one that the setting can have. */
bool pz_settings_fits(const struct pz_settable *k, const json_t *value);

struct pz_settings {
    json_t *doc; /* owned; NULL: nothing is set */
};

/* Read; a campaign without the file has nothing set.
 *
 * Errors: PZ_BAD_DATA the file is not what pz-deploy set writes; others as pz_file_read
 * Owner:  the caller, also after a failure: pz_settings_clear */
enum pz_status pz_settings_read(const char *campaign, struct pz_settings *s, struct pz_err *err);
void pz_settings_clear(struct pz_settings *s);

/* A number or word that is set, else the fallback. Owner: borrowed from s, or the fallback */
double pz_settings_number(const struct pz_settings *s, const char *name, double fallback);
const char *pz_settings_word(const struct pz_settings *s, const char *name, const char *fallback);

/* The expression of a named filter; NULL when there is none. Owner: borrowed from s */
const char *pz_settings_filter(const struct pz_settings *s, const char *name);

/* The version that answers a share (0 to 1) of the users in place of the current one; false: there
 * is none. */
bool pz_settings_split(const struct pz_settings *s, uint32_t *version, double *share);

/* Whether gc keeps the version whatever its age: it is pinned, or answers some users. */
bool pz_settings_is_pinned(const struct pz_settings *s, uint32_t version);

/* Put value under part.name of the document, or remove it when NULL. Waits up to wait_s seconds for
 * the campaign's lock.
 *
 * Errors: PZ_NO_INPUT nothing to remove; PZ_TRY_AGAIN locked; PZ_BAD_DATA the campaign, or what the
 *         file would say; others as pz_settings_read and pz_file_write
 * Owner:  it takes over the reference to value */
enum pz_status pz_settings_edit(const char *campaign, const char *part, const char *name,
                                json_t *value, double wait_s, struct pz_err *err);

/* Pin a version, or let it go. Errors: as pz_settings_edit */
enum pz_status pz_settings_pin(const char *campaign, uint32_t version, bool pinned, double wait_s,
                               struct pz_err *err);

/* The version as which a model, by its fingerprint (pz_table_fingerprint), was marked as bad by a
 * rollback; 0: it was not. */
uint32_t pz_settings_bad(const struct pz_settings *s, const char *fingerprint);

/* Mark it as bad, or with version 0 as good again. With the campaign's lock held.
 *
 * Errors: as pz_settings_read and pz_file_write */
enum pz_status pz_settings_mark(const char *campaign, const char *fingerprint, uint32_t version,
                                struct pz_err *err);

#endif
