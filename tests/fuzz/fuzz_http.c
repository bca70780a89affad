/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzing of what a request holds: its headers through the check of signatures, its body through
 * JSON, the limits of every operation, and what they mean. Input: a request as in
 * tests/data/wire/, lines and a body. */
#include <stdlib.h>
#include <string.h>

#include "live/put.h"
#include "serve/net/sigv4.h"
#include "serve/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pz_key key = { .id = (char *)"AKIDEXAMPLE",
                             .secret = (char *)"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                             .rights = 3 };
static const struct pz_credentials keys = { .key = &key, .n = 1 };

/* The next line of *text, cut off; NULL: none is left. */
static char *next_line(char **text)
{
    char *line = *text, *end = line ? strchr(line, '\n') : NULL;

    if (!line)
        return NULL;
    *text = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    line[strcspn(line, "\r")] = '\0';
    return line;
}

static void check_signature(struct pz_http_request *req, struct pz_header *header, char **text)
{
    const struct pz_key *who;
    struct pz_err err;

    for (char *line = next_line(text); line && *line; line = next_line(text)) {
        char *colon = strchr(line, ':');

        if (!colon || req->n_headers == 64)
            continue;
        *colon = '\0';
        header[req->n_headers++] = (struct pz_header){ line, colon + 1 + (colon[1] == ' ') };
    }
    req->header = header;
    req->body = *text ? *text : "";
    req->n_body = strlen(req->body);
    pz_sigv4_verify(req, &keys, 1795474110, &who, &err);
}

static void read_body(const char *body)
{
    struct pz_arena arena = { NULL };
    struct pz_wire_query q;
    struct pz_event *event;
    struct pz_live_row *row;
    struct pz_err err;
    json_t *doc = NULL;
    size_t n;

    if (pz_shape_parse(body, strlen(body), &doc, &err) != PZ_OK)
        return;
    for (int op = 0; op < PZ_OP_CONTROL; op++) {
        if (pz_shape_check(pz_wire_operations[op].shape, doc, &err) != PZ_OK)
            continue;
        if (op <= PZ_OP_GET_PERSONALIZED_RANKING)
            pz_wire_query_read(doc, (enum pz_operation)op, &arena, &q, &err);
        else if (op == PZ_OP_PUT_EVENTS)
            pz_put_event_list(doc, NULL, &arena, &event, &n, &err);
        else if (op == PZ_OP_PUT_ITEMS || op == PZ_OP_PUT_USERS)
            pz_put_row_list(doc, op == PZ_OP_PUT_ITEMS ? PZ_LIVE_ITEMS : PZ_LIVE_USERS, NULL,
                            &arena, &row, &n, &err);
    }
    json_decref(doc);
    pz_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pz_header header[64];
    struct pz_http_request req = { .method = "POST" };
    char *copy = malloc(size + 1), *text = copy, *line;

    if (!copy)
        return 0;
    memcpy(copy, data, size);
    copy[size] = '\0';
    line = next_line(&text);
    req.path = line ? line : "";
    check_signature(&req, header, &text);
    read_body(req.body);
    free(copy);
    return 0;
}
