/* SPDX-License-Identifier: Apache-2.0 */
/* How fresh a campaign is: see health.h. The backlog is counted from the first live event after
 * the version's live_seen; its age is that of the event itself, so that a queue that arrives
 * late shows as well as one that is not exported.
 *
 * Measuring and judging are apart: figures are the same for all who ask, limits are the
 * caller's. A limit has a warning and a critical bound, twice the warning unless it is given; an
 * age at its bound is still within it. */
#include "campaign/health.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "campaign/info.h"

const char *const pz_health_names[PZ_N_AGES] = { "data", "publication", "backlog" };

/* ---- limits ---- */

static enum pz_status bad_limit(const char *text, struct pz_err *err)
{
    return pz_err_set(err, PZ_USAGE,
                      "--max-age: \"%s\" is neither a duration (26h, 90m, 2d) nor a list like "
                      "data=26h,publication=8d,backlog=2h:6h",
                      text);
}

/* "26h" or "26h:50h" of n bytes. */
static bool read_limit(const char *s, size_t n, int64_t *warn, int64_t *critical)
{
    char text[64], *colon;

    if (n == 0 || n >= sizeof text)
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    colon = strchr(text, ':');
    if (colon)
        *colon = '\0';
    if (!pz_time_duration(text, warn) || *warn < 0 || *warn > INT64_MAX / 4)
        return false;
    *critical = 2 * *warn;
    return !colon || (pz_time_duration(colon + 1, critical) && *critical >= *warn);
}

/* One "NAME=LIMIT" of n bytes. */
static bool read_named(const char *s, size_t n, struct pz_health *h)
{
    for (int k = 0; k < PZ_N_AGES; k++) {
        size_t len = strlen(pz_health_names[k]);

        if (n > len && strncmp(s, pz_health_names[k], len) == 0 && s[len] == '=')
            return read_limit(s + len + 1, n - len - 1, &h->warn[k], &h->critical[k]);
    }
    return false;
}

enum pz_status pz_health_limits(const char *text, struct pz_health *h, struct pz_err *err)
{
    const char *all = text;

    memset(h, 0, sizeof *h);
    for (int k = 0; k < PZ_N_AGES; k++)
        h->warn[k] = h->critical[k] = INT64_MAX;
    if (text && !strchr(text, '=')) {
        if (!pz_time_duration(text, &h->warn[PZ_AGE_PUBLICATION]))
            return bad_limit(all, err);
        return PZ_OK;
    }
    while (text && *text) {
        size_t n = strcspn(text, ",");

        if (!read_named(text, n, h))
            return bad_limit(all, err);
        text += n + (text[n] == ',');
    }
    return PZ_OK;
}

/* ---- measuring ---- */

struct first {
    int64_t time;
    uint64_t n;
};

static enum pz_status meet(void *context, int pass, uint64_t number, const struct pz_event *event,
                           struct pz_err *err)
{
    struct first *f = context;

    (void)pass;
    (void)number;
    (void)err;
    if (f->n++ == 0)
        f->time = event->time;
    return PZ_OK;
}

static int64_t age_of(int64_t now, int64_t then)
{
    return then < now ? now - then : 0; /* a clock that went back makes nothing old */
}

enum pz_status pz_health_measure(const char *campaign, const struct pz_model *m,
                                 struct pz_version *v, struct pz_live_store *live,
                                 struct pz_health *h, struct pz_err *err)
{
    struct first f = { 0, 0 };
    int64_t now = pz_time_now();
    enum pz_status st = pz_info_check(campaign, v, live, err);

    if (st == PZ_OK && live)
        st = pz_live_each(live, v->live_seen, 1, meet, &f, err);
    h->age[PZ_AGE_DATA] = age_of(now, m->newest);
    h->age[PZ_AGE_PUBLICATION] = age_of(now, v->published);
    h->age[PZ_AGE_BACKLOG] = f.n > 0 ? age_of(now, f.time) : 0;
    h->backlog = f.n;
    return st;
}

/* ---- judging ---- */

enum pz_health_state pz_health_of(const struct pz_health *h, enum pz_health_kind kind)
{
    return h->age[kind] > h->critical[kind] ? PZ_HEALTH_CRITICAL
           : h->age[kind] > h->warn[kind]   ? PZ_HEALTH_WARNING
                                            : PZ_HEALTH_OK;
}

enum pz_health_state pz_health_worst(const struct pz_health *h)
{
    enum pz_health_state worst = PZ_HEALTH_OK;

    for (int k = 0; k < PZ_N_AGES; k++)
        if (pz_health_of(h, (enum pz_health_kind)k) > worst)
            worst = pz_health_of(h, (enum pz_health_kind)k);
    return worst;
}

void pz_health_explain(const struct pz_health *h, const struct pz_version *v, struct pz_str *out)
{
    for (int k = 0; k < PZ_N_AGES; k++) {
        enum pz_health_state state = pz_health_of(h, (enum pz_health_kind)k);
        double hours = (double)h->age[k] / 3600;
        int64_t limit = state == PZ_HEALTH_CRITICAL ? h->critical[k] : h->warn[k];

        if (state == PZ_HEALTH_OK)
            continue;
        pz_str_adds(out, out->len > 0 ? "; " : "");
        if (k == PZ_AGE_PUBLICATION)
            pz_str_addf(out, "version %u was published %.1f hours ago", v->number, hours);
        else if (k == PZ_AGE_DATA)
            pz_str_addf(out, "the newest interaction of version %u is %.1f hours old", v->number,
                        hours);
        else
            pz_str_addf(out,
                        "the oldest of %llu live events that it has not seen is %.1f hours old",
                        (unsigned long long)h->backlog, hours);
        if (limit % 3600 == 0)
            pz_str_addf(out, ", more than %lldh", (long long)(limit / 3600));
        else
            pz_str_addf(out, ", more than %llds", (long long)limit);
    }
}

/* A label's value: backslash, quote and newline are escaped. */
static void add_metric(struct pz_str *out, const char *name, const char *help, const char *campaign,
                       double value)
{
    pz_str_addf(out, "# HELP %s %s\n# TYPE %s gauge\n%s{campaign=\"", name, help, name, name);
    for (const char *p = campaign; *p; p++) {
        if (*p == '\\' || *p == '"')
            pz_str_addc(out, '\\');
        pz_str_adds(out, *p == '\n' ? "\\n" : "");
        if (*p != '\n')
            pz_str_addc(out, *p);
    }
    pz_str_adds(out, "\"} ");
    pz_str_add_double(out, value);
    pz_str_addc(out, '\n');
}

void pz_health_metrics(const struct pz_health *h, const char *campaign, const struct pz_model *m,
                       const struct pz_version *v, struct pz_str *out)
{
    const struct {
        const char *name, *help;
        double value;
    } metric[] = {
        { "pz_data_age_seconds", "Age of the newest interaction that the current model learned.",
          (double)h->age[PZ_AGE_DATA] },
        { "pz_publication_age_seconds", "Time since the current version was published.",
          (double)h->age[PZ_AGE_PUBLICATION] },
        { "pz_backlog_age_seconds", "Age of the oldest live event that the model has not seen.",
          (double)h->age[PZ_AGE_BACKLOG] },
        { "pz_backlog_events", "Live events that the model has not seen.", (double)h->backlog },
        { "pz_version", "Number of the current version.", v->number },
        { "pz_items", "Items of the current model.", m->items.n },
        { "pz_users", "Users of the current model.", m->users.n },
        { "pz_state", "0 ok, 1 warning, 2 critical.", (double)pz_health_worst(h) },
    };

    for (size_t i = 0; i < sizeof metric / sizeof *metric; i++)
        add_metric(out, metric[i].name, metric[i].help, campaign, metric[i].value);
}
