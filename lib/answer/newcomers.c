/* SPDX-License-Identifier: Apache-2.0 */
/* Users that only the live store knows: whoever has an event after those that the model has
 * seen, or a row of Users put since. A session that joined nobody is no user.
 *
 * One pass over those events; memory grows with such users, not with events or with users of the
 * model. The ids come out as a dictionary, in byte order and without repeats, so that a batch
 * over all users has the same order whatever the order of events. */
#include "answer/newcomers.h"

#include <string.h>

struct search {
    const struct pz_model *m;
    struct pz_dict_builder *found;
};

static enum pz_status add(struct search *s, const char *id, size_t n, struct pz_err *err)
{
    if (pz_dict_find(&s->m->users, id, n) == PZ_NONE &&
        pz_dict_builder_add(s->found, id, n) == PZ_NONE)
        return pz_err_memory(err, "users known from live events", (double)n);
    return PZ_OK;
}

static enum pz_status look(void *context, int pass, uint64_t number, const struct pz_event *event,
                           struct pz_err *err)
{
    (void)pass;
    (void)number;
    return event->user_id ? add(context, event->user_id, strlen(event->user_id), err) : PZ_OK;
}

enum pz_status pz_newcomers(const struct pz_view *view, struct pz_dict *out, struct pz_err *err)
{
    struct search s = { NULL, NULL };
    enum pz_status st = PZ_OK;

    *out = (struct pz_dict){ 0 };
    if (!view || !view->store)
        return PZ_OK;
    s.m = view->model;
    s.found = pz_dict_builder_new();
    if (!s.found)
        return pz_err_memory(err, "users known from live events", 1e3);
    st = pz_live_each(view->store, view->version.live_seen, 1, look, &s, err);
    for (uint32_t i = 0; view->users && i < view->users->ids.n && st == PZ_OK; i++) {
        size_t n;
        const char *id = pz_dict_get(&view->users->ids, i, &n);

        st = add(&s, id, n, err);
    }
    if (st == PZ_OK)
        st = pz_dict_builder_finish(s.found, out, NULL, err);
    pz_dict_builder_free(s.found);
    return st;
}
