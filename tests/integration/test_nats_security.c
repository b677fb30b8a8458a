/* NATS's own security: each way of proving who one is to a real nats-server that demands it, right and wrong,
 * and the permissions of deploy/nats/server.conf. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "integration/harness.h"
#include "integration/stores.h"
#include "security/nkey.h"
#include "source_dir.h"

#define USER "keyvalue"
#define PASSWORD "correct-horse-battery"
#define OTHER_PASSWORD "staple-of-another-kind"
#define PATH_BYTES 256
#define CONFIG_BYTES 8192
#define MAX_OPTIONS 12

#if defined(__SANITIZE_THREAD__)
#define BUILT_FOR_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BUILT_FOR_THREADS 1
#endif
#endif
#ifndef BUILT_FOR_THREADS
#define BUILT_FOR_THREADS 0
#endif

/* ---- files of a test ---- */

static char folder[64];

/* A file's path in the test's folder; several are valid at once. */
static const char *in_folder(const char *name)
{
    static char paths[32][PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 32];
    (void)snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static char *read_text(const char *path)
{
    char *text = calloc(1, CONFIG_BYTES * 2);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "cannot read %s", path);
    ck_assert_uint_lt(fread(text, 1, CONFIG_BYTES * 2 - 1, file), CONFIG_BYTES * 2 - 1);
    (void)fclose(file);
    return text;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* ---- keys and JWTs of NATS ---- */

struct identity {
    struct wkv_nkey_seed *pair;
    char public_key[WKV_NKEY_PUBLIC_CHARS + 1];
    char seed[WKV_NKEY_SEED_CHARS + 1];
};

static void make_identity(struct identity *identity, enum wkv_nkey_kind kind)
{
    struct wkv_error error;
    ck_assert_int_eq(wkv_nkey_seed_generate(kind, &identity->pair, &error), WKV_OK);
    struct wkv_nkey key = wkv_nkey_seed_public(identity->pair);
    wkv_nkey_encode(&key, identity->public_key);
    wkv_nkey_seed_encode(identity->pair, identity->seed);
}

static struct identity operator_key, account_key, user_key, other_key;

static size_t append_base64(char *out, size_t len, size_t out_bytes, const void *bytes, size_t bytes_len)
{
    ck_assert_uint_lt(len + sodium_base64_encoded_len(bytes_len, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                      out_bytes);
    (void)sodium_bin2base64(out + len, out_bytes - len, bytes, bytes_len,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return len + strlen(out + len);
}

/* A JWT in the form of NATS since its second version. `nats` is the member of that name, as JSON. */
static void mint(char out[2048], const struct identity *issuer, const struct identity *subject,
                 const char *nats)
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
    char claims[1024];
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    int written = snprintf(
        claims, sizeof claims,
        "{\"jti\":\"%.20s\",\"iat\":%lld,\"iss\":\"%s\",\"name\":\"test\",\"sub\":\"%s\",\"nats\":%s}",
        subject->public_key, (long long)time(NULL) - 60, issuer->public_key, subject->public_key, nats);
    ck_assert_int_lt(written, (int)sizeof claims);
    size_t len = append_base64(out, 0, 2048, header, sizeof header - 1);
    out[len++] = '.';
    len = append_base64(out, len, 2048, claims, strlen(claims));
    wkv_nkey_seed_sign(issuer->pair, out, len, signature);
    out[len++] = '.';
    (void)append_base64(out, len, 2048, signature, sizeof signature);
}

/* As an editor on Windows leaves a text: with a byte order mark, and two characters at the end of a line. */
static void write_of_windows(const char *name, const char *text)
{
    char out[8192];
    size_t len = (size_t)snprintf(out, sizeof out, "\xef\xbb\xbf\r\n");
    for (; *text != '\0'; text++) {
        ck_assert_uint_lt(len + 3, sizeof out);
        if (*text == '\n')
            out[len++] = '\r';
        out[len++] = *text;
    }
    out[len] = '\0';
    write_file(name, out);
}

static void write_creds(const char *name, const char *jwt, const char *seed)
{
    char text[4096];
    (void)snprintf(text, sizeof text,
                   "-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"
                   "************************* IMPORTANT *************************\n"
                   "NKEY Seed printed below can be used to sign and prove identity.\n\n"
                   "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n",
                   jwt, seed);
    write_file(name, text);
    if (strcmp(name, "user.creds") == 0)
        write_of_windows("windows.creds", text);
}

/* The configuration of a server that believes accounts of the operator, and the user's creds. */
static void configure_operator_mode(char config[CONFIG_BYTES])
{
    char operator_jwt[2048], account_jwt[2048], user_jwt[2048];
    mint(operator_jwt, &operator_key, &operator_key, "{\"type\":\"operator\",\"version\":2}");
    mint(account_jwt, &operator_key, &account_key,
         "{\"limits\":{\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,\"exports\":-1,\"wildcards\":"
         "true,"
         "\"conn\":-1,\"leaf\":-1},\"default_permissions\":{\"pub\":{},\"sub\":{}},\"type\":\"account\","
         "\"version\":2}");
    mint(user_jwt, &account_key, &user_key,
         "{\"pub\":{},\"sub\":{},\"subs\":-1,\"data\":-1,\"payload\":-1,\"type\":\"user\",\"version\":2}");
    write_creds("user.creds", user_jwt, user_key.seed);
    write_creds("other.creds", user_jwt, other_key.seed);
    (void)snprintf(config, CONFIG_BYTES, "operator: %s\nresolver: MEMORY\nresolver_preload: {\n  %s: %s\n}\n",
                   operator_jwt, account_key.public_key, account_jwt);
}

/* ---- certificates, by Debian's openssl ---- */

static bool have_openssl;

static void openssl(const char *name, const char *subject, const char *extension, const char *ca)
{
    struct process process;
    char key[PATH_BYTES], certificate[PATH_BYTES], ca_key[PATH_BYTES], ca_certificate[PATH_BYTES];
    (void)snprintf(key, sizeof key, "%s/%s-key.pem", folder, name);
    (void)snprintf(certificate, sizeof certificate, "%s/%s.pem", folder, name);
    (void)snprintf(ca_key, sizeof ca_key, "%s/%s-key.pem", folder, ca == NULL ? "" : ca);
    (void)snprintf(ca_certificate, sizeof ca_certificate, "%s/%s.pem", folder, ca == NULL ? "" : ca);
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-nodes",
                          "-days",
                          "2",
                          "-subj",
                          subject,
                          "-addext",
                          extension,
                          "-keyout",
                          key,
                          "-out",
                          certificate,
                          ca == NULL ? NULL : "-CA",
                          ca_certificate,
                          "-CAkey",
                          ca_key,
                          NULL};
    int status = process_run(&process, argv, NULL, NULL);
    ck_assert_msg(status == 0, "openssl: %s", process.err.bytes);
    process_destroy(&process);
}

static void make_certificates(void)
{
    struct process process;
    const char *const argv[] = {"openssl", "version", NULL};
    have_openssl = process_run(&process, argv, NULL, NULL) == 0;
    process_destroy(&process);
    if (!have_openssl) {
        (void)fprintf(stderr, "openssl is not installed: the tests with TLS are skipped\n");
        return;
    }
    openssl("ca", "/CN=test ca", "keyUsage=keyCertSign", NULL);
    openssl("other-ca", "/CN=another ca", "keyUsage=keyCertSign", NULL);
    openssl("server", "/CN=nats", "subjectAltName=IP:127.0.0.1", "ca");
    openssl("other-server", "/CN=nats", "subjectAltName=IP:127.0.0.1", "other-ca");
    openssl("wrong-name", "/CN=nats", "subjectAltName=DNS:elsewhere.example", "ca");
    openssl("client", "/CN=keyvalue", "extendedKeyUsage=clientAuth", "ca");
}

static void configure_tls(char config[CONFIG_BYTES], const char *certificate, bool mutual)
{
    (void)snprintf(config, CONFIG_BYTES, "tls {\n cert_file: \"%s/%s.pem\"\n key_file: \"%s/%s-key.pem\"\n",
                   folder, certificate, folder, certificate);
    if (mutual)
        (void)snprintf(config + strlen(config), CONFIG_BYTES - strlen(config),
                       " ca_file: \"%s/ca.pem\"\n verify: true\n", folder);
    (void)snprintf(config + strlen(config), CONFIG_BYTES - strlen(config), "}\n");
}

/* Made once for all tests: what they find in their own processes. */
static void make_files(void)
{
    struct identity *const all[] = {&operator_key, &account_key, &user_key, &other_key};
    static const enum wkv_nkey_kind kinds[] = {WKV_NKEY_OPERATOR, WKV_NKEY_ACCOUNT, WKV_NKEY_USER,
                                               WKV_NKEY_USER};
    char json[256], line[128];
    (void)snprintf(folder, sizeof folder, "/tmp/wkv-security-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < 4; i++)
        make_identity(all[i], kinds[i]);
    (void)snprintf(line, sizeof line, "%s\n", user_key.seed);
    write_file("user.nk", line);
    write_file("other.nk", other_key.seed);
    write_file("account.nk", account_key.seed);
    (void)snprintf(json, sizeof json, "{\"public\":\"%s\",\"seed\":\"%s\"}\n", user_key.public_key,
                   user_key.seed);
    write_file("user.json", json);
    write_file("garbage", "neither a key nor a certificate\n");
    write_file("empty", "\n");
    write_file("two-lines", PASSWORD "\n\n");
    write_file("password", PASSWORD "\n");
    char config[CONFIG_BYTES];
    configure_operator_mode(config);
    write_creds("torn.creds", "a.b.c", "SUATORN");
    ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
    make_certificates();
}

static void remove_files(void)
{
    struct identity *const all[] = {&operator_key, &account_key, &user_key, &other_key};
    for (size_t i = 0; i < 4; i++)
        wkv_nkey_seed_destroy(all[i]->pair);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- the ways of proving who one is ---- */

enum mode {
    BY_OPTION,
    BY_ENVIRONMENT,
    BY_PASSWORD_FILE,
    BY_PASSWORD_FILE_VARIABLE,
    BY_URL_FILE,
    BY_URL,
    BY_NKEY,
    BY_NKEY_JSON,
    BY_CREDS,
    BY_CREDS_OF_WINDOWS,
    BY_TLS,
    BY_TLS_URL,
    BY_MUTUAL_TLS,
    MODES
};

/* How a program is told: its options and variables, NULL at the end. */
struct told {
    const char *options[MAX_OPTIONS];
    const char *variables[MAX_OPTIONS];
};

static bool needs_openssl(int mode)
{
    return mode == BY_TLS || mode == BY_TLS_URL || mode == BY_MUTUAL_TLS;
}

/* "NAME=path of a file in the folder". */
static const char *variable(const char *name, const char *file)
{
    static char variables[4][PATH_BYTES];
    static unsigned next;
    char *text = variables[next++ % 4];
    (void)snprintf(text, PATH_BYTES, "%s=%s", name, in_folder(file));
    return text;
}

/* The server's configuration, and what the program is to be told. */
static void set_up(int mode, char config[CONFIG_BYTES], struct told *told)
{
    *told = (struct told){.options = {NULL}};
    switch ((enum mode)mode) {
    case BY_OPTION:
        *told = (struct told){.options = {"--user", USER, "--password", PASSWORD}};
        break;
    case BY_ENVIRONMENT:
        *told = (struct told){.variables = {"NATS_USER=" USER, "NATS_PASSWORD=" PASSWORD}};
        break;
    case BY_PASSWORD_FILE:
        *told = (struct told){.options = {"--user", USER, "--password-file", in_folder("password")}};
        break;
    case BY_PASSWORD_FILE_VARIABLE:
        *told = (struct told){.variables = {"NATS_USER=" USER, variable("NATS_PASSWORD_FILE", "password")}};
        break;
    case BY_URL_FILE:
        *told = (struct told){.variables = {variable("WASCC_KEYVALUE_SERVER_FILE", "url")}};
        break;
    case BY_NKEY:
        *told = (struct told){.options = {"--nkey", in_folder("user.nk")}};
        break;
    case BY_NKEY_JSON:
        *told = (struct told){.options = {"--nkey", in_folder("user.json")}};
        break;
    case BY_CREDS:
        *told = (struct told){.options = {"--creds", in_folder("user.creds")}};
        break;
    case BY_CREDS_OF_WINDOWS:
        *told = (struct told){.options = {"--creds", in_folder("windows.creds")}};
        break;
    case BY_TLS_URL:
        /* In the place of the system's certificates; OpenSSL looks there. */
        *told = (struct told){.variables = {variable("SSL_CERT_FILE", "ca.pem")}};
        break;
    case BY_TLS:
        *told = (struct told){.options = {"--tlsca", in_folder("ca.pem")}};
        break;
    case BY_MUTUAL_TLS:
        *told = (struct told){.options = {"--tlsca", in_folder("ca.pem"), "--tlscert",
                                          in_folder("client.pem"), "--tlskey", in_folder("client-key.pem")}};
        break;
    case BY_URL:
    case MODES:
        break;
    }
    if (mode == BY_CREDS || mode == BY_CREDS_OF_WINDOWS)
        configure_operator_mode(config);
    else if (needs_openssl(mode))
        configure_tls(config, "server", mode == BY_MUTUAL_TLS);
    else if (mode == BY_NKEY || mode == BY_NKEY_JSON)
        (void)snprintf(config, CONFIG_BYTES, "authorization { users: [ { nkey: \"%s\" } ] }\n",
                       user_key.public_key);
    else
        (void)snprintf(config, CONFIG_BYTES,
                       "authorization { user: \"" USER "\", password: \"" PASSWORD "\" }\n");
}

/* The server's URL as the program is told it. Where a file has it, as an editor of Windows left it, the
 * option must not. */
static const char *url_for(int mode, const struct nats_server *server)
{
    static char url[URL_BYTES];
    const char *form = mode == BY_URL || mode == BY_URL_FILE ? "nats://" USER ":" PASSWORD "@127.0.0.1:%d"
                       : mode == BY_TLS_URL                  ? "tls://127.0.0.1:%d"
                                                             : "nats://127.0.0.1:%d";
    (void)snprintf(url, sizeof url, form, server->port);
    if (mode != BY_URL_FILE)
        return url;
    char text[URL_BYTES + 16];
    (void)snprintf(text, sizeof text, "\xef\xbb\xbf%s\r\n\r\n", url);
    write_file("url", text);
    return NULL;
}

static size_t add_all(const char **argv, size_t count, const char *const *more)
{
    for (; *more != NULL; more++)
        argv[count++] = *more;
    argv[count] = NULL;
    return count;
}

static void start_provider(struct process *provider, const char *url, const struct told *told)
{
    const char *argv[MAX_OPTIONS + 16] = {provider_program(), "serve", "--auth", "none", "--workers", "2"};
    const char *const server[] = {url == NULL ? NULL : "--server", url, NULL};
    (void)add_all(argv, add_all(argv, 6, server), told->options);
    process_start(provider, argv, program_environment(told->variables), NULL);
}

static void await_ready(struct process *provider)
{
    char id[INSTANCE_ID_BYTES];
    provider_await_ready(provider, id);
}

/* A command of the program to its end, told the same. */
static int run_command(struct process *process, const char *url, const struct told *told,
                       const char *const *arguments)
{
    const char *argv[MAX_OPTIONS * 2 + 16] = {provider_program(), arguments[0], "--timeout", "20s"};
    const char *const server[] = {url == NULL ? NULL : "--server", url, NULL};
    size_t count = add_all(argv, add_all(argv, 4, server), told->options);
    (void)add_all(argv, count, arguments + 1);
    return process_run(process, argv, program_environment(told->variables), NULL);
}

static void check_command(const char *url, const struct told *told, const char *expected, ...)
{
    struct process process;
    const char *arguments[8] = {NULL};
    va_list list;
    va_start(list, expected);
    for (size_t i = 0; i < 7 && (i == 0 || arguments[i - 1] != NULL); i++)
        arguments[i] = va_arg(list, const char *);
    va_end(list);
    int status = run_command(&process, url, told, arguments);
    ck_assert_msg(status == 0, "%s ended with %d: %s", arguments[0], status, process.err.bytes);
    ck_assert_msg(strstr(process.out.bytes, expected) != NULL, "%s said: %s", arguments[0],
                  process.out.bytes);
    process_destroy(&process);
}

/* "No secret is ever printed or logged." */
static void check_no_secret(const struct process *process)
{
    const char *const secrets[] = {PASSWORD, OTHER_PASSWORD, user_key.seed, other_key.seed, account_key.seed};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
        ck_assert_msg(strstr(process->err.bytes, secrets[i]) == NULL &&
                          strstr(process->out.bytes, secrets[i]) == NULL,
                      "a secret is printed: %s", process->err.bytes);
}

/* What ps shows of the process. */
static void check_command_line(const struct process *process)
{
    char path[64], line[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)process->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ssize_t len = read(fd, line, sizeof line);
    (void)close(fd);
    ck_assert_int_gt(len, 0);
    ck_assert_ptr_null(memmem(line, (size_t)len, PASSWORD, strlen(PASSWORD)));
}

/* ---- clients ---- */

static natsStatus sign(char **custom, unsigned char **signature, int *len, const char *nonce, void *closure)
{
    (void)custom;
    *signature = malloc(WKV_NKEY_SIGNATURE_BYTES);
    wkv_nkey_seed_sign(closure, nonce, strlen(nonce), *signature);
    *len = WKV_NKEY_SIGNATURE_BYTES;
    return NATS_OK;
}

/* A client that nats.c makes by itself, without the program's own code. */
static void open_client(struct client *client, int mode, const struct nats_server *server)
{
    natsOptions *options = NULL;
    *client = (struct client){.connection = NULL};
    client_call_on(client, DEFAULT_BASE, ACTOR);
    ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
    ck_assert_int_eq(natsOptions_SetURL(options, server->url), NATS_OK);
    ck_assert_int_eq(natsOptions_SetTimeout(options, WAIT_MS), NATS_OK);
    ck_assert_int_eq(natsOptions_SetSendAsap(options, true), NATS_OK);
    natsStatus status = NATS_OK;
    if (mode <= BY_URL)
        status = natsOptions_SetUserInfo(options, USER, PASSWORD);
    else if (mode == BY_NKEY || mode == BY_NKEY_JSON)
        status = natsOptions_SetNKey(options, user_key.public_key, sign, user_key.pair);
    else if (mode == BY_CREDS || mode == BY_CREDS_OF_WINDOWS)
        status = natsOptions_SetUserCredentialsFromFiles(options, in_folder("user.creds"), NULL);
    else
        status = natsOptions_LoadCATrustedCertificates(options, in_folder("ca.pem"));
    if (status == NATS_OK && mode == BY_MUTUAL_TLS)
        status =
            natsOptions_LoadCertificatesChain(options, in_folder("client.pem"), in_folder("client-key.pem"));
    if (status == NATS_OK && needs_openssl(mode))
        status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK)
        status = natsConnection_Connect(&client->connection, options);
    /* nats-server 2.9 refuses about one in two hundred of the signatures that nats.c 3.4 sends. */
    for (int i = 0; i < 2 && status == NATS_CONNECTION_AUTH_FAILED; i++)
        status = natsConnection_Connect(&client->connection, options);
    natsOptions_Destroy(options);
    ck_assert_msg(status == NATS_OK, "a client cannot connect: %s", natsStatus_GetText(status));
}

static void check_serves(int mode, const struct nats_server *server, int expected)
{
    struct client client;
    open_client(&client, mode, server);
    ck_assert_int_eq(client_add(&client, PROTOBUF, "counter", 1), expected);
    client_close(&client);
}

/* Asks until somebody listens: a loop sends its subscriptions again a moment after it has connected. */
static void await_listener(int mode, const struct nats_server *server)
{
    struct client client;
    long long deadline_ms = now_ms() + WAIT_MS;
    natsStatus status = NATS_NO_RESPONDERS;
    open_client(&client, mode, server);
    while (status == NATS_NO_RESPONDERS && now_ms() < deadline_ms) {
        struct answer answer = client_send(&client, "KeyExists", "{\"key\":\"a\"}", 11);
        status = answer.status;
        answer_free(&answer);
    }
    ck_assert_msg(status == NATS_OK, "nobody serves: %s", natsStatus_GetText(status));
    client_close(&client);
}

static void await_reconnected(struct process *provider, int mode, const struct nats_server *server)
{
    for (int i = 0; i < 5; i++) /* system, discovery, watches and two workers */
        (void)process_await_line(provider, ": reconnected");
    await_listener(mode, server);
}

/* ---- right ---- */

START_TEST(serves_and_reconnects_in_every_mode)
{
    struct nats_server server;
    struct process provider;
    struct told told;
    char config[CONFIG_BYTES];
    if (needs_openssl(_i) && !have_openssl)
        return;
    set_up(_i, config, &told);
    nats_server_start(&server, config);
    start_provider(&provider, url_for(_i, &server), &told);
    await_ready(&provider);
    check_command_line(&provider);
    check_serves(_i, &server, 1);
    /* A plain connection of nats.c 3.4 reads from OpenSSL on one thread and writes on another without a lock,
     * which ThreadSanitizer sees. serve does both on its loop's thread. */
    if (!(needs_openssl(_i) && BUILT_FOR_THREADS)) {
        check_command(url_for(_i, &server), &told, "ok: instance", "health", NULL);
        check_command(url_for(_i, &server), &told, "\"value\":2", "call", "Add",
                      "{\"key\":\"counter\",\"value\":1}", NULL);
    } else {
        check_serves(_i, &server, 2);
    }
    for (int i = 0; i < 2; i++) {
        /* Without a farewell, and with one: with TLS these are two ways of ending. */
        if (i == 1) {
            process_signal(&server.process, SIGTERM);
            (void)process_await_exit(&server.process);
        }
        nats_server_kill(&server);
        nats_server_start_on(&server, server.port, config);
        await_reconnected(&provider, _i, &server);
        check_serves(_i, &server, 3 + i);
    }
    process_read(&provider);
    check_no_secret(&provider);
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

/* ---- contexts of the nats CLI ---- */

/* Writes the context `this`: what the options say, in the names of ADR-21. */
static void write_context(const struct nats_server *server, const struct told *told)
{
    static const char *const names[][2] = {
        {"--user", "user"}, {"--password", "password"}, {"--nkey", "nkey"}, {"--creds", "creds"},
        {"--tlsca", "ca"},  {"--tlscert", "cert"},      {"--tlskey", "key"}};
    json_t *context = json_pack("{s:s}", "url", server->url);
    for (size_t i = 0; told->options[i] != NULL; i += 2)
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            if (strcmp(told->options[i], names[j][0]) == 0)
                (void)json_object_set_new(context, names[j][1], json_string(told->options[i + 1]));
    char *text = json_dumps(context, JSON_INDENT(2));
    ck_assert_ptr_nonnull(text);
    (void)mkdir(in_folder("nats"), 0700);
    (void)mkdir(in_folder("nats/context"), 0700);
    write_file("nats/context/this.json", text);
    free(text);
    json_decref(context);
}

START_TEST(clients_are_told_by_a_context)
{
    static const int modes[] = {BY_OPTION, BY_NKEY, BY_CREDS, BY_TLS, BY_MUTUAL_TLS};
    struct nats_server server;
    struct process provider;
    struct told told, context = {.variables = {"NATS_CONTEXT=this", variable("XDG_CONFIG_HOME", "")}};
    char config[CONFIG_BYTES];
    if (needs_openssl(modes[_i]) && (!have_openssl || BUILT_FOR_THREADS))
        return;
    set_up(modes[_i], config, &told);
    nats_server_start(&server, config);
    start_provider(&provider, server.url, &told);
    await_ready(&provider);
    write_context(&server, &told);
    check_command(NULL, &context, "ok: instance", "health", NULL);
    check_command(NULL, &context, "\"value\":1", "call", "Add", "{\"key\":\"counter\",\"value\":1}", NULL);
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

/* ---- much ---- */

#define LARGE_BYTES ((size_t)900 * 1024)

static void check_large(struct client *client, const char *key, enum encoding encoding)
{
    char *value = malloc(LARGE_BYTES + 1);
    ck_assert_ptr_nonnull(value);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        value[i] = (char)('a' + (i / 7 + i % 11) % 26);
    value[LARGE_BYTES] = '\0';
    json_decref(client_call(client, encoding, "Set", "{s:s,s:s}", "key", key, "value", value));
    json_t *reply = client_call(client, encoding, "Get", "{s:s}", "key", key);
    ck_assert_int_eq(strcmp(json_string_value(json_object_get(reply, "value")), value), 0);
    json_decref(reply);
    free(value);
}

/* Replies of many records each, all asked for at once: what is written does not fit the socket. On a busy
 * machine some are more than may wait to be sent, and these are refused. */
static void check_large_in_flight(struct client *client, const char *key, size_t count)
{
    struct pipeline pipeline;
    size_t len, large = 0;
    json_t *request = json_pack("{s:s}", "key", key);
    void *bytes = message_pack(PROTOBUF, "Get", request, &len);
    pipeline_open(&pipeline, client, count);
    for (size_t i = 0; i < count; i++)
        ck_assert(pipeline_send(&pipeline, "Get", bytes, len));
    while (pipeline.received < count) {
        natsMsg *message;
        ck_assert_msg(pipeline_receive(&pipeline, WAIT_MS, &message), "%zu of %zu replies came",
                      pipeline.received, count);
        ck_assert_ptr_nonnull(message);
        bool whole = natsMsg_GetDataLength(message) > (int)LARGE_BYTES;
        ck_assert_msg(whole || strncmp(natsMsg_GetData(message), "Failed (503): Get: overloaded", 29) == 0,
                      "a reply of %d bytes", natsMsg_GetDataLength(message));
        large += whole;
        natsMsg_Destroy(message);
    }
    ck_assert_uint_gt(large, 0);
    pipeline_close(&pipeline);
    free(bytes);
    json_decref(request);
}

static void check_many_in_flight(struct client *client, size_t count)
{
    struct pipeline pipeline;
    size_t len;
    json_t *request = json_pack("{s:s,s:i}", "key", "many", "value", 1);
    void *bytes = message_pack(PROTOBUF, "Add", request, &len);
    pipeline_open(&pipeline, client, count);
    for (size_t i = 0; i < count; i++)
        ck_assert(pipeline_send(&pipeline, "Add", bytes, len));
    pipeline_settle(&pipeline, 0);
    ck_assert_uint_eq(pipeline.ok, count);
    pipeline_close(&pipeline);
    ck_assert_int_eq(client_add(client, PROTOBUF, "many", 0), (int)count);
    free(bytes);
    json_decref(request);
}

START_TEST(large_messages_and_many_pass_through_tls)
{
    static const int modes[] = {BY_OPTION, BY_TLS, BY_MUTUAL_TLS};
    struct nats_server server;
    struct process provider;
    struct client client;
    struct told told;
    char config[CONFIG_BYTES];
    if (needs_openssl(modes[_i]) && !have_openssl)
        return;
    set_up(modes[_i], config, &told);
    nats_server_start(&server, config);
    start_provider(&provider, url_for(modes[_i], &server), &told);
    await_ready(&provider);
    /* Once more after a reconnect: the loops have seen a connection end by then. */
    for (int i = 0; i < 2; i++) {
        open_client(&client, modes[_i], &server);
        check_large(&client, "large", PROTOBUF);
        check_large(&client, "large", JSON);
        check_large_in_flight(&client, "large", 40);
        json_decref(client_call(&client, PROTOBUF, "Del", "{s:s}", "key", "many"));
        check_many_in_flight(&client, 20000);
        client_close(&client);
        nats_server_kill(&server);
        nats_server_start_on(&server, server.port, config);
        await_reconnected(&provider, modes[_i], &server);
    }
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

/* ---- wrong, where the server may change its mind ---- */

/* Nobody here has its seed. */
#define OTHER_NKEY "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

static const struct refusal {
    const char *name;
    int serves_as; /* how the server is configured when it has changed its mind */
    const char
        *at_first; /* how it is before: a configuration, a certificate's name for TLS, NULL: the same mode */
    bool mutual;
    bool tls;
    const char *options[MAX_OPTIONS]; /* files as @name */
    const char *says;
} refusals[] = {
    {"wrong password",
     BY_OPTION,
     "authorization { user: \"" USER "\", password: \"" OTHER_PASSWORD "\" }",
     false,
     false,
     {"--user", USER, "--password", PASSWORD},
     ": wrong user or password"},
    {"no nkeys at all",
     BY_NKEY,
     "authorization { user: \"" USER "\", password: \"" OTHER_PASSWORD "\" }",
     false,
     false,
     {"--nkey", "@user.nk"},
     ": the server knows no nkeys"},
    {"unknown nkey",
     BY_NKEY,
     "authorization { users: [ { nkey: " OTHER_NKEY " } ] }",
     false,
     false,
     {"--nkey", "@user.nk"},
     ": the server does not let in the user of --nkey"},
    {"unknown operator",
     BY_CREDS,
     "authorization { users: [ { nkey: " OTHER_NKEY " } ] }",
     false,
     false,
     {"--creds", "@user.creds"},
     ": the server does not let in the user of --creds"},
    {"untrusted CA",
     BY_TLS,
     "other-server",
     false,
     true,
     {"--tlsca", "@ca.pem"},
     ": unknown CA: the certificates of --tlsca"},
    {"a certificate for somebody else",
     BY_TLS,
     "wrong-name",
     false,
     true,
     {"--tlsca", "@ca.pem"},
     ": the server's certificate is for another name than the URL's"},
    {"missing client certificate",
     BY_TLS,
     "server",
     true,
     true,
     {"--tlsca", "@ca.pem"},
     "does it ask for a client's certificate"},
    {"a server without TLS", BY_TLS, "", false, false, {"--tlsca", "@ca.pem"}, ": that server offers no TLS"},
};

static void fill_in_files(const char *const *options, struct told *told)
{
    *told = (struct told){.options = {NULL}};
    for (size_t i = 0; options[i] != NULL; i++)
        told->options[i] = options[i][0] == '@' ? in_folder(options[i] + 1) : options[i];
}

START_TEST(keeps_trying_where_the_server_may_change_its_mind)
{
    const struct refusal *refusal = &refusals[_i];
    struct nats_server server;
    struct process provider;
    struct told told, unused;
    char config[CONFIG_BYTES], first[CONFIG_BYTES];
    if (needs_openssl(refusal->serves_as) && !have_openssl)
        return;
    set_up(refusal->serves_as, config, &unused);
    if (refusal->tls)
        configure_tls(first, refusal->at_first, refusal->mutual);
    else
        (void)snprintf(first, sizeof first, "%s", refusal->at_first);
    fill_in_files(refusal->options, &told);
    nats_server_start(&server, first);
    start_provider(&provider, server.url, &told);
    for (int i = 0; i < 2; i++) {
        char line[1024];
        const char *said = process_await_line(&provider, "trying again in");
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(said, "\n"), said);
        ck_assert_msg(strstr(line, "cannot connect to nats://127.0.0.1:") != NULL &&
                          strstr(line, refusal->says) != NULL,
                      "%s: \"%s\" is not in: %s", refusal->name, refusal->says, line);
        ck_assert_msg(strstr(line, ".c:") == NULL && strstr(line, "depth=") == NULL, "a library's: %s", line);
    }
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port, config);
    await_ready(&provider);
    check_serves(refusal->serves_as, &server, 1);
    check_no_secret(&provider);
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

/* What it holds in memory would be gone: a process that serves does not end because it is refused. */
START_TEST(a_refusal_while_serving_does_not_end_the_process)
{
    struct nats_server server;
    struct process provider;
    struct told told;
    char config[CONFIG_BYTES];
    set_up(BY_OPTION, config, &told);
    nats_server_start(&server, config);
    start_provider(&provider, server.url, &told);
    await_ready(&provider);
    check_serves(BY_OPTION, &server, 1);
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port,
                         "authorization { user: \"" USER "\", password: \"" OTHER_PASSWORD "\" }\n");
    (void)process_await_line(&provider, "trying again in");
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port,
                         "authorization { users: [ { user: \"" USER "\", password: \"" PASSWORD
                         "\", permissions: { subscribe: { deny: [\"wasmbus.>\", \"$SRV.>\"] } } } ] }\n");
    (void)process_await_line(&provider, "refuses a subscription");
    (void)process_await_line(&provider, "trying again in");
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port, config);
    await_listener(BY_OPTION, &server);
    check_serves(BY_OPTION, &server, 2);
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

/* The seed is read for each connection: it may be away for a while, as where a file is replaced. */
START_TEST(a_seed_file_may_be_away_for_a_while)
{
    struct nats_server server;
    struct process provider;
    struct told told;
    char config[CONFIG_BYTES];
    set_up(BY_NKEY, config, &told);
    nats_server_start(&server, config);
    start_provider(&provider, server.url, &told);
    await_ready(&provider);
    check_serves(BY_NKEY, &server, 1);
    ck_assert_int_eq(rename(in_folder("user.nk"), in_folder("away.nk")), 0);
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port, config);
    for (int i = 0; i < 3; i++)
        (void)process_await_line(&provider, "--nkey: cannot read the seed's file");
    ck_assert_int_eq(rename(in_folder("away.nk"), in_folder("user.nk")), 0);
    await_reconnected(&provider, BY_NKEY, &server);
    check_serves(BY_NKEY, &server, 2);
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

/* "A rotated password works without restart": the file is read at each connect. */
START_TEST(a_password_is_rotated_without_a_restart)
{
    static const char other[] = "authorization { user: \"" USER "\", password: \"" OTHER_PASSWORD "\" }\n";
    struct nats_server server;
    struct process provider;
    struct told told;
    char config[CONFIG_BYTES];
    set_up(BY_PASSWORD_FILE, config, &told);
    nats_server_start(&server, config);
    start_provider(&provider, server.url, &told);
    await_ready(&provider);
    check_serves(BY_OPTION, &server, 1);
    ck_assert_int_eq(rename(in_folder("password"), in_folder("away")), 0);
    nats_server_kill(&server);
    nats_server_start_on(&server, server.port, other);
    (void)process_await_line(&provider, "--password-file: cannot read that file: No such file");
    (void)process_await_line(&provider, "trying again in");
    write_file("new", "");
    ck_assert_int_eq(rename(in_folder("new"), in_folder("password")), 0);
    (void)process_await_line(&provider, "--password-file: that file is empty");
    write_file("new", OTHER_PASSWORD "\r\n");
    ck_assert_int_eq(rename(in_folder("new"), in_folder("password")), 0);
    for (int i = 0; i < 5; i++)
        (void)process_await_line(&provider, ": reconnected");
    const char *const health[] = {"health", NULL};
    int status = 1;
    for (long long deadline_ms = now_ms() + WAIT_MS; status != 0 && now_ms() < deadline_ms;) {
        struct process process;
        status = run_command(&process, server.url, &told, health);
        ck_assert_msg(strstr(process.err.bytes, "uthorization") == NULL, "%s", process.err.bytes);
        process_destroy(&process);
    }
    ck_assert_int_eq(status, 0);
    process_read(&provider);
    check_no_secret(&provider);
    provider_stop(&provider);
    nats_server_kill(&server);
    write_file("password", PASSWORD "\n");
    harness_close_nats();
}
END_TEST

/* ---- wrong, whatever the server says ---- */

static const struct usage {
    const char *options[MAX_OPTIONS]; /* @name: a file; &: the user's seed itself */
    const char *says;
    bool needs_openssl;
} usages[] = {
    {{"--nkey", "@account.nk"}, "--nkey: the seed is of kind account", false},
    {{"--nkey", "@absent"}, "--nkey: cannot read the seed's file: No such file", false},
    {{"--nkey", "@garbage"}, "--nkey: ", false},
    {{"--nkey", "@"}, "--nkey: cannot read the seed's file: Is a directory", false},
    {{"--nkey", "&"}, "--nkey: give the name of a file that holds the seed", false},
    {{"--creds", "@absent"}, "--creds: cannot read that file: No such file", false},
    {{"--creds", "@"}, "--creds: cannot read that file: Is a directory", false},
    {{"--creds", "&"}, "--creds: cannot read that file: No such file", false},
    {{"--tlsca", "@absent"}, "--tlsca: cannot read that file: No such file", false},
    {{"--tlsca", "@garbage"}, "--tlsca: that file holds no certificates in PEM", false},
    {{"--tlscert", "@garbage"}, "--tlscert and --tlskey go together", false},
    {{"--tlskey", "@garbage"}, "--tlscert and --tlskey go together", false},
    {{"--tlscert", "@garbage", "--tlskey", "@absent"}, "--tlskey: cannot read that file", false},
    {{"--tlscert", "@client.pem", "--tlskey", "@ca-key.pem"}, "are no certificate and its key", true},
    {{"--tlsca", "@ca-key.pem"}, "--tlsca: that file holds no certificates in PEM", true},
    {{"--user", USER}, "--user and --password go together", false},
    {{"--password", PASSWORD}, "--user and --password go together", false},
    {{"--creds", "@garbage"}, "--creds: that file holds no credentials", false},
    {{"--creds", "@torn.creds"}, "--creds: the credentials' seed: ", false},
    {{"--creds", "@other.creds"}, "--creds: the credentials' seed and JWT are not the same user's", false},
    {{"--creds", "@pipe"}, "--creds: cannot read that file: it is not a regular file", false},
    {{"--nkey", "@pipe"}, "--nkey: cannot read the seed's file: it is not a regular file", false},
    {{"--tlsca", "@pipe"}, "--tlsca: cannot read that file: it is not a regular file", false},
    {{"--user", USER, "--password", PASSWORD "\n"}, "the NATS password has a control character", false},
    {{"--user", USER "\x7f", "--password", PASSWORD}, "the NATS user has a control character", false},
    {{"--user", USER, "--password", PASSWORD "\xff"}, "the NATS password is not UTF-8", false},
    {{"--user", USER, "--password-file", "@absent"},
     "--password-file: cannot read that file: No such",
     false},
    {{"--user", USER, "--password-file", "@pipe"},
     "--password-file: cannot read that file: it is not",
     false},
    {{"--user", USER, "--password-file", "@"}, "--password-file: cannot read that file: Is a dir", false},
    {{"--user", USER, "--password-file", "@empty"}, "--password-file: that file is empty", false},
    {{"--user", USER, "--password-file", "@two-lines"},
     "--password-file: the NATS password has a contr",
     false},
    {{"--password-file", "@garbage"}, "--user and --password go together (or --password-file)", false},
    {{"--user", USER, "--password", PASSWORD, "--password-file", "@garbage"}, "exclude each other", false},
    {{"--inbox-prefix", "_INBOX.>"}, "--inbox-prefix takes a subject without wildcards", false},
    {{"--inbox-prefix", "_INBOX..x"}, "--inbox-prefix takes a subject without wildcards", false},
    {{"--inbox-prefix", "_INBOX x"}, "--inbox-prefix takes a subject without wildcards", false},
};

START_TEST(what_cannot_work_ends_at_once_with_one_clear_line)
{
    static const char *const commands[][4] = {
        {"serve", "--auth", "none", NULL}, {"health", NULL}, {"call", NULL}};
    const struct usage *usage = &usages[_i];
    if (usage->needs_openssl && !have_openssl)
        return;
    for (size_t i = 0; i < 3; i++) {
        struct process process;
        struct told told;
        const char *argv[MAX_OPTIONS + 16] = {provider_program()};
        fill_in_files(usage->options, &told);
        for (size_t j = 0; told.options[j] != NULL; j++)
            if (strcmp(told.options[j], "&") == 0)
                told.options[j] = user_key.seed;
        size_t count = add_all(argv, 1, commands[i]);
        count = add_all(argv, count, told.options);
        static const char *const request[] = {"Get", "{\"key\":\"a\"}", NULL};
        if (i == 2)
            (void)add_all(argv, count, request);
        int status = process_run(&process, argv, program_environment(NULL), NULL);
        ck_assert_msg(status == 64, "%s: exit %d: %s", usage->says, status, process.err.bytes);
        const char *line = strstr(process.err.bytes, usage->says);
        ck_assert_msg(line != NULL, "\"%s\" is not in: %s", usage->says, process.err.bytes);
        ck_assert_msg(strchr(line, '\n') == process.err.bytes + process.err.len - 1, "more than a line: %s",
                      line);
        check_no_secret(&process);
        process_destroy(&process);
    }
}
END_TEST

/* A client of a command names what the server has against it. */
START_TEST(call_and_health_say_why_they_cannot_connect)
{
    struct nats_server server;
    struct process process;
    struct told told = {.options = {"--user", USER, "--password", OTHER_PASSWORD}};
    char config[CONFIG_BYTES];
    static const char *const commands[][4] = {{"health", NULL}, {"call", "Get", "{\"key\":\"a\"}", NULL}};
    struct told unused;
    set_up(BY_OPTION, config, &unused);
    nats_server_start(&server, config);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(run_command(&process, server.url, &told, commands[i]), 1);
        ck_assert_msg(strstr(process.err.bytes, ": wrong user or password\n") != NULL, "%s",
                      process.err.bytes);
        ck_assert_msg(strstr(process.err.bytes, "conn.c") == NULL, "a place in nats.c: %s",
                      process.err.bytes);
        check_no_secret(&process);
        process_destroy(&process);
    }
    nats_server_kill(&server);
}
END_TEST

/* ---- deploy/nats/server.conf ---- */

#define OTHER_ACTOR "MB4OLDIC3TCZ4Q4TGGOVAZC43VXFE2JQVRAXQMQFXUCREOOFEKOKZTY2"
#define SYSTEM_ACTOR "system"

/* How its users are told to the program. */
static const struct told as_provider = {.options = {"--user", "provider", "--password", "provider-pw"}};
static const struct told as_host = {
    .options = {"--user", "host", "--password", "host-pw", "--inbox-prefix", "_INBOX.host"}};
static const struct told as_operator = {
    .options = {"--user", "operator", "--password", "operator-pw"},
    .variables = {"NATS_INBOX_PREFIX=_INBOX.operator"},
};

static struct nats_server lattice;
static struct process lattice_provider;

static void set_passwords(void)
{
    (void)setenv("PROVIDER_PASSWORD", "provider-pw", 1);
    (void)setenv("HOST_PASSWORD", "host-pw", 1);
    (void)setenv("OPERATOR_PASSWORD", "operator-pw", 1);
}

/* With JetStream, which not every provider needs: what its users may do must hold there, too. */
static void start_lattice(void)
{
    char both[CONFIG_BYTES * 3], store[STORE_CONFIG_BYTES];
    int port = free_port();
    set_passwords();
    store_config(port, store);
    char *config = read_text(WKV_SOURCE_DIR "/deploy/nats/server.conf");
    (void)snprintf(both, sizeof both, "%s%s", config, store);
    nats_server_start_on(&lattice, port, both);
    free(config);
}

static void lattice_open(void)
{
    start_lattice();
    start_provider(&lattice_provider, lattice.url, &as_provider);
    await_ready(&lattice_provider);
}

static void lattice_close(void)
{
    provider_stop(&lattice_provider);
    nats_server_kill(&lattice);
    harness_close_nats();
}

static void ignore_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                         void *closure)
{
    (void)connection;
    (void)subscription;
    (void)status;
    (void)closure;
}

/* A client of one of the users; the inbox prefix may be NULL. */
static void open_as(struct client *client, const char *user, const char *password, const char *inbox_prefix)
{
    natsOptions *options = NULL;
    *client = (struct client){.connection = NULL};
    client_call_on(client, DEFAULT_BASE, ACTOR);
    ck_assert_int_eq(natsOptions_Create(&options), NATS_OK);
    ck_assert_int_eq(natsOptions_SetURL(options, lattice.url), NATS_OK);
    ck_assert_int_eq(natsOptions_SetUserInfo(options, user, password), NATS_OK);
    ck_assert_int_eq(natsOptions_SetSendAsap(options, true), NATS_OK);
    ck_assert_int_eq(natsOptions_SetErrorHandler(options, ignore_error, NULL), NATS_OK);
    if (inbox_prefix != NULL)
        ck_assert_int_eq(natsOptions_SetCustomInboxPrefix(options, inbox_prefix), NATS_OK);
    ck_assert_int_eq(natsConnection_Connect(&client->connection, options), NATS_OK);
    natsOptions_Destroy(options);
}

/* That the server has refused the last thing said, in words with `what` and `subject`. */
static void check_denied(struct client *client, const char *what, const char *subject)
{
    char words[512];
    const char *text = "";
    (void)snprintf(words, sizeof words, "Permissions Violation for %s to \"%s\"", what, subject);
    ck_assert_int_eq(natsConnection_FlushTimeout(client->connection, WAIT_MS), NATS_OK);
    natsStatus status = natsConnection_GetLastError(client->connection, &text);
    ck_assert_msg(status == NATS_NOT_PERMITTED && strstr(text, words) != NULL, "%s to %s is allowed: %s",
                  what, subject, text);
}

static void check_publish_denied(struct client *client, const char *subject)
{
    ck_assert_int_eq(
        natsConnection_PublishString(client->connection, subject, "{\"key\":\"stolen\",\"value\":\"1\"}"),
        NATS_OK);
    check_denied(client, "Publish", subject);
}

/* With a queue group the server names that too, after the subject. */
static void check_subscribe_denied(struct client *client, const char *subject, const char *queue)
{
    natsSubscription *subscription = NULL;
    natsStatus status =
        queue == NULL ? natsConnection_SubscribeSync(&subscription, client->connection, subject)
                      : natsConnection_QueueSubscribeSync(&subscription, client->connection, subject, queue);
    ck_assert_int_eq(status, NATS_OK);
    check_denied(client, "Subscription", subject);
    natsSubscription_Destroy(subscription);
}

START_TEST(nats_server_takes_the_configuration)
{
    struct process process;
    const char *const argv[] = {"nats-server", "-t", "-c", WKV_SOURCE_DIR "/deploy/nats/server.conf", NULL};
    set_passwords();
    int status = process_run(&process, argv, NULL, NULL);
    ck_assert_msg(status == 0, "%s%s", process.out.bytes, process.err.bytes);
    process_destroy(&process);
    /* A password that is not there is no empty password. */
    (void)unsetenv("HOST_PASSWORD");
    ck_assert_int_ne(process_run(&process, argv, NULL, NULL), 0);
    process_destroy(&process);
}
END_TEST

START_TEST(the_hosts_user_is_served_for_its_actor_and_for_system)
{
    struct client client;
    open_as(&client, "host", "host-pw", "_INBOX.host");
    for (int encoding = 0; encoding < ENCODINGS; encoding++)
        ck_assert_int_eq(client_add(&client, encoding, "own", 1), encoding + 1);
    client_call_on(&client, DEFAULT_BASE, SYSTEM_ACTOR);
    struct answer answer = client_send(&client, "HealthRequest", "{}", 2);
    ck_assert_int_eq(answer.status, NATS_OK);
    ck_assert_int_eq(answer.code, 0);
    answer_free(&answer);
    client_close(&client);
    check_command(lattice.url, &as_host, "\"value\":3", "call", "Add", "{\"key\":\"own\",\"value\":1}", NULL);
    check_command(lattice.url, &as_host, "", "call", "--actor", "system", "HealthRequest", "{}", NULL);
}
END_TEST

START_TEST(the_hosts_user_is_refused_by_the_server_for_all_else)
{
    static const char *const publishes[] = {
        DEFAULT_BASE "." OTHER_ACTOR ".Set",
        "wasmbus.provider.wascc.keyvalue.other." ACTOR ".Set",
        DEFAULT_BASE "." OTHER_ACTOR,
        "wasmbus.provider.wascc.keyvalue.other",
        DEFAULT_BASE ".system",
        "wasmbus.inventory",
        "$SRV.PING",
        "_INBOX.operator.x",
    };
    static const char *const subscribes[] = {
        DEFAULT_BASE ".*.Set", DEFAULT_BASE ".>", DEFAULT_BASE "." ACTOR ".Set", ">", "_INBOX.>", "_INBOX.*",
        "_INBOX.operator.>",   "$SRV.PING",
    };
    struct client client;
    open_as(&client, "host", "host-pw", "_INBOX.host");
    for (size_t i = 0; i < sizeof publishes / sizeof publishes[0]; i++)
        check_publish_denied(&client, publishes[i]);
    for (size_t i = 0; i < sizeof subscribes / sizeof subscribes[0]; i++) {
        check_subscribe_denied(&client, subscribes[i], NULL);
    }
    ck_assert(!client_exists(&client, "stolen"));
    client_close(&client);
}
END_TEST

/* A reply subject is a subject that the provider publishes on: it must not be another actor's. Read as a
 * request, the reply to this Get would delete the victim, whose name is its first field. */
static void check_no_replies_as_others(struct client *client)
{
    json_decref(client_call(client, PROTOBUF, "Set", "{s:s,s:s}", "key", "a", "value", "victim"));
    json_decref(client_call(client, PROTOBUF, "Set", "{s:s,s:s}", "key", "victim", "value", "1"));
    ck_assert_int_eq(natsConnection_PublishRequest(client->connection, DEFAULT_BASE "." ACTOR ".Get",
                                                   DEFAULT_BASE "." OTHER_ACTOR ".Del",
                                                   "\x0a\x01"
                                                   "a",
                                                   3),
                     NATS_OK);
    for (int i = 0; i < 100; i++) /* on both workers, so that what was before has been handled */
        ck_assert(client_exists(client, "victim"));
}

START_TEST(a_host_cannot_have_the_provider_speak_as_another_actor)
{
    struct client client;
    open_as(&client, "host", "host-pw", "_INBOX.host");
    check_no_replies_as_others(&client);
    client_close(&client);
}
END_TEST

/* Also where the server lets the provider answer to whatever reply subject a request names. */
START_TEST(the_provider_does_not_reply_to_its_own_subjects)
{
    struct nats_server server;
    struct process provider;
    struct client client;
    nats_server_start(&server, NULL);
    provider_serve(&provider, server.url, NULL);
    client_open(&client, server.url);
    check_no_replies_as_others(&client);
    client_close(&client);
    provider_stop(&provider);
    nats_server_kill(&server);
    harness_close_nats();
}
END_TEST

START_TEST(an_operator_finds_the_service_and_reaches_no_data)
{
    struct client client;
    natsMsg *pong = NULL;
    open_as(&client, "operator", "operator-pw", "_INBOX.operator");
    ck_assert_int_eq(natsConnection_RequestString(&pong, client.connection, "$SRV.PING", "", WAIT_MS),
                     NATS_OK);
    ck_assert_ptr_nonnull(memmem(natsMsg_GetData(pong), (size_t)natsMsg_GetDataLength(pong),
                                 "\"wascc-keyvalue\"", strlen("\"wascc-keyvalue\"")));
    natsMsg_Destroy(pong);
    check_publish_denied(&client, DEFAULT_BASE "." ACTOR ".Get");
    check_publish_denied(&client, DEFAULT_BASE ".system.GetCapabilityDescriptor");
    check_subscribe_denied(&client, DEFAULT_BASE ".*.Get", NULL);
    check_subscribe_denied(&client, "_INBOX.host.>", NULL);
    client_close(&client);
    check_command(lattice.url, &as_operator, "ok: instance", "health", NULL);
}
END_TEST

/* With the queue group's name another user would get every second request, and could answer it. */
START_TEST(nobody_else_can_join_the_providers_queue_group)
{
    static const char *const users[][3] = {{"host", "host-pw", "_INBOX.host"},
                                           {"operator", "operator-pw", "_INBOX.operator"}};
    for (size_t i = 0; i < 2; i++) {
        struct client thief, client;
        open_as(&thief, users[i][0], users[i][1], users[i][2]);
        open_as(&client, "host", "host-pw", "_INBOX.host");
        natsSubscription *stolen = NULL;
        ck_assert_int_eq(natsConnection_QueueSubscribeSync(&stolen, thief.connection, DEFAULT_BASE ".*.Add",
                                                           "wascc.keyvalue.default"),
                         NATS_OK);
        check_denied(&thief, "Subscription", DEFAULT_BASE ".*.Add");
        for (int j = 1; j <= 50; j++)
            ck_assert_int_eq(client_add(&client, PROTOBUF, users[i][0], 1), j);
        natsMsg *message = NULL;
        ck_assert_int_eq(natsSubscription_NextMsg(&message, stolen, 0), NATS_TIMEOUT);
        natsSubscription_Destroy(stolen);
        client_close(&client);
        client_close(&thief);
    }
}
END_TEST

/* Replies would come where it may not listen: that is said, and not "timeout". */
START_TEST(call_and_health_without_the_inbox_prefix_say_what_is_wrong)
{
    static const struct told host = {
        .options = {"--user", "host", "--password", "host-pw", "--timeout", "500ms"}};
    static const struct told operator= {
        .options = {"--user", "operator", "--password", "operator-pw", "--timeout", "500ms"}};
    static const char *const call[] = {"call", "Get", "{\"key\":\"a\"}", NULL};
    static const char *const health[] = {"health", NULL};
    struct process process;
    ck_assert_int_eq(run_command(&process, lattice.url, &host, call), 1);
    ck_assert_msg(strstr(process.err.bytes, "Permissions Violation for Subscription") != NULL, "%s",
                  process.err.bytes);
    process_destroy(&process);
    ck_assert_int_eq(run_command(&process, lattice.url, &operator, health), 1);
    ck_assert_msg(strstr(process.err.bytes, "--inbox-prefix") != NULL, "%s", process.err.bytes);
    process_destroy(&process);
}
END_TEST

START_TEST(a_provider_with_a_hosts_user_ends_with_a_clear_line)
{
    struct process provider;
    start_provider(&provider, lattice.url, &as_host);
    ck_assert_int_eq(process_await_exit(&provider), 1);
    ck_assert_msg(strstr(provider.err.bytes,
                         "the server refuses a subscription (Permissions Violation for Subscription") != NULL,
                  "%s", provider.err.bytes);
    ck_assert_ptr_null(strstr(provider.err.bytes, "ready: "));
    process_destroy(&provider);
}
END_TEST

/* Who may not ask whether another instance serves may not take it that none does. */
START_TEST(a_provider_that_may_not_ask_for_others_ends_with_a_clear_line)
{
    struct nats_server server;
    struct process provider;
    static const struct told told = {.options = {"--user", USER, "--password", PASSWORD}};
    nats_server_start(&server, "authorization { users: [ { user: \"" USER "\", password: \"" PASSWORD
                               "\", permissions: { publish: [\"_INBOX.>\"], subscribe: [\">\"] } } ] }\n");
    start_provider(&provider, server.url, &told);
    ck_assert_int_eq(process_await_exit(&provider), 1);
    ck_assert_msg(strstr(provider.err.bytes, "does not let this user ask for instances") != NULL, "%s",
                  provider.err.bytes);
    process_destroy(&provider);
    nats_server_kill(&server);
}
END_TEST

START_TEST(a_second_provider_is_found_under_the_permissions)
{
    struct process provider;
    start_provider(&provider, lattice.url, &as_provider);
    ck_assert_int_eq(process_await_exit(&provider), 69);
    process_destroy(&provider);
}
END_TEST

/* ---- the streams of the engine jetstream ---- */

#define LOG_STREAM "WKV-LOG-default-caeaa1ac"
#define SNAP_STREAM "WKV-SNAP-default-caeaa1ac"

static const struct told as_replica = {.options = {"--user", "provider", "--password", "provider-pw",
                                                   "--engine", "jetstream", "--snapshot-every", "1s"}};

static void replica_open(void)
{
    start_lattice();
    start_provider(&lattice_provider, lattice.url, &as_replica);
    await_ready(&lattice_provider);
}

static void check_no_violation(void)
{
    process_read(&lattice.process);
    ck_assert_msg(strstr(lattice.process.err.bytes, "iolation") == NULL, "%s", lattice.process.err.bytes);
}

/* "The engine works with exactly these permissions": it begins a log, appends, answers, takes snapshots,
 * recovers, and joins beside another. */
START_TEST(the_engine_has_the_permissions_that_it_needs)
{
    struct client client;
    struct process other;
    open_as(&client, "host", "host-pw", "_INBOX.host");
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(client_add(&client, PROTOBUF, "kept", 1), i);
    (void)process_await_line(&lattice_provider, "is whole");
    start_provider(&other, lattice.url, &as_replica);
    await_ready(&other);
    provider_stop(&lattice_provider);
    for (int i = 4; i <= 6; i++)
        ck_assert_int_eq(client_add(&client, PROTOBUF, "kept", 1), i);
    provider_stop(&other);
    start_provider(&lattice_provider, lattice.url, &as_replica);
    await_ready(&lattice_provider);
    ck_assert_int_eq(client_add(&client, PROTOBUF, "kept", 1), 7);
    client_close(&client);
    check_no_violation();
}
END_TEST

/* What would append, read, purge or delete, or put something in the way. */
static const char *const of_the_streams[] = {
    "wascc-kv.default-caeaa1ac.log",
    "wascc-kv.default-caeaa1ac.chunk",
    "wascc-kv.default-caeaa1ac.manifest",
    "$JS.API.STREAM.CREATE." LOG_STREAM,
    "$JS.API.STREAM.CREATE.ANOTHER",
    "$JS.API.STREAM.UPDATE." LOG_STREAM,
    "$JS.API.STREAM.INFO." LOG_STREAM,
    "$JS.API.STREAM.DELETE." LOG_STREAM,
    "$JS.API.STREAM.DELETE." SNAP_STREAM,
    "$JS.API.STREAM.PURGE." LOG_STREAM,
    "$JS.API.STREAM.PURGE." SNAP_STREAM,
    "$JS.API.STREAM.MSG.GET." LOG_STREAM,
    "$JS.API.STREAM.MSG.GET." SNAP_STREAM,
    "$JS.API.STREAM.MSG.DELETE." LOG_STREAM,
    "$JS.API.DIRECT.GET." LOG_STREAM,
    "$JS.API.CONSUMER.CREATE." LOG_STREAM,
    "$JS.API.CONSUMER.CREATE." LOG_STREAM ".thief",
    "$JS.API.CONSUMER.DURABLE.CREATE." LOG_STREAM ".thief",
    "$JS.API.CONSUMER.DELETE." LOG_STREAM ".thief",
    "$JS.API.CONSUMER.MSG.NEXT." LOG_STREAM ".thief",
    "$JS.API.STREAM.SNAPSHOT." LOG_STREAM,
    "$JS.API.STREAM.RESTORE." LOG_STREAM,
    "$JS.API.STREAM.PEER.REMOVE." LOG_STREAM,
    "$JS.API.STREAM.LEADER.STEPDOWN." LOG_STREAM,
    "$JS.FC." LOG_STREAM ".thief.x",
};

START_TEST(nobody_else_reaches_the_streams)
{
    static const char *const users[][3] = {{"host", "host-pw", "_INBOX.host"},
                                           {"operator", "operator-pw", "_INBOX.operator"}};
    static const char *const subscribes[] = {
        "wascc-kv.>", "wascc-kv.default-caeaa1ac.log",        "_INBOX.*.wascc-kv.>", "$JS.FC.>",
        "$JS.>",      ("$JS.API.CONSUMER.CREATE." LOG_STREAM)};
    struct client client;
    for (size_t i = 0; i < 2; i++) {
        open_as(&client, users[i][0], users[i][1], users[i][2]);
        for (size_t j = 0; j < sizeof of_the_streams / sizeof of_the_streams[0]; j++)
            check_publish_denied(&client, of_the_streams[j]);
        for (size_t j = 0; j < sizeof subscribes / sizeof subscribes[0]; j++)
            check_subscribe_denied(&client, subscribes[j], NULL);
        client_close(&client);
    }
    open_as(&client, "host", "host-pw", "_INBOX.host");
    ck_assert_int_eq(client_add(&client, PROTOBUF, "untouched", 1), 1);
    client_close(&client);
}
END_TEST

/* A slip or a hole in the provider itself must not be the end of the data. */
START_TEST(the_provider_may_not_delete_what_it_writes)
{
    static const char *const publishes[] = {
        "$JS.API.STREAM.DELETE." LOG_STREAM,     "$JS.API.STREAM.DELETE." SNAP_STREAM,
        "$JS.API.STREAM.MSG.DELETE." LOG_STREAM, "$JS.API.STREAM.UPDATE." LOG_STREAM,
        "$JS.API.STREAM.CREATE.ANOTHER",         "$JS.API.STREAM.PEER.REMOVE." LOG_STREAM,
        "$JS.API.STREAM.SNAPSHOT." LOG_STREAM,   "wascc-kv.another-caeaa1ac.log",
        "$JS.API.CONSUMER.CREATE." SNAP_STREAM,  DEFAULT_BASE "." ACTOR ".Set",
    };
    static const char *const subscribes[] = {"wascc-kv.>", "_INBOX.host.>", "$JS.>"};
    struct client client;
    open_as(&client, "provider", "provider-pw", NULL);
    for (size_t i = 0; i < sizeof publishes / sizeof publishes[0]; i++)
        check_publish_denied(&client, publishes[i]);
    for (size_t i = 0; i < sizeof subscribes / sizeof subscribes[0]; i++)
        check_subscribe_denied(&client, subscribes[i], NULL);
    client_close(&client);
}
END_TEST

/* The server asks nobody but the provider whether a reply may go where a request wants it: these requests
 * would have it delete, empty or fill the log, which its own grant would let pass in part. A newer server
 * (2.15) refuses the worst of them by itself. */
START_TEST(a_host_cannot_have_the_provider_speak_to_the_streams)
{
    static const char *const replies[] = {
        "$JS.API.STREAM.PURGE." LOG_STREAM, "$JS.API.STREAM.DELETE." LOG_STREAM,
        "$JS.API.STREAM.PURGE." SNAP_STREAM, "wascc-kv.default-caeaa1ac.log"};
    struct client client;
    open_as(&client, "host", "host-pw", "_INBOX.host");
    ck_assert_int_eq(client_add(&client, PROTOBUF, "kept", 1), 1);
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        ck_assert_int_eq(natsConnection_PublishRequest(
                             client.connection, DEFAULT_BASE ".system.HealthRequest", replies[i], NULL, 0),
                         NATS_OK);
    for (int i = 2; i <= 20; i++)
        ck_assert_int_eq(client_add(&client, PROTOBUF, "kept", 1), i);
    provider_stop(&lattice_provider);
    start_provider(&lattice_provider, lattice.url, &as_replica);
    await_ready(&lattice_provider);
    ck_assert_int_eq(client_add(&client, PROTOBUF, "kept", 1), 21);
    client_close(&client);
}
END_TEST

Suite *nats_security_suite(void)
{
    Suite *suite = suite_create("nats_security");
    TCase *modes = tcase_create("modes");
    tcase_add_unchecked_fixture(modes, make_files, remove_files);
    tcase_add_loop_test(modes, serves_and_reconnects_in_every_mode, 0, MODES);
    tcase_add_loop_test(modes, keeps_trying_where_the_server_may_change_its_mind, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(modes, a_refusal_while_serving_does_not_end_the_process);
    tcase_add_test(modes, a_seed_file_may_be_away_for_a_while);
    tcase_add_test(modes, a_password_is_rotated_without_a_restart);
    tcase_add_loop_test(modes, what_cannot_work_ends_at_once_with_one_clear_line, 0,
                        (int)(sizeof usages / sizeof usages[0]));
    tcase_add_test(modes, call_and_health_say_why_they_cannot_connect);
    tcase_add_loop_test(modes, clients_are_told_by_a_context, 0, 5);
    suite_add_tcase(suite, modes);

    TCase *much = tcase_create("much");
    tcase_add_unchecked_fixture(much, make_files, remove_files);
    tcase_add_loop_test(much, large_messages_and_many_pass_through_tls, 0, 3);
    suite_add_tcase(suite, much);

    TCase *alone = tcase_create("server.conf");
    tcase_add_test(alone, nats_server_takes_the_configuration);
    tcase_add_test(alone, the_provider_does_not_reply_to_its_own_subjects);
    tcase_add_test(alone, a_provider_that_may_not_ask_for_others_ends_with_a_clear_line);
    suite_add_tcase(suite, alone);

    TCase *permissions = tcase_create("permissions");
    tcase_add_checked_fixture(permissions, lattice_open, lattice_close);
    tcase_add_test(permissions, the_hosts_user_is_served_for_its_actor_and_for_system);
    tcase_add_test(permissions, the_hosts_user_is_refused_by_the_server_for_all_else);
    tcase_add_test(permissions, a_host_cannot_have_the_provider_speak_as_another_actor);
    tcase_add_test(permissions, an_operator_finds_the_service_and_reaches_no_data);
    tcase_add_test(permissions, nobody_else_can_join_the_providers_queue_group);
    tcase_add_test(permissions, call_and_health_without_the_inbox_prefix_say_what_is_wrong);
    tcase_add_test(permissions, a_provider_with_a_hosts_user_ends_with_a_clear_line);
    tcase_add_test(permissions, a_second_provider_is_found_under_the_permissions);
    suite_add_tcase(suite, permissions);

    TCase *streams = tcase_create("streams");
    tcase_add_checked_fixture(streams, replica_open, lattice_close);
    tcase_add_test(streams, the_engine_has_the_permissions_that_it_needs);
    tcase_add_test(streams, nobody_else_reaches_the_streams);
    tcase_add_test(streams, the_provider_may_not_delete_what_it_writes);
    tcase_add_test(streams, a_host_cannot_have_the_provider_speak_to_the_streams);
    suite_add_tcase(suite, streams);
    return suite;
}
