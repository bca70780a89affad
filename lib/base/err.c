/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: see err.h. A status says what a caller or script can do about a failure (its values are
 * those of sysexits.h), the text what a person has to know.
 *
 * Invariants:
 * 1. Nothing here allocates or fails: texts are cut at the end of a struct pz_err, so that running
 *      out of memory can be reported like anything else.
 *   2. err may be NULL everywhere: the status alone is then the answer.
 *   3. What may work later is PZ_TRY_AGAIN wherever it is met, so that a scheduled job can tell a
 *      machine that is short of something from data that are wrong.
 * / */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

__attribute__((format(printf, 2, 0))) static void format_text(struct pz_err *err, const char *fmt,
                                                              va_list args)
{
    if (vsnprintf(err->text, sizeof err->text, fmt, args) < 0)
        err->text[0] = '\0';
}

/* snprintf cuts a text that is too long, and terminates it. */
static void append_text(struct pz_err *err, const char *tail)
{
    size_t used = strlen(err->text);

    snprintf(err->text + used, sizeof err->text - used, "%s", tail);
}

enum pz_status pz_err_set(struct pz_err *err, enum pz_status status, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return status;
    err->status = status;
    err->cause = 0;
    va_start(args, fmt);
    format_text(err, fmt, args);
    va_end(args);
    return status;
}

/* ENOSPC stays a failure to create where nothing was written yet. */
enum pz_status pz_err_status(int errnum, enum pz_status otherwise)
{
    switch (errnum) {
    case ENOMEM:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOLCK:
    case ENOBUFS:
    case EINTR:
    case EBUSY:
    case EDEADLK:
    case ETXTBSY:
    case ETIMEDOUT:
        return PZ_TRY_AGAIN;
    case EIO:
    case ESTALE:
    case EFBIG:
        return PZ_IO;
    case ENOSPC:
    case EDQUOT:
        return otherwise == PZ_CANT_CREATE ? PZ_CANT_CREATE : PZ_IO;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
        return otherwise;
    default:
        return otherwise == PZ_NO_INPUT ? PZ_NO_ACCESS : otherwise;
    }
}

enum pz_status pz_err_errno(struct pz_err *err, enum pz_status status, int errnum, const char *fmt,
                            ...)
{
    char buf[128];
    va_list args;

    status = pz_err_status(errnum, status);
    if (!err)
        return status;
    err->status = status;
    err->cause = errnum;
    va_start(args, fmt);
    format_text(err, fmt, args);
    va_end(args);
    append_text(err, ": ");
    append_text(err, strerror_r(errnum, buf, sizeof buf)); /* GNU's, as _GNU_SOURCE promises */
    return status;
}

enum pz_status pz_err_memory(struct pz_err *err, const char *what, double bytes)
{
    char limit[192];

    pz_limits_describe(bytes, limit, sizeof limit);
    return pz_err_set(err, PZ_TRY_AGAIN, "out of memory: %s needs %.1f MB%s", what, bytes / 1e6,
                      limit);
}

void pz_err_prefix(struct pz_err *err, const char *fmt, ...)
{
    char prefix[sizeof err->text];
    char rest[sizeof err->text];
    va_list args;

    if (!err)
        return;
    va_start(args, fmt);
    if (vsnprintf(prefix, sizeof prefix, fmt, args) < 0)
        prefix[0] = '\0';
    va_end(args);
    /* The prefix may itself be made of err->text, so both are copied before anything is
     * overwritten. */
    memcpy(rest, err->text, sizeof rest);
    err->text[0] = '\0';
    append_text(err, prefix);
    append_text(err, ": ");
    append_text(err, rest);
}
