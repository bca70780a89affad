/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint's configuration file and its file of keys. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "serve/config.h"
#include "serve/net/credentials.h"

#include "tests/unit/unit.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/pz-config-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[100];

    (void)state;
    snprintf(path, sizeof path, "%s/file", dir);
    unlink(path);
    return rmdir(dir);
}

AROUND_ALL(make_dir, remove_dir)

static const char *write_file(const char *text, mode_t mode)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(pz_file_write(path, text, strlen(text), NULL), PZ_OK);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

/* ---- configuration ---- */

static enum pz_status read_config(const char *text, struct pz_serve_config *c, struct pz_err *err)
{
    pz_serve_config_init(c);
    return pz_serve_config_read(write_file(text, 0644), c, err);
}

TEST(names_come_from_folders_where_nothing_is_said)
{
    struct pz_serve_config c;

    pz_serve_config_init(&c);
    assert_int_equal(pz_serve_config_add(&c, "/srv/home.pzc/", NULL), PZ_OK);
    assert_int_equal(pz_serve_config_add(&c, "related", NULL), PZ_OK);
    assert_string_equal(c.campaign[0].name, "home");
    assert_string_equal(c.campaign[0].tracker, "home");
    assert_string_equal(c.campaign[0].dataset, "home");
    assert_string_equal(c.campaign[1].name, "related");
    assert_int_equal(pz_serve_config_add(&c, "/other/home.pzc", NULL), PZ_USAGE);
    assert_int_equal(pz_serve_config_add(&c, "a b.pzc", NULL), PZ_USAGE);
    pz_serve_config_clear(&c);
}

TEST(the_file_says_names_limits_and_origins)
{
    struct pz_serve_config c;

    assert_int_equal(read_config("{\"campaigns\":{\"home\":{\"path\":\"x/home.pzc\",\"trackingId\":"
                                 "\"t 1\",\"dataset\":\"shop\",\"maxTPS\":50}},\"cors\":[\"https://"
                                 "a\"],\"budgetMs\":20,\"connections\":9}",
                                 &c, NULL),
                     PZ_OK);
    assert_string_equal(c.campaign[0].tracker, "t 1");
    assert_string_equal(c.campaign[0].dataset, "shop");
    assert_true(c.campaign[0].max_tps == 50);
    assert_non_null(strstr(c.campaign[0].path, "/x/home.pzc"));
    assert_string_equal(c.origin[0], "https://a");
    assert_true(c.budget_s > 0.0199 && c.budget_s < 0.0201);
    assert_int_equal(c.connections, 9);
    pz_serve_config_clear(&c);
}

TEST(what_the_file_cannot_say_is_named)
{
    static const struct {
        const char *text, *word;
    } bad[] = { { "[]", "object" },
                { "{\"budgetMs\":0}", "budgetMs" },
                { "{\"queue\":1.5}", "whole" },
                { "{\"conections\":5}", "did you mean connections" },
                { "{\"campaigns\":{\"a\":{}}}", "path" },
                { "{\"campaigns\":{\"a b\":{\"path\":\"x\"}}}", "a b" },
                { "{\"campaigns\":{\"a\":{\"path\":\"x\",\"maxTps\":1}}}", "did you mean maxTPS" },
                { "{\"cors\":\"*\"}", "cors" } };
    struct pz_serve_config c;
    struct pz_err err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(read_config(bad[i].text, &c, &err), PZ_BAD_DATA);
        assert_non_null(strstr(err.text, bad[i].word));
        pz_serve_config_clear(&c);
    }
}

/* ---- keys ---- */

TEST(a_key_may_what_its_section_says)
{
    struct pz_credentials c;
    const struct pz_key *k;

    assert_int_equal(
        pz_credentials_read(write_file("# keys\n[all]\naws_access_key_id = A\n"
                                       "aws_secret_access_key=S/+=x\n[one]\naws_access_key_id=B\n"
                                       "aws_secret_access_key=T\nallow = read\n"
                                       "campaigns = home, related\nmax_tps = 5\n",
                                       0600),
                            &c, NULL),
        PZ_OK);
    assert_int_equal(c.n, 2);
    k = pz_credentials_find(&c, "A", 1);
    assert_string_equal(k->secret, "S/+=x");
    assert_true(pz_key_may(k, PZ_MAY_WRITE, "anything"));
    k = pz_credentials_find(&c, "B", 1);
    assert_true(pz_key_may(k, PZ_MAY_READ, "home"));
    assert_true(pz_key_may(k, PZ_MAY_READ, "related"));
    assert_false(pz_key_may(k, PZ_MAY_READ, "relate"));
    assert_false(pz_key_may(k, PZ_MAY_WRITE, "home"));
    assert_true(k->max_tps == 5);
    assert_true(pz_key_may(NULL, PZ_MAY_WRITE, "home"));
    assert_null(pz_credentials_find(&c, "AB", 2));
    assert_null(pz_credentials_find(&c, "A", 0)); /* the beginning of an id is none */
    pz_credentials_clear(&c);
}

TEST(a_file_of_keys_that_is_wrong_is_refused_without_its_secrets)
{
    static const char *const bad[] = {
        "",
        "aws_access_key_id = A\n",
        "[a]\naws_access_key_id = A\n",
        "[a]\naws_access_key_id = A\naws_secret_access_key = SECRET\nallow = all\n",
        "[a]\naws_access_key_id = A\naws_secret_access_key = SECRET\nalow = read\n",
        "[a]\naws_access_key_id = A\naws_secret_access_key = SECRET\nSECRET\n",
        ("[a]\naws_access_key_id = A\naws_secret_access_key = SECRET\n[b]\naws_access_key_id = A\n"
         "aws_secret_access_key = SECRET\n"),
    };
    struct pz_credentials c;
    struct pz_err err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pz_credentials_read(write_file(bad[i], 0600), &c, &err), PZ_BAD_DATA);
        assert_null(strstr(err.text, "SECRET"));
        pz_credentials_clear(&c);
    }
    assert_int_equal(pz_credentials_read(write_file("[a]\naws_access_key_id = A\n"
                                                    "aws_secret_access_key = S\n",
                                                    0640),
                                         &c, &err),
                     PZ_BAD_DATA);
    assert_non_null(strstr(err.text, "chmod 600"));
    pz_credentials_clear(&c);
}
