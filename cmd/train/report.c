/* SPDX-License-Identifier: Apache-2.0 */
/* The last words of a training: the file and its size, what it took, and what Amazon would have
 * charged for the same rows (serve/cost.h, rates.json). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "cmd/train/train.h"
#include "serve/cost.h"

/* Size of the file in MB as words; nothing of what went to a pipe. */
static const char *size_of(const char *path, uint64_t *bytes, char text[32])
{
    struct stat info;
    bool told = strcmp(path, "-") != 0 && stat(path, &info) == 0;

    *bytes = told ? (uint64_t)info.st_size : 0;
    snprintf(text, 32, " (%.3g MB)", (double)*bytes / 1e6);
    return told ? text : "";
}

enum pz_status train_report(const struct train_cfg *cfg, uint64_t interactions, struct pz_log *log,
                            struct pz_err *err)
{
    struct pz_str name = { 0 };
    char size[32], date[32];
    uint64_t bytes;
    double dollars;
    const char *size_text = size_of(cfg->output, &bytes, size);
    enum pz_status st = pz_cost_of_training((double)interactions, &dollars, date, err);

    if (st != PZ_OK)
        return st;
    pz_log(log, PZ_LOG_NOTE, "wrote %s%s: %.1f s, %.1f CPU s, at most %.0f MB of memory",
           cfg->output, size_text, pz_wall_seconds(), pz_cpu_seconds(),
           (double)pz_mem_peak() / 1e6);
    if (interactions > 0)
        pz_log(log, PZ_LOG_NOTE,
               "Amazon's price for training on these %llu interactions: $%.2f (recipes -v2, rates "
               "of %s)",
               (unsigned long long)interactions, dollars, date);
    if (!cfg->common.json || strcmp(cfg->output, "-") == 0) /* there the model went */
        return PZ_OK;
    pz_json_add_string(&name, cfg->output, strlen(cfg->output));
    if (!name.failed)
        pz_str_addf(&name,
                    ",\"bytes\":%llu,\"wall_seconds\":%.3f,\"cpu_seconds\":%.3f,\"peak_memory_"
                    "bytes\":%zu,\"amazon_dollars\":%.4f}\n",
                    (unsigned long long)bytes, pz_wall_seconds(), pz_cpu_seconds(), pz_mem_peak(),
                    dollars);
    fputs("{\"model\":", stdout);
    return pz_cmd_print(&name, "the report", err);
}
