/* The transport: NATS connections, subjects, the workers' loops and discovery. It knows NATS and the
 * provider's table, and nothing of what an operation does.
 */
#ifndef WASCC_KEYVALUE_TRANSPORT_H
#define WASCC_KEYVALUE_TRANSPORT_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wascc_keyvalue/error.h"
#include "wascc_keyvalue/log.h"
#include "wascc_keyvalue/provider.h"
#include "wascc_keyvalue/pulse.h"
#include "wascc_keyvalue/servers.h"

/* ---- where and how to connect ---- */

/* Borrowed strings, NULL where not given. The names are the nats CLI's. */
struct wkv_connect_options {
    const char *server; /* URL, or several with commas between */
    /* The same taken apart, by whoever fills this struct (wkv_servers_parse, and wkv_servers_destroy). All of
     * them have the same `tls`; a server that one of them told of is spoken to as that one: with its tls, and
     * its user, password or token. */
    struct wkv_servers *servers;
    const char *creds; /* file with a user's JWT and seed */
    const char *user;
    const char *password;
    const char *password_file; /* file with the password, read for each connection */
    const char *nkey;          /* file with a user's seed */
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

/* Says in *error why no connection to that server came to be: nats.c's status and what it noted beside it on
 * this thread, so call it right after. who ("": nobody) begins the text. Returns WKV_UNAVAILABLE. */
enum wkv_code wkv_connect_failed(const char *who, const struct wkv_connect_options *options,
                                 const struct wkv_server_url *server, natsStatus status,
                                 struct wkv_error *error);

/* One plain connection for a client (`call`, `health`, `top`): each server is tried once, in order; requests
 * leave at once; one that is lost is not made again. The caller destroys it. Errors: as above, and
 * WKV_UNAVAILABLE where no server answers, of which the text names the last. */
enum wkv_code wkv_connect(const struct wkv_connect_options *options, const char *name, natsConnection **out,
                          struct wkv_error *error);

/* ---- subjects (contract section 2) ---- */

/* What tells one set of instances from another on a NATS system. */
struct wkv_address {
    const char *lattice_namespace; /* NULL or "": none. May have dots */
    const char *binding;           /* one token */
};

#define WKV_DEFAULT_BINDING "default"

/* Bytes of the longest subject that we make or accept parts for, NUL included. */
#define WKV_SUBJECT_BYTES 512

/* Whether text may be one token of a subject (no space, no control character, no '.', '*' or '>', 1 to 128
 * bytes). */
bool wkv_subject_token_valid(const char *text);

/* Errors: WKV_BAD_REQUEST, the text naming the option and what it takes. */
enum wkv_code wkv_address_check(const struct wkv_address *address, struct wkv_error *error);

/* `<prefix>.provider.wascc.keyvalue.<binding>`. The address has been checked, so it fits. */
void wkv_subject_base(const struct wkv_address *address, char out[WKV_SUBJECT_BYTES]);

/* `<prefix>.<rest>`: a subject of the lattice (contract section 7). The address has been checked; rest is
 * short. */
void wkv_subject_lattice(const struct wkv_address *address, const char *rest, char out[WKV_SUBJECT_BYTES]);

/* Whether a request may name the subject for its reply. false where the reply would be more than an answer,
 * the provider speaking for itself: to NATS (`$JS.API.STREAM.DELETE.…`), to another instance (`wascc-kv.`),
 * or to members of the lattice as a request, an event or a question (contract section 2). A server whose
 * permissions let a caller speak in its own name only must not be got round by the provider, which may
 * publish more. */
bool wkv_subject_takes_replies(const struct wkv_address *address, const char *subject);

/* Whether the subject of a message is one that a subscription to the pattern is for, all of it: a server that
 * is broken, or worse, may deliver another. The pattern has at most one `*`. */
bool wkv_subject_matches(const char *pattern, const char *subject);

/* `<base>.<actor>.<operation>`; actor may be "*". Errors: WKV_BAD_REQUEST where actor or operation is no
 * token. */
enum wkv_code wkv_subject_operation(const struct wkv_address *address, const char *actor,
                                    const char *operation, char out[WKV_SUBJECT_BYTES],
                                    struct wkv_error *error);

/* ---- discovery (contract section 8) ---- */

/* Makes a subject for answers that nobody else has, under the prefix (NULL: _INBOX). nats.c keeps to itself
 * how it makes those of a connection with a prefix. Errors: nats.c's. */
natsStatus wkv_make_inbox(const char *prefix, char out[WKV_SUBJECT_BYTES]);

/* Ends a subscription on which messages may still come, on a connection that another thread reads: nats.c
 * before 3.10 holds no reference while it delivers one, so it is only freed when what the server sent before
 * it heard of this has been read. Waits at most a second for that. NULL is allowed. */
void wkv_end_inbox(natsConnection *connection, natsSubscription *subscription);

/* Asks `$SRV.PING.wascc-keyvalue` on connection and gives the id of each instance on this address with this
 * engine that answers, serving or draining, to `seen`, for wait_ms or until seen returns false. The
 * connection's messages must be delivered meanwhile, by a loop of its own or nats.c's threads. inbox_prefix
 * is the connection's own (NULL: _INBOX). Errors: WKV_FORBIDDEN (the server's permissions refuse the question
 * or its answers), WKV_UNAVAILABLE. */
enum wkv_code wkv_discovery_ask(natsConnection *connection, const char *inbox_prefix,
                                const struct wkv_address *address, int64_t wait_ms,
                                bool (*seen)(void *context, const char *id), void *context,
                                struct wkv_error *error);

/* ---- the server ---- */

struct wkv_server_options {
    struct wkv_connect_options connect;
    struct wkv_address address;
    unsigned workers;                    /* event loops, each a thread with a connection; at least 1 */
    bool allow_split;                    /* serve beside another memory-held instance on the same address */
    int64_t drain_timeout_ms;            /* >= 0 */
    int64_t max_wait_ms;                 /* > 0: what has waited longer when its turn comes is refused */
    const struct wkv_provider *provider; /* borrowed */
    struct wkv_log *log;                 /* borrowed */
    struct wkv_vitals *vitals;           /* borrowed; NULL: nobody asks */
    int reload_fd;                       /* readable when something is to be read again; -1: none */
    void (*reload)(void *context); /* called then, on the thread of wkv_server_run; reads reload_fd empty */
    void *reload_context;          /* borrowed */
};

#define WKV_MAX_WORKERS 256u

/* What became of wkv_server_run, beside an error. */
enum wkv_server_outcome {
    WKV_SERVER_DRAINED, /* told to stop, and stopped in order */
    WKV_SERVER_CUT,     /* told to stop, and not all that had been received could be answered in time */
    WKV_SERVER_SPLIT,   /* another instance holds this address's data: not begun, or drained */
    WKV_SERVER_FAILED,  /* could not serve: error says why */
};

/* Connects (trying again with back-off until it succeeds), subscribes, serves until stop_fd becomes readable
 * (an eventfd or signalfd, read by nobody else), drains and closes. Blocks; call it from one thread, with the
 * signals that stop the process blocked in all threads. Every event that an operator wants to know is logged.
 */
enum wkv_server_outcome wkv_server_run(const struct wkv_server_options *options, int stop_fd,
                                       struct wkv_error *error);

#endif
