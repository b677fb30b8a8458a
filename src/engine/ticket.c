#include "engine/ticket.h"

/* Replies up to this size reuse the buffer; after a larger one the memory goes back. */
#define REPLY_KEEP_BYTES ((size_t)256 * 1024)

static enum wkv_outcome refuse_for_memory(struct wkv_ticket *ticket)
{
    (void)wkv_command_fail(&ticket->command, ticket->error, WKV_NO_MEMORY,
                           "no memory for the request; try again later");
    return WKV_REFUSED;
}

/* Reserves memory for the reply before anything is done: the caller must hear of what was done. */
static bool reserve(struct wkv_ticket *ticket)
{
    size_t bytes = ticket->command.reply_bytes;
    wkv_buffer_reset(ticket->buffer, REPLY_KEEP_BYTES);
    return wkv_buffer_reserve(ticket->buffer, bytes > WKV_REPLY_FIRST_BYTES ? bytes : WKV_REPLY_FIRST_BYTES);
}

/* Whether the reply only found no room for now. A reply that was cut may be too large for any room; the next
 * attempt will tell. */
static bool may_fit_later(const struct wkv_ticket *ticket, const struct wkv_sink *sink)
{
    return sink->total_bytes > ticket->room && ticket->room < ticket->limits.max_reply_bytes &&
           (sink->cut || sink->total_bytes <= ticket->limits.max_reply_bytes);
}

static enum wkv_code do_it(struct wkv_ticket *ticket, int64_t now_ns, struct wkv_sink *sink)
{
    const struct wkv_command *command = &ticket->command;
    if (ticket->once.keys != NULL)
        return wkv_once_execute(&ticket->once, command, &ticket->limits, ticket->store, now_ns, sink);
    if (ticket->host == NULL)
        (void)wkv_command_execute(command, ticket->store, now_ns, sink);
    else
        wkv_host_serve(ticket->host, command, now_ns, sink);
    return wkv_command_finish(command, &ticket->limits, sink);
}

enum wkv_outcome wkv_ticket_perform(struct wkv_ticket *ticket, int64_t now_ns)
{
    const struct wkv_command *command = &ticket->command;
    struct wkv_sink sink;
    if (!reserve(ticket))
        return refuse_for_memory(ticket);
    wkv_command_begin_reply(command, &ticket->limits, ticket->room, ticket->buffer, ticket->error, &sink);
    enum wkv_code code = do_it(ticket, now_ns, &sink);
    if (ticket->host != NULL && ticket->host->silent)
        return WKV_SILENT;
    ticket->squeezed = code == WKV_TOO_LARGE && may_fit_later(ticket, &sink);
    ticket->reply = (struct wkv_text){ticket->buffer->data, ticket->buffer->len};
    return code == WKV_OK ? WKV_ANSWERED : WKV_REFUSED;
}

enum wkv_outcome wkv_ticket_resume(struct wkv_ticket *ticket, int64_t now_ns)
{
    ticket->squeezed = !ticket->resume(ticket);
    return ticket->squeezed ? WKV_REFUSED : wkv_ticket_perform(ticket, now_ns);
}

struct wkv_ticket *wkv_ticket_keep(struct wkv_ticket *ticket)
{
    struct wkv_ticket *kept = ticket->keep(ticket);
    if (kept == NULL)
        (void)refuse_for_memory(ticket);
    return kept;
}
