/* SPDX-License-Identifier: Apache-2.0 */
/* Dataset and model files whose checksums are right and whose contents are not: what an attacker
 * would send. The input is a list of edits to the columns of a small good file; the edited columns
 * are written as a new file by our own writer, which is then opened and used like any other. It
 * must be refused or work.
 *
 * Input: one byte (even: dataset, odd: model, and with bit 1 it is updated), then edits of 6 bytes:
 * column, u16 position (a share of the column), operation, u16 operand. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/corpus.h"
#include "data/export.h"
#include "data/group.h"
#include "data/info.h"
#include "import/import.h"
#include "import/insights.h"
#include "rank/rank.h"
#include "table/table.h"
#include "train/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char good[2][64], bad[64]; /* files: dataset, model; the edited one */

static void must(enum pz_status st)
{
    if (st != PZ_OK)
        abort();
}

static void write_text(const char *path, const char *text)
{
    must(pz_file_write(path, text, strlen(text), NULL));
}

/* 8 users, 12 items, every kind of column. */
static void make_good_files(void)
{
    struct pz_import_cfg cfg = { .map = { 0 } };
    struct pz_import_count count[PZ_N_TABLES];
    static const char *const params[] = { "sessions=on",       "sequence=on",
                                          "sequence.dim=16",   "sequence.hidden=16",
                                          "sequence.layers=1", "sequence.epochs=1" };
    static const struct pz_event_rule rules[] = { { "buy", 1, 1, false },
                                                  { "view", 0.5, -INFINITY, false } };
    struct pz_train_cfg train = { .rules = rules,
                                  .n_rules = 2,
                                  .recipe = pz_recipe_find("user-personalization", NULL),
                                  .seed = 1,
                                  .params = params,
                                  .n_params = sizeof params / sizeof *params };
    struct pz_dataset *ds = NULL;
    char path[3][80];
    FILE *f;

    snprintf(good[0], sizeof good[0], "/dev/shm/fuzz_files.%d.pzd", (int)getpid());
    snprintf(good[1], sizeof good[1], "/dev/shm/fuzz_files.%d.pzm", (int)getpid());
    snprintf(bad, sizeof bad, "/dev/shm/fuzz_files.%d.bad", (int)getpid());
    for (int t = 0; t < 3; t++)
        snprintf(path[t], sizeof path[t], "/dev/shm/fuzz_files.%d.%d.csv", (int)getpid(), t);
    f = fopen(path[0], "w");
    fprintf(f, "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,IMPRESSION,DEVICE\n");
    for (int k = 0; k < 60; k++)
        fprintf(f, "u%d,i%d,%d,%s,%d,i%d|i%d,%s\n", k % 8, k * 7 % 12, 1000 + k,
                k % 3 ? "view" : "buy", k % 5, k % 12, (k + 3) % 12, k % 2 ? "phone" : "desk");
    fclose(f);
    write_text(path[1], "ITEM_ID,COLOR,PRICE,GOOD,CREATION_TIMESTAMP\ni0,red|blue,1.5,true,900\ni1,"
                        "red,2,false,950\n"
                        "i2,blue,,true,990\ni3,green|red,4,,1000\nnew,blue,1,true,1050\n");
    write_text(path[2], "USER_ID,AGE,CITY\nu0,30,A\nu1,,B\nu2,41,A\n");
    for (int t = 0; t < 3; t++)
        pz_strs_add(&cfg.files[t], path[t]);
    must(pz_import(&cfg, &ds, count, NULL));
    must(pz_dataset_save(ds, good[0], NULL));
    must(pz_train(ds, &train, good[1], NULL));
    pz_dataset_free(ds);
    for (int t = 0; t < 3; t++) {
        pz_strs_clear(&cfg.files[t]);
        unlink(path[t]);
    }
}

struct edit {
    uint8_t column, op;
    uint16_t at, operand;
};

static void apply(const struct edit *e, unsigned char *bytes, uint64_t *n, size_t width)
{
    uint64_t at = *n ? (uint64_t)e->at * *n / 65536 * width : 0;

    switch (e->op % 6) {
    case 0: /* one bit */
        if (*n)
            bytes[at + e->operand / 8 % width] ^= (unsigned char)(1u << e->operand % 8);
        break;
    case 1: /* one element of ones */
        if (*n)
            memset(bytes + at, 0xff, width);
        break;
    case 2: /* one element of zeros */
        if (*n)
            memset(bytes + at, 0, width);
        break;
    case 3: /* a small number */
        if (*n) {
            memset(bytes + at, 0, width);
            memcpy(bytes + at, &e->operand, width < 2 ? width : 2);
        }
        break;
    case 4: /* fewer elements */
        *n = e->at % (*n + 1);
        break;
    default: /* a neighbour's value */
        if (*n)
            memmove(bytes + at, bytes + (at + width) % (*n * width), width);
    }
}

/* The good file with the edits made; false where none of it can be written. */
static void write_bad(const char *from, const char *kind, const uint8_t *data, size_t size)
{
    struct pz_table *t = NULL;
    struct pz_writer *w = NULL;

    must(pz_table_open(from, kind, &t, NULL));
    must(pz_writer_open(bad, kind, 1, &w, NULL));
    for (size_t c = 0; c < pz_table_n_columns(t); c++) {
        struct pz_column_info info = pz_table_column(t, c);
        size_t width = pz_type_bytes(info.type);
        const void *values;
        unsigned char *copy;
        uint64_t n;

        must(pz_table_get(t, info.name, info.type, PZ_ANY, &values, &n, NULL));
        copy = malloc(n * width + 8);
        if (!copy)
            abort();
        memcpy(copy, values, n * width);
        for (size_t k = 0; k + 6 <= size; k += 6) {
            struct edit e = { data[k], data[k + 3], (uint16_t)(data[k + 1] | data[k + 2] << 8),
                              (uint16_t)(data[k + 4] | data[k + 5] << 8) };

            if (e.column % pz_table_n_columns(t) == c)
                apply(&e, copy, &n, width);
        }
        must(pz_writer_add(w, info.name, info.type, copy, n, NULL));
        free(copy);
    }
    must(pz_writer_commit(w, NULL));
    pz_table_close(t);
}

static void use_dataset(void)
{
    const char *path = bad;
    struct pz_dataset *ds = NULL;
    struct pz_corpus_own corpus;
    struct pz_str text = { 0 };
    struct pz_out *out = NULL;
    json_t *doc = NULL;

    if (pz_dataset_open(&path, 1, &ds, NULL) != PZ_OK)
        return;
    if (pz_check(ds, 2000, NULL, &doc, NULL) == PZ_OK)
        pz_check_text(&text, doc);
    json_decref(doc);
    pz_str_clear(&text);
    for (enum pz_table_id id = 0; id < PZ_N_TABLES; id++)
        if (pz_export_has(ds, id) && pz_out_open("/dev/null.pz", &out, NULL) == PZ_OK)
            pz_out_abort(out);
    must(pz_corpus_make(ds, NULL, 0, NULL, &corpus, NULL));
    pz_corpus_clear(&corpus);
    pz_dataset_free(ds);
}

/* With the good dataset as what is new. */
static void update_model(void)
{
    const char *path = good[0];
    struct pz_dataset *ds = NULL;

    must(pz_dataset_open(&path, 1, &ds, NULL));
    pz_train_update(bad, &ds, 1, &(struct pz_update_cfg){ .log = NULL }, bad, NULL);
    pz_dataset_free(ds);
}

static void use_model(void)
{
    static const char *const history[] = { "i1", "i2", "nobody" };
    struct pz_model *m = NULL;
    struct pz_ranker *r;
    struct pz_answer answer;

    if (pz_model_open(bad, &m, NULL) != PZ_OK)
        return;
    r = pz_ranker_new(m);
    for (int u = 0; u < 9 && r; u++) {
        char user[8];
        struct pz_request q = {
            .user_id = user, .num = 5, .history = history, .n_history = 3, .explain = true
        };

        snprintf(user, sizeof user, "u%d", u);
        pz_rank(r, &q, &answer, NULL);
    }
    pz_ranker_free(r);
    pz_model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int model;

    if (!*good[0])
        make_good_files();
    if (size == 0)
        return 0;
    model = data[0] & 1;
    write_bad(good[model], model ? "modl" : "data", data + 1, size - 1);
    if (model)
        use_model();
    if (model && data[0] & 2)
        update_model();
    if (!model)
        use_dataset();
    return 0;
}
