/* A ticket: a command on its way through an engine, and the answer that it comes to.
 *
 * It begins as its front's, on the stack, and copies nothing. An engine that does not do it at once keeps it:
 * then it owns all that it needs (message, headers, memory), until it is completed.
 */
#ifndef WKV_ENGINE_TICKET_H
#define WKV_ENGINE_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operation/command.h"
#include "operation/once.h"
#include "operation/serve.h"
#include "support/buffer.h"
#include "support/error.h"
#include "wascc_keyvalue/store.h"

enum wkv_outcome {
    WKV_ANSWERED, /* the reply is in ticket->reply */
    WKV_REFUSED,  /* ticket->error says why; nothing has been changed */
    WKV_SILENT,   /* nobody is answered: the request is another instance's, or the engine has ended */
    WKV_LATER,    /* the engine has kept it */
    WKV_STREAMS,  /* it is answered by events, which another thread sends: no engine says so */
};

/* Of reads, where several instances have the data. */
enum wkv_freshness {
    WKV_FRESH_BY_OPTION, /* as the process was started */
    WKV_FRESH_LOCALLY,   /* what this instance has, at most 3 s stale */
};

struct wkv_ticket {
    /* What is to be done; the front's. */
    struct wkv_command command;
    struct wkv_limits limits;
    struct wkv_once once; /* without keys: the request has no id */
    struct wkv_store *store;
    struct wkv_host *host; /* NULL unless the command is about the process */
    size_t room;           /* bytes of a reply that may be sent now; limits say how large one may ever be */
    int64_t now_ns;        /* monotonic: when it came */
    void (*complete)(struct wkv_ticket *ticket, enum wkv_outcome outcome);
    struct wkv_ticket *(*keep)(struct wkv_ticket *ticket);
    bool (*resume)(struct wkv_ticket *ticket); /* finds out again how much room there is: none is false */
    /* Of one that was kept, in place of complete: its request is admitted again from its beginning, since who
     * may what has changed. */
    void (*again)(struct wkv_ticket *ticket);
    const struct wkv_policy_note
        *note; /* the invocation that it came with, to be noted; NULL: there is none */
    enum wkv_freshness freshness;

    /* The answer. */
    struct wkv_buffer *buffer; /* where the reply is written: of the thread that does it */
    struct wkv_text reply;     /* in buffer, until its next use */
    struct wkv_error *error;
    bool squeezed; /* it was refused since only `room` was too small, which the front words */

    /* The engine's, while it has kept it. */
    struct wkv_ticket *next;
    uint64_t mark;
    void *part;       /* the worker's */
    void *batch;      /* that it is in */
    const void *plan; /* in the request's memory: what it wants, where that is no command's */
    uint32_t index;   /* of its operation in the batch */
    int way;          /* what it is, or has come to */
};

/* Does the command, once: now_ns is the store's time. Any thread that has a buffer of its own for it. */
enum wkv_outcome wkv_ticket_perform(struct wkv_ticket *ticket, int64_t now_ns);

/* The same for a ticket that was kept, which is refused where there is no room for its answer any more. */
enum wkv_outcome wkv_ticket_resume(struct wkv_ticket *ticket, int64_t now_ns);

/* Makes the ticket outlive its submit. Returns the one that is the engine's from now on, in its place.
 * Errors: NULL where memory is short; it is refused then. */
struct wkv_ticket *wkv_ticket_keep(struct wkv_ticket *ticket);

#endif
