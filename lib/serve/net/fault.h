/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with a request, as Amazon's clients know it: the name of an exception and an
 * HTTP status. */
#ifndef PZ_SERVE_NET_FAULT_H
#define PZ_SERVE_NET_FAULT_H

#include "base/err.h"

enum pz_fault {
    PZ_FAULT_NONE,
    PZ_FAULT_INVALID_INPUT,
    PZ_FAULT_NOT_FOUND,
    PZ_FAULT_IN_USE,
    PZ_FAULT_INVALID_TOKEN, /* of a list's next page */
    PZ_FAULT_THROTTLING,
    PZ_FAULT_UNAVAILABLE,
    PZ_FAULT_INTERNAL,
    PZ_FAULT_UNKNOWN_OPERATION,
    PZ_FAULT_BAD_METHOD,
    PZ_FAULT_BAD_REQUEST, /* HTTP itself; the connection closes */
    PZ_FAULT_TOO_LARGE,
    PZ_FAULT_HEADERS_TOO_LARGE,
    PZ_FAULT_NO_SIGNATURE,
    PZ_FAULT_UNKNOWN_KEY,
    PZ_FAULT_INCOMPLETE_SIGNATURE,
    PZ_FAULT_BAD_SIGNATURE,
    PZ_FAULT_ACCESS_DENIED,
    PZ_N_FAULTS
};

/* "InvalidInputException"; NULL for PZ_FAULT_NONE.
 *
 * Owner:   nobody: constants
 * Threads: any */
const char *pz_fault_name(enum pz_fault fault);

/* 400, 404, ...; 200 for PZ_FAULT_NONE.
 *
 * Threads: any */
int pz_fault_status(enum pz_fault fault);

/* What a status of the library is to a client: wrong input is the client's fault, a thing that is
 * not there is not found, what may work later is unavailable, all else is internal.
 *
 * Threads: any */
enum pz_fault pz_fault_of(enum pz_status status);

#endif
