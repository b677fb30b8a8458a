/* Holds nkeys and tokens against the published Rust crates `wascap` and `nkeys`, both ways. The Rust program
 * of tests/interop/wascap is built beforehand, by tests/interop/build.sh; where it is not, this is skipped.
 */
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "helpers.h"
#include "source_dir.h"

static char program[PATH_MAX];

/* Where cargo has put it; nothing is built here. */
static bool find_program(void)
{
    const char *target = getenv("CARGO_TARGET_DIR");
    (void)snprintf(program, sizeof program, "%s/debug/wascap-interop",
                   target == NULL ? WKV_SOURCE_DIR "/build/cargo" : target);
    return access(program, X_OK) == 0;
}

/* Its output; a shell reads the arguments. */
static FILE *start(const char *arguments)
{
    char command[PATH_MAX + 128];
    (void)snprintf(command, sizeof command, "'%s' %s", program, arguments);
    FILE *lines = popen(command, "r");
    ck_assert_ptr_nonnull(lines);
    return lines;
}

/* The word at *at, which moves on to the next. */
static char *word(char **at)
{
    char *found = strsep(at, " \n");
    ck_assert_ptr_nonnull(found);
    return found;
}

static void check_key(char *at)
{
    const char *kind_name = word(&at), *public_key = word(&at), *text = word(&at);
    enum wkv_nkey_kind kind;
    ck_assert(wkv_nkey_kind_parse(kind_name, &kind));
    struct wkv_nkey_seed *seed;
    ck_assert_int_eq(wkv_nkey_seed_decode(text, strlen(text), &seed, NULL), WKV_OK);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    ck_assert_int_eq(key.kind, kind);
    char spelt[WKV_NKEY_PUBLIC_CHARS + 1], spelt_seed[WKV_NKEY_SEED_CHARS + 1];
    wkv_nkey_encode(&key, spelt);
    ck_assert_str_eq(spelt, public_key);
    wkv_nkey_seed_encode(seed, spelt_seed);
    ck_assert_str_eq(spelt_seed, text);
    wkv_nkey_seed_destroy(seed);
}

static void check_actor(char *at)
{
    const char *issuer = word(&at), *subject = word(&at), *expires = word(&at), *text = word(&at);
    struct wkv_trust *trust = trust_make(issuer, "");
    struct wkv_token token;
    struct wkv_error error = {0};
    ck_assert_msg(wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, time(NULL), &token, &error) ==
                      WKV_OK,
                  "%s", error.text);
    ck_assert_str_eq(token.subject, subject);
    ck_assert_str_eq(token.issuer_text, issuer);
    ck_assert_int_eq(token.expires_s, expires[0] == '0' ? WKV_TOKEN_NEVER : atoll(expires));
    ck_assert_uint_eq(token.actor.capability_count, 2);
    ck_assert(wkv_token_has_capability(&token, WKV_TOKEN_CAPABILITY));
    ck_assert_int_eq(token.actor.revision, strcmp(token.actor.name, "plain") == 0 ? -1 : 7);
    wkv_token_destroy(&token);
    wkv_trust_release(trust);
}

static void check_invocation(char *at)
{
    const char *host = word(&at), *id = word(&at), *target = word(&at), *origin = word(&at),
               *hash = word(&at), *text = word(&at);
    struct wkv_trust *trust = trust_make("", host);
    struct wkv_token token;
    struct wkv_error error = {0};
    ck_assert_msg(wkv_token_verify(text, strlen(text), WKV_TOKEN_INVOCATION, trust, time(NULL), &token,
                                   &error) == WKV_OK,
                  "%s", error.text);
    ck_assert_str_eq(token.subject, id);
    ck_assert_str_eq(token.invocation.target_url, target);
    ck_assert_str_eq(token.invocation.origin_url, origin);
    ck_assert_str_eq(token.hash, hash);
    wkv_token_destroy(&token);
    wkv_trust_release(trust);
}

static void check_what_rust_made(void)
{
    FILE *lines = start("mint");
    char line[WKV_TOKEN_MAX_BYTES];
    int count = 0;
    while (fgets(line, sizeof line, lines) != NULL) {
        char *at = line;
        const char *what = word(&at);
        if (strcmp(what, "key") == 0)
            check_key(at);
        else if (strcmp(what, "actor") == 0)
            check_actor(at);
        else
            check_invocation(at);
        count++;
    }
    ck_assert_int_eq(pclose(lines), 0);
    ck_assert_int_eq(count, 140);
}

static int write_keys(FILE *file)
{
    static const enum wkv_nkey_kind kinds[] = {WKV_NKEY_ACCOUNT, WKV_NKEY_MODULE, WKV_NKEY_HOST,
                                               WKV_NKEY_OPERATOR, WKV_NKEY_PROVIDER};
    int count = 0;
    for (int i = 0; i < 100; i++) {
        struct wkv_nkey_seed *seed;
        char text[WKV_NKEY_SEED_CHARS + 1], public_key[WKV_NKEY_PUBLIC_CHARS + 1];
        ck_assert_int_eq(wkv_nkey_seed_generate(kinds[i % 5], &seed, NULL), WKV_OK);
        struct wkv_nkey key = wkv_nkey_seed_public(seed);
        wkv_nkey_encode(&key, public_key);
        wkv_nkey_seed_encode(seed, text);
        fprintf(file, "key %s %s %s\n", wkv_nkey_kind_name(kinds[i % 5]), public_key, text);
        wkv_nkey_seed_destroy(seed);
        count++;
    }
    return count;
}

static int write_tokens(FILE *file)
{
    struct person account = person_make(WKV_NKEY_ACCOUNT, 1), module = person_make(WKV_NKEY_MODULE, 2),
                  host = person_make(WKV_NKEY_HOST, 3);
    int count = 0;
    for (int i = 0; i < 20; i++) {
        int64_t expires_in_s = i % 2 == 0 ? 0 : 4000000000 - NOW;
        char *text = mint(&account, module.text, expires_in_s, true);
        fprintf(file, "actor %s %s %lld %s\n", account.text, module.text,
                expires_in_s == 0 ? 0LL : (long long)(NOW + expires_in_s), text);
        free(text);
        char hash[WKV_TOKEN_HASH_CHARS + 1];
        struct wkv_token_invocation_options options = {.origin_url = "wasmbus://system",
                                                       .target_url = "wasmbus://wascc/keyvalue/default/Get",
                                                       .message = "abcdefghijklmnopqrst",
                                                       .message_len = (size_t)i,
                                                       .id = "an-id"};
        wkv_token_invocation_hash(options.origin_url, options.target_url, options.message,
                                  options.message_len, hash);
        ck_assert_int_eq(wkv_token_mint_invocation(host.seed, &options, NOW, &text, NULL), WKV_OK);
        fprintf(file, "invocation %s an-id %s %s %s %s\n", host.text, options.target_url, options.origin_url,
                hash, text);
        free(text);
        count += 2;
    }
    person_free(&account), person_free(&module), person_free(&host);
    return count;
}

static void let_rust_judge(void)
{
    char path[] = "/tmp/wkv-interop-XXXXXX", arguments[64];
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "w");
    ck_assert_ptr_nonnull(file);
    int written = write_keys(file) + write_tokens(file);
    /* A line that must be found bad, so that `ok` means something. */
    fprintf(file, "key account AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA SAAA\n");
    ck_assert_int_eq(fclose(file), 0);
    (void)snprintf(arguments, sizeof arguments, "judge <%s", path);
    FILE *lines = start(arguments);
    char line[1024];
    for (int i = 0; i < written; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, lines));
        ck_assert_msg(strcmp(line, "ok\n") == 0, "line %d: %s", i + 1, line);
    }
    ck_assert_ptr_nonnull(fgets(line, sizeof line, lines));
    ck_assert_msg(strncmp(line, "bad ", 4) == 0, "%s", line);
    ck_assert_int_eq(pclose(lines), 0);
    (void)unlink(path);
}

START_TEST(the_published_crates_and_this_code_accept_each_others_keys_and_tokens)
{
    check_what_rust_made();
    let_rust_judge();
}
END_TEST

Suite *interop_suite(void)
{
    Suite *suite = suite_create("security/interop");
    TCase *tests = tcase_create("interop");
    if (find_program())
        tcase_add_test(tests, the_published_crates_and_this_code_accept_each_others_keys_and_tokens);
    else
        printf("skip security/interop there is no %s: tests/interop/build.sh wascap\n", program);
    suite_add_tcase(suite, tests);
    return suite;
}
