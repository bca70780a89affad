/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: a line of JSON a request. No secrets, no signatures, no user ids. */
#ifndef PZ_SERVE_ACCESS_LOG_H
#define PZ_SERVE_ACCESS_LOG_H

#include "base/err.h"
#include "serve/net/http.h"

struct pz_access_log;

/* Open for appending; path "-" is standard output.
 *
 * Errors:  PZ_CANT_CREATE it cannot be opened; PZ_TRY_AGAIN memory
 * Owner:   *out: pz_access_log_close
 * Threads: one */
enum pz_status pz_access_log_open(const char *path, struct pz_access_log **out, struct pz_err *err);

/* Write a request's line, whole or not at all: now, or with others before the next flush. NULL:
 * nothing.
 *
 * Threads: any */
void pz_access_log_write(struct pz_access_log *log, const struct pz_exchange *x);

/* Write the lines that wait; to be called a few times a second. NULL: nothing.
 *
 * Threads: any */
void pz_access_log_flush(struct pz_access_log *log);

/* Open the path anew, after it was renamed away. What cannot be opened leaves the old one.
 *
 * Threads: any */
void pz_access_log_reopen(struct pz_access_log *log);

/* Accepts NULL.
 *
 * Threads: one, last */
void pz_access_log_close(struct pz_access_log *log);

/* The members of a line, without braces and end, as a slow log has them too.
 *
 * Threads: any */
void pz_access_log_members(struct pz_str *out, const struct pz_exchange *x);

#endif
