/* SPDX-License-Identifier: Apache-2.0 */
/* model-costs MODEL: what each part of a model file takes: bytes an item, for what belongs to users
 * bytes a user, and, for what scores, microseconds of processor time a query (all items, users' own
 * histories; the best of five rounds). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "model/model.h"

enum { QUERIES = 200, ROUNDS = 5, HIST_MAX = 500, GROUPS = 32 };

/* Columns whose names agree up to '/' or '.'. */
struct group {
    char name[32];
    uint64_t bytes;
};

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Sum the bytes of the columns by group, in file order; returns how many groups. */
static size_t group_columns(const struct pz_table *t, struct group *g)
{
    size_t n = 0;

    for (size_t i = 0; i < pz_table_n_columns(t); i++) {
        struct pz_column_info c = pz_table_column(t, i);
        int len = (int)strcspn(c.name, "/.");
        size_t k = 0;

        while (k < n && (strncmp(g[k].name, c.name, (size_t)len) != 0 || g[k].name[len]))
            k++;
        if (k == GROUPS)
            continue;
        if (k == n)
            snprintf(g[n++].name, sizeof g->name, "%.*s", len, c.name);
        g[k].bytes += c.file_bytes;
    }
    return n;
}

static struct pz_query query_of(const struct pz_model *m, uint32_t user)
{
    uint64_t end = m->ptr[user + 1],
             from = end - m->ptr[user] > HIST_MAX ? end - HIST_MAX : m->ptr[user];

    return (struct pz_query){ .task = m->recipe->task,
                              .n_hist = (size_t)(end - from),
                              .hist = m->item + from,
                              .hist_time = m->time + from,
                              .hist_weight = m->weight + from,
                              .now = m->newest };
}

static double query_us(const struct pz_model *m, const struct pz_part *p, float *out, void *scratch)
{
    uint32_t step = m->users.n / QUERIES + 1, n = 0;
    double best = 1e30;

    for (int r = 0; r < ROUNDS; r++) {
        double begin = cpu_us(), us;

        n = 0;
        for (uint32_t u = 0; u < m->users.n; u += step, n++) {
            struct pz_query q = query_of(m, u);

            memset(out, 0, m->items.n * sizeof *out);
            p->scorer->score(p->part, &q, scratch, out);
        }
        us = cpu_us() - begin;
        best = us < best ? us : best;
    }
    return n ? best / n : 0;
}

static void print_costs(const struct pz_model *m, float *out, void *scratch)
{
    struct group g[GROUPS] = { { "", 0 } };
    size_t n = group_columns(m->table, g);

    printf("%-14s %10s %9s %9s %9s\n", "part", "bytes", "B/item", "B/user", "us/query");
    for (size_t k = 0; k < n; k++) {
        bool users = strcmp(g[k].name, "users") == 0 || strcmp(g[k].name, "hist") == 0 ||
                     strcmp(g[k].name, "context") == 0;

        printf("%-14s %10llu ", g[k].name, (unsigned long long)g[k].bytes);
        if (users)
            printf("%9s %9.1f", "", (double)g[k].bytes / m->users.n);
        else
            printf("%9.1f %9s", (double)g[k].bytes / m->items.n, "");
        for (size_t p = 0; p < m->n_parts; p++)
            if (strcmp(m->part[p].scorer->name, g[k].name) == 0)
                printf(" %9.1f", query_us(m, &m->part[p], out, scratch));
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    struct pz_err err = { 0 };
    struct pz_model *m = NULL;
    float *out;
    void *scratch;

    if (argc != 2) {
        fputs("usage: model-costs MODEL\n", stderr);
        return 2;
    }
    if (pz_model_open(argv[1], &m, &err) != PZ_OK) {
        fprintf(stderr, "model-costs: %s: %s\n", argv[1], err.text);
        return 1;
    }
    out = pz_mem_array(m->items.n, sizeof *out);
    scratch = pz_mem_array(pz_model_scratch(m), 1);
    if (out && scratch)
        print_costs(m, out, scratch);
    free(out);
    free(scratch);
    pz_model_free(m);
    return 0;
}
