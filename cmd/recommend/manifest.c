/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest beside an output: what the output is (its length and hash) and what it was made of
 * (the model, the live data, the settings, the options, the questions). A run that would make the
 * same output again finds it whole and does nothing, so that an array of parts of which some died
 * is started again as it was.
 *
 * The two files appear one after the other. A crash in between leaves a manifest of another output,
 * which the hash tells. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "campaign/campaign.h"
#include "campaign/live.h"
#include "cmd/recommend/recommend.h"
#include "table/hash.h"

#define ENDING ".manifest.json"

/* XXH3-128 of a file, as `xxhsum -H2` prints it. */
static enum pz_status hash_file(const char *path, char hex[33], struct pz_err *err)
{
    struct pz_hash *h = pz_hash_new();
    FILE *f = fopen(path, "rbe");
    char buf[1 << 16];
    size_t n;
    bool failed;

    if (!f) {
        if (h)
            pz_hash_finish(h, hex);
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
    }
    while (h && (n = fread(buf, 1, sizeof buf, f)) > 0)
        pz_hash_add(h, buf, n);
    failed = ferror(f);
    fclose(f);
    if (!h)
        return pz_err_memory(err, "a hash", 1e3);
    pz_hash_finish(h, hex);
    return failed ? pz_err_errno(err, PZ_IO, EIO, "cannot read %s", path) : PZ_OK;
}

/* ---- what an output is made of ---- */

/* Every option by its name, but those that change no byte or only where they go. */
static void add_options(struct pz_str *out, const struct pz_opt *opts, const void *config)
{
    static const char *const passed[] = { "threads", "quiet", "verbose", "log-format", "max-memory",
                                          "ledger",  "input", "output",  "manifest" };

    for (const struct pz_opt *o = opts; o->kind != PZ_OPT_END; o++) {
        const void *field = (const char *)config + o->offset;
        const struct pz_strs *list = field;
        bool pass = false;

        for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
            pass = pass || strcmp(passed[i], o->name) == 0;
        if (pass)
            continue;
        pz_str_addf(out, " %s", o->name);
        if (o->kind == PZ_OPT_FLAG)
            pz_str_addf(out, "=%d", *(const bool *)field);
        else if (o->kind == PZ_OPT_INT)
            pz_str_addf(out, "=%lld", *(const long long *)field);
        else if (o->kind == PZ_OPT_REAL)
            pz_str_addf(out, "=%.17g", *(const double *)field);
        for (size_t i = 0; o->kind == PZ_OPT_LIST && i < list->n; i++)
            pz_str_addf(out, "=%zu:%s", strlen(list->v[i]), list->v[i]);
        if (o->kind == PZ_OPT_STR && *(const char *const *)field)
            pz_str_addf(out, "=%s", *(const char *const *)field);
    }
}

/* The model by the hashes that its file has at both ends, which are over all of it. */
static enum pz_status identify(const char *path, char hex[33], struct pz_err *err)
{
    char bytes[128] = { 0 };
    struct pz_hash *h = pz_hash_new();
    FILE *f = fopen(path, "rbe");
    bool read = f && fread(bytes, 1, 64, f) > 0 && fseek(f, -64, SEEK_END) == 0 &&
                fread(bytes + 64, 1, 64, f) == 64;

    if (f)
        fclose(f);
    if (!h)
        return pz_err_memory(err, "a hash", 1e3);
    pz_hash_add(h, bytes, sizeof bytes);
    pz_hash_finish(h, hex);
    return read ? PZ_OK : pz_err_set(err, PZ_IO, "cannot read %s", path);
}

/* Of a campaign: the version that answers, its settings and how far its live data go. */
static enum pz_status add_campaign(const struct recommend_job *job, json_t *doc, struct pz_err *err)
{
    struct pz_snapshot *snap = pz_service_take(job->service);
    struct pz_live_size live = { .last = 0 };
    char path[4096], settings[33] = "";
    bool there = false;
    int n = snprintf(path, sizeof path, "%s/campaign.json", job->operand);
    enum pz_status st = n < (int)sizeof path ? pz_file_exists(path, &there, err)
                                             : pz_err_set(err, PZ_USAGE, "the path is too long");

    if (st == PZ_OK && there)
        st = hash_file(path, settings, err);
    if (st == PZ_OK && snap->view && snap->view->store)
        st = pz_live_count(snap->view->store, &live, err);
    json_object_set_new(doc, "version", json_integer(snap->version));
    json_object_set_new(doc, "settings", json_string(settings));
    json_object_set_new(doc, "live", json_integer((json_int_t)live.last));
    pz_snapshot_release(snap);
    return st;
}

/* Before anything is answered: live events that come meanwhile are the next run's. */
static enum pz_status describe(const struct recommend_job *job, json_t *doc, struct pz_err *err)
{
    char model[4096], hex[33];
    struct pz_str options = { 0 };
    bool is = false;
    enum pz_status st = pz_campaign_is(job->operand, &is, err);

    json_object_set_new(doc, "pz", json_string(PZ_VERSION));
    if (st == PZ_OK && is)
        st = add_campaign(job, doc, err);
    if (st == PZ_OK)
        st = pz_campaign_model_path(job->operand, model, sizeof model, err);
    if (st == PZ_OK)
        st = identify(model, hex, err);
    if (st == PZ_OK)
        json_object_set_new(doc, "model", json_string(hex));
    if (st == PZ_OK && job->cfg->input)
        st = hash_file(job->cfg->input, hex, err);
    if (st == PZ_OK && job->cfg->input)
        json_object_set_new(doc, "input", json_string(hex));
    add_options(&options, recommend_opts, job->cfg);
    json_object_set_new(doc, "options", json_string(options.failed ? "" : options.data));
    if (st == PZ_OK && options.failed)
        st = pz_err_memory(err, "a manifest", 1e4);
    pz_str_clear(&options);
    return st;
}

/* ---- the file ---- */

static void manifest_path(const struct recommend_job *job, struct pz_str *path)
{
    pz_str_addf(path, "%s" ENDING, job->output);
}

/* Whether the manifest at the path says these inputs and an output as it is there. What cannot be
 * read, or is no manifest, says nothing. */
static bool is_whole(const struct recommend_job *job, const char *path)
{
    json_t *doc = NULL;
    char *text = NULL, hex[33];
    const char *hash;
    size_t n;
    struct stat info;
    bool whole = pz_file_read(path, 1 << 20, &text, &n, NULL) == PZ_OK &&
                 pz_json_parse(text, n, path, &doc, NULL) == PZ_OK &&
                 json_equal(json_object_get(doc, "inputs"), job->inputs);

    hash = json_string_value(json_object_get(json_object_get(doc, "output"), "hash"));
    whole = whole && hash && stat(job->output, &info) == 0 &&
            json_integer_value(json_object_get(json_object_get(doc, "output"), "bytes")) ==
                info.st_size &&
            hash_file(job->output, hex, NULL) == PZ_OK && strcmp(hex, hash) == 0;
    json_decref(doc);
    free(text);
    return whole;
}

enum pz_status recommend_manifest_read(struct recommend_job *job, bool *whole, struct pz_err *err)
{
    struct pz_str path = { 0 };
    enum pz_status st;

    job->inputs = json_object();
    manifest_path(job, &path);
    st = job->inputs && !path.failed ? describe(job, job->inputs, err)
                                     : pz_err_memory(err, "a manifest", 1e4);
    *whole = st == PZ_OK && is_whole(job, path.data);
    pz_str_clear(&path);
    return st;
}

enum pz_status recommend_manifest_write(const struct recommend_job *job, struct pz_err *err)
{
    struct pz_str path = { 0 }, text = { 0 };
    struct stat info = { .st_size = 0 };
    char hex[33];
    json_t *doc = NULL;
    enum pz_status st = hash_file(job->output, hex, err);

    manifest_path(job, &path);
    if (st == PZ_OK && stat(job->output, &info) != 0)
        st = pz_err_errno(err, PZ_IO, errno, "cannot look at %s", job->output);
    if (st == PZ_OK)
        doc = json_pack("{sO s{sI ss} sI sI sI sI}", "inputs", job->inputs, "output", "bytes",
                        (json_int_t)info.st_size, "hash", hex, "asked", (json_int_t)job->n_asked,
                        "rows", (json_int_t)job->n_rows, "short", (json_int_t)job->n_short,
                        "failed", (json_int_t)job->n_failed);
    if (st == PZ_OK)
        pz_json_dump(&text, doc, true);
    if (st == PZ_OK && (!doc || text.failed || path.failed))
        st = pz_err_memory(err, "a manifest", 1e4);
    if (st == PZ_OK)
        st = pz_file_write(path.data, text.data, text.len, err);
    json_decref(doc);
    pz_str_clear(&text);
    pz_str_clear(&path);
    return st;
}
