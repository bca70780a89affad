/* SPDX-License-Identifier: Apache-2.0 */
/* Cost: see cost.h. Two kinds of lines are known by their members: a run of a program ("program")
 * and a request ("operation"). Throughput is billed by campaign and window of five minutes: the
 * larger of the minimum and the mean of the window, from the first window to the last that the log
 * has of the campaign, quiet ones included; refused requests count for nothing.
 *
 * Prices are those of rates.json, which is built into the program with its date: Amazon's as third
 * parties transcribed them, so a file of the same form can stand in their place. Lines of neither
 * kind are counted as unknown, never guessed at. */
#include "serve/cost.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "text/rows.h"

/* As it lies in the source tree: a price can be looked up and changed without C. */
PZ_EMBED(pz_cost_rates, "lib/serve/rates.json");

enum { WINDOW_S = 300, RATES_MAX = 1 << 16 };

/* Requests of one campaign, by window. */
struct meter {
    char *campaign; /* owned */
    int64_t first;  /* number of the first window */
    uint32_t *n;    /* [n_windows] */
    size_t n_windows, cap;
};

struct meters {
    struct meter *v;
    size_t n, cap;
};

static void clear(struct meters *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->v[i].campaign);
        free(m->v[i].n);
    }
    free(m->v);
}

static enum pz_status no_memory(struct pz_err *err)
{
    return pz_err_memory(err, "requests by window", 1e6);
}

static struct meter *find(struct meters *m, const char *campaign, int64_t window)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].campaign, campaign) == 0)
            return &m->v[i];
    if (!pz_mem_grow(&m->v, &m->cap, m->n + 1, sizeof *m->v))
        return NULL;
    m->v[m->n] = (struct meter){ .campaign = pz_mem_strndup(campaign, strlen(campaign)),
                                 .first = window };
    return m->v[m->n].campaign ? &m->v[m->n++] : NULL;
}

/* Logs are in order but for the requests of a moment, which may be a window early. */
static enum pz_status count_request(struct meters *m, const char *campaign, int64_t time,
                                    struct pz_err *err)
{
    /* Windows are those of the clock, so that two logs of one campaign can be read one after the
     * other. */
    int64_t window = time / WINDOW_S;
    struct meter *k = find(m, campaign, window);
    size_t at = k && window > k->first ? (size_t)(window - k->first) : 0;

    /* Ten years of windows: a time beyond is a damaged line, and would ask for the memory to hold
     * it. */
    if (!k || at > 12 * 24 * 3660 || !pz_mem_grow(&k->n, &k->cap, at + 1, sizeof *k->n))
        return no_memory(err);
    while (k->n_windows <= at)
        k->n[k->n_windows++] = 0;
    k->n[at]++;
    return PZ_OK;
}

/* ---- lines ---- */

static double number(const json_t *line, const char *name)
{
    return json_number_value(json_object_get(line, name));
}

static void take_run(const json_t *line, const char *program, struct pz_cost *c)
{
    if (strcmp(program, "pz-import") == 0)
        c->gb += number(line, "bytes_in") / 1e9;
    if (strcmp(program, "pz-train") != 0)
        return;
    c->training_hours += number(line, "wall_seconds") / 3600;
    c->interactions += number(line, "rows_in");
}

static enum pz_status take_request(const json_t *line, const char *operation, struct meters *m,
                                   struct pz_cost *c, struct pz_err *err)
{
    const char *campaign = json_string_value(json_object_get(line, "campaign"));
    const char *when = json_string_value(json_object_get(line, "time"));
    int64_t time = 0;

    if (number(line, "status") != 200 || !campaign || !when ||
        !pz_time_parse(when, strlen(when), PZ_TIME_ISO8601, &time))
        return PZ_OK;
    if (strncmp(operation, "Put", 3) == 0)
        c->gb += number(line, "in") / 1e9;
    if (strcmp(operation, "GetRecommendations") != 0 &&
        strcmp(operation, "GetPersonalizedRanking") != 0)
        return PZ_OK;
    c->requests++;
    return count_request(m, campaign, time, err);
}

static enum pz_status take_line(const json_t *line, struct meters *m, struct pz_cost *c,
                                struct pz_err *err)
{
    const char *program = json_string_value(json_object_get(line, "program"));
    const char *operation = json_string_value(json_object_get(line, "operation"));

    c->lines++;
    if (operation)
        return take_request(line, operation, m, c, err);
    if (program)
        take_run(line, program, c);
    else if (!json_object_get(line, "path")) /* requests beside operations: health, metrics */
        c->unknown++;
    return PZ_OK;
}

static enum pz_status read_file(const char *path, struct meters *m, struct pz_cost *c,
                                struct pz_err *err)
{
    struct pz_rows_in *in = NULL;
    struct pz_row row = { 0 };
    enum pz_status st = pz_rows_open(path, NULL, &in, err);

    if (st == PZ_OK && !pz_rows_is_json(in))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: JSON Lines are expected", path);
    while (st == PZ_OK && !row.end) {
        st = pz_rows_next(in, &row, err);
        if (st != PZ_OK || row.end)
            continue;
        st = row.json && !row.bad ? take_line(row.json, m, c, err)
                                  : pz_err_set(err, PZ_BAD_DATA, "no JSON object");
        if (st != PZ_OK)
            pz_err_prefix(err, "%s:%llu", path, (unsigned long long)row.line);
    }
    pz_rows_close(in);
    return st;
}

/* ---- prices ---- */

static void add_windows(const struct meters *m, double min_tps, struct pz_cost *c)
{
    for (size_t i = 0; i < m->n; i++)
        for (size_t w = 0; w < m->v[i].n_windows; w++) {
            double tps = (double)m->v[i].n[w] / WINDOW_S;

            /* Personalize bills the provisioned minimum even when nothing is asked. */
            c->tps_hours += fmax(tps, min_tps) * WINDOW_S / 3600;
        }
    c->billed = c->tps_hours * 3600;
}

/* Tiers: [[how many at that price, price of a thousand], ...]; false: not in that form. */
static bool price_requests(const json_t *tiers, double n, double *dollars)
{
    const json_t *tier;
    size_t i;

    *dollars = 0;
    json_array_foreach (tiers, i, tier) {
        double most = json_number_value(json_array_get(tier, 0)), in_it = fmin(n, most);

        if (json_array_size(tier) != 2 || most <= 0)
            return false;
        *dollars += in_it / 1000 * json_number_value(json_array_get(tier, 1));
        n -= in_it;
    }
    return json_array_size(tiers) > 0;
}

static enum pz_status price(const json_t *rates, struct pz_cost *c, struct pz_err *err)
{
    const char *date = json_string_value(json_object_get(rates, "date"));

    if (!date ||
        !price_requests(json_object_get(rates, "requests_per_1000"), c->billed, &c->v1.requests))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "the rates need \"date\" and \"requests_per_1000\": [[MOST, DOLLARS], ...]");
    snprintf(c->date, sizeof c->date, "%s", date);
    c->v1.ingestion = c->v2.ingestion = c->gb * number(rates, "ingestion_per_gb");
    c->v1.training = c->training_hours * number(rates, "training_per_hour");
    c->v2.training = c->interactions / 1000 * number(rates, "v2_training_per_1000_interactions");
    c->v2.requests = c->billed / 1000 * number(rates, "v2_requests_per_1000");
    return PZ_OK;
}

/* The rates of a file, or, path NULL, those in the program. */
static enum pz_status read_rates(const char *path, json_t **rates, struct pz_err *err)
{
    char *text = NULL;
    size_t n = (size_t)((uintptr_t)pz_cost_rates_end - (uintptr_t)pz_cost_rates);
    enum pz_status st = path ? pz_file_read(path, RATES_MAX, &text, &n, err) : PZ_OK;

    if (st == PZ_OK)
        st = pz_json_parse(text ? text : pz_cost_rates, n, path ? path : "rates", rates, err);
    free(text);
    return st;
}

enum pz_status pz_cost_of_training(double interactions, double *dollars, char date[32],
                                   struct pz_err *err)
{
    struct pz_cost c = { .interactions = interactions };
    json_t *rates = NULL;
    enum pz_status st = read_rates(NULL, &rates, err);

    if (st == PZ_OK)
        st = price(rates, &c, err);
    json_decref(rates);
    *dollars = c.v2.training;
    memcpy(date, c.date, sizeof c.date);
    return st;
}

enum pz_status pz_cost_read(const struct pz_cost_options *o, struct pz_cost *out,
                            struct pz_err *err)
{
    struct meters meters = { 0 };
    json_t *rates = NULL;
    enum pz_status st;

    memset(out, 0, sizeof *out);
    st = read_rates(o->rates, &rates, err);
    for (size_t i = 0; i < o->n && st == PZ_OK; i++)
        st = read_file(o->path[i], &meters, out, err);
    if (st == PZ_OK) {
        add_windows(&meters, o->min_tps, out);
        st = price(rates, out, err);
    }
    json_decref(rates);
    clear(&meters);
    return st;
}

json_t *pz_cost_json(const struct pz_cost *c)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:s, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f}}",
                     "ingested_gb", c->gb, "training_hours", c->training_hours, "interactions",
                     c->interactions, "requests", c->requests, "tps_hours", c->tps_hours,
                     "rates_of", c->date, "amazon", "ingestion", c->v1.ingestion, "training",
                     c->v1.training, "requests", c->v1.requests, "amazon_v2", "ingestion",
                     c->v2.ingestion, "training", c->v2.training, "requests", c->v2.requests);
}
