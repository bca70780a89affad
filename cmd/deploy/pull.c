/* SPDX-License-Identifier: Apache-2.0 */
/* Models on their way to hosts: offer says what there is, pull takes it.
 *
 * An offer is a small file beside the model: its name, its size, its SHA-256, and when it was
 * offered. A host takes an offer that is newer than the last one that it took, never an older one,
 * which a mirror may still have; and only when it is as old as --delay says, so that one host goes
 * first and an offer can be replaced before the others have it. To go back everywhere, offer the
 * older model again. What was taken last is in pulled.json of the campaign's folder; a crash before
 * it is written makes the same model a version again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "cmd/deploy/deploy.h"
#include "serve/net/sigv4.h"

enum { OFFER_MAX = 65536, PATH_BYTES = 4096 };

struct offer {
    char model[256], sha256[65];
    uint64_t bytes;
    int64_t offered;
};

/* ---- the digest ---- */

static enum pz_status digest(const char *path, struct offer *o, struct pz_err *err)
{
    struct stat info;
    void *map = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info) != 0) {
        enum pz_status st = pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);

        if (fd >= 0)
            close(fd);
        return st;
    }
    o->bytes = (uint64_t)info.st_size;
    if (o->bytes > 0)
        map = mmap(NULL, (size_t)o->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return pz_err_memory(err, path, (double)o->bytes);
    pz_sigv4_digest(map ? map : "", (size_t)o->bytes, o->sha256);
    if (map)
        munmap(map, (size_t)o->bytes);
    return PZ_OK;
}

/* ---- offers ---- */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_digest(const char *s)
{
    return s && strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* A name beside the offer, and nowhere else. */
static bool is_plain(const char *name)
{
    return name && *name && *name != '.' && *name != '-' && strlen(name) < 256 &&
           !strchr(name, '/');
}

static enum pz_status read_offer(const char *path, const char *shown, struct offer *o,
                                 struct pz_err *err)
{
    char *text = NULL;
    size_t n = 0;
    json_t *doc = NULL;
    const char *model, *sha256;
    enum pz_status st = pz_file_read(path, OFFER_MAX, &text, &n, err);

    if (st == PZ_OK)
        st = pz_json_parse(text, n, shown, &doc, err);
    model = json_string_value(json_object_get(doc, "model"));
    sha256 = json_string_value(json_object_get(doc, "sha256"));
    o->bytes = (uint64_t)json_integer_value(json_object_get(doc, "bytes"));
    o->offered = json_integer_value(json_object_get(doc, "offered"));
    if (st == PZ_OK && (!is_plain(model) || !is_digest(sha256) || o->offered <= 0))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: not an offer as pz-deploy offer writes it", shown);
    if (st == PZ_OK) {
        strcpy(o->model, model);
        strcpy(o->sha256, sha256);
    }
    json_decref(doc);
    free(text);
    return st;
}

static enum pz_status write_offer(const char *path, const struct offer *o, struct pz_err *err)
{
    struct pz_str text = { 0 };
    enum pz_status st;

    pz_str_adds(&text, "{\"model\": ");
    pz_json_add_string(&text, o->model, strlen(o->model));
    pz_str_addf(&text, ", \"sha256\": \"%s\", \"bytes\": %llu, \"offered\": %lld}\n", o->sha256,
                (unsigned long long)o->bytes, (long long)o->offered);
    st = text.failed ? pz_err_memory(err, "an offer", 1e3)
                     : pz_file_write(path, text.data, text.len, err);
    pz_str_clear(&text);
    return st;
}

enum pz_status deploy_offer(void *config, struct pz_strs *args, struct pz_log *log,
                            struct pz_err *err)
{
    struct offer o = { .offered = pz_time_now() }, before;
    char a[PATH_BYTES], b[PATH_BYTES];
    struct pz_model *m = NULL;
    enum pz_status st = deploy_need(args, 2, "MODEL.pzm OFFER.json", err);

    (void)config;
    if (st == PZ_OK &&
        (!pz_file_dirname(args->v[0], a, sizeof a) || !pz_file_dirname(args->v[1], b, sizeof b) ||
         strcmp(a, b) != 0 || !is_plain(name_of(args->v[0]))))
        st = pz_err_set(err, PZ_USAGE, "the model and its offer stand in one folder");
    if (st == PZ_OK)
        st = pz_model_open(args->v[0], &m, err);
    pz_model_free(m);
    if (st == PZ_OK)
        st = digest(args->v[0], &o, err);
    if (st != PZ_OK)
        return st;
    strcpy(o.model, name_of(args->v[0]));
    /* Two offers within a second have an order too. */
    if (read_offer(args->v[1], args->v[1], &before, NULL) == PZ_OK && before.offered >= o.offered)
        o.offered = before.offered + 1;
    st = write_offer(args->v[1], &o, err);
    if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s offers %s, sha256 %.12s...", args->v[1], o.model, o.sha256);
    return st;
}

/* ---- fetching ---- */

/* The command with the source: as its last word, and what it writes is kept; or, where it has {},
 * in place of the first of them, and the file in place of the second. */
static void make_command(struct pz_str *s, const char *with, const char *source, const char *file)
{
    const char *first = strstr(with, "{}"), *second = first ? strstr(first + 2, "{}") : NULL;

    pz_str_add(s, with, first ? (size_t)(first - with) : strlen(with));
    if (!first)
        pz_str_addc(s, ' ');
    pz_str_add_shell(s, source);
    if (second) {
        pz_str_add(s, first + 2, (size_t)(second - first - 2));
        pz_str_add_shell(s, file);
        pz_str_adds(s, second + 2);
        return;
    }
    pz_str_adds(s, first ? first + 2 : "");
    pz_str_adds(s, " >");
    pz_str_add_shell(s, file);
}

static enum pz_status fetch(const char *with, const char *source, const char *file,
                            struct pz_err *err)
{
    struct pz_str command = { 0 };
    enum pz_status st = PZ_OK;
    int status;

    make_command(&command, with, source, file);
    if (command.failed)
        return pz_err_memory(err, "a command", 1e4);
    status = system(command.data);
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        st = pz_err_set(err, PZ_UNAVAILABLE, "%s: not fetched: %.200s ended with %d", source,
                        command.data, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    pz_str_clear(&command);
    return st;
}

/* ---- pulling ---- */

struct pulling {
    const struct deploy_pull_cfg *cfg;
    const char *campaign, *source;
    char offer[PATH_BYTES], model[PATH_BYTES], taken[PATH_BYTES]; /* files */
    struct offer o;
    bool had;
    struct offer last; /* what was taken before, if had */
};

static enum pz_status join_path(char *out, const char *dir, const char *name, struct pz_err *err)
{
    return snprintf(out, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES
               ? PZ_OK
               : pz_err_set(err, PZ_USAGE, "%s: the path is too long", dir);
}

/* The offer, and where the model is or will be. */
static enum pz_status look(struct pulling *p, struct pz_err *err)
{
    char dir[PATH_BYTES];
    bool there = false;
    enum pz_status st = join_path(p->taken, p->campaign, "pulled.json", err);

    if (st == PZ_OK)
        st = pz_file_exists(p->taken, &there, err);
    if (st == PZ_OK && there) {
        st = read_offer(p->taken, p->taken, &p->last, err);
        p->had = st == PZ_OK;
    }
    if (st == PZ_OK && p->cfg->with)
        st = join_path(p->offer, p->campaign, "pull.json", err);
    if (st == PZ_OK && p->cfg->with)
        st = fetch(p->cfg->with, p->source, p->offer, err);
    if (st == PZ_OK)
        st = read_offer(p->cfg->with ? p->offer : p->source, p->source, &p->o, err);
    if (st == PZ_OK && !pz_file_dirname(p->source, dir, sizeof dir))
        st = pz_err_set(err, PZ_USAGE, "%s: the path is too long", p->source);
    if (st == PZ_OK)
        st = p->cfg->with ? join_path(p->model, p->campaign, "pull.pzm", err)
                          : join_path(p->model, dir, p->o.model, err);
    if (st != PZ_OK || !p->cfg->with)
        return st;
    (void)unlink(p->offer);
    return join_path(p->offer, dir, p->o.model, err); /* from now on: where the model comes from */
}

/* Fetch the model and hold it against the offer. */
static enum pz_status take(struct pulling *p, struct pz_err *err)
{
    struct offer got;
    enum pz_status st = p->cfg->with ? fetch(p->cfg->with, p->offer, p->model, err) : PZ_OK;

    if (st == PZ_OK)
        st = digest(p->model, &got, err);
    if (st == PZ_OK && (got.bytes != p->o.bytes || strcmp(got.sha256, p->o.sha256) != 0))
        st =
            pz_err_set(err, PZ_BAD_DATA,
                       "%s: %llu bytes of sha256 %.12s..., where the offer says %llu and %.12s...: "
                       "not published",
                       p->o.model, (unsigned long long)got.bytes, got.sha256,
                       (unsigned long long)p->o.bytes, p->o.sha256);
    return st;
}

static enum pz_status publish(struct pulling *p, struct pz_log *log, uint32_t *version,
                              struct pz_err *err)
{
    const struct pz_publish_cfg job = { .force = p->cfg->force, .log = log };
    struct pz_version v = { 0 };
    enum pz_status st = take(p, err);

    if (st == PZ_OK)
        st = pz_campaign_publish(p->campaign, p->model, &job, &v, err);
    if (p->cfg->with)
        (void)unlink(p->model);
    if (st == PZ_OK)
        st = write_offer(p->taken, &p->o, err);
    *version = v.number;
    return st;
}

/* Whether there is something to do; NULL in *why: there is. */
static enum pz_status judge(const struct pulling *p, const char **why, struct pz_err *err)
{
    int64_t due = p->o.offered + (int64_t)p->cfg->delay;

    *why = NULL;
    if (p->had && strcmp(p->last.sha256, p->o.sha256) == 0 && p->last.offered == p->o.offered)
        *why = "nothing new";
    else if (p->had && p->o.offered < p->last.offered && !p->cfg->force)
        return pz_err_set(err, PZ_NEGATIVE,
                          "%s: the offer is older than the last one taken (sha256 %.12s...): not "
                          "published; --force takes it",
                          p->source, p->last.sha256);
    else if (p->cfg->delay > 0 && pz_time_now() < due)
        *why = "the offer is too young for this host";
    return PZ_OK;
}

static enum pz_status pull(struct pulling *p, struct pz_log *log, struct pz_err *err)
{
    const char *why = NULL;
    uint32_t version = 0;
    enum pz_status st = look(p, err);

    if (st == PZ_OK)
        st = judge(p, &why, err);
    if (st == PZ_OK && !why)
        st = publish(p, log, &version, err);
    if (st == PZ_OK && p->cfg->common.json)
        printf("{\"version\":%u,\"sha256\":\"%s\"}\n", version, p->o.sha256);
    if (st == PZ_OK && why)
        pz_log(log, PZ_LOG_NOTE, "%s: %s", p->source, why);
    else if (st == PZ_OK)
        pz_log(log, PZ_LOG_NOTE, "%s: version %u is current, sha256 %.12s...", p->campaign, version,
               p->o.sha256);
    return st;
}

enum pz_status deploy_pull(void *config, struct pz_strs *args, struct pz_log *log,
                           struct pz_err *err)
{
    struct pulling p = { .cfg = config };
    char path[PATH_BYTES];
    struct pz_lock *held = NULL;
    enum pz_status st = deploy_need(args, 2, "CAMPAIGN SOURCE", err);

    if (st != PZ_OK)
        return st;
    p.campaign = args->v[0];
    p.source = args->v[1];
    if (mkdir(p.campaign, 0777) != 0 && errno != EEXIST)
        return pz_err_errno(err, PZ_CANT_CREATE, errno, "cannot create %s", p.campaign);
    st = join_path(path, p.campaign, "pull.lock", err);
    if (st == PZ_OK)
        st = pz_lock_take(path, 0, &held, err);
    if (st == PZ_OK)
        st = pull(&p, log, err);
    pz_lock_free(held);
    return st;
}
