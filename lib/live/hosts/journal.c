/* SPDX-License-Identifier: Apache-2.0 */
/* The log in PostgreSQL: see journal.h. Tables, in the schema that the connection's search_path
 * names first:
 *
 *   pz_head  one row: format, store, salt, n (the last number), trimmed
 *   pz_log   number, at, kind, body (entry.h); batch, the token of the batch on its first entry
 *   pz_host  the stores that follow it
 *
 * Values travel as bytes: numbers big-endian, arrays with PostgreSQL's header before them. Every
 * statement has ANSWER_S to be answered; after that the connection counts as lost, as it does when
 * the database ends it, starts, stops, or has become a standby: a URL that names several hosts
 * finds the other one then. */
#include "live/hosts/journal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "live/hosts/pq.h"

enum { FORMAT = 1, MAX_PARAMS = 6, READ_ENTRIES = 2000, READ_BYTES = 16 << 20 };
enum { T_BYTEA = 17, T_INT8 = 20, T_INT2 = 21, T_TEXT = 25, T_INT8S = 1016 }; /* pg_type.dat */

static const double answer_s = 10;

struct pz_journal {
    const struct pz_pq *pq;
    struct pg_conn *c;
    bool lost, ready; /* ready: the two statements are prepared */
    char shown[256];  /* the URL without its password */
    struct pz_str kinds, bodies;
};

/* ---- URLs ---- */

bool pz_journal_is_url(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

const char *pz_journal_shown(const char *url, char *out, size_t n)
{
    const char *user = strstr(url, "://"), *host = user ? strchr(user, '@') : NULL, *colon;

    user = user ? user + 3 : url;
    colon = host ? memchr(user, ':', (size_t)(host - user)) : NULL;
    if (colon)
        snprintf(out, n, "%.*s:...%s", (int)(colon - url), url, host);
    else
        snprintf(out, n, "%s", url);
    return out;
}

/* ---- statements ---- */

/* A parameter of a statement. */
struct param {
    unsigned type;
    const char *bytes; /* NULL: null */
    size_t n;
};

struct number {
    char bytes[8];
};

static struct param as_number(struct number *to, int64_t x)
{
    pz_db_put_number((unsigned char *)to->bytes, (uint64_t)x);
    return (struct param){ T_INT8, to->bytes, 8 };
}

/* The next of the results; NULL: there is none, or the connection is lost. */
static struct pg_result *next_result(struct pz_journal *j, double until)
{
    while (j->pq->isBusy(j->c)) {
        struct pollfd p = { .fd = j->pq->socket(j->c), .events = POLLIN };
        int ms = (int)(1e3 * (until - pz_time_clock()));

        if (ms <= 0 || (poll(&p, 1, ms) < 0 && errno != EINTR)) {
            j->lost = true;
            return NULL;
        }
        if (p.revents && !j->pq->consumeInput(j->c)) {
            j->lost = true;
            return NULL;
        }
    }
    return j->pq->getResult(j->c);
}

/* The first result that failed, else the last one. */
static struct pg_result *await(struct pz_journal *j)
{
    struct pg_result *kept = NULL, *r;
    double until = pz_time_clock() + answer_s;

    while ((r = next_result(j, until)) != NULL) {
        bool failed = kept && j->pq->resultStatus(kept) != PZ_PQ_COMMAND_OK &&
                      j->pq->resultStatus(kept) != PZ_PQ_TUPLES_OK;

        j->pq->clear(failed ? r : kept); /* accepts NULL */
        kept = failed ? kept : r;
    }
    j->lost |= j->pq->status(j->c) == PZ_PQ_BAD;
    return kept;
}

/* The database's word as one line. */
static void add_word(char *out, size_t n, const char *text)
{
    size_t at = 0;

    if (strncmp(text, "ERROR:  ", 8) == 0 || strncmp(text, "FATAL:  ", 8) == 0)
        text += 8;
    for (; *text && at + 1 < n; text++)
        out[at++] = *text == '\n' || *text == '\t' ? ' ' : *text;
    while (at > 0 && out[at - 1] == ' ')
        at--;
    out[at] = '\0';
}

/* States in which another connection may succeed: the server ends or begins, or is a standby. */
static bool is_passing(const char *state)
{
    return strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0 ||
           strcmp(state, "25006") == 0 || strcmp(state, "53300") == 0;
}

static enum pz_status fail(struct pz_journal *j, const struct pg_result *r, const char *what,
                           struct pz_err *err)
{
    const char *state = r ? j->pq->resultErrorField(r, PZ_PQ_SQLSTATE) : NULL;
    enum pz_status st = PZ_UNAVAILABLE;
    char word[400];

    add_word(word, sizeof word, r ? j->pq->resultErrorMessage(r) : j->pq->errorMessage(j->c));
    state = state ? state : "";
    j->lost |= is_passing(state);
    if (strcmp(state, "42P01") == 0) /* undefined table */
        return pz_err_set(err, PZ_NO_INPUT, "%s: there is no log yet; pz-deploy log init makes it",
                          j->shown);
    if (strncmp(state, "53", 2) == 0) /* disk full, out of memory */
        st = PZ_IO;
    return pz_err_set(err, st, "%s: %s: %s", j->shown, what,
                      *word     ? word
                      : j->lost ? "no answer"
                                : "no result");
}

/* The result of what was sent. sqlstate: NULL, or a failure that is no failure: *out NULL then. */
static enum pz_status take(struct pz_journal *j, int sent, const char *what, const char *sqlstate,
                           struct pg_result **out, struct pz_err *err)
{
    struct pg_result *r = sent ? await(j) : NULL;
    int status = r ? j->pq->resultStatus(r) : -1;
    const char *state = r ? j->pq->resultErrorField(r, PZ_PQ_SQLSTATE) : NULL;
    enum pz_status st = PZ_OK;

    if (!sent && j->pq->status(j->c) == PZ_PQ_BAD)
        j->lost = true;
    if (status != PZ_PQ_COMMAND_OK && status != PZ_PQ_TUPLES_OK) {
        if (!state || !sqlstate || strcmp(state, sqlstate) != 0)
            st = fail(j, r, what, err);
        j->pq->clear(r);
        r = NULL;
    }
    if (out)
        *out = r;
    else
        j->pq->clear(r);
    return st;
}

/* Run a statement, or a prepared one by its name. */
static enum pz_status run(struct pz_journal *j, const char *what, const char *prepared,
                          const char *sql, const struct param *param, int n, struct pg_result **out,
                          struct pz_err *err)
{
    unsigned types[MAX_PARAMS] = { 0 };
    const char *values[MAX_PARAMS] = { NULL };
    int lengths[MAX_PARAMS] = { 0 }, formats[MAX_PARAMS] = { 0 };

    for (int i = 0; i < n; i++) {
        types[i] = param[i].type;
        values[i] = param[i].bytes;
        lengths[i] = (int)param[i].n;
        formats[i] = 1;
    }
    return take(j,
                prepared ? j->pq->sendQueryPrepared(j->c, prepared, n, values, lengths, formats, 1)
                         : j->pq->sendQueryParams(j->c, sql, n, types, values, lengths, formats, 1),
                what, prepared && strcmp(prepared, "pz_append") == 0 ? "23505" : NULL, out, err);
}

static enum pz_status run_plain(struct pz_journal *j, const char *what, const char *sql,
                                struct pz_err *err)
{
    return take(j, j->pq->sendQuery(j->c, sql), what, NULL, NULL, err);
}

static uint64_t number_at(const struct pz_journal *j, const struct pg_result *r, int row,
                          int column)
{
    return j->pq->getlength(r, row, column) == 8 ? pz_db_get_number(j->pq->getvalue(r, row, column))
                                                 : 0;
}

/* ---- connections ---- */

/* Numbers are taken, and the entries written, under the lock of the head's row. */
static const char append_sql[] =
    "WITH h AS (UPDATE pz_head SET n = n + $1 RETURNING n - $1 AS base, store),"
    " t AS (SELECT extract(epoch FROM clock_timestamp())::bigint AS at),"
    " i AS (INSERT INTO pz_log (number, at, kind, batch, body)"
    "  SELECT h.base + e.i, t.at, e.kind, CASE WHEN e.i = 1 THEN $4 END, e.body"
    "  FROM h, t, unnest($2::smallint[], $3::bytea[]) WITH ORDINALITY AS e(kind, body, i))"
    " SELECT h.base, t.at, pg_notify('pz_' || to_hex(h.store), '') FROM h, t";

/* The first READ_ENTRIES, of them those that begin within READ_BYTES. */
static const char read_sql[] =
    "SELECT number, at, kind::bigint, body FROM"
    " (SELECT *, sum(length(body)) OVER (ORDER BY number) - length(body) AS before FROM"
    "  (SELECT number, at, kind, body FROM pz_log WHERE number > $1 ORDER BY number LIMIT $2) w) x"
    " WHERE before < $3 ORDER BY number";

static enum pz_status prepare(struct pz_journal *j, struct pz_err *err)
{
    static const unsigned append_types[] = { T_INT8, 1005 /* int2[] */, 1001 /* bytea[] */,
                                             T_INT8 },
                          read_types[] = { T_INT8, T_INT8, T_INT8 };
    enum pz_status st;

    if (j->ready)
        return PZ_OK;
    st = take(j, j->pq->sendPrepare(j->c, "pz_append", append_sql, 4, append_types), "preparing",
              NULL, NULL, err);
    if (st == PZ_OK)
        st = take(j, j->pq->sendPrepare(j->c, "pz_read", read_sql, 3, read_types), "preparing",
                  NULL, NULL, err);
    j->ready = st == PZ_OK;
    return st;
}

/* A commit is a promise here, whatever the database is set to for others; more than "on" may be. */
static const char durable_sql[] = "SELECT set_config('synchronous_commit', 'on', false)"
                                  " WHERE current_setting('synchronous_commit') IN"
                                  " ('off', 'local')";

enum pz_status pz_journal_open(const char *url, struct pz_journal **out, struct pz_err *err)
{
    /* Before the URL, which may say otherwise. A peer that is silent for 10 s is gone. */
    static const char *const keys[] = {
        "connect_timeout",      "keepalives_idle", "keepalives_interval",
        "tcp_user_timeout",     "client_encoding", "fallback_application_name",
        "target_session_attrs", "dbname",          NULL
    };
    const char *const values[] = { "3", "5", "2", "10000", "UTF8", "pz", "read-write", url, NULL };
    const struct pz_pq *pq = pz_pq_load(err);
    struct pz_journal *j = pq ? calloc(1, sizeof *j) : NULL;
    enum pz_status st = PZ_OK;

    *out = NULL;
    if (!j)
        return pq ? pz_err_memory(err, "a connection", sizeof *j) : PZ_UNAVAILABLE;
    j->pq = pq;
    pz_journal_shown(url, j->shown, sizeof j->shown);
    j->c = pq->connectdbParams(keys, values, 1);
    if (!j->c)
        st = pz_err_memory(err, "a connection", 1e4);
    else if (pq->status(j->c) == PZ_PQ_BAD)
        st = fail(j, NULL, "no connection", err);
    if (st == PZ_OK)
        st = run_plain(j, "setting up", durable_sql, err);
    if (st != PZ_OK) {
        pz_journal_close(j);
        return st;
    }
    *out = j;
    return PZ_OK;
}

void pz_journal_close(struct pz_journal *j)
{
    if (!j)
        return;
    if (j->c)
        j->pq->finish(j->c);
    pz_str_clear(&j->kinds);
    pz_str_clear(&j->bodies);
    free(j);
}

bool pz_journal_is_lost(const struct pz_journal *j)
{
    return j->lost;
}

/* ---- the head ---- */

static enum pz_status read_head(struct pz_journal *j, const char *sql, struct pz_journal_head *head,
                                struct pz_err *err)
{
    struct pg_result *r = NULL;
    enum pz_status st = run(j, "reading the log", NULL, sql, NULL, 0, &r, err);

    if (st == PZ_OK && (j->pq->ntuples(r) != 1 || number_at(j, r, 0, 0) != FORMAT ||
                        j->pq->getlength(r, 0, 2) != PZ_HASH_SALT_BYTES))
        st = pz_err_set(err, PZ_BAD_DATA, "%s: the log is not of this pz's form", j->shown);
    if (st == PZ_OK) {
        head->store = number_at(j, r, 0, 1);
        memcpy(head->salt, j->pq->getvalue(r, 0, 2), PZ_HASH_SALT_BYTES);
        head->last = number_at(j, r, 0, 3);
        head->trimmed = number_at(j, r, 0, 4);
    }
    j->pq->clear(r);
    return st;
}

#define HEAD_SQL "SELECT format::bigint, store, salt, n, trimmed FROM pz_head"

enum pz_status pz_journal_head(struct pz_journal *j, struct pz_journal_head *head,
                               struct pz_err *err)
{
    return read_head(j, HEAD_SQL, head, err);
}

enum pz_status pz_journal_lock(struct pz_journal *j, struct pz_journal_head *head,
                               struct pz_err *err)
{
    enum pz_status st = run_plain(j, "locking the log", "BEGIN", err);

    return st == PZ_OK ? read_head(j, HEAD_SQL " FOR UPDATE", head, err) : st;
}

enum pz_status pz_journal_unlock(struct pz_journal *j, bool commit, struct pz_err *err)
{
    return run_plain(j, "committing", commit ? "COMMIT" : "ROLLBACK", err);
}

/* ---- entries ---- */

/* PostgreSQL's array of one dimension: its head, then elements of length and bytes. */
static void start_array(struct pz_str *s, unsigned type, size_t n)
{
    const uint32_t head[] = { n > 0, 0, type, (uint32_t)n, 1 };

    pz_str_reset(s);
    for (int i = 0; i < (n > 0 ? 5 : 3); i++) {
        const char be[4] = { (char)(head[i] >> 24), (char)(head[i] >> 16), (char)(head[i] >> 8),
                             (char)head[i] };

        pz_str_add(s, be, 4);
    }
}

static void add_element(struct pz_str *s, const char *bytes, size_t n)
{
    const char be[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

    pz_str_add(s, be, 4);
    if (n > 0)
        pz_str_add(s, bytes, n);
}

static enum pz_status fill_arrays(struct pz_journal *j, const struct pz_entry *entry, size_t n,
                                  struct pz_err *err)
{
    start_array(&j->kinds, T_INT2, n);
    start_array(&j->bodies, T_BYTEA, n);
    for (size_t i = 0; i < n; i++) {
        const char kind[2] = { 0, (char)entry[i].kind };

        add_element(&j->kinds, kind, 2);
        add_element(&j->bodies, entry[i].body, entry[i].n);
    }
    return j->kinds.failed || j->bodies.failed || j->bodies.len > INT32_MAX
               ? pz_err_memory(err, "a batch for the log", (double)j->bodies.len)
               : PZ_OK;
}

/* Where a batch is that was stored before. */
static enum pz_status find_batch(struct pz_journal *j, int64_t token, struct pg_result **r,
                                 struct pz_err *err)
{
    struct number n;
    const struct param p = as_number(&n, token);
    enum pz_status st = run(j, "reading the log", NULL,
                            "SELECT number - 1, at FROM pz_log WHERE batch = $1", &p, 1, r, err);

    if (st == PZ_OK && j->pq->ntuples(*r) != 1)
        st = pz_err_set(err, PZ_INTERNAL, "%s: a batch is and is not in the log", j->shown);
    return st;
}

enum pz_status pz_journal_append(struct pz_journal *j, struct pz_entry *entry, size_t n,
                                 int64_t token, struct pz_err *err)
{
    struct number count, batch;
    struct pg_result *r = NULL;
    enum pz_status st = prepare(j, err);

    if (st == PZ_OK)
        st = fill_arrays(j, entry, n, err);
    if (st == PZ_OK) {
        const struct param p[] = { as_number(&count, (int64_t)n),
                                   { 0, j->kinds.data, j->kinds.len },
                                   { 0, j->bodies.data, j->bodies.len },
                                   as_number(&batch, token) };

        st = run(j, "storing in the log", "pz_append", NULL, p, 4, &r, err);
    }
    if (st == PZ_OK && !r)
        st = find_batch(j, token, &r, err);
    for (size_t i = 0; i < n && st == PZ_OK; i++) {
        entry[i].number = number_at(j, r, 0, 0) + 1 + i;
        entry[i].at = (int64_t)number_at(j, r, 0, 1);
    }
    j->pq->clear(r);
    return st;
}

static enum pz_status keep_entries(struct pz_journal *j, const struct pg_result *r,
                                   struct pz_entries *list, struct pz_err *err)
{
    for (int i = 0; i < j->pq->ntuples(r); i++) {
        size_t n = (size_t)j->pq->getlength(r, i, 3);
        uint64_t kind = number_at(j, r, i, 2);
        char *body = pz_entries_add(list, kind < PZ_N_KINDS ? (enum pz_entry_kind)kind : PZ_VOID,
                                    n);

        if (!body)
            return pz_err_memory(err, "entries of the log", 1e6);
        if (kind >= PZ_N_KINDS)
            return pz_err_set(err, PZ_BAD_DATA, "%s: the log has an entry of a newer pz", j->shown);
        memcpy(body, j->pq->getvalue(r, i, 3), n);
        list->v[list->n - 1].number = number_at(j, r, i, 0);
        list->v[list->n - 1].at = (int64_t)number_at(j, r, i, 1);
    }
    return PZ_OK;
}

enum pz_status pz_journal_read(struct pz_journal *j, uint64_t after, struct pz_entries *list,
                               struct pz_err *err)
{
    struct number from, most, bytes;
    const struct param p[] = { as_number(&from, (int64_t)after), as_number(&most, READ_ENTRIES),
                               as_number(&bytes, READ_BYTES) };
    struct pg_result *r = NULL;
    enum pz_status st = prepare(j, err);

    pz_entries_clear(list);
    if (st == PZ_OK)
        st = run(j, "reading the log", "pz_read", NULL, p, 3, &r, err);
    if (st == PZ_OK)
        st = keep_entries(j, r, list, err);
    j->pq->clear(r);
    return st;
}

/* ---- making ---- */

static const char make_sql[] =
    "BEGIN; SELECT pg_advisory_xact_lock(8821570133);"
    "CREATE TABLE IF NOT EXISTS pz_head (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
    " format int NOT NULL, store bigint NOT NULL, salt bytea NOT NULL, n bigint NOT NULL,"
    " trimmed bigint NOT NULL) WITH (fillfactor = 10);"
    "CREATE TABLE IF NOT EXISTS pz_log (number bigint PRIMARY KEY, at bigint NOT NULL,"
    " kind smallint NOT NULL, batch bigint, body bytea NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS pz_log_batch ON pz_log (batch) WHERE batch IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS pz_host (name text PRIMARY KEY, applied bigint NOT NULL,"
    " events bigint NOT NULL, rows bigint NOT NULL, seen bigint NOT NULL)";

static enum pz_status insert_head(struct pz_journal *j, const struct pz_journal_head *head,
                                  bool *made, struct pz_err *err)
{
    struct number store, last, trimmed;
    const struct param p[] = { as_number(&store, (int64_t)head->store),
                               { T_BYTEA, (const char *)head->salt, sizeof head->salt },
                               as_number(&last, (int64_t)head->last),
                               as_number(&trimmed, (int64_t)head->trimmed) };
    struct pg_result *r = NULL;
    enum pz_status st = run(j, "making the log", NULL,
                            "INSERT INTO pz_head (format, store, salt, n, trimmed)"
                            " VALUES (1, $1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING n",
                            p, 4, &r, err);

    *made = st == PZ_OK && j->pq->ntuples(r) == 1;
    j->pq->clear(r);
    return st;
}

/* Entries of a store that was alone so far, under the numbers that they have. */
static enum pz_status insert_entries(struct pz_journal *j, const struct pz_entry *entry, size_t n,
                                     struct pz_err *err)
{
    struct pz_str numbers = { 0 }, times = { 0 };
    struct param p[] = {
        { T_INT8S, NULL, 0 }, { T_INT8S, NULL, 0 }, { 1005, NULL, 0 }, { 1001, NULL, 0 }
    };
    struct number x;
    enum pz_status st = fill_arrays(j, entry, n, err);

    start_array(&numbers, T_INT8, n);
    start_array(&times, T_INT8, n);
    for (size_t i = 0; i < n; i++) {
        add_element(&numbers, as_number(&x, (int64_t)entry[i].number).bytes, 8);
        add_element(&times, as_number(&x, entry[i].at).bytes, 8);
    }
    if (st == PZ_OK && (numbers.failed || times.failed))
        st = pz_err_memory(err, "a batch for the log", 16.0 * (double)n);
    if (st == PZ_OK) {
        const struct pz_str *from[] = { &numbers, &times, &j->kinds, &j->bodies };

        for (int i = 0; i < 4; i++) {
            p[i].bytes = from[i]->data;
            p[i].n = from[i]->len;
        }
        st = run(j, "making the log", NULL,
                 "INSERT INTO pz_log (number, at, kind, body)"
                 " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bytea[])",
                 p, 4, NULL, err);
    }
    pz_str_clear(&numbers);
    pz_str_clear(&times);
    return st;
}

enum pz_status pz_journal_make(struct pz_journal *j, const struct pz_journal_head *head,
                               const struct pz_entries *list, bool *made, struct pz_err *err)
{
    enum pz_status st = run_plain(j, "making the log", make_sql, err);
    bool open = st == PZ_OK;

    *made = false;
    if (st == PZ_OK)
        st = insert_head(j, head, made, err);
    for (size_t at = 0; st == PZ_OK && *made && at < list->n; at += READ_ENTRIES)
        st = insert_entries(j, list->v + at,
                            list->n - at < READ_ENTRIES ? list->n - at : READ_ENTRIES, err);
    if (open && st == PZ_OK)
        return pz_journal_unlock(j, true, err);
    (void)pz_journal_unlock(j, false, NULL);
    return st;
}

/* ---- being told ---- */

enum pz_status pz_journal_listen(struct pz_journal *j, struct pz_err *err)
{
    struct pz_journal_head head;
    char sql[64];
    enum pz_status st = pz_journal_head(j, &head, err);

    /* as to_hex names it */
    snprintf(sql, sizeof sql, "LISTEN \"pz_%llx\"", (unsigned long long)head.store);
    return st == PZ_OK ? run_plain(j, "listening", sql, err) : st;
}

void pz_journal_wait(struct pz_journal *j, int fd, int ms)
{
    struct pollfd p[] = { { .fd = fd, .events = POLLIN },
                          { .fd = j ? j->pq->socket(j->c) : -1, .events = POLLIN } };
    void *told;

    if (poll(p, 2, ms) > 0 && p[1].revents && !j->pq->consumeInput(j->c))
        j->lost = true;
    while (j && (told = j->pq->notifies(j->c)) != NULL)
        j->pq->freemem(told);
}

/* ---- erasing ---- */

/* Where ids are in a body: entry.h and store.c. */
static const char erase_sql[] =
    "UPDATE pz_log SET kind = 0, body = '' WHERE"
    " (kind = 1 AND substring(body FROM 17 FOR octet_length($1) + 1) = $1 || '\\x00'::bytea) OR"
    " (kind = 1 AND get_byte(body, 16) = 0 AND substring(body FROM 18 FOR"
    "   position('\\x00'::bytea IN substring(body FROM 18 FOR 257)) - 1) = ANY ($2::bytea[])) OR"
    " (kind = 3 AND substring(body FROM 1 FOR octet_length($1) + 1) = $1 || '\\x00'::bytea) OR"
    " (kind = 4 AND $3 > 0 AND body = $1)";

enum pz_status pz_journal_erase(struct pz_journal *j, const char *user_id,
                                const char *const *session, size_t n, bool purge,
                                struct pz_err *err)
{
    struct pz_str list = { 0 };
    struct number also;
    enum pz_status st = PZ_OK;

    start_array(&list, T_BYTEA, n);
    for (size_t i = 0; i < n; i++)
        add_element(&list, session[i], strlen(session[i]));
    if (list.failed)
        st = pz_err_memory(err, "what to erase", 300.0 * (double)n);
    if (st == PZ_OK) {
        const struct param p[] = { { T_BYTEA, user_id, strlen(user_id) },
                                   { 1001, list.data, list.len },
                                   as_number(&also, purge) };

        st = run(j, "erasing in the log", NULL, erase_sql, p, 3, NULL, err);
    }
    pz_str_clear(&list);
    return st;
}

enum pz_status pz_journal_trim(struct pz_journal *j, uint64_t events, uint64_t rows, double days,
                               uint64_t *removed, struct pz_err *err)
{
    static const char sql[] =
        "WITH d AS (DELETE FROM pz_log WHERE at < extract(epoch FROM now())::bigint - $3"
        "   AND ((kind <= 1 AND number <= $1) OR (kind IN (2, 3) AND number <= $2))"
        "   RETURNING number),"
        " h AS (UPDATE pz_head SET trimmed = greatest(trimmed, (SELECT max(number) FROM d)))"
        " SELECT count(*) FROM d";
    struct number e, w, age;
    const struct param p[] = { as_number(&e, (int64_t)events), as_number(&w, (int64_t)rows),
                               as_number(&age, (int64_t)(days * 86400)) };
    struct pg_result *r = NULL;
    enum pz_status st = run(j, "trimming the log", NULL, sql, p, 3, &r, err);

    *removed = st == PZ_OK ? number_at(j, r, 0, 0) : 0;
    j->pq->clear(r);
    return st;
}

/* ---- who follows ---- */

enum pz_status pz_journal_tell(struct pz_journal *j, const struct pz_journal_host *host,
                               struct pz_err *err)
{
    struct number applied, events, rows;
    const struct param p[] = { { T_TEXT, host->name, strlen(host->name) },
                               as_number(&applied, (int64_t)host->applied),
                               as_number(&events, (int64_t)host->events),
                               as_number(&rows, (int64_t)host->rows) };

    return run(j, "telling how far this host is", NULL,
               "INSERT INTO pz_host VALUES ($1, $2, $3, $4, extract(epoch FROM now())::bigint)"
               " ON CONFLICT (name) DO UPDATE SET applied = $2, events = $3, rows = $4,"
               " seen = extract(epoch FROM now())::bigint",
               p, 4, NULL, err);
}

enum pz_status pz_journal_hosts(struct pz_journal *j, struct pz_journal_host **host, size_t *n,
                                struct pz_err *err)
{
    struct pg_result *r = NULL;
    enum pz_status st = run(j, "reading the log", NULL,
                            "SELECT name, applied, events, rows, seen FROM pz_host ORDER BY name",
                            NULL, 0, &r, err);

    *host = NULL;
    *n = st == PZ_OK ? (size_t)j->pq->ntuples(r) : 0;
    if (st == PZ_OK && !(*host = calloc(*n + 1, sizeof **host)))
        st = pz_err_memory(err, "hosts", (double)*n * sizeof **host);
    for (int i = 0; st == PZ_OK && i < (int)*n; i++) {
        struct pz_journal_host *h = &(*host)[i];

        snprintf(h->name, sizeof h->name, "%.*s", j->pq->getlength(r, i, 0),
                 j->pq->getvalue(r, i, 0));
        h->applied = number_at(j, r, i, 1);
        h->events = number_at(j, r, i, 2);
        h->rows = number_at(j, r, i, 3);
        h->seen = (int64_t)number_at(j, r, i, 4);
    }
    j->pq->clear(r);
    return st;
}

enum pz_status pz_journal_drop(struct pz_journal *j, const char *name, struct pz_err *err)
{
    const struct param p = { T_TEXT, name, strlen(name) };
    struct pg_result *r = NULL;
    enum pz_status st = run(j, "dropping a host", NULL,
                            "DELETE FROM pz_host WHERE name = $1 RETURNING seen", &p, 1, &r, err);

    if (st == PZ_OK && j->pq->ntuples(r) == 0)
        st = pz_err_set(err, PZ_NO_INPUT, "%s: no such host follows the log", name);
    j->pq->clear(r);
    return st;
}

enum pz_status pz_journal_measure(struct pz_journal *j, struct pz_journal_size *size,
                                  struct pz_err *err)
{
    struct pg_result *r = NULL;
    enum pz_status st =
        run(j, "measuring the log", NULL,
            "SELECT (SELECT count(*) FROM pz_log), pg_total_relation_size('pz_log'),"
            " (current_setting('fsync') = 'on')::int::bigint,"
            " (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))",
            NULL, 0, &r, err);

    if (st == PZ_OK)
        *size = (struct pz_journal_size){ .entries = number_at(j, r, 0, 0),
                                          .bytes = number_at(j, r, 0, 1),
                                          .safe = number_at(j, r, 0, 2) == 1,
                                          .standbys = (int)number_at(j, r, 0, 3) };
    j->pq->clear(r);
    return st;
}
