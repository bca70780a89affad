/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting users: their events, rows and sessions leave the store at once, and a receipt says
 * what went.
 *
 * All users of a run are read before the first is forgotten, so that a bad line forgets nobody.
 * What models hold of them is used no more from the next question on; datasets and models are rid
 * of it by --without (pz-import, pz-train). */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "campaign/view.h"
#include "cmd/event/event.h"
#include "live/put.h"

/* What the current model still has of the user, and no query uses any more: a number as JSON has
 * it, "null" where the model cannot be read. */
static void count_model_events(const struct event_cfg *cfg, const struct pz_model *m,
                               const char *user, char count[24])
{
    uint32_t u = m ? pz_dict_find_str(&m->users, user) : PZ_NONE;
    uint64_t n = u != PZ_NONE ? m->ptr[u + 1] - m->ptr[u] : 0;

    snprintf(count, 24, "%llu", (unsigned long long)n);
    if (cfg->model_unread)
        strcpy(count, "null");
}

/* What is written once there is no way back asks for no memory: user is the id as JSON has it. */
static void print_receipt(const char *user, const struct pz_live_receipt *r, const char *in_model)
{
    char when[32];

    printf("{\"user\":%s,\"time\":\"%s\",\"number\":%llu,\"events_removed\":%llu,"
           "\"sessions_removed\":%llu,\"rows_removed\":%llu,\"model_events_unused\":%s}\n",
           user, pz_time_format(pz_time_now(), when), (unsigned long long)r->number,
           (unsigned long long)r->events, (unsigned long long)r->sessions,
           (unsigned long long)r->rows, in_model);
}

static enum pz_status forget_one(struct pz_live_store *live, const struct pz_model *m,
                                 const struct event_cfg *cfg, const char *user, struct pz_log *log,
                                 struct pz_err *err)
{
    struct pz_live_receipt r = { 0 };
    struct pz_str name = { 0 };
    char in_model[24];
    enum pz_status st;

    count_model_events(cfg, m, user, in_model);
    pz_json_add_string(&name, user, strlen(user));
    st = name.failed ? pz_err_memory(err, "a receipt", 1e3)
                     : pz_live_forget(live, user, cfg->purge, &r, err);
    if (st == PZ_OK && cfg->common.json)
        print_receipt(name.data, &r, in_model);
    pz_str_clear(&name);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE,
               "%s: %llu live events, %llu sessions and %llu rows removed; %s events in the "
               "model are used no more, train without them by pz-event export --table forgotten",
               user, (unsigned long long)r.events, (unsigned long long)r.sessions,
               (unsigned long long)r.rows, cfg->model_unread ? "an unknown number of" : in_model);
    return st;
}

/* Forget them all. With --json the last line has the hashes of the store's file before and
 * after. */
static enum pz_status forget_all(struct pz_live_store *live, const struct pz_model *m,
                                 const struct event_cfg *cfg, struct pz_log *log,
                                 struct pz_err *err)
{
    char before[33] = "", after[33] = "";
    enum pz_status st = cfg->common.json ? pz_live_hash(live, before, err) : PZ_OK;

    for (size_t i = 0; i < cfg->users.n && st == PZ_OK; i++)
        st = forget_one(live, m, cfg, cfg->users.v[i], log, err);
    if (st == PZ_OK && cfg->purge)
        st = pz_live_compact(live, NULL, err);
    if (st == PZ_OK && cfg->common.json)
        st = pz_live_hash(live, after, err);
    if (st == PZ_OK && cfg->common.json)
        printf("{\"file\":\"data.mdb\",\"before\":\"%s\",\"after\":\"%s\"}\n", before, after);
    return st;
}

/* The users of --user, --file and FILE, or of standard input when there is none of them. */
static enum pz_status read_users(struct event_cfg *cfg, const struct pz_strs *args,
                                 struct pz_arena *arena, struct pz_err *err)
{
    const char *path = args->n == 2 ? args->v[1] : cfg->file;
    enum pz_status st;

    if (!path && cfg->users.n > 0)
        return PZ_OK;
    st = pz_put_read_ids(path ? path : "-", "USER_ID", &cfg->users, arena, err);
    return path || cfg->users.n > 0 || st == PZ_INTERRUPTED
               ? st
               : pz_err_set(
                     err, PZ_USAGE,
                     "CAMPAIGN and --user ID or FILE are needed; see pz-event forget --help");
}

enum pz_status event_forget(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    struct event_cfg *cfg = config;
    struct pz_arena arena = { NULL };
    struct pz_live_store *live = NULL;
    struct pz_model *m = NULL;
    struct pz_err why = { 0 };
    enum pz_status st = PZ_OK;

    if (args->n < 1 || args->n > 2 || (args->n == 2 && cfg->file))
        return pz_err_set(err, PZ_USAGE,
                          "CAMPAIGN and --user ID or FILE are needed; see pz-event forget --help");
    st = read_users(cfg, args, &arena, err);
    if (st == PZ_OK)
        st = event_open_store(args, true, &live, err);
    if (st == PZ_OK && event_open_model(args->v[0], &m, &why) != PZ_OK) {
        cfg->model_unread = true; /* the receipt alone needs it */
        pz_log(log, PZ_LOG_WARN, "the model is not read, %s", why.text);
    }
    if (st == PZ_OK)
        st = forget_all(live, m, cfg, log, err);
    if (st == PZ_OK)
        st = pz_view_forget(args->v[0], err);
    pz_live_close(live);
    pz_model_free(m);
    pz_arena_clear(&arena);
    return st;
}
