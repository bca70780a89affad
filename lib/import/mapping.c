/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: see plan.h. Without a schema the reserved names of Personalize have their meaning, and
 * every other column is text until its values have been seen. */
#include "import/mapping.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct reserved {
    enum pz_table_id table;
    const char *name;
    enum pz_use use;
    bool needed;
};

static const struct reserved reserved[] = {
    { PZ_INTERACTIONS, "USER_ID", PZ_USE_USER, true },
    { PZ_INTERACTIONS, "ITEM_ID", PZ_USE_ITEM, true },
    { PZ_INTERACTIONS, "TIMESTAMP", PZ_USE_TIME, true },
    { PZ_INTERACTIONS, "EVENT_TYPE", PZ_USE_EVENT, false },
    { PZ_INTERACTIONS, "EVENT_VALUE", PZ_USE_VALUE, false },
    { PZ_INTERACTIONS, "IMPRESSION", PZ_USE_SHOWN, false },
    { PZ_INTERACTIONS, "RECOMMENDATION_ID", PZ_USE_TEXT, false },
    { PZ_INTERACTIONS, "EVENT_ATTRIBUTION_SOURCE", PZ_USE_TEXT, false },
    { PZ_ITEMS, "ITEM_ID", PZ_USE_ITEM, true },
    { PZ_ITEMS, "CREATION_TIMESTAMP", PZ_USE_CREATED, false },
    { PZ_USERS, "USER_ID", PZ_USE_USER, true },
    { PZ_USERS, "CREATION_TIMESTAMP", PZ_USE_CREATED, false },
};

enum { N_RESERVED = sizeof reserved / sizeof reserved[0] };

static const struct reserved *find_reserved(enum pz_table_id table, const char *name)
{
    for (int i = 0; i < N_RESERVED; i++)
        if (reserved[i].table == table && pz_str_same_name(reserved[i].name, name))
            return &reserved[i];
    return NULL;
}

uint64_t pz_use_null(enum pz_use use)
{
    double wide = (double)NAN;
    float narrow = NAN;
    uint64_t word = 0;
    uint32_t half;

    if (use == PZ_USE_NUMBER || use == PZ_USE_BOOL) {
        memcpy(&word, &wide, sizeof word);
    } else if (use == PZ_USE_VALUE) {
        memcpy(&half, &narrow, sizeof half);
        word = half;
    }
    return word;
}

static enum pz_use use_of(const struct pz_field *f)
{
    return f->kind == PZ_ATTR_NUMBER ? PZ_USE_NUMBER
           : f->kind == PZ_ATTR_BOOL ? PZ_USE_BOOL
                                     : PZ_USE_TEXT;
}

/* A field of the schema, or of a reserved name. */
static void add_field(struct pz_plan *plan, const struct pz_field *f, bool given)
{
    struct pz_plan_field *field = &plan->field[plan->n++];
    const struct reserved *r = find_reserved(plan->table, f->name);

    memset(field, 0, sizeof *field);
    field->f = *f;
    field->given = given;
    field->use = given ? use_of(f) : PZ_USE_TEXT;
    field->needed = given && !f->nullable;
    if (!r)
        return;
    memset(field->f.name, 0, sizeof field->f.name);
    memcpy(field->f.name, r->name, strlen(r->name));
    field->use = r->use;
    field->needed = field->needed || r->needed;
    field->given = true;
    if (r->use == PZ_USE_CREATED)
        field->f.kind = PZ_ATTR_NUMBER;
    if (r->use == PZ_USE_CREATED)
        field->f.whole = field->f.wide = true;
}

static bool clashes(const struct pz_plan *plan, const struct pz_field *f)
{
    const struct reserved *r = find_reserved(plan->table, f->name);

    return r && r->use == PZ_USE_CREATED && (f->kind != PZ_ATTR_NUMBER || !f->whole);
}

enum pz_status pz_plan_init(struct pz_plan *plan, enum pz_table_id table,
                            const struct pz_schema *schema, const struct pz_strs *map,
                            struct pz_err *err)
{
    struct pz_field text = { .kind = PZ_ATTR_STRING };

    *plan = (struct pz_plan){ .table = table, .map = map };
    plan->field = pz_mem_array(PZ_PLAN_MAX, sizeof *plan->field);
    if (!plan->field)
        return pz_err_memory(err, "columns", PZ_PLAN_MAX * sizeof *plan->field);
    plan->by_schema = schema && schema->given[table];
    if (plan->by_schema && schema->n[table] > PZ_PLAN_MAX)
        return pz_err_set(err, PZ_BAD_DATA, "the schema of %s has more than %d fields",
                          pz_table_name(table), PZ_PLAN_MAX);
    for (size_t i = 0; plan->by_schema && i < schema->n[table]; i++) {
        if (clashes(plan, &schema->field[table][i]))
            return pz_err_set(err, PZ_BAD_DATA, "the schema of %s: %s must be a long",
                              pz_table_name(table), schema->field[table][i].name);
        add_field(plan, &schema->field[table][i], true);
    }
    for (int i = 0; i < N_RESERVED && !plan->by_schema; i++) {
        if (reserved[i].table != table || !reserved[i].needed)
            continue;
        memcpy(text.name, reserved[i].name, strlen(reserved[i].name) + 1);
        add_field(plan, &text, false);
    }
    return PZ_OK;
}

void pz_plan_clear(struct pz_plan *plan)
{
    free(plan->field);
    memset(plan, 0, sizeof *plan);
}

/* Our name for a column of the file, after --map; into out of PZ_NAME_MAX + 1 bytes. What cannot
 * stand in a column name becomes '_'. */
static void our_name(const struct pz_plan *plan, const char *column, char *out)
{
    const char *name = column;
    size_t n = strlen(column);

    for (size_t i = 0; plan->map && i < plan->map->n; i++) {
        const char *pair = plan->map->v[i], *equals = strchr(pair, '=');

        if (equals && pz_str_same_name(equals + 1, column)) {
            name = pair;
            n = (size_t)(equals - pair);
            break;
        }
    }
    if (n > PZ_FIELD_MAX)
        n = PZ_FIELD_MAX;
    for (size_t i = 0; i < n; i++)
        out[i] = name[i] < 0x21 || name[i] > 0x7e || name[i] == '/' || name[i] == '"' ? '_'
                                                                                      : name[i];
    out[n] = '\0';
}

size_t pz_plan_find(struct pz_plan *plan, const char *column)
{
    struct pz_field text = { .kind = PZ_ATTR_STRING };

    our_name(plan, column, text.name);
    if (!text.name[0])
        return SIZE_MAX;
    for (size_t i = 0; i < plan->n; i++)
        if (pz_str_same_name(plan->field[i].f.name, text.name))
            return i;
    if (plan->by_schema || plan->n == PZ_PLAN_MAX)
        return SIZE_MAX;
    add_field(plan, &text, false);
    return plan->n - 1;
}

size_t pz_plan_use(const struct pz_plan *plan, enum pz_use use)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->field[i].use == use)
            return i;
    return SIZE_MAX;
}
