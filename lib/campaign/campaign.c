/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: see campaign.h. On disk:
 *
 *   current              the version that answers, the one before it (0: none), the highest ever
 *                        published, and a check of the three
 *   versions/NNNN/       model.flat (a flat table), its seal and info.json
 *   campaign.json        settings and named filters
 *   live/                the live store, unless the settings name another
 *   lock                 held by whoever publishes, rolls back, collects or sets
 *
 * Order of a publication; a crash after any step leaves what `current` names untouched and
 * complete:
 *   1. make the campaign's folders     2. take the lock
 *   3. read `current`, or write it with zeros; remove what crashes left: versions/NNNN.new and
 *      .old, versions above the highest, .*.tmp
 *   4. hold the model against the current one and the bad ones     5. verify it whole
 *   6. mkdir versions/NNNN.new
 *   7. write model.flat and info.json in it (each atomic, synced), open it as readers will, and
 *      seal it
 *   8. rename it to versions/NNNN      9. fsync versions/
 *  10. replace `current` (atomic, synced)
 * Rolling back is step 2, the marks in campaign.json, and 10. Collecting is in gc.c. Readers take
 * no lock. */
#include "campaign/campaign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/ledger.h"
#include "base/mem.h"
#include "base/time.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/settings.h"
#include "model/describe.h"

/* Unknown columns up to this size, or this many times the known ones, are a newer pz's. */
enum { UNKNOWN_BYTES = 256 << 20, UNKNOWN_SHARE = 4 };

/* ---- publishing ---- */

/* Step 1. A folder that is new must survive a power cut too. */
static enum pz_status make_folders(const char *campaign, struct pz_err *err)
{
    char path[PZ_PATH_BYTES], parent[PZ_PATH_BYTES];
    bool there = true;
    enum pz_status st = pz_file_exists(campaign, &there, err);

    if (st == PZ_OK)
        st = pz_layout_mkdir(campaign, err);
    if (st == PZ_OK && (st = pz_layout_path(path, campaign, "versions", err)) == PZ_OK)
        st = pz_layout_mkdir(path, err);
    if (st == PZ_OK && !there && pz_file_dirname(campaign, parent, sizeof parent))
        st = pz_file_sync_dir(parent, err);
    return st;
}

/* Step 3: read `current`, or start one, so that a folder with versions always has it. */
static enum pz_status start_current(const char *campaign, struct pz_current *c, struct pz_err *err)
{
    enum pz_status st = pz_layout_read_current(campaign, c, err);

    return st == PZ_OK && c->highest == 0 ? pz_layout_write_current(campaign, c, err) : st;
}

/* A small file may hold columns of any size that nothing here reads: they are passed over by who
 * reads the model, but publishing would unpack them. */
static enum pz_status check_size(const char *model, const struct pz_model *m, struct pz_err *err)
{
    uint64_t known = pz_table_bytes(m->table, true), other = pz_table_bytes(m->table, false);

    if (other <= UNKNOWN_BYTES || other / UNKNOWN_SHARE <= known)
        return PZ_OK;
    return pz_err_set(
        err, PZ_BAD_DATA,
        "%s: %.1f GB are in columns that this pz does not know, beside %.3f GB of the "
        "model: it is not unpacked",
        model, (double)other / 1e9, (double)known / 1e9);
}

/* Step 5: the whole file, and that this pz can answer from it. */
static enum pz_status verify_model(const char *campaign, const char *model, struct pz_table **t,
                                   struct pz_model **m, struct pz_version *v, struct pz_err *err)
{
    enum pz_status st = pz_model_open_anew(model, m, err);

    if (st == PZ_OK)
        st = check_size(model, *m, err);
    if (st == PZ_OK)
        st = pz_info_find_seen(campaign, *m, v, err);
    if (st == PZ_OK) {
        snprintf(v->recipe, sizeof v->recipe, "%s", (*m)->recipe->name);
        v->ndcg = pz_model_check_ndcg(*m);
    }
    if (st == PZ_OK)
        st = pz_table_open(model, "modl", t, err);
    if (st == PZ_OK)
        st = pz_table_verify(*t, err);
    return st;
}

static enum pz_status compare_sizes(const struct pz_model *now, const struct pz_model *m,
                                    struct pz_err *err)
{
    if (m->items.n >= now->items.n / 2 && m->users.n >= now->users.n / 2)
        return PZ_OK;
    return pz_err_set(
        err, PZ_NEGATIVE,
        "the model has %u items and %u users where the current version has %u and %u; "
        "--force publishes it all the same",
        m->items.n, m->users.n, now->items.n, now->users.n);
}

/* Step 4: what nobody wants to publish by mistake. A current version that cannot be opened is no
 * reason to refuse what replaces it. */
static enum pz_status check_wanted(const char *campaign, const struct pz_current *c,
                                   const struct pz_model *m, struct pz_err *err)
{
    char fingerprint[33];
    struct pz_settings s = { NULL };
    struct pz_model *now = NULL;
    struct pz_version version;
    uint32_t bad = 0;
    enum pz_status st = pz_settings_read(campaign, &s, err);

    if (st == PZ_OK)
        st = pz_table_fingerprint(m->table, fingerprint, err);
    if (st == PZ_OK)
        bad = pz_settings_bad(&s, fingerprint);
    if (bad)
        st =
            pz_err_set(err, PZ_NEGATIVE,
                       "this model was version %u and was rolled back as bad; --force publishes it "
                       "all the same",
                       bad);
    if (st == PZ_OK && c->current > 0 &&
        pz_campaign_open_model(campaign, &now, &version, NULL) == PZ_OK)
        st = compare_sizes(now, m, err);
    pz_model_free(now);
    pz_settings_clear(&s);
    return st;
}

/* Steps 6 and 7, in folder temp. */
static enum pz_status fill_version(const char *temp, struct pz_table *t,
                                   const struct pz_derived *derived, const struct pz_version *v,
                                   struct pz_err *err)
{
    char file[PZ_PATH_BYTES];
    struct pz_model *m = NULL;
    enum pz_status st = pz_layout_mkdir(temp, err);

    if (st == PZ_OK && (st = pz_layout_path(file, temp, "info.json", err)) == PZ_OK)
        st = pz_info_write(file, v, err);
    if (st == PZ_OK && (st = pz_layout_path(file, temp, "model.flat", err)) == PZ_OK)
        st = pz_table_unpack(t, derived, file, err);
    if (st == PZ_OK)
        st = pz_model_open(file, &m, err);
    if (st == PZ_OK)
        st = pz_table_seal(m->table, err);
    pz_model_free(m);
    return st;
}

/* Steps 6 to 9. */
static enum pz_status write_version(const char *campaign, struct pz_table *t,
                                    const struct pz_derived *derived, const struct pz_version *v,
                                    struct pz_err *err)
{
    char temp[PZ_PATH_BYTES], final[PZ_PATH_BYTES], dir[PZ_PATH_BYTES], name[32];
    enum pz_status st = pz_layout_version(temp, campaign, v->number, ".new", err);

    if (st == PZ_OK)
        st = pz_layout_version(final, campaign, v->number, "", err);
    if (st == PZ_OK)
        st = pz_layout_path(dir, campaign, "versions", err);
    if (st != PZ_OK)
        return st;
    st = fill_version(temp, t, derived, v, err);
    if (st == PZ_OK && rename(temp, final) != 0)
        st = pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", final);
    if (st == PZ_OK)
        return pz_file_sync_dir(dir, err);
    snprintf(name, sizeof name, "%04u.new", v->number);
    pz_layout_remove(campaign, name, NULL);
    return st;
}

static enum pz_status note_model(struct pz_table *t, struct pz_version *v, struct pz_err *err)
{
    enum pz_status st = pz_table_fingerprint(t, v->model, err);

    if (st == PZ_OK)
        pz_ledger_text("model", v->model);
    return st;
}

enum pz_status pz_campaign_publish(const char *campaign, const char *model,
                                   const struct pz_publish_cfg *cfg, struct pz_version *version,
                                   struct pz_err *err)
{
    struct pz_version v = { .live_seen = cfg->live_seen,
                            .rows_seen = cfg->rows_seen,
                            .published = pz_time_now() };
    struct pz_lock *held = NULL;
    struct pz_table *t = NULL;
    struct pz_model *m = NULL;
    struct pz_derived derived = { NULL, 0, 0 };
    struct pz_current c = { 0 };
    enum pz_status st = make_folders(campaign, err);

    if (st == PZ_OK)
        st = pz_layout_lock(campaign, cfg->wait_s, &held, err);
    if (st == PZ_OK)
        st = start_current(campaign, &c, err);
    if (st == PZ_OK)
        st = pz_layout_sweep(campaign, cfg->log, err);
    if (st == PZ_OK)
        st = verify_model(campaign, model, &t, &m, &v, err);
    if (st == PZ_OK)
        st = note_model(t, &v, err);
    if (st == PZ_OK && !cfg->force)
        st = check_wanted(campaign, &c, m, err);
    if (st == PZ_OK)
        st = pz_model_derive(m, &derived, err);
    if (st == PZ_OK) {
        v.number = c.highest + 1;
        st = write_version(campaign, t, &derived, &v, err);
    }
    pz_derived_clear(&derived);
    pz_model_free(m);
    if (st == PZ_OK && cfg->force) /* a person wants it */
        st = pz_settings_mark(campaign, v.model, 0, err);
    if (st == PZ_OK)
        st = pz_layout_write_current(campaign,
                                     &(struct pz_current){ v.number, c.current, v.number }, err);
    *version = v;
    pz_ledger_number("version", v.number);
    pz_table_close(t);
    pz_lock_free(held);
    return st;
}

/* ---- going back ---- */

static enum pz_status fingerprint_of(const char *campaign, uint32_t version, char fingerprint[33],
                                     struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_table *t = NULL;
    enum pz_status st = pz_layout_version(path, campaign, version, "/model.flat", err);

    if (st == PZ_OK)
        st = pz_table_open(path, "modl", &t, err);
    if (st == PZ_OK)
        st = pz_table_fingerprint(t, fingerprint, err);
    pz_table_close(t);
    return st;
}

/* Before `current` is replaced: a crash in between leaves a version that answers and is marked, and
 * the same command again goes on. */
static enum pz_status mark_versions(const char *campaign, const struct pz_current *c,
                                    uint32_t target, struct pz_err *err)
{
    char to[33], from[33];
    enum pz_status st = fingerprint_of(campaign, target, to, err);

    if (st == PZ_OK)
        st = pz_settings_mark(campaign, to, 0, err);
    /* one that cannot be read any more cannot be a base either */
    if (st == PZ_OK && target < c->current &&
        fingerprint_of(campaign, c->current, from, NULL) == PZ_OK && strcmp(from, to) != 0)
        st = pz_settings_mark(campaign, from, c->current, err);
    return st;
}

enum pz_status pz_campaign_rollback(const char *campaign, double wait_s, uint32_t *version,
                                    struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_lock *held = NULL;
    struct pz_current c = { 0 };
    bool there = false;
    enum pz_status st = pz_layout_need(campaign, &c, err);

    if (st == PZ_OK)
        st = pz_layout_lock(campaign, wait_s, &held, err);
    if (st == PZ_OK)
        st = pz_layout_need(campaign, &c, err);
    if (st == PZ_OK && *version == 0)
        *version = c.previous;
    if (st == PZ_OK && *version == 0)
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no previous version", campaign);
    if (st == PZ_OK)
        st = pz_layout_version(path, campaign, *version, "/model.flat", err);
    if (st == PZ_OK)
        st = pz_file_exists(path, &there, err);
    if (st == PZ_OK && (*version > c.highest || !there))
        st = pz_err_set(err, PZ_NO_INPUT, "%s has no version %u; see pz-deploy list", campaign,
                        *version);
    if (st == PZ_OK)
        st = mark_versions(campaign, &c, *version, err);
    if (st == PZ_OK && *version != c.current)
        st = pz_layout_write_current(campaign,
                                     &(struct pz_current){ *version, c.current, c.highest }, err);
    pz_lock_free(held);
    return st;
}

/* ---- listing ---- */

/* Only what can be read and is wrong is damage. */
static enum pz_status describe(const char *campaign, const struct pz_current *c,
                               const struct pz_settings *s, struct pz_version *v,
                               struct pz_err *err)
{
    char fingerprint[33];
    enum pz_status st = pz_info_read(campaign, v, err);

    v->damaged = st == PZ_BAD_DATA || st == PZ_NO_INPUT;
    v->current = v->number == c->current;
    v->previous = v->number == c->previous;
    v->pinned = pz_settings_is_pinned(s, v->number);
    v->bad = fingerprint_of(campaign, v->number, fingerprint, NULL) == PZ_OK &&
             pz_settings_bad(s, fingerprint) > 0;
    return v->damaged ? PZ_OK : st;
}

enum pz_status pz_campaign_list(const char *campaign, struct pz_version **list, size_t *n,
                                struct pz_err *err)
{
    uint32_t *number = NULL;
    struct pz_current c = { 0 };
    struct pz_settings s = { NULL };
    enum pz_status st = pz_layout_need(campaign, &c, err);

    *list = NULL;
    *n = 0;
    if (st == PZ_OK)
        st = pz_settings_read(campaign, &s, err);
    if (st == PZ_OK)
        st = pz_layout_versions(campaign, &number, n, err);
    while (*n > 0 && number[*n - 1] > c.highest) /* one that is being published, or never was */
        --*n;
    if (st == PZ_OK && !(*list = pz_mem_array(*n, sizeof **list)))
        st = pz_err_memory(err, "versions", 1e3);
    for (size_t i = 0; i < *n && st == PZ_OK; i++) {
        (*list)[i].number = number[i];
        st = describe(campaign, &c, &s, &(*list)[i], err);
    }
    pz_settings_clear(&s);
    free(number);
    return st;
}

/* ---- opening ---- */

/* number 0: the current one. */
static enum pz_status try_open(const char *campaign, uint32_t number, struct pz_model **m,
                               struct pz_version *v, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_current c;
    enum pz_status st = pz_layout_need(campaign, &c, err);

    number = number ? number : c.current;
    *v = (struct pz_version){ .number = number, .current = number == c.current };
    if (st == PZ_OK)
        st = pz_layout_version(path, campaign, number, "/model.flat", err);
    if (st == PZ_OK)
        st = pz_model_open(path, m, err);
    if (st == PZ_OK && !(*m)->sealed) /* it was read whole; who may write spares others that */
        pz_table_seal((*m)->table, NULL);
    if (st == PZ_OK)
        st = pz_info_read(campaign, v, err);
    if (st == PZ_OK && strcmp(v->recipe, (*m)->recipe->name) != 0)
        st = pz_err_set(
            err, PZ_BAD_DATA,
            "%s is of recipe %s, its info.json of %s; pz-deploy repair %s writes it again", path,
            (*m)->recipe->name, v->recipe, campaign);
    if (st != PZ_OK) {
        pz_model_free(*m);
        *m = NULL;
    }
    return st;
}

enum pz_status pz_campaign_open_model(const char *campaign, struct pz_model **m,
                                      struct pz_version *version, struct pz_err *err)
{
    enum { TRIES = 5 };
    enum pz_status st = PZ_NO_INPUT;

    *m = NULL; /* not there: collected since `current` was read, so look again */
    for (int i = 0; i < TRIES && st == PZ_NO_INPUT; i++)
        st = try_open(campaign, 0, m, version, err);
    return st == PZ_NO_INPUT && version->number > 0
               ? pz_err_set(
                     err, PZ_BAD_DATA,
                     "%s: the current version, %u, is not there; pz-deploy repair %s finds one "
                     "to answer with",
                     campaign, version->number, campaign)
               : st;
}

enum pz_status pz_campaign_is_published(const char *campaign, bool *is, struct pz_err *err)
{
    struct pz_current c;
    enum pz_status st = pz_layout_read_current(campaign, &c, err);

    *is = st == PZ_OK && c.current > 0;
    return st;
}

enum pz_status pz_campaign_open_version(const char *campaign, uint32_t number, struct pz_model **m,
                                        struct pz_version *version, struct pz_err *err)
{
    *m = NULL;
    return try_open(campaign, number, m, version, err);
}

enum pz_status pz_campaign_model_path(const char *operand, char *path, size_t n, struct pz_err *err)
{
    char flat[PZ_PATH_BYTES], fingerprint[33];
    struct pz_current c;
    struct pz_settings s = { NULL };
    bool is = false;
    enum pz_status st = pz_campaign_is(operand, &is, err);

    snprintf(flat, sizeof flat, "%s", operand);
    if (st == PZ_OK && is) {
        st = pz_layout_need(operand, &c, err);
        if (st == PZ_OK)
            st = pz_layout_version(flat, operand, c.current, "/model.flat", err);
        if (st == PZ_OK)
            st = pz_settings_read(operand, &s, err);
        if (st == PZ_OK)
            st = fingerprint_of(operand, c.current, fingerprint, err);
        if (st == PZ_OK && pz_settings_bad(&s, fingerprint) > 0)
            st = pz_err_set(err, PZ_NEGATIVE,
                            "version %u of %s is marked as bad; pz-deploy rollback goes to another",
                            c.current, operand);
        pz_settings_clear(&s);
    }
    if (st == PZ_OK && (strlen(flat) >= n || (strcmp(flat, operand) != 0 && !is)))
        return pz_err_set(err, PZ_USAGE, "path too long: %s", operand);
    if (st == PZ_OK)
        strcpy(path, flat);
    return st;
}
