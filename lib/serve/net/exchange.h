/* SPDX-License-Identifier: Apache-2.0 */
/* Private to serve/net/: the half of an exchange that only HTTP knows. */
#ifndef PZ_SERVE_NET_EXCHANGE_H
#define PZ_SERVE_NET_EXCHANGE_H

#include "serve/net/http.h"

struct pz_http_exchange {
    struct pz_connection *connection;
    struct pz_head head;
    struct pz_chunks chunks;
    struct pz_str out; /* the response's head */
    size_t sent;       /* bytes of head and body */
};

/* An exchange for a head of n bytes, which is read; head NULL: one that is too long. NULL: memory
 * is out.
 *
 * Owner:   the caller: pz_exchange_free
 * Threads: any */
struct pz_exchange *pz_exchange_new(const char *head, size_t n, size_t max_body);
void pz_exchange_free(struct pz_exchange *x);

/* Put the response's head into x->http->out; the body is as it is in x->resp. False: memory is
 * out.
 *
 * Threads: any, for the exchange it has */
bool pz_exchange_write_head(struct pz_exchange *x);

/* The response's body, *n bytes of it: none for HEAD.
 *
 * Owner:   the exchange
 * Threads: any, for the exchange it has */
const char *pz_exchange_body(const struct pz_exchange *x, size_t *n);

#endif
