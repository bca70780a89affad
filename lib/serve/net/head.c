/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests: see head.h.
 *
 * Two servers that read one stream of bytes in two ways let a client pass a request through the
 * first that the second takes for somebody else's (request smuggling). So everything of which RFC
 * 9112 says "may" is refused here: lines that end with LF alone, blanks before a colon, headers
 * that go on in the next line, two lengths, a length and chunks, codings but "chunked", no host or
 * two. What comes through has one reading. */
#include "serve/net/head.h"

#include <string.h>
#include <strings.h>

enum { CHUNK_LINE = 256, SIZE_DIGITS = 7 /* 256 MB, far more than any body may have */ };

size_t pz_head_end(const char *bytes, size_t n, size_t known)
{
    const char *end = bytes + n, *at = bytes + (known > 3 ? known - 3 : 0);

    /* Also behind lines that end with LF alone: pz_head_read then says what is wrong. */
    for (; (at = memchr(at, '\n', (size_t)(end - at))); at++) {
        size_t next = (size_t)(at - bytes) + 1;

        if (next < n && bytes[next] == '\n')
            return next + 1;
        if (next + 1 < n && bytes[next] == '\r' && bytes[next + 1] == '\n')
            return next + 2;
    }
    return 0;
}

static void refuse(struct pz_head *h, enum pz_fault fault, const char *problem)
{
    if (h->fault == PZ_FAULT_NONE) {
        h->fault = fault;
        h->problem = problem;
    }
}

/* RFC 9110's tchar: what methods and names of headers are made of. */
static bool is_token(const char *s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (const char *c = s; *c; c++) {
        bool letter = (*c | 32) >= 'a' && (*c | 32) <= 'z', digit = *c >= '0' && *c <= '9';

        if (!letter && !digit && !strchr(marks, *c))
            return false;
    }
    return *s != '\0';
}

/* Cut the next line off: NUL in place of its CRLF. NULL: it does not end so. */
static char *cut_line(char **rest, char *end)
{
    char *line = *rest, *lf = memchr(line, '\n', (size_t)(end - line));

    if (!lf || lf == line || lf[-1] != '\r')
        return NULL;
    lf[-1] = '\0';
    *rest = lf + 1;
    /* A NUL or CR inside would end the text early for one reader and not for another. */
    return strlen(line) == (size_t)(lf - 1 - line) && !strchr(line, '\r') ? line : NULL;
}

static void read_request_line(char *line, struct pz_head *h)
{
    char *path = strchr(line, ' '), *version = path ? strchr(path + 1, ' ') : NULL;

    if (!version) {
        refuse(h, PZ_FAULT_BAD_REQUEST, "a request begins with METHOD PATH HTTP/1.1");
        return;
    }
    *path++ = '\0';
    *version++ = '\0';
    h->method = line;
    h->path = path;
    h->old = strcmp(version, "HTTP/1.0") == 0;
    h->keep_alive = !h->old;
    if (!h->old && strcmp(version, "HTTP/1.1") != 0)
        refuse(h, PZ_FAULT_BAD_REQUEST, "HTTP/1.1 is spoken here");
    if (!is_token(line) || !*path)
        refuse(h, PZ_FAULT_BAD_REQUEST, "a request begins with METHOD PATH HTTP/1.1");
    for (const unsigned char *c = (const unsigned char *)path; *c; c++)
        if (*c <= 32 || *c >= 127)
            refuse(h, PZ_FAULT_BAD_REQUEST, "a path has printable characters of ASCII only");
}

/* The bytes of names and values of the header in a line, kept where there is room. */
static size_t take_header(char *line, struct pz_head *h)
{
    char *value = strchr(line, ':'), *end;

    if (value)
        *value++ = '\0';
    if (!value || !is_token(line)) {
        refuse(h, PZ_FAULT_BAD_REQUEST, "a header is NAME: VALUE, without a blank in the name");
        return 0;
    }
    value += strspn(value, " \t");
    for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
        *--end = '\0';
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        if ((*c < 32 && *c != '\t') || *c == 127)
            refuse(h, PZ_FAULT_BAD_REQUEST, "a header's value has a control character");
    if (h->n_headers < PZ_HEADERS_MAX)
        h->header[h->n_headers++] = (struct pz_header){ line, value };
    else
        refuse(h, PZ_FAULT_HEADERS_TOO_LARGE, "more than 64 headers, or more than 16 kB of them");
    return strlen(line) + (size_t)(end - value);
}

/* A length of the body: digits only. */
static void read_length(const char *value, size_t max_body, struct pz_head *h)
{
    size_t n = 0;

    for (const char *c = value; *c && n <= max_body; c++) {
        if (*c < '0' || *c > '9')
            break;
        n = n * 10 + (size_t)(*c - '0');
    }
    if (!*value || value[strspn(value, "0123456789")])
        refuse(h, PZ_FAULT_BAD_REQUEST, "Content-Length is no number");
    if (n > max_body)
        refuse(h, PZ_FAULT_TOO_LARGE, "the body is larger than a request can be");
    h->length = n;
}

/* Whether a list between commas has a word. */
static bool lists(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (*list) {
        size_t len;

        list += strspn(list, " \t,");
        len = strcspn(list, " \t,");
        if (len == n && strncasecmp(list, word, n) == 0)
            return true;
        list += len;
    }
    return false;
}

/* What the headers mean for the frame. */
static void read_frame(struct pz_head *h, size_t max_body)
{
    unsigned hosts = 0, lengths = 0, codings = 0;

    for (size_t i = 0; i < h->n_headers; i++) {
        const char *name = h->header[i].name, *value = h->header[i].value;

        if (strcasecmp(name, "host") == 0) {
            hosts++;
        } else if (strcasecmp(name, "content-length") == 0) {
            lengths++;
            read_length(value, max_body, h);
        } else if (strcasecmp(name, "transfer-encoding") == 0) {
            codings++;
            h->chunked = true;
            if (strcasecmp(value, "chunked") != 0 || h->old)
                refuse(h, PZ_FAULT_BAD_REQUEST, "the one Transfer-Encoding known is chunked");
        } else if (strcasecmp(name, "connection") == 0) {
            h->keep_alive = (h->keep_alive || lists(value, "keep-alive")) && !lists(value, "close");
        } else if (strcasecmp(name, "expect") == 0) {
            h->expects = strcasecmp(value, "100-continue") == 0 && !h->old;
        }
    }
    if (lengths + codings > 1)
        refuse(h, PZ_FAULT_BAD_REQUEST,
               "Content-Length and Transfer-Encoding stand more than once");
    if (hosts > 1 || (hosts == 0 && !h->old))
        refuse(h, PZ_FAULT_BAD_REQUEST, "one Host header is needed");
}

void pz_head_read(char *bytes, size_t n, size_t max_body, struct pz_head *h)
{
    char *rest = bytes, *end = bytes + n, *line = cut_line(&rest, end);
    size_t header_bytes = 0;

    h->method = h->path = h->problem = NULL;
    h->n_headers = h->length = 0;
    h->chunked = h->keep_alive = h->old = h->expects = false;
    h->fault = PZ_FAULT_NONE;
    if (line)
        read_request_line(line, h);
    while (line && (line = cut_line(&rest, end)) && *line)
        header_bytes += take_header(line, h);
    if (!line)
        refuse(h, PZ_FAULT_BAD_REQUEST, "each line of a head ends with CR LF, and has no other");
    if (header_bytes > PZ_HEADERS_BYTES)
        refuse(h, PZ_FAULT_HEADERS_TOO_LARGE, "more than 64 headers, or more than 16 kB of them");
    read_frame(h, max_body);
}

/* ---- chunks ---- */

/* The size in the line before a chunk; what may stand behind a semicolon means nothing here. */
static bool read_size(const char *line, size_t n, size_t *size)
{
    size_t i = 0;

    *size = 0;
    for (; i < n && i < SIZE_DIGITS; i++) {
        char c = line[i], low = (char)(c | 32);
        int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;

        if (digit < 0)
            break;
        *size = *size * 16 + (size_t)digit;
    }
    return i > 0 && (i == n || line[i] == ';');
}

/* What a line around chunks says; n bytes without its end. */
static bool take_line(struct pz_chunks *c, const char *line, size_t n, size_t max_body)
{
    switch (c->state) {
    case PZ_CHUNK_SIZE:
        c->state = PZ_CHUNK_DATA;
        if (!read_size(line, n, &c->left) || c->left > max_body - c->whole)
            return false;
        if (c->left == 0)
            c->state = PZ_CHUNK_TRAILER;
        return true;
    case PZ_CHUNK_END:
        c->state = PZ_CHUNK_SIZE;
        return n == 0;
    default: /* trailers are passed over, until a line has nothing */
        if (n == 0)
            c->state = PZ_CHUNK_DONE;
        return true;
    }
}

bool pz_chunks_read(struct pz_chunks *c, char *bytes, size_t *n, size_t max_body)
{
    size_t at = c->whole, end = *n;
    bool good = true;

    while (good && c->state != PZ_CHUNK_DONE && at < end) {
        char *from = bytes + at, *lf;

        if (c->state == PZ_CHUNK_DATA) {
            size_t take = c->left < end - at ? c->left : end - at;

            memmove(bytes + c->whole, from, take);
            c->whole += take;
            c->left -= take;
            at += take;
            if (c->left == 0)
                c->state = PZ_CHUNK_END;
            continue;
        }
        lf = memchr(from, '\n', end - at);
        if (!lf) {
            good = end - at < CHUNK_LINE;
            break;
        }
        good = lf > from && lf[-1] == '\r' && lf - from < CHUNK_LINE &&
               take_line(c, from, (size_t)(lf - from) - 1, max_body);
        at += (size_t)(lf - from) + 1;
    }
    memmove(bytes + c->whole, bytes + at, end - at);
    *n = c->whole + end - at;
    return good;
}
