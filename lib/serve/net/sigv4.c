/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4: see sigv4.h. The only module that sees nettle.
 *
 * "AWS Signature Version 4 for API requests", AWS General Reference. The client hashes a canonical
 * request (method, path, query, the headers it lists, hash of the body), signs that hash with a key
 * derived from its secret, the day, the region and the service, and says in Authorization which key
 * id and which headers it took. We do the same and compare.
 *
 *  1. The canonical request is built from the list SignedHeaders in its order, never from a fixed
 *     set: clients differ. host and every x-amz-... header that came must be in the list, since
 *     what is not signed may be altered.
 *  2. The service is "personalize" for all three endpoints, the region any.
 *  3. Comparison takes the same time whatever differs. Nothing is said of which part did.
 *  4. The derived key changes once a day; each thread keeps the last (5 hashes less a request). */
#include "serve/net/sigv4.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/number.h"
#include "base/str.h"

enum { SKEW_S = 300, DATE = 8, STAMP = 16, REGION_MAX = 63, SIGNED_MAX = 64 };

static const char algorithm[] = "AWS4-HMAC-SHA256";
static const char terminator[] = "aws4_request";
static const char service[] = "personalize";

/* A piece of somebody's text. */
struct slice {
    const char *s;
    size_t n;
};

/* The parts of Authorization. */
struct claim {
    struct slice id, date, region, scope; /* scope: DATE/REGION/personalize/aws4_request */
    struct slice signed_headers, signature;
    const char *stamp; /* x-amz-date, STAMP bytes */
};

void pz_sigv4_digest(const void *bytes, size_t n, char out[65])
{
    uint8_t raw[SHA256_DIGEST_SIZE];
    struct sha256_ctx h;

    sha256_init(&h);
    sha256_update(&h, n, bytes);
    sha256_digest(&h, sizeof raw, raw);
    *pz_put_hex_bytes(out, raw, sizeof raw) = '\0';
}

static void sign(const uint8_t *key, size_t n_key, const void *text, size_t n, uint8_t *out)
{
    struct hmac_sha256_ctx h;

    hmac_sha256_set_key(&h, n_key, key);
    hmac_sha256_update(&h, n, text);
    hmac_sha256_digest(&h, SHA256_DIGEST_SIZE, out);
}

/* ---- the claim ---- */

static bool equals(struct slice a, const char *b)
{
    return a.n == strlen(b) && memcmp(a.s, b, a.n) == 0;
}

/* What stands before the next `end` (or the end of the text) of *rest, which moves behind it. */
static struct slice cut(struct slice *rest, char end)
{
    const char *at = memchr(rest->s, end, rest->n);
    struct slice out = { rest->s, at ? (size_t)(at - rest->s) : rest->n };
    size_t skip = out.n + (at ? 1 : 0);

    rest->s += skip;
    rest->n -= skip;
    return out;
}

/* ID/DATE/REGION/SERVICE/aws4_request; an id has no slash. */
static bool read_scope(struct slice value, struct claim *c)
{
    struct slice rest = value, of_service, end;

    c->id = cut(&rest, '/');
    c->scope = rest;
    c->date = cut(&rest, '/');
    c->region = cut(&rest, '/');
    of_service = cut(&rest, '/');
    end = rest;
    /* The lengths are checked here, so that derive can copy without a look. */
    return c->id.n > 0 && c->date.n == DATE && c->region.n > 0 && c->region.n <= REGION_MAX &&
           equals(of_service, service) && equals(end, terminator);
}

static bool read_member(struct slice part, struct claim *c)
{
    struct slice rest = part, name = cut(&rest, '=');

    if (equals(name, "Credential"))
        return !c->id.s && read_scope(rest, c);
    if (equals(name, "SignedHeaders")) {
        bool first = !c->signed_headers.s;

        c->signed_headers = rest;
        return first && rest.n > 0;
    }
    if (equals(name, "Signature")) {
        bool first = !c->signature.s;

        c->signature = rest;
        return first && rest.n == 64;
    }
    return false;
}

static bool read_claim(const char *authorization, struct claim *c)
{
    struct slice rest = { authorization, strlen(authorization) };

    if (!equals(cut(&rest, ' '), algorithm))
        return false;
    while (rest.n > 0) {
        struct slice part = cut(&rest, ',');

        while (part.n > 0 && *part.s == ' ') {
            part.s++;
            part.n--;
        }
        while (part.n > 0 && part.s[part.n - 1] == ' ')
            part.n--;
        if (!read_member(part, c))
            return false;
    }
    return c->id.s && c->signed_headers.s && c->signature.s;
}

/* 20261123T224830Z to Unix seconds. */
static bool read_stamp(const char *s, int64_t *seconds)
{
    struct tm tm = { 0 };

    for (int i = 0; i < STAMP; i++)
        if (i == 8 ? s[i] != 'T' : i == 15 ? s[i] != 'Z' : s[i] < '0' || s[i] > '9')
            return false;
    /* timegm takes a 13th month for January: no harm, as the text itself is signed and must be of
     * now. */
    tm.tm_year = (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0' - 1900;
    tm.tm_mon = (s[4] - '0') * 10 + s[5] - '0' - 1;
    tm.tm_mday = (s[6] - '0') * 10 + s[7] - '0';
    tm.tm_hour = (s[9] - '0') * 10 + s[10] - '0';
    tm.tm_min = (s[11] - '0') * 10 + s[12] - '0';
    tm.tm_sec = (s[13] - '0') * 10 + s[14] - '0';
    *seconds = (int64_t)timegm(&tm);
    return true;
}

/* ---- the canonical request ---- */

static bool is_signed(struct slice list, const char *name)
{
    size_t n = strlen(name);

    while (list.n > 0) {
        struct slice one = cut(&list, ';');

        if (one.n == n && strncasecmp(one.s, name, n) == 0)
            return true;
    }
    return false;
}

/* What could change the request's meaning must be signed. */
static bool signs_enough(const struct pz_http_request *req, struct slice list)
{
    if (!is_signed(list, "host"))
        return false;
    for (size_t i = 0; i < req->n_headers; i++)
        if (strncasecmp(req->header[i].name, "x-amz-", 6) == 0 &&
            !is_signed(list, req->header[i].name))
            return false;
    return true;
}

/* A value without blanks around it, runs of blanks inside it as one. */
static void hash_value(struct sha256_ctx *h, const char *v)
{
    while (*v == ' ' || *v == '\t')
        v++;
    while (*v) {
        size_t n = strcspn(v, " \t"), blanks = strspn(v + n, " \t");

        sha256_update(h, n, (const uint8_t *)v);
        v += n + blanks;
        if (blanks > 0 && *v)
            sha256_update(h, 1, (const uint8_t *)" ");
    }
}

/* "name:value,value\n"; false: no such header came. */
static bool hash_header(struct sha256_ctx *h, const struct pz_http_request *req, struct slice name)
{
    bool found = false;

    sha256_update(h, name.n, (const uint8_t *)name.s);
    for (size_t i = 0; i < req->n_headers; i++) {
        const struct pz_header *one = &req->header[i];

        if (strlen(one->name) != name.n || strncasecmp(one->name, name.s, name.n) != 0)
            continue;
        sha256_update(h, 1, (const uint8_t *)(found ? "," : ":"));
        hash_value(h, one->value);
        found = true;
    }
    sha256_update(h, 1, (const uint8_t *)"\n");
    return found;
}

static void hash_text(struct sha256_ctx *h, const char *text)
{
    sha256_update(h, strlen(text), (const uint8_t *)text);
}

/* The hash of the canonical request as 64 digits; false: a signed header is not there. */
static bool canonical(const struct pz_http_request *req, struct slice list, const char *body_digest,
                      char out[65])
{
    /* As it came on the line. Clients sort and escape the query before they sign, and Personalize's
     * requests have none. */
    const char *query = strchr(req->path, '?');
    struct sha256_ctx h;
    uint8_t raw[SHA256_DIGEST_SIZE];
    struct slice rest = list;
    int n_signed = 0;

    sha256_init(&h);
    hash_text(&h, req->method);
    hash_text(&h, "\n");
    sha256_update(&h, query ? (size_t)(query - req->path) : strlen(req->path),
                  (const uint8_t *)req->path);
    hash_text(&h, "\n");
    hash_text(&h, query ? query + 1 : "");
    hash_text(&h, "\n");
    while (rest.n > 0)
        /* More than any client signs; each costs a walk over all headers. */
        if (++n_signed > SIGNED_MAX || !hash_header(&h, req, cut(&rest, ';')))
            return false;
    hash_text(&h, "\n");
    sha256_update(&h, list.n, (const uint8_t *)list.s);
    hash_text(&h, "\n");
    hash_text(&h, body_digest);
    sha256_digest(&h, sizeof raw, raw);
    *pz_put_hex_bytes(out, raw, sizeof raw) = '\0';
    return true;
}

/* ---- the signature ---- */

/* The last key that this thread derived. */
struct derived {
    char secret[257], region[REGION_MAX + 1], date[DATE];
    uint8_t key[SHA256_DIGEST_SIZE];
};

static const uint8_t *derive(const char *secret, const struct claim *c)
{
    static _Thread_local struct derived last;
    uint8_t start[4 + 257] = "AWS4";
    size_t n = strlen(secret);

    /* Comparing takes a time that depends on the secret, but of the thread's own two: no request
     * can learn from it. */
    if (strcmp(last.secret, secret) == 0 && equals(c->region, last.region) &&
        memcmp(c->date.s, last.date, DATE) == 0)
        return last.key;
    memcpy(start + 4, secret, n);
    sign(start, 4 + n, c->date.s, DATE, last.key);
    sign(last.key, sizeof last.key, c->region.s, c->region.n, last.key);
    sign(last.key, sizeof last.key, service, strlen(service), last.key);
    sign(last.key, sizeof last.key, terminator, strlen(terminator), last.key);
    memcpy(last.secret, secret, n + 1);
    memcpy(last.region, c->region.s, c->region.n);
    last.region[c->region.n] = '\0';
    memcpy(last.date, c->date.s, DATE);
    return last.key;
}

static bool read_hex(struct slice s, uint8_t *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (v < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return true;
}

/* Whether the signature is that of the string to sign: four lines. */
static bool matches(const struct claim *c, const char *secret, const char *request_digest)
{
    const struct slice line[] = { { algorithm, strlen(algorithm) },
                                  { c->stamp, STAMP },
                                  c->scope,
                                  { request_digest, strlen(request_digest) } };
    uint8_t ours[SHA256_DIGEST_SIZE], theirs[SHA256_DIGEST_SIZE];
    struct hmac_sha256_ctx h;

    if (!read_hex(c->signature, theirs))
        return false;
    hmac_sha256_set_key(&h, SHA256_DIGEST_SIZE, derive(secret, c));
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
        hmac_sha256_update(&h, i > 0, (const uint8_t *)"\n");
        hmac_sha256_update(&h, line[i].n, (const uint8_t *)line[i].s);
    }
    hmac_sha256_digest(&h, sizeof ours, ours);
    return memeql_sec(ours, theirs, sizeof ours);
}

/* ---- the whole ---- */

static enum pz_fault fault(enum pz_fault f, struct pz_err *err, const char *text)
{
    pz_err_set(err, PZ_USAGE, "%s", text);
    return f;
}

static enum pz_fault read_request(const struct pz_http_request *req, struct claim *c,
                                  struct pz_err *err)
{
    size_t n_authorization = 0;
    const char *authorization = pz_http_header(req, "authorization");

    for (size_t i = 0; i < req->n_headers; i++)
        n_authorization += strcasecmp(req->header[i].name, "authorization") == 0;
    if (n_authorization == 0)
        return fault(PZ_FAULT_NO_SIGNATURE, err, "The request is not signed");
    c->stamp = pz_http_header(req, "x-amz-date");
    if (!authorization || !read_claim(authorization, c) || !c->stamp || strlen(c->stamp) != STAMP ||
        memcmp(c->stamp, c->date.s, DATE) != 0)
        return fault(
            PZ_FAULT_INCOMPLETE_SIGNATURE, err,
            "Authorization or X-Amz-Date is not as AWS4-HMAC-SHA256 has it, or not for the "
            "service personalize");
    if (!signs_enough(req, c->signed_headers))
        return fault(PZ_FAULT_INCOMPLETE_SIGNATURE, err,
                     "Host and all X-Amz- headers must be signed");
    return PZ_FAULT_NONE;
}

static enum pz_fault check_time(const struct claim *c, int64_t now, struct pz_err *err)
{
    int64_t then;

    if (!read_stamp(c->stamp, &then))
        return fault(PZ_FAULT_INCOMPLETE_SIGNATURE, err, "X-Amz-Date is no time");
    if (then < now - SKEW_S || then > now + SKEW_S)
        return fault(PZ_FAULT_BAD_SIGNATURE, err,
                     "Signature expired: X-Amz-Date is more than five minutes off");
    return PZ_FAULT_NONE;
}

/* A key with a session token is good only with it, and one without only without. */
static bool token_fits(const struct pz_http_request *req, const struct pz_key *key)
{
    const char *token = pz_http_header(req, "x-amz-security-token");

    if (!key->token || !token)
        return !key->token && !token;
    /* The length of a token is no secret. */
    return strlen(token) == strlen(key->token) && memeql_sec(token, key->token, strlen(token));
}

enum pz_fault pz_sigv4_verify(const struct pz_http_request *req, const struct pz_credentials *keys,
                              int64_t now, const struct pz_key **key, struct pz_err *err)
{
    const char *claimed = pz_http_header(req, "x-amz-content-sha256");
    char body[65], request[65];
    struct claim c = { .stamp = NULL };
    const struct pz_key *found;
    enum pz_fault f = read_request(req, &c, err);

    *key = NULL;
    if (f == PZ_FAULT_NONE)
        f = check_time(&c, now, err);
    if (f != PZ_FAULT_NONE)
        return f;
    found = pz_credentials_find(keys, c.id.s, c.id.n);
    /* One answer for an unknown key and a wrong token: it does not tell which ids there are. */
    if (!found || !token_fits(req, found))
        return fault(PZ_FAULT_UNKNOWN_KEY, err,
                     "The security token included in the request is invalid");
    pz_sigv4_digest(req->body, req->n_body, body);
    if ((claimed && strcmp(claimed, body) != 0) ||
        !canonical(req, c.signed_headers, body, request) || !matches(&c, found->secret, request))
        return fault(PZ_FAULT_BAD_SIGNATURE, err,
                     "The request signature we calculated does not match the signature you "
                     "provided");
    *key = found;
    return PZ_FAULT_NONE;
}
