/* SPDX-License-Identifier: Apache-2.0 */
/* Looking after a log: see follow.h. A store that stood alone brings what it holds into the log
 * that is made from it, under its own identity and numbers, so that models keep their watermarks;
 * numbers that it does not hold any more count as trimmed. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "live/hosts/follow.h"
#include "live/hosts/shared.h"
#include "live/ids.h"

/* ---- setting ---- */

static int set_url(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    const char *url = context;
    uint64_t bound;
    int rc = pz_db_get_meta(s, txn, "bound", &bound);

    if (rc != 0)
        return rc;
    if (!url && bound)
        return EBUSY;
    rc = url ? pz_db_put(s, txn, PZ_DB_META, "log", 3, url, strlen(url), 0)
             : pz_db_del(s, txn, PZ_DB_META, "log", 3);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

enum pz_status pz_live_log_set(struct pz_live_store *s, const char *url, struct pz_err *err)
{
    struct pz_shared_state state = { .url = "" };
    char *copy = url ? pz_mem_strndup(url, strlen(url)) : NULL;
    enum pz_status st = !url || copy ? PZ_OK : pz_err_memory(err, "a URL", 1e3);

    if (st == PZ_OK && url && (!pz_journal_is_url(url) || strlen(url) >= sizeof state.url))
        st = pz_err_set(err, PZ_USAGE,
                        "log is postgresql://[USER@]HOST[:PORT]/DATABASE[?...], not \"%.100s\"",
                        url);
    if (st == PZ_OK)
        st = pz_shared_state(s, &state, err);
    if (st == PZ_OK && !url && state.bound)
        st =
            pz_err_set(err, PZ_USAGE,
                       "%s is the view of a log and gives no numbers of its own; another store can "
                       "take its place (pz-deploy set CAMPAIGN live FOLDER)",
                       s->dir);
    if (st == PZ_OK)
        st = pz_db_write(s, set_url, copy, "setting the log", err);
    free(copy);
    if (st == PZ_OK)
        atomic_store(&s->follows, url != NULL);
    return st;
}

static int read_url(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    return pz_db_get_text(s, txn, "log", context, sizeof((struct pz_shared_state *)0)->url);
}

enum pz_status pz_live_log_url(struct pz_live_store *s, char *url, size_t n, struct pz_err *err)
{
    char own[sizeof((struct pz_shared_state *)0)->url] = "";
    enum pz_status st = pz_db_read(s, read_url, own, "reading", err);

    pz_journal_shown(own, url, n);
    return st;
}

/* ---- making and joining ---- */

/* Raw records, whatever joined whom since. */
static int gather_events(struct pz_live_store *s, MDB_txn *txn, struct pz_entries *list)
{
    struct pz_walk w;

    pz_walk_begin(&w, s, txn, PZ_DB_EVENTS);
    while (pz_walk_next(&w)) {
        char *body = pz_entries_add(list, PZ_EVENT, w.value.mv_size);
        struct pz_entry *x = &list->v[list->n - 1];
        struct pz_event e;

        if (!body || w.key.mv_size != 8) {
            w.rc = body ? MDB_CORRUPTED : ENOMEM;
            break;
        }
        memcpy(body, w.value.mv_data, w.value.mv_size);
        x->number = pz_db_get_number(w.key.mv_data);
        w.rc = pz_live_read_record(&w.value, &e);
        if (w.rc == 0)
            w.rc = pz_ids_time(s, txn, &e, x->number, &x->at);
    }
    return pz_walk_end(&w);
}

/* An entry for a record that begins with its number. NULL: w->rc says why. */
static char *add_numbered(struct pz_entries *list, enum pz_entry_kind kind, size_t n,
                          struct pz_walk *w)
{
    bool good = w->value.mv_size >= 8;
    char *body = good ? pz_entries_add(list, kind, n) : NULL;

    if (body) {
        list->v[list->n - 1].number = pz_db_get_number(w->value.mv_data);
        list->v[list->n - 1].at = pz_time_now();
    } else {
        w->rc = good ? ENOMEM : MDB_CORRUPTED;
    }
    return body;
}

/* A row's record is its number and its cells. */
static int gather_rows(struct pz_live_store *s, MDB_txn *txn, enum pz_db db,
                       struct pz_entries *list)
{
    struct pz_walk w;

    pz_walk_begin(&w, s, txn, db);
    while (pz_walk_next(&w)) {
        const MDB_val *k = &w.key;
        size_t n = w.value.mv_size - 8;
        char *body = add_numbered(list, db == PZ_DB_ITEMS ? PZ_ITEM : PZ_USER, k->mv_size + 1 + n,
                                  &w);

        if (!body)
            break;
        memcpy(body, k->mv_data, k->mv_size);
        body[k->mv_size] = '\0';
        memcpy(body + k->mv_size + 1, (const char *)w.value.mv_data + 8, n);
    }
    return pz_walk_end(&w);
}

/* A forgotten user's record is the number and, if it is kept, the id; its key the hash. */
static int gather_forgotten(struct pz_live_store *s, MDB_txn *txn, struct pz_entries *list)
{
    struct pz_walk w;

    pz_walk_begin(&w, s, txn, PZ_DB_FORGOTTEN);
    while (pz_walk_next(&w)) {
        bool named = w.value.mv_size > 8;
        size_t n = named ? w.value.mv_size - 8 : w.key.mv_size;
        char *body = add_numbered(list, named ? PZ_FORGET : PZ_PURGE, n, &w);

        if (!body)
            break;
        memcpy(body, named ? (const char *)w.value.mv_data + 8 : w.key.mv_data, n);
    }
    return pz_walk_end(&w);
}

static int gather(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    struct pz_entries *list = context;
    int rc;

    pz_entries_clear(list);
    rc = gather_events(s, txn, list);
    if (rc == 0)
        rc = gather_rows(s, txn, PZ_DB_ITEMS, list);
    if (rc == 0)
        rc = gather_rows(s, txn, PZ_DB_USERS, list);
    return rc == 0 ? gather_forgotten(s, txn, list) : rc;
}

/* From now on the store is the view of the log with that head. */
static int bind(struct pz_live_store *s, MDB_txn *txn, void *context)
{
    const struct pz_journal_head *head = context;
    uint64_t last, id;
    int rc = pz_db_get_meta(s, txn, "last", &last);

    if (rc == 0)
        rc = pz_db_get_meta(s, txn, "id", &id);
    if (rc == 0 && last > 0 && id != head->store)
        return EBUSY;
    if (rc == 0)
        rc = pz_db_put_meta(s, txn, "id", head->store);
    if (rc == 0)
        rc = pz_ids_set_salt(s, txn, head->salt);
    return rc == 0 ? pz_db_put_meta(s, txn, "bound", 1) : rc;
}

static enum pz_status make(struct pz_live_store *s, const struct pz_shared_state *state,
                           struct pz_journal *j, bool *made, struct pz_err *err)
{
    struct pz_journal_head head = { .store = state->id,
                                    .last = state->last,
                                    .trimmed = state->last };
    struct pz_entries list = { .v = NULL };
    enum pz_status st = state->last > 0 ? pz_db_read(s, gather, &list, "reading", err) : PZ_OK;

    memcpy(head.salt, state->salt, sizeof head.salt);
    if (st == PZ_OK)
        st = pz_journal_make(j, &head, &list, made, err);
    pz_entries_clear(&list);
    return st;
}

static enum pz_status join(struct pz_live_store *s, const struct pz_shared_state *state,
                           struct pz_journal *j, struct pz_err *err)
{
    struct pz_journal_head head;
    enum pz_status st = pz_journal_head(j, &head, err);

    if (st == PZ_OK && head.store != state->id && (state->bound || state->last > 0))
        return pz_err_set(
            err, PZ_USAGE,
            "%s holds what is not in the log at %s: a store joins it empty (pz-deploy set "
            "CAMPAIGN live FOLDER takes a new one)",
            s->dir, state->url);
    return st == PZ_OK ? pz_db_write(s, bind, &head, "joining the log", err) : st;
}

enum pz_status pz_live_log_init(struct pz_live_store *s, bool *made, struct pz_err *err)
{
    struct pz_shared_state state = { .url = "" };
    struct pz_journal *j = NULL;
    struct pz_journal_head head;
    enum pz_status st = pz_shared_state(s, &state, err);

    *made = false;
    if (st == PZ_OK && !*state.url)
        return pz_err_set(err, PZ_USAGE,
                          "no log is set: pz-deploy set CAMPAIGN log postgresql://...");
    if (st == PZ_OK)
        st = pz_journal_open(state.url, &j, err);
    pz_journal_shown(state.url, state.url, sizeof state.url);
    if (st == PZ_OK && pz_journal_head(j, &head, err) == PZ_NO_INPUT)
        st = make(s, &state, j, made, err);
    if (st == PZ_OK)
        st = join(s, &state, j, err);
    pz_journal_close(j);
    return st;
}

/* ---- the rest ---- */

/* What is done with a connection of its own. */
typedef enum pz_status manage_fn(struct pz_live_store *s, struct pz_journal *j, void *context,
                                 struct pz_err *err);

static enum pz_status with_log(struct pz_live_store *s, manage_fn *fn, void *context,
                               struct pz_err *err)
{
    struct pz_journal *j = NULL;
    enum pz_status st = pz_shared_connect(s, &j, err);

    if (st == PZ_OK)
        st = fn(s, j, context, err);
    pz_journal_close(j);
    return st;
}

static enum pz_status catch_up(struct pz_live_store *s, struct pz_journal *j, void *context,
                               struct pz_err *err)
{
    return pz_shared_catch_up(s, j, UINT64_MAX, context, err);
}

enum pz_status pz_live_log_sync(struct pz_live_store *s, uint64_t *last, struct pz_err *err)
{
    return with_log(s, catch_up, last, err);
}

static enum pz_status list_hosts(struct pz_journal *j, struct pz_log_info *info, struct pz_err *err)
{
    struct pz_journal_host *host = NULL;
    enum pz_status st = pz_journal_hosts(j, &host, &info->n_hosts, err);

    if (st == PZ_OK && !(info->host = pz_mem_array(info->n_hosts + 1, sizeof *info->host)))
        st = pz_err_memory(err, "hosts", 1e3);
    for (size_t i = 0; i < info->n_hosts && st == PZ_OK; i++) {
        info->host[i] = (struct pz_log_host){ .applied = host[i].applied,
                                              .events = host[i].events,
                                              .rows = host[i].rows,
                                              .seen = host[i].seen };
        info->events = i == 0 || host[i].events < info->events ? host[i].events : info->events;
        info->rows = i == 0 || host[i].rows < info->rows ? host[i].rows : info->rows;
        memcpy(info->host[i].name, host[i].name, sizeof host[i].name);
    }
    free(host);
    return st;
}

static enum pz_status look(struct pz_live_store *s, struct pz_journal *j, void *context,
                           struct pz_err *err)
{
    struct pz_log_info *info = context;
    struct pz_journal_head head;
    struct pz_journal_size size;
    struct pz_live_size own;
    enum pz_status st = pz_live_count(s, &own, err);

    if (st == PZ_OK)
        st = pz_journal_head(j, &head, err);
    if (st == PZ_OK)
        st = pz_journal_measure(j, &size, err);
    if (st != PZ_OK)
        return st;
    memcpy(info->store, own.store, sizeof info->store);
    info->applied = own.last;
    info->last = head.last;
    info->trimmed = head.trimmed;
    info->entries = size.entries;
    info->bytes = size.bytes;
    info->safe = size.safe;
    info->standbys = size.standbys;
    return list_hosts(j, info, err);
}

enum pz_status pz_live_log_info(struct pz_live_store *s, struct pz_log_info *info,
                                struct pz_err *err)
{
    enum pz_status st;

    memset(info, 0, sizeof *info);
    st = pz_live_log_url(s, info->url, sizeof info->url, err);
    return st == PZ_OK && *info->url ? with_log(s, look, info, err) : st;
}

static enum pz_status tell(struct pz_live_store *s, struct pz_journal *j, void *context,
                           struct pz_err *err)
{
    struct pz_journal_host *host = context;
    struct pz_live_size size;
    enum pz_status st = pz_live_count(s, &size, err);

    host->applied = size.last;
    return st == PZ_OK ? pz_journal_tell(j, host, err) : st;
}

enum pz_status pz_live_log_tell(struct pz_live_store *s, const char *campaign, uint64_t events,
                                uint64_t rows, struct pz_err *err)
{
    struct pz_journal_host host = { .events = events, .rows = rows };

    pz_shared_name(campaign, host.name, sizeof host.name);
    return with_log(s, tell, &host, err);
}

bool pz_live_follows(const struct pz_live_store *s)
{
    return atomic_load(&s->follows);
}

struct trimming {
    uint64_t events, rows, removed;
    double days;
};

static enum pz_status trim(struct pz_live_store *s, struct pz_journal *j, void *context,
                           struct pz_err *err)
{
    struct trimming *t = context;

    (void)s;
    return pz_journal_trim(j, t->events, t->rows, t->days, &t->removed, err);
}

enum pz_status pz_live_log_trim(struct pz_live_store *s, uint64_t events, uint64_t rows,
                                double days, uint64_t *removed, struct pz_err *err)
{
    struct trimming t = { .events = events, .rows = rows, .days = days };
    enum pz_status st = with_log(s, trim, &t, err);

    *removed = t.removed;
    return st;
}

struct dropping {
    const char *host;
};

static enum pz_status drop(struct pz_live_store *s, struct pz_journal *j, void *context,
                           struct pz_err *err)
{
    (void)s;
    return pz_journal_drop(j, ((const struct dropping *)context)->host, err);
}

enum pz_status pz_live_log_drop(struct pz_live_store *s, const char *host, struct pz_err *err)
{
    struct dropping d = { host };

    return with_log(s, drop, &d, err);
}
