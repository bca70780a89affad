/* SPDX-License-Identifier: Apache-2.0 */
/* What an update will take, without doing it: see pz_train_estimate_update. Most of an update is
 * reading the old model and writing the new one, which the table of contents tells; parts say what
 * their updates take (pz_scorer.update_cost). Where parts are to be fitted anew, which takes far
 * longer, the old histories are read, and their fits counted as those of a training are. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/dense.h"
#include "train/training.h"

/* Nanoseconds of a byte that is decoded, compared and written; of an interaction that is merged; of
 * an id; of the process. Bytes held of each. On six sets of 60,000 to 500,000 events with 1 % new,
 * with and without an encoder. */
static const double BYTE_NS = 2.6, EVENT_NS = 190, ID_NS = 300, ONCE_NS = 7e6;
static const double BYTE_HELD = 0.85, EVENT_HELD = 30, ID_HELD = 40, ONCE_HELD = 7e6;

struct foreseeing {
    const char *path;
    struct pz_table *old;
    json_t *manifest;
    struct pz_update_size size;
    double n_old, n_ids;
    double speed;
    double bytes,
        slow_bytes,         /* of the old model's columns, unpacked; of the part that takes long */
        lent_bytes;         /* of parts that stay while others are made that borrow from them */
    double work_ns, beside; /* of updates and fits; memory of the largest fit */
    const struct pz_scorer *slow;
};

static double count_of(const struct foreseeing *f, const char *what)
{
    return json_number_value(json_object_get(json_object_get(f->manifest, "counts"), what));
}

static const struct pz_scorer *scorer_of(const struct foreseeing *f, size_t p)
{
    const json_t *entry = json_array_get(json_object_get(f->manifest, "parts"), p);
    const char *name = json_string_value(json_object_get(entry, "scorer"));

    return name ? pz_scorer_find(name) : NULL;
}

static size_t n_parts(const struct foreseeing *f)
{
    return json_array_size(json_object_get(f->manifest, "parts"));
}

static bool belongs_to(const char *column, const struct pz_scorer *s)
{
    size_t n = s ? strlen(s->name) : 0;

    return n > 0 && strncmp(column, s->name, n) == 0 && column[n] == '/';
}

static bool is_lent(const struct foreseeing *f, const char *column)
{
    for (size_t p = 0; p < n_parts(f); p++) {
        const struct pz_scorer *s = scorer_of(f, p);

        if (s && s->borrows && belongs_to(column, s))
            return true;
    }
    return false;
}

static enum pz_status look_at_model(struct foreseeing *f, struct pz_err *err)
{
    enum pz_status st = pz_table_open(f->path, "modl", &f->old, err);

    if (st == PZ_OK)
        st = pz_model_manifest(f->old, &f->manifest, err);
    if (st != PZ_OK)
        return st;
    for (size_t p = 0; p < n_parts(f); p++) {
        const struct pz_scorer *s = scorer_of(f, p);

        f->slow = s && s->any_time ? s : f->slow;
    }
    for (size_t i = 0; i < pz_table_n_columns(f->old); i++) {
        struct pz_column_info c = pz_table_column(f->old, i);
        double bytes = (double)c.n * (double)pz_type_bytes(c.type);

        f->bytes += bytes;
        f->slow_bytes += belongs_to(c.name, f->slow) ? bytes : 0;
        f->lent_bytes += is_lent(f, c.name) ? bytes : 0;
    }
    return PZ_OK;
}

/* Ids that are new are not looked for: they are few beside the old ones. */
static void add_up(struct foreseeing *f, struct pz_dataset *const *delta, size_t n_delta)
{
    f->n_old = count_of(f, "interactions");
    f->n_ids = count_of(f, "users") + count_of(f, "items");
    f->size.n_items = count_of(f, "items");
    for (size_t i = 0; i < n_delta; i++)
        f->size.n_new += (double)delta[i]->n_interactions;
    f->size.n_events = f->n_old + f->size.n_new;
}

/* Fits on the old histories, by as many events more as there will be. */
static enum pz_status count_fits(struct foreseeing *f, const bool *anew, struct pz_err *err)
{
    struct pz_model *m = NULL;
    enum pz_status st = pz_model_open_to_update(f->path, &m, err);

    for (size_t p = 0; st == PZ_OK && p < m->n_parts; p++) {
        struct pz_corpus c = { .n_users = m->users.n,
                               .n_items = m->items.n,
                               .ptr = m->ptr,
                               .item = m->item,
                               .time = m->time,
                               .weight = m->weight,
                               .item_attrs = &m->item_attrs,
                               .user_attrs = &m->user_attrs,
                               .newest = m->newest,
                               .ordered = true };
        double value[PZ_MAX_SETTINGS];
        struct pz_fit_cost cost = { 0 };

        pz_scorer_defaults(m->part[p].scorer, value);
        if (anew[p])
            st = pz_scorer_cost(m->part[p].scorer, &c, value, &cost, err);
        if (anew[p] && st == PZ_OK) {
            f->work_ns += cost.work_ns * f->size.n_events / fmax(f->n_old, 1);
            f->beside = fmax(f->beside, cost.beside);
        }
    }
    pz_model_free(m);
    return st;
}

static enum pz_status count_parts(struct foreseeing *f, struct pz_err *err)
{
    bool anew[PZ_MAX_PARTS] = { false }, any = false;

    for (size_t p = 0; p < n_parts(f) && p < PZ_MAX_PARTS; p++) {
        const struct pz_scorer *s = scorer_of(f, p);

        if (!s)
            continue;
        anew[p] = s->cost &&
                  pz_update_anew(s, pz_update_fitted_on(f->manifest, p), f->size.n_events);
        any |= anew[p];
        if (!anew[p] && s->update_cost) {
            struct pz_fit_cost cost = s->update_cost(&f->size);

            f->work_ns += cost.work_ns;
            f->beside = fmax(f->beside, cost.beside);
        }
    }
    return any ? count_fits(f, anew, err) : PZ_OK;
}

static double nanoseconds(const struct foreseeing *f, double bytes)
{
    return BYTE_NS * bytes + EVENT_NS * f->size.n_events + ID_NS * f->n_ids + ONCE_NS + f->work_ns;
}

static struct pz_outlay add(const struct foreseeing *f, double bytes)
{
    double n = f->size.n_events;

    return (struct pz_outlay){ f->speed * nanoseconds(f, bytes),
                               BYTE_HELD * (bytes + f->lent_bytes) + EVENT_HELD * n +
                                   ID_HELD * f->n_ids + ONCE_HELD + f->beside };
}

enum pz_status pz_train_estimate_update(const char *old_path, struct pz_dataset *const *delta,
                                        size_t n_delta, const struct pz_update_cfg *cfg,
                                        struct pz_estimate *out, struct pz_err *err)
{
    struct foreseeing f = { .path = old_path };
    enum pz_status st = pz_mat_reserve(err);

    *out = (struct pz_estimate){ { 0, 0 }, { 0, 0 }, { 0, 0 }, NULL };
    if (st == PZ_OK)
        st = look_at_model(&f, err);
    if (st == PZ_OK)
        add_up(&f, delta, n_delta);
    if (st == PZ_OK)
        st = count_parts(&f, err);
    if (st == PZ_OK)
        st = pz_estimate_speed(nanoseconds(&f, f.bytes), &f.speed, err);
    out->asked = out->with = add(&f, f.bytes);
    out->without = add(&f, f.bytes - f.slow_bytes);
    if (f.slow) {
        out->slow = f.slow->name;
        out->with.cpu_s += cfg->learn_s;
        out->asked = out->with;
    }
    pz_log(cfg->log, PZ_LOG_DEBUG,
           "update: %.0f bytes, %.0f of them of what takes long, %.0f events, %.0f of them new, "
           "%.0f ids, parts %.3f s, a nanosecond takes %.2f",
           f.bytes, f.slow_bytes, f.size.n_events, f.size.n_new, f.n_ids, f.work_ns / 1e9,
           f.speed * 1e9);
    json_decref(f.manifest);
    pz_table_close(f.old);
    return st;
}
