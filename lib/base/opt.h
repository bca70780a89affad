/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: one table a program sets the defaults, parses and checks the command line, prints
 * -h and writes the OPTIONS section of the manual and the shell completions, so that none can
 * drift.
 *
 * A program is a struct pz_cmd; a program with subcommands (pz-deploy publish ...) is a pz_cmd
 * whose .sub lists them. Long options may be cut to an unambiguous prefix; --name=value and --name
 * value are the same; "--" ends options; options and operands may be mixed. Every table ends with
 * PZ_OPT_COMMON, then PZ_END.
 *
 * Threads: the main thread, before it starts others. */
#ifndef PZ_BASE_OPT_H
#define PZ_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum pz_opt_kind {
    PZ_OPT_END,
    PZ_OPT_FLAG, /* bool, set to true */
    PZ_OPT_INT,  /* long long in [min, max] */
    PZ_OPT_REAL, /* double in [min, max] */
    PZ_OPT_STR,  /* const char *, borrowed from argv */
    PZ_OPT_OUT,  /* as PZ_OPT_STR: a file that the program writes; see pz_cmd_main */
    PZ_OPT_LIST  /* struct pz_strs, one entry an occurrence, in order */
};

/* A list of borrowed strings. Free with pz_strs_clear. */
struct pz_strs {
    const char **v;
    size_t n, cap;
};

/* Append one; false when memory is out. */
bool pz_strs_add(struct pz_strs *list, const char *s);
void pz_strs_clear(struct pz_strs *list);

struct pz_opt {
    enum pz_opt_kind kind;
    char letter;         /* 0: long name only */
    const char *name;    /* without "--" */
    size_t offset;       /* of the field in the program's configuration struct */
    const char *def;     /* default as text; NULL: none. "0 (no limit)": 0, shown as "no limit" */
    double min, max;     /* of INT and REAL */
    const char *shown;   /* name of the value in help; for STR a list "a|b|c" is enforced (in any
                            case) and completed */
    const char *meaning; /* one or more sentences, no markup, no final period */
};

/* One line a row; `type` is the configuration struct, `field` its member of the kind's type. */
#define PZ_FLAG(l, name, type, field, meaning)                                 \
    {                                                                          \
        PZ_OPT_FLAG, l, name, offsetof(type, field), NULL, 0, 0, NULL, meaning \
    }
#define PZ_INT(l, name, type, field, def, min, max, shown, meaning)               \
    {                                                                             \
        PZ_OPT_INT, l, name, offsetof(type, field), def, min, max, shown, meaning \
    }
#define PZ_REAL(l, name, type, field, def, min, max, shown, meaning)               \
    {                                                                              \
        PZ_OPT_REAL, l, name, offsetof(type, field), def, min, max, shown, meaning \
    }
#define PZ_STR(l, name, type, field, def, shown, meaning)                     \
    {                                                                         \
        PZ_OPT_STR, l, name, offsetof(type, field), def, 0, 0, shown, meaning \
    }
#define PZ_OUT(l, name, type, field, def, shown, meaning)                     \
    {                                                                         \
        PZ_OPT_OUT, l, name, offsetof(type, field), def, 0, 0, shown, meaning \
    }
#define PZ_LIST(l, name, type, field, shown, meaning)                           \
    {                                                                           \
        PZ_OPT_LIST, l, name, offsetof(type, field), NULL, 0, 0, shown, meaning \
    }
#define PZ_END                                         \
    {                                                  \
        PZ_OPT_END, 0, NULL, 0, NULL, 0, 0, NULL, NULL \
    }

/* What every program shares; a configuration struct has it as a member. */
struct pz_common {
    bool quiet, verbose, json;
    long long threads; /* 0: all cores */
    const char *log_format, *ledger, *max_memory;
};
#define PZ_OPT_COMMON(type, member)                                                              \
    PZ_FLAG(0, "json", type, member.json, "print the result as JSON on standard output"),        \
        PZ_INT('j', "threads", type, member.threads,                                             \
               "0 (PZ_THREADS, OMP_NUM_THREADS, else all cores)", 0, 1024, "N",                  \
               "threads to use; 0: all. The result does not depend on it"),                      \
        PZ_FLAG('q', "quiet", type, member.quiet, "print nothing on standard error but errors"), \
        PZ_FLAG('v', "verbose", type, member.verbose, "print more on standard error"),           \
        PZ_STR(0, "log-format", type, member.log_format, "text", "text|json",                    \
               "how to write messages on standard error"),                                       \
        PZ_STR(0, "max-memory", type, member.max_memory, NULL, "SIZE",                           \
               "use no more memory than this (800M, 2G); where that does not do, end with exit " \
               "code 75 and say what was needed"),                                               \
        PZ_STR(                                                                                  \
            0, "ledger", type, member.ledger, NULL, "FILE",                                      \
            "append a line of JSON about this run: what, on how much, at what cost, its result")

/* The work of a program or subcommand: cfg is filled; args the operands; log is set up. Returns the
 * exit status and leaves the reason in err. */
typedef enum pz_status pz_cmd_run(void *cfg, struct pz_strs *args, struct pz_log *log,
                                  struct pz_err *err);

struct pz_cmd {
    const char *name;     /* "pz-train", or "publish" in a .sub list */
    const char *synopsis; /* lines of usage without the name, separated by '\n'; with .sub what
                             follows the subcommand */
    const char *summary;  /* one line for people */
    const char *examples; /* whole command lines, separated by '\n'; may be NULL */
    const struct pz_opt *opts;
    size_t cfg_bytes;         /* sizeof the configuration struct (without .sub) */
    size_t common_offset;     /* of its struct pz_common */
    const char *operands;     /* for completion: "file", or suffixes of names "pzm|pzc" */
    bool campaign;            /* PZ_CAMPAIGN stands for the operand where there is none */
    unsigned format;          /* version of .pzd and .pzm files, for --version */
    bool learns;              /* thousands of short parallel loops: threads that wait sleep */
    void (*start)(void);      /* before options are looked at (pz_ranks_start); may be NULL */
    const struct pz_cmd *sub; /* subcommands, ended by .name = NULL; NULL: none */
    pz_cmd_run *run;
    /* What an option can take, or operands ("") beside files, for completion: words separated by
     * blanks; nothing for others. May be NULL. */
    void (*values)(const char *option, struct pz_str *out);
    /* A section of the manual made from tables, in mdoc (--help-settings). May be NULL. */
    void (*settings)(struct pz_str *out);
};

/* The whole of a main(): open /dev/null where 0, 1 or 2 is closed (a file opened later would get
 * that number, and messages would be written into it); refuse an output (PZ_OUT) that is the same
 * file as any other value or operand (PZ_USAGE); parse, answer -h/--help/-V/--version (and
 * --help-options, --help-settings, --help-completion for the build), set up log, threads and
 * signals, run, print "PROGRAM: error" on failure, flush and close stdout (a failing close is
 * PZ_IO; SIGPIPE stays quiet: exit 141 without a word). Returns the exit code. */
int pz_cmd_main(const struct pz_cmd *cmd, int argc, char **argv);

/* Print a text on standard output and clear it.
 *
 * what     it is, for the error
 * Errors:  PZ_TRY_AGAIN memory was out while it was made. Writing is checked when stdout is
 *          closed */
enum pz_status pz_cmd_print(struct pz_str *text, const char *what, struct pz_err *err);

/* Print name, version and commit of the program, the version of its files, and the shared libraries
 * loaded into it, on standard output. */
void pz_version_print(const struct pz_cmd *cmd);

/* Print the help of a command, or of a program with subcommands, on standard output; program is the
 * name of the whole. Wrapped to the terminal, or to 79 columns where there is none. */
void pz_help_print(const char *program, const struct pz_cmd *cmd);

/* Print the OPTIONS section of the manual page, in mdoc, on standard output. */
void pz_help_mdoc(const struct pz_cmd *cmd);

/* Whether the value is one of a closed list "a|b|c"; what is shown as "FILE|-" and the like is not.
 */
bool pz_opt_is_choice(const struct pz_opt *opt);

/* Print a completion script for bash, or for zsh, on standard output. */
void pz_cmd_complete(const struct pz_cmd *cmd, bool zsh);

/* Parse only, for tests: fills cfg (all-zero at first) from defaults and argv[1..], operands to
 * args. *args by pz_strs_clear and cfg by pz_opt_clear.
 * Errors: PZ_USAGE with a sentence and what was perhaps meant; PZ_TRY_AGAIN memory is out */
enum pz_status pz_opt_parse(const struct pz_opt *opts, int argc, char **argv, void *cfg,
                            struct pz_strs *args, struct pz_err *err);

/* The ids of an option that may be given several times: each value is a row of CSV ("a,b" in quotes
 * is one id), or @FILE with such rows; empty ids are left out.
 *
 * given    none: *n = 0 and *ids is NULL
 * Errors:  PZ_TRY_AGAIN memory; as pz_file_read for @FILE; PZ_USAGE a quote that is not closed
 * Owner:   *ids is the arena's */
enum pz_status pz_opt_ids(const struct pz_strs *given, struct pz_arena *arena,
                          const char *const **ids, size_t *n, struct pz_err *err);

/* Free the lists inside cfg. */
void pz_opt_clear(const struct pz_opt *opts, void *cfg);

#endif
