/* Replies, written field by field, and the walk over whole messages that JSON and MessagePack share. */
#include "codec/sink.h"

#include <stdarg.h>
#include <stdio.h>

#include "codec/encoder.h"

/* A reply that exceeds max_bytes by no more than this is counted to its end, so that the error can state its
 * size. */
#define TOLD_BYTES ((size_t)64 * 1024)

/* WKV_NONE has none. */
static const struct wkv_encoder *const encoders[] = {[WKV_PROTOBUF] = &wkv_protobuf_encoder,
                                                     [WKV_JSON] = &wkv_json_encoder,
                                                     [WKV_MSGPACK] = &wkv_msgpack_encoder,
                                                     [WKV_NONE] = NULL};

/* ---- Fields with names ---- */

static void put_name(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, size_t before)
{
    char camel_case[WKV_NAME_BYTES];
    struct wkv_text name = {field->name, 0};
    if (sink->encoder->camel_case)
        name = (struct wkv_text){camel_case, wkv_msgpack_name(field->name, camel_case)};
    else
        name.len = strlen(field->name);
    if (name.len == 0)
        sink->misused = true; /* longer than any that there is */
    sink->encoder->name(sink, name, before);
}

static bool is_in_oneof(const ProtobufCFieldDescriptor *field)
{
    return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/* Of the members of a oneof there is one, or none. */
static bool is_shown(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return !is_in_oneof(field) ||
           *(const uint32_t *)(const void *)((const char *)message + field->quantifier_offset) == field->id;
}

static size_t count_shown(const ProtobufCMessage *message)
{
    size_t count = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        count += is_shown(message, &message->descriptor->fields[i]);
    return count;
}

static void put_message(struct wkv_sink *sink, const ProtobufCMessage *message)
{
    if (message == NULL) {
        sink->encoder->nil(sink);
        return;
    }
    sink->encoder->open_message(sink, count_shown(message));
    wkv_sink_put_fields(sink, message);
    sink->encoder->close_message(sink);
}

/* slot: the value in a message's struct. */
static void put_value(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, const void *slot)
{
    ProtobufCBinaryData text;
    const ProtobufCMessage *message;
    protobuf_c_boolean boolean;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&text, slot, sizeof text);
        sink->encoder->text(sink, field, (struct wkv_text){(const char *)text.data, text.len});
        return;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&boolean, slot, sizeof boolean);
        sink->encoder->boolean(sink, field, boolean != 0);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&message, slot, sizeof(ProtobufCMessage *));
        put_message(sink, message);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        sink->encoder->variant(sink, field, wkv_integer_load(field->type, slot));
        return;
    default:
        sink->encoder->integer(sink, field, wkv_integer_load(field->type, slot));
        return;
    }
}

static void put_map(struct wkv_sink *sink, ProtobufCMessage *const *entries, size_t count)
{
    sink->encoder->open_message(sink, count);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *fields = entries[i]->descriptor->fields;
        ProtobufCBinaryData key;
        memcpy(&key, (const char *)entries[i] + fields[0].offset, sizeof key);
        sink->encoder->name(sink, (struct wkv_text){(const char *)key.data, key.len}, i);
        put_value(sink, &fields[1], (const char *)entries[i] + fields[1].offset);
    }
    sink->encoder->close_message(sink);
}

static void put_repeated(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field, const void *values,
                         size_t count)
{
    if (wkv_field_is_map(field)) {
        put_map(sink, values, count);
        return;
    }
    sink->encoder->open_array(sink, count);
    for (size_t i = 0; i < count; i++) {
        sink->encoder->element(sink, i);
        put_value(sink, field, (const char *)values + i * wkv_value_bytes(field->type));
    }
    sink->encoder->close_array(sink);
}

void wkv_sink_put_fields(struct wkv_sink *sink, const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    size_t before = 0;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!is_shown(message, field))
            continue;
        put_name(sink, field, before++);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            put_repeated(sink, field, *(void *const *)(const void *)(base + field->offset),
                         *(const size_t *)(const void *)(base + field->quantifier_offset));
        else
            put_value(sink, field, base + field->offset);
    }
}

static void put_default(struct wkv_sink *sink, const ProtobufCFieldDescriptor *field)
{
    static const ProtobufCBinaryData zeros; /* the largest value there is */
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        put_repeated(sink, field, NULL, 0);
    else
        put_value(sink, field, &zeros);
}

static void close_array(struct wkv_sink *sink)
{
    if (sink->place.array_open)
        sink->encoder->close_array(sink);
    sink->place.array_open = false;
}

/* ---- Field by field ---- */

/* Passes over the fields before index, which were not written: with names, all show their defaults. */
static void skip_to(struct wkv_sink *sink, unsigned index)
{
    close_array(sink);
    for (unsigned i = sink->place.next_field; i < index; i++) {
        if (is_in_oneof(&sink->place.type->fields[i]))
            continue;
        put_name(sink, &sink->place.type->fields[i], sink->place.names++);
        put_default(sink, &sink->place.type->fields[i]);
    }
}

/* Whether number is of the repeated field whose elements are being written. */
static bool is_next_element(const struct wkv_sink *sink, uint32_t number)
{
    if (sink->place.next_field == 0)
        return false;
    const ProtobufCFieldDescriptor *last = &sink->place.type->fields[sink->place.next_field - 1];
    return last->id == number && last->label == PROTOBUF_C_LABEL_REPEATED;
}

/* What stands in front of a value where fields have names. */
static void start_named(struct wkv_sink *sink, unsigned index, bool again)
{
    const ProtobufCFieldDescriptor *field = &sink->place.type->fields[index];
    if (!again) {
        skip_to(sink, index);
        put_name(sink, field, sink->place.names++);
        sink->place.elements = 0;
        sink->place.array_open = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (sink->place.array_open)
            sink->encoder->open_array(sink, WKV_COUNT_LATER);
    }
    if (sink->place.array_open)
        sink->encoder->element(sink, sink->place.elements++);
}

/* The index of the field with that number, or n_fields: of those that may still be written. *again: of its
 * next element. */
static unsigned __attribute__((noinline)) find_next(const struct wkv_sink *sink, uint32_t number, bool *again)
{
    const ProtobufCMessageDescriptor *message = sink->place.type;
    *again = is_next_element(sink, number);
    unsigned index = *again ? sink->place.next_field - 1 : sink->place.next_field;
    while (index < message->n_fields && message->fields[index].id != number)
        index++;
    return index;
}

/* Makes ready for a value of the field with that number. Fields come in order: mostly it is the next one.
 * Returns NULL, and takes note, where the call breaks the rules of sink.h. */
static inline const ProtobufCFieldDescriptor *start_value(struct wkv_sink *sink, uint32_t number,
                                                          ProtobufCType type)
{
    if (sink->encoder == NULL)
        return NULL;
    const ProtobufCMessageDescriptor *message = sink->place.type;
    unsigned index = sink->place.next_field;
    bool again = false;
    if (index >= message->n_fields || message->fields[index].id != number)
        index = find_next(sink, number, &again);
    if (index == message->n_fields || message->fields[index].type != type) {
        sink->misused = true;
        return NULL;
    }
    if (sink->encoder->names_fields)
        start_named(sink, index, again);
    sink->place.next_field = index + 1;
    return &message->fields[index];
}

/* Starts a reply of so many fields. */
static void start(struct wkv_sink *sink, size_t fields)
{
    if (sink->buffer != NULL)
        wkv_buffer_reset(sink->buffer, SIZE_MAX);
    sink->total_bytes = 0;
    if (sink->encoder != NULL && sink->encoder->names_fields)
        sink->encoder->open_message(sink, fields);
}

void wkv_sink_begin(struct wkv_sink *sink, const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding,
                    struct wkv_buffer *buffer, size_t max_bytes)
{
    *sink = (struct wkv_sink){.encoder = encoders[encoding],
                              .place.type = type,
                              .buffer = buffer,
                              .max_bytes = max_bytes,
                              .sure_bytes = max_bytes};
    start(sink, type->n_fields);
}

void wkv_sink_begin_again(struct wkv_sink *sink, const ProtobufCMessageDescriptor *type)
{
    *sink = (struct wkv_sink){.error = sink->error,
                              .who = sink->who,
                              .can_send = sink->can_send,
                              .sending = sink->sending,
                              .sure_bytes = sink->sure_bytes,
                              .buffer = sink->buffer,
                              .max_bytes = sink->max_bytes,
                              .encoder = sink->encoder,
                              .place.type = type};
    start(sink, type->n_fields);
}

/* ---- messages within ---- */

void wkv_sink_open(struct wkv_sink *sink, uint32_t number, size_t members, struct wkv_sink_frame *frame)
{
    const ProtobufCFieldDescriptor *field = start_value(sink, number, PROTOBUF_C_TYPE_MESSAGE);
    frame->bare = field == NULL;
    frame->begin = sink->buffer == NULL ? 0 : sink->buffer->len;
    if (field == NULL)
        return;
    frame->around = sink->place;
    sink->place = (struct wkv_sink_place){.type = field->descriptor};
    sink->depth++;
    if (sink->encoder->names_fields)
        sink->encoder->open_message(sink, members == WKV_SINK_ALL ? sink->place.type->n_fields : members);
    else
        sink->encoder->open_unnamed(sink, field);
    frame->at = sink->buffer == NULL ? 0 : sink->buffer->len;
    frame->total = sink->total_bytes;
}

void wkv_sink_close(struct wkv_sink *sink, const struct wkv_sink_frame *frame)
{
    if (frame->bare)
        return;
    if (sink->encoder->names_fields) {
        skip_to(sink, sink->place.type->n_fields);
        sink->encoder->close_message(sink);
    } else {
        sink->encoder->close_unnamed(sink, frame->at, frame->total);
    }
    sink->place = frame->around;
    sink->depth--;
}

void wkv_sink_repeat(struct wkv_sink *sink, uint32_t field, struct wkv_text bytes)
{
    if (start_value(sink, field, PROTOBUF_C_TYPE_MESSAGE) != NULL)
        wkv_sink_put(sink, bytes.data, bytes.len);
}

void wkv_sink_mark(const struct wkv_sink *sink, struct wkv_sink_mark *mark)
{
    mark->sink = *sink;
    mark->len = sink->buffer == NULL ? 0 : sink->buffer->len;
}

void wkv_sink_back(struct wkv_sink *sink, const struct wkv_sink_mark *mark)
{
    *sink = mark->sink;
    if (sink->buffer != NULL)
        sink->buffer->len = mark->len;
}

bool wkv_names_fields(enum wkv_encoding encoding)
{
    return encoders[encoding] != NULL && encoders[encoding]->names_fields;
}

size_t wkv_sink_least_bytes(const ProtobufCMessageDescriptor *type, enum wkv_encoding encoding)
{
    struct wkv_sink sink;
    wkv_sink_begin(&sink, type, encoding, NULL, 0);
    (void)wkv_sink_end(&sink);
    return sink.total_bytes;
}

/* What still comes of a message that is open: its fields that were not written, and the ends of those around
 * it, of which a reply has few. */
static size_t ends_bytes(const struct wkv_sink *sink)
{
    struct wkv_sink counted = *sink;
    counted.buffer = NULL;
    counted.max_bytes = 0;
    counted.place.count_at = 0;
    if (!sink->encoder->names_fields)
        return 4 * (size_t)sink->depth; /* the rest of a length */
    skip_to(&counted, counted.place.type->n_fields);
    return counted.total_bytes - sink->total_bytes + sink->depth;
}

static bool fits_within(struct wkv_sink *sink)
{
    if (sink->failure != WKV_OK)
        return false;
    sink->unfit = sink->encoder != NULL &&
                  (sink->buffer->failed || sink->total_bytes + ends_bytes(sink) > sink->max_bytes);
    return !sink->unfit;
}

bool wkv_sink_text(struct wkv_sink *sink, uint32_t field, struct wkv_text text)
{
    const ProtobufCFieldDescriptor *found = start_value(sink, field, PROTOBUF_C_TYPE_BYTES);
    if (found == NULL)
        return false;
    sink->encoder->text(sink, found, text);
    /* A single text is all that was asked for: its exact size can be told. */
    sink->cut = sink->max_bytes > 0 && sink->total_bytes > sink->max_bytes &&
                sink->total_bytes - sink->max_bytes > TOLD_BYTES && found->label == PROTOBUF_C_LABEL_REPEATED;
    return !sink->cut && sink->failure == WKV_OK;
}

bool wkv_sink_text_within(struct wkv_sink *sink, uint32_t field, struct wkv_text text, size_t tail)
{
    struct wkv_sink counted = *sink;
    counted.buffer = NULL;
    counted.max_bytes = 0;
    counted.error = NULL;
    (void)wkv_sink_text(&counted, field, text);
    if (counted.total_bytes > sink->sure_bytes || sink->sure_bytes - counted.total_bytes < tail)
        return false;
    return wkv_sink_text(sink, field, text);
}

void wkv_sink_int32(struct wkv_sink *sink, uint32_t field, int32_t value)
{
    const ProtobufCFieldDescriptor *found = start_value(sink, field, PROTOBUF_C_TYPE_INT32);
    if (found != NULL)
        sink->encoder->integer(sink, found, wkv_integer_of(value));
}

void wkv_sink_int64(struct wkv_sink *sink, uint32_t field, int64_t value)
{
    const ProtobufCFieldDescriptor *found = start_value(sink, field, PROTOBUF_C_TYPE_INT64);
    if (found != NULL)
        sink->encoder->integer(sink, found, wkv_integer_of(value));
}

void wkv_sink_bool(struct wkv_sink *sink, uint32_t field, bool value)
{
    const ProtobufCFieldDescriptor *found = start_value(sink, field, PROTOBUF_C_TYPE_BOOL);
    if (found != NULL)
        sink->encoder->boolean(sink, found, value);
}

void wkv_sink_message(struct wkv_sink *sink, const ProtobufCMessage *message)
{
    if (sink->encoder == NULL)
        return;
    if (message->descriptor != sink->place.type || sink->place.next_field != 0) {
        sink->misused = true;
        return;
    }
    sink->place.next_field = sink->place.type->n_fields;
    size_t shown = count_shown(message);
    if (shown < sink->place.type->n_fields)
        start(sink, shown);
    sink->encoder->fields(sink, message);
}

enum wkv_code wkv_sink_fail(struct wkv_sink *sink, enum wkv_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)wkv_vfail(sink->error, code, sink->who, format, args);
    va_end(args);
    sink->failure = code;
    return code;
}

enum wkv_code wkv_sink_end(struct wkv_sink *sink)
{
    if (sink->failure != WKV_OK || sink->encoder == NULL)
        return sink->failure;
    if (sink->encoder->names_fields && !sink->ended) {
        skip_to(sink, sink->place.type->n_fields);
        sink->encoder->close_message(sink);
    }
    sink->ended = true;
    if (sink->misused)
        return WKV_NO_MEMORY;
    if (sink->total_bytes > sink->max_bytes)
        return WKV_TOO_LARGE;
    return sink->buffer != NULL && sink->buffer->failed ? WKV_NO_MEMORY : WKV_OK;
}

bool wkv_sink_fits(struct wkv_sink *sink)
{
    if (sink->depth > 0)
        return fits_within(sink);
    if (wkv_sink_end(sink) != WKV_OK)
        return false;
    return sink->can_send == NULL || sink->encoder == NULL ||
           sink->can_send(sink->sending, (struct wkv_text){sink->buffer->data, sink->buffer->len});
}
