/* An engine that keeps every ticket and does it some turns of its worker's loop later, in order: what a
 * replicated log will do, without the log. Linked with the program's main, in place of the library's table,
 * it is wascc-keyvalue-later, with which the integration suites run too. It calls itself memory, as they
 * expect.
 */
#include <stdlib.h>

#include "engine/engine.h"
#include "nats/kept.h"
#include "support/clock.h"

#define TURNS 3
#define WINDOW 4

struct part {
    struct wkv_ticket *first, **last;
    uint64_t turn;
};

static enum wkv_code open_part(void *context, const struct wkv_engine_wake *wake, void **out,
                               struct wkv_error *error)
{
    (void)context, (void)wake;
    struct part *part = calloc(1, sizeof *part);
    if (part == NULL)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a part of the engine");
    part->last = &part->first;
    *out = part;
    return WKV_OK;
}

static struct wkv_ticket *take_first(struct part *part)
{
    struct wkv_ticket *ticket = part->first;
    part->first = ticket->next;
    if (part->first == NULL)
        part->last = &part->first;
    return ticket;
}

static void close_part(void *context)
{
    struct part *part = context;
    while (part->first != NULL) {
        struct wkv_ticket *ticket = take_first(part);
        ticket->complete(ticket, WKV_SILENT);
    }
    free(part);
}

static enum wkv_outcome submit(void *context, struct wkv_ticket *submitted)
{
    struct part *part = context;
    struct wkv_ticket *ticket = wkv_ticket_keep(submitted);
    if (ticket == NULL)
        return WKV_REFUSED;
    ticket->mark = part->turn + TURNS;
    ticket->next = NULL;
    *part->last = ticket;
    part->last = &ticket->next;
    return WKV_LATER;
}

static int64_t after_turn(void *context)
{
    struct part *part = context;
    part->turn++;
    while (part->first != NULL && part->first->mark <= part->turn) {
        struct wkv_ticket *ticket = take_first(part);
        ticket->complete(ticket, wkv_ticket_resume(ticket, wkv_monotonic_ns()));
    }
    return part->first == NULL ? WKV_NO_TURN : 0;
}

static const struct wkv_engine later = {.name = "memory",
                                        .open = open_part,
                                        .close = close_part,
                                        .submit = submit,
                                        .after_turn = after_turn,
                                        .window = WINDOW};

const struct wkv_engine *const wkv_engines[] = {&later, NULL};
