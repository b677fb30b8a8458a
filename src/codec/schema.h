/* JSON Schema (draft 2020-12) of a message, from its descriptor: what the JSON of a request or a reply looks
 * like (contract section 4), for tools that know neither proto/ nor this project. It has the proto's names; a
 * value (fields.h) may stand under its name with _base64. */
#ifndef WKV_CODEC_SCHEMA_H
#define WKV_CODEC_SCHEMA_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct wkv_schema_of {
    const ProtobufCMessageDescriptor *type;
    bool is_request; /* a member that the message does not have is refused; in a reply it may come to be */
    const char *required; /* the name of a text that each message with such a field must have; NULL: none */
};

/* The caller releases it. Errors: NULL where memory is short. */
json_t *wkv_schema(const struct wkv_schema_of *of);

#endif
