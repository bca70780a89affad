/* SPDX-License-Identifier: Apache-2.0 */
/* pz-event: live events and rows into a campaign, and out of it for the next training. The option
 * tables and the list of subcommands; their work is in event/. */
#include "campaign/live.h"
#include "campaign/operand.h"
#include "cmd/event/event.h"
#include "table/table.h"

enum pz_status event_need_campaign(const struct pz_strs *args, struct pz_err *err)
{
    return args->n == 1 ? PZ_OK
                        : pz_err_set(err, PZ_USAGE, "one CAMPAIGN is needed; see pz-event --help");
}

enum pz_status event_open_store(const struct pz_strs *args, bool writable,
                                struct pz_live_store **live, struct pz_err *err)
{
    const char *path = args->v[0];
    bool store;
    enum pz_status st = pz_live_is(path, &store, err);

    *live = NULL;
    if (st != PZ_OK)
        return st;
    if (args->n == 2 && !store && pz_operand_kind(path) != PZ_OPERAND_CAMPAIGN &&
        pz_operand_kind(args->v[1]) == PZ_OPERAND_CAMPAIGN)
        return pz_err_set(err, PZ_USAGE, "the campaign comes first: %s %s", args->v[1], path);
    st = pz_operand_want(path, 1u << PZ_OPERAND_CAMPAIGN, err);
    return st == PZ_OK ? pz_campaign_open_store(path, writable, live, err) : st;
}

enum pz_status event_open_model(const char *path, struct pz_model **m, struct pz_err *err)
{
    struct pz_version version;
    bool store, published = false;
    enum pz_status st = pz_live_is(path, &store, err);

    *m = NULL;
    if (st == PZ_OK && !store)
        st = pz_campaign_is_published(path, &published, err);
    return st == PZ_OK && published ? pz_campaign_open_model(path, m, &version, err) : st;
}

#define MAX_ERRORS                                                           \
    PZ_INT(0, "max-errors", struct event_cfg, max_errors, "0", 0, 9e15, "N", \
           "bad records to name and leave out; one more ends it, with those before it stored")
#define MAP                                                 \
    PZ_LIST(                                                \
        0, "map", struct event_cfg, map, "NAME=COLUMN,...", \
        "read NAME (USER_ID, ...) from the column COLUMN of the file. May be given several times")
#define ACKS                                   \
    PZ_FLAG(0, "acks", struct event_cfg, acks, \
            "after every durable batch print a line with how many are stored by now")

static const struct pz_opt put_opts[] = {
    PZ_STR('u', "user", struct event_cfg, user, NULL, "ID", "user of the one event"),
    PZ_STR(0, "session", struct event_cfg, session, NULL, "ID",
           "session of the one event; the first event with a session and a user joins the two"),
    PZ_STR('i', "item", struct event_cfg, item, NULL, "ID", "item of the one event"),
    PZ_STR('t', "type", struct event_cfg, type, NULL, "TYPE", "event type"),
    PZ_STR(0, "value", struct event_cfg, value, NULL, "X", "event value"),
    PZ_STR(0, "time", struct event_cfg, time, NULL, "TIME",
           "Unix time or ISO-8601; now when missing"),
    PZ_STR(0, "event-id", struct event_cfg, event_id, NULL, "ID",
           "an id under which it is kept once"),
    PZ_STR(0, "recommendation-id", struct event_cfg, recommendation, NULL, "ID",
           "the recommendation that led to it"),
    PZ_LIST(
        0, "impression", struct event_cfg, impression, "ID,ID,...",
        "items that were shown; an id with a comma stands in quotes, @FILE reads ids from a file"),
    PZ_STR(0, "properties", struct event_cfg, properties, NULL, "JSON",
           "an object with other columns of Interactions"),
    PZ_FLAG(0, "no-item", struct event_cfg, no_item,
            "store events without an item, which no training uses"),
    PZ_FLAG(0, "now", struct event_cfg, now, "events of a file without a time happen now"),
    MAP,
    MAX_ERRORS,
    ACKS,
    PZ_OPT_COMMON(struct event_cfg, common),
    PZ_END
};
static const struct pz_opt items_opts[] = { PZ_STR('i', "item", struct event_cfg, item, NULL, "ID",
                                                   "the one item"),
                                            PZ_STR(0, "properties", struct event_cfg, properties,
                                                   NULL, "JSON", "an object with all its columns"),
                                            MAP,
                                            MAX_ERRORS,
                                            ACKS,
                                            PZ_OPT_COMMON(struct event_cfg, common),
                                            PZ_END };
static const struct pz_opt users_opts[] = {
    PZ_STR('u', "user", struct event_cfg, user, NULL, "ID", "the one user"),
    PZ_STR(0, "properties", struct event_cfg, properties, NULL, "JSON",
           "an object with all their columns"),
    MAP,
    MAX_ERRORS,
    ACKS,
    PZ_OPT_COMMON(struct event_cfg, common),
    PZ_END
};
static const struct pz_opt export_opts[] = {
    PZ_OUT(
        'o', "output", struct event_cfg, output, "-", "FILE",
        "where to write: CSV, or a dataset of events, items and users when the name ends in .pzd"),
    PZ_STR(0, "table", struct event_cfg, table, "interactions",
           "interactions|items|users|forgotten", "what to write as CSV"),
    PZ_LIST(0, "in", struct event_cfg, in, "FILE",
            "with --table forgotten: those who are users of this dataset, model or campaign, also "
            "where the id was purged; exit code 1 and no output when that is nobody. May be given "
            "several times"),
    PZ_STR(
        0, "for", struct event_cfg, lacking, NULL, "MODEL",
        "only what this model (or a campaign's current one) lacks; exit code 1 and no output when "
        "that is nothing"),
    PZ_INT(0, "after", struct event_cfg, after, "0", 0, 9e15, "N",
           "only events with larger numbers"),
    PZ_INT(0, "rows-after", struct event_cfg, rows_after, "0", 0, 9e15, "N",
           "only rows of items and users with larger numbers"),
    PZ_OPT_COMMON(struct event_cfg, common),
    PZ_END
};
static const struct pz_opt forget_opts[] = {
    PZ_LIST('u', "user", struct event_cfg, users, "ID",
            "a user to forget. May be given several times"),
    PZ_STR(0, "file", struct event_cfg, file, NULL, "FILE",
           "users to forget: ids one a line, or a CSV with USER_ID; - is standard input"),
    PZ_FLAG(
        0, "purge", struct event_cfg, purge,
        "keep only a salted hash of the ids, and write the store anew, so that no byte of what is "
        "removed is left in it"),
    PZ_OPT_COMMON(struct event_cfg, common), PZ_END
};
static const struct pz_opt common_opts[] = { PZ_OPT_COMMON(struct event_cfg, common), PZ_END };

#define SUB(word, usage, text, table, function)                                     \
    {                                                                               \
        .name = word, .synopsis = usage, .summary = text, .opts = table,            \
        .cfg_bytes = sizeof(struct event_cfg),                                      \
        .common_offset = offsetof(struct event_cfg, common), .operands = "pzc|pzl", \
        .campaign = true, .run = function                                           \
    }

int main(int argc, char **argv)
{
    static const struct pz_cmd sub[] = {
        SUB("put", "CAMPAIGN --user ID --item ID --type TYPE\nCAMPAIGN [FILE]",
            "Store events: one from options, or many from a file or standard input", put_opts,
            event_put),
        SUB("put-items", "CAMPAIGN --item ID --properties JSON\nCAMPAIGN [FILE]",
            "Store rows of items: they count in the next query", items_opts, event_put_items),
        SUB("put-users", "CAMPAIGN --user ID --properties JSON\nCAMPAIGN [FILE]",
            "Store rows of users: they count in the next query", users_opts, event_put_users),
        SUB("export", "[-o FILE] [--table TABLE] CAMPAIGN",
            "Write events or rows for the next training", export_opts, event_export),
        SUB("stats", "CAMPAIGN", "Count what is stored, and say how fresh it is", common_opts,
            event_stats),
        SUB("forget", "CAMPAIGN --user ID\nCAMPAIGN [FILE]", "Forget users at once", forget_opts,
            event_forget),
        { .name = NULL }
    };
    static const struct pz_cmd cmd = {
        .name = "pz-event",
        .synopsis = "CAMPAIGN ...",
        .summary = "Put live events, items and users into a campaign.",
        .examples = "  pz-event put home.pzc --user 42 --item 7 --type Purchase\n"
                    "  pz-event put-items home.pzc --item 7 --properties '{\"PRICE\": 9.5}'\n"
                    "  pz-event export home.pzc -o day.pzd",
        .format = PZ_FORMAT_VERSION,
        .sub = sub
    };

    return pz_cmd_main(&cmd, argc, argv);
}
