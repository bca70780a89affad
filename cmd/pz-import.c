/* SPDX-License-Identifier: Apache-2.0 */
/* pz-import: interaction logs become a dataset file. The option table; the modes are in import/ and
 * are told by --merge, --info, --check and --export; without them: import. */
#include "cmd/import/import.h"
#include "table/table.h"

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
    PZ_STR(
        0, "header", struct import_cfg, header, NULL, "NAME,...",
        "names of the columns of files that have no header line, of interactions if there are any"),
    PZ_INT(0, "skip-lines", struct import_cfg, skip_lines, "0", 0, 1000000, "N",
           "lines above the header to pass over"),
    PZ_STR(
        0, "null", struct import_cfg, null, NULL, "TEXT,...",
        "cells that mean no value, besides empty ones. Otherwise those of pandas: NaN, NULL, None, "
        "N/A and the like; '' means none"),
    PZ_STR(0, "time-format", struct import_cfg, time_format, NULL, "FORMAT",
           "how TIMESTAMP is written, as for strptime(3): %d.%m.%Y %H:%M; or one of seconds, "
           "milliseconds, microseconds, nanoseconds, iso, yyyymmdd, day-first, month-first, named, "
           "days (of a spreadsheet). Otherwise it is looked at"),
    PZ_FLAG(0, "no-time", struct import_cfg, no_time,
            "the interactions have no time: the order of their rows is their order in time"),
    PZ_LIST(0, "number", struct import_cfg, number, "COLUMN",
            "read COLUMN as numbers; cells that are none are null. May be given several times"),
    PZ_LIST(0, "list", struct import_cfg, list, "COLUMN=SEP",
            "COLUMN holds lists whose parts are separated by SEP; a list of ITEM_ID becomes an "
            "interaction with each. May be given several times"),
    PZ_OUT(0, "reject", struct import_cfg, reject, NULL, "FILE",
           "write every rejected row with its reason, as JSON Lines"),
    PZ_STR(0, "max-errors", struct import_cfg, max_errors, "0", "N|P%",
           "bad rows to tolerate, as a number or a share of all rows. With more the import fails "
           "and writes nothing"),
    PZ_STR(0, "unquoted", struct import_cfg, unquoted, NULL, "COLUMN",
           "cells of COLUMN may have the delimiter in them without quotes: in a line with too many "
           "cells those that are too many belong to it"),
    PZ_STR(0, "escape", struct import_cfg, escape, "double", "double|backslash",
           "how a quote is written inside quotes: doubled, or behind a backslash too"),
    PZ_FLAG(0, "merge", struct import_cfg, merge,
            "read the datasets named as operands as one and write it"),
    PZ_STR(
        0, "without", struct import_cfg, without, NULL, "FILE|-",
        "with --merge: leave out these users, who asked to be forgotten: ids one a line, or a CSV "
        "with USER_ID"),
    PZ_STR(
        0, "without-items", struct import_cfg, without_items, NULL, "FILE|-",
        "with --merge: leave out these items, which are no more, and what happened with them: ids "
        "one a line, or a CSV with ITEM_ID"),
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

static enum pz_status run(void *config, struct pz_strs *args, struct pz_log *log,
                          struct pz_err *err)
{
    const struct import_cfg *cfg = config;

    if (cfg->merge + cfg->info + cfg->check + (cfg->export_table != NULL) > 1)
        return pz_err_set(err, PZ_USAGE,
                          "--merge, --info, --check and --export exclude each other");
    if ((cfg->without || cfg->without_items) && !cfg->merge)
        return pz_err_set(err, PZ_USAGE, "%s goes with --merge",
                          cfg->without ? "--without" : "--without-items");
    if (cfg->merge)
        return import_merge(cfg, args, log, err);
    if (cfg->info)
        return import_info(cfg, args, err);
    if (cfg->check)
        return import_check(cfg, args, log, err);
    if (cfg->export_table)
        return import_export(cfg, args, err);
    return import_run(cfg, args, log, err);
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
    .operands = "pzd",
    .format = PZ_FORMAT_VERSION,
    .run = run,
};

int main(int argc, char **argv)
{
    return pz_cmd_main(&command, argc, argv);
}
