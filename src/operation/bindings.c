/* Which actors are bound (contract section 8). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operation/page.h"
#include "operation/serve.h"
#include "operator.pb-c.h"
#include "security/nkey.h"
#include "security/token.h"
#include "support/text.h"

static enum wkv_code no_memory(struct wkv_sink *sink)
{
    return wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for so many at once: give a smaller limit");
}

/* The issuer of a binding's claims as a public key, in arena; "" where the binding brought none. */
static const char *issuer_of(struct wkv_arena *arena, const struct wkv_policy_binding *claims)
{
    static const unsigned char none[WKV_NKEY_BYTES] = {0};
    struct wkv_nkey key = {.kind = WKV_NKEY_ACCOUNT};
    if (memcmp(claims->issuer, none, sizeof none) == 0)
        return "";
    char *text = wkv_arena_alloc(arena, WKV_NKEY_PUBLIC_CHARS + 1);
    if (text == NULL)
        return "";
    memcpy(key.bytes, claims->issuer, sizeof key.bytes);
    wkv_nkey_encode(&key, text);
    return text;
}

static enum wkv_code write_bindings(struct wkv_host *host, struct wkv_sink *sink,
                                    const struct wkv_bindings_listed *listed, size_t count, bool more)
{
    Operator__BindingsReply reply = OPERATOR__BINDINGS_REPLY__INIT;
    Operator__Binding *rows = wkv_arena_alloc(host->arena, (count + 1) * sizeof *rows);
    reply.bindings = wkv_arena_alloc(host->arena, (count + 1) * sizeof(Operator__Binding *));
    if (rows == NULL || reply.bindings == NULL)
        return no_memory(sink);
    for (size_t i = 0; i < count; i++) {
        const struct wkv_policy_binding *claims = &listed[i].claims;
        operator__binding__init(&rows[i]);
        rows[i].actor = wkv_bytes_of(listed[i].actor);
        rows[i].keyspace = wkv_bytes_of(listed[i].keyspace);
        rows[i].issuer = wkv_bytes_of(issuer_of(host->arena, claims));
        rows[i].expires_at = claims->expires_s == WKV_TOKEN_NEVER ? 0 : claims->expires_s;
        reply.bindings[i] = &rows[i];
    }
    reply.n_bindings = count;
    if (more)
        reply.cursor = rows[count - 1].actor;
    wkv_sink_message(sink, &reply.base);
    return WKV_OK;
}

/* How many of the rows fit into the reply; the first is on the page in any case, so that the next one gets
 * further. */
static size_t rows_that_fit(const struct wkv_sink *sink, const struct wkv_bindings_listed *listed,
                            size_t count)
{
    size_t most = sink->max_bytes, used = sizeof "{\"bindings\":[],\"cursor\":\"\"}";
    size_t rows = 0;
    for (; rows < count; rows++) {
        size_t actor = wkv_json_bytes((struct wkv_text){listed[rows].actor, strlen(listed[rows].actor)});
        size_t keyspace =
            wkv_json_bytes((struct wkv_text){listed[rows].keyspace, strlen(listed[rows].keyspace)});
        used += sizeof "{\"actor\":,\"keyspace\":,\"issuer\":\"\",\"expires_at\":-9223372036854775808}," +
                WKV_NKEY_PUBLIC_CHARS + actor + keyspace;
        /* The cursor is an actor, too. */
        if (rows > 0 && (used > most || actor > most - used))
            break;
    }
    return rows;
}

static const Operator__BindingsRequest *request_of(const struct wkv_command *command)
{
    return (const Operator__BindingsRequest *)command->message;
}

/* The cursor of a page of keyspaces is the number of the next one. */
static bool read_number(struct wkv_text cursor, uint64_t *number)
{
    *number = 0;
    return cursor.len == 0 || wkv_text_decimal(cursor, UINT32_MAX, number);
}

/* Any actor may have been the last one of a page, and be bound no more; what can be none was not given. */
WKV_CHECK(wkv_check_bindings)
{
    struct wkv_text after = wkv_text_of(request_of(command)->cursor);
    struct wkv_error cause;
    uint64_t number;
    (void)limits;
    if (request_of(command)->keyspaces && !read_number(after, &number))
        return wkv_page_refuse_cursor(command, error);
    if (wkv_page_check_limit(command, request_of(command)->limit, wkv_page_of_keys, error) != WKV_OK)
        return error->code;
    return after.len == 0 || wkv_bindings_check_actor(after, &cause) == WKV_OK
               ? WKV_OK
               : wkv_page_refuse_cursor(command, error);
}

static enum wkv_code list_bindings(struct wkv_host *host, struct wkv_sink *sink, struct wkv_text after,
                                   size_t limit)
{
    struct wkv_bindings_listed *listed = calloc(limit + 1, sizeof *listed);
    if (listed == NULL)
        return no_memory(sink);
    size_t count = wkv_bindings_list(host->bindings, after, listed, limit + 1);
    enum wkv_code code;
    if (count == SIZE_MAX) {
        code = no_memory(sink);
    } else {
        size_t rows = rows_that_fit(sink, listed, count < limit ? count : limit);
        code = write_bindings(host, sink, listed, rows, count > rows);
    }
    free(listed);
    return code;
}

/* Names are given out one after the other and stay, so a page goes on behind the last number. */
static enum wkv_code list_keyspaces(struct wkv_host *host, struct wkv_sink *sink, uint64_t number,
                                    size_t limit)
{
    Operator__KeyspacesReply reply = OPERATOR__KEYSPACES_REPLY__INIT;
    char name[WKV_BINDINGS_MAX_NAME_BYTES + 1], cursor[24];
    size_t room = sink->max_bytes - sink->max_bytes / 8;
    reply.keyspaces = wkv_arena_alloc(host->arena, limit * sizeof *reply.keyspaces);
    if (reply.keyspaces == NULL)
        return no_memory(sink);
    for (; wkv_bindings_keyspace_name(host->bindings, (uint32_t)number, name); number++) {
        struct wkv_text text = wkv_text_from(name);
        if (reply.n_keyspaces == limit || (reply.n_keyspaces > 0 && wkv_json_bytes(text) > room)) {
            (void)snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)number);
            reply.cursor = wkv_bytes_of(cursor);
            break;
        }
        char *copy = wkv_arena_alloc(host->arena, text.len + 1);
        if (copy == NULL)
            return no_memory(sink);
        reply.keyspaces[reply.n_keyspaces++] = wkv_bytes_of(strcpy(copy, name));
        room -= wkv_json_bytes(text) < room ? wkv_json_bytes(text) : room;
    }
    wkv_sink_begin_again(sink, reply.base.descriptor);
    wkv_sink_message(sink, &reply.base);
    return WKV_OK;
}

/* A page's cursor is the last actor on it: the rest comes in order, whatever is bound or
 * removed meanwhile. */
WKV_SERVE(wkv_serve_bindings)
{
    struct wkv_text cursor = wkv_text_of(request_of(command)->cursor);
    size_t limit = wkv_page_limit(request_of(command)->limit, wkv_page_of_keys);
    uint64_t number;
    (void)now_ns;
    if (request_of(command)->keyspaces && read_number(cursor, &number))
        (void)list_keyspaces(host, sink, number, limit);
    else
        (void)list_bindings(host, sink, cursor, limit);
}
