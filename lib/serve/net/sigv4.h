/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4: who sent a request, and that it was not altered on the way. */
#ifndef PZ_SERVE_NET_SIGV4_H
#define PZ_SERVE_NET_SIGV4_H

#include "serve/net/credentials.h"
#include "serve/net/http.h"

/* Check the signature of a request as it came.
 *
 * now   Unix seconds; the request's own time may differ from it by five minutes
 * *key  who signed it; NULL unless PZ_FAULT_NONE
 * Errors:  PZ_FAULT_NO_SIGNATURE unsigned; _INCOMPLETE_SIGNATURE not in the form; _UNKNOWN_KEY no
 *          such key, or not with this session token; _BAD_SIGNATURE altered, another secret, or too
 *          old ("Signature expired", after which clients correct their clock); err says it in words
 * Owner:   *key is borrowed from keys
 * Threads: any; keeps the last signing key of each thread */
enum pz_fault pz_sigv4_verify(const struct pz_http_request *req, const struct pz_credentials *keys,
                              int64_t now, const struct pz_key **key, struct pz_err *err);

/* The 64 hexadecimal digits of SHA-256 over n bytes into out, NUL behind them.
 *
 * Threads: any */
void pz_sigv4_digest(const void *bytes, size_t n, char out[65]);

#endif
