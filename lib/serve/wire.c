/* SPDX-License-Identifier: Apache-2.0 */
/* Personalize's protocol: see wire.h. The tables hold the limits of the service models
 * personalize-runtime 2018-05-22 and personalize-events 2018-03-22, and where the documentation
 * has a narrower quota (500 results, 50 with metadata, 10 columns) the quota.
 *
 * What a table can say is checked by shape.c before anything else reads a request; what depends on
 * two members at once is checked here. Strings are borrowed from the request's document and
 * everything else from its arena: nothing here is freed one by one. */
#include "serve/wire.h"

#include <math.h>
#include <string.h>

enum { RESULTS_MAX = 500, RESULTS_WITH_METADATA_MAX = 50 };

/* ---- shapes ---- */

#define STRING(member, low, high, is_required)                                                    \
    {                                                                                             \
        .name = member, .kind = PZ_SHAPE_STRING, .min = low, .max = high, .required = is_required \
    }
#define ARN(member, is_required)                                                                  \
    {                                                                                             \
        .name = member, .kind = PZ_SHAPE_STRING, .min = 1, .max = 256, .pattern = PZ_PATTERN_ARN, \
        .required = is_required                                                                   \
    }
#define DOC(member, high)                                           \
    {                                                               \
        .name = member, .kind = PZ_SHAPE_DOC, .min = 1, .max = high \
    }
#define LIST(member, low, high, element, is_required)                                  \
    {                                                                                  \
        .name = member, .kind = PZ_SHAPE_LIST, .min = low, .max = high, .of = element, \
        .required = is_required                                                        \
    }
#define TIME(member)                                                                         \
    {                                                                                        \
        .name = member, .kind = PZ_SHAPE_NUMBER, .min = -1e11, .max = 1e17, .required = true \
    }
#define END          \
    {                \
        .name = NULL \
    }

static const struct pz_shape any_id = STRING("id", 1, 256, false);
static const struct pz_shape value_1000 = STRING("value", 0, 1000, false);
static const struct pz_shape column_name = STRING("column", 1, 150, false);
static const struct pz_shape columns = LIST("columns", 0, 10, &column_name, false);

#define CONTEXT                                                                          \
    {                                                                                    \
        .name = "context", .kind = PZ_SHAPE_MAP, .max = 150, .of = &value_1000, .key = { \
            150,                                                                         \
            PZ_PATTERN_WORD                                                              \
        }                                                                                \
    }
#define FILTER_VALUES                                                                        \
    {                                                                                        \
        .name = "filterValues", .kind = PZ_SHAPE_MAP, .max = 25, .of = &value_1000, .key = { \
            50,                                                                              \
            PZ_PATTERN_WORD                                                                  \
        }                                                                                    \
    }
#define METADATA_COLUMNS                                                                    \
    {                                                                                       \
        .name = "metadataColumns", .kind = PZ_SHAPE_MAP, .max = 1, .of = &columns, .key = { \
            256,                                                                            \
            PZ_PATTERN_ANY                                                                  \
        }                                                                                   \
    }

static const struct pz_shape promotion_members[] = {
    { .name = "name", .kind = PZ_SHAPE_STRING, .min = 1, .max = 63, .pattern = PZ_PATTERN_NAME },
    { .name = "percentPromotedItems",
      .kind = PZ_SHAPE_WHOLE,
      .min = 1,
      .max = 100,
      .required = true },
    ARN("filterArn", false),
    FILTER_VALUES,
    END
};
static const struct pz_shape promotion = { .kind = PZ_SHAPE_STRUCT, .of = promotion_members };

static const struct pz_shape recommendations_members[] = {
    ARN("campaignArn", false),
    ARN("recommenderArn", false),
    STRING("itemId", 1, 256, false),
    STRING("userId", 1, 256, false),
    { .name = "numResults", .kind = PZ_SHAPE_WHOLE, .min = 0, .max = RESULTS_MAX },
    CONTEXT,
    ARN("filterArn", false),
    FILTER_VALUES,
    LIST("promotions", 0, 1, &promotion, false),
    METADATA_COLUMNS,
    END
};
static const struct pz_shape recommendations = { .kind = PZ_SHAPE_STRUCT,
                                                 .of = recommendations_members };

static const struct pz_shape ranking_members[] = { ARN("campaignArn", true),
                                                   LIST("inputList", 1, 500, &any_id, true),
                                                   STRING("userId", 1, 256, true),
                                                   CONTEXT,
                                                   ARN("filterArn", false),
                                                   FILTER_VALUES,
                                                   METADATA_COLUMNS,
                                                   END };
static const struct pz_shape ranking = { .kind = PZ_SHAPE_STRUCT, .of = ranking_members };

static const struct pz_shape actions_wanted_members[] = {
    ARN("campaignArn", true),
    STRING("userId", 1, 256, true),
    { .name = "numResults", .kind = PZ_SHAPE_WHOLE, .min = 0, .max = 100 },
    ARN("filterArn", false),
    FILTER_VALUES,
    END
};
static const struct pz_shape actions_wanted = { .kind = PZ_SHAPE_STRUCT,
                                                .of = actions_wanted_members };

static const struct pz_shape attribution_members[] = { { .name = "eventAttributionSource",
                                                         .kind = PZ_SHAPE_STRING,
                                                         .min = 1,
                                                         .max = 1024,
                                                         .pattern = PZ_PATTERN_ASCII,
                                                         .required = true },
                                                       END };

#define EVENT_TAIL                                                                       \
    STRING("recommendationId", 1, 40, false), LIST("impression", 1, 25, &any_id, false), \
        STRING("eventId", 1, 256, false)

static const struct pz_shape event_members[] = {
    STRING("eventType", 1, 256, true),
    TIME("sentAt"),
    { .name = "eventValue", .kind = PZ_SHAPE_NUMBER, .min = -3.4e38, .max = 3.4e38 },
    STRING("itemId", 1, 256, false),
    DOC("properties", 1024),
    { .name = "metricAttribution", .kind = PZ_SHAPE_STRUCT, .of = attribution_members },
    EVENT_TAIL,
    END
};
static const struct pz_shape event = { .kind = PZ_SHAPE_STRUCT, .of = event_members };

static const struct pz_shape events_members[] = { STRING("trackingId", 1, 256, true),
                                                  STRING("sessionId", 1, 256, true),
                                                  STRING("userId", 1, 256, false),
                                                  LIST("eventList", 1, 10, &event, true), END };
static const struct pz_shape events = { .kind = PZ_SHAPE_STRUCT, .of = events_members };

static const struct pz_shape item_members[] = { STRING("itemId", 1, 256, true),
                                                DOC("properties", 32000), END };
static const struct pz_shape item = { .kind = PZ_SHAPE_STRUCT, .of = item_members };
static const struct pz_shape items_members[] = { ARN("datasetArn", true),
                                                 LIST("items", 1, 10, &item, true), END };
static const struct pz_shape items = { .kind = PZ_SHAPE_STRUCT, .of = items_members };

static const struct pz_shape user_members[] = { STRING("userId", 1, 256, true),
                                                DOC("properties", 24000), END };
static const struct pz_shape user = { .kind = PZ_SHAPE_STRUCT, .of = user_members };
static const struct pz_shape users_members[] = { ARN("datasetArn", true),
                                                 LIST("users", 1, 10, &user, true), END };
static const struct pz_shape users = { .kind = PZ_SHAPE_STRUCT, .of = users_members };

static const struct pz_shape action_members[] = { STRING("actionId", 1, 256, true),
                                                  DOC("properties", 32000), END };
static const struct pz_shape action = { .kind = PZ_SHAPE_STRUCT, .of = action_members };
static const struct pz_shape actions_members[] = { ARN("datasetArn", true),
                                                   LIST("actions", 1, 10, &action, true), END };
static const struct pz_shape actions = { .kind = PZ_SHAPE_STRUCT, .of = actions_members };

static const struct pz_shape action_event_members[] = { STRING("actionId", 1, 256, true),
                                                        STRING("userId", 1, 256, false),
                                                        STRING("sessionId", 1, 256, true),
                                                        TIME("timestamp"),
                                                        STRING("eventType", 1, 256, true),
                                                        DOC("properties", 1024),
                                                        EVENT_TAIL,
                                                        END };
static const struct pz_shape action_event = { .kind = PZ_SHAPE_STRUCT, .of = action_event_members };
static const struct pz_shape action_events_members[] = {
    STRING("trackingId", 1, 256, true), LIST("actionInteractions", 1, 10, &action_event, true), END
};
static const struct pz_shape action_events = { .kind = PZ_SHAPE_STRUCT,
                                               .of = action_events_members };

const struct pz_wire_operation pz_wire_operations[PZ_N_OPERATIONS] = {
    [PZ_OP_GET_RECOMMENDATIONS] = { "GetRecommendations", "/recommendations", false,
                                    &recommendations },
    [PZ_OP_GET_PERSONALIZED_RANKING] = { "GetPersonalizedRanking", "/personalize-ranking", false,
                                         &ranking },
    [PZ_OP_GET_ACTION_RECOMMENDATIONS] = { "GetActionRecommendations", "/action-recommendations",
                                           false, &actions_wanted },
    [PZ_OP_PUT_EVENTS] = { "PutEvents", "/events", true, &events },
    [PZ_OP_PUT_ITEMS] = { "PutItems", "/items", true, &items },
    [PZ_OP_PUT_USERS] = { "PutUsers", "/users", true, &users },
    [PZ_OP_PUT_ACTIONS] = { "PutActions", "/actions", true, &actions },
    [PZ_OP_PUT_ACTION_INTERACTIONS] = { "PutActionInteractions", "/action-interactions", true,
                                        &action_events },
    [PZ_OP_CONTROL] = { "Control", "/", false, NULL },
    [PZ_OP_CONSOLE] = { "Console", "/console/api", false, NULL },
};

enum pz_operation pz_wire_find(const char *path)
{
    int op = 0;

    while (op < PZ_N_OPERATIONS && strcmp(pz_wire_operations[op].path, path) != 0)
        op++;
    return (enum pz_operation)op;
}

/* ---- requests for items ---- */

static const char *text(const json_t *doc, const char *name)
{
    return json_string_value(json_object_get(doc, name));
}

const char *pz_wire_arn(const char *arn, const char *kind, size_t *n, const char **rest)
{
    const char *at = arn, *end;
    size_t len = strlen(kind);

    /* arn:PARTITION:SERVICE:REGION:ACCOUNT:KIND/NAME. Partition, region and account may be
     * anything: clients are moved here from many. */
    for (int colons = 0; colons < 5; colons++) {
        at = strchr(at, ':');
        if (!at)
            return NULL;
        at++;
    }
    if (strncmp(at, kind, len) != 0 || at[len] != '/' || !at[len + 1])
        return NULL;
    at += len + 1;
    end = strchr(at, '/');
    /* A second part is there when it is asked for, and only then. */
    if (!rest != !end)
        return NULL;
    *n = end ? (size_t)(end - at) : strlen(at);
    if (rest)
        *rest = end + 1;
    return at;
}

static enum pz_status read_campaign(const json_t *doc, struct pz_wire_query *q, struct pz_err *err)
{
    const char *campaign = text(doc, "campaignArn"), *recommender = text(doc, "recommenderArn");

    q->campaign_arn = campaign ? campaign : recommender;
    if (!q->campaign_arn)
        return pz_err_set(err, PZ_BAD_DATA, "campaignArn or recommenderArn is needed");
    if (campaign && recommender)
        return pz_err_set(err, PZ_BAD_DATA, "campaignArn and recommenderArn cannot both be given");
    return PZ_OK;
}

static enum pz_status no_memory(struct pz_err *err)
{
    return pz_err_memory(err, "a request", 1e4);
}

static enum pz_status read_context(const json_t *doc, struct pz_arena *arena,
                                   struct pz_wire_query *q, struct pz_err *err)
{
    json_t *map = json_object_get(doc, "context"), *value;
    size_t n = json_object_size(map);
    struct pz_context *context = n ? pz_arena_take(arena, n * sizeof *context) : NULL;
    const char *key;

    if (n && !context)
        return no_memory(err);
    q->question.context = context;
    json_object_foreach (map, key, value)
        context[q->question.n_context++] = (struct pz_context){ key, json_string_value(value) };
    return PZ_OK;
}

static enum pz_status read_list(const json_t *doc, struct pz_arena *arena, struct pz_wire_query *q,
                                struct pz_err *err)
{
    const json_t *list = json_object_get(doc, "inputList");
    size_t n = json_array_size(list);
    const char **id = n ? pz_arena_take(arena, n * sizeof *id) : NULL;

    if (n && !id)
        return no_memory(err);
    for (size_t i = 0; i < n; i++)
        id[i] = json_string_value(json_array_get(list, i));
    q->question.list = id;
    q->question.n_list = n;
    return PZ_OK;
}

static enum pz_status read_columns(const json_t *doc, struct pz_arena *arena,
                                   struct pz_wire_query *q, struct pz_err *err)
{
    json_t *map = json_object_get(doc, "metadataColumns"), *list;
    const char *key;

    json_object_foreach (map, key, list) {
        size_t n = json_array_size(list);

        if (!pz_str_same_name(key, "ITEMS"))
            return pz_err_set(err, PZ_BAD_DATA,
                              "metadataColumns: columns of ITEMS can be given, not of %.60s", key);
        q->column = pz_arena_take(arena, (n + 1) * sizeof *q->column);
        if (!q->column)
            return no_memory(err);
        for (size_t i = 0; i < n; i++)
            q->column[q->n_columns++] = json_string_value(json_array_get(list, i));
    }
    return PZ_OK;
}

static void read_promotion(const json_t *doc, struct pz_wire_query *q)
{
    const json_t *one = json_array_get(json_object_get(doc, "promotions"), 0);
    const char *name = text(one, "name");

    if (!one)
        return;
    q->promotion_name = name ? name : "promotion";
    q->promotion_percent = json_number_value(json_object_get(one, "percentPromotedItems"));
    q->promotion_filter_arn = text(one, "filterArn");
    q->promotion_values = json_object_get(one, "filterValues");
    if (json_is_null(q->promotion_values))
        q->promotion_values = NULL;
}

/* filterValues as the text of a JSON object, as a question has them. */
static enum pz_status read_values(const json_t *doc, struct pz_arena *arena,
                                  struct pz_wire_query *q, struct pz_err *err)
{
    const json_t *values = json_object_get(doc, "filterValues");
    struct pz_str dumped = { 0 };
    enum pz_status st = PZ_OK;

    if (!json_is_object(values) || json_object_size(values) == 0)
        return PZ_OK;
    /* Silently ignoring them would look like a filter that lets everything through. */
    if (!q->filter_arn)
        return pz_err_set(err, PZ_BAD_DATA, "filterValues: without a filterArn they mean nothing");
    pz_json_dump(&dumped, values, false);
    q->question.filter_values = dumped.failed ? NULL
                                              : pz_arena_strndup(arena, dumped.data, dumped.len);
    if (!q->question.filter_values)
        st = no_memory(err);
    pz_str_clear(&dumped);
    return st;
}

/* Bounds that depend on another member. */
static enum pz_status check_together(const struct pz_wire_query *q, enum pz_operation op,
                                     struct pz_err *err)
{
    const char *member = op == PZ_OP_GET_PERSONALIZED_RANKING ? "inputList" : "numResults";
    size_t n = op == PZ_OP_GET_PERSONALIZED_RANKING ? q->question.n_list : q->num;

    return q->n_columns > 0 && n > RESULTS_WITH_METADATA_MAX
               ? pz_err_set(err, PZ_BAD_DATA, "%s: at most %d with metadataColumns", member,
                            RESULTS_WITH_METADATA_MAX)
               : PZ_OK;
}

enum pz_status pz_wire_query_read(const json_t *doc, enum pz_operation op, struct pz_arena *arena,
                                  struct pz_wire_query *q, struct pz_err *err)
{
    enum pz_status st;

    memset(q, 0, sizeof *q);
    q->question.user_id = text(doc, "userId");
    q->question.item_id = text(doc, "itemId");
    q->num = (unsigned)json_number_value(json_object_get(doc, "numResults"));
    q->filter_arn = text(doc, "filterArn");
    read_promotion(doc, q);
    st = read_campaign(doc, q, err);
    if (st == PZ_OK)
        st = read_context(doc, arena, q, err);
    if (st == PZ_OK && op == PZ_OP_GET_PERSONALIZED_RANKING)
        st = read_list(doc, arena, q, err);
    if (st == PZ_OK)
        st = read_columns(doc, arena, q, err);
    if (st == PZ_OK)
        st = read_values(doc, arena, q, err);
    return st == PZ_OK ? check_together(q, op, err) : st;
}

/* ---- answers ---- */

static void add_number(struct pz_str *out, const struct pz_attr *a, double x)
{
    if (a->kind == PZ_ATTR_BOOL)
        pz_str_adds(out, x != 0 ? "true" : "false");
    else if (a->whole)
        pz_str_addf(out, "%.0f", x);
    else if (a->wide)
        pz_str_add_double(out, x);
    else
        pz_str_add_float(out, (float)x);
}

static void add_list(struct pz_str *out, const struct pz_attr *a, uint64_t row)
{
    for (uint64_t k = a->ptr[row]; k < a->ptr[row + 1]; k++) {
        size_t n;
        const char *s = pz_dict_get(&a->values, a->code[k], &n);

        pz_str_adds(out, k > a->ptr[row] ? "|" : "");
        pz_str_add(out, s, n);
    }
}

bool pz_wire_cell(struct pz_str *out, const struct pz_snapshot *snap, const char *column,
                  const char *id, size_t n_id)
{
    const struct pz_model *m = snap->model;
    const struct pz_overlay *o = snap->view ? snap->view->items : NULL;
    uint32_t put = o ? pz_dict_find(&o->ids, id, n_id) : PZ_NONE;
    const struct pz_attrs *attrs = put != PZ_NONE ? &o->attrs : &m->item_attrs;
    /* What was put live stands over the model's row, as a whole. */
    uint64_t row = put != PZ_NONE ? put : pz_dict_find(&m->items, id, n_id);
    const struct pz_attr *a = pz_attrs_find(attrs, column);
    size_t before = out->len;

    if (!a || row >= attrs->n_rows)
        return false;
    if (!a->num)
        add_list(out, a, row);
    else if (!isnan(a->num[row]))
        add_number(out, a, a->num[row]);
    return out->len > before;
}

/* "metadata":{"NAME":"VALUE"}, all values as strings as Personalize has it; nothing for null. */
static void add_metadata(struct pz_str *out, const struct pz_snapshot *snap, const char *id,
                         size_t n_id, const struct pz_wire_query *q)
{
    struct pz_str cell = { 0 };
    const char *comma = "";

    pz_str_adds(out, ",\"metadata\":{");
    for (size_t i = 0; i < q->n_columns; i++) {
        pz_str_reset(&cell);
        if (!pz_wire_cell(&cell, snap, q->column[i], id, n_id))
            continue;
        pz_str_adds(out, comma);
        pz_json_add_string(out, q->column[i], strlen(q->column[i]));
        pz_str_addc(out, ':');
        pz_json_add_string(out, cell.data, cell.len);
        comma = ",";
    }
    pz_str_addc(out, '}');
    out->failed |= cell.failed;
    pz_str_clear(&cell);
}

/* Scores are probabilities: nine significant digits, by hand (printf takes as long as all the rest
 * of an answer). */
static void add_score(struct pz_str *out, double x)
{
    char text[32] = "0.";
    size_t n = 2;
    double scaled = x * 1e9;
    unsigned value;

    /* Beyond these the digits would need an exponent or a carry into the ones. */
    if (!(x >= 1e-9 && x < 0.9999999995)) {
        pz_json_add_number(out, x, true);
        return;
    }
    /* Leading zeros behind the point do not count as digits; nine significant ones follow. */
    for (; scaled < 99999999.5; scaled *= 10)
        text[n++] = '0';
    value = (unsigned)(scaled + 0.5);
    for (size_t i = n + 9; i-- > n; value /= 10)
        text[i] = (char)('0' + value % 10);
    pz_str_add(out, text, n + 9);
}

static const char *reason_of(const struct pz_hit *h)
{
    return h->promotion                         ? "Promoted item"
           : h->source == PZ_ORIGIN_EXPLORATION ? "Exploration"
           : h->source == PZ_ORIGIN_POPULAR     ? "Popular item"
                                                : NULL;
}

static void add_item(struct pz_str *out, const struct pz_answered *a, const struct pz_hit *h,
                     const struct pz_wire_query *q)
{
    const struct pz_model *m = pz_prepared_snapshot(a->prepared)->model;
    const char *reason = reason_of(h), *id = h->id;
    size_t n = id ? strlen(id) : 0;

    if (h->item != PZ_NONE)
        id = pz_dict_get(&m->items, h->item, &n);
    pz_str_adds(out, "{\"itemId\":");
    pz_json_add_string(out, id, n);
    if (!isnan(h->score)) {
        pz_str_adds(out, ",\"score\":");
        add_score(out, h->score);
    }
    if (h->promotion) {
        pz_str_adds(out, ",\"promotionName\":");
        pz_json_add_string(out, h->promotion, strlen(h->promotion));
    }
    if (q->n_columns > 0)
        add_metadata(out, pz_prepared_snapshot(a->prepared), id, n, q);
    if (reason) {
        pz_str_adds(out, ",\"reason\":[\"");
        pz_str_adds(out, reason);
        pz_str_adds(out, "\"]");
    }
    pz_str_addc(out, '}');
}

void pz_wire_answer(struct pz_str *out, enum pz_operation op, const struct pz_answered *a,
                    const struct pz_wire_query *q)
{
    char id[PZ_RID_BYTES];

    pz_str_reserve(out, 200 + 80 * a->answer.n);
    pz_str_adds(out, op == PZ_OP_GET_PERSONALIZED_RANKING ? "{\"personalizedRanking\":["
                                                          : "{\"itemList\":[");
    for (size_t i = 0; i < a->answer.n; i++) {
        pz_str_adds(out, i ? "," : "");
        add_item(out, a, &a->answer.hit[i], q);
    }
    pz_str_addf(out, "],\"recommendationId\":\"%s\"}", pz_answered_rid(a, id));
}
