/* The NATS servers that --server names, taken apart here and not by nats.c: its versions before 3.13 ignore
 * the scheme, so that `tls://` sends a password in the clear, and those before 3.10 do not decode
 * percent-encoding.
 *
 *   [nats:// or tls://] [user:password@ or token@] host [:port] [/]        several with commas between
 *
 * host is a name, an IPv4 address or an IPv6 address in brackets (without a port also bare). In user,
 * password and token %XX is a byte, and `,` `@` `/` and `%` must be written so.
 */
#ifndef WKV_NATS_SERVERS_H
#define WKV_NATS_SERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"

#define WKV_SERVERS_MAX 32
#define WKV_SERVER_DEFAULT_PORT 4222

/* One server. The texts belong to the list that it is in. */
struct wkv_server_url {
    const char *host; /* an IPv6 address stands here without its brackets */
    uint16_t port;
    bool tls;         /* nothing but TLS may be spoken there */
    const char *user; /* decoded; NULL where the URL has none, as password and token */
    const char *password;
    const char *token;
};

/* All of them. `tls` is the same for each: a list of both kinds is refused. Read-only once it is made, so any
 * thread may read it. */
struct wkv_servers {
    size_t count; /* at least 1 */
    bool tls;
    struct wkv_server_url items[WKV_SERVERS_MAX];
    size_t text_bytes; /* of what the texts lie in, for wiping */
    char text[];
};

/* Takes the list apart. `source` is the option or the variable that it came from, for the error's text. The
 * caller destroys *servers.
 * Errors: WKV_BAD_REQUEST (no URL, a broken percent-encoding, a control character, both kinds, too many; the
 * text says what would be right and quotes nothing, since it may be half a password), WKV_UNAVAILABLE
 * (memory). */
enum wkv_code wkv_servers_parse(const char *source, const char *list, struct wkv_servers **servers,
                                struct wkv_error *error);

/* Wipes and frees. NULL is allowed. */
void wkv_servers_destroy(struct wkv_servers *servers);

/* Bytes of a URL as wkv_server_url_text writes it, NUL included. */
#define WKV_SERVER_URL_BYTES 320

/* Writes `nats://host:port` or `tls://host:port`: the server without what is secret, for people and for the
 * log.
 */
void wkv_server_url_text(const struct wkv_server_url *server, char out[WKV_SERVER_URL_BYTES]);

#endif
