/* SPDX-License-Identifier: Apache-2.0 */
/* Judgements: see judge.h. Whichever way models and cases come in, they meet in pz_judgement_run,
 * so that a split and a test dataset split off the same way give the same figures.
 *
 * Three things are looked at before any figure is believed: which held-out events a contender has
 * learned already (its score is 0 where seen items are left out, and a gift where they are kept),
 * how much of the ground truth stands in the histories, and that all contenders are asked under one
 * seen rule. */
#include "eval/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "campaign/campaign.h"
#include "data/group.h"
#include "data/newest.h"
#include "data/split.h"

void pz_judgement_clear(struct pz_judgement *j)
{
    pz_verdict_clear(&j->v);
    pz_cases_clear(&j->cases);
    for (size_t i = 0; i <= PZ_MAX_RIVALS; i++)
        pz_model_free(j->model[i]);
    memset(j, 0, sizeof *j);
}

enum pz_status pz_judgement_name(struct pz_judgement *j, const char *split,
                                 const char *const *recipe, size_t n_recipes, bool vs,
                                 struct pz_err *err)
{
    struct pz_verdict *v = &j->v;
    const char *const *names = n_recipes ? recipe : (const char *const[]){ "user-personalization" };
    size_t n = n_recipes ? n_recipes : 1;

    v->protocol = split ? split : "test";
    v->rival[v->n_rivals++].name = "popularity";
    if (vs)
        v->rival[v->n_rivals++].name = "vs";
    if (n > PZ_MAX_RIVALS - 1)
        return pz_err_set(err, PZ_USAGE, "at most %d recipes can be compared", PZ_MAX_RIVALS - 1);
    for (size_t i = 0; i < n && split; i++) {
        const struct pz_recipe *found;
        enum pz_status st = pz_recipe_choose(names[i], &found, NULL, err);

        if (st != PZ_OK)
            return st;
        if (i == 0)
            v->recipe = found->name;
        else
            v->rival[v->n_rivals++].name = found->name;
    }
    return pz_gate_judge(v, err);
}

/* ---- models trained here ---- */

static enum pz_status temp_model(char *path, size_t n, struct pz_err *err)
{
    const char *dir = getenv("TMPDIR");
    int fd;

    snprintf(path, n, "%s/pz-eval.XXXXXX", dir && *dir ? dir : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        return pz_err_set(err, PZ_CANT_CREATE, "cannot create a temporary file %s", path);
    close(fd);
    return PZ_OK;
}

enum pz_status pz_judgement_train(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                  const char *keep, struct pz_model **out, struct pz_err *err)
{
    char path[512];
    enum pz_status st = keep ? PZ_OK : temp_model(path, sizeof path, err);

    if (st != PZ_OK)
        return st;
    st = pz_train(ds, job, keep ? keep : path, err);
    if (st == PZ_OK)
        st = pz_model_open(keep ? keep : path, out, err);
    if (!keep)
        unlink(path);
    return st;
}

/* The model judged by its settings, rivals with the same events and the defaults. */
static enum pz_status train_all(struct pz_judgement *j, const struct pz_dataset *ds,
                                struct pz_train_cfg *job, const char *keep, struct pz_err *err)
{
    struct pz_verdict *v = &j->v;
    double cpu = pz_cpu_seconds(), wall = pz_wall_seconds();
    enum pz_status st;

    job->recipe = pz_recipe_find(v->recipe, NULL);
    st = pz_judgement_train(ds, job, keep, &j->model[0], err);
    v->trained = true;
    v->cpu_s = pz_cpu_seconds() - cpu;
    v->wall_s = pz_wall_seconds() - wall;
    v->peak_bytes = pz_mem_peak();
    job->n_params = 0;
    for (size_t i = 0; i < v->n_rivals && st == PZ_OK; i++) {
        job->recipe = pz_recipe_find(i == 0 ? "popularity-count" : v->rival[i].name, NULL);
        st = pz_judgement_train(ds, job, NULL, &j->model[i + 1], err);
    }
    return st;
}

/* The day of a verdict: when what was asked ends, wrong clocks left out as in training. */
static enum pz_status find_newest(const struct pz_cases_source *from, int64_t *newest,
                                  struct pz_err *err)
{
    const struct pz_dataset *test = from->test;
    int64_t *time = pz_mem_array(test->n_interactions, sizeof *time);
    uint64_t n = 0, beyond;
    enum pz_status st;

    if (!time)
        return pz_err_memory(err, "the times of events", 8.0 * (double)test->n_interactions);
    for (uint64_t p = 0; p < test->n_interactions; p++)
        if (!from->role || (from->role[p] & PZ_ROLE_TRUTH))
            time[n++] = test->time[p];
    st = pz_newest(time, n, newest, &beyond, err);
    free(time);
    return st;
}

/* The cases, and who has learned them already. */
static enum pz_status make_cases(struct pz_judgement *j, const struct pz_cases_source *from,
                                 struct pz_err *err)
{
    enum pz_status st = j->v.cold ? pz_cases_from_cold(from->test, from->role, &j->cases, err)
                                  : pz_cases_make(from, j->model[0], &j->cases, err);

    if (st == PZ_OK)
        st = find_newest(from, &j->v.newest, err);
    for (size_t i = 0; i <= j->v.n_rivals && st == PZ_OK; i++)
        st = pz_cases_learned(from, j->model[i], &j->v.learned[i], err);
    j->v.held = j->cases.held;
    return st;
}

enum pz_status pz_judgement_split(struct pz_judgement *j, const struct pz_strs *data,
                                  struct pz_train_cfg *job, const char *keep, struct pz_err *err)
{
    struct pz_split_spec spec = { .share = 0 };
    struct pz_dataset *ds = NULL;
    uint8_t *role = NULL, *learn = NULL;
    uint64_t n_learn = 0;
    enum pz_status st = pz_split_parse(j->v.protocol, &spec, err);

    if (st == PZ_OK)
        st = pz_dataset_open(data->v, data->n, &ds, err);
    j->v.cold = spec.kind == PZ_SPLIT_COLD_ITEMS;
    if (st == PZ_OK) {
        role = pz_mem_array(ds->n_interactions, 1);
        learn = pz_mem_array(ds->n_interactions, 1);
        st = role && learn ? pz_split_assign(ds, &spec, j->v.seed, role, err)
                           : pz_err_memory(err, "the split", 2.0 * (double)ds->n_interactions);
    }
    for (uint64_t p = 0; st == PZ_OK && p < ds->n_interactions; p++)
        n_learn += learn[p] = (role[p] & PZ_ROLE_TRAIN) != 0;
    if (st == PZ_OK && n_learn == 0) /* a model of nothing would be judged by chance */
        st = pz_err_set(err, PZ_BAD_DATA, "--split %s leaves no interaction to train on",
                        j->v.protocol);
    job->keep = learn;
    if (st == PZ_OK)
        st = train_all(j, ds, job, keep, err);
    if (st == PZ_OK)
        st = make_cases(j, &(struct pz_cases_source){ .test = ds, .role = role }, err);
    job->keep = NULL;
    free(role);
    free(learn);
    pz_dataset_free(ds);
    return st;
}

/* ---- models given ---- */

static void weigh(struct pz_part *part, double weight)
{
    part->weight = weight;
    part->cold_weight = 0;
    for (enum pz_lists l = 0; l < PZ_LISTS; l++)
        part->own[l] = (struct pz_weights){ weight, 0 };
}

/* The popularity row of a given model: its own popularity part alone. */
static void only_popularity(struct pz_model *m)
{
    for (size_t i = 0; i < m->n_parts; i++)
        weigh(&m->part[i], m->part[i].scorer->is_fallback);
}

/* A model file, or the current version of a campaign. */
static enum pz_status open_model(const char *path, struct pz_model **m, struct pz_err *err)
{
    char file[4096];
    enum pz_status st = pz_campaign_model_path(path, file, sizeof file, err);

    return st == PZ_OK ? pz_model_open(file, m, err) : st;
}

enum pz_status pz_judgement_given(struct pz_judgement *j, const char *model, const char *vs,
                                  const char *const *test, size_t n_test, const char *history,
                                  struct pz_err *err)
{
    struct pz_dataset *held = NULL, *past = NULL;
    enum pz_status st = open_model(model, &j->model[0], err);

    if (st == PZ_OK)
        st = open_model(model, &j->model[1], err);
    if (st == PZ_OK) {
        j->v.recipe = j->model[0]->recipe->name;
        only_popularity(j->model[1]);
    }
    if (st == PZ_OK && vs)
        st = open_model(vs, &j->model[2], err);
    if (st == PZ_OK)
        st = pz_dataset_open(test, n_test, &held, err);
    if (st == PZ_OK && history)
        st = pz_dataset_open(&history, 1, &past, err);
    if (st == PZ_OK)
        st = make_cases(j, &(struct pz_cases_source){ .test = held, .history = past }, err);
    pz_dataset_free(held);
    pz_dataset_free(past);
    return st;
}

/* ---- judging ---- */

static enum pz_status judge_one(struct pz_judgement *j, struct pz_model *m, struct pz_contender *c,
                                struct pz_err *err)
{
    enum pz_status st;

    if (m->recipe->task == PZ_TASK_RANK) /* the list to order is the catalogue */
        m->recipe = pz_recipe_find("user-personalization", NULL);
    st = pz_evaluate(m, &j->cases, &j->v.how, &c->figures, err);
    for (int exploring = 0; st == PZ_OK && j->v.cold && exploring < 2; exploring++) {
        struct pz_eval_cfg how = j->v.how;

        how.exploration_weight = exploring ? -1 : 0;
        st = pz_evaluate_reach(m, &j->cases, &how, c->reach[exploring], err);
    }
    return st == PZ_OK ? pz_model_recheck(m, err) : st;
}

/* The figures of each part that has a weight, the others having none meanwhile. */
static enum pz_status judge_parts(struct pz_judgement *j, struct pz_err *err)
{
    struct pz_model *m = j->model[0];
    struct pz_part kept[PZ_MAX_PARTS];
    enum pz_status st = PZ_OK;

    memcpy(kept, m->part, m->n_parts * sizeof *kept);
    for (size_t p = 0; p < m->n_parts && st == PZ_OK; p++) {
        struct pz_contender *c = &j->v.alone[j->v.n_alone];

        if (pz_part_is_idle(&kept[p]))
            continue;
        for (size_t q = 0; q < m->n_parts; q++)
            weigh(&m->part[q], q == p);
        c->name = kept[p].scorer->name;
        st = judge_one(j, m, c, err);
        j->v.n_alone += st == PZ_OK;
    }
    memcpy(m->part, kept, m->n_parts * sizeof *kept);
    return st;
}

/* A gate on figures that contenders cannot earn, or get as a gift, is no gate. */
static enum pz_status refuse_learned(const struct pz_verdict *v, struct pz_err *err)
{
    struct pz_str who = { 0 };
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i <= v->n_rivals; i++)
        if (v->learned[i] > 0 && i != 1) /* popularity is the judged model's own, or a recipe's */
            pz_str_addf(&who, "%s%s has %llu", who.len ? ", " : "",
                        i == 0 ? "the model" : v->rival[i - 1].name,
                        (unsigned long long)v->learned[i]);
    if (who.len && v->gate)
        st = pz_err_set(err, PZ_BAD_DATA,
                        "--gate: %s of the %llu test events in its histories already; a model that "
                        "has learned the test cannot be judged by it",
                        who.data, (unsigned long long)v->held.n_events);
    pz_str_clear(&who);
    return st;
}

/* Whether validation asked for what comes next, not for what is missing in a history. */
static bool is_tuned_for_later(const struct pz_model *m)
{
    const char *what = json_string_value(
        json_object_get(json_object_get(m->manifest, "check"), "tuned_for"));

    return what && strcmp(what, "any") != 0;
}

/* What people should know before they believe a figure. */
static void note(const struct pz_judgement *j)
{
    const struct pz_verdict *v = &j->v;
    const struct pz_held_out *h = &v->held;
    unsigned long long n_users = j->cases.n;

    for (size_t i = 0; i <= v->n_rivals; i++)
        if (v->learned[i] > 0 && i != 1)
            pz_log(v->how.log, PZ_LOG_WARN,
                   "%llu of %llu test events are already in the histories of %s: it has learned "
                   "what it is asked, and its figures say nothing",
                   (unsigned long long)v->learned[i], (unsigned long long)h->n_events,
                   i == 0 ? "the model" : v->rival[i - 1].name);
    if (v->learned[0] > 0) /* the rest follows from that */
        return;
    if (h->n_tied > 0)
        pz_log(v->how.log, PZ_LOG_NOTE,
               "of %llu of %llu users the first held-out event has the time of an event of the "
               "history: which came first is drawn from --seed",
               (unsigned long long)h->n_tied, n_users);
    if (2 * h->n_amid > n_users && is_tuned_for_later(j->model[0]))
        pz_log(v->how.log, PZ_LOG_NOTE,
               "of %llu of %llu users the history goes on after the first held-out event: what is "
               "missing in a history is asked here, and the model is tuned for what comes next; "
               "pz-train --tune-for any tunes for this",
               (unsigned long long)h->n_amid, n_users);
    if (2 * h->n_timeless > n_users && is_tuned_for_later(j->model[0]))
        pz_log(
            v->how.log, PZ_LOG_NOTE,
            "the held-out events of %llu of %llu users have no time and are asked for right after "
            "their histories, as what comes next; if they were taken out of these whenever they "
            "were, pz-train --tune-for any tunes for that",
            (unsigned long long)h->n_timeless, n_users);
    if (v->how.seen == PZ_SEEN_EXCLUDE && 2 * h->n_repeats >= h->n_items && h->n_repeats > 0)
        pz_log(
            v->how.log, PZ_LOG_NOTE,
            "%.0f %% of the held-out items stand in their user's history and cannot be hit while "
            "seen items are left out; --seen keep lets them be recommended",
            100.0 * (double)h->n_repeats / (double)h->n_items);
}

enum pz_seen pz_judgement_seen(const struct pz_recipe *recipe)
{
    return recipe->exclude_seen || recipe->task == PZ_TASK_RANK ? PZ_SEEN_EXCLUDE : PZ_SEEN_KEEP;
}

enum pz_status pz_judgement_pool(struct pz_judgement *j, const char *ledger, uint32_t n_days,
                                 struct pz_err *err)
{
    return pz_pool_read(ledger, j->v.newest, n_days, &j->v.pool, err);
}

/* What the gate compared with vs today, for the gates of days to come. */
static void note_days(const struct pz_verdict *v)
{
    struct pz_pool_sum today;

    for (size_t i = 0; i < PZ_POOL_METRICS; i++)
        if (pz_verdict_pooled(v, v->pool.used[i], false, &today))
            pz_pool_note(i, v->newest, &today);
}

enum pz_status pz_judgement_run(struct pz_judgement *j, struct pz_err *err)
{
    enum pz_status st = refuse_learned(&j->v, err);

    if (j->v.how.seen == PZ_SEEN_DEFAULT && !j->v.cold)
        j->v.how.seen = pz_judgement_seen(j->model[0]->recipe);
    if (st == PZ_OK)
        note(j);
    if (st == PZ_OK)
        st = judge_one(j, j->model[0], &j->v.mine, err);
    for (size_t i = 0; i < j->v.n_rivals && st == PZ_OK; i++)
        st = judge_one(j, j->model[i + 1], &j->v.rival[i], err);
    if (st == PZ_OK && j->v.by_part)
        st = judge_parts(j, err);
    if (st == PZ_OK)
        st = pz_gate_judge(&j->v, err);
    if (st == PZ_OK)
        note_days(&j->v);
    return st;
}

/* ---- a line for each user ---- */

static void add_user(struct pz_str *line, const struct pz_figures *f, const struct pz_case *c,
                     size_t k)
{
    pz_str_reset(line);
    pz_str_add_csv(line, c->user_id, strlen(c->user_id), '\t');
    for (size_t i = 0; i < f->n_metrics; i++) {
        pz_str_addc(line, '\t');
        pz_str_add_float(line, f->each[k * f->n_metrics + i]);
    }
    pz_str_addc(line, '\n');
}

enum pz_status pz_judgement_per_user(const struct pz_judgement *j, const char *path,
                                     struct pz_err *err)
{
    const struct pz_figures *f = &j->v.mine.figures;
    struct pz_out *out = NULL;
    struct pz_str line = { 0 };
    enum pz_status st = pz_out_open(path, &out, err);

    pz_str_adds(&line, "user_id");
    for (size_t i = 0; i < f->n_metrics; i++)
        pz_str_addf(&line, "\t%s", f->name[i]);
    pz_str_addc(&line, '\n');
    for (size_t k = 0; k <= f->n_cases && st == PZ_OK; k++) {
        if (k > 0)
            add_user(&line, f, &j->cases.c[k - 1], k - 1);
        st = line.failed ? pz_err_memory(err, "a line", 1e4)
                         : pz_out_write(out, line.data, line.len, err);
    }
    pz_str_clear(&line);
    if (st == PZ_OK)
        return pz_out_commit(out, err);
    pz_out_abort(out);
    return st;
}
