/* SPDX-License-Identifier: Apache-2.0 */
/* Private to live/hosts/: libpq, loaded at the first use, so that pz needs it neither to be built
 * nor to run without a log. The functions are those of libpq.so.5, whose interface has stood since
 * PostgreSQL 8; their manual is chapter "libpq" of PostgreSQL's.
 *
 * Threads: any; a connection belongs to one thread at a time. */
#ifndef PZ_LIVE_LOG_PQ_H
#define PZ_LIVE_LOG_PQ_H

#include "base/err.h"

struct pg_conn;
struct pg_result;

enum { PZ_PQ_BAD = 1 };                         /* ConnStatusType CONNECTION_BAD */
enum { PZ_PQ_COMMAND_OK = 1, PZ_PQ_TUPLES_OK }; /* ExecStatusType */
enum { PZ_PQ_SQLSTATE = 'C' };                  /* PG_DIAG_SQLSTATE */

struct pz_pq {
    struct pg_conn *(*connectdbParams)(const char *const *keys, const char *const *values,
                                       int expand);
    void (*finish)(struct pg_conn *c);
    int (*status)(const struct pg_conn *c);
    char *(*errorMessage)(const struct pg_conn *c);
    int (*socket)(const struct pg_conn *c);
    int (*sendQuery)(struct pg_conn *c, const char *sql);
    int (*sendQueryParams)(struct pg_conn *c, const char *sql, int n, const unsigned *types,
                           const char *const *values, const int *lengths, const int *formats,
                           int binary);
    int (*sendPrepare)(struct pg_conn *c, const char *name, const char *sql, int n,
                       const unsigned *types);
    int (*sendQueryPrepared)(struct pg_conn *c, const char *name, int n, const char *const *values,
                             const int *lengths, const int *formats, int binary);
    int (*consumeInput)(struct pg_conn *c);
    int (*isBusy)(struct pg_conn *c);
    struct pg_result *(*getResult)(struct pg_conn *c);
    void *(*notifies)(struct pg_conn *c);
    void (*freemem)(void *p);
    int (*resultStatus)(const struct pg_result *r);
    char *(*resultErrorField)(const struct pg_result *r, int field);
    char *(*resultErrorMessage)(const struct pg_result *r);
    int (*ntuples)(const struct pg_result *r);
    char *(*getvalue)(const struct pg_result *r, int row, int column);
    int (*getlength)(const struct pg_result *r, int row, int column);
    int (*getisnull)(const struct pg_result *r, int row, int column);
    void (*clear)(struct pg_result *r);
};

/* The functions; NULL: the library is not there.
 *
 * Errors:  *err gets PZ_UNAVAILABLE and what to install
 * Owner:   the process, for ever
 * Threads: any */
const struct pz_pq *pz_pq_load(struct pz_err *err);

#endif
