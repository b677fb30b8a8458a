#include "operation/command.h"

#include <stdarg.h>
#include <stdio.h>

/* What one request may borrow beside its own bytes while it is decoded: room for the most keys that one may
 * name, and several times that. A request of a megabyte of tiny fields would want forty for nothing. */
#define DECODE_BYTES ((size_t)4 * 1024 * 1024)

/* A Batch of as many items as there may be, each in JSON of some members. */
#define BATCH_DECODE_BYTES ((size_t)10 * 1024 * 1024)

enum wkv_code wkv_command_fail(const struct wkv_command *command, struct wkv_error *error, enum wkv_code code,
                               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)wkv_vfail(error, code, command->operation->name, format, args);
    va_end(args);
    return code;
}

enum wkv_code wkv_command_blame(const struct wkv_command *command, struct wkv_error *error)
{
    struct wkv_error cause = *error;
    return wkv_command_fail(command, error, cause.code, "%s", cause.text);
}

/* An operator's request is JSON, unless its front knows better. */
static enum wkv_form form_of(const struct wkv_operation *operation, enum wkv_form form)
{
    return operation->scope == WKV_SCOPE_OPERATOR && form == WKV_FORM_DETECTED ? WKV_FORM_JSON : form;
}

enum wkv_encoding wkv_command_encoding(const struct wkv_operation *operation, struct wkv_text payload,
                                       enum wkv_form form)
{
    return wkv_guess_encoding(operation->request, form_of(operation, form), payload.data, payload.len);
}

enum wkv_code wkv_command_too_large(const struct wkv_command *command, const struct wkv_limits *limits,
                                    const char *about, size_t bytes, struct wkv_error *error)
{
    char headers[64] = "";
    if (limits->reply_header_bytes > 0)
        (void)snprintf(headers, sizeof headers, ", of which its headers take %zu",
                       limits->reply_header_bytes);
    return wkv_command_fail(
        command, error, WKV_TOO_LARGE,
        "the reply would have %s%zu bytes and the server's max_payload is %zu%s; ask for less at once", about,
        bytes, limits->max_reply_bytes + limits->reply_header_bytes, headers);
}

/* bytes and twice as many as those, or as many as there can be. */
static size_t plus_twice(size_t bytes, size_t those)
{
    if (__builtin_mul_overflow(those, 2, &those) || __builtin_add_overflow(bytes, those, &bytes))
        return SIZE_MAX;
    return bytes;
}

enum wkv_code wkv_command_decode(struct wkv_command *command, struct wkv_text payload, enum wkv_form form,
                                 const struct wkv_limits *limits, struct wkv_arena *arena,
                                 struct wkv_error *error)
{
    ProtobufCMessage *message;
    /* Texts are copied once, and the last block of an arena may be as large as all before it. */
    bool has_items = command->operation->keys == WKV_ITEM_KEYS;
    arena->max_bytes = plus_twice(has_items ? BATCH_DECODE_BYTES : DECODE_BYTES, payload.len);
    if (wkv_decode_request(command->operation->request, form_of(command->operation, form), payload.data,
                           payload.len, arena, &message, &command->encoding, error) != WKV_OK)
        return wkv_command_blame(command, error);
    command->message = message;
    arena->max_bytes = plus_twice(arena->max_bytes, limits->max_reply_bytes);
    return WKV_OK;
}
