/* SPDX-License-Identifier: Apache-2.0 */
/* pz-recommend: what its option table fills in, and the steps of its work: open, answer, report. */
#ifndef PZ_CMD_RECOMMEND_H
#define PZ_CMD_RECOMMEND_H

#include <stdbool.h>

#include "answer/answer.h"
#include "answer/write.h"
#include "base/json.h"
#include "base/opt.h"

struct recommend_cfg {
    struct pz_ask_options ask;
    const char *user, *item, *why; /* one question */
    struct pz_strs rank, history;
    const char *input, *part, *segment_item, *segment_where;
    bool segments;
    bool all_users, all_items; /* many */
    bool check_filter, check_probe, wide, manifest;
    const char *format, *columns, *output;
    struct pz_common common;
};

struct recommend_job {
    const struct recommend_cfg *cfg;
    const char *operand; /* the campaign or model */
    const char *output;  /* as asked, or in the folder that was asked for */
    struct pz_str output_text;
    json_t *inputs; /* what the output is made of, for the manifest; owned */
    struct pz_service *service;
    struct pz_prepared *prepared;
    struct pz_sink *out;
    struct pz_show show;
    struct pz_log *log;
    uint64_t n_asked, n_rows, n_short, n_failed, n_probed;
};

extern const struct pz_opt recommend_opts[];

/* Whether the options ask more than one question. */
bool recommend_is_many(const struct recommend_cfg *cfg);

/* How answers are written: as asked, or as suits where they go. */
enum pz_format recommend_format(const struct recommend_job *job);

/* Open what is asked, a campaign or a model, and merge the options with its settings: fills
 * job->service, job->prepared and job->show, for the caller to close and free. */
enum pz_status recommend_open(struct recommend_job *job, const char *path, struct pz_err *err);

/* Answer all that is asked to job->out. */
enum pz_status recommend_answer(struct recommend_job *job, struct pz_err *err);

/* Find out where the output goes: sets job->output. Of a batch into a folder, which is there, it is
 * INPUT.out in it, as Personalize's batch jobs name it. PZ_USAGE: an option does not go with it. */
enum pz_status recommend_find_output(struct recommend_job *job, struct pz_err *err);

/* What the output will be made of (job->inputs), and whether it is there already, made of the
 * same. */
enum pz_status recommend_manifest_read(struct recommend_job *job, bool *whole, struct pz_err *err);

/* Write the manifest beside the output that was just written. */
enum pz_status recommend_manifest_write(const struct recommend_job *job, struct pz_err *err);

/* What to know of the answers given. */
void recommend_report(const struct recommend_job *job);

#endif
