#include "record/fields.h"

/* The member, through memcpy: its type is known by the table alone. */
#define GET(type, name, field, from)                                                                         \
    type name;                                                                                               \
    memcpy(&name, (const char *)(from) + (field)->offset, sizeof name)

static void set(void *to, const struct wkv_field *field, const void *value, size_t len)
{
    memcpy((char *)to + field->offset, value, len);
}

void wkv_put_field(struct wkv_buffer *buffer, const struct wkv_field *field, const void *from)
{
    switch (field->type) {
    case WKV_FIELD_U8:
        (void)wkv_buffer_append(buffer, (const char *)from + field->offset, 1);
        break;
    case WKV_FIELD_16:
    case WKV_FIELD_32:
        (void)wkv_buffer_append(buffer, (const char *)from + field->offset,
                                field->type == WKV_FIELD_16 ? 16 : 32);
        break;
    case WKV_FIELD_U32: {
        GET(uint32_t, number, field, from);
        wkv_put_varint(buffer, number);
        break;
    }
    case WKV_FIELD_U64: {
        GET(uint64_t, number, field, from);
        wkv_put_varint(buffer, number);
        break;
    }
    case WKV_FIELD_I64: {
        GET(int64_t, number, field, from);
        wkv_put_varint(buffer, wkv_zigzag(number));
        break;
    }
    case WKV_FIELD_TEXT: {
        GET(struct wkv_text, text, field, from);
        wkv_put_text(buffer, text);
        break;
    }
    }
}

void wkv_bytes_field(struct wkv_bytes *bytes, const struct wkv_field *field, void *to)
{
    switch (field->type) {
    case WKV_FIELD_U8:
        wkv_bytes_copy(bytes, (char *)to + field->offset, 1);
        break;
    case WKV_FIELD_16:
    case WKV_FIELD_32:
        wkv_bytes_copy(bytes, (char *)to + field->offset, field->type == WKV_FIELD_16 ? 16 : 32);
        break;
    case WKV_FIELD_U32: {
        uint64_t number = wkv_bytes_varint(bytes);
        uint32_t word = (uint32_t)number;
        bytes->bad |= number > UINT32_MAX;
        set(to, field, &word, sizeof word);
        break;
    }
    case WKV_FIELD_U64: {
        uint64_t number = wkv_bytes_varint(bytes);
        set(to, field, &number, sizeof number);
        break;
    }
    case WKV_FIELD_I64: {
        int64_t number = wkv_unzigzag(wkv_bytes_varint(bytes));
        set(to, field, &number, sizeof number);
        break;
    }
    case WKV_FIELD_TEXT: {
        struct wkv_text text = wkv_bytes_text(bytes);
        set(to, field, &text, sizeof text);
        break;
    }
    }
}

void wkv_put_fields(struct wkv_buffer *buffer, const struct wkv_field *fields, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++)
        wkv_put_field(buffer, &fields[i], from);
}

void wkv_bytes_fields(struct wkv_bytes *bytes, const struct wkv_field *fields, size_t count, void *to)
{
    for (size_t i = 0; i < count; i++)
        wkv_bytes_field(bytes, &fields[i], to);
}
