/* SPDX-License-Identifier: Apache-2.0 */
/* Item features for the sequence encoder, read from attributes of any kind:
 *
 *   CATEGORY  a feature a value          BOOL  one feature, "true"
 *   NUMBER    eight bins of equal count  TEXT  a feature a word, lower-cased ASCII letters, digits
 *             and all
 *                                              bytes above 127
 *
 * STRING is not learned from. Features that fewer than two items have are dropped: they say no more
 * than the item's own vector. Within an item the values of one attribute share a length of 1, and
 * so do the attributes: every item with features has weights of length 1. */
#include "model/sequence/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "table/dict.h"

enum { BINS = 8, WORD_MAX = 64 };

/* (item, feature) pairs as they are found, attribute by attribute, items ascending within each. */
struct pairs {
    uint32_t *item, *feature, *attr;
    size_t n, cap[3];
    uint32_t n_features;
    bool failed;
};

static void add(struct pairs *p, uint32_t item, uint32_t feature, uint32_t attr)
{
    if (p->failed || !pz_mem_grow(&p->item, &p->cap[0], p->n + 1, sizeof *p->item) ||
        !pz_mem_grow(&p->feature, &p->cap[1], p->n + 1, sizeof *p->feature) ||
        !pz_mem_grow(&p->attr, &p->cap[2], p->n + 1, sizeof *p->attr)) {
        p->failed = true;
        return;
    }
    p->item[p->n] = item;
    p->feature[p->n] = feature;
    p->attr[p->n] = attr;
    p->n++;
}

static void add_values(struct pairs *p, const struct pz_attr *a, uint32_t n_items, uint32_t attr)
{
    for (uint32_t i = 0; i < n_items; i++)
        for (uint64_t k = a->ptr[i]; k < a->ptr[i + 1]; k++)
            add(p, i, p->n_features + a->code[k], attr);
    p->n_features += a->values.n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void add_bins(struct pairs *p, const struct pz_attr *a, uint32_t n_items, uint32_t attr)
{
    double *sorted = pz_mem_array(n_items, sizeof *sorted), edge[BINS];
    size_t n = 0;

    if (!sorted) {
        p->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n_items; i++)
        if (!isnan(a->num[i]))
            sorted[n++] = a->num[i];
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t b = 0; b < BINS; b++)
        edge[b] = n > 0 ? sorted[n * b / BINS] : 0;
    for (uint32_t i = 0; i < n_items; i++) {
        uint32_t b = 0;

        if (isnan(a->num[i]))
            continue;
        while (b + 1 < BINS && a->num[i] >= edge[b + 1])
            b++;
        add(p, i, p->n_features + b, attr);
    }
    p->n_features += BINS;
    free(sorted);
}

static void add_true(struct pairs *p, const struct pz_attr *a, uint32_t n_items, uint32_t attr)
{
    for (uint32_t i = 0; i < n_items; i++)
        if (a->num[i] > 0) /* false for NaN */
            add(p, i, p->n_features, attr);
    p->n_features++;
}

static bool is_letter(unsigned char c)
{
    return c > 127 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next word of s[*at .. n) into word; 0 at the end. Longer words are cut. */
static size_t next_word(const char *s, size_t n, size_t *at, char *word)
{
    size_t len = 0;

    while (*at < n && !is_letter((unsigned char)s[*at]))
        ++*at;
    for (; *at < n && is_letter((unsigned char)s[*at]); ++*at)
        if (len < WORD_MAX)
            word[len++] = (char)(s[*at] >= 'A' && s[*at] <= 'Z' ? s[*at] + ('a' - 'A') : s[*at]);
    return len;
}

static void add_words(struct pairs *p, const struct pz_attr *a, uint32_t n_items, uint32_t attr)
{
    struct pz_dict_builder *words = pz_dict_builder_new();
    char word[WORD_MAX];

    p->failed = p->failed || !words;
    for (uint32_t i = 0; i < n_items && !p->failed; i++)
        for (uint64_t k = a->ptr[i]; k < a->ptr[i + 1]; k++) {
            size_t n = 0, at = 0, len;
            const char *s = pz_dict_get(&a->values, a->code[k], &n);

            while ((len = next_word(s, n, &at, word)) > 0) {
                uint32_t number = pz_dict_builder_add(words, word, len);

                p->failed = p->failed || number == PZ_NONE;
                add(p, i, p->n_features + number, attr);
            }
        }
    if (words)
        p->n_features += pz_dict_builder_count(words);
    pz_dict_builder_free(words);
}

static void add_attr(struct pairs *p, const struct pz_attr *a, uint32_t n_items, uint32_t attr)
{
    switch (a->kind) {
    case PZ_ATTR_CATEGORY:
        add_values(p, a, n_items, attr);
        break;
    case PZ_ATTR_NUMBER:
        add_bins(p, a, n_items, attr);
        break;
    case PZ_ATTR_BOOL:
        add_true(p, a, n_items, attr);
        break;
    case PZ_ATTR_TEXT:
        add_words(p, a, n_items, attr);
        break;
    case PZ_ATTR_STRING:
        break;
    }
}

/* new_id[feature]: dense numbers of the features that two or more pairs name, PZ_NONE for the
 * others. */
static uint32_t number_features(const struct pairs *p, uint32_t *new_id)
{
    uint32_t n = 0;

    for (size_t k = 0; k < p->n; k++)
        new_id[p->feature[k]]++;
    for (uint32_t f = 0; f < p->n_features; f++)
        new_id[f] = new_id[f] >= 2 ? n++ : PZ_NONE;
    return n;
}

/* Weights of one item's entries: attr[first .. end). */
static void weigh(const uint32_t *attr, uint64_t first, uint64_t end, float *weight)
{
    double groups = 0;

    for (uint64_t k = first; k < end;) {
        uint64_t to = k;

        while (to < end && attr[to] == attr[k])
            to++;
        for (uint64_t e = k; e < to; e++)
            weight[e] = (float)(1.0 / sqrt((double)(to - k)));
        groups++;
        k = to;
    }
    for (uint64_t k = first; k < end; k++)
        weight[k] = (float)(weight[k] / sqrt(groups));
}

static void sort_pairs(const struct pairs *p, const uint32_t *new_id, uint32_t n_items,
                       struct pz_seq_features *out, uint32_t *attr)
{
    for (size_t k = 0; k < p->n; k++)
        out->ptr[p->item[k] + 1] += new_id[p->feature[k]] != PZ_NONE;
    for (uint32_t i = 0; i < n_items; i++)
        out->ptr[i + 1] += out->ptr[i];
    for (size_t k = 0; k < p->n; k++) {
        uint32_t id = new_id[p->feature[k]];

        if (id == PZ_NONE)
            continue;
        out->id[out->ptr[p->item[k]]] = id;
        attr[out->ptr[p->item[k]]++] = p->attr[k];
    }
    for (uint32_t i = n_items; i > 0; i--) /* the fill moved every start to its end */
        out->ptr[i] = out->ptr[i - 1];
    out->ptr[0] = 0;
    for (uint32_t i = 0; i < n_items; i++)
        weigh(attr, out->ptr[i], out->ptr[i + 1], out->weight);
}

enum pz_status pz_seq_features_make(const struct pz_attrs *attrs, uint32_t n_items,
                                    struct pz_seq_features *out, struct pz_err *err)
{
    struct pairs p = { 0 };
    uint32_t *new_id = NULL, *attr = NULL;
    enum pz_status st = PZ_OK;

    for (uint32_t a = 0; attrs && a < attrs->n_attrs && !p.failed; a++)
        add_attr(&p, &attrs->attr[a], n_items, a);
    new_id = pz_mem_array(p.n_features, sizeof *new_id);
    attr = pz_mem_array(p.n, sizeof *attr);
    *out = (struct pz_seq_features){ 0, pz_mem_array((size_t)n_items + 1, sizeof *out->ptr),
                                     pz_mem_array(p.n, sizeof *out->id),
                                     pz_mem_array(p.n, sizeof *out->weight) };
    if (p.failed || !new_id || !attr || !out->ptr || !out->id || !out->weight) {
        st = pz_err_memory(err, "item features", 16.0 * (double)p.n);
        pz_seq_features_clear(out);
    } else {
        out->n = number_features(&p, new_id);
        sort_pairs(&p, new_id, n_items, out, attr);
    }
    free(p.item);
    free(p.feature);
    free(p.attr);
    free(new_id);
    free(attr);
    return st;
}

void pz_seq_features_clear(struct pz_seq_features *f)
{
    free(f->ptr);
    free(f->id);
    free(f->weight);
    *f = (struct pz_seq_features){ 0, NULL, NULL, NULL };
}
