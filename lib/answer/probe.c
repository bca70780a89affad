/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring a probe: see probe.h. */
#include "answer/probe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "rank/rank.h"

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One answer; *s becomes what it cost, the less of two. */
static enum pz_status ask(struct pz_ranker *r, const struct pz_request *req,
                          struct pz_answer *answer, double *s, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (int i = 0; i < 2 && st == PZ_OK; i++) {
        double from = cpu_s();

        st = pz_rank(r, req, answer, err);
        *s = i == 0 || cpu_s() - from < *s ? cpu_s() - from : *s;
    }
    return st;
}

/* How many of n items are among the hits. */
static size_t found(const uint32_t *item, size_t n, const struct pz_answer *a)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < a->n; j++)
            k += a->hit[j].item == item[i];
    return k;
}

/* Both answers for one user; item: room for the items of one. */
static enum pz_status compare(struct pz_ranker *r, struct pz_request *req, uint32_t *item,
                              struct pz_probed *out, struct pz_err *err)
{
    struct pz_answer a;
    size_t n = 0;
    double s = 0, share = out->share;
    enum pz_status st;

    req->probe = 0;
    st = ask(r, req, &a, &s, err);
    if (st != PZ_OK)
        return st;
    for (; n < a.n; n++)
        item[n] = a.hit[n].item;
    out->exact_cpu_s += s;
    req->probe = share;
    st = ask(r, req, &a, &s, err);
    if (st != PZ_OK)
        return st;
    out->cpu_s += s;
    out->looked += a.probed;
    out->n_probed += a.probed > 0;
    out->recall += n > 0 ? (double)found(item, n, &a) / (double)n : 1;
    out->n++;
    return PZ_OK;
}

static void take_means(struct pz_probed *out)
{
    double n = out->n > 0 ? (double)out->n : 1;

    out->looked /= out->n_probed > 0 ? (double)out->n_probed : 1;
    out->recall /= n;
    out->cpu_s /= n;
    out->exact_cpu_s /= n;
}

enum pz_status pz_probe_measure(const struct pz_prepared *p, double share, struct pz_probed *out,
                                struct pz_err *err)
{
    const struct pz_model *m = pz_prepared_snapshot(p)->model;
    struct pz_request req = *pz_prepared_request(p);
    size_t n = m->users.n < PZ_PROBE_USERS ? m->users.n : PZ_PROBE_USERS;
    struct pz_ranker *r = pz_ranker_new(m);
    uint32_t *item = pz_mem_array(req.num, sizeof *item);
    enum pz_status st = r && item ? PZ_OK : pz_err_memory(err, "a ranker", 9.0 * m->items.n);

    *out = (struct pz_probed){ .share = share };
    for (size_t k = 0; k < n && st == PZ_OK; k++) {
        size_t len;
        const char *text = pz_dict_get(&m->users, (uint32_t)(k * m->users.n / n), &len);
        char *id = pz_mem_strndup(text, len);

        req.user_id = id;
        st = id ? compare(r, &req, item, out, err) : pz_err_memory(err, "an id", (double)len);
        free(id);
    }
    take_means(out);
    free(item);
    pz_ranker_free(r);
    return st;
}
