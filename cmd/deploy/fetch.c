/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching a file by a command of the user's, which may hang, never end or write more than there is
 * room for: it has a time and a size, and ends with all that it started. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/signals.h"
#include "base/str.h"
#include "base/time.h"
#include "cmd/deploy/deploy.h"

/* What a file may have more: cat asks for more at the end of it, and commands have notes and caches
 * of their own. */
enum { SLACK_BYTES = 1 << 20, TOO_LARGE = 128 + SIGXFSZ };

static const double REST_S = 1e-3, REST_MAX_S = 0.1;

/* The command with the source: as its last word, and what it writes is kept; or, where it has {},
 * in place of the first of them, and the file in place of the second. */
static void make_command(struct pz_str *s, const char *with, const char *source, const char *file)
{
    const char *first = strstr(with, "{}"), *second = first ? strstr(first + 2, "{}") : NULL;

    pz_str_add(s, with, first ? (size_t)(first - with) : strlen(with));
    if (!first)
        pz_str_addc(s, ' ');
    pz_str_add_shell(s, source);
    if (second) {
        pz_str_add(s, first + 2, (size_t)(second - first - 2));
        pz_str_add_shell(s, file);
        pz_str_adds(s, second + 2);
        return;
    }
    pz_str_adds(s, first ? first + 2 : "");
    pz_str_adds(s, " >");
    pz_str_add_shell(s, file);
}

/* In the child: the leader of a group of its own, with the signals of a fresh program. */
static void run(const char *command, uint64_t bytes_max)
{
    struct rlimit size = { bytes_max + SLACK_BYTES, bytes_max + SLACK_BYTES };

    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    setrlimit(RLIMIT_FSIZE, &size);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Wait for the command; NULL in *why: it is done, with *status. */
static void wait_for(pid_t child, double timeout_s, int *status, const char **why)
{
    double end = pz_wall_seconds() + timeout_s, rest = REST_S;

    *why = NULL;
    while (waitpid(child, status, WNOHANG) == 0) {
        *why = pz_stop_asked()            ? "interrupted"
               : pz_wall_seconds() >= end ? "it took too long"
                                          : NULL;
        if (*why) {
            kill(-child, SIGKILL);
            waitpid(child, status, 0);
            return;
        }
        pz_time_rest(rest);
        rest = 2 * rest < REST_MAX_S ? 2 * rest : REST_MAX_S;
    }
}

/* As a shell tells it: its own signals and those of what it ran alike. */
static int ended(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

enum pz_status deploy_fetch(const struct deploy_fetch *f, struct pz_err *err)
{
    struct pz_str command = { 0 };
    const char *why = NULL;
    enum pz_status st = PZ_OK;
    int status = 0;
    pid_t child;

    make_command(&command, f->with, f->source, f->file);
    if (command.failed) {
        pz_str_clear(&command);
        return pz_err_memory(err, "a command", 1e4);
    }
    (void)unlink(f->file); /* an earlier command that nobody ended may still write to it */
    child = fork();
    if (child == 0)
        run(command.data, f->bytes_max);
    if (child < 0)
        st = pz_err_errno(err, PZ_TRY_AGAIN, errno, "cannot start a command");
    else
        wait_for(child, f->timeout_s, &status, &why);
    if (st == PZ_OK && why)
        st = pz_err_set(err, pz_stop_asked() ? PZ_INTERRUPTED : PZ_UNAVAILABLE,
                        "%s: not fetched: %.200s: %s", f->source, command.data, why);
    else if (st == PZ_OK && ended(status) == TOO_LARGE)
        st = pz_err_set(err, PZ_UNAVAILABLE, "%s: not fetched: %.200s writes more than there is",
                        f->source, command.data);
    else if (st == PZ_OK && ended(status) != 0)
        st = pz_err_set(err, PZ_UNAVAILABLE, "%s: not fetched: %.200s ended with %d", f->source,
                        command.data, ended(status));
    if (st != PZ_OK)
        (void)unlink(f->file);
    pz_str_clear(&command);
    return st;
}
