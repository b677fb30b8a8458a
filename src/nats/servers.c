#include "nats/servers.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support/text.h"

/* RFC 1035 allows 253 characters; an IPv6 address with a zone has fewer. */
#define HOST_MAX_CHARS 255

#define NO_URL                                                                                               \
    "is no NATS URL: give one such as nats://127.0.0.1:4222 or tls://..., or several with commas between; "  \
    "in "                                                                                                    \
    "a password ',' is %2C and '@' is %40"

/* All of this works in place, in the list's own copy: each part ends where a separator was, which becomes a
 * NUL. Each function returns what is wrong, or NULL. */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'         ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

static const char *decode(char *text)
{
    char *out = text;
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '%') {
            int high = hex_digit(c[1]);
            int low = high < 0 ? -1 : hex_digit(c[2]);
            if (low < 0)
                return "has a '%' in its user, password or token that is not followed by two hexadecimal "
                       "digits: "
                       "a '%' of theirs is written %25";
            byte = (unsigned char)(high << 4 | low);
            c += 2;
        }
        if (byte < 0x20 || byte == 0x7f)
            return "has a control character in its user, password or token; is it the line end of the file "
                   "that "
                   "the secret came from?";
        *out++ = (char)byte;
    }
    *out = '\0';
    return NULL;
}

/* `user:password`, `user:` (an empty password) or `token`. Nothing at all is nobody. */
static const char *read_user(char *text, struct wkv_server_url *server)
{
    char *colon = strchr(text, ':');
    if (*text == '\0')
        return NULL;
    if (colon == NULL) {
        server->token = text;
        return decode(text);
    }
    *colon = '\0';
    if (colon == text)
        return "has a password without a user: write user:password@host or token@host";
    server->user = text;
    server->password = colon + 1;
    const char *wrong = decode(text);
    return wrong != NULL ? wrong : decode(colon + 1);
}

static const char *read_port(const char *text, uint16_t *port)
{
    uint64_t number;
    if (!wkv_text_decimal(wkv_text_from(text), UINT16_MAX, &number) || number == 0)
        return NO_URL;
    *port = (uint16_t)number;
    return NULL;
}

/* An IPv6 address, with or without the zone that a link-local one needs (fe80::1%eth0). */
static bool is_ipv6(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr unused;
    size_t len = strcspn(text, "%");
    if (len >= sizeof address || (text[len] == '%' && text[len + 1] == '\0'))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    return inet_pton(AF_INET6, address, &unused) == 1;
}

static bool is_name(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("-._", text[i]) == NULL)
            return false;
    return len > 0 && len <= HOST_MAX_CHARS;
}

static const char *read_host(char *text, struct wkv_server_url *server)
{
    char *port = strchr(text, ':');
    server->port = WKV_SERVER_DEFAULT_PORT;
    server->host = text;
    if (*text == '[') {
        char *closing = strchr(text, ']');
        if (closing == NULL || (closing[1] != '\0' && closing[1] != ':'))
            return NO_URL;
        port = closing[1] == ':' ? closing + 1 : NULL;
        *closing = '\0';
        server->host = text + 1;
        return !is_ipv6(text + 1) ? NO_URL : port == NULL ? NULL : read_port(port + 1, &server->port);
    }
    if (is_ipv6(text))
        return NULL;
    if (port != NULL)
        *port = '\0';
    return !is_name(text) ? NO_URL : port == NULL ? NULL : read_port(port + 1, &server->port);
}

static const char *read_one(char *url, struct wkv_server_url *server)
{
    char *rest = strstr(url, "://");
    *server = (struct wkv_server_url){.host = NULL};
    if (rest != NULL) {
        *rest = '\0';
        server->tls = strcasecmp(url, "tls") == 0;
        if (!server->tls && strcasecmp(url, "nats") != 0)
            return NO_URL;
        url = rest + 3;
    }
    char *at = strrchr(url, '@');
    char *host = at == NULL ? url : at + 1;
    size_t host_len = strlen(host);
    if (host_len > 0 && host[host_len - 1] == '/')
        host[host_len - 1] = '\0';
    const char *wrong = read_host(host, server);
    if (wrong != NULL || at == NULL)
        return wrong;
    *at = '\0';
    return read_user(url, server);
}

/* Spaces around a URL are none of it. */
static char *trim(char *text)
{
    text += strspn(text, " ");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
    return text;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static const char *read_all(struct wkv_servers *servers)
{
    if (has_control_character(servers->text))
        return "has a control character in it; is it the line end of the file that it came from?";
    char *rest = servers->text;
    for (char *one = strsep(&rest, ","); one != NULL; one = strsep(&rest, ",")) {
        if (servers->count == WKV_SERVERS_MAX)
            return "names too many servers: 32 at the most";
        const char *wrong = read_one(trim(one), &servers->items[servers->count++]);
        if (wrong != NULL)
            return wrong;
        servers->tls = servers->items[0].tls;
        if (servers->items[servers->count - 1].tls != servers->tls)
            return "mixes tls:// with others: write tls:// before each, or a password may go out in the "
                   "clear";
    }
    return NULL;
}

enum wkv_code wkv_servers_parse(const char *source, const char *list, struct wkv_servers **servers,
                                struct wkv_error *error)
{
    size_t bytes = strlen(list) + 1;
    struct wkv_servers *made = malloc(sizeof *made + bytes);
    *servers = NULL;
    if (made == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the servers' URLs");
    *made = (struct wkv_servers){.count = 0, .text_bytes = bytes};
    memcpy(made->text, list, bytes);
    const char *wrong = read_all(made);
    if (wrong != NULL) {
        wkv_servers_destroy(made);
        return wkv_fail(error, WKV_BAD_REQUEST, "%s %s", source, wrong);
    }
    *servers = made;
    return WKV_OK;
}

void wkv_servers_destroy(struct wkv_servers *servers)
{
    if (servers == NULL)
        return;
    sodium_memzero(servers->text, servers->text_bytes);
    free(servers);
}

void wkv_server_url_text(const struct wkv_server_url *server, char out[WKV_SERVER_URL_BYTES])
{
    bool brackets = strchr(server->host, ':') != NULL;
    (void)snprintf(out, WKV_SERVER_URL_BYTES, "%s://%s%.*s%s:%u", server->tls ? "tls" : "nats",
                   brackets ? "[" : "", HOST_MAX_CHARS, server->host, brackets ? "]" : "", server->port);
}
