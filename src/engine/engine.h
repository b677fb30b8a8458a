/* Engines: who does a command, and when. The front hands over a ticket; the engine does it at once (memory),
 * or keeps it and does it in a later turn, when it is known that it may (a replicated log).
 *
 *   front ─► submit(ticket) ─► ANSWERED, REFUSED, SILENT: the answer is in the ticket, which is the front's
 * again └─► LATER: the ticket is the engine's ─► … ─► ticket->complete(outcome)
 *
 * A worker has a part of the engine of its own, which belongs to its thread.
 */
#ifndef WKV_ENGINE_ENGINE_H
#define WKV_ENGINE_ENGINE_H

#include <stdint.h>

#include "engine/ticket.h"

struct wkv_engine_wake {
    void (*call)(void *context);
    void *context;
};

struct wkv_engine {
    const char *name; /* as discovery says it */

    /* Makes a worker's part, which may be NULL where the engine has none, and ends it: tickets that it still
     * has come to WKV_SILENT. context: what the process made for the engine. wake: makes the worker's loop
     * turn; any thread may call it. Errors of open: WKV_NO_MEMORY. open and close may be NULL. */
    enum wkv_code (*open)(void *context, const struct wkv_engine_wake *wake, void **part,
                          struct wkv_error *error);
    void (*close)(void *part);

    /* Does the ticket now, or keeps it (wkv_ticket_keep) and completes it later. */
    enum wkv_outcome (*submit)(void *part, struct wkv_ticket *ticket);

    /* Keeps a ticket whose request was refused since its actor is not bound here, until this worker has seen
     * what others have been answered; then it comes to `again`. NULL: nobody knows more than this process. */
    enum wkv_outcome (*look_again)(void *part, struct wkv_ticket *ticket);

    /* For an engine that keeps tickets. Runs after each turn of the worker's loop: see wkv_loop_after_turn.
     */
    int64_t (*after_turn)(void *part);
    size_t window; /* so many tickets a worker has with it at the most */
};

/* THE engines; the first is the default, and NULL ends them. */
extern const struct wkv_engine *const wkv_engines[];

#endif
