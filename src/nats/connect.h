/* Where and how to connect to NATS. */
#ifndef WKV_NATS_CONNECT_H
#define WKV_NATS_CONNECT_H

#include <nats/nats.h>

#include "nats/servers.h"
#include "support/error.h"

/* Borrowed strings, NULL where not given. The names are the nats CLI's. */
struct wkv_connect_options {
    const char *server; /* URL, or several with commas between */
    /* The same taken apart, by the owner of this struct (wkv_servers_parse, and wkv_servers_destroy). All of
     * them have the same `tls`; a server that one of them told of is spoken to as that one: with its tls, and
     * its user, password or token. */
    struct wkv_servers *servers;
    const char *creds; /* file with a user's JWT and seed */
    const char *user;
    const char *password;
    const char *password_file; /* file with the password, read for each connection */
    const char *nkey;          /* file with a user's seed */
    const char *token;         /* where the server's URL has neither user nor token */
    const char *tlsca;         /* files, PEM; with any of them, nothing but TLS is spoken */
    const char *tlscert;
    const char *tlskey;
    const char *inbox_prefix; /* of the subjects on which this connection gets replies; NULL: _INBOX */
};

/* Makes nats.c options out of ours, for a connection of that name to one server: of options->servers, or one
 * that it told of. Files are read now, so that a password, seed or certificate that was changed is used. Both
 * must outlive the connecting. The caller destroys *out with natsOptions_Destroy. Any thread. Errors:
 * WKV_BAD_REQUEST (a file cannot be read, a value cannot be used: the text names the option), WKV_UNAVAILABLE
 * (memory). No text holds a secret. While serving, both are a reason to try again. */
enum wkv_code wkv_connect_options_apply(const struct wkv_connect_options *options,
                                        const struct wkv_server_url *server, const char *name,
                                        natsOptions **out, struct wkv_error *error);

/* Whether that would work for each of options->servers. nats.c starts threads for this. Errors: as above. */
enum wkv_code wkv_connect_options_check(const struct wkv_connect_options *options, struct wkv_error *error);

/* Says in *error why no connection to that server came to be, by nats.c's status and what it noted beside it
 * on this thread, so call it right after; it may look the server's name up and knock at its port. who ("":
 * nobody) begins the text. Returns WKV_UNAVAILABLE. */
enum wkv_code wkv_connect_failed(const char *who, const struct wkv_connect_options *options,
                                 const struct wkv_server_url *server, natsStatus status,
                                 struct wkv_error *error);

/* One plain connection for a client (`call`, `health`, `top`): each server is tried once, in order; requests
 * leave at once; one that is lost is not made again. The caller destroys it. Errors: as above, and
 * WKV_UNAVAILABLE where no server answers, of which the text names the last. */
enum wkv_code wkv_connect(const struct wkv_connect_options *options, const char *name, natsConnection **out,
                          struct wkv_error *error);

#endif
