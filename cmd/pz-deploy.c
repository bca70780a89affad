/* SPDX-License-Identifier: Apache-2.0 */
/* pz-deploy: publish models as campaigns, look at them, set them, go back, tidy up. The option
 * tables and the list of subcommands; their work is in deploy/. */
#include "campaign/operand.h"
#include "campaign/settings.h"
#include "cmd/deploy/deploy.h"
#include "table/table.h"

enum pz_status deploy_need(const struct pz_strs *args, size_t n, const char *what,
                           struct pz_err *err)
{
    return args->n == n ? PZ_OK
                        : pz_err_set(err, PZ_USAGE, "%s is needed; see pz-deploy --help", what);
}

enum pz_status deploy_need_campaign(const struct pz_strs *args, size_t n, const char *what,
                                    struct pz_err *err)
{
    enum pz_status st = deploy_need(args, n, what, err);

    return st == PZ_OK ? pz_operand_want(args->v[0], 1u << PZ_OPERAND_CAMPAIGN, err) : st;
}

#define LOCK_WAIT                                                                 \
    PZ_REAL(0, "lock-wait", struct deploy_cfg, lock_wait, "0", 0, 1e6, "SECONDS", \
            "how long to wait for another process that changes the campaign; then exit with 75")

static const struct pz_opt publish_opts[] = {
    PZ_INT(
        0, "live-seen", struct deploy_cfg, live_seen, "0", 0, 9e15, "N",
        "number of the last live event that the model's data contain (pz-event export says it): "
        "queries add the later ones. 0: as the data say that came by pz-event export -o NAME.pzd"),
    PZ_INT(0, "rows-seen", struct deploy_cfg, rows_seen, "0", 0, 9e15, "N",
           "the same for rows of items and users that were put; without it they all stay in force"),
    PZ_FLAG(0, "force", struct deploy_cfg, force,
            "publish also a model that was rolled back as bad, or that has fewer than half of the "
            "items or users of the current version"),
    PZ_STR(0, "seen", struct deploy_cfg, seen, NULL, "exclude|keep|only|auto",
           "the campaign's rule for items that a user had, as by pz-deploy set CAMPAIGN seen RULE; "
           "auto: as training found lists better"),
    LOCK_WAIT,
    PZ_OPT_COMMON(struct deploy_cfg, common),
    PZ_END
};
static const struct pz_opt status_opts[] = {
    PZ_STR(0, "max-age", struct deploy_cfg, max_age, NULL, "LIMITS",
           "exit as monitoring plugins do: 1 when an age is over its limit, 2 over twice that, 3 "
           "when it cannot be told. data=26h,publication=8d,backlog=2h, also WARNING:CRITICAL; a "
           "duration alone (26h) is a limit of 1 for the publication"),
    PZ_OUT(0, "textfile", struct deploy_cfg, textfile, NULL, "FILE.prom",
           "write the figures for the textfile collector of Prometheus"),
    PZ_FLAG(0, "verify", struct deploy_cfg, verify,
            "read every byte of the current version first, and exit with 65 if one is damaged"),
    PZ_OPT_COMMON(struct deploy_cfg, common), PZ_END
};
static const struct pz_opt rollback_opts[] = {
    PZ_INT(0, "to", struct deploy_cfg, to, "0 (the previous one)", 0, 4e9, "N", "version to go to"),
    LOCK_WAIT, PZ_OPT_COMMON(struct deploy_cfg, common), PZ_END
};
static const struct pz_opt gc_opts[] = {
    PZ_INT('k', "keep", struct deploy_cfg, keep, "5", 0, 1000000, "N", "newest versions to keep"),
    PZ_INT(0, "keep-weekly", struct deploy_cfg, keep_weekly, "0", 0, 1000000, "N",
           "keep besides the newest version of each of the latest N weeks that have one"),
    PZ_FLAG(0, "events", struct deploy_cfg, events,
            "remove also live events and rows that the data of every version left contain, and the "
            "datasets named by --data"),
    PZ_LIST(0, "data", struct deploy_cfg, data, "DATA.pzd",
            "with --events: a dataset that the next training reads; may be given several times"),
    PZ_STR(0, "ids", struct deploy_cfg, ids, NULL, "FILE",
           "remove also versions, the previous one too, whose model knows one of these users (as "
           "with check); not the current one, nor those that are pinned"),
    PZ_FLAG(0, "force", struct deploy_cfg, force,
            "with --events: remove also what no dataset named contains; the next training may lack "
            "it"),
    LOCK_WAIT,
    PZ_OPT_COMMON(struct deploy_cfg, common),
    PZ_END
};
static const struct pz_opt set_opts[] = { LOCK_WAIT, PZ_OPT_COMMON(struct deploy_cfg, common),
                                          PZ_END };
static const struct pz_opt check_opts[] = {
    PZ_STR(
        0, "ids", struct deploy_cfg, ids, NULL, "FILE",
        "look for these ids of users (one a line, or the column USER_ID of a CSV file; -: standard "
        "input) in every file of the campaign and in FILE..., and exit with 1 when one is there"),
    PZ_OPT_COMMON(struct deploy_cfg, common), PZ_END
};
static const struct pz_opt common_opts[] = { PZ_OPT_COMMON(struct deploy_cfg, common), PZ_END };

static const struct pz_opt bench_opts[] = {
    PZ_REAL(0, "seconds", struct deploy_bench_cfg, seconds, "3", 0.01, 3600, "N",
            "how long to ask"),
    PZ_REAL(0, "min-tps", struct deploy_bench_cfg, min_tps, "0", 0, 1e9, "N",
            "warn when fewer are answered a second, as minProvisionedTPS promises"),
    PZ_OPT_COMMON(struct deploy_bench_cfg, common), PZ_END
};

static const struct pz_opt pull_opts[] = {
    PZ_STR(
        0, "with", struct deploy_pull_cfg, with, NULL, "COMMAND",
        "how to fetch: a shell command that writes what its last word names ('curl -fsS'), or that "
        "has {} for the source and {} for the file ('aws s3 cp {} {}', 'rsync {} {}')"),
    PZ_REAL(0, "delay", struct deploy_pull_cfg, delay, "0", 0, 1e8, "SECONDS",
            "take an offer only when it is so old: 0 on the host that goes first"),
    PZ_REAL(0, "timeout", struct deploy_pull_cfg, timeout, "3600", 0.1, 1e8, "SECONDS",
            "end a command of --with that takes longer"),
    PZ_FLAG(0, "force", struct deploy_pull_cfg, force,
            "take an older offer too, and publish as publish --force does"),
    PZ_OPT_COMMON(struct deploy_pull_cfg, common),
    PZ_END
};

static const struct pz_opt log_opts[] = {
    PZ_REAL(0, "days", struct deploy_log_cfg, days, "31", 31, 36500, "N",
            "with trim: keep what is younger; repeats of an event are known for 30 days"),
    PZ_STR(0, "drop", struct deploy_log_cfg, drop, NULL, "HOST",
           "with trim: a host, as status lists it, that is gone and shall not keep anything"),
    PZ_OPT_COMMON(struct deploy_log_cfg, common), PZ_END
};

static const struct pz_opt cost_opts[] = {
    PZ_REAL(0, "min-tps", struct deploy_cost_cfg, min_tps, "1", 0, 1e9, "N",
            "requests a second that each campaign is billed at least, as minProvisionedTPS"),
    PZ_STR(0, "rates", struct deploy_cost_cfg, rates, NULL, "FILE",
           "rates in place of those in the program, which say their date; see pz-serve(7)"),
    PZ_OPT_COMMON(struct deploy_cost_cfg, common), PZ_END
};

static const struct pz_opt serve_opts[] = {
    PZ_STR(0, "listen", struct deploy_serve_cfg, listen, NULL, "HOST:PORT",
           "where to take requests; also [ADDRESS]:PORT and unix:PATH. A socket that a service "
           "manager hands over is used instead"),
    PZ_STR(0, "credentials", struct deploy_serve_cfg, credentials, NULL, "FILE",
           "keys that may sign requests, and what each may do; only the owner may read the file. "
           "See pz-serve(7)"),
    PZ_FLAG(0, "no-auth", struct deploy_serve_cfg, no_auth,
            "take requests without signatures; only on a loopback address or a unix socket"),
    PZ_STR(0, "config", struct deploy_serve_cfg, config, NULL, "FILE",
           "names, limits and origins, see pz-serve(7); without it a campaign is called as its "
           "folder without .pzc"),
    PZ_FLAG(0, "print-config", struct deploy_serve_cfg, print_config,
            "print the configuration in force, and serve nothing"),
    PZ_STR(0, "access-log", struct deploy_serve_cfg, access_log, NULL, "FILE",
           "append a line of JSON for each request; - is standard output"),
    PZ_REAL(0, "max-tps", struct deploy_serve_cfg, max_tps, "0", 0, 1e9, "N",
            "requests a second at most, of all campaigns together; 0: as configured"),
    PZ_OPT_COMMON(struct deploy_serve_cfg, common),
    PZ_END
};

#define SUB_OF(word, usage, text, table, files, words, function)                                  \
    {                                                                                             \
        .name = word, .synopsis = usage, .summary = text, .opts = table,                          \
        .cfg_bytes = sizeof(struct deploy_cfg),                                                   \
        .common_offset = offsetof(struct deploy_cfg, common), .operands = files, .values = words, \
        .campaign = true, .run = function                                                         \
    }
#define SUB(word, usage, text, table, function) \
    SUB_OF(word, usage, text, table, "pzc", NULL, function)

/* The operands of set and unset. */
static void add_settings(const char *option, struct pz_str *out)
{
    if (*option)
        return;
    for (const struct pz_settable *k = pz_settings_known; k->name; k++)
        pz_str_addf(out, "%s ", k->name);
    pz_str_adds(out, "filter");
}

static const struct pz_cmd commands[] = {
    SUB_OF("publish", "[--force] CAMPAIGN MODEL.pzm",
           "Make a model the current version of a campaign", publish_opts, "pzc|pzm", NULL,
           deploy_publish),
    SUB("status", "[--max-age LIMITS] [--verify] [--textfile FILE] CAMPAIGN",
        "Say which version answers, how fresh it is, and what is set", status_opts, deploy_status),
    SUB("list", "CAMPAIGN", "List the versions", common_opts, deploy_list),
    SUB("rollback", "[--to N] CAMPAIGN", "Make an older version current", rollback_opts,
        deploy_rollback),
    SUB("gc", "[--keep N] [--keep-weekly N] [--events --data FILE...] CAMPAIGN",
        "Remove old versions, never the current or previous one", gc_opts, deploy_gc),
    SUB("pin", "CAMPAIGN VERSION", "Keep a version from being collected", set_opts, deploy_pin),
    SUB("unpin", "CAMPAIGN VERSION", "Let a pinned version go", set_opts, deploy_unpin),
    SUB_OF("compact", "CAMPAIGN|STORE",
           "Write the live store anew: no free pages, no byte of what was removed", common_opts,
           "pzc|pzl", NULL, deploy_compact),
    SUB_OF("check", "CAMPAIGN\n--ids FILE CAMPAIGN|FILE...",
           "Read every byte of every version and say what is damaged, or whether users are still "
           "there",
           check_opts, "pzc|pzm|pzd", NULL, deploy_check),
    SUB("repair", "CAMPAIGN",
        "Find the version to answer with when current or an info.json is lost or damaged", set_opts,
        deploy_repair),
    SUB_OF("set", "CAMPAIGN NAME VALUE\nCAMPAIGN filter NAME EXPR",
           "Change a setting, or keep a filter under a name", set_opts, "pzc", add_settings,
           deploy_set),
    SUB_OF("unset", "CAMPAIGN NAME\nCAMPAIGN filter NAME", "Remove a setting or a filter", set_opts,
           "pzc", add_settings, deploy_unset),
    { .name = "offer",
      .synopsis = "MODEL.pzm OFFER.json",
      .summary = "Offer a model to hosts that pull: its name, size and SHA-256",
      .opts = common_opts,
      .cfg_bytes = sizeof(struct deploy_cfg),
      .common_offset = offsetof(struct deploy_cfg, common),
      .operands = "pzm",
      .run = deploy_offer },
    { .name = "pull",
      .synopsis = "[--with COMMAND] [--delay SECONDS] [--force] CAMPAIGN OFFER",
      .summary = "Publish the model that is offered there, if it is new",
      .opts = pull_opts,
      .cfg_bytes = sizeof(struct deploy_pull_cfg),
      .common_offset = offsetof(struct deploy_pull_cfg, common),
      .operands = "pzc",
      .campaign = true,
      .run = deploy_pull },
    { .name = "log",
      .synopsis = "init|sync|status CAMPAIGN\ntrim [--days N] [--drop HOST] CAMPAIGN",
      .summary = "Look after the log in PostgreSQL that several hosts share",
      .opts = log_opts,
      .cfg_bytes = sizeof(struct deploy_log_cfg),
      .common_offset = offsetof(struct deploy_log_cfg, common),
      .operands = "pzc",
      .campaign = true,
      .run = deploy_log },
    { .name = "bench",
      .synopsis = "[--seconds N] [--min-tps N] CAMPAIGN",
      .summary = "Measure how many questions a second this machine answers",
      .opts = bench_opts,
      .cfg_bytes = sizeof(struct deploy_bench_cfg),
      .common_offset = offsetof(struct deploy_bench_cfg, common),
      .operands = "pzc",
      .campaign = true,
      .run = deploy_bench },
    { .name = "cost",
      .synopsis = "[--min-tps N] [--rates FILE] LEDGER|ACCESS-LOG...",
      .summary = "Add up what was used, and what Amazon would have charged for it",
      .opts = cost_opts,
      .cfg_bytes = sizeof(struct deploy_cost_cfg),
      .common_offset = offsetof(struct deploy_cost_cfg, common),
      .operands = "file",
      .run = deploy_cost },
    { .name = "serve",
      .synopsis = "--listen HOST:PORT (--credentials FILE | --no-auth) CAMPAIGN...",
      .summary = "Serve campaigns with Amazon Personalize's protocol",
      .opts = serve_opts,
      .cfg_bytes = sizeof(struct deploy_serve_cfg),
      .common_offset = offsetof(struct deploy_serve_cfg, common),
      .operands = "pzc",
      .campaign = true,
      .run = deploy_serve },
    { .name = NULL }
};

int main(int argc, char **argv)
{
    static const struct pz_cmd cmd = { .name = "pz-deploy",
                                       .synopsis = "CAMPAIGN ...",
                                       .summary = "Publish models as campaigns.",
                                       .examples = "  pz-deploy publish home.pzc home.pzm\n"
                                                   "  pz-deploy rollback home.pzc\n"
                                                   "  pz-deploy set home.pzc num 10",
                                       .format = PZ_FORMAT_VERSION,
                                       .sub = commands };

    return pz_cmd_main(&cmd, argc, argv);
}
