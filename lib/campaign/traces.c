/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of users in files: see traces.h.
 *
 * What a file is, its first bytes say (tables) or its name. In tables ids and other texts stand in
 * dictionaries alone; numbers, the names of columns and the manifest hold none. Nor do the small
 * files of a campaign but the texts in its settings: there "12" is a number, and an id stands in
 * quotes. */
#include "campaign/traces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/word.h"
#include "campaign/layout.h"
#include "campaign/live.h"
#include "live/traces.h"
#include "table/table.h"
#include "text/stream.h"

/* ---- tables ---- */

/* Dictionaries of what items are called: an id there is an item's. */
static bool is_of_items(const char *name)
{
    return strcmp(name, "items") == 0 || strcmp(name, "fresh") == 0 || strcmp(name, "events") == 0;
}

/* The string of a dictionary that holds byte number `at`. */
static uint32_t string_at(const struct pz_dict *d, uint64_t at)
{
    uint32_t low = 0, high = d->n;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        *(d->offset[middle] <= at ? &low : &high) = middle;
    }
    return low;
}

/* Whether one of the strings is the id, or holds it as a word. */
static bool dict_holds(const struct pz_dict *d, const char *id, size_t len)
{
    const char *p = d->bytes, *end = d->n ? d->bytes + d->offset[d->n] : p;

    if (pz_dict_find(d, id, len) != PZ_NONE)
        return true;
    while (p < end && (p = memmem(p, (size_t)(end - p), id, len)) != NULL) {
        uint32_t i = string_at(d, (uint64_t)(p - d->bytes));
        size_t n;
        const char *s = pz_dict_get(d, i, &n);

        if (pz_word_find(s, n, id, len))
            return true;
        p++;
    }
    return false;
}

static enum pz_status find_in_dict(struct pz_traces *t, struct pz_table *table, const char *file,
                                   const char *name, struct pz_err *err)
{
    struct pz_dict d;
    enum pz_status st = pz_table_get_dict(table, name, &d, err);

    for (size_t i = 0; i < t->n_ids && st == PZ_OK; i++)
        if (dict_holds(&d, t->id[i], strlen(t->id[i])))
            st = t->fn(t->context, t->id[i], file, name, err);
    return st;
}

/* Column NAME.offset, which stands for the dictionary NAME, whose memory is given back behind
 * it. */
static enum pz_status find_in_column(struct pz_traces *t, struct pz_table *table, const char *file,
                                     const char *column, struct pz_err *err)
{
    char name[PZ_NAME_MAX + 8];
    size_t n = strlen(column), ending = n > 7 ? n - 7 : n;
    enum pz_status st = PZ_OK;

    if (strcmp(column + ending, ".offset") != 0)
        return PZ_OK;
    snprintf(name, sizeof name, "%.*s", (int)ending, column);
    if (!is_of_items(name))
        st = find_in_dict(t, table, file, name, err);
    pz_table_drop(table, column);
    strcat(name, ".bytes");
    pz_table_drop(table, name);
    return st;
}

static enum pz_status find_in_table(struct pz_traces *t, const char *path, struct pz_err *err)
{
    struct pz_table *table = NULL;
    enum pz_status st = pz_table_open(path, NULL, &table, err);

    if (st == PZ_OK)
        st = pz_table_verify(table, err);
    for (size_t i = 0; st == PZ_OK && i < pz_table_n_columns(table); i++)
        st = find_in_column(t, table, path, pz_table_column(table, i).name, err);
    pz_table_close(table);
    return st;
}

/* ---- any other file ---- */

enum { PIECE = 1 << 20, LONGEST = 4096 /* bytes of an id, and of what is read twice */ };

/* A file as its bytes are, or as text that may be packed. */
struct source {
    struct pz_in *in;
    int fd;
};

static enum pz_status read_some(struct source *from, char *buf, size_t n, size_t *got,
                                struct pz_err *err)
{
    ssize_t r;

    if (from->in)
        return pz_in_read(from->in, buf, n, got, err);
    r = read(from->fd, buf, n);
    *got = r > 0 ? (size_t)r : 0;
    return r >= 0 ? PZ_OK : pz_err_errno(err, PZ_IO, errno, "cannot read a file");
}

static enum pz_status open_source(const char *path, struct source *from, struct pz_err *err)
{
    enum pz_status st = pz_in_open(path, &from->in, err);

    from->fd = -1;
    if (st != PZ_BAD_DATA)
        return st;
    from->fd = open(path, O_RDONLY | O_CLOEXEC); /* no text: bytes */
    return from->fd >= 0 ? PZ_OK : pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
}

/* Piece by piece; the end of each is looked at again with the next, as a word may go on there. */
static enum pz_status search(struct pz_traces *t, struct source *from, char *buf, bool *found,
                             struct pz_err *err)
{
    size_t kept = 0, got = 1;
    enum pz_status st = PZ_OK;

    while (st == PZ_OK && got > 0) {
        size_t n;

        st = read_some(from, buf + kept, PIECE, &got, err);
        n = kept + (st == PZ_OK ? got : 0);
        for (size_t i = 0; st == PZ_OK && i < t->n_ids; i++)
            found[i] = found[i] || pz_word_find(buf, n, t->id[i], strlen(t->id[i]));
        kept = n < 2 * LONGEST ? n : 2 * LONGEST;
        memmove(buf, buf + n - kept, kept);
    }
    return st;
}

static enum pz_status find_in_bytes(struct pz_traces *t, const char *path, struct pz_err *err)
{
    struct source from = { NULL, -1 };
    char *buf = malloc(PIECE + 2 * LONGEST);
    bool *found = calloc(t->n_ids + 1, sizeof *found);
    enum pz_status st = buf && found ? open_source(path, &from, err)
                                     : pz_err_memory(err, "a file's piece", PIECE);

    if (st == PZ_OK)
        st = search(t, &from, buf, found, err);
    for (size_t i = 0; i < t->n_ids && st == PZ_OK; i++)
        if (found[i])
            st = t->fn(t->context, t->id[i], path, "text", err);
    pz_in_close(from.in);
    if (from.fd >= 0)
        close(from.fd);
    free(buf);
    free(found);
    return st;
}

/* ---- files and folders ---- */

struct in_store {
    struct pz_traces *t;
    const char *path;
};

static enum pz_status found_in_store(void *context, const char *id, const char *place,
                                     struct pz_err *err)
{
    struct in_store *s = context;

    return s->t->fn(s->t->context, id, s->path, place, err);
}

/* An id in the text of a setting or filter. */
static enum pz_status find_in_settings(struct pz_traces *t, const char *path, struct pz_err *err)
{
    char *text = NULL;
    size_t n = 0;
    struct pz_str quoted = { 0 };
    enum pz_status st = pz_file_read(path, 64 << 20, &text, &n, err);

    for (size_t i = 0; i < t->n_ids && st == PZ_OK; i++) {
        pz_str_reset(&quoted);
        pz_str_addf(&quoted, "\"%s", t->id[i]);
        if (quoted.failed)
            st = pz_err_memory(err, "an id", 1e3);
        else if (pz_word_find(text, n, quoted.data, quoted.len))
            st = t->fn(t->context, t->id[i], path, "settings", err);
    }
    pz_str_clear(&quoted);
    free(text);
    return st;
}

/* Files of a campaign with nothing but numbers. */
static bool is_of_numbers(const char *name)
{
    static const char *const names[] = { "current",         "lock",
                                         "info.json",       "model.flat.seal",
                                         "items.flat.seal", "users.flat.seal",
                                         "lock.mdb" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum pz_status find_in_file(struct pz_traces *t, const char *path, struct pz_err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct in_store store = { t, path };
    char kind[4];

    t->n_files++;
    if (t->in_campaign && is_of_numbers(name))
        return PZ_OK;
    if (t->in_campaign && strcmp(name, "campaign.json") == 0)
        return find_in_settings(t, path, err);
    if (strcmp(name, "data.mdb") == 0)
        return pz_live_traces(path, t->id, t->n_ids, found_in_store, &store, err);
    return pz_table_kind(path, kind) ? find_in_table(t, path, err) : find_in_bytes(t, path, err);
}

static enum pz_status find_below(struct pz_traces *t, const char *dir, int depth,
                                 struct pz_err *err);

/* What vanished in between (a temporary file, a version that was collected) is not there. Links are
 * followed, a store may be on another disk; one that leads nowhere leads to what cannot be read. */
static enum pz_status find_in_entry(struct pz_traces *t, const char *dir, const char *name,
                                    int depth, struct pz_err *err)
{
    char path[PZ_PATH_BYTES];
    struct stat info;
    enum pz_status st = pz_layout_path(path, dir, name, err);

    if (st != PZ_OK || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return st;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? PZ_OK : pz_err_errno(err, PZ_IO, errno, "cannot look at %s", path);
    if (S_ISLNK(info.st_mode) && stat(path, &info) != 0)
        return pz_err_errno(err, PZ_IO, errno, "cannot look at %s", path);
    if (S_ISDIR(info.st_mode))
        return find_below(t, path, depth + 1, err);
    if (!S_ISREG(info.st_mode))
        return PZ_OK;
    st = find_in_file(t, path, err);
    return st == PZ_NO_INPUT && lstat(path, &info) != 0 && errno == ENOENT ? PZ_OK : st;
}

static enum pz_status find_below(struct pz_traces *t, const char *dir, int depth,
                                 struct pz_err *err)
{
    DIR *d = depth < 16 ? opendir(dir) : NULL;
    const struct dirent *entry;
    enum pz_status st = PZ_OK;

    if (!d)
        return pz_err_errno(err, PZ_IO, depth < 16 ? errno : ELOOP, "cannot read %s", dir);
    while (st == PZ_OK && (errno = 0, entry = readdir(d)) != NULL)
        st = find_in_entry(t, dir, entry->d_name, depth, err);
    if (st == PZ_OK && errno != 0)
        st = pz_err_errno(err, PZ_IO, errno, "cannot read %s", dir);
    closedir(d);
    return st;
}

enum pz_status pz_traces_find(struct pz_traces *t, const char *path, struct pz_err *err)
{
    struct stat info;

    for (size_t i = 0; i < t->n_ids; i++)
        if (!*t->id[i] || strlen(t->id[i]) > LONGEST)
            return pz_err_set(err, PZ_BAD_DATA, "an id has 1 to %d bytes", LONGEST);
    if (stat(path, &info) != 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
    return S_ISDIR(info.st_mode) ? find_below(t, path, 0, err) : find_in_file(t, path, err);
}

enum pz_status pz_traces_find_campaign(struct pz_traces *t, const char *campaign,
                                       struct pz_err *err)
{
    char live[PZ_PATH_BYTES] = "", own[PZ_PATH_BYTES];
    enum pz_status st;

    t->in_campaign = true;
    st = pz_traces_find(t, campaign, err);
    if (st == PZ_OK)
        st = pz_campaign_live_path(campaign, live, err);
    if (st == PZ_OK)
        st = pz_layout_path(own, campaign, "live", err);
    if (st == PZ_OK && strcmp(live, own) != 0)
        st = pz_traces_find(t, live, err);
    t->in_campaign = false;
    return st;
}
