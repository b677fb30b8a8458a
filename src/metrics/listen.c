#include "metrics/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/text.h"

/* ---- reading the text ---- */

/* Digits only, so that neither a sign nor a service's name gets through. */
static bool parse_port(const char *text, char port[6])
{
    uint64_t number;
    return wkv_text_decimal(wkv_text_from(text), UINT16_MAX, &number) &&
           (size_t)snprintf(port, 6, "%s", text) < 6;
}

static bool parse_host(const char *text, size_t len, const char *forbidden,
                       char host[WKV_LISTEN_HOST_BYTES + 1])
{
    if (len > WKV_LISTEN_HOST_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f || strchr(forbidden, text[i]) != NULL)
            return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return true;
}

bool wkv_listen_parse(const char *text, struct wkv_listen_address *address)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !parse_port(colon + 1, address->port))
        return false;
    address->brackets = text[0] == '[';
    if (!address->brackets)
        return parse_host(text, (size_t)(colon - text), "[]:", address->host);
    return colon - text > 2 && colon[-1] == ']' &&
           parse_host(text + 1, (size_t)(colon - text) - 2, "[]", address->host);
}

/* ---- sockets ---- */

/* Writes a numeric address: of ours, so there is nothing to resolve and nothing to hide. */
static void write_name(const struct sockaddr *address, socklen_t len, char out[WKV_LISTEN_NAME_BYTES])
{
    char host[WKV_LISTEN_NAME_BYTES - 16], port[8];
    if (getnameinfo(address, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        (void)snprintf(out, WKV_LISTEN_NAME_BYTES, "(unknown)");
    else
        (void)snprintf(out, WKV_LISTEN_NAME_BYTES, strchr(host, ':') == NULL ? "%s:%s" : "[%s]:%s", host,
                       port);
}

enum scope { THIS_ADDRESS, EVERY_ADDRESS };

/* Returns the socket, or -1 and errno. */
static int open_at(const struct addrinfo *at, enum scope scope)
{
    const int on = 1, off = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    /* A program that was just stopped must not keep its successor from the port. */
    bool done = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    /* The socket for every address takes IPv4's callers as well, whatever the system's default is. */
    if (done && scope == EVERY_ADDRESS && at->ai_family == AF_INET6)
        done = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    if (done && bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

/* Where the machine has not such an address (IPv6 is switched off, say), the next one is for the asking.
 * Where it has and does not give it, another one would not be what was asked for. */
static bool next_may_do(int why)
{
    return why == EAFNOSUPPORT || why == EADDRNOTAVAIL;
}

static enum wkv_code open_first(const struct addrinfo *list, enum scope scope, int *fd,
                                struct wkv_error *error)
{
    char name[WKV_LISTEN_NAME_BYTES] = "the address";
    int why = EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at != NULL && next_may_do(why); at = at->ai_next) {
        *fd = open_at(at, scope);
        if (*fd >= 0)
            return WKV_OK;
        why = errno;
        write_name(at->ai_addr, at->ai_addrlen, name);
    }
    if (why == EADDRINUSE)
        return wkv_fail(error, WKV_UNAVAILABLE,
                        "--metrics-listen: %s is taken: stop what listens there, or give another port", name);
    return wkv_fail(error, WKV_UNAVAILABLE, "--metrics-listen: cannot listen on %s: %s", name, strerror(why));
}

/* ---- hosts ---- */

static int resolve(const char *host, const struct wkv_listen_address *address, int flags,
                   struct addrinfo **found)
{
    struct addrinfo hints = {.ai_family = address->brackets ? AF_INET6 : AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = flags | AI_NUMERICSERV | AI_PASSIVE};
    return getaddrinfo(host, address->port, &hints, found);
}

/* Every address: IPv6's with IPv4's in it, else IPv4's. */
static enum wkv_code open_every(const struct wkv_listen_address *address, int *fd, struct wkv_error *error)
{
    struct addrinfo *six = NULL, *four = NULL;
    int failed = resolve("::", address, AI_NUMERICHOST, &six);
    if (failed == 0)
        failed = resolve("0.0.0.0", address, AI_NUMERICHOST, &four);
    if (failed == 0) {
        six->ai_next = four;
        (void)open_first(six, EVERY_ADDRESS, fd, error);
        six->ai_next = NULL;
    } else {
        (void)wkv_fail(error, WKV_UNAVAILABLE, "--metrics-listen: %s", gai_strerror(failed));
    }
    if (six != NULL)
        freeaddrinfo(six);
    if (four != NULL)
        freeaddrinfo(four);
    return error->code;
}

static enum wkv_code open_host(const struct wkv_listen_address *address, int *fd, struct wkv_error *error)
{
    struct addrinfo *found = NULL;
    int failed = resolve(address->host, address, AI_NUMERICHOST, &found);
    if (failed == EAI_NONAME && !address->brackets)
        failed = resolve(address->host, address, 0, &found);
    bool wrong = failed == EAI_NONAME || failed == EAI_ADDRFAMILY;
    if (failed != 0)
        return wkv_fail(
            error, wrong ? WKV_BAD_REQUEST : WKV_UNAVAILABLE,
            "--metrics-listen: its host cannot be resolved (%s): give an address or name of this machine, "
            "[ADDRESS]:PORT for an IPv6 address, or :PORT for every address",
            gai_strerror(failed));
    enum wkv_code code = open_first(found, THIS_ADDRESS, fd, error);
    freeaddrinfo(found);
    return code;
}

enum wkv_code wkv_listen_open(const char *text, int *fd, struct wkv_error *error)
{
    struct wkv_listen_address address;
    struct wkv_error unread;
    if (error == NULL)
        error = &unread;
    wkv_error_clear(error);
    if (!wkv_listen_parse(text, &address))
        return wkv_fail(
            error, WKV_BAD_REQUEST,
            "--metrics-listen takes HOST:PORT, [HOST]:PORT for an IPv6 address, or :PORT for every address; "
            "PORT is a number from 0 (any free one) to 65535");
    return address.host[0] == '\0' ? open_every(&address, fd, error) : open_host(&address, fd, error);
}

unsigned short wkv_listen_name(int fd, char out[WKV_LISTEN_NAME_BYTES])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        len = 0;
    write_name((struct sockaddr *)&address, len, out);
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}
