/* MessagePack requests, as the actors of waSCC hosts send them (CONTRACT section 7: "MessagePack, written by
 * rmp-serde 0.14 with struct maps: a struct is a map with its field names as keys"); the arrays that
 * rmp-serde writes for structs without struct maps are taken too. walk.c says what each field must be. */
#include <string.h>

#include "codec/msgpack_read.h"
#include "codec/walk.h"

static enum wkv_code malformed(struct wkv_walk *walk, size_t at, const char *wrong)
{
    return wkv_fail(walk->error, WKV_BAD_REQUEST,
                    "not %s %s in MessagePack at byte %zu (%s): send a map of its fields by their names",
                    wkv_article(walk->request->short_name), walk->request->short_name, at, wrong);
}

static enum wkv_code take(struct wkv_walk *walk, struct wkv_node *from, struct wkv_node *node)
{
    static const enum wkv_node_kind kinds[] = {
        [WKV_MSGPACK_NIL] = WKV_NODE_NULL,        [WKV_MSGPACK_BOOL] = WKV_NODE_BOOL,
        [WKV_MSGPACK_INTEGER] = WKV_NODE_INTEGER, [WKV_MSGPACK_FLOAT] = WKV_NODE_OTHER,
        [WKV_MSGPACK_STR] = WKV_NODE_TEXT,        [WKV_MSGPACK_BIN] = WKV_NODE_TEXT,
        [WKV_MSGPACK_EXT] = WKV_NODE_OTHER,       [WKV_MSGPACK_ARRAY] = WKV_NODE_ARRAY,
        [WKV_MSGPACK_MAP] = WKV_NODE_MAP,
    };
    struct wkv_msgpack_reader *reader = walk->source;
    struct wkv_msgpack_value value;
    (void)from;
    if (!wkv_msgpack_next(reader, &value))
        return malformed(walk, reader->at, reader->wrong);
    *node = (struct wkv_node){.kind = kinds[value.kind],
                              .boolean = value.boolean,
                              .integer = value.integer,
                              .text = {(const char *)value.bytes, value.len},
                              .count = value.len};
    return WKV_OK;
}

static enum wkv_code skip(struct wkv_walk *walk, struct wkv_node *from)
{
    struct wkv_msgpack_reader *reader = walk->source;
    (void)from;
    return wkv_msgpack_skip(reader) ? WKV_OK : malformed(walk, reader->at, reader->wrong);
}

/* A variant without data: {index: nil} or {name: nil} of rmp-serde 0.14, [index, ...] of those before it, the
 * bare name of those after it. */
static enum wkv_code take_variant(struct wkv_walk *walk, const ProtobufCEnumDescriptor *type,
                                  struct wkv_node *node)
{
    bool inside = (node->kind == WKV_NODE_MAP && node->count == 1) ||
                  (node->kind == WKV_NODE_ARRAY && node->count == 2);
    enum wkv_code code = inside ? take(walk, node, node) : WKV_OK;
    if (code != WKV_OK)
        return code;
    wkv_walk_find_variant(type, node);
    return inside && node->kind == WKV_NODE_INTEGER ? skip(walk, node) : WKV_OK;
}

static const struct wkv_notation notation = {
    .name = "MessagePack",
    .field = "field",
    .text = "text in UTF-8, as str or bin",
    .message = "a map of its fields by their names",
    .map = "a map of texts in UTF-8",
    .variant = "a map of one entry, the variant's index or name to nil",
    .skips_unknown_fields = true, /* as serde does: newer actors may send more */
    .takes_messages_in_order = true,
    .is_name = wkv_msgpack_is_name,
    .key = take,
    .value = take,
    .skip = skip,
    .take_variant = take_variant};

enum wkv_code wkv_decode_msgpack(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len,
                                 struct wkv_arena *arena, ProtobufCMessage **message, struct wkv_error *error)
{
    struct wkv_msgpack_reader reader = {bytes, len, 0, NULL};
    struct wkv_walk walk = {
        .notation = &notation, .request = type, .arena = arena, .error = error, .source = &reader};
    struct wkv_node head = {.kind = WKV_NODE_ARRAY};
    ProtobufCMessage *decoded = NULL;
    /* A message of no fields may be no bytes, and is nil from serde. */
    bool nothing = type->n_fields == 0 && len == 0;
    enum wkv_code code = nothing ? WKV_OK : take(&walk, NULL, &head);
    if (code != WKV_OK)
        return code;
    if (type->n_fields == 0 && head.kind == WKV_NODE_NULL)
        head = (struct wkv_node){.kind = WKV_NODE_ARRAY};
    if (head.kind != WKV_NODE_MAP && head.kind != WKV_NODE_ARRAY)
        return malformed(&walk, 0, "no map");
    code = wkv_walk_message(&walk, type, &head, &decoded);
    if (code == WKV_OK && reader.at != len)
        code = malformed(&walk, reader.at, "something follows the message");
    if (code == WKV_OK)
        *message = decoded;
    return code;
}
