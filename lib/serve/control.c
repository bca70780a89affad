/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane, as far as clients read it: which campaigns, versions, filters and trackers
 * there are, and what a version was measured at. It answers from the campaigns' folders and the
 * models' own manifests; nothing is created or changed here, pz-deploy does that.
 *
 * A campaign NAME is one dataset group NAME with one solution NAME whose versions are the published
 * ones: solution/NAME/N. Protocol: AWS JSON 1.1, POST / with X-Amz-Target: AmazonPersonalize.NAME.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign/campaign.h"
#include "serve/service.h"

#define ARN "arn:aws:personalize:us-east-1:000000000000:"
#define RECIPE "arn:aws:personalize:::recipe/"

enum { PAGE_MAX = 100 };

/* One question to the control plane. */
struct question {
    struct pz_server *s;
    struct pz_exchange *x;
    const json_t *doc;
    json_t *list; /* of a List operation, in the making */
    json_t *answer;
};

/* ---- common pieces ---- */

static const char *member(const struct question *q, const char *name)
{
    return json_string_value(json_object_get(q->doc, name));
}

static json_t *arn(const char *kind, const char *name, const char *more)
{
    return json_sprintf(ARN "%s/%s%s%s", kind, name, more ? "/" : "", more ? more : "");
}

/* Whether the caller may know of the campaign. */
static bool is_visible(const struct question *q, const struct pz_served *k)
{
    return pz_key_may(q->x->key, PZ_MAY_READ, k->cfg->name);
}

/* The visible campaign that an ARN of a kind names; x says what is wrong when there is none. */
static struct pz_served *find(const struct question *q, const char *name, const char *kind,
                              const char **rest)
{
    const char *text = member(q, name), *at;
    struct pz_served *k = NULL;
    size_t n = 0;

    at = text ? pz_wire_arn(text, kind, &n, rest) : NULL;
    if (at)
        k = pz_server_campaign(q->s, at, n);
    if (k && is_visible(q, k))
        return k;
    if (!text)
        pz_http_fail(q->x, PZ_FAULT_INVALID_INPUT, "%s: is needed", name);
    else
        pz_http_fail(q->x, PZ_FAULT_NOT_FOUND, "%s: there is no %.260s", name, text);
    return NULL;
}

/* Status and times as every description has them. */
static void add_state(json_t *object, int64_t time)
{
    json_object_set_new(object, "status", json_string("ACTIVE"));
    json_object_set_new(object, "creationDateTime", json_integer(time));
    json_object_set_new(object, "lastUpdatedDateTime", json_integer(time));
}

static int64_t published(const struct pz_snapshot *snap)
{
    return snap->view ? snap->view->version.published : 0;
}

/* Call fn for each visible campaign, or the one that an optional ARN of a kind names. */
static void for_each(struct question *q, const char *filter, const char *kind,
                     void (*fn)(struct question *q, struct pz_served *k, struct pz_snapshot *snap))
{
    struct pz_served *only = member(q, filter) ? find(q, filter, kind, NULL) : NULL;

    if (member(q, filter) && !only)
        return;
    for (size_t i = 0; i < q->s->n_campaigns; i++) {
        struct pz_served *k = &q->s->campaign[i];
        struct pz_snapshot *snap;

        if ((only && k != only) || !is_visible(q, k))
            continue;
        snap = pz_service_take(k->service);
        fn(q, k, snap);
        pz_snapshot_release(snap);
    }
}

/* Describe the one that an ARN of a kind names. */
static void describe(struct question *q, const char *name, const char *kind,
                     json_t *(*fn)(struct pz_served *k, struct pz_snapshot *snap), const char *as)
{
    struct pz_served *k = find(q, name, kind, NULL);
    struct pz_snapshot *snap = k ? pz_service_take(k->service) : NULL;

    if (snap)
        q->answer = json_pack("{s:o}", as, fn(k, snap));
    pz_snapshot_release(snap);
}

/* ---- campaigns ---- */

static json_t *version_arn(const struct pz_served *k, uint32_t version)
{
    char number[16];

    snprintf(number, sizeof number, "%u", version);
    return arn("solution", k->cfg->name, number);
}

static json_t *campaign_json(struct pz_served *k, struct pz_snapshot *snap)
{
    const struct pz_settings none = { NULL }, *set = snap->view ? &snap->view->settings : &none;
    double weight = pz_settings_number(set, "exploration-weight", 0.3),
           age = pz_settings_number(set, "exploration-age", 30);
    json_t *c = json_pack("{s:s, s:o, s:o, s:i, s:{s:b, s:{s:o, s:o}}}", "name", k->cfg->name,
                          "campaignArn", arn("campaign", k->cfg->name, NULL), "solutionVersionArn",
                          version_arn(k, snap->version), "minProvisionedTPS",
                          k->cfg->min_tps < 1 ? 1 : (int)k->cfg->min_tps, "campaignConfig",
                          "enableMetadataWithRecommendations", true, "itemExplorationConfig",
                          "explorationWeight", json_sprintf("%g", weight),
                          "explorationItemAgeCutOff", json_sprintf("%g", age));

    add_state(c, published(snap));
    return c;
}

static void list_campaign(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    json_t *c = json_pack("{s:s, s:o}", "name", k->cfg->name, "campaignArn",
                          arn("campaign", k->cfg->name, NULL));

    add_state(c, published(snap));
    json_array_append_new(q->list, c);
}

static void list_campaigns(struct question *q)
{
    for_each(q, "solutionArn", "solution", list_campaign);
}

static void describe_campaign(struct question *q)
{
    describe(q, "campaignArn", "campaign", campaign_json, "campaign");
}

/* ---- recipes ---- */

static json_t *recipe_json(const struct pz_recipe *r, bool whole)
{
    static const char *const type[] = { [PZ_TASK_USER] = "USER_PERSONALIZATION",
                                        [PZ_TASK_RANK] = "PERSONALIZED_RANKING",
                                        [PZ_TASK_RELATED] = "RELATED_ITEMS" };
    json_t *o = json_pack("{s:s, s:o}", "name", r->name, "recipeArn",
                          json_sprintf(RECIPE "%s", r->amazon));

    if (whole)
        json_object_update_new(o, json_pack("{s:s, s:s}", "description", r->meaning, "recipeType",
                                            type[r->task]));
    add_state(o, 0);
    return o;
}

static void list_recipes(struct question *q)
{
    for (const struct pz_recipe *r = pz_recipes; r->name; r++)
        json_array_append_new(q->list, recipe_json(r, false));
}

static void describe_recipe(struct question *q)
{
    const char *text = member(q, "recipeArn");
    const struct pz_recipe *r = text ? pz_recipe_find(text, NULL) : NULL;

    if (r)
        q->answer = json_pack("{s:o}", "recipe", recipe_json(r, true));
    else
        pz_http_fail(q->x, PZ_FAULT_NOT_FOUND, "recipeArn: there is no recipe %.200s",
                     text ? text : "");
}

/* ---- solutions ---- */

static json_t *solution_json(struct pz_served *k, struct pz_snapshot *snap)
{
    const struct pz_recipe *r = snap->model->recipe;
    json_t *latest = json_pack("{s:o}", "solutionVersionArn", version_arn(k, snap->version));
    json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", k->cfg->name, "solutionArn",
                          arn("solution", k->cfg->name, NULL), "recipeArn",
                          json_sprintf(RECIPE "%s", r->amazon), "datasetGroupArn",
                          arn("dataset-group", k->cfg->dataset, NULL), "latestSolutionVersion",
                          latest);

    add_state(latest, published(snap));
    add_state(o, published(snap));
    return o;
}

static void list_solution(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    json_array_append_new(q->list, solution_json(k, snap));
}

static void list_solutions(struct question *q)
{
    for_each(q, "datasetGroupArn", "dataset-group", list_solution);
}

static void describe_solution(struct question *q)
{
    describe(q, "solutionArn", "solution", solution_json, "solution");
}

static void list_versions_of(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    struct pz_version *list = NULL;
    size_t n = 0;

    (void)snap;
    if (pz_campaign_list(k->cfg->path, &list, &n, NULL) != PZ_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        json_t *o = json_pack("{s:o, s:s}", "solutionVersionArn", version_arn(k, list[i].number),
                              "trainingMode", "FULL");

        add_state(o, list[i].published);
        json_array_append_new(q->list, o);
    }
    free(list);
}

static void list_versions(struct question *q)
{
    for_each(q, "solutionArn", "solution", list_versions_of);
}

/* The published version that a solution version's ARN names. */
static bool find_version(struct question *q, struct pz_served **k, struct pz_version *version)
{
    const char *number = NULL;
    struct pz_version *list = NULL;
    size_t n = 0;
    bool found = false;

    *k = find(q, "solutionVersionArn", "solution", &number);
    if (!*k)
        return false;
    if (pz_campaign_list((*k)->cfg->path, &list, &n, NULL) == PZ_OK)
        for (size_t i = 0; i < n; i++)
            if (strtoul(number, NULL, 10) == list[i].number) {
                *version = list[i];
                found = true;
            }
    free(list);
    if (!found)
        pz_http_fail(q->x, PZ_FAULT_NOT_FOUND, "solutionVersionArn: there is no version %.20s",
                     number);
    return found;
}

/* The settings that the model's parts were trained with, as texts. */
static json_t *hyperparameters(const struct pz_model *m)
{
    const json_t *parts = json_object_get(m->manifest, "parts"), *part;
    json_t *out = json_object(), *value;
    const char *key;
    size_t i;

    json_array_foreach (parts, i, part)
        json_object_foreach (json_object_get(part, "settings"), key, value) {
            char name[128];

            snprintf(name, sizeof name, "%s.%s", json_string_value(json_object_get(part, "scorer")),
                     key);
            json_object_set_new(out, name, json_sprintf("%g", json_number_value(value)));
        }
    return out;
}

static void describe_version(struct question *q)
{
    struct pz_version v = { .number = 0 };
    struct pz_served *k;
    struct pz_snapshot *snap;
    json_t *o;

    if (!find_version(q, &k, &v))
        return;
    snap = pz_service_take(k->service);
    o = json_pack("{s:o, s:o, s:o, s:o, s:s, s:b, s:b}", "solutionVersionArn",
                  version_arn(k, v.number), "solutionArn", arn("solution", k->cfg->name, NULL),
                  "recipeArn", json_sprintf(RECIPE "%s", v.recipe), "datasetGroupArn",
                  arn("dataset-group", k->cfg->dataset, NULL), "trainingMode", "FULL", "performHPO",
                  false, "performAutoML", false);
    if (v.number == snap->version)
        json_object_set_new(o, "solutionConfig",
                            json_pack("{s:o}", "algorithmHyperParameters",
                                      hyperparameters(snap->model)));
    add_state(o, v.published);
    q->answer = json_pack("{s:o}", "solutionVersion", o);
    pz_snapshot_release(snap);
}

json_t *pz_server_check(const struct pz_served *k, uint32_t version)
{
    struct pz_snapshot *snap = pz_service_take(k->service);
    struct pz_model *other = NULL;
    const struct pz_model *m = NULL;
    struct pz_version v;
    json_t *check;

    if (snap->version == version)
        m = snap->model;
    else if (pz_campaign_open_version(k->cfg->path, version, &other, &v, NULL) == PZ_OK)
        m = other;
    check = m ? json_deep_copy(json_object_get(m->manifest, "check")) : NULL;
    pz_model_free(other);
    pz_snapshot_release(snap);
    return check;
}

static void get_metrics(struct question *q)
{
    struct pz_version v = { .number = 0 };
    struct pz_served *k;
    json_t *check, *metrics;

    if (!find_version(q, &k, &v))
        return;
    check = pz_server_check(k, v.number);
    metrics = json_object_get(check, "metrics");
    /* Empty for a model that was not tuned. */
    q->answer = json_pack("{s:o, s:o}", "solutionVersionArn", version_arn(k, v.number), "metrics",
                          metrics ? json_incref(metrics) : json_object());
    json_decref(check);
}

/* ---- filters ---- */

static json_t *filter_json(const struct pz_served *k, const struct pz_snapshot *snap,
                           const char *name, const char *expression)
{
    json_t *o = json_pack("{s:s, s:o, s:o}", "name", name, "filterArn", arn("filter", name, NULL),
                          "datasetGroupArn", arn("dataset-group", k->cfg->dataset, NULL));

    if (expression)
        json_object_set_new(o, "filterExpression", json_string(expression));
    add_state(o, published(snap));
    return o;
}

static json_t *filters_of(const struct pz_snapshot *snap)
{
    return snap->view ? json_object_get(snap->view->settings.doc, "filters") : NULL;
}

static void list_filters_of(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    const char *name;
    json_t *value;

    json_object_foreach (filters_of(snap), name, value)
        json_array_append_new(q->list, filter_json(k, snap, name, NULL));
}

static void list_filters(struct question *q)
{
    for_each(q, "datasetGroupArn", "dataset-group", list_filters_of);
}

static void describe_filter(struct question *q)
{
    const char *text = member(q, "filterArn"), *name;
    size_t n;

    name = text ? pz_wire_arn(text, "filter", &n, NULL) : NULL;
    for (size_t i = 0; i < q->s->n_campaigns && name && !q->answer; i++) {
        struct pz_served *k = &q->s->campaign[i];
        struct pz_snapshot *snap = pz_service_take(k->service);
        const json_t *value = json_object_get(filters_of(snap), name);

        if (value && is_visible(q, k))
            q->answer = json_pack("{s:o}", "filter",
                                  filter_json(k, snap, name, json_string_value(value)));
        pz_snapshot_release(snap);
    }
    if (!q->answer)
        pz_http_fail(q->x, PZ_FAULT_NOT_FOUND, "filterArn: there is no %.260s", text ? text : "");
}

/* ---- trackers, datasets ---- */

static json_t *tracker_json(struct pz_served *k, struct pz_snapshot *snap)
{
    json_t *o = json_pack("{s:s, s:o, s:s, s:o, s:s}", "name", k->cfg->name, "eventTrackerArn",
                          arn("event-tracker", k->cfg->name, NULL), "trackingId", k->cfg->tracker,
                          "datasetGroupArn", arn("dataset-group", k->cfg->dataset, NULL),
                          "accountId", "000000000000");

    add_state(o, published(snap));
    return o;
}

static void list_tracker(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    json_array_append_new(q->list, tracker_json(k, snap));
}

static void list_trackers(struct question *q)
{
    for_each(q, "datasetGroupArn", "dataset-group", list_tracker);
}

static void describe_tracker(struct question *q)
{
    describe(q, "eventTrackerArn", "event-tracker", tracker_json, "eventTracker");
}

static json_t *group_json(struct pz_served *k, struct pz_snapshot *snap)
{
    json_t *o = json_pack("{s:s, s:o}", "name", k->cfg->dataset, "datasetGroupArn",
                          arn("dataset-group", k->cfg->dataset, NULL));

    add_state(o, published(snap));
    return o;
}

static void list_group(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    json_array_append_new(q->list, group_json(k, snap));
}

static void list_groups(struct question *q)
{
    for_each(q, "", "", list_group);
}

static void describe_group(struct question *q)
{
    describe(q, "datasetGroupArn", "dataset-group", group_json, "datasetGroup");
}

static void list_datasets_of(struct question *q, struct pz_served *k, struct pz_snapshot *snap)
{
    static const char *const type[] = { "INTERACTIONS", "ITEMS", "USERS" };

    for (int i = 0; i < 3; i++) {
        json_t *o = json_pack("{s:s, s:o, s:s}", "name", k->cfg->dataset, "datasetArn",
                              arn("dataset", k->cfg->dataset, type[i]), "datasetType", type[i]);

        add_state(o, published(snap));
        json_array_append_new(q->list, o);
    }
}

static void list_datasets(struct question *q)
{
    for_each(q, "datasetGroupArn", "dataset-group", list_datasets_of);
}

static void list_nothing(struct question *q)
{
    (void)q;
}

/* ---- the whole ---- */

static const struct operation {
    const char *name;
    void (*run)(struct question *q);
    const char *list; /* of List operations: the member that holds it */
} operations[] = {
    { "ListCampaigns", list_campaigns, "campaigns" },
    { "DescribeCampaign", describe_campaign, NULL },
    { "ListRecipes", list_recipes, "recipes" },
    { "DescribeRecipe", describe_recipe, NULL },
    { "ListSolutions", list_solutions, "solutions" },
    { "DescribeSolution", describe_solution, NULL },
    { "ListSolutionVersions", list_versions, "solutionVersions" },
    { "DescribeSolutionVersion", describe_version, NULL },
    { "GetSolutionMetrics", get_metrics, NULL },
    { "ListFilters", list_filters, "Filters" },
    { "DescribeFilter", describe_filter, NULL },
    { "ListEventTrackers", list_trackers, "eventTrackers" },
    { "DescribeEventTracker", describe_tracker, NULL },
    { "ListDatasetGroups", list_groups, "datasetGroups" },
    { "DescribeDatasetGroup", describe_group, NULL },
    { "ListDatasets", list_datasets, "datasets" },
    { "ListRecommenders", list_nothing, "recommenders" },
    { "ListSchemas", list_nothing, "schemas" },
};

static const struct operation *find_operation(const char *target)
{
    /* JSON protocol 1.1: the operation is named by a header, and every request goes to "/". */
    static const char prefix[] = "AmazonPersonalize.";

    if (!target || strncmp(target, prefix, sizeof prefix - 1) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].name, target + sizeof prefix - 1) == 0)
            return &operations[i];
    return NULL;
}

/* Cut a list to a page: nextToken is the number of the first that is left. */
static void cut_page(struct question *q, const char *name)
{
    const json_t *wanted = json_object_get(q->doc, "maxResults");
    const char *token = member(q, "nextToken");
    /* A negative number becomes a huge one, and what is none 0: refused with the others. */
    size_t most = wanted && !json_is_null(wanted) ? (size_t)json_integer_value(wanted) : PAGE_MAX;
    size_t from = token ? strtoul(token, NULL, 10) : 0, n = json_array_size(q->list);
    json_t *page = json_array();

    if (most < 1 || most > PAGE_MAX) {
        pz_http_fail(q->x, PZ_FAULT_INVALID_INPUT, "maxResults: must be from 1 to %d", PAGE_MAX);
        json_decref(page);
        return;
    }
    if (token && (from == 0 || from > n)) {
        pz_http_fail(q->x, PZ_FAULT_INVALID_TOKEN, "nextToken: it is none of ours");
        json_decref(page);
        return;
    }
    for (size_t i = from; i < n && i < from + most; i++)
        json_array_append(page, json_array_get(q->list, i));
    q->answer = json_pack("{s:o}", name, page);
    if (from + most < n)
        json_object_set_new(q->answer, "nextToken", json_sprintf("%zu", from + most));
}

void pz_control_answer(struct pz_server *s, struct pz_exchange *x, const json_t *doc)
{
    const char *target = pz_http_header(&x->req, "x-amz-target");
    const struct operation *op = find_operation(target);
    struct question q = { .s = s, .x = x, .doc = doc };

    if (!op) {
        pz_http_fail(x, PZ_FAULT_UNKNOWN_OPERATION,
                     "%.100s is not answered here; pz-deploy and pz-train do what changes things",
                     target ? target : "a request without X-Amz-Target");
        return;
    }
    x->operation = op->name;
    q.list = op->list ? json_array() : NULL;
    op->run(&q);
    if (op->list && x->resp.status == 0)
        cut_page(&q, op->list);
    if (q.answer) {
        x->resp.status = 200;
        pz_json_dump(&x->resp.body, q.answer, false);
    } else if (x->resp.status == 0) {
        pz_http_fail(x, PZ_FAULT_UNAVAILABLE, "out of memory");
    }
    if (x->resp.status == 404) /* this protocol knows 400 only; the type says what it is */
        x->resp.status = 400;
    x->resp.content_type = "application/x-amz-json-1.1";
    json_decref(q.list);
    json_decref(q.answer);
}
