/* What `export` and `import` ask of a running instance: operators' requests, one after the other, each again
 * while there is hope. For one thread. */
#ifndef WKV_COMMAND_ASKING_H
#define WKV_COMMAND_ASKING_H

#include <nats/nats.h>

#include "command/config.h"
#include "security/nkey.h"

struct wkv_asking {
    const struct wkv_config *config; /* borrowed */
    const char *who;                 /* the connection's name; borrowed */
    natsConnection *connection;      /* NULL: lost, and not made again yet */
    struct wkv_nkey_seed *seed;      /* NULL: requests are not signed */
};

/* Connects. End it with wkv_asking_end in any case. Errors: those of wkv_connect and wkv_nkey_seed_load. */
enum wkv_code wkv_asking_begin(struct wkv_asking *asking, const struct wkv_config *config, const char *who,
                               struct wkv_error *error);
void wkv_asking_end(struct wkv_asking *asking);

struct wkv_question {
    const char *operation;
    const void *payload;
    size_t len;
    const char *id; /* Nats-Msg-Id; NULL: none */
    bool is_late;   /* something that it needs was made just now: what is not there may come (400) */
};

/* Asks as `system`, and again for half a minute where nobody answers or the answer is 503 or 504: a question
 * that changes something must bear being done twice, or have an id. The caller destroys *reply. `answered` is
 * the code of contract section 5 that it was refused with, else 0. Errors: WKV_UNAVAILABLE, WKV_BAD_REQUEST,
 * WKV_NO_MEMORY; the text is for people, and nothing in it steers a terminal. */
enum wkv_code wkv_ask(struct wkv_asking *asking, const struct wkv_question *question, natsMsg **reply,
                      int *answered, struct wkv_error *error);

/* Bytes of a request, and about those of a reply, that any server on the way takes. */
size_t wkv_asking_room(const struct wkv_asking *asking);

#endif
