/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of updates: see chain.h. A full training is due
 *
 *   - when the interactions have grown by FULL_DUE since the last one, as quality is then no longer
 *     that of a training
 *   - or when what updated models are worth, on events that they had not learned, is below what the
 *     full one was worth, by more than the interval that that was known to
 *
 * What a model is worth is nDCG@25 as pz-eval has it, of the full one on the events of the first
 * update, and of the others on those of the last DAYS updates together, weighted by users. */
#include "train/chain.h"

#include <stdlib.h>

#include "base/file.h"

enum { DAYS = 7 };

static const double FULL_DUE = 0.25;

static const char METRIC[] = "normalized_discounted_cumulative_gain_at_25";

/* What pz-eval said. */
struct verdict {
    double value, low; /* nDCG@25, the lower end of its interval */
    double users;      /* 0: nothing was judged */
};

static double number(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static enum pz_status take_verdict(const json_t *doc, const char *path, struct verdict *v,
                                   struct pz_err *err)
{
    const json_t *value = json_object_get(json_object_get(doc, "metrics"), METRIC);
    const json_t *low = json_array_get(json_object_get(json_object_get(doc, "intervals"), METRIC),
                                       0);
    const json_t *users = json_object_get(doc, "users");

    if (!json_is_number(users) || (json_number_value(users) > 0 && !json_is_number(value)))
        return pz_err_set(err, PZ_BAD_DATA, "%s: this is not what pz-eval --json says of a model",
                          path);
    *v = (struct verdict){ json_number_value(value), json_number_value(low ? low : value),
                           json_number_value(users) };
    return PZ_OK;
}

static enum pz_status read_verdict(const char *path, struct verdict *v, struct pz_err *err)
{
    json_t *doc = NULL;
    char *bytes = NULL;
    size_t n = 0;
    enum pz_status st = pz_file_read(path, 1 << 24, &bytes, &n, err);

    if (st == PZ_OK)
        st = pz_json_parse(bytes, n, path, &doc, err);
    if (st == PZ_OK)
        st = take_verdict(doc, path, v, err);
    json_decref(doc);
    free(bytes);
    return st;
}

/* The newest DAYS values, the last one v. */
static json_t *add_day(const json_t *before, const struct verdict *v)
{
    json_t *list = json_deep_copy(json_object_get(before, "days"));

    if (!list)
        list = json_array();
    json_array_append_new(list, json_pack("[f, f]", v->value, v->users));
    while (json_array_size(list) > DAYS)
        json_array_remove(list, 0);
    return list;
}

/* What models of the chain were worth, with one more value. after_full: v is of the full one. */
static json_t *judge(const json_t *before, const struct verdict *v, bool after_full)
{
    json_t *list = add_day(before, v), *out = json_object();
    double sum = 0, users = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *day = json_array_get(list, i);
        double n = json_number_value(json_array_get(day, 1));

        sum += n * json_number_value(json_array_get(day, 0));
        users += n;
    }
    if (before && json_object_get(before, "full"))
        json_object_update(out, pz_json_lend(before));
    else if (after_full)
        json_object_update_new(out, json_pack("{s:f, s:f, s:f}", "full", v->value, "full_low",
                                              v->low, "full_users", v->users));
    json_object_update_new(out, json_pack("{s:f, s:f, s:o}", "now", sum / users, "users", users,
                                          "days", list));
    return out;
}

/* Whether updates do worse than the full training did. */
static bool fell(const json_t *judged)
{
    return json_object_get(judged, "full") && number(judged, "now") < number(judged, "full_low");
}

static void tell(const json_t *chain, struct pz_log *log)
{
    const json_t *judged = json_object_get(chain, "judged");
    bool due = json_is_true(json_object_get(chain, "full_due"));

    pz_log(log, due ? PZ_LOG_WARN : PZ_LOG_DEBUG,
           "update %.0f since the last full training, %.0f %% more interactions%s%s",
           number(chain, "updates"), 100 * number(chain, "grown"),
           fell(judged) ? ", worth less than the full one" : "",
           due ? "; a full training is due" : "");
}

enum pz_status pz_chain_next(const json_t *manifest, double n, const char *judged,
                             struct pz_log *log, json_t **out, struct pz_err *err)
{
    const json_t *before = json_object_get(manifest, "chain"),
                 *worth = json_object_get(before, "judged"),
                 *full = json_object_get(before, "full_on");
    double was = json_number_value(
        full ? full : json_object_get(json_object_get(manifest, "counts"), "interactions"));
    double grown = was > 0 ? (n - was) / was : 0;
    struct verdict v = { .users = 0 };
    enum pz_status st = judged ? read_verdict(judged, &v, err) : PZ_OK;
    json_t *now;

    *out = NULL;
    if (st != PZ_OK)
        return st;
    now = v.users > 0 ? judge(worth, &v, !before) : json_deep_copy(worth);
    *out = json_pack("{s:I, s:I, s:f, s:b}", "updates",
                     json_integer_value(json_object_get(before, "updates")) + 1, "full_on",
                     (json_int_t)was, "grown", grown, "full_due", grown > FULL_DUE || fell(now));
    if (*out && now)
        json_object_set_new(*out, "judged", now);
    if (!*out)
        return pz_err_memory(err, "the chain of updates", 1e3);
    tell(*out, log);
    return PZ_OK;
}
