/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of vectors. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"
#include "model/clusters.h"
#include "table/layout.h"
#include "tests/unit/unit.h"

enum { ROWS = 5000, DIM = 16, AROUND = 50 /* directions */, COLUMNS = 3 };

/* Vectors around some directions; every seventh is zero. */
static void make_rows(float *row)
{
    struct pz_rng rng;
    static float centre[AROUND * DIM];

    pz_rng_init(&rng, 7, 1);
    for (size_t k = 0; k < AROUND * DIM; k++)
        centre[k] = (float)(pz_rng_unit(&rng) - 0.5);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < DIM; k++)
            row[i * DIM + k] = i % 7 == 0 ? 0
                                          : centre[i % AROUND * DIM + k] +
                                                (float)(pz_rng_unit(&rng) - 0.5) * 0.2f;
}

/* The columns, as if they were of a table. */
static struct pz_clusters derive(const float *row, struct pz_derived *d)
{
    struct pz_err err = { 0 };
    struct pz_clusters c = { .d = DIM };

    assert_int_equal(pz_clusters_derive(row, ROWS, DIM, "part", d, &err), PZ_OK);
    assert_int_equal(d->n, COLUMNS);
    assert_string_equal(d->col[2].name, PZ_DERIVED "part/cluster_item");
    c.centre = d->col[0].data;
    c.items = (struct pz_csr){ .n = (uint32_t)d->col[1].n - 1,
                               .n_cols = ROWS,
                               .ptr = d->col[1].data,
                               .item = d->col[2].data };
    assert_int_equal(d->col[0].n, c.items.n * DIM);
    return c;
}

TEST(every_vector_but_zero_is_in_one_cluster)
{
    static float row[ROWS * DIM];
    struct pz_derived d = { NULL, 0, 0 };
    struct pz_clusters c;
    uint8_t times[ROWS] = { 0 };

    make_rows(row);
    c = derive(row, &d);
    for (uint64_t k = 0; k < c.items.ptr[c.items.n]; k++)
        times[c.items.item[k]]++;
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(times[i], i % 7 > 0);
    pz_derived_clear(&d);
}

static float product(const float *a, const float *b)
{
    float sum = 0;

    for (size_t k = 0; k < DIM; k++)
        sum += a[k] * b[k];
    return sum;
}

static uint32_t nearest(const float *row, const float *x)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < ROWS; i++)
        at = product(row + i * DIM, x) > product(row + at * DIM, x) ? i : at;
    return at;
}

static bool is_in(const struct pz_clusters *c, const uint32_t *cluster, size_t n, uint32_t item)
{
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = c->items.ptr[cluster[i]]; k < c->items.ptr[cluster[i] + 1]; k++)
            if (c->items.item[k] == item)
                return true;
    return false;
}

TEST(the_nearest_vector_is_mostly_in_a_near_cluster)
{
    static float row[ROWS * DIM];
    struct pz_derived d = { NULL, 0, 0 };
    struct pz_clusters c;
    size_t found = 0, looked = 0;

    make_rows(row);
    c = derive(row, &d);
    for (size_t i = 0; i < ROWS / 10; i++) {
        uint32_t cluster[PZ_CLUSTERS_NEAR];
        const float *x = row + (i * 10 + (i * 10 % 7 == 0)) * DIM;
        size_t n = pz_clusters_near(&c, x, cluster);

        assert_int_equal(n, PZ_CLUSTERS_NEAR);
        found += is_in(&c, cluster, n, nearest(row, x));
        for (size_t k = 0; k < n; k++)
            looked += c.items.ptr[cluster[k] + 1] - c.items.ptr[cluster[k]];
    }
    print_message("%zu of %d\n", found, ROWS / 10);
    assert_true(found > ROWS / 10 * 95 / 100);
    assert_true(looked < (size_t)ROWS / 10 * ROWS / 10); /* a tenth of all each time */
    pz_derived_clear(&d);
}

TEST(the_number_of_threads_does_not_matter)
{
    static float row[ROWS * DIM];
    struct pz_derived one = { NULL, 0, 0 }, two = { NULL, 0, 0 };
    struct pz_err err = { 0 };

    make_rows(row);
    pz_par_set(1);
    derive(row, &one);
    pz_par_set(2);
    derive(row, &two);
    for (size_t i = 0; i < COLUMNS; i++) {
        assert_int_equal(one.col[i].n, two.col[i].n);
        assert_memory_equal(one.col[i].data, two.col[i].data,
                            one.col[i].n * pz_type_bytes(one.col[i].type));
    }
    pz_derived_clear(&one);
    pz_derived_clear(&two);
    assert_int_equal(pz_clusters_derive(row, 0, DIM, "none", &one, &err), PZ_OK);
    assert_int_equal(one.n, 0);
}
