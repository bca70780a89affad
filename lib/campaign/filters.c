/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of a campaign: see filters.h. A text of one word of letters, digits, '-' and '_' is
 * the name of a filter in the settings; anything else is an expression, as those have blanks.
 *
 * A filter is compiled against what the view knows: the model, the rows put since, and the event
 * types of live events, which are gone through only for a type that the model lacks. A name that
 * is not there is answered with the nearest one that is. */
#include "campaign/filters.h"

#include <string.h>

#include "base/str.h"

/* A name is one word of letters, digits, - and _; an expression has blanks. */
static bool is_name(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
           '\0';
}

static enum pz_status no_filter(const struct pz_view *v, const char *name, struct pz_err *err)
{
    const char *names[256], *key;
    struct pz_hint hint;
    json_t *value;
    size_t n = 0;

    json_object_foreach (json_object_get(v->settings.doc, "filters"), key, value) {
        if (n < 256)
            names[n++] = key;
    }
    hint = pz_str_hint("", name, names, n);
    return pz_err_set(err, PZ_USAGE, "the campaign has no filter \"%s\"%s", name,
                      hint.text[0] ? hint.text : "; see pz-deploy set");
}

struct search {
    const char *type;
    bool found;
};

static enum pz_status look(void *context, int pass, uint64_t number, const struct pz_event *event,
                           struct pz_err *err)
{
    struct search *s = context;

    (void)pass;
    (void)number;
    (void)err;
    s->found = event->event_type && pz_str_same_word(event->event_type, strlen(event->event_type),
                                                     s->type, strlen(s->type));
    return s->found ? PZ_NEGATIVE : PZ_OK;
}

/* Over all live events: asked only for types that the model lacks. */
static bool has_type(void *context, const char *type)
{
    struct search s = { .type = type };

    pz_live_each(context, 0, 1, look, &s, NULL);
    return s.found;
}

enum pz_status pz_view_compile(const struct pz_view *v, const struct pz_model *m, const char *text,
                               struct pz_filter **out, struct pz_err *err)
{
    struct pz_filter_schema schema = { .m = m,
                                       .items = v ? v->items : NULL,
                                       .users = v ? v->users : NULL,
                                       .has_type = v && v->store ? has_type : NULL,
                                       .context = v ? v->store : NULL };

    return pz_filter_compile(text, &schema, out, err);
}

enum pz_status pz_view_filter(const struct pz_view *v, const struct pz_model *m, const char *text,
                              struct pz_filter **out, struct pz_err *err)
{
    *out = NULL;
    if (is_name(text)) {
        const char *expression = v ? pz_settings_filter(&v->settings, text) : NULL;

        if (!v)
            return pz_err_set(err, PZ_USAGE,
                              "\"%s\" is no filter expression, and a model has no named filters: "
                              "those are a campaign's",
                              text);
        if (!expression)
            return no_filter(v, text, err);
        text = expression;
    }
    return pz_view_compile(v, m, text, out, err);
}
