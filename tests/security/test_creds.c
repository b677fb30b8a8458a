/* NATS credentials files. */
#include <fcntl.h>
#include <unistd.h>

#include "helpers.h"
#include "security/creds.h"

#define JWT_BEGIN "-----BEGIN NATS USER JWT-----"
#define JWT_END "------END NATS USER JWT------"
#define SEED_BEGIN "-----BEGIN USER NKEY SEED-----"
#define SEED_END "------END USER NKEY SEED------"

static char path[32];
static struct person user;
static char seed[WKV_NKEY_SEED_CHARS + 1];
static char *jwt;

static void make_user(void)
{
    char payload[128];
    (void)snprintf(path, sizeof path, "/tmp/wkv-creds-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    user = person_make(WKV_NKEY_USER, 7);
    wkv_nkey_seed_encode(user.seed, seed);
    (void)snprintf(payload, sizeof payload, "{\"sub\":\"%s\"}", user.text);
    jwt = forge(HEADER, payload, user.seed);
}

static void remove_user(void)
{
    (void)unlink(path);
    free(jwt);
    person_free(&user);
}

static enum wkv_code load(const char *before, const char *line_end, struct wkv_creds *creds,
                          struct wkv_error *error)
{
    char text[1024];
    int len = snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s%s%s%s%s", before, JWT_BEGIN, line_end, jwt,
                       line_end, JWT_END, line_end, SEED_BEGIN, line_end, seed, line_end, SEED_END, line_end);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ck_assert_int_eq(write(fd, text, (size_t)len), len);
    (void)close(fd);
    return wkv_creds_load(path, creds, error);
}

static const struct {
    const char *before;
    const char *line_end;
} forms[] = {{"", "\n"}, {"", "\r\n"}, {"\xef\xbb\xbf", "\r\n"}, {"# of nobody\n\n", "\n\n"}};

START_TEST(credentials_are_read_however_an_editor_left_them)
{
    struct wkv_creds creds;
    struct wkv_error error = {0};
    ck_assert_msg(load(forms[_i].before, forms[_i].line_end, &creds, &error) == WKV_OK, "%s", error.text);
    ck_assert_str_eq(creds.jwt, jwt);
    struct wkv_nkey key = wkv_nkey_seed_public(creds.seed);
    ck_assert_mem_eq(&key.bytes, &user.key.bytes, WKV_NKEY_BYTES);
    wkv_creds_destroy(&creds);
}
END_TEST

/* nats.c writes the JWT into JSON as it is. */
START_TEST(a_jwt_with_other_characters_in_any_part_is_refused)
{
    static const char others[] = "\"\\+= \x01\x7f";
    const char *first = strchr(jwt, '.'), *second = strrchr(jwt, '.');
    const size_t places[] = {3, (size_t)(first - jwt) + 3, (size_t)(second - jwt) + 3};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (const char *other = others; *other != '\0'; other++) {
            struct wkv_creds creds;
            struct wkv_error error = {0};
            char right = jwt[places[i]];
            jwt[places[i]] = *other;
            ck_assert_int_eq(load("", "\n", &creds, &error), WKV_BAD_REQUEST);
            ck_assert_ptr_nonnull(strstr(error.text, "base64url"));
            ck_assert_ptr_null(creds.jwt);
            ck_assert_ptr_null(creds.seed);
            jwt[places[i]] = right;
        }
    }
}
END_TEST

Suite *creds_suite(void)
{
    Suite *suite = suite_create("security/creds");
    TCase *tests = tcase_create("creds");
    tcase_add_checked_fixture(tests, make_user, remove_user);
    tcase_add_loop_test(tests, credentials_are_read_however_an_editor_left_them, 0,
                        sizeof forms / sizeof forms[0]);
    tcase_add_test(tests, a_jwt_with_other_characters_in_any_part_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
