/* SPDX-License-Identifier: Apache-2.0 */
/* Figures: see metrics.h. Prometheus text format 0.0.4: seconds, counters end in _total, buckets
 * are cumulative only when written.
 *
 * Counters and histograms are atomic; a lock, one a campaign, guards only the rows of versions and
 * the ring of the last seconds. A campaign keeps the rows of its newest versions: a new one takes
 * a free row, else the oldest version's. The ring has 64 seconds: throughput can be asked for less
 * than a minute back. */
#include "serve/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "serve/service.h"

static const double bounds[PZ_N_BUCKETS - 1] = { 1e-5,   2.5e-5, 5e-5,   1e-4, 2.5e-4,
                                                 5e-4,   1e-3,   2.5e-3, 5e-3, 1e-2,
                                                 2.5e-2, 5e-2,   0.1,    0.25, 1 };

/* Events come late by the clocks of phones and the batches of pipelines. */
static const double lag_bounds[PZ_N_BUCKETS - 1] = { 0.1,  1,     2,     5,      10,
                                                     30,   60,    300,   900,    3600,
                                                     7200, 21600, 86400, 604800, 2592000 };

void pz_histogram_add(struct pz_histogram *h, double seconds)
{
    const double *bound = h->bound ? h->bound : bounds;
    int b = 0;

    while (b < PZ_N_BUCKETS - 1 && seconds > bound[b])
        b++;
    /* Relaxed: a figure that is read may miss the last request, and orders nothing. */
    atomic_fetch_add_explicit(&h->bucket[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->n, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->nanoseconds, (uint64_t)(seconds > 0 ? seconds * 1e9 : 0),
                              memory_order_relaxed);
}

double pz_histogram_bound(int bucket)
{
    return bounds[bucket];
}

void pz_metrics_request(struct pz_metrics *m, enum pz_operation op, const struct pz_exchange *x)
{
    atomic_fetch_add_explicit(&m->requests[op][x->resp.fault], 1, memory_order_relaxed);
    pz_histogram_add(&m->duration[op], pz_time_clock() - x->started);
    for (int p = 0; p < PZ_N_PHASES; p++)
        if (x->phase[p] > 0)
            pz_histogram_add(&m->phase[p], x->phase[p]);
}

/* ---- campaigns ---- */

/* The version's row: its own, a free one, else the oldest version's. With the lock. */
static struct pz_version_counts *row_of(struct pz_campaign_counts *c, uint32_t version)
{
    struct pz_version_counts *row = &c->version[0];

    for (int i = 0; i < PZ_N_VERSIONS; i++) {
        if (c->version[i].version == version)
            return &c->version[i];
        if (c->version[i].version < row->version)
            row = &c->version[i];
    }
    *row = (struct pz_version_counts){ .version = version };
    return row;
}

void pz_metrics_answer(struct pz_campaign_counts *c, uint32_t version, const struct pz_answered *a)
{
    struct pz_version_counts *row;

    atomic_fetch_add(&c->answers, 1);
    atomic_fetch_add(&c->is_short, a->answer.is_short);
    atomic_fetch_add(&c->probed, a->answer.probed > 0);
    atomic_fetch_add(&c->unknown_users, !a->is_known);
    for (size_t i = 0; i < a->answer.n; i++)
        atomic_fetch_add_explicit(&c->source[a->answer.hit[i].source], 1, memory_order_relaxed);
    pthread_mutex_lock(&c->lock);
    row = row_of(c, version);
    row->answers++;
    row->items += a->answer.n;
    pthread_mutex_unlock(&c->lock);
}

void pz_metrics_init(struct pz_campaign_counts *c)
{
    pthread_mutex_init(&c->lock, NULL);
    c->lag.bound = lag_bounds;
}

/* Whether an id stands in a list with '|' between ids. */
static bool lists(const char *list, const char *id)
{
    size_t n = strlen(id);

    for (const char *at = list; at; at = strchr(at, '|')) {
        at += at != list;
        if (strncmp(at, id, n) == 0 && (at[n] == '|' || at[n] == '\0'))
            return true;
    }
    return false;
}

void pz_metrics_event(struct pz_campaign_counts *c, const struct pz_event *e, int64_t now)
{
    bool seen = e->impression && *e->impression;
    bool clicked = e->item_id &&
                   (seen ? lists(e->impression, e->item_id) : e->recommendation_id != NULL);
    uint32_t version;
    struct pz_version_counts *row;

    pz_histogram_add(&c->lag, (double)(now - e->time));
    atomic_fetch_add(&c->events, 1);
    atomic_fetch_add(&c->impressions, seen);
    atomic_fetch_add(&c->ignored, seen && !clicked);
    atomic_fetch_add(&c->clicks, clicked);
    if (!e->recommendation_id || !pz_rid_version(e->recommendation_id, &version))
        return;
    pthread_mutex_lock(&c->lock);
    row = row_of(c, version);
    row->clicks += clicked;
    row->impressions += seen;
    row->ignored += seen && !clicked;
    pthread_mutex_unlock(&c->lock);
}

void pz_metrics_versions(struct pz_campaign_counts *c, struct pz_version_counts *out)
{
    pthread_mutex_lock(&c->lock);
    memcpy(out, c->version, sizeof c->version);
    pthread_mutex_unlock(&c->lock);
}

void pz_metrics_tick(struct pz_campaign_counts *c, int64_t now)
{
    /* A second's place is taken over by the one 64 seconds later, which is told by second_of. */
    size_t i = (size_t)now % 64;

    pthread_mutex_lock(&c->lock);
    if (c->second_of[i] != now) {
        c->second_of[i] = now;
        c->second[i] = 0;
    }
    c->second[i]++;
    pthread_mutex_unlock(&c->lock);
}

double pz_metrics_tps(struct pz_campaign_counts *c, int64_t now, int seconds)
{
    uint64_t n = 0;

    pthread_mutex_lock(&c->lock);
    /* Whole seconds only: the current one has not ended. */
    for (int64_t t = now - seconds; t < now; t++)
        n += c->second_of[(size_t)t % 64] == t ? c->second[(size_t)t % 64] : 0;
    pthread_mutex_unlock(&c->lock);
    return (double)n / seconds;
}

/* ---- text ---- */

static void add_head(struct pz_str *out, const char *name, const char *type, const char *help)
{
    pz_str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_histogram(struct pz_str *out, const char *name, const char *label,
                          const char *value, struct pz_histogram *h)
{
    uint64_t sum = 0;

    if (atomic_load(&h->n) == 0)
        return;
    for (int b = 0; b < PZ_N_BUCKETS; b++) {
        char le[32] = "+Inf";

        if (b < PZ_N_BUCKETS - 1)
            snprintf(le, sizeof le, "%.7g", (h->bound ? h->bound : bounds)[b]);
        sum += atomic_load(&h->bucket[b]);
        pz_str_addf(out, "%s_bucket{%s=\"%s\",le=\"%s\"} %llu\n", name, label, value, le,
                    (unsigned long long)sum);
    }
    pz_str_addf(out, "%s_sum{%s=\"%s\"} %.9f\n%s_count{%s=\"%s\"} %llu\n", name, label, value,
                (double)atomic_load(&h->nanoseconds) * 1e-9, name, label, value,
                (unsigned long long)sum);
}

static const char *operation_name(int op)
{
    return op < PZ_N_OPERATIONS ? pz_wire_operations[op].name : "none";
}

static void add_requests(struct pz_str *out, struct pz_metrics *m)
{
    add_head(out, "pz_requests_total", "counter", "Requests answered, by operation and exception.");
    for (int op = 0; op <= PZ_N_OPERATIONS; op++)
        for (int f = 0; f < PZ_N_FAULTS; f++) {
            uint64_t n = atomic_load(&m->requests[op][f]);
            const char *fault = pz_fault_name((enum pz_fault)f);

            if (n > 0)
                pz_str_addf(out,
                            "pz_requests_total{operation=\"%s\",code=\"%d\",exception=\"%s\"} "
                            "%llu\n",
                            operation_name(op), pz_fault_status((enum pz_fault)f),
                            fault ? fault : "", (unsigned long long)n);
        }
}

void pz_metrics_write(struct pz_str *out, struct pz_metrics *m)
{
    add_requests(out, m);
    add_head(out, "pz_request_seconds", "histogram", "From a request's first line to its answer.");
    for (int op = 0; op <= PZ_N_OPERATIONS; op++)
        add_histogram(out, "pz_request_seconds", "operation", operation_name(op), &m->duration[op]);
    add_head(out, "pz_phase_seconds", "histogram", "Where the time of requests went.");
    for (int p = 0; p < PZ_N_PHASES; p++)
        add_histogram(out, "pz_phase_seconds", "phase", pz_phase_names[p], &m->phase[p]);
    add_head(out, "pz_shed_total", "counter", "Requests refused because they waited too long.");
    pz_str_addf(out, "pz_shed_total %llu\n", (unsigned long long)atomic_load(&m->shed));
    add_head(out, "pz_throttled_total", "counter", "Requests refused by a rate limit.");
    pz_str_addf(out, "pz_throttled_total %llu\n", (unsigned long long)atomic_load(&m->throttled));
    add_head(out, "pz_slow_total", "counter", "Requests slower than slowMs.");
    pz_str_addf(out, "pz_slow_total %llu\n", (unsigned long long)atomic_load(&m->slow));
}

/* ---- by campaign: a family must stand together, so campaigns are the inner loop ---- */

static void add_whats(struct pz_str *out, struct pz_served *k)
{
    struct pz_campaign_counts *c = &k->counts;
    const struct {
        const char *what;
        uint64_t n;
    } row[] = { { "answers", atomic_load(&c->answers) },
                { "short", atomic_load(&c->is_short) },
                { "probed", atomic_load(&c->probed) },
                { "unknown_users", atomic_load(&c->unknown_users) },
                { "events", atomic_load(&c->events) },
                { "repeats", atomic_load(&c->repeats) },
                { "id_conflicts", atomic_load(&c->conflicts) },
                { "rows", atomic_load(&c->rows) },
                { "impressions", atomic_load(&c->impressions) },
                { "impressions_without_click", atomic_load(&c->ignored) },
                { "clicks", atomic_load(&c->clicks) },
                { "reloads", atomic_load(&k->reloads) },
                { "reload_failures", atomic_load(&k->reload_failures) } };

    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        pz_str_addf(out, "pz_campaign_total{campaign=\"%s\",what=\"%s\"} %llu\n", k->cfg->name,
                    row[i].what, (unsigned long long)row[i].n);
}

static void add_sources(struct pz_str *out, struct pz_served *k)
{
    for (int o = 0; o <= PZ_ORIGIN_UNKNOWN; o++)
        pz_str_addf(out, "pz_items_total{campaign=\"%s\",source=\"%s\"} %llu\n", k->cfg->name,
                    pz_origin_name((enum pz_origin)o),
                    (unsigned long long)atomic_load(&k->counts.source[o]));
}

static void add_versions(struct pz_str *out, struct pz_served *k)
{
    struct pz_version_counts copy[PZ_N_VERSIONS];

    pz_metrics_versions(&k->counts, copy);
    for (int i = 0; i < PZ_N_VERSIONS; i++) {
        const struct pz_version_counts *v = &copy[i];
        const struct {
            const char *what;
            uint64_t n;
        } row[] = { { "answers", v->answers },
                    { "items", v->items },
                    { "clicks", v->clicks },
                    { "impressions", v->impressions },
                    { "impressions_without_click", v->ignored } };

        for (size_t r = 0; r < sizeof row / sizeof *row && v->version; r++)
            pz_str_addf(out, "pz_version_total{campaign=\"%s\",version=\"%u\",what=\"%s\"} %llu\n",
                        k->cfg->name, v->version, row[r].what, (unsigned long long)row[r].n);
    }
}

static void add_click_rates(struct pz_str *out, struct pz_served *k)
{
    struct pz_version_counts copy[PZ_N_VERSIONS];

    pz_metrics_versions(&k->counts, copy);
    for (int i = 0; i < PZ_N_VERSIONS; i++)
        if (copy[i].version && copy[i].answers > 0)
            pz_str_addf(out, "pz_click_rate{campaign=\"%s\",version=\"%u\"} %.6f\n", k->cfg->name,
                        copy[i].version, (double)copy[i].clicks / (double)copy[i].answers);
}

static void add_lag(struct pz_str *out, struct pz_served *k)
{
    add_histogram(out, "pz_event_lag_seconds", "campaign", k->cfg->name, &k->counts.lag);
}

static void add_tps(struct pz_str *out, struct pz_served *k)
{
    pz_str_addf(out, "pz_tps{campaign=\"%s\"} %.1f\n", k->cfg->name,
                pz_metrics_tps(&k->counts, pz_time_now(), 10));
}

static void add_age(struct pz_str *out, struct pz_served *k)
{
    pz_str_addf(out, "pz_view_age_seconds{campaign=\"%s\"} %.3f\n", k->cfg->name,
                pz_time_clock() - atomic_load(&k->refreshed));
}

static void add_rebuild(struct pz_str *out, struct pz_served *k)
{
    pz_str_addf(out, "pz_view_rebuild_seconds{campaign=\"%s\"} %.6f\n", k->cfg->name,
                atomic_load(&k->rebuild_s));
}

static void add_minimum(struct pz_str *out, struct pz_served *k)
{
    pz_str_addf(out, "pz_min_tps{campaign=\"%s\"} %g\n", k->cfg->name, k->cfg->min_tps);
}

static void add_live(struct pz_str *out, struct pz_served *k)
{
    struct pz_live_size size;

    if (!k->store || pz_live_count(k->store, &size, NULL) != PZ_OK)
        return;
    pz_str_addf(out,
                "pz_live{campaign=\"%s\",what=\"events\"} %llu\n"
                "pz_live{campaign=\"%s\",what=\"items\"} %llu\n"
                "pz_live{campaign=\"%s\",what=\"users\"} %llu\n"
                "pz_live{campaign=\"%s\",what=\"bytes\"} %llu\n"
                "pz_live{campaign=\"%s\",what=\"map_bytes\"} %llu\n",
                k->cfg->name, (unsigned long long)size.events, k->cfg->name,
                (unsigned long long)size.items, k->cfg->name, (unsigned long long)size.users,
                k->cfg->name, (unsigned long long)size.bytes, k->cfg->name,
                (unsigned long long)size.map_bytes);
}

static void add_commits(struct pz_str *out, struct pz_served *k)
{
    struct pz_commit_stats s;
    uint64_t sum = 0;

    if (!k->owns_commit)
        return;
    pz_commit_read(k->commit, &s);
    for (int b = 0; b < 16; b++)
        pz_str_addf(out, "pz_commit_entries_bucket{campaign=\"%s\",le=\"%d\"} %llu\n", k->cfg->name,
                    1 << b, (unsigned long long)(sum += s.size[b]));
    pz_str_addf(out,
                "pz_commit_entries_bucket{campaign=\"%s\",le=\"+Inf\"} %llu\n"
                "pz_commit_entries_sum{campaign=\"%s\"} %llu\n"
                "pz_commit_entries_count{campaign=\"%s\"} %llu\n",
                k->cfg->name, (unsigned long long)sum, k->cfg->name, (unsigned long long)s.entries,
                k->cfg->name, (unsigned long long)s.batches);
}

static void add_commit_times(struct pz_str *out, struct pz_served *k)
{
    struct pz_commit_stats s;

    if (!k->owns_commit)
        return;
    pz_commit_read(k->commit, &s);
    pz_str_addf(out,
                "pz_commit_seconds_sum{campaign=\"%s\"} %.6f\n"
                "pz_commit_seconds_count{campaign=\"%s\"} %llu\n",
                k->cfg->name, s.seconds, k->cfg->name, (unsigned long long)s.batches);
}

static void add_model(struct pz_str *out, struct pz_served *k)
{
    struct pz_snapshot *snap = pz_service_take(k->service);

    if (snap->view)
        pz_str_addf(out, "pz_model{campaign=\"%s\",version=\"%u\",model=\"%s\"} 1\n", k->cfg->name,
                    snap->version, snap->view->version.model);
    pz_snapshot_release(snap);
}

static void add_log(struct pz_str *out, struct pz_served *k)
{
    struct pz_follow_state f;

    if (!k->follow)
        return;
    pz_follow_read(k->follow, &f);
    pz_str_addf(out,
                "pz_log{campaign=\"%s\",what=\"connected\"} %d\n"
                "pz_log{campaign=\"%s\",what=\"lag_seconds\"} %.3f\n"
                "pz_log{campaign=\"%s\",what=\"number\"} %llu\n",
                k->cfg->name, f.connected, k->cfg->name, f.lag_s, k->cfg->name,
                (unsigned long long)f.applied);
}

static void add_log_counts(struct pz_str *out, struct pz_served *k)
{
    struct pz_follow_state f;

    if (!k->follow)
        return;
    pz_follow_read(k->follow, &f);
    pz_str_addf(out,
                "pz_log_total{campaign=\"%s\",what=\"reconnects\"} %llu\n"
                "pz_log_total{campaign=\"%s\",what=\"looks\"} %llu\n"
                "pz_log_total{campaign=\"%s\",what=\"unsure\"} %llu\n",
                k->cfg->name, (unsigned long long)f.reconnects, k->cfg->name,
                (unsigned long long)f.looks, k->cfg->name, (unsigned long long)f.unsure);
}

static void add_keys(struct pz_str *out, struct pz_server *s)
{
    struct pz_keyring *ring = atomic_load(&s->ring);

    add_head(out, "pz_key_throttled_total", "counter", "Requests refused by a rate limit, by key.");
    for (size_t i = 0; ring && i < ring->keys.n; i++) {
        pz_str_adds(out, "pz_key_throttled_total{key=");
        pz_json_add_string(out, ring->keys.key[i].id, strlen(ring->keys.key[i].id));
        pz_str_addf(out, "} %llu\n", (unsigned long long)atomic_load(&ring->throttled[i]));
    }
}

void pz_server_write_metrics(struct pz_str *out, struct pz_server *s)
{
    static const struct {
        const char *name, *type, *help;
        void (*add)(struct pz_str *out, struct pz_served *k);
    } family[] = {
        { "pz_campaign_total", "counter",
          "Answers, short lists, users nobody knows; events stored, repeats passed over, rows "
          "stored, impressions, of them without a click, clicks (on an item of an impression, or "
          "of an answer that the event names); new versions taken over.",
          add_whats },
        { "pz_items_total", "counter", "Items of answers by where they come from.", add_sources },
        { "pz_version_total", "counter", "Answers, items shown, clicks and impressions by version.",
          add_versions },
        { "pz_click_rate", "gauge", "Clicks for each answer, by version.", add_click_rates },
        { "pz_event_lag_seconds", "histogram", "From an event's own time to its storage.",
          add_lag },
        { "pz_tps", "gauge", "Requests a second over the last ten seconds.", add_tps },
        { "pz_min_tps", "gauge", "minProvisionedTPS.", add_minimum },
        { "pz_view_age_seconds", "gauge", "Since the campaign was last looked at for changes.",
          add_age },
        { "pz_view_rebuild_seconds", "gauge",
          "To open and warm what changed, the last time; answers went on meanwhile.", add_rebuild },
        { "pz_live", "gauge", "What the live store holds; bytes of its file, of its map.",
          add_live },
        { "pz_commit_entries", "histogram", "Events and rows of one durable transaction.",
          add_commits },
        { "pz_model", "gauge",
          "The version that answers and the fingerprint of its model, which is the same on all "
          "hosts "
          "that have it.",
          add_model },
        { "pz_log", "gauge",
          "The log of several hosts: whether it is reached, since when the store may lack "
          "something, "
          "the last number that it has.",
          add_log },
        { "pz_log_total", "counter",
          "Connections to the log after the first, looks into it, questions answered without.",
          add_log_counts },
        { "pz_commit_seconds", "summary", "Time of durable transactions.", add_commit_times },
    };

    pz_metrics_write(out, &s->metrics);
    for (size_t f = 0; f < sizeof family / sizeof *family; f++) {
        add_head(out, family[f].name, family[f].type, family[f].help);
        for (size_t i = 0; i < s->n_campaigns; i++)
            family[f].add(out, &s->campaign[i]);
    }
    add_keys(out, s);
    add_head(out, "pz_queue_length", "gauge", "Requests waiting.");
    pz_str_addf(out, "pz_queue_length %zu\n", pz_queue_length(s->queue));
    add_head(out, "pz_connections", "gauge", "Open connections.");
    pz_str_addf(out, "pz_connections %u\n", pz_http_connections(s->http));
}
