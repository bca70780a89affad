/* SPDX-License-Identifier: Apache-2.0 */
/* What is served under which names. A configuration file is a JSON object:
 *
 *     {
 *       "campaigns": {
 *         "home": {"path": "home.pzc", "trackingId": "shop", "dataset": "shop",
 *                  "maxTPS": 200, "minProvisionedTPS": 10}
 *       },
 *       "cors": ["https://shop.example"],
 *       "budgetMs": 500,
 *       ...
 *     }
 *
 * All members may be left out. A campaign's name is its folder's without .pzc, and that name is its
 * trackingId and dataset name too. Paths are relative to the configuration file. */
#ifndef PZ_SERVE_CONFIG_H
#define PZ_SERVE_CONFIG_H

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

struct pz_serve_campaign {
    char *name, *path, *tracker, *dataset; /* owned */
    double max_tps, min_tps;               /* 0: no limit; no promise */
};

struct pz_serve_config {
    struct pz_serve_campaign *campaign; /* [n] owned */
    size_t n, cap;
    char **origin; /* [n_origins] of CORS; owned */
    size_t n_origins, cap_origins;
    double budget_s;          /* a request that waited longer is refused */
    double request_timeout_s; /* to read one */
    double idle_timeout_s;    /* of a connection */
    double drain_s;           /* to finish after SIGTERM */
    double log_lag_s;         /* behind the log by more, a campaign is not ready */
    double slow_s;            /* slower ones are logged with their phases */
    double max_tps;           /* of all campaigns together; 0: no limit */
    unsigned queue;           /* requests waiting */
    unsigned connections, connections_per_ip;
    unsigned io_threads;
};

/* The defaults.
 *
 * Owner:   nothing yet; later pz_serve_config_clear
 * Threads: one */
void pz_serve_config_init(struct pz_serve_config *c);

/* Read a configuration file over the defaults.
 *
 * Errors:  PZ_NO_INPUT, PZ_IO it cannot be read; PZ_BAD_DATA no JSON, an unknown member ("did you
 *          mean"), or a value that it cannot have; PZ_TRY_AGAIN memory
 * Owner:   pz_serve_config_clear, also after a failure
 * Threads: one */
enum pz_status pz_serve_config_read(const char *path, struct pz_serve_config *c,
                                    struct pz_err *err);

/* Add a campaign's folder of a command line, unless a campaign of the file has that path.
 *
 * Errors:  PZ_USAGE another campaign has its name, or it gives no name; PZ_TRY_AGAIN memory
 * Threads: one */
enum pz_status pz_serve_config_add(struct pz_serve_config *c, const char *path, struct pz_err *err);

/* The configuration in force as a file that pz_serve_config_read takes.
 *
 * Owner:   json_decref; NULL: memory is out
 * Threads: one */
json_t *pz_serve_config_json(const struct pz_serve_config *c);

/* Free everything.
 *
 * Threads: one */
void pz_serve_config_clear(struct pz_serve_config *c);

#endif
