/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint, and what there is to know before one opens it.
 *
 *   serve  answers Personalize's runtime and events protocol; all of it is in lib/serve
 *   bench  how many questions a second this machine answers from a campaign
 *   cost   what happened by the ledgers, beside what Amazon would have charged for it */
#include <stdio.h>

#include "base/json.h"
#include "base/par.h"
#include "base/str.h"
#include "cmd/deploy/deploy.h"
#include "serve/bench.h"
#include "serve/cost.h"
#include "serve/server.h"

enum pz_status deploy_serve(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    const struct deploy_serve_cfg *cfg = config;
    const struct pz_serve_options o = { .listen = cfg->listen,
                                        .credentials = cfg->credentials,
                                        .no_auth = cfg->no_auth,
                                        .config = cfg->config,
                                        .access_log = cfg->access_log,
                                        .max_tps = cfg->max_tps,
                                        .workers = (unsigned)pz_par_threads(),
                                        .campaign = args->v,
                                        .n = args->n };

    return cfg->print_config ? pz_serve_print_config(&o, stdout, err) : pz_serve(&o, log, err);
}

/* ---- cost ---- */

static void print_cost(const struct pz_cost *c)
{
    double v1 = c->v1.ingestion + c->v1.training + c->v1.requests;
    double v2 = c->v2.ingestion + c->v2.training + c->v2.requests;

    printf("%-28s %14s %12s %12s\n", "what", "here", "Amazon, $", "its v2, $");
    printf("%-28s %11.3f GB %12.2f %12.2f\n", "ingested", c->gb, c->v1.ingestion, c->v2.ingestion);
    printf("%-28s %12.3f h %12.2f %12.2f\n", "training", c->training_hours, c->v1.training,
           c->v2.training);
    printf("%-28s %8.2f TPS-h %12.2f %12.2f\n", "requests, minimum included", c->tps_hours,
           c->v1.requests, c->v2.requests);
    printf("%-28s %14s %12.2f %12.2f\n", "sum", "", v1, v2);
    printf("%.0f requests, %.0f interactions trained on; rates of %s\n", c->requests,
           c->interactions, c->date);
}

enum pz_status deploy_cost(void *config, struct pz_strs *args, struct pz_log *log,
                           struct pz_err *err)
{
    const struct deploy_cost_cfg *cfg = config;
    const struct pz_cost_options o = {
        .path = args->v, .n = args->n, .min_tps = cfg->min_tps, .rates = cfg->rates
    };
    struct pz_cost c;
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = args->n > 0
                            ? pz_cost_read(&o, &c, err)
                            : pz_err_set(err, PZ_USAGE, "a ledger or an access log is needed");

    if (st == PZ_OK && c.unknown > 0)
        pz_log(log, PZ_LOG_WARN, "%llu of %llu lines are neither a run nor a request",
               (unsigned long long)c.unknown, (unsigned long long)c.lines);
    if (st == PZ_OK && cfg->common.json) {
        doc = pz_cost_json(&c);
        pz_json_dump(&text, doc, false);
        text.failed |= !doc;
        st = pz_cmd_print(&text, "the cost", err);
    } else if (st == PZ_OK) {
        print_cost(&c);
    }
    json_decref(doc);
    return st;
}

/* ---- bench ---- */

enum pz_status deploy_bench(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    const struct deploy_bench_cfg *cfg = config;
    struct pz_bench b = { .tps = 0 };
    enum pz_status st = deploy_need_campaign(args, 1, "CAMPAIGN", err);

    if (st == PZ_OK)
        st = pz_bench_run(args->v[0], cfg->seconds, &b, err);
    if (st != PZ_OK)
        return st;
    printf(cfg->common.json ? "{\"tps\":%.1f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"cpu_us\":%.0f,"
                              "\"questions\":%lu,\"threads\":%d}\n"
                            : "%.1f answers a second; one takes %.0f us (median), %.0f us (99 %%), "
                              "%.0f us of CPU; %lu asked on %d threads\n",
           b.tps, b.p50_s * 1e6, b.p99_s * 1e6, b.cpu_s * 1e6, b.questions, pz_par_threads());
    if (b.tps < cfg->min_tps)
        pz_log(log, PZ_LOG_WARN, "this machine does not sustain the minimum of %g a second here",
               cfg->min_tps);
    return PZ_OK;
}
