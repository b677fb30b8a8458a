/* Discovery: what this process says of itself on `$SRV` (contract section 8, ADR-32). */
#ifndef WKV_LATTICE_DISCOVERY_H
#define WKV_LATTICE_DISCOVERY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lattice/answers.h"
#include "lattice/endpoints.h"
#include "lattice/pong.h"
#include "nats/loop.h"
#include "nats/subject.h"
#include "operation/identity.h"
#include "report/report.h"
#include "security/nkey.h"

/* Where all services are asked for, and with `.wascc-keyvalue` this one. */
#define WKV_PING_SUBJECT "$SRV.PING"

/* What of the process is told, and where bindings are adopted. Borrowed. */
struct wkv_lattice_process {
    struct wkv_report_sources sources;
    struct wkv_trust_source *trust; /* NULL where auth is WKV_AUTH_NONE */
    enum wkv_auth auth;
    bool require_binding; /* refuse actors that are not bound, in every mode */
    bool split;           /* others may serve this binding too, each a part of the data */
    const char *instance; /* this process's id */
};

struct wkv_discovery {
    struct wkv_loop loop; /* a connection of its own: no request waits for an operator's question */
    const struct wkv_address *address; /* borrowed */
    struct wkv_lattice_process process;
    const char *id;                    /* the process's instance */
    char started[WKV_TIME_TEXT_BYTES]; /* when the process was started */
    _Atomic int phase;                 /* enum wkv_phase */
    _Atomic bool other_asks;           /* another instance has asked whether it is alone: see alone.h */
    struct wkv_endpoints endpoints;    /* what INFO says of the operations */
    struct wkv_answers answers;        /* the loop's thread's */
    char inbox[WKV_SUBJECT_BYTES];     /* where the bindings that the lattice remembers come, */
    _Atomic int64_t inbox_until_ns;    /* and until when they are adopted */
    size_t adopted;                    /* so many so far; the loop's thread's */
    /* The key by which the lattice knows this process (contract section 7). */
    char host[WKV_NKEY_PUBLIC_CHARS + 1];
};

/* Makes an unconnected discovery with the process's id. The loop's name is not looked at. inbox_prefix is
 * that of the connection (NULL: _INBOX). Errors: WKV_UNAVAILABLE. */
enum wkv_code wkv_discovery_init(struct wkv_discovery *discovery, const struct wkv_lattice_process *process,
                                 const struct wkv_loop_options *loop, const char *inbox_prefix,
                                 struct wkv_error *error);

/* A provider that starts adopts the lattice's bindings with its capability and binding again (CONTRACT
 * section 7): asks; the answers are adopted on the loop's thread as they come, for a few seconds. Once
 * connected and subscribed. Any thread. */
void wkv_discovery_ask_bindings(struct wkv_discovery *discovery);

/* Frees a disconnected discovery. */
void wkv_discovery_destroy(struct wkv_discovery *discovery);

/* Says that the server's permissions forbid to ask for instances, and what to grant. Returns WKV_FORBIDDEN.
 */
enum wkv_code wkv_discovery_denied(const char *inbox_prefix, struct wkv_error *error);

#endif
