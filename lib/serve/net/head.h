/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in front of a request's body, and a body that comes in chunks: HTTP/1.1 by RFC 9112,
 * where that lets a recipient be lenient the strict way.
 *
 * Calling sequence: pz_head_end as bytes come, until it finds one; pz_head_read, once; then, as
 * .chunked says, .length bytes follow or pz_chunks_read says when it is all.
 *
 * Threads: any, each with its own */
#ifndef PZ_SERVE_NET_HEAD_H
#define PZ_SERVE_NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "serve/net/fault.h"

enum {
    PZ_HEADERS_MAX = 64,
    PZ_HEADERS_BYTES = 16384, /* of all names and values */
    PZ_HEAD_BYTES = 32768     /* of the whole: what is longer has no end */
};

struct pz_header {
    const char *name, *value;
};

struct pz_head {
    const char *method, *path; /* NULL: not read because of a fault before */
    struct pz_header header[PZ_HEADERS_MAX];
    size_t n_headers;
    size_t length;   /* of the body */
    bool chunked;    /* then .length is 0 */
    bool keep_alive; /* the connection is for more requests */
    bool old;        /* HTTP/1.0 */
    bool expects;    /* "100 Continue" before the body is sent */
    enum pz_fault fault;
    const char *problem; /* of a fault: a sentence */
};

/* How many bytes the head has, blank line included; 0: its end has not come.
 *
 * known  how many of the n bytes were looked at before */
size_t pz_head_end(const char *bytes, size_t n, size_t known);

/* Read a whole head of n bytes in place: texts end with NUL and borrow from it. What is wrong, or
 * could be read in two ways, is out->fault; nothing of the rest may be trusted then.
 *
 * max_body  longer bodies are a fault */
void pz_head_read(char *bytes, size_t n, size_t max_body, struct pz_head *out);

/* Where a body in chunks stands; all-zero at first. */
struct pz_chunks {
    size_t whole; /* bytes of the body in front, without what was around chunks */
    size_t left;  /* of the chunk that is being read */
    enum { PZ_CHUNK_SIZE, PZ_CHUNK_DATA, PZ_CHUNK_END, PZ_CHUNK_TRAILER, PZ_CHUNK_DONE } state;
};

/* Take chunks out of what came: the body's bytes move to the front of bytes[*n], what is not read
 * yet follows them, and *n becomes less. False: these are no chunks, or more than max_body. */
bool pz_chunks_read(struct pz_chunks *c, char *bytes, size_t *n, size_t max_body);

#endif
