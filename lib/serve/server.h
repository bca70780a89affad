/* SPDX-License-Identifier: Apache-2.0 */
/* The real-time endpoint: campaigns served with Amazon Personalize's runtime and events
 * protocol. */
#ifndef PZ_SERVE_SERVER_H
#define PZ_SERVE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"

struct pz_serve_options {
    const char *listen;      /* HOST:PORT, or unix:PATH */
    const char *credentials; /* file of keys; NULL: --no-auth */
    bool no_auth;
    const char *config;          /* NULL: none */
    const char *access_log;      /* NULL: none; "-": standard output */
    double max_tps;              /* of all campaigns together; 0: as configured */
    unsigned workers;            /* threads that answer */
    const char *const *campaign; /* [n] folders */
    size_t n;
};

/* Serve until SIGTERM or SIGINT; requests at work are finished then. "listening on HOST:PORT" is
 * written to standard error when requests are taken. SIGHUP reads credentials anew and opens the
 * access log anew; a new version or setting of a campaign is taken over by itself.
 *
 * Errors:  PZ_USAGE neither credentials nor no_auth, no_auth beyond loopback, or an address that is
 *          none; PZ_NO_INPUT, PZ_BAD_DATA a campaign, configuration or credentials cannot be used;
 *          PZ_UNAVAILABLE the address is in use; PZ_TRY_AGAIN memory
 * Threads: one a process; signals are taken over while it runs */
enum pz_status pz_serve(const struct pz_serve_options *o, struct pz_log *talk, struct pz_err *err);

/* Write the configuration in force, as --config takes it.
 *
 * Errors:  as reading the configuration; PZ_TRY_AGAIN memory
 * Threads: one */
enum pz_status pz_serve_print_config(const struct pz_serve_options *o, FILE *out,
                                     struct pz_err *err);

#endif
