/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its response: see http.h for what others see of it. Texts of the request live in
 * the exchange's arena; the response's head is written by hand, as every request has one. */
#include "serve/net/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/json.h"
#include "base/number.h"
#include "base/time.h"

const char *const pz_phase_names[PZ_N_PHASES] = { "wait",  "parse", "gather", "filter",
                                                  "score", "write", "fsync" };

/* ---- requests ---- */

const char *pz_http_header(const struct pz_http_request *req, const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; i < req->n_headers; i++)
        if (strcasecmp(req->header[i].name, name) == 0) {
            /* A header that stands twice can be read in two ways: it counts as none. */
            if (found)
                return NULL;
            found = req->header[i].value;
        }
    return found;
}

/* A random UUID; each thread draws from a sequence of its own (splitmix64). */
static void make_id(char out[37])
{
    static _Thread_local uint64_t state;
    uint64_t half[2];

    if (state == 0 && getrandom(&state, sizeof state, 0) != (ssize_t)sizeof state)
        state = (uint64_t)(pz_time_clock() * 1e9) ^ (uint64_t)(uintptr_t)&state;
    for (int i = 0; i < 2; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        half[i] = z ^ z >> 31;
    }
    half[0] = (half[0] & ~(uint64_t)0xf000) | 0x4000;                 /* version 4: random */
    half[1] = (half[1] & ~((uint64_t)3 << 62)) | ((uint64_t)1 << 63); /* RFC 9562's variant */
    for (size_t i = 0; i < 5; i++) {
        static const uint8_t digits[] = { 8, 4, 4, 4, 12 }, behind[] = { 32, 16, 0, 48, 0 };

        out = pz_put_hex(out, half[i / 3] >> behind[i], digits[i]);
        *out++ = i < 4 ? '-' : '\0';
    }
}

struct pz_exchange *pz_exchange_new(const char *head, size_t n, size_t max_body)
{
    struct whole {
        struct pz_exchange x;
        struct pz_http_exchange http;
    } *whole = calloc(1, sizeof *whole);
    struct pz_exchange *x = whole ? &whole->x : NULL;
    char *text = x && head ? pz_arena_strndup(&x->arena, head, n) : NULL;

    if (!x || (head && !text)) {
        free(x);
        return NULL;
    }
    x->http = &whole->http;
    make_id(x->request_id);
    x->req.body = "";
    if (text) {
        pz_head_read(text, n, max_body, &x->http->head);
    } else {
        x->http->head.fault = PZ_FAULT_HEADERS_TOO_LARGE;
        x->http->head.problem = "more than 64 headers, or more than 16 kB of them";
    }
    x->req.method = x->http->head.method;
    x->req.path = x->http->head.path;
    x->req.header = x->http->head.header;
    x->req.n_headers = x->http->head.n_headers;
    return x;
}

void pz_exchange_free(struct pz_exchange *x)
{
    if (!x)
        return;
    pz_str_clear(&x->http->out);
    pz_str_clear(&x->resp.body);
    pz_arena_clear(&x->arena);
    free(x);
}

/* ---- responses ---- */

void pz_http_fail(struct pz_exchange *x, enum pz_fault fault, const char *fmt, ...)
{
    char text[1200];
    va_list args;
    struct pz_str *b = &x->resp.body;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    x->resp.fault = fault;
    x->resp.status = pz_fault_status(fault);
    /* Whatever had been filled in before is replaced by the fault. */
    x->resp.fixed = NULL;
    x->resp.content_type = NULL;
    pz_str_reset(b);
    pz_str_adds(b, "{\"__type\":\"");
    pz_str_adds(b, pz_fault_name(fault));
    pz_str_adds(b, "\",\"message\":");
    pz_json_add_string(b, text, strlen(text));
    pz_str_addc(b, '}');
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } known[] = { { 200, "OK" },
                  { 204, "No Content" },
                  { 400, "Bad Request" },
                  { 403, "Forbidden" },
                  { 404, "Not Found" },
                  { 405, "Method Not Allowed" },
                  { 409, "Conflict" },
                  { 413, "Content Too Large" },
                  { 429, "Too Many Requests" },
                  { 431, "Request Header Fields Too Large" },
                  { 500, "Internal Server Error" },
                  { 503, "Service Unavailable" } };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].reason;
    return "Other";
}

/* "Mon, 23 Nov 2026 23:04:15 GMT", made once a second by each thread. */
static const char *date(void)
{
    static _Thread_local char text[40];
    static _Thread_local time_t made;
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;

    if (now == made)
        return text;
    made = now;
    gmtime_r(&now, &tm);
    /* Not strftime, whose names are those of the locale. */
    snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + 3 * (size_t)tm.tm_wday, tm.tm_mday, months + 3 * (size_t)tm.tm_mon,
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return text;
}

static void add_header(struct pz_str *out, const char *name, const char *value)
{
    if (!value)
        return;
    pz_str_adds(out, name);
    pz_str_adds(out, ": ");
    pz_str_adds(out, value);
    pz_str_adds(out, "\r\n");
}

static void add_cors(struct pz_str *out, const struct pz_http_response *resp)
{
    if (!resp->allow_origin)
        return;
    add_header(out, "Access-Control-Allow-Origin", resp->allow_origin);
    add_header(out, "Vary", "Origin");
    add_header(out, "Access-Control-Expose-Headers", "x-amzn-RequestId, x-amzn-ErrorType, Date");
    if (!resp->preflight)
        return;
    add_header(out, "Access-Control-Allow-Methods", "POST");
    add_header(out, "Access-Control-Allow-Headers",
               "amz-sdk-invocation-id, amz-sdk-request, authorization, content-type, "
               "x-amz-content-sha256, x-amz-date, x-amz-security-token, x-amz-target, "
               "x-amz-user-agent");
    add_header(out, "Access-Control-Max-Age", "86400");
}

/* Bytes of the body that the response speaks of, also where HEAD gets none of them. */
static size_t body_bytes(const struct pz_http_response *resp)
{
    return resp->fixed ? resp->n_fixed : resp->body.len;
}

bool pz_exchange_write_head(struct pz_exchange *x)
{
    const struct pz_http_response *resp = &x->resp;
    struct pz_str *out = &x->http->out;

    pz_str_reset(out);
    pz_str_adds(out, "HTTP/1.1 ");
    pz_str_add_count(out, (uint64_t)resp->status, 3);
    pz_str_addc(out, ' ');
    pz_str_adds(out, reason_of(resp->status));
    pz_str_adds(out, "\r\n");
    add_header(out, "Date", date());
    if (resp->status != 204) {
        pz_str_adds(out, "Content-Length: ");
        pz_str_add_count(out, body_bytes(resp), 1);
        pz_str_adds(out, "\r\n");
        add_header(out, "Content-Type",
                   resp->content_type ? resp->content_type : "application/json");
    }
    add_header(out, "x-amzn-RequestId", x->request_id);
    add_header(out, "x-amzn-ErrorType", pz_fault_name(resp->fault));
    if (resp->retry_after_s > 0) {
        pz_str_adds(out, "Retry-After: ");
        pz_str_add_count(out, resp->retry_after_s < 1 ? 1 : (uint64_t)(resp->retry_after_s + .5),
                         1);
        pz_str_adds(out, "\r\n");
    }
    add_header(out, "X-Content-Type-Options", "nosniff");
    add_header(out, "Content-Security-Policy", resp->policy);
    add_cors(out, resp);
    if (resp->close)
        add_header(out, "Connection", "close");
    else if (x->http->head.old)
        add_header(out, "Connection", "keep-alive");
    pz_str_adds(out, "\r\n");
    return !out->failed;
}

const char *pz_exchange_body(const struct pz_exchange *x, size_t *n)
{
    bool none = x->resp.status == 204 || (x->req.method && strcmp(x->req.method, "HEAD") == 0);

    *n = none ? 0 : body_bytes(&x->resp);
    return x->resp.fixed ? x->resp.fixed : x->resp.body.data ? x->resp.body.data : "";
}
