/* SPDX-License-Identifier: Apache-2.0 */
/* Dataset groups: see group.h. Files are read one by one and united by merge.c; a single file is
 * taken as it is.
 *
 * All parts are read before the first is merged, since the dictionaries of all are needed to
 * number ids. The parts are freed once they are united, also after a failure, so a group costs
 * twice its size at the peak. */
#include "data/group.h"

#include <stdlib.h>

#include "base/ledger.h"
#include "base/mem.h"

enum pz_status pz_dataset_open(const char *const *paths, size_t n_paths, struct pz_dataset **out,
                               struct pz_err *err)
{
    return pz_dataset_open_without(paths, n_paths, NULL, out, err);
}

enum pz_status pz_dataset_open_share(const char *const *paths, size_t n_paths,
                                     struct pz_dataset **out, struct pz_err *err)
{
    enum pz_status st;

    if (n_paths != 1)
        return pz_dataset_open(paths, n_paths, out, err);
    st = pz_dataset_load_share(paths[0], out, err);
    if (st == PZ_OK)
        pz_ledger_count("rows_in", pz_dataset_size(*out));
    return st;
}

enum pz_status pz_dataset_open_without(const char *const *paths, size_t n_paths,
                                       struct pz_without *without, struct pz_dataset **out,
                                       struct pz_err *err)
{
    struct pz_dataset **part;
    enum pz_status st = PZ_OK;

    *out = NULL;
    if (n_paths == 0)
        return pz_err_set(err, PZ_USAGE, "no dataset given");
    if (n_paths == 1 && !without) {
        st = pz_dataset_load(paths[0], out, err);
        if (st == PZ_OK)
            pz_ledger_count("rows_in", (*out)->n_interactions);
        return st;
    }
    part = pz_mem_array(n_paths, sizeof *part);
    if (!part)
        return pz_err_memory(err, "datasets", (double)n_paths);
    for (size_t i = 0; i < n_paths && st == PZ_OK; i++)
        st = pz_dataset_load(paths[i], &part[i], err);
    if (st == PZ_OK)
        st = pz_dataset_merge(part, n_paths, without, out, err);
    if (st == PZ_OK)
        pz_ledger_count("rows_in", (*out)->n_interactions);
    for (size_t i = 0; i < n_paths; i++)
        pz_dataset_free(part[i]);
    free(part);
    return st;
}
