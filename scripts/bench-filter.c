/* SPDX-License-Identifier: Apache-2.0 */
/* bench-filter ITEMS: what a filter of three conditions adds to a query, on made-up items (20
 * categories, one or two each; prices) and a user with 300 interactions. Processor time a query,
 * the best of five rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "filter/filter.h"

enum { CATEGORIES = 20, EVENTS = 300, ROUNDS = 5 };

static void *need(void *p)
{
    if (!p) {
        fputs("bench-filter: out of memory\n", stderr);
        exit(75);
    }
    return p;
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* n words of `width` digits with a letter in front. */
static struct pz_dict make_words(char letter, uint32_t n, int width)
{
    uint64_t *offset = need(pz_mem_array((size_t)n + 1, sizeof *offset));
    char *bytes = need(pz_mem_array((size_t)n * ((size_t)width + 1) + 16, 1));

    for (uint32_t i = 0; i < n; i++) {
        char *s = bytes + offset[i];

        *s = letter;
        for (uint32_t k = (uint32_t)width, rest = i; k > 0; k--, rest /= 10)
            s[k] = (char)('0' + rest % 10);
        offset[i + 1] = offset[i] + (uint64_t)width + 1;
    }
    return pz_dict_own(n, offset, bytes);
}

static void make_items(struct pz_model *m, uint32_t n, struct pz_rng *rng)
{
    struct pz_attr *a = need(pz_mem_array(2, sizeof *a));
    uint64_t *ptr = need(pz_mem_array((size_t)n + 1, sizeof *ptr));
    uint32_t *code = need(pz_mem_array((size_t)n * 2, sizeof *code));
    double *price = need(pz_mem_array(n, sizeof *price));

    for (uint32_t i = 0; i < n; i++) {
        ptr[i + 1] = ptr[i] + 1 + pz_rng_below(rng, 2);
        for (uint64_t p = ptr[i]; p < ptr[i + 1]; p++)
            code[p] = pz_rng_below(rng, CATEGORIES);
        price[i] = 100 * pz_rng_unit(rng);
    }
    a[0] = (struct pz_attr){ .name = "CATEGORY",
                             .kind = PZ_ATTR_CATEGORY,
                             .ptr = ptr,
                             .code = code,
                             .values = make_words('c', CATEGORIES, 2),
                             .own = { NULL, ptr, code } };
    a[1] =
        (struct pz_attr){ .name = "PRICE", .kind = PZ_ATTR_NUMBER, .num = price, .own.num = price };
    m->items = make_words('i', n, 7);
    m->item_attrs = (struct pz_attrs){ .n_attrs = 2, .n_rows = n, .attr = a };
}

static void make_user(struct pz_model *m, struct pz_rng *rng)
{
    static uint64_t ptr[] = { 0, EVENTS };
    static uint32_t item[EVENTS];
    static int64_t when[EVENTS];
    static uint8_t event[EVENTS];

    for (int i = 0; i < EVENTS; i++) {
        item[i] = pz_rng_below(rng, m->items.n);
        when[i] = i;
        event[i] = (uint8_t)pz_rng_below(rng, 3);
    }
    m->users = make_words('u', 1, 1);
    m->events = make_words('e', 3, 1);
    m->n_interactions = EVENTS;
    m->ptr = ptr;
    m->item = item;
    m->time = when;
    m->event = event;
}

/* Microseconds a query. values: NAME=%g for each query another one; NULL: none. */
static double measure(const struct pz_model *m, const char *text, const char *values, int n_queries)
{
    size_t words = ((size_t)m->items.n + 63) / 64;
    uint64_t *allowed = need(pz_mem_array(words, sizeof *allowed));
    struct pz_filter_work *work = need(pz_filter_work_new());
    struct pz_filter *f = NULL;
    struct pz_filter_values *bound = NULL;
    struct pz_filter_env env = { .user_id = "u0", .item_id = "i0000001", .now = 1000 };
    struct pz_err err = { 0 };
    enum pz_status st = pz_filter_compile(text, &(struct pz_filter_schema){ .m = m }, &f, &err);
    double best = 1e30, start = 0;

    for (int k = 0; k < (ROUNDS + 1) * n_queries && st == PZ_OK; k++) {
        struct pz_filter_args args = { 0 };
        char value[64];

        if (k % n_queries == 0) { /* the first round is for warming up */
            if (k >= 2 * n_queries && cpu_us() - start < best)
                best = cpu_us() - start;
            start = cpu_us();
        }
        memset(allowed, 0xff, words * sizeof *allowed);
        if (values) {
            snprintf(value, sizeof value, "%s=%d.%03d", values, k % 100, k % 1000);
            pz_filter_values_free(bound);
            st = pz_filter_args_add(&args, value, &err);
            if (st == PZ_OK)
                st = pz_filter_bind(f, &args, &bound, &err);
            pz_filter_args_clear(&args);
        }
        if (st == PZ_OK)
            st = pz_filter_apply(f, bound, &env, work, allowed, &err);
    }
    if (st != PZ_OK)
        fprintf(stderr, "bench-filter: %s\n", err.text);
    pz_filter_values_free(bound);
    pz_filter_free(f);
    pz_filter_work_free(work);
    free(allowed);
    return best / n_queries;
}

int main(int argc, char **argv)
{
    static const char fixed[] =
        "INCLUDE ItemID WHERE Items.CATEGORY IN ('c03', 'c07') AND Items.PRICE < 50 AND "
        "NOT Interactions.EVENT_TYPE IN ('e1', 'e2')";
    static const char asked[] =
        "INCLUDE ItemID WHERE Items.CATEGORY IN CurrentItem.CATEGORY AND Items.PRICE < "
        "CurrentItem.PRICE AND NOT Interactions.EVENT_TYPE IN ('e1', 'e2')";
    static const char given[] =
        "INCLUDE ItemID WHERE Items.CATEGORY IN ('c03', 'c07') AND Items.PRICE < $PRICE AND "
        "NOT Interactions.EVENT_TYPE IN ('e1', 'e2')";
    uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 27000;
    struct pz_model m = { 0 };
    struct pz_rng rng;

    pz_rng_init(&rng, 1, 1);
    make_items(&m, n, &rng);
    make_user(&m, &rng);
    printf("%9u %12.1f %12.1f %12.1f\n", n, measure(&m, fixed, NULL, 200),
           measure(&m, asked, NULL, 200), measure(&m, given, "PRICE", 200));
    pz_attrs_clear(&m.item_attrs);
    pz_dict_clear(&m.items);
    pz_dict_clear(&m.users);
    pz_dict_clear(&m.events);
    return 0;
}
