/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests and bodies in chunks: what is read, what is refused, and that it does not
 * matter in which pieces bytes come. */
#include "serve/net/head.h"

#include "tests/unit/unit.h"

enum { BODY_MAX = 1000 };

static char text[PZ_HEAD_BYTES];
static struct pz_head head;

static enum pz_fault read_head(const char *bytes)
{
    size_t n = strlen(bytes);

    assert_true(n < sizeof text);
    memcpy(text, bytes, n);
    assert_int_equal(pz_head_end(bytes, n, 0), n);
    pz_head_read(text, n, BODY_MAX, &head);
    assert_true((head.fault == PZ_FAULT_NONE) == (head.problem == NULL));
    return head.fault;
}

/* The same with one header behind Host. */
static enum pz_fault read_with(const char *header)
{
    char bytes[1000];

    snprintf(bytes, sizeof bytes, "POST /events HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", header);
    return read_head(bytes);
}

TEST(a_head_is_read_as_it_stands)
{
    assert_int_equal(read_head("POST /a?b HTTP/1.1\r\nHost: a:1\r\nX-One:\t two  three \r\nY:\r\n"
                               "content-length: 12\r\n\r\n"),
                     PZ_FAULT_NONE);
    assert_string_equal(head.method, "POST");
    assert_string_equal(head.path, "/a?b");
    assert_int_equal(head.n_headers, 4);
    assert_string_equal(head.header[1].name, "X-One");
    assert_string_equal(head.header[1].value, "two  three");
    assert_string_equal(head.header[2].value, "");
    assert_int_equal(head.length, 12);
    assert_true(head.keep_alive && !head.chunked && !head.old && !head.expects);
}

TEST(the_end_is_found_in_whatever_pieces_it_comes)
{
    const char bytes[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore\r\n\r\n";
    size_t n = strlen("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    for (size_t first = 0; first < n; first++) {
        assert_int_equal(pz_head_end(bytes, first, 0), 0);
        for (size_t then = first; then < n; then++)
            assert_int_equal(pz_head_end(bytes, then, first), 0);
        assert_int_equal(pz_head_end(bytes, sizeof bytes - 1, first), n);
    }
}

TEST(connections_are_kept_as_version_and_headers_say)
{
    read_with("Connection: close");
    assert_false(head.keep_alive);
    read_with("Connection: x, CLOSE");
    assert_false(head.keep_alive);
    read_head("GET / HTTP/1.0\r\n\r\n");
    assert_true(head.fault == PZ_FAULT_NONE && head.old && !head.keep_alive);
    read_head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_true(head.keep_alive);
}

TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const char *const bad[] = {
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Content-Length: +2",
        "Content-Length: -2",
        "Content-Length: 0x2",
        "Content-Length: 2, 2",
        "Content-Length:",
        "Content-Length : 2",
        " Content-Length: 2",
        "X: a\r\n folded: b",
        "X: a\nContent-Length: 2",
        "X: a\rContent-Length: 2",
        "X\x01: a",
        "X\x80: a",
        "X: a\x01",
        "X: a\x7f",
        ": a",
        "no colon",
        "Host: b",
        "host: a",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_with(bad[i]) != PZ_FAULT_BAD_REQUEST)
            fail_msg("taken: %s", bad[i]);
}

TEST(a_request_line_has_three_parts_of_plain_ascii)
{
    static const char *const bad[] = {
        "GET /\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_head(bad[i]) != PZ_FAULT_BAD_REQUEST)
            fail_msg("taken: %s", bad[i]);
}

TEST(a_nul_byte_ends_no_text_early)
{
    char bytes[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a?b\r\n\r\n";

    *strchr(bytes, '?') = '\0';
    pz_head_read(bytes, sizeof bytes - 1, BODY_MAX, &head);
    assert_int_equal(head.fault, PZ_FAULT_BAD_REQUEST);
}

TEST(sixty_four_headers_of_sixteen_kilobytes_are_the_most)
{
    char bytes[PZ_HEAD_BYTES];

    for (int n = 64; n <= 65; n++) {
        size_t at = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\nHost: a\r\n");

        for (int i = 1; i < n; i++)
            at += (size_t)sprintf(bytes + at, "X%d: a\r\n", i);
        sprintf(bytes + at, "\r\n");
        assert_int_equal(read_head(bytes), n > 64 ? PZ_FAULT_HEADERS_TOO_LARGE : PZ_FAULT_NONE);
    }
    /* "Host" and "a" are 5 of the bytes, "X" another. */
    for (int n = PZ_HEADERS_BYTES - 6; n <= PZ_HEADERS_BYTES - 5; n++) {
        snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n", n, 0);
        assert_int_equal(read_head(bytes),
                         n > PZ_HEADERS_BYTES - 6 ? PZ_FAULT_HEADERS_TOO_LARGE : PZ_FAULT_NONE);
    }
}

TEST(a_body_has_a_most)
{
    assert_int_equal(read_with("Content-Length: 1000"), PZ_FAULT_NONE);
    assert_int_equal(read_with("Content-Length: 1001"), PZ_FAULT_TOO_LARGE);
    assert_int_equal(read_with("Content-Length: 99999999999999999999999999"), PZ_FAULT_TOO_LARGE);
}

/* Read chunks that come in pieces of that many bytes; what is behind them goes to rest. False: they
 * are refused. */
static bool read_chunks(const char *bytes, size_t piece, char *body, char *rest)
{
    struct pz_chunks c = { 0 };
    char in[4000];
    size_t n = 0, len = strlen(bytes);

    for (size_t at = 0; at < len && c.state != PZ_CHUNK_DONE; at += piece) {
        size_t take = len - at < piece ? len - at : piece;

        memcpy(in + n, bytes + at, take);
        n += take;
        if (!pz_chunks_read(&c, in, &n, BODY_MAX))
            return false;
    }
    snprintf(body, 2000, "%.*s", (int)c.whole, in);
    snprintf(rest, 2000, "%.*s", (int)(n - c.whole), in + c.whole);
    return c.state == PZ_CHUNK_DONE;
}

TEST(chunks_are_one_body_in_whatever_pieces_they_come)
{
    const char bytes[] = "3;x=y\r\nabc\r\nA\r\n0123456789\r\n1\r\nd\r\n0\r\nTrailer: x\r\n\r\n";
    char body[2000], rest[2000];

    for (size_t piece = 1; piece < sizeof bytes; piece++) {
        assert_true(read_chunks(bytes, piece, body, rest));
        assert_string_equal(body, "abc0123456789d");
        assert_string_equal(rest, "");
    }
    assert_true(read_chunks("1\r\na\r\n0\r\n\r\nGET /", 100, body, rest));
    assert_string_equal(body, "a");
    assert_string_equal(rest, "GET /");
}

TEST(chunks_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "x\r\n",    "\r\n",         "-1\r\n",  "1 \r\na\r\n",  "1\na\r\n",        "1\r\nab\r\n",
        "1\r\na\n", "ffffffff\r\n", "3e9\r\n", "0x1\r\na\r\n", "1\r\na1\r\nb\r\n"
    };
    char body[2000], rest[2000], line[400];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_chunks(bad[i], 1, body, rest) || read_chunks(bad[i], 100, body, rest))
            fail_msg("taken: %s", bad[i]);
    snprintf(line, sizeof line, "1;%0*d\r\na\r\n0\r\n\r\n", 300, 0);
    assert_false(read_chunks(line, 1000, body, rest));
    assert_true(read_chunks("3e8\r\n", 1, body, rest) == false); /* not done, not refused */
}
