#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wascc_keyvalue/nkey.h"
#include "wascc_keyvalue/transport.h"

/* A server that does not answer two pings in a row is taken for gone: within 15 seconds, not nats.c's
 * minutes. */
#define PING_INTERVAL_MS 5000
#define MAX_PINGS_OUT 2
#define CONNECT_TIMEOUT_MS 2000
#define SIGNING_TRIES 3
/* What leaves room for the rest of a subject. */
#define INBOX_PREFIX_BYTES 256

void wkv_redact_url(const char *url, char *out, size_t out_bytes)
{
    size_t len = 0;
    const char *part = url;
    while (*part != '\0' && len + 1 < out_bytes) {
        size_t part_len = strcspn(part, ",");
        const char *scheme = strstr(part, "://");
        size_t kept = scheme != NULL && (size_t)(scheme - part) < part_len ? (size_t)(scheme - part) + 3 : 0;
        const char *host = part + kept;
        for (const char *c = host; c < part + part_len; c++)
            if (*c == '@')
                host = c + 1;
        int written = snprintf(out + len, out_bytes - len, "%.*s%.*s", (int)kept, part,
                               (int)(part + part_len - host), host);
        if (written < 0)
            break;
        len += (size_t)written < out_bytes - len ? (size_t)written : out_bytes - len - 1;
        part += part_len;
        if (*part == ',' && len + 1 < out_bytes) {
            out[len++] = ',';
            part++;
        }
    }
    out[len] = '\0';
}

/* The text does not quote the path: it may be a secret that was given in place of a file with it. */
static enum wkv_code readable(const char *option, const char *path, struct wkv_error *error)
{
    struct stat about;
    if (path == NULL)
        return WKV_OK;
    int reason = access(path, R_OK) != 0 || stat(path, &about) != 0 ? errno
                 : S_ISDIR(about.st_mode)                           ? EISDIR
                                                                    : 0;
    if (reason != 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "--%s: cannot read that file: %s", option, strerror(reason));
    return WKV_OK;
}

/* Whether len bytes are `host`, `host:port` or `[address]:port`. */
static bool host_and_port(const char *text, size_t len)
{
    const char *end = text + len;
    const char *port = memchr(text, ':', len);
    if (len > 0 && text[0] == '[') {
        const char *closing = memchr(text, ']', len);
        if (closing == NULL || (closing + 1 < end && closing[1] != ':'))
            return false;
        port = closing + 1 < end ? closing + 1 : NULL;
    }
    if (len == 0 || port == text)
        return false;
    if (port == NULL)
        return true;
    unsigned number = 0;
    const char *digit = port + 1;
    for (; digit < end && *digit >= '0' && *digit <= '9' && number <= UINT16_MAX; digit++)
        number = number * 10 + (unsigned)(*digit - '0');
    return digit == end && number > 0 && number <= UINT16_MAX;
}

/* One of the servers, without the comma: `[nats://|tls://][user[:password]@]host[:port][/]`. */
static bool server_valid(const char *url, size_t len)
{
    const char *scheme_end = memmem(url, len, "://", 3);
    const char *host = scheme_end == NULL ? url : scheme_end + 3;
    size_t scheme_len = scheme_end == NULL ? 0 : (size_t)(scheme_end - url);
    if (scheme_end != NULL && !(scheme_len == 4 && memcmp(url, "nats", 4) == 0) &&
        !(scheme_len == 3 && memcmp(url, "tls", 3) == 0))
        return false;
    const char *at = memrchr(host, '@', (size_t)(url + len - host));
    if (at != NULL)
        host = at + 1;
    size_t host_len = (size_t)(url + len - host);
    if (host_len > 0 && host[host_len - 1] == '/')
        host_len--;
    return host_and_port(host, host_len);
}

/* nats.c would take anything and try it for ever. What is no URL is not shown: it may be half a password. */
static enum wkv_code check_servers(const char *servers, struct wkv_error *error)
{
    for (const char *one = servers;; one++) {
        size_t len = strcspn(one, ",");
        if (!server_valid(one, len))
            return wkv_fail(error, WKV_BAD_REQUEST,
                            "--server is no NATS URL: give one such as nats://127.0.0.1:4222 or tls://..., "
                            "or several with commas between; in a password ',' is %%2C and '@' is %%40");
        one += len;
        if (*one == '\0')
            return WKV_OK;
    }
}

static enum wkv_code check_files(const struct wkv_connect_options *options, struct wkv_error *error)
{
    const struct {
        const char *option, *path;
    } files[] = {{"creds", options->creds},
                 {"tlsca", options->tlsca},
                 {"tlscert", options->tlscert},
                 {"tlskey", options->tlskey}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (readable(files[i].option, files[i].path, error) != WKV_OK)
            return error->code;
    if ((options->tlscert == NULL) != (options->tlskey == NULL))
        return wkv_fail(error, WKV_BAD_REQUEST, "--tlscert and --tlskey go together: give both");
    if ((options->user == NULL) != (options->password == NULL))
        return wkv_fail(error, WKV_BAD_REQUEST, "--user and --password go together: give both");
    /* nats.c puts both into its CONNECT, which is JSON, as they are. */
    if (options->user != NULL &&
        (strpbrk(options->user, "\"\\") != NULL || strpbrk(options->password, "\"\\") != NULL))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--user and --password cannot have a double quote or a backslash in them");
    return WKV_OK;
}

/* Splits the comma-separated servers in a copy that the caller frees with both results. */
static char *split_servers(const char *servers, const char **list, int max, int *count)
{
    char *copy = strdup(servers);
    if (copy == NULL)
        return NULL;
    *count = 0;
    char *rest = copy;
    for (char *one = strsep(&rest, ","); one != NULL && *count < max; one = strsep(&rest, ","))
        if (*one != '\0')
            list[(*count)++] = one;
    return copy;
}

static natsStatus apply_servers(natsOptions *options, const char *servers)
{
    const char *list[32];
    int count;
    char *copy = split_servers(servers, list, 32, &count);
    if (copy == NULL)
        return NATS_NO_MEMORY;
    natsStatus status = natsOptions_SetServers(options, list, count);
    free(copy);
    return status;
}

static enum wkv_code apply_tls(const struct wkv_connect_options *options, natsOptions *out,
                               struct wkv_error *error)
{
    if (options->tlsca == NULL && options->tlscert == NULL)
        return WKV_OK;
    if (natsOptions_SetSecure(out, true) != NATS_OK)
        return wkv_fail(error, WKV_BAD_REQUEST, "TLS is not to be had: nats.c was built without it");
    if (options->tlsca != NULL && natsOptions_LoadCATrustedCertificates(out, options->tlsca) != NATS_OK)
        return wkv_fail(error, WKV_BAD_REQUEST, "--tlsca: that file holds no certificates in PEM");
    if (options->tlscert != NULL &&
        natsOptions_LoadCertificatesChain(out, options->tlscert, options->tlskey) != NATS_OK)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--tlscert, --tlskey: those files are no certificate and its key in PEM");
    return WKV_OK;
}

/* Signs the server's nonce with the seed, which is read from its file for each connection and stays in
 * guarded memory. nats.c frees both results. */
static natsStatus sign_nonce(char **custom_error, unsigned char **signature, int *signature_bytes,
                             const char *nonce, void *path)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    if (nonce == NULL || *nonce == '\0') {
        *custom_error = strdup("Authorization: the server knows no nkeys, it gives nothing to sign");
        return NATS_CONNECTION_AUTH_FAILED;
    }
    if (wkv_nkey_seed_load(path, &seed, &error) != WKV_OK) {
        *custom_error = strdup(error.text);
        return NATS_ERR;
    }
    *signature = malloc(WKV_NKEY_SIGNATURE_BYTES);
    if (*signature != NULL)
        wkv_nkey_seed_sign(seed, nonce, strlen(nonce), *signature);
    *signature_bytes = WKV_NKEY_SIGNATURE_BYTES;
    wkv_nkey_seed_destroy(seed);
    return *signature == NULL ? NATS_NO_MEMORY : NATS_OK;
}

/* nats.c could read the seed itself, but keeps it in ordinary memory, and does not know keygen's JSON. */
static enum wkv_code apply_nkey(const struct wkv_connect_options *options, natsOptions *out,
                                struct wkv_error *error)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error cause;
    char public_text[WKV_NKEY_PUBLIC_CHARS + 1];
    if (options->nkey == NULL)
        return WKV_OK;
    if (wkv_nkey_seed_load(options->nkey, &seed, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "--nkey: %s", cause.text);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_seed_destroy(seed);
    if (key.kind != WKV_NKEY_USER)
        return wkv_fail(error, WKV_BAD_REQUEST, "--nkey: the seed is of kind %s: give a NATS user's (SU...)",
                        wkv_nkey_kind_name(key.kind));
    wkv_nkey_encode(&key, public_text);
    if (natsOptions_SetNKey(out, public_text, sign_nonce, (void *)(uintptr_t)options->nkey) != NATS_OK)
        return wkv_fail(error, WKV_UNAVAILABLE, "no memory for a connection's options");
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

enum wkv_code wkv_connect_options_apply(const struct wkv_connect_options *options, const char *name,
                                        natsOptions **out, struct wkv_error *error)
{
    natsOptions *made = NULL;
    *out = NULL;
    if (check_servers(options->server, error) != WKV_OK || check_files(options, error) != WKV_OK)
        return error->code;
    if (natsOptions_Create(&made) != NATS_OK)
        return wkv_fail(error, WKV_UNAVAILABLE, "no memory for a connection's options");
    natsStatus status = apply_servers(made, options->server);
    if (status == NATS_OK)
        status = natsOptions_SetName(made, name);
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(made, CONNECT_TIMEOUT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetPingInterval(made, PING_INTERVAL_MS);
    if (status == NATS_OK)
        status = natsOptions_SetMaxPingsOut(made, MAX_PINGS_OUT);
    if (status == NATS_OK)
        status = natsOptions_SetSendAsap(made, true);
    if (status == NATS_OK && options->creds != NULL)
        status = natsOptions_SetUserCredentialsFromFiles(made, options->creds, NULL);
    if (status == NATS_OK && options->user != NULL)
        status = natsOptions_SetUserInfo(made, options->user, options->password);
    enum wkv_code code = WKV_OK;
    if (status != NATS_OK)
        code = wkv_fail(error, WKV_UNAVAILABLE, "nats.c refuses the connection's options: %s",
                        natsStatus_GetText(status));
    if (code == WKV_OK)
        code = apply_tls(options, made, error);
    if (code == WKV_OK)
        code = apply_nkey(options, made, error);
    if (code == WKV_OK)
        code = apply_inbox_prefix(options, made, error);
    if (code != WKV_OK) {
        natsOptions_Destroy(made);
        return code;
    }
    *out = made;
    return WKV_OK;
}

enum wkv_code wkv_connect_failed(const char *who, const struct wkv_connect_options *options,
                                 natsStatus status, struct wkv_error *error)
{
    char shown[WKV_ERROR_TEXT_BYTES];
    natsStatus last = NATS_OK;
    const char *detail = nats_GetLastError(&last);
    const char *text = natsStatus_GetText(status);
    bool more = last == status && detail != NULL && *detail != '\0' && strcmp(detail, text) != 0;
    const char *advice = "";
    if (status == NATS_NO_SERVER)
        advice = "; is a nats-server running there?";
    /* With TLS 1.3 the server hangs up on a client without a certificate when all seems well to that one. */
    else if (status != NATS_CONNECTION_AUTH_FAILED && options->tlsca != NULL && options->tlscert == NULL)
        advice = "; does the server ask for a client certificate (--tlscert, --tlskey)?";
    wkv_redact_url(options->server, shown, sizeof shown / 2);
    return wkv_fail(error, WKV_UNAVAILABLE, "%s%scannot connect to %s: %s%s%s%s%s", who,
                    *who == '\0' ? "" : ": ", shown, text, more ? " (" : "", more ? detail : "",
                    more ? ")" : "", advice);
}

enum wkv_code wkv_connect(const struct wkv_connect_options *options, const char *name, natsConnection **out,
                          struct wkv_error *error)
{
    natsOptions *made;
    *out = NULL;
    if (wkv_connect_options_apply(options, name, &made, error) != WKV_OK)
        return error->code;
    (void)natsOptions_SetAllowReconnect(made, false);
    natsStatus status = NATS_CONNECTION_AUTH_FAILED;
    bool signs = options->nkey != NULL || options->creds != NULL;
    /* About one signature in two hundred is refused between nats.c 3.4 and nats-server 2.9, whoever made it.
     * The next nonce does. */
    for (int i = 0; i < (signs ? SIGNING_TRIES : 1) && status == NATS_CONNECTION_AUTH_FAILED; i++)
        status = natsConnection_Connect(out, made);
    enum wkv_code code = status == NATS_OK ? WKV_OK : wkv_connect_failed("", options, status, error);
    natsOptions_Destroy(made);
    return code;
}
