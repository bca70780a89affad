/* SPDX-License-Identifier: Apache-2.0 */
/* Models on their way to hosts: offer says what there is, pull takes it.
 *
 * An offer is a small file beside the model: its name, its size, its SHA-256, and when it was
 * offered. A host takes an offer that is newer than the last one that it took, never an older one,
 * which a mirror may still have; and only when it is as old as --delay says, so that one host goes
 * first and an offer can be replaced before the others have it. To go back everywhere, offer the
 * older model again. What was taken last is in pulled.json of the campaign's folder; a crash before
 * it is written makes the same model a version again.
 *
 * What is published is the open file whose digest was taken, whatever has its name by then. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/signals.h"
#include "base/str.h"
#include "base/time.h"
#include "campaign/campaign.h"
#include "cmd/deploy/deploy.h"
#include "serve/net/sigv4.h"

enum { OFFER_MAX = 65536, PATH_BYTES = 4096 };

static const int64_t TIME_MAX = 253402300799; /* the end of 9999 */

struct offer {
    char model[256], sha256[65];
    uint64_t bytes;
    int64_t offered;
};

/* ---- the digest ---- */

/* fd: of the file, for the caller to close; less than 0 where there is none. */
static enum pz_status digest(const char *path, struct offer *o, int *fd, struct pz_err *err)
{
    void *map = NULL;
    struct stat info;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "cannot open %s", path);
    if (!S_ISREG(info.st_mode))
        return pz_err_set(err, PZ_BAD_DATA, "%s is not a file", path);
    o->bytes = (uint64_t)info.st_size;
    if (o->bytes > 0)
        map = mmap(NULL, (size_t)o->bytes, PROT_READ, MAP_PRIVATE, *fd, 0);
    if (map == MAP_FAILED)
        return pz_err_memory(err, path, (double)o->bytes);
    pz_signals_watch(&(struct pz_watched){ .addr = map, .bytes = (size_t)o->bytes, .path = path });
    pz_sigv4_digest(map ? map : "", (size_t)o->bytes, o->sha256);
    pz_signals_unwatch(map);
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
    json_int_t bytes;
    enum pz_status st = pz_file_read(path, OFFER_MAX, &text, &n, err);

    if (st == PZ_OK)
        st = pz_json_parse(text, n, shown, &doc, err);
    model = json_string_value(json_object_get(doc, "model"));
    sha256 = json_string_value(json_object_get(doc, "sha256"));
    bytes = json_integer_value(json_object_get(doc, "bytes"));
    o->bytes = (uint64_t)bytes;
    o->offered = json_integer_value(json_object_get(doc, "offered"));
    if (st == PZ_OK && (!is_plain(model) || !is_digest(sha256) || bytes <= 0 || o->offered <= 0 ||
                        o->offered > TIME_MAX))
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
    int fd = -1;
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
        st = digest(args->v[0], &o, &fd, err);
    if (fd >= 0)
        close(fd);
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

/* ---- pulling ---- */

struct pulling {
    const struct deploy_pull_cfg *cfg;
    const char *with; /* NULL: the offer is a path */
    const char *campaign, *source;
    char offer[PATH_BYTES], taken[PATH_BYTES]; /* files */
    char from[PATH_BYTES];                     /* the model at its source */
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

static enum pz_status fetch(const struct pulling *p, const char *source, const char *file,
                            uint64_t bytes_max, struct pz_err *err)
{
    struct deploy_fetch f = { p->with, source, file, bytes_max, p->cfg->timeout };

    return deploy_fetch(&f, err);
}

/* What was taken before. */
static enum pz_status look_back(struct pulling *p, struct pz_err *err)
{
    bool there = false;
    enum pz_status st = join_path(p->taken, p->campaign, "pulled.json", err);

    if (st == PZ_OK)
        st = pz_file_exists(p->taken, &there, err);
    if (st == PZ_OK && there) {
        st = read_offer(p->taken, p->taken, &p->last, err);
        p->had = st == PZ_OK;
    }
    return st;
}

/* The offer, and where the model is or will be. */
static enum pz_status look(struct pulling *p, struct pz_err *err)
{
    char dir[PATH_BYTES];
    enum pz_status st = look_back(p, err);

    if (st == PZ_OK && p->with)
        st = join_path(p->offer, p->campaign, "pull.json", err);
    if (st == PZ_OK && p->with)
        st = fetch(p, p->source, p->offer, OFFER_MAX, err);
    if (st == PZ_OK)
        st = read_offer(p->with ? p->offer : p->source, p->source, &p->o, err);
    if (p->with)
        (void)unlink(p->offer);
    if (st == PZ_OK && !pz_file_dirname(p->source, dir, sizeof dir))
        st = pz_err_set(err, PZ_USAGE, "%s: the path is too long", p->source);
    return st == PZ_OK ? join_path(p->from, dir, p->o.model, err) : st;
}

/* Fetch the model and hold it against the offer; *fd as of digest. */
static enum pz_status take(const struct pulling *p, int *fd, struct pz_err *err)
{
    char file[PATH_BYTES];
    struct offer got;
    enum pz_status st = PZ_OK;

    if (p->with)
        st = join_path(file, p->campaign, "pull.pzm", err);
    if (st == PZ_OK && p->with)
        st = fetch(p, p->from, file, p->o.bytes, err);
    if (st == PZ_OK)
        st = digest(p->with ? file : p->from, &got, fd, err);
    if (st == PZ_OK && p->with)
        (void)unlink(file);
    if (st == PZ_OK && (got.bytes != p->o.bytes || strcmp(got.sha256, p->o.sha256) != 0))
        st =
            pz_err_set(err, PZ_BAD_DATA,
                       "%s: %llu bytes of sha256 %.12s..., where the offer says %llu and %.12s...: "
                       "not published",
                       p->o.model, (unsigned long long)got.bytes, got.sha256,
                       (unsigned long long)p->o.bytes, p->o.sha256);
    return st;
}

static enum pz_status publish(const struct pulling *p, struct pz_log *log, uint32_t *version,
                              struct pz_err *err)
{
    const struct pz_publish_cfg job = { .force = p->cfg->force, .log = log };
    struct pz_version v = { 0 };
    char model[32];
    int fd = -1;
    enum pz_status st = take(p, &fd, err);

    snprintf(model, sizeof model, "/dev/fd/%d", fd);
    if (st == PZ_OK)
        st = pz_campaign_publish(p->campaign, model, &job, &v, err);
    if (fd >= 0)
        close(fd);
    if (st == PZ_OK)
        st = write_offer(p->taken, &p->o, err);
    *version = v.number;
    return st;
}

/* Whether there is something to do; NULL in *why: there is. */
static enum pz_status judge(const struct pulling *p, const char **why, struct pz_err *err)
{
    int64_t age = pz_time_now() - p->o.offered;

    *why = NULL;
    if (p->had && strcmp(p->last.sha256, p->o.sha256) == 0 && p->last.offered == p->o.offered)
        *why = "nothing new";
    else if (p->had && p->o.offered < p->last.offered && !p->cfg->force)
        return pz_err_set(err, PZ_NEGATIVE,
                          "%s: the offer is older than the last one taken (sha256 %.12s...): not "
                          "published; --force takes it",
                          p->source, p->last.sha256);
    else if (p->cfg->delay > 0 && age < (int64_t)p->cfg->delay)
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
    int made;
    enum pz_status st = deploy_need(args, 2, "CAMPAIGN SOURCE", err);

    if (st != PZ_OK)
        return st;
    p.with = p.cfg->with && *p.cfg->with ? p.cfg->with : NULL;
    p.campaign = args->v[0];
    p.source = args->v[1];
    made = pz_file_mkdir(p.campaign, 0777);
    if (made != 0 && made != EEXIST)
        return pz_err_errno(err, PZ_CANT_CREATE, made, "cannot create %s", p.campaign);
    st = join_path(path, p.campaign, "pull.lock", err);
    if (st == PZ_OK)
        st = pz_lock_take(path, 0, &held, err);
    if (st == PZ_OK)
        st = pull(&p, log, err);
    pz_lock_free(held);
    return st;
}
