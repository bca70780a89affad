/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a campaign's settings: see set.h. What a value must be by itself is in settings.c; here
 * it is held against the campaign, before its lock is taken. */
#include "campaign/set.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "campaign/campaign.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "campaign/settings.h"

enum { FILTER_MAX = 1 << 16, NAME_MAX_BYTES = 63 };

static const struct pz_settable *find_setting(const char *name, struct pz_err *err)
{
    const char *names[16];
    struct pz_hint hint;
    size_t n = 0;

    for (; pz_settings_known[n].name; n++) {
        if (strcmp(pz_settings_known[n].name, name) == 0)
            return &pz_settings_known[n];
        names[n] = pz_settings_known[n].name;
    }
    hint = pz_str_hint("", name, names, n);
    pz_err_set(err, PZ_USAGE, "no setting \"%s\"%s", name,
               hint.text[0] ? hint.text : ", see pz-deploy(1)");
    return NULL;
}

/* The value that a text means for a setting. */
static enum pz_status make_value(const struct pz_settable *k, const char *text, json_t **value,
                                 struct pz_err *err)
{
    size_t n = strlen(text);
    double x = 0;
    long long i = 0;
    bool good = k->choices ? n > 0 && pz_str_is_utf8(text, n)
                : k->whole ? pz_str_to_i64(text, n, &i)
                           : pz_str_to_double(text, n, &x);

    *value = !good        ? NULL
             : k->choices ? json_string(text)
             : k->whole   ? json_integer(i)
                          : json_real(x);
    if (good && !*value)
        return pz_err_memory(err, "a setting", 100);
    if (good && pz_settings_fits(k, *value))
        return PZ_OK;
    json_decref(*value);
    *value = NULL;
    return k->choices
               ? pz_err_set(err, PZ_USAGE, "%s is %s%s, not \"%s\"", k->name,
                            *k->choices ? "one of " : "a text", k->choices, text)
               : pz_err_set(err, PZ_USAGE, "%s is a %snumber from %.10g to %.10g, not \"%s\"",
                            k->name, k->whole ? "whole " : "", k->min, k->max, text);
}

/* Another store than the one in use; it is made when it is missing, so that readers find it. Events
 * in the store that is left would not be seen any more, so there must be none. */
static enum pz_status check_live(const char *campaign, const char *value, struct pz_err *err)
{
    char now[PZ_PATH_BYTES], path[PZ_PATH_BYTES];
    struct pz_live_store *old = NULL, *live = NULL;
    struct pz_live_size size = { .events = 0 };
    enum pz_status st = pz_campaign_live_path(campaign, now, err);

    if (st == PZ_OK)
        st = pz_live_open(now, false, &old, err);
    if (st == PZ_OK && old)
        st = pz_live_count(old, &size, err);
    if (st == PZ_OK && *value == '/')
        snprintf(path, sizeof path, "%s", value);
    else if (st == PZ_OK)
        st = pz_layout_path(path, campaign, value, err);
    if (st == PZ_OK)
        st = pz_live_open(path, true, &live, err);
    if (st == PZ_OK && live != old && size.events + size.items + size.users + size.forgotten > 0)
        st = pz_err_set(err, PZ_USAGE,
                        "%s holds %llu events and rows that %s would see no more: move the folder "
                        "itself to where the store shall be, or let pz-deploy gc --events empty it",
                        now, (unsigned long long)size.events + size.items + size.users, campaign);
    pz_live_close(live);
    pz_live_close(old);
    return st;
}

/* A split is kept only if it is one, of a version that can be opened. */
static enum pz_status check_split(const char *campaign, json_t *value, struct pz_err *err)
{
    struct pz_settings s = { .doc = json_pack("{s:{s:O}}", "settings", "split", value) };
    struct pz_version version;
    struct pz_model *m = NULL;
    uint32_t number;
    double share;
    enum pz_status st = PZ_OK;

    if (!s.doc)
        st = pz_err_memory(err, "a setting", 100);
    else if (!pz_settings_split(&s, &number, &share))
        st = pz_err_set(err, PZ_USAGE, "split is written VERSION:PERCENT%%, as 2:10%%, not \"%s\"",
                        json_string_value(value));
    else
        st = pz_campaign_open_version(campaign, number, &m, &version, err);
    pz_model_free(m);
    pz_settings_clear(&s);
    return st;
}

enum pz_status pz_settings_set(const char *campaign, const char *name, const char *value,
                               double wait_s, struct pz_err *err)
{
    const struct pz_settable *known = find_setting(name, err);
    json_t *made = NULL;
    enum pz_status st = known ? PZ_OK : PZ_USAGE;

    if (st == PZ_OK && value)
        st = make_value(known, value, &made, err);
    if (st == PZ_OK && strcmp(name, "live") == 0)
        st = check_live(campaign, value ? value : "live", err);
    if (st == PZ_OK && value && strcmp(name, "split") == 0)
        st = check_split(campaign, made, err);
    if (st == PZ_OK)
        return pz_settings_edit(campaign, "settings", name, made, wait_s, err);
    json_decref(made);
    return st;
}

/* As names of Personalize: 1 to 63 letters, digits, '-' and '_', the first a letter or digit. */
static bool is_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    return n > 0 && n <= NAME_MAX_BYTES && name[n] == '\0' && isalnum((unsigned char)name[0]);
}

enum pz_status pz_settings_set_filter(const char *campaign, const char *name,
                                      const char *expression, double wait_s, struct pz_err *err)
{
    json_t *made = NULL;

    if (!is_name(name))
        return pz_err_set(
            err, PZ_USAGE,
            "\"%s\" is no name: 1 to 63 letters, digits, - and _, first a letter or digit", name);
    if (expression && (!*expression || strlen(expression) > FILTER_MAX ||
                       !pz_str_is_utf8(expression, strlen(expression))))
        return pz_err_set(err, PZ_USAGE, "a filter has 1 to %d bytes of UTF-8", FILTER_MAX);
    if (expression && !(made = json_string(expression)))
        return pz_err_memory(err, "a filter", 1e5);
    return pz_settings_edit(campaign, "filters", name, made, wait_s, err);
}
