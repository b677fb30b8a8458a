#include "engine/memory.h"

static enum wkv_outcome submit(void *part, struct wkv_ticket *ticket)
{
    (void)part;
    return wkv_ticket_perform(ticket, ticket->now_ns);
}

const struct wkv_engine wkv_engine_memory = {.name = "memory", .submit = submit};
