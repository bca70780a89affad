/* SPDX-License-Identifier: Apache-2.0 */
/* pz-import: interaction logs become a dataset file. Glue only: options in, modules of lib/data
 * called, reports out. The modes are told by --merge, --info, --check and --export; without them:
 * import. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/ledger.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/str.h"
#include "base/time.h"
#include "data/export.h"
#include "data/group.h"
#include "data/info.h"
#include "import/files.h"
#include "import/guess.h"
#include "import/import.h"
#include "import/insights.h"

struct import_cfg {
    struct pz_common common;
    const char *output, *reject, *max_errors, *escape, *export_table;
    const char *delimiter, *header, *null, *time_format, *like;
    long long skip_lines;
    struct pz_strs interactions, items, users, schema, map, number, list;
    bool merge, info, check, strict, no_time, guess;
};

static const struct pz_opt opts[] = {
    PZ_OUT('o', "output", struct import_cfg, output, NULL, "FILE",
           "dataset to write (*.pzd), or the CSV of --export; - is standard output"),
    PZ_LIST(
        0, "interactions", struct import_cfg, interactions, "FILE",
        "interactions to read: CSV or JSON Lines, plain or compressed; - is standard input. May be "
        "given several times"),
    PZ_LIST(0, "items", struct import_cfg, items, "FILE",
            "items to read. May be given several times"),
    PZ_LIST(0, "users", struct import_cfg, users, "FILE",
            "users to read. May be given several times"),
    PZ_LIST(0, "schema", struct import_cfg, schema, "FILE",
            "Avro JSON schema of Amazon Personalize: one record, or an array of them. May be given "
            "several times. Tables without one get the types that their values show"),
    PZ_LIST(
        0, "map", struct import_cfg, map, "NAME=COLUMN,...",
        "read NAME (USER_ID, ...) from the column COLUMN of the file. May be given several times"),
    PZ_FLAG(
        'g', "guess", struct import_cfg, guess,
        "find out from the names in the files which column is which, print the command line that "
        "says so, and take it; without -o only print it"),
    PZ_STR(0, "like", struct import_cfg, like, NULL, "FILE",
           "dataset (*.pzd) whose column types this one gets too, so that the two can be merged"),
    PZ_STR(0, "delimiter", struct import_cfg, delimiter, NULL, "C",
           "what separates the cells: one character, tab or ::. Otherwise the most frequent of , ; "
           "tab | and :: in the first line"),
    PZ_STR(0, "header", struct import_cfg, header, NULL, "NAME,...",
           "names of the columns of files that have no header line"),
    PZ_INT(0, "skip-lines", struct import_cfg, skip_lines, "0", 0, 1000000, "N",
           "lines above the header to pass over"),
    PZ_STR(
        0, "null", struct import_cfg, null, NULL, "TEXT,...",
        "cells that mean no value, besides empty ones. Otherwise those of pandas: NaN, NULL, None, "
        "N/A and the like; '' means none"),
    PZ_STR(
        0, "time-format", struct import_cfg, time_format, NULL, "FORMAT",
        "how TIMESTAMP is written, as for strptime(3): %d.%m.%Y %H:%M. Otherwise it is looked at"),
    PZ_FLAG(0, "no-time", struct import_cfg, no_time,
            "the interactions have no time: the order of their rows is their order in time"),
    PZ_LIST(0, "number", struct import_cfg, number, "COLUMN",
            "read COLUMN as numbers; cells that are none are null. May be given several times"),
    PZ_LIST(0, "list", struct import_cfg, list, "COLUMN=SEP",
            "COLUMN holds lists whose parts are separated by SEP. May be given several times"),
    PZ_OUT(0, "reject", struct import_cfg, reject, NULL, "FILE",
           "write every rejected row with its reason, as JSON Lines"),
    PZ_STR(0, "max-errors", struct import_cfg, max_errors, "0", "N|P%",
           "bad rows to tolerate, as a number or a share of all rows. With more the import fails "
           "and writes nothing"),
    PZ_STR(0, "escape", struct import_cfg, escape, "double", "double|backslash",
           "how a quote is written inside quotes: doubled, or behind a backslash too"),
    PZ_FLAG(0, "merge", struct import_cfg, merge,
            "read the datasets named as operands as one and write it"),
    PZ_FLAG(0, "info", struct import_cfg, info, "say what is in the dataset named as operand"),
    PZ_FLAG(0, "check", struct import_cfg, check,
            "say what in the data will hurt or stop a training: of the tables given, which are "
            "read as for an import and not written, or of the dataset named as operand"),
    PZ_FLAG(0, "strict", struct import_cfg, strict,
            "with --check: exit with 1 when an insight is serious"),
    PZ_STR(0, "export", struct import_cfg, export_table, NULL, "interactions|items|users|schema",
           "write a table of the dataset named as operand as CSV, or its schemas as Avro JSON"),
    PZ_OPT_COMMON(struct import_cfg, common),
    PZ_END
};

static enum pz_status write_text(const struct pz_str *text, struct pz_err *err)
{
    if (text->failed)
        return pz_err_memory(err, "the report", (double)text->len);
    fwrite(text->data, 1, text->len, stdout); /* checked when stdout is closed */
    return PZ_OK;
}

/* ---- info, export, merge ---- */

static enum pz_status open_operands(const struct pz_strs *args, size_t max, struct pz_dataset **ds,
                                    struct pz_err *err)
{
    if (args->n == 0 || args->n > max)
        return pz_err_set(err, PZ_USAGE,
                          max == 1 ? "one dataset (*.pzd) is needed as operand"
                                   : "name the datasets (*.pzd) as operands");
    return pz_dataset_open(args->v, args->n, ds, err);
}

static enum pz_status run_info(const struct import_cfg *cfg, const struct pz_strs *args,
                               struct pz_err *err)
{
    struct pz_dataset *ds = NULL;
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = open_operands(args, SIZE_MAX, &ds, err);

    if (st == PZ_OK) {
        doc = pz_info_json(ds);
        if (doc && cfg->common.json)
            pz_json_dump(&text, doc, true);
        else if (doc)
            pz_info_text(&text, doc);
        st = doc ? write_text(&text, err) : pz_err_memory(err, "the report", 1e4);
    }
    json_decref(doc);
    pz_str_clear(&text);
    pz_dataset_free(ds);
    return st;
}

static enum pz_status write_schema(const struct pz_dataset *ds, struct pz_out *out,
                                   struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_dataset_schema(ds, &text);
    st = text.failed ? pz_err_memory(err, "the schema", 1e4)
                     : pz_out_write(out, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

static enum pz_status run_export(const struct import_cfg *cfg, const struct pz_strs *args,
                                 struct pz_err *err)
{
    static const char *const tables[] = { "interactions", "items", "users" };
    struct pz_dataset *ds = NULL;
    struct pz_out *out = NULL;
    int table = 0;
    enum pz_status st = open_operands(args, SIZE_MAX, &ds, err);

    while (table < PZ_N_TABLES && strcmp(tables[table], cfg->export_table) != 0)
        table++;
    if (st == PZ_OK)
        st = pz_out_open(cfg->output ? cfg->output : "-", &out, err);
    if (st == PZ_OK)
        st = table < PZ_N_TABLES ? pz_export(ds, (enum pz_table_id)table, out, err)
                                 : write_schema(ds, out, err);
    if (st == PZ_OK)
        st = pz_out_commit(out, err);
    else
        pz_out_abort(out);
    pz_dataset_free(ds);
    return st;
}

static enum pz_status need_output(const struct import_cfg *cfg, struct pz_err *err)
{
    if (cfg->output)
        return PZ_OK;
    return pz_err_set(err, PZ_USAGE, "-o FILE is needed: the dataset to write");
}

static enum pz_status run_merge(const struct import_cfg *cfg, const struct pz_strs *args,
                                struct pz_log *log, struct pz_err *err)
{
    struct pz_dataset *ds = NULL;
    enum pz_status st = need_output(cfg, err);

    if (st == PZ_OK)
        st = open_operands(args, SIZE_MAX, &ds, err);
    if (st == PZ_OK)
        st = pz_dataset_save(ds, cfg->output, err);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%zu datasets merged: %llu interactions, %u users, %u items",
               args->n, (unsigned long long)ds->n_interactions, ds->users.n, ds->items.n);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"interactions\":%llu,\"users\":%u,\"items\":%u}\n",
               (unsigned long long)ds->n_interactions, ds->users.n, ds->items.n);
    pz_dataset_free(ds);
    return st;
}

/* ---- import ---- */

/* "--map A=b,C=d" gives two entries; the copy that they point into is kept in *copies. */
static enum pz_status split_maps(const struct pz_strs *given, struct pz_strs *pairs,
                                 struct pz_arena *copies, struct pz_err *err)
{
    for (size_t i = 0; i < given->n; i++) {
        char *save = NULL, *copy = pz_arena_strndup(copies, given->v[i], strlen(given->v[i]));

        for (char *pair = copy ? strtok_r(copy, ",", &save) : NULL; pair;
             pair = strtok_r(NULL, ",", &save)) {
            const char *equals = strchr(pair, '=');

            if (!equals || equals == pair || !equals[1])
                return pz_err_set(err, PZ_USAGE, "--map: \"%s\" is not NAME=COLUMN", pair);
            if (!pz_strs_add(pairs, pair))
                copy = NULL;
        }
        if (!copy)
            return pz_err_memory(err, "--map", 1e3);
    }
    return PZ_OK;
}

/* The options that say how the tables are written. */
static enum pz_status take_options(const struct import_cfg *cfg, struct pz_import_cfg *import,
                                   struct pz_strs *null, struct pz_arena *copies,
                                   struct pz_err *err)
{
    char *save = NULL;
    char *copy = cfg->null ? pz_arena_strndup(copies, cfg->null, strlen(cfg->null)) : NULL;

    import->text.delimiter = cfg->delimiter;
    import->text.header = cfg->header;
    import->text.skip_lines = (unsigned)cfg->skip_lines;
    import->time_format = cfg->time_format;
    import->no_time = cfg->no_time;
    import->number = cfg->number;
    import->list = cfg->list;
    import->like = cfg->like != NULL;
    import->null = cfg->null ? null : NULL;
    for (char *one = copy ? strtok_r(copy, ",", &save) : NULL; one;
         one = strtok_r(NULL, ",", &save))
        if (!pz_strs_add(null, one))
            return pz_err_memory(err, "--null", 1e3);
    for (size_t i = 0; i < cfg->list.n; i++) {
        const char *equals = strchr(cfg->list.v[i], '=');

        if (!equals || equals == cfg->list.v[i] || !equals[1])
            return pz_err_set(err, PZ_USAGE, "--list: \"%s\" is not COLUMN=SEPARATOR",
                              cfg->list.v[i]);
    }
    return cfg->null && !copy ? pz_err_memory(err, "--null", 1e3) : PZ_OK;
}

/* The types of another dataset. */
static enum pz_status read_like(const struct import_cfg *cfg, struct pz_schema *schema,
                                struct pz_err *err)
{
    struct pz_dataset *ds = NULL;
    struct pz_str text = { 0 };
    enum pz_status st = PZ_OK;

    if (cfg->schema.n > 0)
        return pz_err_set(err, PZ_USAGE, "--like and --schema both say the types");
    st = pz_dataset_open(&cfg->like, 1, &ds, err);
    if (st == PZ_OK) {
        pz_dataset_schema(ds, &text);
        st = text.failed ? pz_err_memory(err, "the schema", 1e4)
                         : pz_schema_add(schema, text.data, text.len, cfg->like, err);
    }
    pz_str_clear(&text);
    pz_dataset_free(ds);
    return st;
}

static enum pz_status parse_max_errors(const char *text, struct pz_import_cfg *cfg,
                                       struct pz_err *err)
{
    size_t n = strlen(text);

    cfg->percent = n > 1 && text[n - 1] == '%';
    if (pz_str_to_double(text, n - cfg->percent, &cfg->max_errors) && cfg->max_errors >= 0 &&
        (!cfg->percent || cfg->max_errors <= 100))
        return PZ_OK;
    return pz_err_set(err, PZ_USAGE,
                      "--max-errors: \"%s\" is neither a number nor a share such as 1%%", text);
}

/* One line accounts for every row. It is the last one of a run, so that of a failed run too. */
static void add_counts(struct pz_str *text, const struct pz_import_count *count)
{
    static const char *const names[] = { "interactions", "items", "users" };

    for (int t = 0; t < PZ_N_TABLES; t++)
        if (count[t].read > 0)
            pz_str_addf(text, "%s%s: read %llu, kept %llu, rejected %llu, duplicate %llu",
                        text->len ? "; " : "", names[t], (unsigned long long)count[t].read,
                        (unsigned long long)count[t].kept, (unsigned long long)count[t].rejected,
                        (unsigned long long)count[t].duplicate);
    if (count[PZ_INTERACTIONS].read == 0)
        pz_str_adds(text, text->len ? "; no interactions: for an update (pz-train --update)" : "");
    for (int t = PZ_ITEMS; t < PZ_N_TABLES; t++)
        if (count[PZ_INTERACTIONS].read > 0 && count[t].ids > 0)
            pz_str_addf(text, "; %s: %llu of %llu occur in interactions%s", names[t],
                        (unsigned long long)count[t].joined, (unsigned long long)count[t].ids,
                        count[t].joined ? "" : " (are the ids written in the same way?)");
}

static void say_counts(const struct pz_import_count *count, enum pz_status st, struct pz_log *log,
                       struct pz_err *err)
{
    struct pz_str text = { 0 };
    char reason[sizeof err->text];

    memcpy(reason, err->text, sizeof reason);
    add_counts(&text, count);
    for (int t = 0; t < PZ_N_TABLES; t++) {
        pz_ledger_count("rows_in", count[t].read);
        pz_ledger_count("rows_rejected", count[t].rejected);
    }
    if (text.len > 0 && !text.failed && st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s", text.data);
    else if (text.len > 0 && !text.failed && st == PZ_BAD_DATA)
        pz_err_set(err, st, "%s; %s", reason, text.data);
    pz_str_clear(&text);
}

/* {"interactions":{"read":3,"kept":2,"rejected":1,"duplicate":0},"items":...}: the tables that were
 * given. */
static void print_counts(const struct pz_import_count *count)
{
    static const char *const tables[] = { "interactions", "items", "users" };

    for (size_t t = 0; t < PZ_N_TABLES; t++) {
        if (count[t].read == 0)
            continue;
        printf("%s\"%s\":{\"read\":%llu,\"kept\":%llu,\"rejected\":%llu,\"duplicate\":%llu",
               t ? "," : "{", tables[t], (unsigned long long)count[t].read,
               (unsigned long long)count[t].kept, (unsigned long long)count[t].rejected,
               (unsigned long long)count[t].duplicate);
        if (t != PZ_INTERACTIONS)
            printf(",\"ids\":%llu,\"joined\":%llu", (unsigned long long)count[t].ids,
                   (unsigned long long)count[t].joined);
        printf("}");
    }
    printf("}\n");
}

/* A word as a shell reads it back. */
static void add_word(struct pz_str *line, const char *word)
{
    bool plain = word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "_-./,=:+@%")] == '\0' &&
                 *word;

    if (plain) {
        pz_str_adds(line, word);
        return;
    }
    pz_str_addc(line, '\'');
    for (; *word; word++)
        pz_str_adds(line, *word == '\'' ? "'\\''" : (const char[]){ *word, '\0' });
    pz_str_addc(line, '\'');
}

/* The command line that says what was guessed. */
static void add_command(struct pz_str *line, const struct import_cfg *cfg,
                        const struct pz_import_cfg *import)
{
    static const char *const options[] = { "--interactions", "--items", "--users" };

    pz_str_adds(line, "pz-import -o ");
    add_word(line, cfg->output ? cfg->output : "data.pzd");
    for (int t = 0; t < PZ_N_TABLES; t++)
        for (size_t i = 0; i < import->files[t].n; i++) {
            pz_str_addf(line, " %s ", options[t]);
            add_word(line, import->files[t].v[i]);
        }
    if (import->text.header) {
        pz_str_adds(line, " --header ");
        add_word(line, import->text.header);
    }
    for (size_t i = 0; i < import->map.n; i++) {
        pz_str_adds(line, i ? "," : " --map ");
        add_word(line, import->map.v[i]);
    }
    pz_str_adds(line, import->no_time ? " --no-time" : "");
}

/* Add what the names in the files tell, and report it as a command line. */
static enum pz_status guess(const struct import_cfg *cfg, struct pz_import_cfg *import,
                            struct pz_arena *copies, struct pz_err *err)
{
    struct pz_guess found = { .header = NULL };
    struct pz_str line = { 0 };
    enum pz_status st = pz_import_guess(import, copies, &found, err);

    for (size_t i = 0; i < found.map.n && st == PZ_OK; i++)
        if (!pz_strs_add(&import->map, found.map.v[i]))
            st = pz_err_memory(err, "--map", 1e3);
    pz_strs_clear(&found.map);
    if (st != PZ_OK)
        return st;
    import->text.header = found.header ? found.header : import->text.header;
    import->no_time |= found.no_time;
    add_command(&line, cfg, import);
    if (line.failed)
        st = pz_err_memory(err, "the command line", 1e4);
    else if (cfg->output)
        pz_log(import->log, PZ_LOG_NOTE, "%s", line.data);
    else
        printf("%s\n", line.data);
    pz_str_clear(&line);
    return st;
}

/* The files of the tables: what the options name, directories as the files in them, and operands as
 * more interactions, so that --interactions part-*.csv does what it looks like. */
static enum pz_status find_files(const struct import_cfg *cfg, const struct pz_strs *args,
                                 struct pz_import_cfg *import, struct pz_arena *copies,
                                 struct pz_err *err)
{
    const struct pz_strs *given[] = { &cfg->interactions, &cfg->items, &cfg->users };
    size_t n = 0;
    enum pz_status st = PZ_OK;

    if (args->n > 0 &&
        (cfg->items.n > 0 || cfg->users.n > 0 || (cfg->interactions.n == 0 && !cfg->guess)))
        return pz_err_set(err, PZ_USAGE,
                          "unexpected operand %s; tables are given with --interactions, --items, "
                          "--users, each file with its own",
                          args->v[0]);
    for (int t = 0; t < PZ_N_TABLES && st == PZ_OK; t++)
        st = pz_import_files(given[t], copies, &import->files[t], err);
    if (st == PZ_OK)
        st = pz_import_files(args, copies, &import->files[PZ_INTERACTIONS], err);
    for (int t = 0; t < PZ_N_TABLES; t++)
        n += import->files[t].n;
    if (st == PZ_OK && n == 0)
        st = pz_err_set(err, PZ_USAGE,
                        "--interactions FILE is needed, or --items FILE or --users FILE alone for "
                        "an update");
    return st;
}

/* Everything that an import needs from the options. */
static enum pz_status configure(const struct import_cfg *cfg, const struct pz_strs *args,
                                struct pz_import_cfg *import, struct pz_strs *null,
                                struct pz_arena *copies, struct pz_err *err)
{
    enum pz_status st = parse_max_errors(cfg->max_errors, import, err);

    if (st == PZ_OK)
        st = find_files(cfg, args, import, copies, err);
    if (st == PZ_OK)
        st = split_maps(&cfg->map, &import->map, copies, err);
    if (st == PZ_OK)
        st = take_options(cfg, import, null, copies, err);
    return st == PZ_OK && cfg->guess ? guess(cfg, import, copies, err) : st;
}

static enum pz_status read_schemas(const struct import_cfg *cfg, struct pz_schema *schema,
                                   struct pz_err *err)
{
    enum pz_status st = cfg->like ? read_like(cfg, schema, err) : PZ_OK;

    for (size_t i = 0; i < cfg->schema.n && st == PZ_OK; i++)
        st = pz_schema_read(cfg->schema.v[i], schema, err);
    return st;
}

/* Read the tables as the options say. percent: bad rows to tolerate, whatever --max-errors says; <
 * 0: as it says. count is filled also when the status is PZ_BAD_DATA. *ds stays NULL when there is only
 * a guess to print. */
static enum pz_status import_tables(const struct import_cfg *cfg, const struct pz_strs *args,
                                    double percent, struct pz_log *log, struct pz_dataset **ds,
                                    struct pz_import_count *count, struct pz_err *err)
{
    struct pz_schema schema = { .n = { 0 } };
    struct pz_arena copies = { NULL };
    struct pz_strs null = { NULL };
    struct pz_import_cfg import = { .schema = &schema,
                                    .text.backslash = strcmp(cfg->escape, "backslash") == 0,
                                    .reject = cfg->reject,
                                    .log = log };
    enum pz_status st = configure(cfg, args, &import, &null, &copies, err);

    if (percent >= 0) {
        import.max_errors = percent;
        import.percent = true;
    }
    if (st == PZ_OK)
        st = read_schemas(cfg, &schema, err);
    if (st == PZ_OK && (cfg->output || !cfg->guess))
        st = pz_import(&import, ds, count, err);
    for (int t = 0; t < PZ_N_TABLES; t++)
        pz_strs_clear(&import.files[t]);
    pz_strs_clear(&import.map);
    pz_strs_clear(&null);
    pz_arena_clear(&copies);
    pz_schema_clear(&schema);
    return st;
}

static enum pz_status run_import(const struct import_cfg *cfg, const struct pz_strs *args,
                                 struct pz_log *log, struct pz_err *err)
{
    struct pz_import_count count[PZ_N_TABLES] = { { 0 } };
    struct pz_dataset *ds = NULL;
    enum pz_status st = cfg->guess ? PZ_OK : need_output(cfg, err);

    if (st == PZ_OK)
        st = import_tables(cfg, args, -1, log, &ds, count, err);
    if (st == PZ_OK && ds)
        st = pz_dataset_save(ds, cfg->output, err);
    say_counts(count, st, log, err);
    if (st == PZ_OK && ds && cfg->common.json)
        print_counts(count);
    pz_dataset_free(ds);
    return st;
}

/* ---- check ---- */

static enum pz_status print_check(const struct import_cfg *cfg, const json_t *doc,
                                  struct pz_err *err)
{
    struct pz_str text = { 0 };
    size_t serious = pz_check_serious(doc);
    enum pz_status st;

    if (cfg->common.json)
        pz_json_dump(&text, doc, true);
    else
        pz_check_text(&text, doc);
    st = write_text(&text, err);
    pz_str_clear(&text);
    if (st == PZ_OK && cfg->strict && serious > 0)
        st = pz_err_set(err, PZ_NEGATIVE, "%zu serious insight%s", serious,
                        serious == 1 ? "" : "s");
    return st;
}

/* Bad rows are an insight here, not a failure. */
static enum pz_status run_check(const struct import_cfg *cfg, const struct pz_strs *args,
                                struct pz_log *log, struct pz_err *err)
{
    bool raw = cfg->interactions.n > 0;
    struct pz_import_count count[PZ_N_TABLES] = { { 0 } };
    struct pz_dataset *ds = NULL;
    json_t *doc = NULL;
    enum pz_status st = PZ_OK;

    if (cfg->output)
        st = pz_err_set(err, PZ_USAGE, "--check writes no dataset; leave -o out");
    else if (raw && args->n > 0)
        st = pz_err_set(err, PZ_USAGE, "--check takes tables or datasets, not both");
    if (st == PZ_OK)
        st = raw ? import_tables(cfg, args, 100, log, &ds, count, err)
                 : open_operands(args, SIZE_MAX, &ds, err);
    if (st == PZ_OK)
        st = pz_check(ds, pz_time_now(), raw ? count : NULL, &doc, err);
    if (raw)
        say_counts(count, st, log, err);
    if (st == PZ_OK)
        st = print_check(cfg, doc, err);
    json_decref(doc);
    pz_dataset_free(ds);
    return st;
}

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    const struct import_cfg *cfg = config;

    if (cfg->merge + cfg->info + cfg->check + (cfg->export_table != NULL) > 1)
        return pz_err_set(err, PZ_USAGE,
                          "--merge, --info, --check and --export exclude each other");
    if (cfg->merge)
        return run_merge(cfg, args, log, err);
    if (cfg->info)
        return run_info(cfg, args, err);
    if (cfg->check)
        return run_check(cfg, args, log, err);
    if (cfg->export_table)
        return run_export(cfg, args, err);
    return run_import(cfg, args, log, err);
}

static const struct pz_cmd command = {
    .name = "pz-import",
    .synopsis = "-o FILE.pzd --interactions FILE... [--items FILE] [--users FILE] [OPTION]...\n"
                "--guess [-o FILE.pzd] FILE... [OPTION]...\n"
                "--merge -o FILE.pzd A.pzd B.pzd...\n"
                "--info FILE.pzd\n"
                "--check FILE.pzd | --check --interactions FILE [OPTION]...\n"
                "--export interactions|items|users|schema [-o FILE] FILE.pzd",
    .summary = "Turn interaction logs into a dataset file, check it, show it, merge and export it.",
    .examples =
        "pz-import -o shop.pzd --interactions clicks.csv --items items.csv\n"
        "pz-import -o shop.pzd --interactions - --map USER_ID=customer,ITEM_ID=sku < log.jsonl\n"
        "pz-import --check --json shop.pzd\n"
        "pz-import --info shop.pzd",
    .opts = opts,
    .cfg_bytes = sizeof(struct import_cfg),
    .common_offset = offsetof(struct import_cfg, common),
    .operands = "file",
    .run = run,
};

int main(int argc, char **argv)
{
    return pz_cmd_main(&command, argc, argv);
}
