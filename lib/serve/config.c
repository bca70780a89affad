/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: see config.h. Numbers come from one table, which reads, checks and writes them.
 *
 * Whatever the file says that is not understood is refused, with the nearest member that there is:
 * a misspelt limit would be no limit. Names may be what an ARN and a metric's label can hold. A
 * campaign of the command line that the file has under the same real path is that one and is not
 * added again; two of one name are refused. */
#include "serve/config.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { FILE_MAX = 1 << 20 };

/* A number of the file: what it is called, its unit in ours, default and bounds in the file's. */
static const struct number {
    const char *name;
    size_t offset;
    bool whole; /* unsigned; else double */
    double unit, def, min, max;
} numbers[] = {
    { "budgetMs", offsetof(struct pz_serve_config, budget_s), false, 1e-3, 500, 1, 60000 },
    { "requestTimeoutMs", offsetof(struct pz_serve_config, request_timeout_s), false, 1e-3, 10000,
      100, 600000 },
    { "idleTimeoutMs", offsetof(struct pz_serve_config, idle_timeout_s), false, 1e-3, 75000, 100,
      3600000 },
    { "drainMs", offsetof(struct pz_serve_config, drain_s), false, 1e-3, 20000, 0, 600000 },
    { "logLagMs", offsetof(struct pz_serve_config, log_lag_s), false, 1e-3, 30000, 2000, 3600000 },
    { "slowMs", offsetof(struct pz_serve_config, slow_s), false, 1e-3, 500, 0, 600000 },
    { "maxTPS", offsetof(struct pz_serve_config, max_tps), false, 1, 0, 0, 1e9 },
    { "queue", offsetof(struct pz_serve_config, queue), true, 1, 1024, 1, 1000000 },
    { "connections", offsetof(struct pz_serve_config, connections), true, 1, 8000, 1, 1000000 },
    { "connectionsPerAddress", offsetof(struct pz_serve_config, connections_per_ip), true, 1, 0, 0,
      1000000 },
    { "ioThreads", offsetof(struct pz_serve_config, io_threads), true, 1, 2, 1, 64 },
};

enum { N_NUMBERS = sizeof numbers / sizeof *numbers };

static void set_number(struct pz_serve_config *c, const struct number *n, double x)
{
    if (n->whole)
        *(unsigned *)(void *)((char *)c + n->offset) = (unsigned)x;
    else
        *(double *)(void *)((char *)c + n->offset) = x * n->unit;
}

void pz_serve_config_init(struct pz_serve_config *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < N_NUMBERS; i++)
        set_number(c, &numbers[i], numbers[i].def);
}

static void clear_campaign(struct pz_serve_campaign *k)
{
    free(k->name);
    free(k->path);
    free(k->tracker);
    free(k->dataset);
}

void pz_serve_config_clear(struct pz_serve_config *c)
{
    for (size_t i = 0; i < c->n; i++)
        clear_campaign(&c->campaign[i]);
    for (size_t i = 0; i < c->n_origins; i++)
        free(c->origin[i]);
    free(c->campaign);
    free(c->origin);
    memset(c, 0, sizeof *c);
}

static enum pz_status no_memory(struct pz_err *err)
{
    return pz_err_memory(err, "the configuration", 1e5);
}

/* ---- names ---- */

/* What may stand in an ARN and in a metric's label. */
static bool is_name(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > 63 || !isalnum((unsigned char)s[0]))
        return false;
    for (size_t i = 1; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
            return false;
    return true;
}

/* A folder's name without .pzc and what leads to it. */
static char *name_of(const char *path)
{
    size_t n = strlen(path), from;

    while (n > 1 && path[n - 1] == '/')
        n--;
    for (from = n; from > 0 && path[from - 1] != '/';)
        from--;
    if (n - from > 4 && strncmp(path + n - 4, ".pzc", 4) == 0)
        n -= 4;
    return pz_mem_strndup(path + from, n - from);
}

static enum pz_status add(struct pz_serve_config *c, struct pz_serve_campaign *k,
                          struct pz_err *err)
{
    if (!k->tracker)
        k->tracker = pz_mem_strndup(k->name, strlen(k->name));
    if (!k->dataset)
        k->dataset = pz_mem_strndup(k->name, strlen(k->name));
    if (!k->tracker || !k->dataset ||
        !pz_mem_grow(&c->campaign, &c->cap, c->n + 1, sizeof *c->campaign))
        return no_memory(err);
    c->campaign[c->n++] = *k;
    return PZ_OK;
}

enum pz_status pz_serve_config_add(struct pz_serve_config *c, const char *path, struct pz_err *err)
{
    struct pz_serve_campaign k = { .path = pz_mem_strndup(path, strlen(path)),
                                   .name = name_of(path) };
    enum pz_status st = k.path && k.name ? PZ_OK : no_memory(err);

    for (size_t i = 0; i < c->n && st == PZ_OK; i++) {
        char *a = realpath(path, NULL), *b = realpath(c->campaign[i].path, NULL);
        bool same = a && b && strcmp(a, b) == 0;

        free(a);
        free(b);
        if (same) {
            clear_campaign(&k);
            return PZ_OK;
        }
        if (strcmp(c->campaign[i].name, k.name) == 0)
            st = pz_err_set(err, PZ_USAGE,
                            "%s and %s are both called %s; give one another name by --config", path,
                            c->campaign[i].path, k.name);
    }
    if (st == PZ_OK && !is_name(k.name))
        st = pz_err_set(err, PZ_USAGE,
                        "%s gives no name of letters, digits, - and _; give it one by --config",
                        path);
    if (st == PZ_OK)
        st = add(c, &k, err);
    if (st != PZ_OK)
        clear_campaign(&k);
    return st;
}

/* ---- the file ---- */

static enum pz_status unknown(const char *where, const char *name, const char *const *known,
                              size_t n, struct pz_err *err)
{
    const char *near = pz_str_nearest(name, known, n);

    return pz_err_set(err, PZ_BAD_DATA, "%s has no member \"%s\"%s%s%s", where, name,
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static enum pz_status read_text(const json_t *value, const char *name, bool named, char **out,
                                struct pz_err *err)
{
    const char *s = json_string_value(value);

    if (!s || !*s || strlen(s) > 256 || (named && !is_name(s)))
        return pz_err_set(err, PZ_BAD_DATA, "%s: must be a %s", name,
                          named ? "name of letters, digits, -, _ and ." : "text");
    *out = pz_mem_strndup(s, strlen(s));
    return *out ? PZ_OK : no_memory(err);
}

static enum pz_status read_bounded(const json_t *value, const char *name, double min, double max,
                                   bool whole, double *out, struct pz_err *err)
{
    *out = json_number_value(value);
    if (!json_is_number(value) || *out < min || *out > max || (whole && floor(*out) != *out))
        return pz_err_set(err, PZ_BAD_DATA, "%s: must be a %snumber from %g to %g", name,
                          whole ? "whole " : "", min, max);
    return PZ_OK;
}

/* A path as seen from the configuration's folder. */
static char *join(const char *dir, const char *path)
{
    struct pz_str s = { 0 };

    pz_str_addf(&s, "%s%s%s", *path == '/' || strcmp(dir, ".") == 0 ? "" : dir,
                *path == '/' || strcmp(dir, ".") == 0 ? "" : "/", path);
    if (s.failed)
        pz_str_clear(&s);
    return s.data;
}

static enum pz_status read_member(struct pz_serve_campaign *k, const char *dir, const char *key,
                                  const json_t *value, struct pz_err *err)
{
    static const char *const known[] = { "path", "trackingId", "dataset", "maxTPS",
                                         "minProvisionedTPS" };
    char *path = NULL;
    enum pz_status st;

    if (strcmp(key, "trackingId") == 0)
        return read_text(value, key, false, &k->tracker, err);
    if (strcmp(key, "dataset") == 0)
        return read_text(value, key, true, &k->dataset, err);
    if (strcmp(key, "maxTPS") == 0)
        return read_bounded(value, key, 0, 1e9, false, &k->max_tps, err);
    if (strcmp(key, "minProvisionedTPS") == 0)
        return read_bounded(value, key, 0, 1e9, false, &k->min_tps, err);
    if (strcmp(key, "path") != 0)
        return unknown("a campaign", key, known, sizeof known / sizeof *known, err);
    st = read_text(value, key, false, &path, err);
    if (st == PZ_OK && !(k->path = join(dir, path)))
        st = no_memory(err);
    free(path);
    return st;
}

static enum pz_status read_campaign(struct pz_serve_config *c, const char *dir, const char *name,
                                    const json_t *object, struct pz_err *err)
{
    struct pz_serve_campaign k = { .name = pz_mem_strndup(name, strlen(name)) };
    enum pz_status st =
        !k.name ? no_memory(err)
        : is_name(name) && json_is_object(object)
            ? PZ_OK
            : pz_err_set(err, PZ_BAD_DATA,
                         "must be an object, and its name letters, digits, - and _");
    const char *key;
    json_t *value;

    json_object_foreach (pz_json_lend(object), key, value)
        if (st == PZ_OK)
            st = read_member(&k, dir, key, value, err);
    if (st == PZ_OK && !k.path)
        st = pz_err_set(err, PZ_BAD_DATA, "path: is missing");
    if (st == PZ_OK)
        st = add(c, &k, err);
    if (st != PZ_OK) {
        pz_err_prefix(err, "campaigns: %.63s", name);
        clear_campaign(&k);
    }
    return st;
}

static enum pz_status read_origins(struct pz_serve_config *c, const json_t *list,
                                   struct pz_err *err)
{
    enum pz_status st = PZ_OK;
    const json_t *one;
    size_t i;

    if (!json_is_array(list))
        return pz_err_set(err, PZ_BAD_DATA, "cors: must be a list of origins");
    json_array_foreach (list, i, one) {
        char *origin = NULL;

        if (st == PZ_OK)
            st = read_text(one, "cors", false, &origin, err);
        if (st == PZ_OK &&
            !pz_mem_grow(&c->origin, &c->cap_origins, c->n_origins + 1, sizeof *c->origin))
            st = no_memory(err);
        if (st == PZ_OK)
            c->origin[c->n_origins++] = origin;
        else
            free(origin);
    }
    return st;
}

static enum pz_status read_campaigns(struct pz_serve_config *c, const char *dir,
                                     const json_t *object, struct pz_err *err)
{
    enum pz_status st = json_is_object(object)
                            ? PZ_OK
                            : pz_err_set(err, PZ_BAD_DATA, "campaigns: must be an object");
    const char *name;
    json_t *one;

    json_object_foreach (pz_json_lend(object), name, one)
        if (st == PZ_OK)
            st = read_campaign(c, dir, name, one, err);
    return st;
}

static enum pz_status read_top(struct pz_serve_config *c, const char *dir, const char *key,
                               const json_t *value, struct pz_err *err)
{
    const char *known[N_NUMBERS + 2] = { "campaigns", "cors" };
    double x;

    if (strcmp(key, "campaigns") == 0)
        return read_campaigns(c, dir, value, err);
    if (strcmp(key, "cors") == 0)
        return read_origins(c, value, err);
    for (int i = 0; i < N_NUMBERS; i++) {
        const struct number *n = &numbers[i];

        known[i + 2] = n->name;
        if (strcmp(key, n->name) != 0)
            continue;
        if (read_bounded(value, key, n->min, n->max, n->whole, &x, err) != PZ_OK)
            return PZ_BAD_DATA;
        set_number(c, n, x);
        return PZ_OK;
    }
    return unknown("the configuration", key, known, N_NUMBERS + 2, err);
}

enum pz_status pz_serve_config_read(const char *path, struct pz_serve_config *c, struct pz_err *err)
{
    char *data = NULL, dir[PATH_MAX];
    size_t n = 0;
    json_t *doc = NULL, *value;
    const char *key;
    enum pz_status st = pz_file_read(path, FILE_MAX, &data, &n, err);

    if (st != PZ_OK)
        return st;
    if (!pz_file_dirname(path, dir, sizeof dir))
        st = pz_err_set(err, PZ_NO_INPUT, "the name is too long");
    if (st == PZ_OK)
        st = pz_json_parse(data, n, "JSON", &doc, err);
    if (st == PZ_OK && !json_is_object(doc))
        st = pz_err_set(err, PZ_BAD_DATA, "a JSON object is expected");
    json_object_foreach (doc, key, value)
        if (st == PZ_OK)
            st = read_top(c, dir, key, value, err);
    if (st != PZ_OK)
        pz_err_prefix(err, "%s", path);
    json_decref(doc);
    free(data);
    return st;
}

/* ---- showing ---- */

static json_t *campaign_json(const struct pz_serve_campaign *k)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:f}", "path", k->path, "trackingId", k->tracker,
                     "dataset", k->dataset, "maxTPS", k->max_tps, "minProvisionedTPS", k->min_tps);
}

json_t *pz_serve_config_json(const struct pz_serve_config *c)
{
    json_t *doc = json_object(), *campaigns = json_object(), *cors = json_array();

    for (size_t i = 0; i < c->n; i++)
        json_object_set_new(campaigns, c->campaign[i].name, campaign_json(&c->campaign[i]));
    for (size_t i = 0; i < c->n_origins; i++)
        json_array_append_new(cors, json_string(c->origin[i]));
    json_object_set_new(doc, "campaigns", campaigns);
    json_object_set_new(doc, "cors", cors);
    for (int i = 0; i < N_NUMBERS; i++) {
        const void *field = (const char *)c + numbers[i].offset;
        double x = numbers[i].whole ? *(const unsigned *)field : *(const double *)field;

        json_object_set_new(doc, numbers[i].name, json_real(x / numbers[i].unit));
    }
    return doc;
}
