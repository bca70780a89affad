/* SPDX-License-Identifier: Apache-2.0 */
/* Faults: see fault.h. Names and statuses are those that Amazon's clients map to their exceptions;
 * the header x-amzn-ErrorType decides, the body repeats it.
 *
 * One table says both, so that a fault looks the same wherever it is given. Clients try again
 * after throttling and 5xx: what may pass by itself must be one of these, and what the request
 * itself causes must not, or it would be sent again and again. */
#include "serve/net/fault.h"

#include <stddef.h>

static const struct {
    const char *name;
    int status;
} faults[PZ_N_FAULTS] = {
    [PZ_FAULT_NONE] = { NULL, 200 },
    [PZ_FAULT_INVALID_INPUT] = { "InvalidInputException", 400 },
    [PZ_FAULT_NOT_FOUND] = { "ResourceNotFoundException", 404 },
    [PZ_FAULT_IN_USE] = { "ResourceInUseException", 409 },
    [PZ_FAULT_INVALID_TOKEN] = { "InvalidNextTokenException", 400 },
    [PZ_FAULT_THROTTLING] = { "ThrottlingException", 429 },
    [PZ_FAULT_UNAVAILABLE] = { "ServiceUnavailableException", 503 },
    [PZ_FAULT_INTERNAL] = { "InternalServerException", 500 },
    [PZ_FAULT_UNKNOWN_OPERATION] = { "UnknownOperationException", 404 },
    [PZ_FAULT_BAD_METHOD] = { "UnknownOperationException", 405 },
    [PZ_FAULT_BAD_REQUEST] = { "ValidationException", 400 },
    [PZ_FAULT_TOO_LARGE] = { "RequestEntityTooLargeException", 413 },
    [PZ_FAULT_HEADERS_TOO_LARGE] = { "ValidationException", 431 },
    [PZ_FAULT_NO_SIGNATURE] = { "MissingAuthenticationTokenException", 403 },
    [PZ_FAULT_UNKNOWN_KEY] = { "UnrecognizedClientException", 403 },
    [PZ_FAULT_INCOMPLETE_SIGNATURE] = { "IncompleteSignatureException", 403 },
    [PZ_FAULT_BAD_SIGNATURE] = { "InvalidSignatureException", 403 },
    [PZ_FAULT_ACCESS_DENIED] = { "AccessDeniedException", 403 },
};

const char *pz_fault_name(enum pz_fault fault)
{
    return faults[fault].name;
}

int pz_fault_status(enum pz_fault fault)
{
    return faults[fault].status;
}

enum pz_fault pz_fault_of(enum pz_status status)
{
    switch (status) {
    case PZ_OK:
        return PZ_FAULT_NONE;
    case PZ_USAGE:
    case PZ_BAD_DATA:
        return PZ_FAULT_INVALID_INPUT;
    case PZ_NO_INPUT:
        return PZ_FAULT_NOT_FOUND;
    case PZ_TRY_AGAIN:
    case PZ_UNAVAILABLE:
        return PZ_FAULT_UNAVAILABLE;
    default:
        return PZ_FAULT_INTERNAL;
    }
}
