/* Why no connection came to be (wkv_connect_failed): one thing, once, and what would help. nats.c's words are
 * for who knows it, and some of its statuses stand for several causes. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nats/connect.h"

/* For a second look at a server that could not be reached. */
#define PROBE_MS 300

struct refused {
    const struct wkv_connect_options *options;
    const struct wkv_server_url *server;
    natsStatus status;
    const char *detail; /* what nats.c noted beside the status, or "" */
};

/* Without the place in nats.c's source with which its text begins: `(conn.c:2088): No server available`. */
static const char *detail_of(natsStatus status)
{
    natsStatus last = NATS_OK;
    const char *detail = nats_GetLastError(&last);
    if (last != status || detail == NULL)
        return "";
    const char *place_end = *detail == '(' ? strstr(detail, "): ") : NULL;
    return place_end == NULL ? detail : place_end + strlen("): ");
}

static bool is_silent(const struct refused *refused)
{
    return *refused->detail == '\0' || strcmp(refused->detail, natsStatus_GetText(refused->status)) == 0;
}

static bool tells(const struct refused *refused, const char *const *parts)
{
    for (; *parts != NULL; parts++)
        if (strcasestr(refused->detail, *parts) != NULL)
            return true;
    return false;
}

/* ---- nobody there ---- */

/* 0: it accepts connections. */
static int probe(const struct addrinfo *address)
{
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
        error = errno;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    if (error == EINPROGRESS)
        error = poll(&writable, 1, PROBE_MS) != 1                         ? ETIMEDOUT
                : getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ? errno
                                                                          : error;
    (void)close(fd);
    return error;
}

/* The addresses of the server, which the caller frees; NULL: *why says why there are none. */
static struct addrinfo *look_up(const struct wkv_server_url *server, const char **why)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", server->port);
    int found = getaddrinfo(server->host, port, &hints, &addresses);
    *why = found == EAI_AGAIN ? "no such host, or no name server that answers" : "no such host";
    return found == 0 ? addresses : NULL;
}

/* nats.c says of all of this that no server is available. */
static const char *why_unreachable(const struct wkv_server_url *server)
{
    const char *why;
    struct addrinfo *addresses = look_up(server, &why);
    if (addresses == NULL)
        return why;
    int error = probe(addresses);
    freeaddrinfo(addresses);
    switch (error) {
    case 0:
        return "what listens there hung up; is it a nats-server?";
    case ECONNREFUSED:
        return "connection refused; is a nats-server running there?";
    case ETIMEDOUT:
        return "nobody answers at that address";
    default:
        return strerror(error);
    }
}

/* A resolver may take as long as a server. */
static const char *why_too_late(const struct wkv_server_url *server)
{
    const char *why;
    struct addrinfo *addresses = look_up(server, &why);
    if (addresses == NULL)
        return why;
    freeaddrinfo(addresses);
    return "no connection was completed in time: does a nats-server answer there, and without "
           "handshake_first, which makes it wait for TLS in silence?";
}

/* ---- who connects ---- */

static const char *why_not_let_in(const struct refused *refused)
{
    const struct wkv_connect_options *options = refused->options;
    if (!is_silent(refused) && strcasestr(refused->detail, "violation") == NULL)
        return refused->detail;
    if (refused->server->user != NULL || (options->user != NULL && refused->server->token == NULL))
        return "wrong user or password";
    if (refused->server->token != NULL)
        return "wrong token";
    if (options->creds != NULL)
        return "the server does not let in the user of --creds";
    if (options->nkey != NULL)
        return "the server does not let in the user of --nkey";
    return "the server asks who connects: give --user and --password, --creds or --nkey";
}

/* ---- TLS ---- */

static bool asks_for_tls(const struct refused *refused)
{
    return refused->server->tls || refused->options->tlsca != NULL || refused->options->tlscert != NULL;
}

/* OpenSSL's reasons, which differ between its versions in little but their case. */
static const char *why_no_tls(const struct refused *refused)
{
    static const char *const unknown[] = {"issuer certificate", "self signed", "self-signed",
                                          "verify the first", NULL};
    static const char *const name[] = {"mismatch", NULL};
    static const char *const expired[] = {"has expired", NULL};
    static const char *const early[] = {"not yet valid", NULL};
    static const char *const asked[] = {"certificate required", "alert bad certificate", NULL};
    if (tells(refused, name))
        return "the server's certificate is for another name than the URL's; connect by one that it has";
    if (tells(refused, unknown))
        return refused->options->tlsca == NULL
                   ? "unknown CA: nobody whom this machine trusts signed the server's certificate; give "
                     "--tlsca FILE"
                   : "unknown CA: the certificates of --tlsca did not sign the server's certificate";
    if (tells(refused, expired))
        return "the server's certificate has expired";
    if (tells(refused, early))
        return "the server's certificate is not yet valid; is this machine's clock right?";
    if (tells(refused, asked))
        return "the server asks for a client's certificate that it knows (--tlscert, --tlskey)";
    return is_silent(refused) ? "TLS failed" : refused->detail;
}

/* ---- all ---- */

static const char *reason_of(const struct refused *refused)
{
    switch (refused->status) {
    case NATS_NO_SERVER:
        return why_unreachable(refused->server);
    case NATS_TIMEOUT:
        return why_too_late(refused->server);
    case NATS_CONNECTION_AUTH_FAILED:
        return why_not_let_in(refused);
    case NATS_SSL_ERROR:
        return why_no_tls(refused);
    case NATS_SECURE_CONNECTION_WANTED:
        return "that server offers no TLS, and tls:// and --tls... ask for nothing else";
    case NATS_SECURE_CONNECTION_REQUIRED:
        return "that server wants TLS: write tls:// in front of it";
    default:
        break;
    }
    /* With TLS 1.3 the server hangs up on a client without a certificate when all seems well to that one. */
    if (asks_for_tls(refused) && refused->options->tlscert == NULL)
        return "the server hung up; does it ask for a client's certificate (--tlscert, --tlskey)?";
    return is_silent(refused) ? natsStatus_GetText(refused->status) : refused->detail;
}

enum wkv_code wkv_connect_failed(const char *who, const struct wkv_connect_options *options,
                                 const struct wkv_server_url *server, natsStatus status,
                                 struct wkv_error *error)
{
    char url[WKV_SERVER_URL_BYTES];
    struct refused refused = {
        .options = options, .server = server, .status = status, .detail = detail_of(status)};
    wkv_server_url_text(server, url);
    return wkv_fail(error, WKV_UNAVAILABLE, "%s%scannot connect to %s: %s", who, *who == '\0' ? "" : ": ",
                    url, reason_of(&refused));
}
