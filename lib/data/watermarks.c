/* SPDX-License-Identifier: Apache-2.0 */
/* Watermarks: see watermarks.h. */
#include "data/watermarks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct pz_watermark *pz_watermarks_find(const struct pz_watermarks *marks, const char *store)
{
    for (size_t i = 0; i < marks->n; i++)
        if (strcmp(marks->v[i].store, store) == 0)
            return &marks->v[i];
    return NULL;
}

bool pz_watermarks_add(struct pz_watermarks *marks, const struct pz_watermark *mark)
{
    size_t at = 0;

    while (at < marks->n && strcmp(marks->v[at].store, mark->store) < 0)
        at++;
    if (at < marks->n && strcmp(marks->v[at].store, mark->store) == 0) {
        struct pz_watermark *m = &marks->v[at];

        m->events = mark->events > m->events ? mark->events : m->events;
        m->rows = mark->rows > m->rows ? mark->rows : m->rows;
        return true;
    }
    if (!pz_mem_grow(&marks->v, &marks->cap, marks->n + 1, sizeof *marks->v))
        return false;
    memmove(marks->v + at + 1, marks->v + at, (marks->n - at) * sizeof *marks->v);
    marks->v[at] = *mark;
    marks->n++;
    return true;
}

void pz_watermarks_write(const struct pz_watermarks *marks, struct pz_str *out)
{
    for (size_t i = 0; i < marks->n; i++)
        pz_str_addf(out, "%s %" PRIu64 " %" PRIu64 "\n", marks->v[i].store, marks->v[i].events,
                    marks->v[i].rows);
}

enum pz_status pz_watermarks_read(struct pz_watermarks *marks, const char *text, struct pz_err *err)
{
    while (*text) {
        struct pz_watermark mark;
        int n = 0;

        if (sscanf(text, "%16[0-9a-f] %" SCNu64 " %" SCNu64 "\n%n", mark.store, &mark.events,
                   &mark.rows, &n) != 3 ||
            n == 0 || strlen(mark.store) != 16)
            return pz_err_set(err, PZ_BAD_DATA, "the watermarks are damaged");
        if (!pz_watermarks_add(marks, &mark))
            return pz_err_memory(err, "watermarks", 1e3);
        text += n;
    }
    return PZ_OK;
}

void pz_watermarks_clear(struct pz_watermarks *marks)
{
    free(marks->v);
    memset(marks, 0, sizeof *marks);
}
