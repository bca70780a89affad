/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that may sign requests, from a file in the form of ~/.aws/credentials with two more words:
 *
 *     [shop-backend]
 *     aws_access_key_id = AKIDEXAMPLE
 *     aws_secret_access_key = wJalr...
 *     aws_session_token = ...            only for temporary keys
 *     allow = read, write                read: answers and descriptions; write: events and rows;
 *                                        without the line: both
 *     campaigns = home, related          without the line: all
 *     max_tps = 50                       requests a second; without the line: no limit */
#ifndef PZ_SERVE_NET_CREDENTIALS_H
#define PZ_SERVE_NET_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { PZ_MAY_READ = 1, PZ_MAY_WRITE = 2 };

struct pz_key {
    char *id, *secret;
    char *token;     /* NULL: none */
    unsigned rights; /* PZ_MAY_... */
    char *campaigns; /* names, blank between and around; NULL: all */
    double max_tps;  /* 0: no limit */
};

struct pz_credentials {
    struct pz_key *key; /* [n] owned */
    size_t n, cap;
};

/* Read a file that only its owner may read.
 *
 * Errors:  PZ_NO_INPUT it cannot be opened; PZ_BAD_DATA others may read or write it, it has no key,
 *          or a line is wrong (named, its values are not); PZ_TRY_AGAIN memory
 * Owner:   fills *out, also when it fails: pz_credentials_clear
 * Threads: any */
enum pz_status pz_credentials_read(const char *path, struct pz_credentials *out,
                                   struct pz_err *err);
void pz_credentials_clear(struct pz_credentials *c);

/* The key of that id of n bytes; NULL: there is none.
 *
 * Owner:   c
 * Threads: any */
const struct pz_key *pz_credentials_find(const struct pz_credentials *c, const char *id, size_t n);

/* Whether a key may do that (PZ_MAY_READ or _WRITE) with a campaign. key NULL: no keys are in use,
 * everything is allowed. campaign NULL: any one.
 *
 * Threads: any */
bool pz_key_may(const struct pz_key *key, unsigned right, const char *campaign);

#endif
