/* SPDX-License-Identifier: Apache-2.0 */
/* Searches as jobs of a scheduler: --trial K/N is one of them, --with-trials trains by the best. */
#include <string.h>

#include "campaign/operand.h"
#include "cmd/train/train.h"

enum pz_status train_parse_trial(const char *text, struct pz_train_cfg *job, struct pz_err *err)
{
    if (text && !pz_str_to_share(text, PZ_SEARCHES_MAX, &job->trial, &job->n_searches))
        return pz_err_set(err, PZ_USAGE, "--trial %s: K/N with 1 <= K <= N <= %d is needed", text,
                          PZ_SEARCHES_MAX);
    return PZ_OK;
}

enum pz_status train_print_trial(const struct pz_dataset *ds, const struct pz_train_cfg *job,
                                 struct pz_err *err)
{
    struct pz_str line = { 0 };
    enum pz_status st = pz_train_trial(ds, job, &line, err);

    if (st == PZ_OK)
        return pz_cmd_print(&line, "the search", err);
    pz_str_clear(&line);
    return st;
}

enum pz_status train_sort_trials(struct train_cfg *cfg, struct pz_strs *args, struct pz_err *err)
{
    size_t n = 0;

    for (size_t i = 0; cfg->with_trials.n > 0 && i < args->n; i++) {
        bool is_data = pz_operand_kind(args->v[i]) != PZ_OPERAND_OTHER ||
                       strcmp(args->v[i], "-") == 0;

        if (is_data)
            args->v[n++] = args->v[i];
        else if (!pz_strs_add(&cfg->with_trials, args->v[i]))
            return pz_err_memory(err, "the operands", 1e3);
    }
    args->n = cfg->with_trials.n > 0 ? n : args->n;
    return PZ_OK;
}
