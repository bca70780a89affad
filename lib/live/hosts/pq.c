/* SPDX-License-Identifier: Apache-2.0 */
/* Loading libpq: see pq.h. POSIX lets a pointer from dlsym be a function's; it is copied as bytes,
 * as ISO C has no conversion for it. */
#include "live/hosts/pq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION(name)                           \
    {                                            \
        "PQ" #name, offsetof(struct pz_pq, name) \
    }

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    FUNCTION(connectdbParams),
    FUNCTION(finish),
    FUNCTION(status),
    FUNCTION(errorMessage),
    FUNCTION(socket),
    FUNCTION(sendQuery),
    FUNCTION(sendQueryParams),
    FUNCTION(sendPrepare),
    FUNCTION(sendQueryPrepared),
    FUNCTION(consumeInput),
    FUNCTION(isBusy),
    FUNCTION(getResult),
    FUNCTION(notifies),
    FUNCTION(freemem),
    FUNCTION(resultStatus),
    FUNCTION(resultErrorField),
    FUNCTION(resultErrorMessage),
    FUNCTION(ntuples),
    FUNCTION(getvalue),
    FUNCTION(getlength),
    FUNCTION(getisnull),
    FUNCTION(clear),
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pz_pq loaded;
static char problem[300]; /* "": it is loaded */

static void load(void)
{
    void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);

    if (!library)
        snprintf(problem, sizeof problem,
                 "a log needs PostgreSQL's client library, libpq.so.5 (apt-get install libpq5): "
                 "%.150s",
                 dlerror());
    for (size_t i = 0; library && i < sizeof functions / sizeof *functions; i++) {
        void *f = dlsym(library, functions[i].name);

        if (!f)
            snprintf(problem, sizeof problem, "libpq.so.5 has no %s", functions[i].name);
        memcpy((char *)&loaded + functions[i].offset, &f, sizeof f);
    }
}

const struct pz_pq *pz_pq_load(struct pz_err *err)
{
    pthread_once(&once, load);
    if (!*problem)
        return &loaded;
    pz_err_set(err, PZ_UNAVAILABLE, "%s", problem);
    return NULL;
}
