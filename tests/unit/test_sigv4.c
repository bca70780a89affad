/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: requests captured from real clients verify; altered in any way they do not. */
#include <dirent.h>
#include <strings.h>
#include <time.h>

#include "base/file.h"
#include "serve/net/sigv4.h"

#include "tests/unit/unit.h"

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

struct capture {
    char *data;
    struct pz_header header[64];
    struct pz_http_request req;
    int64_t now;
};

static struct pz_key key = { .id = (char *)KEY_ID, .secret = (char *)SECRET, .rights = 3 };
static struct pz_credentials keys = { .key = &key, .n = 1 };

/* Split a captured request in place. */
static void parse(struct capture *c, size_t n)
{
    char *body = strstr(c->data, "\r\n\r\n"), *line = strstr(c->data, "\r\n");

    assert_non_null(body);
    c->req = (struct pz_http_request){ .method = c->data, .header = c->header };
    *strchr(c->data, ' ') = '\0';
    c->req.path = c->data + strlen(c->data) + 1;
    *strchr(c->req.path, ' ') = '\0';
    while (line < body) {
        char *name = line + 2, *end = strstr(name, "\r\n"), *colon = strchr(name, ':');

        *end = *colon = '\0';
        c->header[c->req.n_headers++] = (struct pz_header){ name, colon + 1 };
        line = end;
    }
    c->req.body = body + 4;
    c->req.n_body = n - (size_t)(body + 4 - c->data);
}

static int64_t stamp_of(const char *s)
{
    struct tm tm = { 0 };

    while (*s == ' ')
        s++;
    assert_int_equal(sscanf(s, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                            &tm.tm_hour, &tm.tm_min, &tm.tm_sec),
                     6);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return (int64_t)timegm(&tm);
}

/* HTTP servers hand over values without the blank behind the colon. */
static void trim_values(struct capture *c)
{
    for (size_t i = 0; i < c->req.n_headers; i++)
        while (*c->header[i].value == ' ')
            c->header[i].value++;
}

static struct capture *read_capture(const char *name)
{
    struct capture *c = calloc(1, sizeof *c);
    char path[300];
    size_t n;

    snprintf(path, sizeof path, "tests/data/wire/%s", name);
    assert_int_equal(pz_file_read(path, 1 << 20, &c->data, &n, NULL), PZ_OK);
    parse(c, n);
    trim_values(c);
    c->now = stamp_of(pz_http_header(&c->req, "x-amz-date"));
    return c;
}

static void free_capture(struct capture *c)
{
    free(c->data);
    free(c);
}

static enum pz_fault verify(const struct capture *c, int64_t now)
{
    const struct pz_key *who = NULL;
    struct pz_err err;
    enum pz_fault f = pz_sigv4_verify(&c->req, &keys, now, &who, &err);

    assert_true((f == PZ_FAULT_NONE) == (who == &key));
    return f;
}

static size_t for_each_capture(void (*fn)(struct capture *c))
{
    DIR *dir = opendir("tests/data/wire");
    struct dirent *e;
    size_t n = 0;

    assert_non_null(dir);
    while ((e = readdir(dir))) {
        struct capture *c;

        if (e->d_name[0] == '.')
            continue;
        c = read_capture(e->d_name);
        fn(c);
        free_capture(c);
        n++;
    }
    closedir(dir);
    return n;
}

static void expect_good(struct capture *c)
{
    assert_int_equal(verify(c, c->now), PZ_FAULT_NONE);
    assert_int_equal(verify(c, c->now + 299), PZ_FAULT_NONE);
}

TEST(requests_of_real_clients_verify)
{
    assert_int_equal(for_each_capture(expect_good), 13);
}

static void expect_window(struct capture *c)
{
    assert_int_equal(verify(c, c->now + 301), PZ_FAULT_BAD_SIGNATURE);
    assert_int_equal(verify(c, c->now - 301), PZ_FAULT_BAD_SIGNATURE);
}

TEST(a_request_is_good_for_five_minutes)
{
    for_each_capture(expect_window);
}

/* Whether SignedHeaders=a;b;c, holds a name. */
static bool is_listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = strchr(list, '=') + 1;; at++) {
        size_t len = strcspn(at, ";,");

        if (len == n && strncasecmp(at, name, n) == 0)
            return true;
        at += len;
        if (*at != ';')
            return false;
    }
}

/* One bit of every byte that is signed: the body, the path, the method, each signed header. */
static void expect_no_bit_to_matter_less(struct capture *c)
{
    const char *list = strstr(pz_http_header(&c->req, "authorization"), "SignedHeaders=");

    for (size_t i = 0; i < c->req.n_body; i += 7) {
        ((char *)(uintptr_t)c->req.body)[i] ^= 1;
        assert_int_equal(verify(c, c->now), PZ_FAULT_BAD_SIGNATURE);
        ((char *)(uintptr_t)c->req.body)[i] ^= 1;
    }
    ((char *)(uintptr_t)c->req.path)[3] ^= 1;
    assert_int_equal(verify(c, c->now), PZ_FAULT_BAD_SIGNATURE);
    ((char *)(uintptr_t)c->req.path)[3] ^= 1;
    for (size_t i = 0; i < c->req.n_headers; i++) {
        char *value = (char *)(uintptr_t)c->header[i].value;

        if (!is_listed(list, c->header[i].name) || !*value)
            continue;
        value[strlen(value) / 2] ^= 1;
        if (verify(c, c->now) == PZ_FAULT_NONE)
            fail_msg("%s: %s", c->header[i].name, value);
        value[strlen(value) / 2] ^= 1;
    }
    assert_int_equal(verify(c, c->now), PZ_FAULT_NONE);
}

TEST(nothing_that_is_signed_can_be_altered)
{
    for_each_capture(expect_no_bit_to_matter_less);
}

TEST(another_secret_or_key_is_refused)
{
    struct capture *c = read_capture("js-events.req");

    key.secret = (char *)"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEZ";
    assert_int_equal(verify(c, c->now), PZ_FAULT_BAD_SIGNATURE);
    key.secret = (char *)SECRET;
    key.id = (char *)"AKIDEXAMPLF";
    assert_int_equal(verify(c, c->now), PZ_FAULT_UNKNOWN_KEY);
    key.id = (char *)KEY_ID;
    key.token = (char *)"token";
    assert_int_equal(verify(c, c->now), PZ_FAULT_UNKNOWN_KEY);
    key.token = NULL;
    assert_int_equal(verify(c, c->now), PZ_FAULT_NONE);
    free_capture(c);
}

/* What is not signed must not be there where it would mean something. */
TEST(an_unsigned_token_or_target_is_refused)
{
    struct capture *c = read_capture("aws-cli-2.9.19-simple.req");
    size_t n = c->req.n_headers++;

    c->header[n] = (struct pz_header){ "X-Amz-Security-Token", "token" };
    assert_int_equal(verify(c, c->now), PZ_FAULT_INCOMPLETE_SIGNATURE);
    c->header[n] = (struct pz_header){ "x-amz-target", "AmazonPersonalize.ListCampaigns" };
    assert_int_equal(verify(c, c->now), PZ_FAULT_INCOMPLETE_SIGNATURE);
    c->header[n] = (struct pz_header){ "x-amz-content-sha256", "UNSIGNED-PAYLOAD" };
    assert_int_not_equal(verify(c, c->now), PZ_FAULT_NONE);
    c->header[n] = (struct pz_header){ "host", "another" };
    assert_int_equal(verify(c, c->now), PZ_FAULT_BAD_SIGNATURE);
    c->header[n] = (struct pz_header){ "amz-sdk-request", "attempt=2" };
    assert_int_equal(verify(c, c->now), PZ_FAULT_NONE);
    free_capture(c);
}

TEST(malformed_authorizations_are_refused)
{
    static const char *const bad[] = {
        "",
        "AWS4-HMAC-SHA256",
        "Bearer abc",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE",
        "AWS4-HMAC-SHA256 Credential=/20261123/us-east-1/personalize/aws4_request, "
        "SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, "
        "Signature=0cef909ae302fb579e23b7db3d7e65eed2f5e813fafe7eecd2ff9a00e4c28aa5",
        /* host itself must be signed, not a header whose name begins like it */
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/personalize/aws4_request, "
        "SignedHeaders=hosts;x-amz-date, "
        "Signature=0cef909ae302fb579e23b7db3d7e65eed2f5e813fafe7eecd2ff9a00e4c28aa5",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/personalize/aws4_request, "
        "SignedHeaders=host, "
        "Signature=0cef909ae302fb579e23b7db3d7e65eed2f5e813fafe7eecd2ff9a00e4c28aa5",
    };
    struct capture *c = read_capture("aws-cli-2.9.19-simple.req");
    size_t at = 0;

    while (strcasecmp(c->header[at].name, "authorization") != 0)
        at++;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        c->header[at].value = bad[i];
        assert_int_equal(verify(c, c->now), PZ_FAULT_INCOMPLETE_SIGNATURE);
    }
    c->header[at].name = "x-other";
    assert_int_equal(verify(c, c->now), PZ_FAULT_NO_SIGNATURE);
    free_capture(c);
}
