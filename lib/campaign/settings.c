/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: see settings.h. The file: {"settings": {NAME: NUMBER or WORD}, "filters": {NAME:
 * TEXT}, "pins": {VERSION: true}, "bad": {FINGERPRINT of a model: VERSION}}; other members are
 * kept as they are.
 *
 * A file that cannot be read is an error everywhere, never "nothing is set": what is written
 * next would forget the rest. Changes are made under the campaign's lock, to what the file says
 * then. A value that cannot be set is refused when it is read, too. */
#include "campaign/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign/layout.h"

enum { FILE_MAX = 1 << 20 };

const struct pz_settable pz_settings_known[] = {
    { "num", NULL, 1, 1000000, true, "results wanted when a request does not say" },
    { "exploration-weight", NULL, 0, 1, false, "share of young items: 0 only relevance, 1 most" },
    { "exploration-age", NULL, 0.001, 100000, false, "days up to which an item is young" },
    { "probe", NULL, 0, 1, false, "share of the items whose vectors answers look at; 0: all" },
    { "seen", "exclude|keep|only|auto", 0, 0, false,
      "what happens to items of the user's history" },
    { "live", "", 0, 0, false, "folder of a live store that several campaigns share" },
    { "split", "", 0, 0, false,
      "VERSION:PERCENT%: another version answers that part of the users" },
    { NULL, NULL, 0, 0, false, NULL }
};

void pz_settings_clear(struct pz_settings *s)
{
    json_decref(s->doc);
    s->doc = NULL;
}

static bool is_choice(const char *choices, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
        if (n > 0 && strcspn(p, "|") == n && strncmp(p, word, n) == 0)
            return true;
    return false;
}

bool pz_settings_fits(const struct pz_settable *k, const json_t *value)
{
    double x = json_number_value(value);

    if (k->choices)
        return json_is_string(value) &&
               (!*k->choices || is_choice(k->choices, json_string_value(value)));
    return json_is_number(value) && x >= k->min && x <= k->max &&
           (!k->whole || json_is_integer(value));
}

/* What stands in the file must be what can be set: a setting that nothing can be made of would be
 * forgotten in silence. Names that this pz does not know are kept. */
static enum pz_status check_doc(const struct pz_settings *s, const char *path, struct pz_err *err)
{
    const json_t *settings = json_object_get(s->doc, "settings"),
                 *filters = json_object_get(s->doc, "filters");
    const char *key;
    json_t *value;

    if (!json_is_object(s->doc) || (settings && !json_is_object(settings)) ||
        (filters && !json_is_object(filters)))
        return pz_err_set(err, PZ_BAD_DATA, "%s: not what pz-deploy set writes", path);
    for (const struct pz_settable *k = pz_settings_known; k->name; k++) {
        value = json_object_get(settings, k->name);
        if (value && !pz_settings_fits(k, value))
            return pz_err_set(err, PZ_BAD_DATA,
                              "%s: \"%s\" has a value that it cannot have; set it again by "
                              "pz-deploy set",
                              path, k->name);
    }
    json_object_foreach (pz_json_lend(filters), key, value) {
        if (!json_is_string(value))
            return pz_err_set(err, PZ_BAD_DATA, "%s: filter \"%s\" is no text", path, key);
    }
    return PZ_OK;
}

/* As pz_settings_read, whatever it says: setting a value again is how a wrong one is mended. */
static enum pz_status read_doc(const char *campaign, char path[PZ_PATH_BYTES],
                               struct pz_settings *s, struct pz_err *err)
{
    char *text = NULL;
    size_t n;
    bool there = false;
    enum pz_status st = pz_layout_path(path, campaign, "campaign.json", err);

    s->doc = NULL;
    if (st == PZ_OK)
        st = pz_file_exists(path, &there, err);
    if (st == PZ_OK && !there)
        return PZ_OK;
    if (st == PZ_OK)
        st = pz_file_read(path, FILE_MAX, &text, &n, err);
    if (st == PZ_OK)
        st = pz_json_parse(text, n, path, &s->doc, err);
    if (st == PZ_OK && !json_is_object(s->doc))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: not a JSON object", path);
    free(text);
    return st;
}

enum pz_status pz_settings_read(const char *campaign, struct pz_settings *s, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    enum pz_status st = read_doc(campaign, path, s, err);

    return st == PZ_OK && s->doc ? check_doc(s, path, err) : st;
}

static const json_t *find(const struct pz_settings *s, const char *part, const char *name)
{
    return json_object_get(json_object_get(s->doc, part), name);
}

double pz_settings_number(const struct pz_settings *s, const char *name, double fallback)
{
    const json_t *value = find(s, "settings", name);

    return json_is_number(value) ? json_number_value(value) : fallback;
}

const char *pz_settings_word(const struct pz_settings *s, const char *name, const char *fallback)
{
    const char *value = json_string_value(find(s, "settings", name));

    return value ? value : fallback;
}

const char *pz_settings_filter(const struct pz_settings *s, const char *name)
{
    return json_string_value(find(s, "filters", name));
}

/* ---- setting ---- */

/* Put value under part.name, or remove it when NULL. Takes over the reference. */
static enum pz_status change(struct pz_settings *s, const char *part, const char *name,
                             json_t *value, struct pz_err *err)
{
    json_t *object;
    bool good = true;

    if (!value && !find(s, part, name))
        return pz_err_set(err, PZ_NO_INPUT, "nothing to remove: \"%s\" is not set", name);
    if (!s->doc && !(s->doc = json_object()))
        return pz_err_memory(err, "settings", 1e4);
    object = json_object_get(s->doc, part);
    if (!json_is_object(object)) {
        good = json_object_set_new(s->doc, part, json_object()) == 0;
        object = json_object_get(s->doc, part);
    }
    if (good)
        good = value ? json_object_set(object, name, value) == 0
                     : json_object_del(object, name) == 0;
    return good ? PZ_OK : pz_err_memory(err, "settings", 1e4);
}

static enum pz_status write_settings(const char *campaign, const struct pz_settings *s,
                                     struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_str text = { 0 };
    enum pz_status st = pz_layout_path(path, campaign, "campaign.json", err);

    pz_json_dump(&text, s->doc, true);
    if (st == PZ_OK)
        st = text.failed ? pz_err_memory(err, "settings", 1e4)
                         : pz_file_write(path, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

/* With the lock held. */
static enum pz_status edit_locked(const char *campaign, const char *part, const char *name,
                                  json_t *value, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_settings s = { NULL };
    enum pz_status st = read_doc(campaign, path, &s, err);

    if (st == PZ_OK)
        st = change(&s, part, name, value, err);
    if (st == PZ_OK)
        st = check_doc(&s, path, err);
    if (st == PZ_OK)
        st = write_settings(campaign, &s, err);
    pz_settings_clear(&s);
    return st;
}

enum pz_status pz_settings_edit(const char *campaign, const char *part, const char *name,
                                json_t *value, double wait_s, struct pz_err *err)
{
    struct pz_lock *held = NULL;
    struct pz_current c;
    enum pz_status st = pz_layout_need(campaign, &c, err);

    if (st == PZ_OK)
        st = pz_layout_lock(campaign, wait_s, &held, err);
    if (st == PZ_OK)
        st = edit_locked(campaign, part, name, value, err);
    pz_lock_free(held);
    json_decref(value);
    return st;
}

bool pz_settings_split(const struct pz_settings *s, uint32_t *version, double *share)
{
    const char *text = pz_settings_word(s, "split", ""), *colon = strchr(text, ':');
    size_t n = colon ? strlen(colon + 1) : 0;
    long long number;
    double percent;

    if (n < 2 || colon[n] != '%' || !pz_str_to_i64(text, (size_t)(colon - text), &number) ||
        number < 1 || number > UINT32_MAX || !pz_str_to_double(colon + 1, n - 1, &percent) ||
        !(percent >= 0 && percent <= 100))
        return false;
    *version = (uint32_t)number;
    *share = percent / 100;
    return true;
}

/* ---- pins and bad models ---- */

bool pz_settings_is_pinned(const struct pz_settings *s, uint32_t version)
{
    char name[16];
    uint32_t split;
    double share;

    snprintf(name, sizeof name, "%u", version);
    return find(s, "pins", name) != NULL ||
           (pz_settings_split(s, &split, &share) && split == version);
}

enum pz_status pz_settings_pin(const char *campaign, uint32_t version, bool pinned, double wait_s,
                               struct pz_err *err)
{
    char name[16];
    json_t *made = pinned ? json_true() : NULL;

    snprintf(name, sizeof name, "%u", version);
    return pz_settings_edit(campaign, "pins", name, made, wait_s, err);
}

uint32_t pz_settings_bad(const struct pz_settings *s, const char *fingerprint)
{
    json_int_t version = json_integer_value(find(s, "bad", fingerprint));

    return version > 0 && version < UINT32_MAX ? (uint32_t)version : 0;
}

enum pz_status pz_settings_mark(const char *campaign, const char *fingerprint, uint32_t version,
                                struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct pz_settings s = { NULL };
    json_t *made = NULL;
    enum pz_status st = read_doc(campaign, path, &s, err);
    bool is_marked = find(&s, "bad", fingerprint) != NULL;

    pz_settings_clear(&s);
    if (st != PZ_OK || is_marked == (version > 0))
        return st;
    if (version > 0 && !(made = json_integer(version)))
        return pz_err_memory(err, "settings", 1e3);
    st = edit_locked(campaign, "bad", fingerprint, made, err);
    json_decref(made);
    return st;
}
