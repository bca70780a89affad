/* SPDX-License-Identifier: Apache-2.0 */
/* What a live store holds, of which event types, and how fresh it is.
 *
 * Sizes come from the store itself; the tally by event type walks all events once, in their order.
 * Nothing is written, so that who may only read may ask; which reader keeps old pages is said
 * too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "cmd/event/event.h"

struct type {
    char *name; /* owned */
    uint64_t n;
    int64_t newest;
};

struct tally {
    struct type *type;
    size_t n, cap;
    int64_t newest;
};

static enum pz_status tally_one(void *context, int pass, uint64_t number, const struct pz_event *e,
                                struct pz_err *err)
{
    struct tally *t = context;
    size_t i = 0;

    (void)pass;
    (void)number;
    while (i < t->n && strcmp(t->type[i].name, e->event_type) != 0)
        i++;
    if (i == t->n) {
        char *name = pz_mem_strndup(e->event_type, strlen(e->event_type));

        if (!name || !pz_mem_grow(&t->type, &t->cap, t->n + 1, sizeof *t->type)) {
            free(name);
            return pz_err_memory(err, "event types", 1e3);
        }
        t->type[t->n++] = (struct type){ name, 0, INT64_MIN };
    }
    t->type[i].n++;
    if (e->time > t->type[i].newest)
        t->type[i].newest = e->time;
    if (e->time > t->newest)
        t->newest = e->time;
    return PZ_OK;
}

static void print_json(const struct tally *t, const struct pz_live_size *size,
                       const struct pz_live_space *space)
{
    char when[32];
    struct pz_str text = { 0 };

    pz_str_addf(&text, "{\"events\":%llu,\"last\":%llu", (unsigned long long)size->events,
                (unsigned long long)size->last);
    if (size->events > 0)
        pz_str_addf(&text, ",\"newest\":\"%s\",\"lag_seconds\":%lld",
                    pz_time_format(t->newest, when), (long long)(pz_time_now() - t->newest));
    pz_str_adds(&text, ",\"types\":{");
    for (size_t i = 0; i < t->n; i++) {
        pz_str_adds(&text, i ? "," : "");
        pz_json_add_string(&text, t->type[i].name, strlen(t->type[i].name));
        pz_str_addf(&text, ":{\"events\":%llu,\"newest\":\"%s\"}", (unsigned long long)t->type[i].n,
                    pz_time_format(t->type[i].newest, when));
    }
    pz_str_addf(
        &text,
        "},\"items\":%llu,\"users\":%llu,\"sessions\":%llu,\"forgotten\":%llu,\"bytes\":%llu,"
        "\"free_bytes\":%llu,\"oldest_reader\":{\"pid\":%d,\"behind\":%llu}}\n",
        (unsigned long long)size->items, (unsigned long long)size->users,
        (unsigned long long)size->sessions, (unsigned long long)size->forgotten,
        (unsigned long long)size->bytes, (unsigned long long)space->free, space->pid,
        (unsigned long long)space->behind);
    fputs(text.data && !text.failed ? text.data : "", stdout);
    pz_str_clear(&text);
}

static void print_table(const struct tally *t, const struct pz_live_size *size,
                        const struct pz_live_space *space)
{
    char when[32];

    printf("events     %llu (last number %llu)\n", (unsigned long long)size->events,
           (unsigned long long)size->last);
    if (size->events > 0)
        printf("newest     %s, %lld s ago\n", pz_time_format(t->newest, when),
               (long long)(pz_time_now() - t->newest));
    for (size_t i = 0; i < t->n; i++)
        printf("  %-24s %10llu  newest %s\n", t->type[i].name, (unsigned long long)t->type[i].n,
               pz_time_format(t->type[i].newest, when));
    printf("items put  %llu\nusers put  %llu\nsessions   %llu joined\nforgotten  %llu users\n"
           "size       %llu bytes, %llu of them free\n",
           (unsigned long long)size->items, (unsigned long long)size->users,
           (unsigned long long)size->sessions, (unsigned long long)size->forgotten,
           (unsigned long long)size->bytes, (unsigned long long)space->free);
    if (space->pid)
        printf(
            "reader     process %d is %llu transactions behind; pages given up since are not used "
            "again\n",
            space->pid, (unsigned long long)space->behind);
}

enum pz_status event_stats(void *config, struct pz_strs *args, struct pz_log *log,
                           struct pz_err *err)
{
    const struct event_cfg *cfg = config;
    struct pz_live_store *live = NULL;
    struct pz_live_size size = { 0 };
    struct pz_live_space space = { 0 };
    struct tally t = { .newest = INT64_MIN };
    enum pz_status st = event_need_campaign(args, err);

    (void)log;
    if (st == PZ_OK)
        st = event_open_store(args, false, &live, err);
    if (st == PZ_OK && live)
        st = pz_live_count(live, &size, err);
    if (st == PZ_OK && live)
        st = pz_live_space(live, &space, err);
    if (st == PZ_OK && live)
        st = pz_live_each(live, 0, 1, tally_one, &t, err);
    pz_live_close(live);
    if (st == PZ_OK && cfg->common.json)
        print_json(&t, &size, &space);
    else if (st == PZ_OK)
        print_table(&t, &size, &space);
    for (size_t i = 0; i < t.n; i++)
        free(t.type[i].name);
    free(t.type);
    return st;
}
