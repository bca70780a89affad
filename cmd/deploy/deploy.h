/* SPDX-License-Identifier: Apache-2.0 */
/* pz-deploy: what its option tables fill in, and the work of its subcommands, a file for each kind.
 * Each takes its configuration, the operands and the log, as struct pz_cmd says. */
#ifndef PZ_CMD_DEPLOY_H
#define PZ_CMD_DEPLOY_H

#include <stdbool.h>

#include "base/opt.h"

struct deploy_cfg {
    long long live_seen, rows_seen, keep, keep_weekly, to;
    const char *seen; /* of publish; NULL: the setting stays */
    double lock_wait;
    const char *max_age, *textfile, *ids;
    bool events, force, verify;
    struct pz_strs data;
    struct pz_common common;
};

struct deploy_serve_cfg {
    const char *listen, *credentials, *config, *access_log;
    double max_tps;
    bool no_auth, print_config;
    struct pz_common common;
};

struct deploy_log_cfg {
    double days;
    const char *drop;
    struct pz_common common;
};

struct deploy_pull_cfg {
    const char *with; /* NULL or "": the offer is a path */
    double delay, timeout;
    bool force;
    struct pz_common common;
};

struct deploy_cost_cfg {
    double min_tps;
    const char *rates;
    struct pz_common common;
};

struct deploy_bench_cfg {
    double seconds, min_tps;
    struct pz_common common;
};

/* What a command is to fetch. */
struct deploy_fetch {
    const char *with;   /* the command, as --with of pull says */
    const char *source; /* what it is to fetch */
    const char *file;   /* where to; what is there now is removed first */
    uint64_t bytes_max; /* that it may have; a little more, and the command is ended */
    double timeout_s;   /* after which it is ended, with what it started */
};

/* Fetch a file; fetch.c.
 * Errors: PZ_UNAVAILABLE the command failed, was late or wrote too much; PZ_INTERRUPTED; then there
 *         is no file. PZ_TRY_AGAIN memory or processes are out */
enum pz_status deploy_fetch(const struct deploy_fetch *f, struct pz_err *err);

/* Exactly n operands; what names them in the error. */
enum pz_status deploy_need(const struct pz_strs *args, size_t n, const char *what,
                           struct pz_err *err);

/* The same, and the first is no model and no dataset. */
enum pz_status deploy_need_campaign(const struct pz_strs *args, size_t n, const char *what,
                                    struct pz_err *err);

pz_cmd_run deploy_publish, deploy_list, deploy_rollback, deploy_gc, deploy_pin,
    deploy_unpin;                                       /* versions.c */
pz_cmd_run deploy_status;                               /* status.c */
pz_cmd_run deploy_check, deploy_repair, deploy_compact; /* upkeep.c */
pz_cmd_run deploy_set, deploy_unset;                    /* settings.c */
pz_cmd_run deploy_offer, deploy_pull;                   /* pull.c */
pz_cmd_run deploy_log;                                  /* log.c */
pz_cmd_run deploy_serve, deploy_cost, deploy_bench;     /* serve.c */

#endif
