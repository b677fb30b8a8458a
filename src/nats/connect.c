#include <string.h>
#include <unistd.h>

#include "nats/attempt.h"
#include "nats/connect.h"
#include "nats/credentials.h"
#include "support/file.h"

/* A server that does not answer two pings in a row is taken for gone: within 15 seconds, not nats.c's
 * minutes. */
#define PING_INTERVAL_MS 5000
#define MAX_PINGS_OUT 2
#define CONNECT_TIMEOUT_MS 2000
/* A longer prefix leaves no room for the rest of a subject. */
#define INBOX_PREFIX_BYTES 256

/* nats.c opens these by itself, and would wait for a pipe's writer. */
static enum wkv_code readable(const char *option, const char *path, struct wkv_error *error)
{
    struct wkv_error cause;
    int fd;
    if (path == NULL)
        return WKV_OK;
    if (wkv_file_open("that file", path, WKV_FILE_REGULAR, &fd, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "--%s: %s", option, cause.text);
    (void)close(fd);
    return WKV_OK;
}

static enum wkv_code check_files(const struct wkv_connect_options *options, struct wkv_error *error)
{
    const struct {
        const char *option, *path;
    } files[] = {{"tlsca", options->tlsca}, {"tlscert", options->tlscert}, {"tlskey", options->tlskey}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (readable(files[i].option, files[i].path, error) != WKV_OK)
            return error->code;
    if ((options->tlscert == NULL) != (options->tlskey == NULL))
        return wkv_fail(error, WKV_BAD_REQUEST, "--tlscert and --tlskey go together: give both");
    if (options->password != NULL && options->password_file != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--password and --password-file exclude each other: give one");
    if ((options->user == NULL) != (options->password == NULL && options->password_file == NULL))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--user and --password go together (or --password-file): give both");
    return WKV_OK;
}

/* With TLS on, nats.c hangs up on a server that does not offer it, before it sends anything. The system's
 * certificates are trusted from the start, those of --tlsca beside them. */
static enum wkv_code apply_tls(const struct wkv_connect_options *options, const struct wkv_server_url *server,
                               natsOptions *out, struct wkv_error *error)
{
    if (!server->tls && options->tlsca == NULL && options->tlscert == NULL)
        return WKV_OK;
    if (natsOptions_SetSecure(out, true) != NATS_OK)
        return wkv_fail(error, WKV_BAD_REQUEST, "this nats.c was built without TLS");
    /* nats.c would look for the brackets of an IPv6 address in the certificate. */
    if (strchr(server->host, ':') != NULL && natsOptions_SetExpectedHostname(out, server->host) != NATS_OK)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a connection's options");
    if (options->tlsca != NULL && natsOptions_LoadCATrustedCertificates(out, options->tlsca) != NATS_OK)
        return wkv_fail(error, WKV_BAD_REQUEST, "--tlsca: that file holds no certificates in PEM");
    if (options->tlscert != NULL &&
        natsOptions_LoadCertificatesChain(out, options->tlscert, options->tlskey) != NATS_OK)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--tlscert, --tlskey: those files are no certificate and its key in PEM");
    return WKV_OK;
}

static enum wkv_code apply_inbox_prefix(const struct wkv_connect_options *options, natsOptions *out,
                                        struct wkv_error *error)
{
    const char *prefix = options->inbox_prefix;
    if (prefix == NULL)
        return WKV_OK;
    if (*prefix == '\0' || strlen(prefix) > INBOX_PREFIX_BYTES || strpbrk(prefix, " \t\r\n") != NULL ||
        natsOptions_SetCustomInboxPrefix(out, prefix) != NATS_OK)
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "--inbox-prefix takes a subject without wildcards of at most %d bytes, such as _INBOX.host",
            INBOX_PREFIX_BYTES);
    return WKV_OK;
}

/* A URL of ours that every nats.c reads alike: TLS and users are told otherwise. */
static natsStatus set_server(natsOptions *out, const struct wkv_server_url *server)
{
    struct wkv_server_url plain = {.host = server->host, .port = server->port};
    char url[WKV_SERVER_URL_BYTES];
    wkv_server_url_text(&plain, url);
    return natsOptions_SetURL(out, url);
}

static natsStatus set_behaviour(natsOptions *out, const char *name)
{
    natsStatus status = natsOptions_SetName(out, name);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(out, PING_INTERVAL_MS);
    if (status == NATS_OK)
        status = natsOptions_SetMaxPingsOut(out, MAX_PINGS_OUT);
    if (status == NATS_OK)
        status = natsOptions_SetSendAsap(out, true);
    return status;
}

enum wkv_code wkv_connect_options_apply(const struct wkv_connect_options *options,
                                        const struct wkv_server_url *server, const char *name,
                                        natsOptions **out, struct wkv_error *error)
{
    natsOptions *made = NULL;
    *out = NULL;
    if (check_files(options, error) != WKV_OK)
        return error->code;
    if (natsOptions_Create(&made) != NATS_OK)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a connection's options");
    natsStatus status = set_server(made, server);
    if (status == NATS_OK)
        status = set_behaviour(made, name);
    enum wkv_code code = WKV_OK;
    if (status != NATS_OK)
        code = wkv_fail(error, WKV_UNAVAILABLE, "nats.c refuses the connection's options: %s",
                        natsStatus_GetText(status));
    if (code == WKV_OK)
        code = apply_tls(options, server, made, error);
    if (code == WKV_OK)
        code = wkv_credentials_apply(options, server, made, error);
    if (code == WKV_OK)
        code = apply_inbox_prefix(options, made, error);
    if (code != WKV_OK) {
        natsOptions_Destroy(made);
        return code;
    }
    *out = made;
    return WKV_OK;
}

enum wkv_code wkv_connect_options_check(const struct wkv_connect_options *options, struct wkv_error *error)
{
    for (size_t i = 0; i < options->servers->count; i++) {
        natsOptions *made;
        if (wkv_connect_options_apply(options, &options->servers->items[i], "", &made, error) != WKV_OK)
            return error->code;
        natsOptions_Destroy(made);
    }
    return WKV_OK;
}

/* What the server has to say beside an answer is asked of the connection; nats.c would print it. */
static void say_nothing(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                        void *context)
{
    (void)connection;
    (void)subscription;
    (void)status;
    (void)context;
}

static enum wkv_code connect_to(const struct wkv_connect_options *options,
                                const struct wkv_server_url *server, const char *name, natsConnection **out,
                                struct wkv_error *error)
{
    static const struct wkv_attempt_limits limits = {.timeout_ms = CONNECT_TIMEOUT_MS, .cancel_fd = -1};
    natsOptions *made;
    if (wkv_connect_options_apply(options, server, name, &made, error) != WKV_OK)
        return error->code;
    natsStatus status = natsOptions_SetAllowReconnect(made, false);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(made, say_nothing, NULL);
    if (status == NATS_OK)
        status = wkv_attempt(out, made, &limits);
    if (status != NATS_OK)
        (void)wkv_connect_failed("", options, server, status, error);
    natsOptions_Destroy(made);
    return status == NATS_OK ? WKV_OK : error->code;
}

enum wkv_code wkv_connect(const struct wkv_connect_options *options, const char *name, natsConnection **out,
                          struct wkv_error *error)
{
    *out = NULL;
    /* What is wrong with the options is wrong with each server. */
    for (size_t i = 0; i < options->servers->count; i++)
        if (!wkv_code_may_pass(connect_to(options, &options->servers->items[i], name, out, error)))
            return *out != NULL ? WKV_OK : error->code;
    return error->code;
}
