/* Contract sections 6 and 9: keygen, token, inspect, call with claims and a host's seed, what serve refuses
 * to start with, and that secrets stay secret. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claims.h"
#include "harness.h"
#include "relay.h"

static struct process command;
static char actor[WKV_NKEY_PUBLIC_CHARS + 1];

static void open_all(void)
{
    people_make();
    actor_key(1, actor);
}

static void close_all(void)
{
    process_destroy(&command);
    people_free();
}

static void open_with_server(void)
{
    open_all();
    caller_open();
    client_call_on(&caller, DEFAULT_BASE, actor);
}

static void close_with_server(void)
{
    caller_close();
    close_all();
}

/* Runs the program anew; what it said is in `command`. */
#define RUN(...) (process_destroy(&command), program_run(&command, NULL, NULL, __VA_ARGS__, NULL))

static void said(int status, int expected, const char *err)
{
    ck_assert_msg(status == expected, "exit %d instead of %d: %s%s", status, expected, command.out.bytes,
                  command.err.bytes);
    if (*err == '\0')
        ck_assert_str_eq(command.err.bytes, "");
    else
        ck_assert_msg(strstr(command.err.bytes, err) != NULL, "\"%s\" is not in: %s", err, command.err.bytes);
}

/* One clear line on standard error, and nothing else. */
static void refused(int status, const char *err)
{
    said(status, 64, err);
    ck_assert_str_eq(command.out.bytes, "");
    ck_assert_ptr_eq(strchr(command.err.bytes, '\n'), command.err.bytes + command.err.len - 1);
}

/* Standard output without its newline, until the next RUN. */
static char *output(void)
{
    ck_assert_uint_gt(command.out.len, 0);
    ck_assert_int_eq(command.out.bytes[command.out.len - 1], '\n');
    command.out.bytes[command.out.len - 1] = '\0';
    return command.out.bytes;
}

/* ---- keygen ---- */

START_TEST(keygen_makes_key_pairs_of_the_three_kinds)
{
    static const struct {
        const char *name;
        enum wkv_nkey_kind kind;
        char letter;
    } kinds[] = {
        {"account", WKV_NKEY_ACCOUNT, 'A'}, {"module", WKV_NKEY_MODULE, 'M'}, {"host", WKV_NKEY_HOST, 'N'}};
    char before[WKV_NKEY_PUBLIC_CHARS + 1] = "";
    for (int i = 0; i < 6; i++) {
        said(RUN("keygen", kinds[i / 2].name), 0, "");
        char *line = output();
        json_t *pair = json_of(line, strlen(line));
        const char *public_text = json_string_value(json_object_get(pair, "public"));
        const char *seed_text = json_string_value(json_object_get(pair, "seed"));
        ck_assert_uint_eq(json_object_size(pair), 2);
        ck_assert_uint_eq(strlen(public_text), 56);
        ck_assert_uint_eq(strlen(seed_text), 58);
        ck_assert_int_eq(public_text[0], kinds[i / 2].letter);
        ck_assert(seed_text[0] == 'S' && seed_text[1] == kinds[i / 2].letter);
        /* The pair verifies. */
        struct wkv_nkey key;
        struct wkv_nkey_seed *seed;
        unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
        ck_assert_int_eq(wkv_nkey_decode_kind(public_text, 56, kinds[i / 2].kind, &key, NULL), WKV_OK);
        ck_assert_int_eq(wkv_nkey_seed_decode(seed_text, 58, &seed, NULL), WKV_OK);
        wkv_nkey_seed_sign(seed, "text", 4, signature);
        ck_assert(wkv_nkey_verify(&key, "text", 4, signature));
        ck_assert(!wkv_nkey_verify(&key, "test", 4, signature));
        wkv_nkey_seed_destroy(seed);
        ck_assert_str_ne(public_text, before);
        (void)strcpy(before, public_text);
        json_decref(pair);
    }
}
END_TEST

START_TEST(keygen_refuses_other_kinds)
{
    static const char *const kinds[] = {"operator", "provider", "user", "Account", "", "A", "account "};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        refused(RUN("keygen", kinds[i]), "account, module or host");
    refused(RUN("keygen"), "account, module or host");
    refused(RUN("keygen", "account", "host"), "account, module or host");
    refused(RUN("keygen", "--nonsense"), "--nonsense");
}
END_TEST

/* ---- token ---- */

/* Verifies the token on standard output as claims of the account, now. The caller destroys it. */
static struct wkv_token verify_output(void)
{
    struct wkv_trust *trust;
    struct wkv_token token;
    struct wkv_error error = {0};
    char *text = output();
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    ck_assert_int_eq(wkv_trust_add(trust, WKV_TRUST_ISSUERS, people.account.key, 56, NULL), WKV_OK);
    enum wkv_code code =
        wkv_token_verify(text, strlen(text), WKV_TOKEN_ACTOR, trust, wall_s(), &token, &error);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
    wkv_trust_release(trust);
    ck_assert_str_eq(token.subject, actor);
    return token;
}

START_TEST(token_signs_what_its_options_say)
{
    char path[PATH_BYTES];
    int fd = seed_file(&people.account, path);
    said(RUN("token", "--issuer-seed", path, "--subject", actor, "--cap", "wascc:keyvalue", "--cap",
             " wascc:http_server, wascc:messaging,", "--name", "Counter \xc3\xa9", "--expires-in", "30d"),
         0, "");
    struct wkv_token token = verify_output();
    ck_assert_uint_eq(token.actor.capability_count, 3);
    ck_assert_str_eq(token.actor.capabilities[0], "wascc:keyvalue");
    ck_assert_str_eq(token.actor.capabilities[1], "wascc:http_server");
    ck_assert_str_eq(token.actor.capabilities[2], "wascc:messaging");
    ck_assert_str_eq(token.actor.name, "Counter \xc3\xa9");
    ck_assert_int_eq(token.expires_s, token.issued_at_s + 30 * 86400);
    ck_assert(token.id != NULL && *token.id != '\0');
    wkv_token_destroy(&token);
    (void)close(fd);
}
END_TEST

START_TEST(token_without_cap_has_none_and_never_expires)
{
    char path[PATH_BYTES], seed[WKV_NKEY_SEED_CHARS + 1], bare[128];
    wkv_nkey_seed_encode(people.account.seed, seed);
    (void)snprintf(bare, sizeof bare, "\n  %s \n", seed); /* a seed alone is read, too */
    int fd = file_make(bare, path);
    said(RUN("token", "--issuer-seed", path, "--subject", actor), 0, "");
    struct wkv_token token = verify_output();
    ck_assert_uint_eq(token.actor.capability_count, 0);
    ck_assert_int_eq(token.expires_s, WKV_TOKEN_NEVER);
    wkv_token_destroy(&token);
    (void)close(fd);
}
END_TEST

START_TEST(token_says_what_is_wrong_with_its_options)
{
    char path[PATH_BYTES], host_path[PATH_BYTES], garbage_path[PATH_BYTES], empty_path[PATH_BYTES];
    char seed[WKV_NKEY_SEED_CHARS + 1];
    int fds[] = {seed_file(&people.account, path), seed_file(&people.host, host_path),
                 file_make("SEKRETgarbage", garbage_path), file_make("", empty_path)};
    wkv_nkey_seed_encode(people.account.seed, seed);
    refused(RUN("token"), "--issuer-seed");
    refused(RUN("token", "--issuer-seed", path), "--subject");
    refused(RUN("token", "--subject", actor), "--issuer-seed");
    refused(RUN("token", "--issuer-seed", path, "--subject", actor, "argument"), "options only");
    refused(RUN("token", "--issuer-seed", "/nonexistent/seed", "--subject", actor), "--issuer-seed");
    refused(RUN("token", "--issuer-seed", "/", "--subject", actor), "--issuer-seed");
    refused(RUN("token", "--issuer-seed", host_path, "--subject", actor), "account");
    refused(RUN("token", "--issuer-seed", garbage_path, "--subject", actor), "seed");
    ck_assert_ptr_null(strstr(command.err.bytes, "SEKRET"));
    refused(RUN("token", "--issuer-seed", empty_path, "--subject", actor), "holds no seed");
    refused(RUN("token", "--issuer-seed", "/dev/zero", "--subject", actor), "longer than");
    refused(RUN("token", "--issuer-seed", seed, "--subject", actor), "not the seed");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    refused(RUN("token", "--issuer-seed", path, "--subject", "nobody"), "subject");
    refused(RUN("token", "--issuer-seed", path, "--subject", ""), "subject");
    refused(RUN("token", "--issuer-seed", path, "--subject", people.account.key), "module");
    refused(RUN("token", "--issuer-seed", path, "--subject", seed), "keep it secret");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    static const char *const times[] = {"0", "-1", "soon", "1.5", "99999999999", "1w", "500ms"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        refused(RUN("token", "--issuer-seed", path, "--subject", actor, "--expires-in", times[i]),
                "--expires-in");
    refused(RUN("token", "--issuer-seed", path, "--subject", actor, "--cap", "\xff"), "UTF-8");
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
}
END_TEST

/* ---- inspect ---- */

/* Whether the report on standard output says that the token holds. */
static bool holds(void)
{
    json_t *report = json_of(command.out.bytes, command.out.len);
    bool held = json_is_true(json_object_get(report, "holds"));
    ck_assert(held == json_is_null(json_object_get(report, "why_not")));
    json_decref(report);
    return held;
}

static void inspected(int status, bool held, const char *names)
{
    said(status, held ? 0 : 1, "");
    ck_assert(holds() == held);
    ck_assert_msg(strstr(command.out.bytes, names) != NULL, "\"%s\" is not in: %s", names, command.out.bytes);
}

/* Another program signed it; its wascap has a rev and a ver. */
static const char revised[] =
    "eyJ0eXAiOiJqd3QiLCJhbGciOiJFZDI1NTE5In0.eyJqdGkiOiJ4IiwiaWF0IjoxNjAwMDAwMDAwLCJpc3MiOiJB"
    "QllGV0xPUEZCTjdPVEVGNkFST1hQWFJZQURCTExUUVAzT0lUNVRLSUpaV1VDVzJVTE9DQUJCTiIsInN1YiI6Ik1B"
    "U0tDS1BRMlNYVFlVNlZSR08zM0c3WDVKU1lNMlQzNVdHN1hJNEFGT0FXVjU0M1ZDWlFFNFJWIiwid2FzY2FwIjp7"
    "Im5hbWUiOiJuIiwiaGFzaCI6IkgiLCJ0YWdzIjpbInQiXSwiY2FwcyI6WyJ3YXNjYzprZXl2YWx1ZSJdLCJyZXYi"
    "OjcsInZlciI6IjEuMiIsInByb3YiOmZhbHNlfX0.OC4PMriT1c6_DofvahDc4zeL37wlkVLs0XxPB6bydq9q_0MR"
    "0kJ56ThTZ8Dtty0JZRw8ppq-xfrPbEfNqQEtCA";

START_TEST(inspect_says_what_a_token_says_and_whether_it_holds)
{
    char *good = claims_until(&people.account, actor, 1000),
         *other = claims_for(&people.other_account, actor);
    struct wkv_token_actor_options options = {.subject = actor, .expires_in_s = 10};
    char *expired = claims_with(&people.account, &options, 100);
    options = (struct wkv_token_actor_options){.subject = actor, .not_before_s = wall_s() + 1000};
    char *early = claims_with(&people.account, &options, 0);
    inspected(RUN("inspect", good), true, actor);
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "wascc:keyvalue"));
    ck_assert_ptr_nonnull(strstr(command.out.bytes, people.account.key));
    inspected(RUN("inspect", good), true, "\"rev\": null");
    inspected(RUN("inspect", revised), true, "\"rev\": 7,");
    ck_assert_ptr_nonnull(strstr(command.out.bytes, "\"ver\": \"1.2\""));
    inspected(RUN("inspect", "--trusted-issuer", people.account.key, good), true, "checked");
    inspected(RUN("inspect", "--trusted-issuer", people.other_account.key, good), false, "untrusted issuer");
    inspected(RUN("inspect", "--trusted-issuer", people.other_account.key, other), true, actor);
    char list[160];
    (void)snprintf(list, sizeof list, "%s , %s", people.account.key, people.other_account.key);
    inspected(RUN("inspect", other, "--trusted-issuer", list), true, actor);
    inspected(RUN("inspect", expired), false, "expired");
    inspected(RUN("inspect", early), false, "not yet valid");
    inspected(RUN("inspect", "--trusted-issuer", people.account.key, expired), false, "expired");
    (void)strcpy(strrchr(good, '.'), strrchr(other, '.'));
    inspected(RUN("inspect", good), false, "signature");
    inspected(RUN("inspect", "--trusted-issuer", people.account.key, good), false, "bad signature");
    free(good);
    free(other);
    free(expired);
    free(early);
}
END_TEST

START_TEST(inspect_reads_invocations_too)
{
    char *fresh = invocation_for(&people.host, actor, "default", "Get", "x", 1, "the id", 0);
    char *stale = invocation_for(&people.host, actor, "default", "Get", "x", 1, "the id", 1000);
    inspected(RUN("inspect", fresh), true, "wasmbus://wascc/keyvalue/default/Get");
    inspected(RUN("inspect", "--trusted-host", people.host.key, fresh), true, "the id");
    inspected(RUN("inspect", "--trusted-host", "any", fresh), true, people.host.key);
    inspected(RUN("inspect", "--trusted-host", people.other_host.key, fresh), false, "untrusted host");
    inspected(RUN("inspect", "--trusted-host", people.host.key, stale), false, "iat");
    free(fresh);
    free(stale);
}
END_TEST

START_TEST(inspect_takes_a_file)
{
    char *good = claims_for(&people.account, actor), spaced[2048], path[PATH_BYTES];
    (void)snprintf(spaced, sizeof spaced, "%s\r\n", good);
    int fd = file_make(spaced, path);
    inspected(RUN("inspect", path), true, actor);
    inspected(RUN("inspect", path, "--trusted-issuer", people.other_account.key), false, "untrusted issuer");
    said(RUN("inspect", "/nonexistent/actor.v1.jwt"), 1, "there is no such file");
    said(RUN("inspect", "/"), 1, "there is no such file");
    (void)close(fd);
    free(good);
}
END_TEST

START_TEST(inspect_takes_standard_input_and_refuses_garbage)
{
    char *good = claims_for(&people.account, actor), spaced[2048];
    (void)snprintf(spaced, sizeof spaced, "\n\t %s \r\n\n", good);
    process_destroy(&command);
    inspected(program_run(&command, NULL, spaced, "inspect", "-", NULL), true, actor);
    process_destroy(&command);
    said(program_run(&command, NULL, "", "inspect", "-", NULL), 1, "three segments");
    static char large[64 * 1024];
    memset(large, 'A', sizeof large - 1);
    process_destroy(&command);
    said(program_run(&command, NULL, large, "inspect", "-", NULL), 1, "more than");
    large[20000] = '\0';
    said(RUN("inspect", large), 1, "longer than 16384");
    static const char *const garbage[] = {"", "garbage", "a.b.c", "..", "....", "\xff\xff.\x01.x"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        said(RUN("inspect", garbage[i]), 1, "claims");
        ck_assert_str_eq(command.out.bytes, "");
    }
    refused(RUN("inspect"), "one TOKEN");
    refused(RUN("inspect", good, good), "one TOKEN");
    refused(RUN("inspect", "--trusted-issuer", "nobody", good), "--trusted-issuer");
    refused(RUN("inspect", "--trusted-host", people.account.key, good), "--trusted-host");
    free(good);
}
END_TEST

/* ---- what serve refuses to start with ---- */

#define KEY_OF_ISSUER "ABHWNJWTOLFELYNHRYJR3KY7IMUYSNCWVBTGYEIVOOTPF7XSW7MYK6RL"
#define KEY_OF_ACTOR "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM"

static const struct {
    const char *names; /* what the line must hold */
    const char *arguments[6];
} bad[] = {
    {"--trusted-issuer", {NULL}},
    {"keygen account", {NULL}},
    {"--auth none", {NULL}},
    {"--trusted-issuer", {"--auth", "claims"}},
    {"--trusted-issuer", {"--auth", "claims", "--trusted-issuer", ""}},
    {"--trusted-issuer", {"--auth", "claims", "--trusted-issuer", ","}},
    {"--trusted-issuer", {"--auth", "invocation", "--trusted-host", "any"}},
    {"--trusted-issuer", {"--auth", "binding"}},
    {"--trusted-host", {"--auth", "invocation", "--trusted-issuer", KEY_OF_ISSUER}},
    {"--trusted-host", {"--auth", "binding", "--trusted-issuer", KEY_OF_ISSUER}},
    {"trusted issuer 1", {"--trusted-issuer", "nobody"}},
    {"trusted issuer 2", {"--trusted-issuer", KEY_OF_ISSUER ",nobody"}},
    {"account", {"--trusted-issuer", KEY_OF_ACTOR}},
    {"host", {"--trusted-issuer", KEY_OF_ISSUER, "--trusted-host", KEY_OF_ACTOR}},
    {"--trusted-host", {"--trusted-issuer", KEY_OF_ISSUER, "--trusted-host", "Any"}},
    {"any",
     {"--trusted-issuer", KEY_OF_ISSUER, "--trusted-host",
      "any,NC33LRXVLH6PRIBYHV4PT522I6WBBF7DMYD2HKGQOIBPJ42YAJIJOK3L"}},
    {"--trusted-issuer-file", {"--trusted-issuer-file", "/nonexistent"}},
    {"--trusted-issuer-file", {"--trusted-issuer-file", "/"}},
    {"--trusted-host-file", {"--trusted-issuer", KEY_OF_ISSUER, "--trusted-host-file", "/nonexistent"}},
    {"--trusted-issuer-file", {"--trusted-issuer-file", "/dev/zero"}},
    {"--require-binding", {"--auth", "none", "--require-binding=perhaps"}},
};

#define BAD ((int)(sizeof bad / sizeof bad[0]))

/* "`serve` with `--auth claims` and no trusted issuer refuses to start and says what to do." */
START_TEST(serve_refuses_to_start_without_trust_or_with_keys_that_are_none)
{
    const char *const *a = bad[_i].arguments;
    int status = RUN("serve", a[0], a[1], a[2], a[3], a[4], a[5]);
    said(status, 64, bad[_i].names);
    ck_assert_msg(strchr(command.err.bytes, '\n') == command.err.bytes + command.err.len - 1,
                  "not one line: %s", command.err.bytes);
}
END_TEST

/* A seed where a public key belongs is not repeated to whoever reads the log. */
START_TEST(a_seed_in_the_wrong_place_is_not_quoted)
{
    char seed[WKV_NKEY_SEED_CHARS + 1], path[PATH_BYTES];
    wkv_nkey_seed_encode(people.account.seed, seed);
    int fd = file_make(seed, path);
    said(RUN("serve", "--trusted-issuer", seed), 64, "keep it secret");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    said(RUN("serve", "--trusted-issuer-file", path), 64, "keep it secret");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    said(RUN("serve", "--auth", "claims", "--trusted-issuer-file", seed), 64, "--trusted-issuer-file");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    said(RUN("serve", "--auth", "none", "--nkey", seed), 64, "--nkey");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    said(RUN("serve", "--auth", "none", "--creds", seed), 64, "--creds");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    said(RUN("call", "--host-seed", seed, "Get", "{}"), 64, "--host-seed");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    said(RUN("call", "--claims", seed, "Get", "{}"), 64, "--claims");
    ck_assert_ptr_null(strstr(command.err.bytes, seed));
    (void)close(fd);
}
END_TEST

/* ---- call ---- */

static void serve_invocation(void)
{
    people_make();
    nats_server_start(&shared.server, NULL);
    provider_serve(&shared.provider, shared.server.url, "--auth", "invocation", "--trusted-issuer",
                   people.account.key, "--trusted-host", people.host.key, NULL);
    people_free();
}

#define CALL(...) RUN("call", "--server", shared.server.url, __VA_ARGS__)

START_TEST(call_brings_claims_and_signs_as_a_host)
{
    char claims_path[PATH_BYTES], host_path[PATH_BYTES], other_path[PATH_BYTES], text[2048];
    char *claims = claims_for(&people.account, actor);
    (void)snprintf(text, sizeof text, "\n%s\n", claims);
    int fds[] = {file_make(text, claims_path), seed_file(&people.host, host_path),
                 seed_file(&people.other_host, other_path)};
    /* The actor is the token's subject unless told. */
    said(CALL("--claims", claims_path, "--host-seed", host_path, "Set", "{\"key\":\"a\",\"value\":\"1\"}"), 0,
         "");
    ck_assert_str_eq(command.out.bytes, "{\"value\":\"1\"}\n");
    said(CALL("--claims", claims_path, "--host-seed", host_path, "--actor", actor, "Get", "{\"key\":\"a\"}"),
         0, "");
    ck_assert_str_eq(command.out.bytes, "{\"value\":\"1\",\"exists\":true}\n");
    said(CALL("--claims", claims_path, "--host-seed", host_path, "--actor", KEY_OF_ACTOR, "Get",
              "{\"key\":\"a\"}"),
         1, "403: Get: the claims are another actor's");
    said(CALL("--claims", claims_path, "Get", "{\"key\":\"a\"}"), 1, "401: Get: no invocation claims");
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "(call takes a host's signature with --host-seed FILE)"));
    said(CALL("--host-seed", host_path, "--actor", actor, "Get", "{\"key\":\"a\"}"), 1,
         "401: Get: no claims");
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "(call takes claims with --claims FILE)"));
    said(CALL("Get", "{\"key\":\"a\"}"), 1, "401: Get: no claims");
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "(call takes claims with --claims FILE, and a host's "
                                                    "signature with --host-seed FILE)"));
    said(CALL("--claims", claims_path, "--host-seed", other_path, "Get", "{\"key\":\"a\"}"), 1,
         "untrusted host");
    ck_assert_ptr_null(strstr(command.err.bytes, "call takes"));
    /* As the system. */
    said(CALL("--host-seed", host_path, "--actor", "system", "HealthRequest", "{}"), 0, "");
    ck_assert_str_eq(command.out.bytes, "{}\n");
    said(CALL("--actor", "system", "HealthRequest", "{}"), 1, "401: HealthRequest: ");
    ck_assert_ptr_nonnull(strstr(command.err.bytes, "(call takes a host's signature with --host-seed FILE)"));
    said(RUN("export", "--server", shared.server.url), 1, "(sign as a host with --host-seed FILE)");
    (void)snprintf(text, sizeof text, "{\"module\":\"%s\",\"values\":{\"KEYSPACE\":\"k\"}}", actor);
    said(CALL("--host-seed", host_path, "--actor", "system", "BindActor", text), 0, "");
    said(CALL("--claims", claims_path, "--host-seed", host_path, "Get", "{\"key\":\"a\"}"), 0, "");
    ck_assert_str_eq(command.out.bytes, "{\"value\":\"\",\"exists\":false}\n");
    said(CALL("--host-seed", host_path, "--actor", "system", "RemoveActor", text), 0, "");
    for (size_t i = 0; i < 3; i++)
        (void)close(fds[i]);
    free(claims);
}
END_TEST

START_TEST(call_says_what_is_wrong_with_its_files)
{
    char empty[PATH_BYTES], account[PATH_BYTES], garbage[PATH_BYTES], host[PATH_BYTES];
    int fds[] = {file_make(" \n", empty), seed_file(&people.account, account), file_make("garbage", garbage),
                 seed_file(&people.host, host)};
    refused(CALL("--claims", "/nonexistent", "Get", "{}"), "--claims");
    refused(CALL("--claims", empty, "Get", "{}"), "--claims");
    refused(CALL("--claims", "/dev/zero", "Get", "{}"), "--claims");
    refused(CALL("--host-seed", "/nonexistent", "Get", "{}"), "--host-seed");
    refused(CALL("--host-seed", empty, "Get", "{}"), "--host-seed");
    refused(CALL("--host-seed", garbage, "Get", "{}"), "--host-seed");
    refused(CALL("--host-seed", account, "Get", "{}"), "host");
    refused(CALL("--claims", garbage, "--host-seed", host, "Get", "{}"), "--claims: ");
    refused(CALL("--claims", host, "Get", "{}"), "as the command token prints");
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
}
END_TEST

/* ---- secrets ---- */

#define SECRET "hunter2SECRET"

/* Every byte of a file of the process. */
static size_t read_proc(const struct process *process, const char *name, char *bytes, size_t room)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)process->pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "cannot read %s", path);
    size_t len = 0;
    ssize_t got;
    while (len < room && (got = read(fd, bytes + len, room - len)) > 0)
        len += (size_t)got;
    (void)close(fd);
    return len;
}

static void cmdline_has_not(const struct process *process, const char *secret)
{
    char bytes[8192];
    size_t len = read_proc(process, "cmdline", bytes, sizeof bytes);
    ck_assert_uint_gt(len, 0);
    ck_assert_msg(memmem(bytes, len, "--server", 8) != NULL, "this is no command line of ours");
    ck_assert_msg(memmem(bytes, len, secret, strlen(secret)) == NULL, "ps shows a secret");
}

/* "core dumps": none is written. The files of a process that may not be dumped are root's. */
static void leaves_no_core(const struct process *process)
{
    char bytes[8192], path[64];
    size_t len = read_proc(process, "limits", bytes, sizeof bytes - 1);
    bytes[len] = '\0';
    long soft = -1, hard = -1;
    const char *line = strstr(bytes, "Max core file size");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(line + strlen("Max core file size"), "%ld %ld", &soft, &hard), 2);
    ck_assert(soft == 0 && hard == 0);
    struct stat about;
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)process->pid);
    if (geteuid() != 0 && !provider_is_sanitized()) {
        ck_assert_int_eq(stat(path, &about), 0);
        ck_assert_uint_eq(about.st_uid, 0);
    }
}

#define GUARDED "authorization { user: u, password: \"" SECRET "\" }\n"

/* The ways in which a password can come: each row is the arguments behind --server. */
START_TEST(ps_shows_no_secret_and_no_core_is_left)
{
    struct nats_server guarded;
    char url[URL_BYTES], joined[URL_BYTES + 16], id[INSTANCE_ID_BYTES];
    nats_server_start(&guarded, GUARDED);
    (void)snprintf(url, sizeof url, "nats://u:" SECRET "@127.0.0.1:%d", guarded.port);
    (void)snprintf(joined, sizeof joined, "--server=%s", url);
    const char *const rows[][8] = {
        {provider_program(), "serve", "--auth", "none", "--server", url},
        {provider_program(), "serve", "--auth", "none", joined},
        {provider_program(), "serve", "--server", guarded.url, "--auth=none", "--user=u",
         "--password=" SECRET},
        {provider_program(), "serve", joined, "--auth=none", "--password", SECRET, "--user=u"},
    };
    for (size_t i = 0; i < 4; i++) {
        process_start(&command, rows[i], program_environment(NULL), NULL);
        provider_await_ready(&command, id);
        cmdline_has_not(&command, SECRET);
        leaves_no_core(&command);
        provider_stop(&command);
    }
    nats_server_kill(&guarded);
}
END_TEST

/* A call that waits for its answer, on a binding where only this test listens. */
START_TEST(ps_shows_no_secret_of_a_call)
{
    struct nats_server guarded;
    char url[URL_BYTES], host_path[PATH_BYTES], seed[WKV_NKEY_SEED_CHARS + 1];
    natsSubscription *subscription = NULL;
    natsMsg *request = NULL;
    nats_server_start(&guarded, GUARDED);
    (void)snprintf(url, sizeof url, "nats://u:" SECRET "@127.0.0.1:%d", guarded.port);
    wkv_nkey_seed_encode(people.host.seed, seed);
    int fd = seed_file(&people.host, host_path);
    client_close(&caller);
    client_open(&caller, url);
    ck_assert_int_eq(natsConnection_SubscribeSync(&subscription, caller.connection,
                                                  "wasmbus.provider.wascc.keyvalue.quiet.*.Get"),
                     NATS_OK);
    ck_assert_int_eq(natsConnection_Flush(caller.connection), NATS_OK);
    const char *const argv[] = {
        provider_program(), "call",    "--binding", "quiet",           "--timeout", "60s", "--server", url,
        "--host-seed",      host_path, "Get",       "{\"key\":\"a\"}", NULL};
    process_start(&command, argv, program_environment(NULL), NULL);
    ck_assert_int_eq(natsSubscription_NextMsg(&request, subscription, WAIT_MS), NATS_OK);
    cmdline_has_not(&command, SECRET);
    leaves_no_core(&command);
    /* What it signed is for just this request. */
    const char *invocation = NULL;
    struct wkv_token token;
    struct wkv_trust *trust;
    ck_assert_int_eq(natsMsgHeader_Get(request, "Wascc-Invocation", &invocation), NATS_OK);
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    ck_assert_int_eq(wkv_trust_add(trust, WKV_TRUST_HOSTS, people.host.key, 56, NULL), WKV_OK);
    ck_assert_int_eq(
        wkv_token_verify(invocation, strlen(invocation), WKV_TOKEN_INVOCATION, trust, wall_s(), &token, NULL),
        WKV_OK);
    ck_assert_str_eq(token.invocation.target_url, "wasmbus://wascc/keyvalue/quiet/Get");
    ck_assert_str_eq(token.invocation.origin_url, "wasmbus://" ACTOR);
    wkv_token_destroy(&token);
    wkv_trust_release(trust);
    ck_assert_int_eq(
        natsConnection_PublishString(caller.connection, natsMsg_GetReply(request), "{\"value\":\"\"}"),
        NATS_OK);
    ck_assert_int_eq(process_await_exit(&command), 0);
    ck_assert_str_eq(command.out.bytes, "{\"value\":\"\"}\n");
    ck_assert_str_eq(command.err.bytes, "");
    natsMsg_Destroy(request);
    natsSubscription_Destroy(subscription);
    nats_server_kill(&guarded);
    (void)close(fd);
}
END_TEST

/* A server that accepts and says nothing keeps it waiting. */
START_TEST(health_and_top_are_as_protected_as_the_others)
{
    static const char *const commands[] = {"health", "top"};
    for (size_t i = 0; i < 2; i++) {
        struct relay *relay = relay_start(shared.server.port);
        char base[URL_BYTES], url[URL_BYTES + 32];
        relay_url(relay, base);
        relay_set_door(relay, RELAY_SILENT);
        (void)snprintf(url, sizeof url, "nats://u:" SECRET "@%s", base + strlen("nats://"));
        const char *const argv[] = {provider_program(), commands[i], "--server", url, NULL};
        process_start(&command, argv, program_environment(NULL), NULL);
        for (long long deadline_ms = now_ms() + WAIT_MS;
             !relay_is_waited_on(relay) && now_ms() < deadline_ms;)
            (void)usleep(1000);
        cmdline_has_not(&command, SECRET);
        leaves_no_core(&command);
        process_destroy(&command);
        relay_stop(relay);
    }
}
END_TEST

static void says_none_of(const struct process *process, const char *const secrets[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(process->out.bytes, secrets[i]) == NULL &&
                          strstr(process->err.bytes, secrets[i]) == NULL,
                      "secret %zu is said: %s%s", i, process->out.bytes, process->err.bytes);
}

/* "No secret is ever printed or logged, and no key's value": a busy life at the level that says most. */
START_TEST(a_provider_says_no_token_seed_or_password)
{
    struct nats_server guarded;
    struct client host;
    char url[URL_BYTES], host_path[PATH_BYTES], host_seed[WKV_NKEY_SEED_CHARS + 1];
    int fd = seed_file(&people.host, host_path);
    wkv_nkey_seed_encode(people.host.seed, host_seed);
    nats_server_start(&guarded, GUARDED);
    (void)snprintf(url, sizeof url, "nats://u:" SECRET "@127.0.0.1:%d", guarded.port);
    provider_serve(&command, url, "--auth", "invocation", "--trusted-issuer", people.account.key,
                   "--trusted-host", people.host.key, "--log-level", "debug", "--log-format",
                   _i == 0 ? "text" : "json", NULL);
    client_close(&caller);
    client_open(&caller, url);
    client_call_on(&caller, DEFAULT_BASE, actor);
    system_open(&host, url);
    char *good = claims_for(&people.account, actor), *bad_token = claims_for(&people.other_account, actor);
    const char *signature = strrchr(good, '.') + 1, *bad_signature = strrchr(bad_token, '.') + 1;
    struct papers papers = {.claims = good, .host = &people.host};
    ask_all(&caller, papers, JSON, 0, NULL);
    json_decref(
        papers_call(&caller, papers, JSON, "Set", "{s:s,s:s}", "key", "SECRETkey", "value", "SECRETvalue"));
    papers_refused(&caller, papers, JSON, "Add", 409, NULL, "{s:s,s:i}", "key", "SECRETkey", "value", 1);
    papers_refused(&caller, (struct papers){.claims = bad_token, .host = &people.host}, JSON, "Get", 401,
                   NULL, "{s:s}", "key", "SECRETkey");
    papers_refused(&caller, (struct papers){.claims = "SECRET.SECRET.SECRET"}, JSON, "Get", 401, NULL,
                   "{s:s}", "key", "a");
    papers_refused(&caller, (struct papers){.claims = good, .invocation = "SECRET"}, JSON, "Get", 401, NULL,
                   "{s:s}", "key", "a");
    bind_actor(&host, JSON, papers, actor, "SECRETspace");
    process_signal(&command, SIGHUP);
    (void)process_await_line(&command, "reloaded");
    struct process other;
    const char *const secrets[] = {"SECRET", signature, bad_signature, host_seed, "eyJ0eXAi"};
    const char *const environment[] = {"NATS_USER=u", "NATS_PASSWORD=" SECRET "wrong", NULL};
    ck_assert_int_eq(program_run(&other, environment, NULL, "call", "--server", guarded.url, "--host-seed",
                                 host_path, "--actor", actor, "Get", "{\"key\":\"a\"}", NULL),
                     1);
    says_none_of(&other, secrets, 5);
    process_destroy(&other);
    ck_assert_int_eq(program_run(&other, NULL, NULL, "call", "--server", url, "--host-seed", host_path,
                                 "--actor", actor, "Get", "{\"key\":\"a\"}", NULL),
                     1);
    says_none_of(&other, secrets, 5);
    process_destroy(&other);
    /* Losing its server is worth a line, and the URL in it. */
    nats_server_kill(&guarded);
    /* System, discovery, watches and two workers: what is lost already need not be drained. */
    for (int i = 0; i < 5; i++)
        (void)process_await_line(&command, "disconnected");
    process_signal(&command, SIGTERM);
    ck_assert_int_eq(process_await_exit(&command), 0);
    says_none_of(&command, secrets, 5);
    ck_assert_str_eq(command.out.bytes, "");
    client_close(&host);
    nats_server_kill(&guarded);
    free(good);
    free(bad_token);
    (void)close(fd);
}
END_TEST

Suite *security_cli_suite(void)
{
    Suite *suite = suite_create("integration/security_cli");
    TCase *tests = tcase_create("without a server");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, keygen_makes_key_pairs_of_the_three_kinds);
    tcase_add_test(tests, keygen_refuses_other_kinds);
    tcase_add_test(tests, token_signs_what_its_options_say);
    tcase_add_test(tests, token_without_cap_has_none_and_never_expires);
    tcase_add_test(tests, token_says_what_is_wrong_with_its_options);
    tcase_add_test(tests, inspect_says_what_a_token_says_and_whether_it_holds);
    tcase_add_test(tests, inspect_reads_invocations_too);
    tcase_add_test(tests, inspect_takes_a_file);
    tcase_add_test(tests, inspect_takes_standard_input_and_refuses_garbage);
    tcase_add_loop_test(tests, serve_refuses_to_start_without_trust_or_with_keys_that_are_none, 0, BAD);
    tcase_add_test(tests, a_seed_in_the_wrong_place_is_not_quoted);
    suite_add_tcase(suite, tests);
    tests = tcase_create("with a server");
    tcase_add_unchecked_fixture(tests, serve_invocation, shared_stop);
    tcase_add_checked_fixture(tests, open_with_server, close_with_server);
    tcase_add_test(tests, call_brings_claims_and_signs_as_a_host);
    tcase_add_test(tests, call_says_what_is_wrong_with_its_files);
    tcase_add_test(tests, ps_shows_no_secret_and_no_core_is_left);
    tcase_add_test(tests, ps_shows_no_secret_of_a_call);
    tcase_add_test(tests, health_and_top_are_as_protected_as_the_others);
    tcase_add_loop_test(tests, a_provider_says_no_token_seed_or_password, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
