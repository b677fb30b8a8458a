/* CONTRACT section 7: "Invocation {origin, target, operation, msg, id, encoded_claims, host_id}. msg is a
 * Vec<u8> and so an ARRAY OF SMALL INTEGERS, not bin (accept bin too)", and "origin and target are enums: a
 * one-entry map, its key the variant's index (0 Actor, 1 Capability) or, from other rmp-serde versions, its
 * name". */
#include "front/invocation.h"

#include <stdint.h>
#include <string.h>

#include "codec/codec.h"
#include "codec/msgpack_read.h"

/* The order of the fields where they come without names. */
enum field { ORIGIN, TARGET, OPERATION, MSG, ID, ENCODED_CLAIMS, HOST_ID, FIELDS };
static const char *const field_names[FIELDS] = {"origin", "target",         "operation", "msg",
                                                "id",     "encoded_claims", "host_id"};

enum part { CAPID, BINDING, PARTS };
static const char *const part_names[PARTS] = {"capid", "binding"};

enum variant { ACTOR, CAPABILITY, VARIANTS };
static const char *const variant_names[VARIANTS] = {"Actor", "Capability"};

struct decoder {
    struct wkv_msgpack_reader reader;
    struct wkv_arena *arena;
    struct wkv_error *error;
    struct wkv_invocation *out;
};

/* A struct as it is being read: which fields it has, by their order, and which have come. */
struct fields {
    const char *of; /* what the fields belong to, for the text of an error */
    const char *const *names;
    unsigned count;
    unsigned seen; /* a bit each */
};

static enum wkv_code malformed(struct decoder *decoder, const char *wrong)
{
    return wkv_fail(decoder->error, WKV_BAD_REQUEST,
                    "not an Invocation in MessagePack at byte %zu (%s): send what wascc-codec serializes",
                    decoder->reader.at, wrong);
}

static enum wkv_code next(struct decoder *decoder, struct wkv_msgpack_value *value)
{
    return wkv_msgpack_next(&decoder->reader, value) ? WKV_OK : malformed(decoder, decoder->reader.wrong);
}

static enum wkv_code skip(struct decoder *decoder)
{
    return wkv_msgpack_skip(&decoder->reader) ? WKV_OK : malformed(decoder, decoder->reader.wrong);
}

static enum wkv_code must_be(struct decoder *decoder, const char *field, const char *of, const char *right)
{
    return wkv_fail(decoder->error, WKV_BAD_REQUEST, "field \"%s\" of %s must be %s", field, of, right);
}

static bool take_text(const struct wkv_msgpack_value *value, struct wkv_text *text)
{
    bool is_text = (value->kind == WKV_MSGPACK_STR || value->kind == WKV_MSGPACK_BIN) &&
                   wkv_utf8_valid(value->bytes, value->len);
    if (is_text)
        *text = (struct wkv_text){(const char *)value->bytes, value->len};
    return is_text;
}

static enum wkv_code decode_text(struct decoder *decoder, const char *field, const char *of,
                                 struct wkv_text *text)
{
    struct wkv_msgpack_value value;
    enum wkv_code code = next(decoder, &value);
    if (code != WKV_OK)
        return code;
    return take_text(&value, text) ? WKV_OK : must_be(decoder, field, of, "text in UTF-8, as str or bin");
}

/* Which field the value at hand is: the one that its key names in a map, the index-th in an array;
 * fields->count for an unknown one. */
static enum wkv_code next_field(struct decoder *decoder, struct fields *fields, bool named, uint32_t index,
                                unsigned *field)
{
    *field = index < fields->count ? (unsigned)index : fields->count;
    if (named) {
        struct wkv_msgpack_value key;
        enum wkv_code code = next(decoder, &key);
        if (code != WKV_OK)
            return code;
        if (key.kind != WKV_MSGPACK_STR && key.kind != WKV_MSGPACK_BIN)
            return malformed(decoder, "a key in a map is no text");
        /* Hosts send the fields in their order: the index-th is tried first. */
        if (index >= fields->count || !wkv_msgpack_is_text(&key, fields->names[index]))
            for (*field = 0; *field < fields->count; ++*field)
                if (wkv_msgpack_is_text(&key, fields->names[*field]))
                    break;
    }
    if (*field == fields->count)
        return WKV_OK;
    if (fields->seen & 1u << *field)
        return wkv_fail(decoder->error, WKV_BAD_REQUEST, "field \"%s\" of %s is there twice: send it once",
                        fields->names[*field], fields->of);
    fields->seen |= 1u << *field;
    return WKV_OK;
}

static enum wkv_code check_complete(struct decoder *decoder, const struct fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++)
        if (!(fields->seen & 1u << i))
            return wkv_fail(decoder->error, WKV_BAD_REQUEST, "field \"%s\" of %s is missing: send it",
                            fields->names[i], fields->of);
    return WKV_OK;
}

/* The name of the entity's field stands for the entity: "field "capid" of target". */
static enum wkv_code decode_capability(struct decoder *decoder, const char *name, struct wkv_entity *entity)
{
    struct fields parts = {name, part_names, PARTS, 0};
    struct wkv_msgpack_value head;
    enum wkv_code code = next(decoder, &head);
    if (code != WKV_OK)
        return code;
    bool named = head.kind == WKV_MSGPACK_MAP;
    if (!named && head.kind != WKV_MSGPACK_ARRAY)
        return must_be(decoder, name, "Invocation", "a capability's map of capid and binding");
    for (uint32_t i = 0; i < head.len; i++) {
        unsigned part;
        code = next_field(decoder, &parts, named, i, &part);
        if (code == WKV_OK)
            code = part == PARTS ? skip(decoder)
                                 : decode_text(decoder, part_names[part], name,
                                               part == CAPID ? &entity->capid : &entity->binding);
        if (code != WKV_OK)
            return code;
    }
    entity->is_capability = true;
    return check_complete(decoder, &parts);
}

/* The variant that value, its index or its name, stands for; VARIANTS for none. */
static unsigned find_variant(const struct wkv_msgpack_value *value)
{
    for (unsigned i = 0; i < VARIANTS; i++)
        if (value->kind == WKV_MSGPACK_INTEGER ? !value->integer.negative && value->integer.bits == i
                                               : wkv_msgpack_is_text(value, variant_names[i]))
            return i;
    return VARIANTS;
}

/* An actor's name; in the array form of old it is in an array of its own, as any variant's data was. */
static enum wkv_code decode_actor(struct decoder *decoder, const char *name, bool of_old,
                                  struct wkv_entity *entity)
{
    struct wkv_msgpack_value value;
    enum wkv_code code = next(decoder, &value);
    if (code == WKV_OK && of_old && value.kind == WKV_MSGPACK_ARRAY && value.len == 1)
        code = next(decoder, &value);
    if (code != WKV_OK)
        return code;
    return take_text(&value, &entity->actor)
               ? WKV_OK
               : must_be(decoder, name, "Invocation", "an actor's name in UTF-8");
}

static enum wkv_code decode_entity(struct decoder *decoder, const char *name, struct wkv_entity *entity)
{
    static const char right[] = "a map of one entry: 0 or \"Actor\" to a name, or 1 or \"Capability\" to "
                                "a map of capid and binding";
    struct wkv_msgpack_value value;
    enum wkv_code code = next(decoder, &value);
    if (code != WKV_OK)
        return code;
    bool of_old = value.kind == WKV_MSGPACK_ARRAY;
    if (!(of_old && value.len == 2) && !(value.kind == WKV_MSGPACK_MAP && value.len == 1))
        return must_be(decoder, name, "Invocation", right);
    code = next(decoder, &value);
    if (code != WKV_OK)
        return code;
    switch (find_variant(&value)) {
    case ACTOR:
        return decode_actor(decoder, name, of_old, entity);
    case CAPABILITY:
        return decode_capability(decoder, name, entity);
    default:
        return must_be(decoder, name, "Invocation", right);
    }
}

/* One byte of msg. The two forms that hosts write go without a reader: a byte below 128 is itself, any other
 * has cc before it. Returns false where there is no integer of a byte. */
static bool take_byte(struct wkv_msgpack_reader *reader, char *byte)
{
    const uint8_t *at = reader->bytes + reader->at;
    size_t left = reader->len - reader->at;
    if (left >= 1 && at[0] < 0x80) {
        *byte = (char)at[0];
        reader->at += 1;
        return true;
    }
    if (left >= 2 && at[0] == 0xcc) {
        *byte = (char)at[1];
        reader->at += 2;
        return true;
    }
    struct wkv_msgpack_value value;
    if (!wkv_msgpack_next(reader, &value))
        return false;
    *byte = (char)(uint8_t)value.integer.bits;
    return value.kind == WKV_MSGPACK_INTEGER && !value.integer.negative && value.integer.bits <= 0xff;
}

static enum wkv_code decode_msg(struct decoder *decoder, struct wkv_text *msg)
{
    static const char right[] = "an array of integers from 0 to 255, or bin";
    struct wkv_msgpack_value value;
    enum wkv_code code = next(decoder, &value);
    if (code != WKV_OK)
        return code;
    if (value.kind == WKV_MSGPACK_BIN) {
        *msg = (struct wkv_text){(const char *)value.bytes, value.len};
        return WKV_OK;
    }
    if (value.kind != WKV_MSGPACK_ARRAY)
        return must_be(decoder, "msg", "Invocation", right);
    char *bytes = wkv_arena_alloc(decoder->arena, value.len); /* no more than the bytes that are left */
    if (bytes == NULL)
        return wkv_fail(decoder->error, decoder->arena->bounded ? WKV_TOO_LARGE : WKV_NO_MEMORY,
                        "no memory to decode this Invocation: one request may take %zu bytes; send a "
                        "smaller msg",
                        decoder->arena->max_bytes);
    for (uint32_t i = 0; i < value.len; i++)
        if (!take_byte(&decoder->reader, &bytes[i]))
            return decoder->reader.wrong != NULL ? malformed(decoder, decoder->reader.wrong)
                                                 : must_be(decoder, "msg", "Invocation", right);
    *msg = (struct wkv_text){bytes, value.len};
    return WKV_OK;
}

static enum wkv_code decode_field(struct decoder *decoder, enum field field)
{
    struct wkv_invocation *out = decoder->out;
    const char *name = field_names[field];
    switch (field) {
    case ORIGIN:
        return decode_entity(decoder, name, &out->origin);
    case TARGET:
        return decode_entity(decoder, name, &out->target);
    case OPERATION:
        return decode_text(decoder, name, "Invocation", &out->operation);
    case MSG:
        return decode_msg(decoder, &out->msg);
    case ID:
        return decode_text(decoder, name, "Invocation", &out->id);
    case ENCODED_CLAIMS:
        return decode_text(decoder, name, "Invocation", &out->encoded_claims);
    default:
        return decode_text(decoder, name, "Invocation", &out->host_id);
    }
}

static enum wkv_code decode_invocation(struct decoder *decoder)
{
    struct fields fields = {"Invocation", field_names, FIELDS, 0};
    struct wkv_msgpack_value head;
    enum wkv_code code = next(decoder, &head);
    if (code != WKV_OK)
        return code;
    bool named = head.kind == WKV_MSGPACK_MAP;
    if (!named && head.kind != WKV_MSGPACK_ARRAY) {
        decoder->reader.at = 0;
        return malformed(decoder, "no map");
    }
    for (uint32_t i = 0; i < head.len; i++) {
        unsigned field;
        code = next_field(decoder, &fields, named, i, &field);
        if (code == WKV_OK)
            code = field == FIELDS ? skip(decoder) : decode_field(decoder, (enum field)field);
        if (code != WKV_OK)
            return code;
    }
    code = check_complete(decoder, &fields);
    if (code == WKV_OK && decoder->reader.at != decoder->reader.len)
        code = malformed(decoder, "something follows the Invocation");
    return code;
}

enum wkv_code wkv_invocation_decode(const void *bytes, size_t len, struct wkv_arena *arena,
                                    struct wkv_invocation *out, struct wkv_error *error)
{
    *out = (struct wkv_invocation){0};
    struct decoder decoder = {{bytes, len, 0, NULL}, arena, error, out};
    enum wkv_code code = decode_invocation(&decoder);
    if (code != WKV_OK)
        *out = (struct wkv_invocation){0};
    return code;
}
