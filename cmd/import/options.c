/* SPDX-License-Identifier: Apache-2.0 */
/* From the options to an import: files, column mapping, how cells are written, types.
 *
 * What is given beats what is guessed: --guess adds mappings for columns that no --map names, a
 * header where the first line is data, and --no-time where no column is a time; it prints the
 * command line that says the same without it. Texts of options are copied into an arena that lives
 * as long as the import. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/import/import.h"
#include "data/schema.h"
#include "import/files.h"
#include "import/guess.h"

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
    import->text.unquoted = cfg->unquoted;
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
        if (equals - cfg->list.v[i] == 7 && strncasecmp(cfg->list.v[i], "ITEM_ID", 7) == 0)
            import->basket = equals + 1;
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

/* Options that say how the files are written, as they were given. */
static void add_given(struct pz_str *line, const struct import_cfg *cfg)
{
    const struct {
        const char *option, *value;
    } given[] = { { "--delimiter", cfg->delimiter },     { "--unquoted", cfg->unquoted },
                  { "--time-format", cfg->time_format }, { "--null", cfg->null },
                  { "--reject", cfg->reject },           { "--like", cfg->like } };

    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value) {
            pz_str_addf(line, " %s ", given[i].option);
            pz_str_add_shell(line, given[i].value);
        }
    if (strcmp(cfg->escape, "double") != 0)
        pz_str_addf(line, " --escape %s", cfg->escape);
    if (strcmp(cfg->max_errors, "0") != 0)
        pz_str_addf(line, " --max-errors %s", cfg->max_errors);
    if (cfg->skip_lines > 0)
        pz_str_addf(line, " --skip-lines %d", (int)cfg->skip_lines);
    for (size_t i = 0; i < cfg->number.n; i++) {
        pz_str_adds(line, " --number ");
        pz_str_add_shell(line, cfg->number.v[i]);
    }
    for (size_t i = 0; i < cfg->list.n; i++) {
        pz_str_adds(line, " --list ");
        pz_str_add_shell(line, cfg->list.v[i]);
    }
    for (size_t i = 0; i < cfg->schema.n; i++) {
        pz_str_adds(line, " --schema ");
        pz_str_add_shell(line, cfg->schema.v[i]);
    }
}

/* The command line that says what was guessed. */
static void add_command(struct pz_str *line, const struct import_cfg *cfg,
                        const struct pz_import_cfg *import, const struct pz_guess *found)
{
    static const char *const options[] = { "--interactions", "--items", "--users" };

    pz_str_adds(line, "pz-import -o ");
    pz_str_add_shell(line, cfg->output ? cfg->output : "data.pzd");
    for (int t = 0; t < PZ_N_TABLES; t++)
        for (size_t i = 0; i < import->files[t].n; i++) {
            pz_str_addf(line, " %s ", options[t]);
            pz_str_add_shell(line, import->files[t].v[i]);
        }
    add_given(line, cfg);
    if (found->delimiter) {
        pz_str_adds(line, " --delimiter ");
        pz_str_add_shell(line, found->delimiter);
    }
    if (import->text.header) {
        pz_str_adds(line, " --header ");
        pz_str_add_shell(line, import->text.header);
    }
    for (size_t i = 0; i < import->map.n; i++) {
        pz_str_adds(line, i ? "," : " --map ");
        pz_str_add_shell(line, import->map.v[i]);
    }
    if (found->basket) {
        pz_str_addf(line, " --list ITEM_ID=");
        pz_str_add_shell(line, found->basket);
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
    import->text.delimiter = found.delimiter ? found.delimiter : import->text.delimiter;
    import->basket = found.basket ? found.basket : import->basket;
    import->no_time |= found.no_time;
    add_command(&line, cfg, import, &found);
    if (line.failed)
        st = pz_err_memory(err, "the command line", 1e4);
    else if (cfg->output)
        pz_log(import->log, PZ_LOG_NOTE, "%s", line.data);
    else
        printf("%s\n", line.data);
    if (found.header && cfg->output)
        pz_log(
            import->log, PZ_LOG_NOTE,
            "the first line is data: which column is the user and which the item is told by %s%s",
            found.swapped ? "their order; if it is otherwise, say --header " : "what the rows hold",
            found.swapped ? found.swapped : "");
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

enum pz_status import_tables(const struct import_cfg *cfg, const struct pz_strs *args,
                             double percent, struct pz_log *log, struct pz_dataset **ds,
                             struct pz_import_count *count, struct pz_err *err)
{
    struct pz_schema schema = { .n = { 0 } };
    struct pz_arena copies = { NULL };
    struct pz_strs null = { .n = 0 };
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
