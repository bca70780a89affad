/* SPDX-License-Identifier: Apache-2.0 */
/* Checking and repairing: see repair.h. A version is whole when every hash of its model is right
 * and a model can be opened from it. What its info.json says is found again in the model itself:
 * the recipe, and which live events its data contain; the time of publication is that of the
 * file.
 *
 * Memory that is out or a permission that lacks is no verdict: the check or repair ends there.
 *
 * A model is never changed. Where it cannot be found which live events a version has seen, it is
 * taken to have seen none: they count twice then rather than not at all. */
#include "campaign/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "campaign/info.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/settings.h"
#include "model/describe.h"

/* Read a version's model whole. *v gets its number, recipe and time. */
static enum pz_status verify(const char *campaign, uint32_t number, struct pz_model **m,
                             struct pz_version *v, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_table *t = NULL;
    struct stat info;
    enum pz_status st = pz_layout_version(path, campaign, number, "/model.flat", err);

    *v = (struct pz_version){ .number = number };
    if (st == PZ_OK)
        st = pz_table_open(path, "modl", &t, err);
    if (st == PZ_OK)
        st = pz_table_verify(t, err);
    pz_table_close(t);
    if (st == PZ_OK)
        st = pz_model_open(path, m, err);
    if (st == PZ_OK && stat(path, &info) != 0)
        st = pz_err_errno(err, PZ_NO_INPUT, errno, "cannot look at %s", path);
    if (st == PZ_OK) {
        v->published = (int64_t)info.st_mtime;
        strcpy(v->recipe, (*m)->recipe->name);
        v->ndcg = pz_model_check_ndcg(*m);
    }
    return st;
}

/* Whether a look failed that says nothing of what was looked at: memory, descriptors, a permission,
 * the disk. Only what could be read, or is not there, is damaged. */
static bool is_no_verdict(enum pz_status st)
{
    return st != PZ_OK && st != PZ_BAD_DATA && st != PZ_NO_INPUT;
}

/* ---- checking ---- */

/* A fault is told and counted; what is no verdict on the campaign ends the check. */
static enum pz_status report(struct pz_log *log, const struct pz_err *why, uint32_t *damaged,
                             struct pz_err *err)
{
    if (is_no_verdict(why->status)) {
        if (err)
            *err = *why;
        return why->status;
    }
    pz_log(log, PZ_LOG_WARN, "%s", why->text);
    ++*damaged;
    return PZ_OK;
}

static enum pz_status check_model(const char *campaign, struct pz_version *found,
                                  struct pz_log *log, uint32_t *damaged, struct pz_err *err)
{
    struct pz_model *m = NULL;
    struct pz_err why = { 0 };
    uint32_t number = found->number;
    enum pz_status st = verify(campaign, number, &m, found, &why);

    pz_model_free(m);
    if (is_no_verdict(st)) {
        if (err)
            *err = why;
        return st;
    }
    return st == PZ_OK ? st : report(log, &why, damaged, err);
}

static enum pz_status check_version(const char *campaign, uint32_t number, bool current,
                                    struct pz_live_store *live, struct pz_log *log,
                                    uint32_t *damaged, struct pz_err *err)
{
    struct pz_version found = { .number = number }, told = { .number = number };
    struct pz_err why = { 0 };
    enum pz_status st = check_model(campaign, &found, log, damaged, err);

    if (st != PZ_OK)
        return st;
    if (pz_info_read(campaign, &told, &why) != PZ_OK ||
        pz_info_check(campaign, &told, live, &why) != PZ_OK)
        return report(log, &why, damaged, err);
    if (current)
        pz_info_warn(campaign, &told, log);
    if (*found.recipe && strcmp(found.recipe, told.recipe) != 0) {
        pz_err_set(&why, PZ_BAD_DATA, "version %u is of recipe %s, its info.json of %s", number,
                   found.recipe, told.recipe);
        return report(log, &why, damaged, err);
    }
    return PZ_OK;
}

enum pz_status pz_campaign_check(const char *campaign, bool only_current, struct pz_log *log,
                                 uint32_t *n, uint32_t *damaged, struct pz_err *err)
{
    struct pz_current c;
    struct pz_settings s = { NULL };
    struct pz_live_store *live = NULL;
    struct pz_err why = { 0 };
    uint32_t *list = NULL;
    size_t n_list = 0;
    bool found = false;
    enum pz_status st = pz_layout_need(campaign, &c, err);

    *n = 0;
    *damaged = 0;
    if (st == PZ_OK)
        st = pz_layout_versions(campaign, &list, &n_list, err);
    if (st == PZ_OK && pz_settings_read(campaign, &s, &why) != PZ_OK)
        st = report(log, &why, damaged, err);
    if (st == PZ_OK && (pz_campaign_open_live(campaign, false, &live, &why) != PZ_OK ||
                        (live && pz_live_verify(live, &why) != PZ_OK)))
        st = report(log, &why, damaged, err);
    for (size_t i = 0; i < n_list && st == PZ_OK; i++) {
        found = found || list[i] == c.current;
        if (list[i] > c.highest || (only_current && list[i] != c.current))
            continue;
        st = check_version(campaign, list[i], list[i] == c.current, live, log, damaged, err);
        ++*n;
    }
    if (st == PZ_OK && !found) {
        pz_err_set(&why, PZ_BAD_DATA, "%s: the current version %u is not there", campaign,
                   c.current);
        st = report(log, &why, damaged, err);
    }
    pz_live_close(live);
    pz_settings_clear(&s);
    free(list);
    return st == PZ_OK && *damaged ? pz_err_set(err, PZ_BAD_DATA, "%s: %u faults; see %s", campaign,
                                                *damaged, "pz-deploy repair")
                                   : st;
}

/* ---- repairing ---- */

/* The model's data contain numbers that the live store never gave: its file was written over with
 * an older one, and will give them again. */
static enum pz_status part(const char *campaign, struct pz_log *log, struct pz_err *err)
{
    struct pz_live_store *live = NULL;
    enum pz_status st = pz_campaign_open_live(campaign, true, &live, err);

    if (st == PZ_OK)
        st = pz_live_part(live, err);
    pz_live_close(live);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE,
               "%s: the live store is older than its models: it has a new "
               "identity, under which no number is given twice",
               campaign);
    return st;
}

/* Write info.json again where it cannot be believed. */
static enum pz_status mend_info(const char *campaign, const struct pz_model *m,
                                struct pz_version *found, struct pz_live_store *live,
                                struct pz_log *log, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_version told = { .number = found->number };
    struct pz_err why = { 0 };
    enum pz_status st = pz_info_read(campaign, &told, &why);

    if (st == PZ_OK)
        st = pz_info_check(campaign, &told, live, &why);
    if (st == PZ_OK && strcmp(told.recipe, found->recipe) == 0)
        return PZ_OK;
    if (is_no_verdict(st)) {
        if (err)
            *err = why;
        return st;
    }
    st = pz_info_find_seen(campaign, m, found, &why);
    if (st == PZ_USAGE) {
        st = part(campaign, log, err);
        if (st != PZ_OK)
            return st;
        st = pz_info_find_seen(campaign, m, found, &why);
    }
    if (st != PZ_OK) { /* then live events count twice rather than not at all */
        found->live_seen = 0;
        found->rows_seen = 0;
    }
    st = pz_layout_version(path, campaign, found->number, "/info.json", err);
    if (st == PZ_OK)
        st = pz_info_write(path, found, err);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s written again", path);
    return st;
}

/* What can be told of `current` by the versions that are whole. */
static void choose(struct pz_current *c, bool readable, const uint32_t *whole, size_t n)
{
    bool current = false, previous = false;

    for (size_t i = 0; i < n && readable; i++) {
        current = current || whole[i] == c->current;
        previous = previous || whole[i] == c->previous;
    }
    if (!current)
        /* The newest that is whole; a current one that can be read and is whole stays. */
        c->current = whole[n - 1];
    if (!previous || c->previous == c->current)
        c->previous = n > 1 ? whole[n - 1] == c->current ? whole[n - 2] : whole[n - 1] : 0;
}

static enum pz_status mend_current(const char *campaign, const uint32_t *whole, size_t n,
                                   uint32_t highest, struct pz_log *log, struct pz_err *err)
{
    struct pz_current old, c;
    enum pz_status st = pz_layout_read_current(campaign, &old, err);
    bool readable = st == PZ_OK;

    if (is_no_verdict(st))
        return st;
    if (n == 0)
        return pz_err_set(err, PZ_NO_INPUT, "%s has no version that is whole", campaign);
    c = old;
    choose(&c, readable, whole, n);
    /* Above every folder there is, damaged ones included: numbers are never used again. */
    c.highest = c.highest > highest ? c.highest : highest;
    if (readable && memcmp(&c, &old, sizeof c) == 0)
        return PZ_OK;
    st = pz_layout_write_current(campaign, &c, err);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current, %u the one before", campaign,
               c.current, c.previous);
    return st;
}

static enum pz_status mend(const char *campaign, struct pz_log *log, struct pz_err *err)
{
    uint32_t *list = NULL;
    size_t n = 0, n_whole = 0;
    uint32_t highest = 0;
    struct pz_live_store *live = NULL;
    enum pz_status st = pz_layout_versions(campaign, &list, &n, err);

    if (st == PZ_OK)
        st = pz_campaign_open_live(campaign, false, &live, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        struct pz_model *m = NULL;
        struct pz_version found;
        struct pz_err why = { 0 };

        highest = list[i];
        st = verify(campaign, list[i], &m, &found, &why);
        if (st == PZ_OK) {
            list[n_whole++] = list[i];
            st = mend_info(campaign, m, &found, live, log, err);
        } else if (is_no_verdict(st)) {
            if (err)
                *err = why;
        } else {
            pz_log(log, PZ_LOG_WARN, "%s", why.text);
            st = PZ_OK;
        }
        pz_model_free(m);
    }
    if (st == PZ_OK)
        st = mend_current(campaign, list, n_whole, highest, log, err);
    pz_live_close(live);
    free(list);
    return st;
}

enum pz_status pz_campaign_repair(const char *campaign, double wait_s, struct pz_log *log,
                                  struct pz_err *err)
{
    struct pz_lock *held = NULL;
    bool is;
    enum pz_status st = pz_campaign_is(campaign, &is, err);

    if (st == PZ_OK && !is)
        return pz_err_set(err, PZ_NO_INPUT, "%s is no campaign", campaign);
    if (st == PZ_OK)
        st = pz_layout_lock(campaign, wait_s, &held, err);
    if (st == PZ_OK)
        st = mend(campaign, log, err);
    pz_lock_free(held);
    return st;
}
