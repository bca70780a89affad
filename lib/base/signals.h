/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: being asked to stop, and crashes on files that are mapped into memory. */
#ifndef PZ_BASE_SIGNALS_H
#define PZ_BASE_SIGNALS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

/* Set the handlers of the process: SIGINT and SIGTERM ask for the end, SIGXFSZ and SIGPIPE become
 * errors of the write that met them (EFBIG, EPIPE), SIGSEGV, SIGBUS, SIGFPE and SIGABRT are
 * explained where a watched file is the reason, and a library that calls exit() (OpenMP without
 * threads) ends the program with PZ_TRY_AGAIN. Temporary files of outputs are removed in each case.
 *
 * Threads: once, before any other thread is started */
void pz_signals_install(void);

/* The program is at its regular end: exit() is its own from now on.
 *
 * Threads: the last one */
void pz_signals_finish(void);

/* True once SIGINT or SIGTERM asked this process to stop; long loops look at it and return
 * PZ_INTERRUPTED. A program that has not ended a second later is ended: it waits for something that
 * may never come. A second signal ends it at once.
 *
 * Threads: any */
bool pz_stop_asked(void);

/* Whether a call that failed with errnum is to be made again: it was interrupted, and not by the
 * wish to end. Threads: any */
bool pz_stop_retry(int errnum);

/* Give the process longer than a second to end in good order: whoever keeps the best so far, or
 * answers what it has begun, says how long that may take.
 *
 * seconds  0: a second, as without it
 * Threads: any; the last call counts */
void pz_stop_grace(unsigned seconds);

/* From now on a signal that asks for the end is the end: there is no best so far to give.
 *
 * Threads: any */
void pz_stop_at_once(void);

/* A file that is mapped into memory, to be named when a crash is its fault. */
struct pz_watched {
    const void *addr; /* of the map */
    size_t bytes;     /* 0: no address says that it is to blame, is_damaged alone does */
    const char *path; /* borrowed until pz_signals_unwatch */
    bool (*is_damaged)(const void *file); /* NULL, or reads the whole file: what it says was stored
                                             is not there. Called in a signal handler: no
                                             allocation, no lock */
    const void *file;                     /* its argument */
};

/* Watch a map: a SIGSEGV or SIGBUS inside it ends the program with PZ_BAD_DATA and a message that
 * names the file, and so does any other crash while is_damaged says yes. At most 64 maps at a time
 * are watched; more are not.
 *
 * Owner:   what it points to stays the caller's, valid until pz_signals_unwatch
 * Threads: any */
void pz_signals_watch(const struct pz_watched *watched);

/* Where this thread goes on when it crashes (SIGSEGV, SIGBUS, SIGFPE, SIGABRT), once: by
 * siglongjmp, with 1. For calls into a library that believes a damaged file; what it held is lost.
 * NULL: end of that. Without effect where the handlers are not installed.
 *
 * Owner:   borrowed until it is replaced
 * Threads: each has its own */
void pz_signals_guard(sigjmp_buf *here);

/* Stop watching the map that begins at addr; before it is unmapped. Threads: any */
void pz_signals_unwatch(const void *addr);

#endif
