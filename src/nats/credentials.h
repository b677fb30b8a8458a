/* Who we are, as nats.c is told it for one connection. */
#ifndef WKV_NATS_CREDENTIALS_H
#define WKV_NATS_CREDENTIALS_H

#include "nats/connect.h"

/* Puts the user, token, seed or credentials for that server into nats.c's options: what its URL says, else
 * what the options say. Files are read now, for each connection, and the seed and the JWT once more by
 * nats.c's callbacks while it connects; so the options must live until then. Errors: WKV_BAD_REQUEST (what
 * cannot be read or used; the text names the option), WKV_NO_MEMORY (memory). */
enum wkv_code wkv_credentials_apply(const struct wkv_connect_options *options,
                                    const struct wkv_server_url *server, natsOptions *out,
                                    struct wkv_error *error);

#endif
