/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: see credentials.h. The file is read by hand: lines NAME = VALUE below [SECTION]
 * lines, comments by # and ;. A name that is not known is refused, since a misspelt `allow` would
 * open more than was meant. Error texts never hold a value.
 *
 * A file that others may read or write, or that belongs to another user than us or root, is
 * refused before it is read. Ids are unique, and each key has both id and secret; a key may read
 * and write all campaigns unless its section says less. Secrets are overwritten before their
 * memory is freed. */
#include "serve/net/credentials.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { FILE_MAX = 1 << 20 };

void pz_credentials_clear(struct pz_credentials *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->key[i].id);
        if (c->key[i].secret)
            explicit_bzero(c->key[i].secret, strlen(c->key[i].secret));
        free(c->key[i].secret);
        free(c->key[i].token);
        free(c->key[i].campaigns);
    }
    free(c->key);
    memset(c, 0, sizeof *c);
}

static enum pz_status check_mode(const char *path, struct pz_err *err)
{
    struct stat s;

    if (stat(path, &s) != 0)
        return pz_err_errno(err, PZ_NO_INPUT, errno, "%s", path);
    /* Of files only: a pipe or /dev/fd/N has no owner that could be asked. */
    if (S_ISREG(s.st_mode) && (s.st_mode & 077) != 0)
        return pz_err_set(err, PZ_BAD_DATA,
                          "%s: others may read or write it (mode %03o); chmod 600 %s", path,
                          (unsigned)(s.st_mode & 0777), path);
    if (S_ISREG(s.st_mode) && s.st_uid != geteuid() && s.st_uid != 0)
        return pz_err_set(err, PZ_BAD_DATA, "%s: belongs to another user", path);
    return PZ_OK;
}

/* "a, b" as " a b ". */
static char *spaced(const char *list)
{
    size_t n = strlen(list);
    char *out = malloc(n + 3);

    if (!out)
        return NULL;
    /* A blank on both sides, so that a whole name can be searched for with them. */
    out[0] = ' ';
    for (size_t i = 0; i < n; i++)
        out[i + 1] = list[i] == ',' || isspace((unsigned char)list[i]) ? ' ' : list[i];
    out[n + 1] = ' ';
    out[n + 2] = '\0';
    return out;
}

static bool read_rights(const char *value, unsigned *rights)
{
    char *list = spaced(value), *rest = NULL;
    bool good = list != NULL;

    *rights = 0;
    for (char *w = list ? strtok_r(list, " ", &rest) : NULL; w && good;
         w = strtok_r(NULL, " ", &rest)) {
        unsigned r = strcmp(w, "read") == 0    ? PZ_MAY_READ
                     : strcmp(w, "write") == 0 ? PZ_MAY_WRITE
                     : strcmp(w, "both") == 0  ? PZ_MAY_READ | PZ_MAY_WRITE
                                               : 0;

        good = r != 0;
        *rights |= r;
    }
    free(list);
    return good && *rights != 0;
}

static bool set_text(char **field, char *value)
{
    if (*field || !value || !*value) {
        free(value);
        return false;
    }
    *field = value;
    return true;
}

/* Set one member of a key; false: the name is unknown, stands twice, or the value cannot be. */
static bool set_member(struct pz_key *k, const char *name, const char *value)
{
    if (strcmp(name, "aws_access_key_id") == 0)
        return strlen(value) <= 128 && set_text(&k->id, strdup(value));
    if (strcmp(name, "aws_secret_access_key") == 0)
        return strlen(value) <= 256 && set_text(&k->secret, strdup(value));
    if (strcmp(name, "aws_session_token") == 0)
        return set_text(&k->token, strdup(value));
    if (strcmp(name, "allow") == 0)
        return read_rights(value, &k->rights);
    if (strcmp(name, "campaigns") == 0)
        return set_text(&k->campaigns, spaced(value));
    if (strcmp(name, "max_tps") == 0)
        return pz_str_to_double(value, strlen(value), &k->max_tps) && k->max_tps > 0;
    /* Members that aws-cli writes into such files, and that mean nothing here. */
    return strcmp(name, "region") == 0 || strcmp(name, "output") == 0;
}

static char *trim(char *s)
{
    char *end = s + strlen(s);

    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

static enum pz_status read_line(struct pz_credentials *c, char *line, size_t number,
                                struct pz_err *err)
{
    char *text = trim(line), *is = strchr(text, '='), *name;

    if (*text == '\0' || *text == '#' || *text == ';')
        return PZ_OK;
    if (*text == '[') {
        if (!pz_mem_grow(&c->key, &c->cap, c->n + 1, sizeof *c->key))
            return pz_err_memory(err, "credentials", 1e4);
        c->key[c->n++] = (struct pz_key){ .rights = PZ_MAY_READ | PZ_MAY_WRITE };
        return PZ_OK;
    }
    if (!is)
        return pz_err_set(err, PZ_BAD_DATA, "line %zu: NAME = VALUE or [SECTION] is expected",
                          number);
    if (c->n == 0)
        return pz_err_set(err, PZ_BAD_DATA, "line %zu: a [SECTION] line must come first", number);
    *is = '\0';
    name = trim(text);
    if (!set_member(&c->key[c->n - 1], name, trim(is + 1)))
        return pz_err_set(
            err, PZ_BAD_DATA,
            "line %zu: %.60s is no member of a key, stands twice, or has a value that "
            "it cannot have",
            number, name);
    return PZ_OK;
}

static enum pz_status check_keys(const struct pz_credentials *c, struct pz_err *err)
{
    if (c->n == 0)
        return pz_err_set(err, PZ_BAD_DATA, "no key in it");
    for (size_t i = 0; i < c->n; i++) {
        if (!c->key[i].id || !c->key[i].secret)
            return pz_err_set(err, PZ_BAD_DATA,
                              "section %zu: aws_access_key_id and aws_secret_access_key are needed",
                              i + 1);
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->key[i].id, c->key[j].id) == 0)
                return pz_err_set(err, PZ_BAD_DATA, "key id %.40s stands twice", c->key[i].id);
    }
    return PZ_OK;
}

enum pz_status pz_credentials_read(const char *path, struct pz_credentials *out, struct pz_err *err)
{
    char *data = NULL, *rest = NULL;
    size_t n = 0, number = 0;
    enum pz_status st;

    memset(out, 0, sizeof *out);
    st = check_mode(path, err);
    if (st == PZ_OK)
        st = pz_file_read(path, FILE_MAX, &data, &n, err);
    if (st != PZ_OK)
        return st;
    for (char *line = data; line && st == PZ_OK; line = rest) {
        rest = strchr(line, '\n');
        if (rest)
            *rest++ = '\0';
        st = read_line(out, line, ++number, err);
    }
    if (st == PZ_OK)
        st = check_keys(out, err);
    if (st != PZ_OK)
        pz_err_prefix(err, "%s", path);
    /* The compiler may drop a memset before free, but not this. */
    explicit_bzero(data, n);
    free(data);
    return st;
}

const struct pz_key *pz_credentials_find(const struct pz_credentials *c, const char *id, size_t n)
{
    for (size_t i = 0; i < c->n; i++)
        if (strlen(c->key[i].id) == n && memcmp(c->key[i].id, id, n) == 0)
            return &c->key[i];
    return NULL;
}

bool pz_key_may(const struct pz_key *key, unsigned right, const char *campaign)
{
    char word[300];

    /* Without credentials every request may do everything: the operator asked for that. */
    if (!key)
        return true;
    if (!(key->rights & right))
        return false;
    if (!key->campaigns || !campaign)
        return true;
    return strlen(campaign) + 3 < sizeof word &&
           snprintf(word, sizeof word, " %s ", campaign) > 0 && strstr(key->campaigns, word);
}
