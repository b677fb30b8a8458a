/* Structs as bytes, by a table of their fields: one description for both ways. */
#ifndef WKV_RECORD_FIELDS_H
#define WKV_RECORD_FIELDS_H

#include <stddef.h>

#include "record/bytes.h"

enum wkv_field_type {
    WKV_FIELD_U8,
    WKV_FIELD_U32, /* varints */
    WKV_FIELD_U64,
    WKV_FIELD_I64, /* zigzag */
    WKV_FIELD_16,  /* so many bytes */
    WKV_FIELD_32,
    WKV_FIELD_TEXT, /* struct wkv_text, which borrows what is read */
};

struct wkv_field {
    enum wkv_field_type type;
    size_t offset; /* in the struct */
};

/* A field with its type found out by the caller, who names the member. */
#define WKV_FIELD(type, of, member)                                                                          \
    {                                                                                                        \
        WKV_FIELD_##type, offsetof(of, member)                                                               \
    }

void wkv_put_field(struct wkv_buffer *buffer, const struct wkv_field *field, const void *from);
void wkv_bytes_field(struct wkv_bytes *bytes, const struct wkv_field *field, void *to);

void wkv_put_fields(struct wkv_buffer *buffer, const struct wkv_field *fields, size_t count,
                    const void *from);
void wkv_bytes_fields(struct wkv_bytes *bytes, const struct wkv_field *fields, size_t count, void *to);

#endif
