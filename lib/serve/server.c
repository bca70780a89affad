/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint's life: see server.h.
 *
 * Threads: I/O (http.c), workers (queue.c), one committer a live store (commit.c), one that looks
 * whether campaigns changed, and the caller's, which waits for signals and counts seconds.
 *
 * Start, each step undone in reverse: configuration, keys, campaigns, log, socket, queue, HTTP,
 * refresher. Stop: not ready any more; no new connections; what was read is answered; then down. */
#include "serve/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>

#include "base/time.h"
#include "campaign/gc.h"
#include "campaign/live.h"
#include "serve/net/listen.h"
#include "serve/service.h"

enum { BODY_MAX = 1 << 20, MARK_EVERY = 10 /* canaries */ };

static const double refresh_s = 0.2, canary_s = 1, begin_s = 10;

/* ---- campaigns ---- */

static void open_bucket(struct pz_bucket *b, double rate)
{
    pthread_mutex_init(&b->lock, NULL);
    b->rate = rate;
    b->tokens = rate < 1 ? 1 : rate;
    b->at = pz_time_clock();
}

/* Another campaign with the same live store; NULL: none. */
static const struct pz_served *find_sharer(struct pz_server *s, const struct pz_served *k)
{
    struct pz_live_size mine, other;

    if (pz_live_count(k->store, &mine, NULL) != PZ_OK)
        return NULL;
    for (size_t i = 0; i < s->n_campaigns; i++) {
        const struct pz_served *o = &s->campaign[i];

        if (o != k && o->commit && pz_live_count(o->store, &other, NULL) == PZ_OK &&
            strcmp(mine.store, other.store) == 0)
            return o;
    }
    return NULL;
}

/* A campaign whose folder cannot be written answers, and takes no events. */
static enum pz_status open_store(struct pz_server *s, struct pz_served *k, struct pz_err *err)
{
    const struct pz_served *sharer;
    enum pz_status st = pz_campaign_open_live(k->cfg->path, true, &k->store, err);

    if (st == PZ_CANT_CREATE || st == PZ_NO_INPUT) {
        pz_log(s->talk, PZ_LOG_WARN, "%s is served read-only: %s", k->cfg->name, err->text);
        k->store = NULL;
        return PZ_OK;
    }
    if (st != PZ_OK)
        return st;
    sharer = find_sharer(s, k);
    if (sharer) {
        k->commit = sharer->commit;
        k->follow = sharer->follow;
        return PZ_OK;
    }
    k->owns_commit = true;
    st = pz_commit_open(k->store, &k->commit, err);
    if (st == PZ_OK)
        st = pz_follow_open(k->store, &k->follow, err);
    if (st == PZ_OK && k->follow)
        pz_follow_begin(k->follow, begin_s);
    return st;
}

static enum pz_status open_campaign(struct pz_server *s, const struct pz_serve_campaign *cfg,
                                    struct pz_err *err)
{
    struct pz_served *k = &s->campaign[s->n_campaigns++];
    bool is;
    enum pz_status st = pz_campaign_is(cfg->path, &is, err);

    k->cfg = cfg;
    pz_metrics_init(&k->counts);
    pthread_rwlock_init(&k->split_lock, NULL);
    open_bucket(&k->bucket, cfg->max_tps);
    if (st == PZ_OK && !is)
        st = pz_err_set(err, PZ_NO_INPUT, "%s: no campaign there", cfg->path);
    if (st == PZ_OK)
        st = open_store(s, k, err); /* first, so that the view finds its store */
    if (st == PZ_OK)
        st = pz_service_open(cfg->path, &k->service, err);
    return st;
}

static void close_commit(struct pz_served *k)
{
    pz_commit_close(k->commit);
    pz_follow_close(k->follow);
    k->owns_commit = false;
}

static void close_campaign(struct pz_served *k)
{
    if (k->owns_commit)
        close_commit(k);
    pz_service_close(k->split);
    pz_service_close(k->service);
    pthread_rwlock_destroy(&k->split_lock);
    pz_live_close(k->store);
    pthread_mutex_destroy(&k->counts.lock);
    pthread_mutex_destroy(&k->bucket.lock);
}

/* ---- canary ---- */

/* Ask a campaign something, as a client would. */
static bool answers(struct pz_served *k)
{
    const struct pz_ask_options o = { .num = 1, .exploration_weight = -1, .no_scores = true };
    struct pz_snapshot *snap = pz_service_take(k->service);
    const struct pz_recipe *recipe = snap->model->recipe;
    size_t n;
    const char *some = snap->model->items.n ? pz_dict_get(&snap->model->items, 0, &n) : NULL;
    char *item = some ? pz_mem_strndup(some, n) : NULL;
    const char *list[] = { item };
    struct pz_question q = { .user_id = "readiness probe",
                             .item_id = recipe->task == PZ_TASK_RELATED ? item : NULL,
                             .list = list,
                             .n_list = recipe->task == PZ_TASK_RANK };
    struct pz_prepared *prepared = NULL;
    struct pz_answered answered = { 0 };
    enum pz_status st = item ? pz_prepare(snap, &o, &prepared, NULL) : PZ_NO_INPUT;

    if (st == PZ_OK)
        st = pz_ask(prepared, &q, &answered, NULL);
    pz_answered_clear(&answered);
    pz_prepared_free(prepared);
    pz_snapshot_release(snap);
    free(item);
    return st == PZ_OK;
}

/* Whether a campaign answers, and is not behind the log that others write to. */
static bool is_ready(const struct pz_server *s, struct pz_served *k)
{
    struct pz_follow_state f = { .lag_s = 0 };

    if (k->follow)
        pz_follow_read(k->follow, &f);
    return f.lag_s <= s->cfg.log_lag_s && answers(k);
}

/* Tell the log what the campaign's versions contain, so that it can be trimmed. */
static void mark(struct pz_served *k)
{
    uint64_t events, rows;

    if (k->follow && pz_campaign_contained(k->cfg->path, &events, &rows, NULL) == PZ_OK)
        pz_follow_mark(k->follow, k->cfg->path, events, rows);
}

/* ---- refreshing ---- */

/* Put another split in place of the one there was; .split NULL: none. */
static void set_split(struct pz_served *k, struct pz_service *split, uint32_t version, double share)
{
    struct pz_service *old;

    pthread_rwlock_wrlock(&k->split_lock);
    old = k->split;
    k->split = split;
    k->split_version = version;
    k->split_share = share;
    pthread_rwlock_unlock(&k->split_lock);
    if (old != split)
        pz_service_close(old);
}

/* Make the split what the campaign's settings say. One that cannot be opened is none: the current
 * version answers everybody. */
static void refresh_split(struct pz_server *s, struct pz_served *k)
{
    struct pz_snapshot *snap = pz_service_take(k->service);
    struct pz_service *split = k->split;
    struct pz_err err = { .status = PZ_OK };
    uint32_t version = 0;
    double share = 0;

    if (!snap->view || !pz_settings_split(&snap->view->settings, &version, &share))
        version = 0;
    if (version != k->split_version) {
        split = NULL;
        if (version && pz_service_open_version(k->cfg->path, version, &split, &err) != PZ_OK)
            pz_log(s->talk, PZ_LOG_ERROR, "%s: the split is not in force: %s", k->cfg->name,
                   err.text);
    }
    if (version != k->split_version || share != k->split_share)
        set_split(k, split, version, share);
    else if (split)
        pz_service_refresh(split, NULL, NULL);
    pz_snapshot_release(snap);
}

static bool is_damaged(struct pz_served *k)
{
    struct pz_snapshot *snap = pz_service_take(k->service);
    bool damaged = atomic_load(&snap->damaged);

    pz_snapshot_release(snap);
    return damaged;
}

/* Answers that lack what is live look like others: whoever runs the server must be told. */
static void tell_damage(struct pz_server *s, struct pz_served *k)
{
    struct pz_snapshot *snap = pz_service_take(k->service);
    bool damaged = snap->view && atomic_load(&snap->view->live_damaged);

    if (damaged && !k->told_damage)
        pz_log(s->talk, PZ_LOG_ERROR,
               "%s: the live store is damaged: the model answers alone, without live events, items "
               "put live and users to forget",
               k->cfg->name);
    k->told_damage = damaged;
    pz_snapshot_release(snap);
}

static void refresh(struct pz_server *s, struct pz_served *k)
{
    struct pz_err err = { .status = PZ_OK };
    bool changed = false;
    double from = pz_time_clock(), to;
    enum pz_status st = pz_service_refresh(k->service, &changed, &err);

    to = pz_time_clock();
    if (st == PZ_OK)
        atomic_store(&k->refreshed, to);
    else if (atomic_fetch_add(&k->reload_failures, 1) == 0)
        pz_log(s->talk, PZ_LOG_ERROR, "%s: cannot take over what changed, %s: %s", k->cfg->name,
               is_damaged(k) ? "and what answered was overwritten: no answers until it is mended"
                             : "answers go on as before",
               err.text);
    if (changed) {
        atomic_store(&k->rebuild_s, to - from);
        atomic_fetch_add(&k->reloads, 1);
        atomic_store(&k->reload_failures, 0);
    }
    tell_damage(s, k);
    refresh_split(s, k);
}

static void *run_refresher(void *context)
{
    struct pz_server *s = context;
    double next_canary = 0;
    unsigned n_canaries = 0;

    while (!atomic_load(&s->stopping)) {
        double now = pz_time_clock();
        bool due = now >= next_canary;

        for (size_t i = 0; i < s->n_campaigns; i++) {
            struct pz_served *k = &s->campaign[i];

            refresh(s, k);
            if (due)
                atomic_store(&k->ready, is_ready(s, k));
            if (due && n_canaries % MARK_EVERY == 0)
                mark(k);
        }
        n_canaries += due;
        if (due)
            next_canary = now + canary_s;
        pz_time_rest(refresh_s);
    }
    return NULL;
}

/* ---- keys ---- */

static void free_ring(struct pz_keyring *r)
{
    while (r) {
        struct pz_keyring *older = r->older;

        for (size_t i = 0; r->bucket && i < r->keys.n; i++)
            pthread_mutex_destroy(&r->bucket[i].lock);
        free(r->bucket);
        free(r->throttled);
        pz_credentials_clear(&r->keys);
        free(r);
        r = older;
    }
}

/* Read the keys and put them in force. */
static enum pz_status load_keys(struct pz_server *s, const char *path, struct pz_err *err)
{
    struct pz_keyring *r = calloc(1, sizeof *r);
    enum pz_status st = r ? pz_credentials_read(path, &r->keys, err)
                          : pz_err_memory(err, "keys", sizeof *r);

    if (st == PZ_OK) {
        r->bucket = calloc(r->keys.n, sizeof *r->bucket);
        r->throttled = calloc(r->keys.n, sizeof *r->throttled);
        if (!r->bucket || !r->throttled)
            st = pz_err_memory(err, "keys", 1e4);
    }
    if (st != PZ_OK) {
        free_ring(r);
        return st;
    }
    for (size_t i = 0; i < r->keys.n; i++)
        open_bucket(&r->bucket[i], r->keys.key[i].max_tps);
    r->older = atomic_load(&s->ring);
    atomic_store(&s->ring, r);
    return PZ_OK;
}

bool pz_server_is_us(struct pz_server *s, const char *host)
{
    static const char *const own[] = { "localhost", "127.0.0.1", "[::1]" };

    if (atomic_load(&s->ring) || strcmp(host, s->listening) == 0)
        return true;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t n = strlen(own[i]);

        if (strncasecmp(host, own[i], n) == 0 && (host[n] == ':' || host[n] == '\0'))
            return true;
    }
    return false;
}

/* ---- start and stop ---- */

static enum pz_status read_config(const struct pz_serve_options *o, struct pz_serve_config *c,
                                  struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    pz_serve_config_init(c);
    if (o->config)
        st = pz_serve_config_read(o->config, c, err);
    for (size_t i = 0; i < o->n && st == PZ_OK; i++)
        st = pz_serve_config_add(c, o->campaign[i], err);
    if (o->max_tps > 0)
        c->max_tps = o->max_tps;
    return st;
}

enum pz_status pz_serve_print_config(const struct pz_serve_options *o, FILE *out,
                                     struct pz_err *err)
{
    struct pz_serve_config c;
    struct pz_str text = { 0 };
    json_t *doc = NULL;
    enum pz_status st = read_config(o, &c, err);

    if (st == PZ_OK)
        doc = pz_serve_config_json(&c);
    if (st == PZ_OK) {
        pz_json_dump(&text, doc, true);
        st = doc && !text.failed ? PZ_OK : pz_err_memory(err, "the configuration", 1e4);
    }
    if (st == PZ_OK)
        fputs(text.data, out);
    json_decref(doc);
    pz_str_clear(&text);
    pz_serve_config_clear(&c);
    return st;
}

static enum pz_status check_options(const struct pz_serve_options *o,
                                    const struct pz_serve_config *c, struct pz_err *err)
{
    if (!o->listen)
        return pz_err_set(err, PZ_USAGE, "--listen HOST:PORT is needed");
    if (!o->credentials && !o->no_auth)
        return pz_err_set(err, PZ_USAGE,
                          "--credentials FILE is needed, or --no-auth to serve everybody on this "
                          "machine");
    if (o->credentials && o->no_auth)
        return pz_err_set(err, PZ_USAGE, "--credentials and --no-auth exclude each other");
    return c->n > 0
               ? PZ_OK
               : pz_err_set(err, PZ_USAGE, "a CAMPAIGN is needed, as an operand or by --config");
}

static enum pz_status open_campaigns(struct pz_server *s, struct pz_err *err)
{
    enum pz_status st = PZ_OK;

    s->campaign = calloc(s->cfg.n, sizeof *s->campaign);
    if (!s->campaign)
        return pz_err_memory(err, "the campaigns", (double)s->cfg.n * sizeof *s->campaign);
    open_bucket(&s->bucket, s->cfg.max_tps);
    for (size_t i = 0; i < s->cfg.n && st == PZ_OK; i++)
        st = open_campaign(s, &s->cfg.campaign[i], err);
    return st;
}

static enum pz_status open_socket(const struct pz_serve_options *o, struct pz_server *s,
                                  struct pz_listen *l, struct pz_err *err)
{
    enum pz_status st = pz_listen_open(o->listen, l, err);

    if (st == PZ_OK && o->no_auth && !l->loopback)
        return pz_err_set(err, PZ_USAGE,
                          "--no-auth on %s would let everybody who reaches it in: only loopback "
                          "addresses are served without --credentials",
                          l->name);
    if (st == PZ_OK)
        memcpy(s->listening, l->name, sizeof s->listening);
    return st;
}

/* As many descriptors as the kernel lets us have. */
static void raise_files(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static enum pz_status open_network(struct pz_server *s, const struct pz_serve_options *o, int fd,
                                   struct pz_err *err)
{
    const struct pz_queue_cfg queue = { .workers = o->workers ? o->workers : 1,
                                        .capacity = s->cfg.queue,
                                        .budget_s = s->cfg.budget_s,
                                        .work = pz_routes_work,
                                        .shed = pz_routes_shed,
                                        .context = s };
    const struct pz_http_cfg http = { .listen_fd = fd,
                                      .threads = s->cfg.io_threads,
                                      .max_connections = s->cfg.connections,
                                      .max_per_ip = s->cfg.connections_per_ip,
                                      .request_timeout_s = s->cfg.request_timeout_s,
                                      .idle_timeout_s = s->cfg.idle_timeout_s,
                                      .max_body = BODY_MAX,
                                      .handle = pz_routes_handle,
                                      .submit = pz_routes_submit,
                                      .done = pz_routes_done,
                                      .context = s };
    enum pz_status st = pz_queue_open(&queue, &s->queue, err);

    raise_files();
    return st == PZ_OK ? pz_http_open(&http, &s->http, err) : st;
}

static void reload(struct pz_server *s, const struct pz_serve_options *o)
{
    struct pz_err err = { .status = PZ_OK };
    struct timespec t;
    char text[80];

    clock_gettime(CLOCK_MONOTONIC, &t);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
    pz_listen_notify(text);
    if (o->credentials && load_keys(s, o->credentials, &err) != PZ_OK)
        pz_log(s->talk, PZ_LOG_ERROR, "the keys stay as they were: %s", err.text);
    else if (o->credentials)
        pz_log(s->talk, PZ_LOG_NOTE, "keys read anew");
    pz_access_log_reopen(s->log);
    pz_listen_notify("READY=1");
}

/* Wait for SIGTERM or SIGINT; a few times a second, and at SIGHUP, do what is due. */
static void run(struct pz_server *s, const struct pz_serve_options *o, const sigset_t *signals)
{
    const struct timespec nap = { 0, 200000000 };

    for (;;) {
        int sig = sigtimedwait(signals, NULL, &nap);

        if (sig == SIGTERM || sig == SIGINT)
            return;
        if (sig == SIGHUP)
            reload(s, o);
        pz_http_reap(s->http);
        pz_access_log_flush(s->log);
    }
}

static enum pz_status serve(struct pz_server *s, const struct pz_serve_options *o,
                            const sigset_t *signals, int fd, struct pz_err *err)
{
    pthread_t refresher;
    enum pz_status st = open_network(s, o, fd, err);

    if (st != PZ_OK)
        return st;
    for (size_t i = 0; i < s->n_campaigns; i++) {
        refresh_split(s, &s->campaign[i]);
        atomic_store(&s->campaign[i].ready, is_ready(s, &s->campaign[i]));
    }
    if (pthread_create(&refresher, NULL, run_refresher, s) != 0)
        return pz_err_set(err, PZ_TRY_AGAIN, "no thread to look after the campaigns");
    if (o->no_auth)
        pz_log(s->talk, PZ_LOG_WARN,
               "--no-auth: every process on this machine may read and write the campaigns");
    fprintf(stderr, "listening on %s\n", s->listening);
    pz_listen_notify("READY=1");
    run(s, o, signals);
    pz_listen_notify("STOPPING=1");
    atomic_store(&s->draining, true);
    if (!pz_http_drain(s->http, s->cfg.drain_s))
        pz_log(s->talk, PZ_LOG_WARN, "%u connections were cut off", pz_http_connections(s->http));
    atomic_store(&s->stopping, true);
    pthread_join(refresher, NULL);
    return PZ_OK;
}

/* Undo everything, the network first: it must be empty before the rest goes. */
static void close_server(struct pz_server *s)
{
    pz_queue_close(s->queue);
    for (size_t i = 0; i < s->n_campaigns; i++)
        if (s->campaign[i].owns_commit)
            close_commit(&s->campaign[i]);
    pz_http_close(s->http);
    for (size_t i = 0; i < s->n_campaigns; i++)
        close_campaign(&s->campaign[i]);
    pz_access_log_close(s->log);
    free_ring(atomic_load(&s->ring));
    free(s->campaign);
    pz_serve_config_clear(&s->cfg);
}

enum pz_status pz_serve(const struct pz_serve_options *o, struct pz_log *talk, struct pz_err *err)
{
    struct pz_server s = { .talk = talk, .started = pz_time_clock() };
    struct pz_listen l = { .fd = -1 };
    sigset_t signals, before;
    enum pz_status st;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    signal(SIGPIPE, SIG_IGN);
    st = read_config(o, &s.cfg, err);
    if (st == PZ_OK)
        st = check_options(o, &s.cfg, err);
    if (st == PZ_OK && o->credentials)
        st = load_keys(&s, o->credentials, err);
    if (st == PZ_OK)
        st = open_campaigns(&s, err);
    if (st == PZ_OK && o->access_log)
        st = pz_access_log_open(o->access_log, &s.log, err);
    if (st == PZ_OK)
        st = open_socket(o, &s, &l, err);
    if (st == PZ_OK)
        st = serve(&s, o, &signals, l.fd, err);
    close_server(&s);
    pz_listen_close(&l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return st;
}
