/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: what every fallible function of the library returns, and the text that goes with it.
 *
 * The library never prints and never exits. A function returns PZ_OK or the status that the program
 * will exit with, and leaves one sentence for a person in the caller's struct pz_err: what went
 * wrong, where (file:line: column: value), and what to do.
 *
 * Threads: each has a struct pz_err of its own. */
#ifndef PZ_BASE_ERR_H
#define PZ_BASE_ERR_H

/* The values are the exit codes of the programs (sysexits.h numbers from 65 on). */
enum pz_status {
    PZ_OK = 0,
    PZ_NEGATIVE = 1,      /* a verdict, not a fault: a gate said no */
    PZ_USAGE = 2,         /* the command line is wrong */
    PZ_BAD_DATA = 65,     /* the input's content is wrong */
    PZ_NO_INPUT = 66,     /* an input cannot be opened */
    PZ_UNAVAILABLE = 69,  /* a service or a feature is not there */
    PZ_INTERNAL = 70,     /* a broken promise of our own */
    PZ_CANT_CREATE = 73,  /* an output cannot be made */
    PZ_IO = 74,           /* reading, writing or closing failed */
    PZ_TRY_AGAIN = 75,    /* out of memory, lock held: the same call may work later */
    PZ_INTERRUPTED = 130, /* SIGINT or SIGTERM asked for the end; nothing half-written is left */
    PZ_NO_ACCESS = 1066   /* an input is there for all we know, and cannot be looked at: PZ_NO_INPUT
                             to people and scripts, never absence to a caller */
};

struct pz_err {
    enum pz_status status;
    int cause;       /* errno of the call that failed; 0: none did */
    char text[1024]; /* one sentence, no newline, valid UTF-8 as far as its values are */
};

/* Record a failure and return its status, so that `return pz_err_set(err, PZ_IO, ...)` reads well.
 * err  NULL when the caller does not want the text. fmt as printf; longer texts are cut.
 * Errors: the status given; touches nothing but *err. */
enum pz_status pz_err_set(struct pz_err *err, enum pz_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The one map from errno to status: what passes by itself (no memory, no descriptor, no lock,
 * interrupted) is PZ_TRY_AGAIN, what the device does (EIO, EFBIG, a full disk while writing) is
 * PZ_IO, and anything else is as the caller says, who knows whether an input or an output was
 * meant; but an input is missing (PZ_NO_INPUT) by ENOENT, ENOTDIR and EISDIR alone, and
 * PZ_NO_ACCESS else.
 * Errors:  the status that it is
 * Threads: any */
enum pz_status pz_err_status(int errnum, enum pz_status otherwise);

/* As pz_err_set, with ": " and strerror(errnum) behind the text, and the status of pz_err_status.
 * Errors: the status that it recorded */
enum pz_status pz_err_errno(struct pz_err *err, enum pz_status status, int errnum, const char *fmt,
                            ...) __attribute__((format(printf, 4, 5)));

/* The failure of an allocation: PZ_TRY_AGAIN and "out of memory: <what> needs <bytes>", with what
 * is in use where a limit narrower than the machine holds (limits.h).
 * what  a noun for the person, e.g. "the item factors".
 * Errors: always PZ_TRY_AGAIN */
enum pz_status pz_err_memory(struct pz_err *err, const char *what, double bytes);

/* Put "prefix: " in front of the text already in err (to add a file name on the way up);
 * nothing when err is NULL. */
void pz_err_prefix(struct pz_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
