#include "codec/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/base64.h"
#include "support/text.h"

static enum wkv_code no_memory(struct wkv_walk *walk)
{
    return wkv_decode_out_of_memory(walk->request, walk->arena, walk->error);
}

static enum wkv_code must_be(struct wkv_walk *walk, struct wkv_place place, const char *right)
{
    return wkv_fail(walk->error, WKV_BAD_REQUEST, "%s%s \"%s%s\" of %s must be %s",
                    place.is_element ? "each element of " : "", walk->notation->field, place.field->name,
                    place.is_base64 ? "_base64" : "", place.type->short_name, right);
}

static enum wkv_code decode_base64(struct wkv_walk *walk, struct wkv_place place, const struct wkv_node *node,
                                   ProtobufCBinaryData *value)
{
    static const char right[] = "base64, such as \"YQ==\"";
    if (node->kind != WKV_NODE_TEXT)
        return must_be(walk, place, right);
    size_t len;
    unsigned char *bytes = wkv_arena_alloc(walk->arena, node->text.len / 4 * 3 + 2);
    if (bytes == NULL)
        return no_memory(walk);
    if (!wkv_base64_read(node->text, bytes, &len))
        return must_be(walk, place, right);
    *value = (ProtobufCBinaryData){len, len == 0 ? NULL : bytes};
    return WKV_OK;
}

/* Empty bytes have a NULL pointer, as in protobuf-c. */
static enum wkv_code decode_text(struct wkv_walk *walk, struct wkv_place place, const struct wkv_node *node,
                                 ProtobufCBinaryData *text)
{
    if (place.is_base64)
        return decode_base64(walk, place, node, text);
    bool checked = walk->notation->has_checked_text;
    if (node->kind != WKV_NODE_TEXT || (!checked && !wkv_utf8_valid(node->text.data, node->text.len)))
        return must_be(walk, place, walk->notation->text);
    uint8_t *copy = NULL;
    if (node->text.len > 0) {
        copy = wkv_arena_alloc(walk->arena, node->text.len);
        if (copy == NULL)
            return no_memory(walk);
        memcpy(copy, node->text.data, node->text.len);
    }
    *text = (ProtobufCBinaryData){node->text.len, copy};
    return WKV_OK;
}

static enum wkv_code decode_integer(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *node,
                                    void *slot)
{
    ProtobufCType type = place.field->type;
    enum wkv_code code = walk->notation->integer == NULL ? WKV_OK : walk->notation->integer(walk, type, node);
    if (code != WKV_OK)
        return code;
    bool fits = node->kind == WKV_NODE_INTEGER && wkv_integer_store(node->integer, type, slot);
    return fits ? WKV_OK : must_be(walk, place, wkv_integer_range(type));
}

void wkv_walk_find_variant(const ProtobufCEnumDescriptor *type, struct wkv_node *node)
{
    enum wkv_node_kind found = WKV_NODE_OTHER;
    for (unsigned i = 0; i < type->n_values && found == WKV_NODE_OTHER; i++) {
        const ProtobufCEnumValue *variant = &type->values[i];
        bool same = node->kind == WKV_NODE_INTEGER
                        ? node->integer.bits == wkv_integer_of(variant->value).bits
                        : node->kind == WKV_NODE_TEXT && node->text.len == strlen(variant->name) &&
                              memcmp(node->text.data, variant->name, node->text.len) == 0;
        if (same) {
            found = WKV_NODE_INTEGER;
            node->integer = wkv_integer_of(variant->value);
        }
    }
    node->kind = found;
}

static enum wkv_code decode_enum(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *node,
                                 void *slot)
{
    enum wkv_code code = walk->notation->take_variant(walk, place.field->descriptor, node);
    if (code != WKV_OK)
        return code;
    bool fits =
        node->kind == WKV_NODE_INTEGER && wkv_integer_store(node->integer, PROTOBUF_C_TYPE_INT32, slot);
    return fits ? WKV_OK : must_be(walk, place, walk->notation->variant);
}

static bool is_message(const struct wkv_walk *walk, const struct wkv_node *node)
{
    return node->kind == WKV_NODE_MAP ||
           (node->kind == WKV_NODE_ARRAY && walk->notation->takes_messages_in_order);
}

/* Decodes one value into slot, the place for one value of the field's type. */
static enum wkv_code decode_value(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *node,
                                  void *slot)
{
    switch (place.field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return decode_text(walk, place, node, slot);
    case PROTOBUF_C_TYPE_BOOL:
        if (node->kind != WKV_NODE_BOOL)
            return must_be(walk, place, "true or false");
        *(protobuf_c_boolean *)slot = node->boolean;
        return WKV_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(walk, place, node, slot);
    case PROTOBUF_C_TYPE_MESSAGE:
        if (!is_message(walk, node))
            return must_be(walk, place, walk->notation->message);
        return wkv_walk_message(walk, place.field->descriptor, node, slot);
    default: /* an integer: decode_field lets no other type come here */
        return decode_integer(walk, place, node, slot);
    }
}

/* Makes room for the node's count of values, and has the message point to it. *values is NULL for none. */
static enum wkv_code make_room(struct wkv_walk *walk, struct wkv_place place, size_t count, char *base,
                               char **values)
{
    size_t size = wkv_value_bytes(place.field->type);
    *values = NULL;
    if (count == 0)
        return WKV_OK;
    if (count <= SIZE_MAX / size)
        *values = wkv_arena_alloc(walk->arena, count * size);
    if (*values == NULL)
        return no_memory(walk);
    *(void **)(void *)(base + place.field->offset) = *values;
    *(size_t *)(void *)(base + place.field->quantifier_offset) = count;
    return WKV_OK;
}

static enum wkv_code decode_repeated(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *array,
                                     char *base)
{
    if (array->kind != WKV_NODE_ARRAY)
        return must_be(walk, place, "an array");
    size_t size = wkv_value_bytes(place.field->type);
    char *values;
    enum wkv_code code = make_room(walk, place, array->count, base, &values);
    place.is_element = true;
    for (size_t i = 0; code == WKV_OK && i < array->count; i++) {
        struct wkv_node node;
        code = walk->notation->value(walk, array, &node);
        if (code == WKV_OK)
            code = decode_value(walk, place, &node, values + i * size);
    }
    return code;
}

/* ---- Maps: from texts to texts, which is all that there are here ---- */

static const ProtobufCBinaryData *entry_key(const ProtobufCMessage *entry)
{
    return (const void *)((const char *)entry + entry->descriptor->fields[0].offset);
}

static int compare_keys(const void *a, const void *b)
{
    const ProtobufCBinaryData *left = entry_key(*(ProtobufCMessage *const *)a);
    const ProtobufCBinaryData *right = entry_key(*(ProtobufCMessage *const *)b);
    return wkv_text_compare((struct wkv_text){(const char *)left->data, left->len},
                            (struct wkv_text){(const char *)right->data, right->len});
}

/* Brings the entries into the order of their keys, in which equal ones are neighbours. */
static bool keys_are_distinct(ProtobufCMessage **entries, size_t count)
{
    if (count > 1)
        qsort(entries, count, sizeof(ProtobufCMessage *), compare_keys);
    for (size_t i = 1; i < count; i++)
        if (compare_keys(&entries[i - 1], &entries[i]) == 0)
            return false;
    return true;
}

static enum wkv_code decode_entry(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *map,
                                  ProtobufCMessage **made)
{
    const ProtobufCMessageDescriptor *type = place.field->descriptor;
    ProtobufCMessage *entry = wkv_arena_alloc(walk->arena, type->sizeof_message);
    if (entry == NULL)
        return no_memory(walk);
    protobuf_c_message_init(type, entry);
    for (unsigned i = 0; i < 2; i++) {
        struct wkv_node node;
        enum wkv_code code =
            i == 0 ? walk->notation->key(walk, map, &node) : walk->notation->value(walk, map, &node);
        if (code == WKV_OK)
            code = decode_text(walk, place, &node, (void *)((char *)entry + type->fields[i].offset));
        if (code != WKV_OK)
            return code;
    }
    *made = entry;
    return WKV_OK;
}

static enum wkv_code decode_map(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *map,
                                char *base)
{
    if (map->kind != WKV_NODE_MAP)
        return must_be(walk, place, walk->notation->map);
    char *values;
    enum wkv_code code = make_room(walk, place, map->count, base, &values);
    ProtobufCMessage **entries = (void *)values;
    struct wkv_place element = {.type = place.type, .field = place.field, .is_element = true};
    for (size_t i = 0; code == WKV_OK && i < map->count; i++)
        code = decode_entry(walk, element, map, &entries[i]);
    if (code == WKV_OK && !keys_are_distinct(entries, map->count))
        return must_be(walk, place, "a map that has each key once");
    return code;
}

/* ---- Messages ---- */

/* Notes that the field is there, where a message can tell. Returns false where another member of its oneof
 * is. */
static bool note_presence(const ProtobufCFieldDescriptor *field, char *base)
{
    void *quantifier = base + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        if (*(uint32_t *)quantifier != 0)
            return false;
        *(uint32_t *)quantifier = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE) {
        *(protobuf_c_boolean *)quantifier = 1;
    }
    return true;
}

/* Decodes the value that comes next in `from`. *seen: whether the field has been there. */
static enum wkv_code decode_field(struct wkv_walk *walk, struct wkv_place place, struct wkv_node *from,
                                  char *base, bool *seen)
{
    const ProtobufCFieldDescriptor *field = place.field;
    if (wkv_value_bytes(field->type) == 0)
        return wkv_fail(walk->error, WKV_BAD_REQUEST,
                        "%s \"%s\" of %s is not supported in %s: send this request in protobuf",
                        walk->notation->field, field->name, place.type->short_name, walk->notation->name);
    struct wkv_node node;
    enum wkv_code code = walk->notation->value(walk, from, &node);
    if (code != WKV_OK || node.kind == WKV_NODE_NULL)
        return code; /* null: as if it were not there */
    if (*seen)
        return wkv_fail(walk->error, WKV_BAD_REQUEST,
                        "%s \"%s\" of %s is there twice: send it once, by one name", walk->notation->field,
                        field->name, place.type->short_name);
    *seen = true;
    if (wkv_field_is_map(field))
        return decode_map(walk, place, &node, base);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return decode_repeated(walk, place, &node, base);
    if (!note_presence(field, base))
        return must_be(walk, place, "the only one of its kind: send one of them");
    return decode_value(walk, place, &node, base + field->offset);
}

/* Names the fields that there are, and not the one that came: it may be anything. */
static enum wkv_code unknown_field(struct wkv_walk *walk, const ProtobufCMessageDescriptor *type)
{
    char names[192] = " none";
    size_t used = 0;
    for (unsigned i = 0; i < type->n_fields && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s\"%s\"", i == 0 ? " " : ", ",
                                 type->fields[i].name);
    return wkv_fail(walk->error, WKV_BAD_REQUEST, "unknown %s in %s: its %ss are%s", walk->notation->field,
                    type->short_name, walk->notation->field, names);
}

/* The index of the field with that name, or n_fields where there is none. */
static unsigned find_named(const struct wkv_walk *walk, const ProtobufCMessageDescriptor *type,
                           struct wkv_text name)
{
    unsigned index = 0;
    while (index < type->n_fields && !walk->notation->is_name(type->fields[index].name, name))
        index++;
    return index;
}

/* The same, where a value's name may say that it is in base64. */
static unsigned find_field(const struct wkv_walk *walk, const ProtobufCMessageDescriptor *type,
                           struct wkv_text name, bool *is_base64)
{
    static const char *const ends[] = {"_base64", "Base64"};
    unsigned index = find_named(walk, type, name);
    *is_base64 = false;
    if (!walk->notation->takes_base64)
        return index;
    for (unsigned i = 0; i < 2 && index == type->n_fields; i++) {
        size_t len = strlen(ends[i]);
        if (name.len <= len || memcmp(name.data + name.len - len, ends[i], len) != 0)
            continue;
        index = find_named(walk, type, (struct wkv_text){name.data, name.len - len});
        if (index < type->n_fields && !wkv_field_is_value(&type->fields[index]))
            index = type->n_fields;
        *is_base64 = index < type->n_fields;
    }
    return index;
}

/* Whether the message consists of one oneof and nothing else: then its reader refuses a member that is not
 * known. */
static bool is_choice(const ProtobufCMessageDescriptor *type)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (!(type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            return false;
    return type->n_fields > 0;
}

/* Takes the value that follows, whatever it is. */
static enum wkv_code pass_over(struct wkv_walk *walk, struct wkv_node *map)
{
    struct wkv_node node;
    return walk->notation->skip == NULL ? walk->notation->value(walk, map, &node)
                                        : walk->notation->skip(walk, map);
}

/* One pair of a message's map. */
static enum wkv_code decode_named(struct wkv_walk *walk, struct wkv_node *map, ProtobufCMessage *message,
                                  bool *seen)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    struct wkv_node name;
    enum wkv_code code = walk->notation->key(walk, map, &name);
    if (code != WKV_OK)
        return code;
    if (name.kind != WKV_NODE_TEXT)
        return wkv_fail(walk->error, WKV_BAD_REQUEST,
                        "a key in the map of %s %s is no text: send its fields by their names",
                        wkv_article(type->short_name), type->short_name);
    bool is_base64;
    unsigned index = find_field(walk, type, name.text, &is_base64);
    if (index == type->n_fields)
        return walk->notation->skips_unknown_fields || is_choice(type) ? pass_over(walk, map)
                                                                       : unknown_field(walk, type);
    struct wkv_place place = {.type = type, .field = &type->fields[index], .is_base64 = is_base64};
    return decode_field(walk, place, map, (char *)message, &seen[index]);
}

static enum wkv_code decode_by_name(struct wkv_walk *walk, struct wkv_node *map, ProtobufCMessage *message)
{
    bool *seen = wkv_arena_alloc(walk->arena, message->descriptor->n_fields * sizeof *seen);
    if (seen == NULL)
        return no_memory(walk);
    memset(seen, 0, message->descriptor->n_fields * sizeof *seen);
    enum wkv_code code = WKV_OK;
    for (size_t i = 0; code == WKV_OK && i < map->count; i++)
        code = decode_named(walk, map, message, seen);
    return code;
}

/* Fields in the order of their numbers. Those left out at the end have their defaults; those past what is
 * known are skipped. */
static enum wkv_code decode_by_order(struct wkv_walk *walk, struct wkv_node *array, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    enum wkv_code code = WKV_OK;
    for (size_t i = 0; code == WKV_OK && i < array->count; i++) {
        bool seen = false;
        if (i < type->n_fields)
            code = decode_field(walk, (struct wkv_place){.type = type, .field = &type->fields[i]}, array,
                                (char *)message, &seen);
        else
            code = walk->notation->skip(walk, array);
    }
    return code;
}

enum wkv_code wkv_walk_message(struct wkv_walk *walk, const ProtobufCMessageDescriptor *type,
                               struct wkv_node *head, ProtobufCMessage **message)
{
    if (walk->depth == WKV_WALK_MAX_DEPTH)
        return wkv_fail(walk->error, WKV_BAD_REQUEST, "not %s %s in %s: nested too deeply",
                        wkv_article(walk->request->short_name), walk->request->short_name,
                        walk->notation->name);
    ProtobufCMessage *decoded = wkv_arena_alloc(walk->arena, type->sizeof_message);
    if (decoded == NULL)
        return no_memory(walk);
    protobuf_c_message_init(type, decoded);
    walk->depth++;
    enum wkv_code code = head->kind == WKV_NODE_MAP ? decode_by_name(walk, head, decoded)
                                                    : decode_by_order(walk, head, decoded);
    walk->depth--;
    if (code == WKV_OK)
        *message = decoded;
    return code;
}
