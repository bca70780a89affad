/* SPDX-License-Identifier: Apache-2.0 */
/* The run ledger: see ledger.h. Facts are kept in a small table of this process, in the order in
 * which they were first noted, so that lines of one kind of run look alike and can be compared by
 * eye.
 *
 * The line is written by one write to a file opened for appending: POSIX moves to the end and
 * writes in one step, so lines of several processes do not mix. A line that could not be written
 * whole is an error of the run, though its result stands: who counts by the ledger would miss it.
 * There is no fsync: a line lost in a power cut is missed by nobody. */
#include "base/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

enum { MAX_FACTS = 32 };

static struct fact {
    const char *name; /* NULL: free */
    double number;
    char text[256]; /* "": the number counts */
} facts[MAX_FACTS];
static pthread_mutex_t facts_lock = PTHREAD_MUTEX_INITIALIZER;

/* The place of a name, with the lock held; NULL when the table is full. */
static struct fact *place(const char *name)
{
    for (int i = 0; i < MAX_FACTS; i++) {
        /* Names are constants, so the pointer is kept; whether two are one name is asked by
         * content, as the same word may stand at two addresses. */
        if (!facts[i].name)
            facts[i].name = name;
        if (strcmp(facts[i].name, name) == 0)
            return &facts[i];
    }
    return NULL;
}

static void note(const char *name, double number, const char *text, bool add)
{
    struct fact *f;

    pthread_mutex_lock(&facts_lock);
    f = place(name);
    if (f) {
        f->number = add ? f->number + number : number;
        snprintf(f->text, sizeof f->text, "%s", text);
    }
    pthread_mutex_unlock(&facts_lock);
}

void pz_ledger_number(const char *name, double value)
{
    note(name, value, "", false);
}

void pz_ledger_text(const char *name, const char *value)
{
    note(name, 0, value, false);
}

void pz_ledger_count(const char *name, uint64_t more)
{
    note(name, (double)more, "", true);
}

static void add_member(struct pz_str *line, const char *name, const char *text)
{
    pz_str_addf(line, ",\"%s\":", name);
    pz_json_add_string(line, text, strlen(text));
}

static void add_facts(struct pz_str *line, const char *kind)
{
    pthread_mutex_lock(&facts_lock);
    for (int i = 0; i < MAX_FACTS && facts[i].name; i++)
        kind = strcmp(facts[i].name, "kind") == 0 ? facts[i].text : kind;
    add_member(line, "kind", kind);
    for (int i = 0; i < MAX_FACTS && facts[i].name; i++) {
        if (strcmp(facts[i].name, "kind") == 0)
            continue;
        if (*facts[i].text) {
            add_member(line, facts[i].name, facts[i].text);
        } else {
            pz_str_addf(line, ",\"%s\":", facts[i].name);
            pz_json_add_number(line, facts[i].number, false);
        }
    }
    pthread_mutex_unlock(&facts_lock);
}

static enum pz_status append_line(const char *path, const struct pz_str *line, struct pz_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    ssize_t n;
    enum pz_status st = PZ_OK;

    if (fd < 0)
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot open the ledger %s", path);
    /* Not repeated when it is cut short: the rest would stand behind somebody else's line. */
    n = write(fd, line->data, line->len);
    if (n < 0 || (size_t)n < line->len)
        st = pz_err_errno(err, PZ_IO, n < 0 ? errno : ENOSPC, "writing the ledger %s", path);
    if (close(fd) != 0 && st == PZ_OK)
        st = pz_err_errno(err, PZ_IO, errno, "closing the ledger %s", path);
    return st;
}

enum pz_status pz_ledger_append(const char *path, const char *program, const char *command,
                                enum pz_status exit, const struct pz_err *why, struct pz_err *err)
{
    struct pz_str line = { 0 };
    char when[32];
    enum pz_status st;

    pz_str_addf(&line, "{\"time\":\"%s\",\"program\":\"%s\"", pz_time_format(pz_time_now(), when),
                program);
    add_facts(&line, command ? command : program + (strncmp(program, "pz-", 3) == 0 ? 3 : 0));
    pz_str_addf(&line,
                ",\"wall_seconds\":%.3f,\"cpu_seconds\":%.3f,\"peak_memory_bytes\":%zu,\"exit\":%d",
                pz_wall_seconds(), pz_cpu_seconds(), pz_mem_peak(), (int)exit);
    if (exit != PZ_OK && why->text[0])
        add_member(&line, "error", why->text);
    pz_str_adds(&line, "}\n");
    st = line.failed ? pz_err_memory(err, "a line of the ledger", 1e3)
                     : append_line(path, &line, err);
    pz_str_clear(&line);
    return st;
}
