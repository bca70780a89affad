/* SPDX-License-Identifier: Apache-2.0 */
/* The main() that all programs share: which command, its options, its log and signals, the work,
 * the last words.
 *
 *   1. a word that is no option chooses the subcommand; "help" and "help COMMAND" are --help
 *   2. --help, --version and what the build asks for (--help-options, --help-completion) are
 * answered before anything is parsed, so that they work with any other mistake on the line
 *   3. options are parsed, threads and log set up, the signal handlers installed, and the work runs
 *   4. standard output is flushed and closed; a failure there is the program's failure */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ledger.h"
#include "base/limits.h"
#include "base/opt.h"
#include "base/par.h"
#include "base/ranks.h"
#include "base/signals.h"
#include "base/str.h"

enum { BROKEN_PIPE = 141 }; /* 128 and SIGPIPE, as a shell tells of it */

enum pz_status pz_cmd_print(struct pz_str *text, const char *what, struct pz_err *err)
{
    enum pz_status st = text->failed ? pz_err_memory(err, what, (double)text->len) : PZ_OK;

    if (st == PZ_OK && text->data)
        fwrite(text->data, 1, text->len, stdout); /* checked when it is closed */
    pz_str_clear(text);
    return st;
}

static void print_settings(const struct pz_cmd *cmd)
{
    struct pz_str text = { 0 };

    if (cmd->settings)
        cmd->settings(&text);
    pz_cmd_print(&text, "the settings", NULL);
}

/* Answers that need no configuration; true when one was given. whole: the program that the command
 * is of. */
static bool answer_help(const struct pz_cmd *whole, const struct pz_cmd *cmd, int argc, char **argv)
{
    const char *program = whole->name;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            pz_help_print(program, cmd);
        else if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0)
            pz_version_print(whole);
        else if (strcmp(argv[i], "--help-options") == 0)
            pz_help_mdoc(cmd);
        else if (strcmp(argv[i], "--help-settings") == 0)
            print_settings(cmd);
        else if (strcmp(argv[i], "--help-completion=bash") == 0)
            pz_cmd_complete(cmd, false);
        else if (strcmp(argv[i], "--help-completion=zsh") == 0)
            pz_cmd_complete(cmd, true);
        else
            continue;
        return true;
    }
    return false;
}

static const struct pz_cmd *find_sub(const struct pz_cmd *cmd, const char *word, struct pz_err *err)
{
    const char *names[64];
    size_t n = 0;

    for (const struct pz_cmd *sub = cmd->sub; sub->name && n < 64; sub++) {
        if (word && strcmp(sub->name, word) == 0)
            return sub;
        names[n++] = sub->name;
    }
    pz_err_set(err, PZ_USAGE, "%s%s%s; see %s --help", word ? "unknown command " : "which command",
               word ? word : "?", word ? pz_str_hint("", word, names, n).text : "", cmd->name);
    return NULL;
}

/* OpenMP's threads spin while they wait, and on a busy machine take the time of those they wait
 * for. It reads the environment before main, so that a program that has to say otherwise starts
 * itself again, once, before it asks anything of OpenMP: clang's leaves a mark in shared memory,
 * over which a later process of this number stumbles. */
static void wait_asleep(char **argv)
{
    char path[4096];
    ssize_t n = getenv("OMP_WAIT_POLICY") ? -1 : readlink("/proc/self/exe", path, sizeof path - 1);

    if (n <= 0 || setenv("OMP_WAIT_POLICY", "passive", 1) != 0)
        return;
    path[n] = '\0';
    execv(path, argv); /* where it cannot, it goes on as it is */
}

/* ---- outputs that are inputs ---- */

/* What is at a name ("-": the standard stream fd), of the kind "nothing" when that is no file. A
 * name may also be any other value of an option, so that only a look that failed for the device's
 * sake says nothing of it. */
static enum pz_status look(const char *name, int fd, struct stat *info, struct pz_err *err)
{
    int failed = (strcmp(name, "-") == 0 ? fstat(fd, info) : stat(name, info)) != 0 ? errno : 0;

    if (failed)
        info->st_mode = 0;
    return failed && pz_err_status(failed, PZ_OK) != PZ_OK
               ? pz_err_errno(err, PZ_IO, failed, "cannot look at %s", name)
               : PZ_OK;
}

/* Whether a folder is one of those above a file. */
static bool is_inside(const char *path, const struct stat *folder)
{
    char *real = realpath(path, NULL), *slash;
    struct stat above;
    bool found = false;

    while (real && !found && (slash = strrchr(real, '/')) != NULL) {
        *slash = '\0';
        found = stat(*real ? real : "/", &above) == 0 && pz_file_is_same(&above, folder);
    }
    free(real);
    return found;
}

/* An output that is there, and the option that names it. */
struct output {
    const struct pz_opt *opt;
    const char *path;
    struct stat info;
};

/* is_input  other names an input for sure: of a folder (a campaign, a store, files to import) all
 *           that is in it is one */
static enum pz_status refuse_same(const struct output *out, const char *other, bool is_input,
                                  struct pz_err *err)
{
    struct stat in;
    enum pz_status st = look(other, STDIN_FILENO, &in, err);

    if (st != PZ_OK)
        return st;
    return (S_ISREG(in.st_mode) && pz_file_is_same(&out->info, &in)) ||
                   (is_input && out->opt->kind == PZ_OPT_OUT && S_ISDIR(in.st_mode) &&
                    is_inside(out->path, &in))
               ? pz_err_set(err, PZ_USAGE,
                            "--%s %s is also an input (%s), which it would replace; write to "
                            "another file",
                            out->opt->name, out->path,
                            strcmp(other, "-") == 0 ? "standard input" : other)
               : PZ_OK;
}

/* An output against the value, or the values, of another option. */
static enum pz_status check_option(const struct output *out, const struct pz_opt *opt,
                                   const void *field, struct pz_err *err)
{
    bool is_input = opt->shown &&
                    (strcmp(opt->shown, "FILE") == 0 || strstr(opt->shown, "CAMPAIGN"));
    const char *value = opt->kind == PZ_OPT_STR || opt->kind == PZ_OPT_OUT
                            ? *(const char *const *)field
                            : NULL;
    const struct pz_strs *list = opt->kind == PZ_OPT_LIST ? field : NULL;
    enum pz_status st = PZ_OK;

    if (opt > out->opt && opt->kind == PZ_OPT_OUT && value && strcmp(out->path, value) == 0)
        return pz_err_set(err, PZ_USAGE, "--%s and --%s are one file", out->opt->name, opt->name);
    if (opt != out->opt && value)
        st = refuse_same(out, value, is_input, err);
    for (size_t i = 0; list && i < list->n && st == PZ_OK; i++)
        st = refuse_same(out, list->v[i], is_input, err);
    return st;
}

/* One output against every operand, every value of another option, and standard input. */
static enum pz_status check_output(const struct pz_opt *opts, const struct pz_opt *opt,
                                   const void *cfg, const struct pz_strs *args, struct pz_err *err)
{
    struct output out = { opt, *(const char *const *)((const char *)cfg + opt->offset), { 0 } };
    enum pz_status st = PZ_OK;

    if (!out.path)
        return PZ_OK;
    st = look(out.path, STDOUT_FILENO, &out.info, err);
    if (st == PZ_OK && S_ISREG(out.info.st_mode))
        st = refuse_same(&out, "-", true, err);
    for (size_t i = 0; i < args->n && st == PZ_OK && S_ISREG(out.info.st_mode); i++)
        st = refuse_same(&out, args->v[i], true, err);
    for (; opts->kind != PZ_OPT_END && st == PZ_OK; opts++)
        st = check_option(&out, opts, (const char *)cfg + opts->offset, err);
    return st;
}

static enum pz_status check_outputs(const struct pz_opt *opts, const void *cfg,
                                    const struct pz_strs *args, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    for (const struct pz_opt *opt = opts; opt->kind != PZ_OPT_END && st == PZ_OK; opt++)
        if (opt->kind == PZ_OPT_OUT || strcmp(opt->name, "ledger") == 0)
            st = check_output(opts, opt, cfg, args, err);
    return st;
}

/* ---- a name that is not there ---- */

enum { NAMES_MAX = 4096 };

/* The name in path's folder that is nearest to path's own, behind the same folder, as a question;
 * "" where there is none. */
static struct pz_hint near_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char *folder = slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup("./"),
         **names = calloc(NAMES_MAX, sizeof *names);
    DIR *dir = folder && names ? opendir(folder) : NULL;
    const struct dirent *entry;
    struct pz_hint hint = { "" };
    size_t n = 0;

    while (dir && n < NAMES_MAX && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && (names[n] = strdup(entry->d_name)) != NULL)
            n++;
    if (n > 0)
        hint = pz_str_hint(slash ? folder : "", base, (const char *const *)names, n);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    if (dir)
        closedir(dir);
    free(names);
    free(folder);
    return hint;
}

/* A name that the text speaks of and that is not there, in place of a shorter one, which may be a
 * word of the text by chance. */
static void take_missing(const char *path, const struct pz_err *err, const char **found)
{
    struct stat info;

    if (path && strstr(err->text, path) && (!*found || strlen(path) > strlen(*found)) &&
        stat(path, &info) != 0 && errno == ENOENT)
        *found = path;
}

/* Put what may have been meant behind the text that says that an input is missing. */
static void suggest_file(const struct pz_opt *opt, const void *cfg, const struct pz_strs *args,
                         struct pz_err *err)
{
    const char *path = NULL;
    size_t n = strlen(err->text);

    for (size_t i = 0; i < args->n; i++)
        take_missing(args->v[i], err, &path);
    for (; opt->kind != PZ_OPT_END; opt++) {
        const void *field = (const char *)cfg + opt->offset;
        const struct pz_strs *list = opt->kind == PZ_OPT_LIST ? field : NULL;

        if (opt->kind == PZ_OPT_STR)
            take_missing(*(const char *const *)field, err, &path);
        for (size_t i = 0; list && i < list->n; i++)
            take_missing(list->v[i], err, &path);
    }
    if (path)
        snprintf(err->text + n, sizeof err->text - n, "%s", near_name(path).text);
}

/* PZ_THREADS where no option says how many, PZ_CAMPAIGN where no operand names one. */
static enum pz_status heed_environment(const struct pz_cmd *cmd, const void *cfg,
                                       struct pz_strs *args, long long *threads, struct pz_err *err)
{
    const struct pz_common *common = (const struct pz_common *)((const char *)cfg +
                                                                cmd->common_offset);
    const char *n = getenv("PZ_THREADS"), *campaign = cmd->campaign ? getenv("PZ_CAMPAIGN") : NULL;

    *threads = common->threads;
    if (*threads == 0 && n && *n &&
        (!pz_str_to_i64(n, strlen(n), threads) || *threads < 0 || *threads > 1024))
        return pz_err_set(err, PZ_USAGE, "PZ_THREADS: \"%s\" is not a whole number from 0 to 1024",
                          n);
    if (args->n == 0 && campaign && *campaign && !pz_strs_add(args, campaign))
        return pz_err_memory(err, "the options", 1e3);
    return PZ_OK;
}

/* Append the line of a run that ended with st. Returns what the run ends with now: its own failure,
 * where it has one, and that of the ledger is said. */
static enum pz_status write_ledger(const char *path, const char *program, const struct pz_cmd *cmd,
                                   enum pz_status st, struct pz_log *log, struct pz_err *err)
{
    struct pz_err unwritten = { 0 };
    enum pz_status of_ledger = pz_ledger_append(path, program,
                                                cmd->name == program ? NULL : cmd->name, st, err,
                                                &unwritten);

    if (st == PZ_OK && of_ledger != PZ_OK)
        *err = unwritten;
    else if (of_ledger != PZ_OK)
        pz_log(log, PZ_LOG_ERROR, "%s", unwritten.text);
    return st == PZ_OK ? of_ledger : st;
}

static enum pz_status run_command(const char *program, const struct pz_cmd *cmd, int argc,
                                  char **argv, struct pz_err *err)
{
    void *cfg = calloc(1, cmd->cfg_bytes);
    struct pz_strs args = { 0 };
    struct pz_log *log = NULL;
    long long threads = 0;
    enum pz_status st;

    if (!cfg)
        return pz_err_memory(err, "the options", (double)cmd->cfg_bytes);
    if (cmd->start) {
        wait_asleep(argv);
        cmd->start();
    }
    st = pz_opt_parse(cmd->opts, argc, argv, cfg, &args, err);
    if (st == PZ_OK)
        st = heed_environment(cmd, cfg, &args, &threads, err);
    if (st == PZ_OK)
        st = check_outputs(cmd->opts, cfg, &args, err);
    if (st == PZ_OK) {
        const struct pz_common *common = (const struct pz_common *)((const char *)cfg +
                                                                    cmd->common_offset);

        if (cmd->learns && threads != 1)
            wait_asleep(argv);
        pz_par_set((int)threads);
        if (common->max_memory)
            st = pz_limits_set_memory(common->max_memory, pz_par_threads(), err);
        if (common->max_memory && st == PZ_OK)
            pz_par_start();
        log = pz_log_new(program,
                         common->quiet     ? PZ_LOG_ERROR
                         : common->verbose ? PZ_LOG_DEBUG
                                           : PZ_LOG_NOTE,
                         strcmp(common->log_format, "json") == 0);
        st = st == PZ_OK ? cmd->run(cfg, &args, log, err) : st;
        if (st == PZ_NO_INPUT)
            suggest_file(cmd->opts, cfg, &args, err);
        st = st == PZ_NO_ACCESS ? PZ_NO_INPUT : st;
        if (common->ledger && pz_ranks_first())
            st = write_ledger(common->ledger, program, cmd, st, log, err);
    }
    pz_log_free(log);
    pz_strs_clear(&args);
    pz_opt_clear(cmd->opts, cfg);
    free(cfg);
    return st;
}

/* Whether the work failed because nobody reads standard output any more. Writers of their own
 * buffers (file.h) report EPIPE as any other failure. */
static bool reader_is_gone(enum pz_status st, const struct pz_err *err)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

    return st == PZ_IO && err->cause == EPIPE && poll(&out, 1, 0) == 1 &&
           (out.revents & (POLLERR | POLLHUP)) != 0;
}

/* SIGPIPE is ignored so that a closed pipe is seen as EPIPE and temporary files are cleaned up; the
 * process then ends as the signal would have ended it, without a word. */
static int finish(const char *program, enum pz_status st, const struct pz_err *err)
{
    bool broken = ferror(stdout) != 0 || fflush(stdout) != 0, gone;
    int why = errno;

    gone = reader_is_gone(st, err) || (broken && why == EPIPE);
    pz_signals_finish();
    if (st != PZ_OK && pz_stop_asked() && st != PZ_INTERRUPTED) {
        st = PZ_INTERRUPTED; /* what failed, failed because a wait was cut short */
        fprintf(stderr, "%s: stopped\n", program);
        return (int)st;
    }
    if (gone)
        return BROKEN_PIPE;
    if ((broken || fclose(stdout) != 0) && st == PZ_OK) {
        fprintf(stderr, "%s: writing standard output: %s\n", program, strerror(why));
        return PZ_IO;
    }
    if (st != PZ_OK && err->text[0]) {
        struct pz_str line = { 0 };

        pz_str_add_plain(&line, err->text, strlen(err->text));
        fprintf(stderr, "%s: %s%s\n", program, pz_ranks_prefix(),
                line.data ? line.data : err->text);
        pz_str_clear(&line);
    }
    return (int)st;
}

/* A closed 0, 1 or 2 is opened the wrong way round, so that using it still fails and no file gets
 * its number; what nobody reads on 2 may be written. */
static void hold_standard_descriptors(void)
{
    static const int mode[] = { O_WRONLY, O_RDONLY, O_RDWR };

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", mode[fd]); /* the lowest free number, which is fd */
}

int pz_cmd_main(const struct pz_cmd *cmd, int argc, char **argv)
{
    const struct pz_cmd *chosen = cmd;
    struct pz_err err = { .status = PZ_OK };
    enum pz_status st = PZ_OK;
    struct stat info;

    hold_standard_descriptors();
    pz_signals_install();
    /* Without subcommands "help" may be a file. */
    if (argc > 1 && strcmp(argv[1], "help") == 0 && (cmd->sub || stat("help", &info) != 0)) {
        if (argc == 2 || !cmd->sub) {
            pz_help_print(cmd->name, cmd);
            return finish(cmd->name, PZ_OK, &err);
        }
        chosen = find_sub(cmd, argv[2], &err);
        if (chosen)
            pz_help_print(cmd->name, chosen);
        return finish(cmd->name, chosen ? PZ_OK : PZ_USAGE, &err);
    }
    if (cmd->sub && argc > 1 && argv[1][0] != '-') {
        chosen = find_sub(cmd, argv[1], &err);
        argc--;
        argv++;
    }
    if (!chosen)
        return finish(cmd->name, PZ_USAGE, &err);
    if (answer_help(cmd, chosen, argc, argv))
        return finish(cmd->name, PZ_OK, &err);
    if (chosen->sub) {
        find_sub(cmd, NULL, &err);
        return finish(cmd->name, PZ_USAGE, &err);
    }
    st = run_command(cmd->name, chosen, argc, argv, &err);
    return finish(cmd->name, st, &err);
}
