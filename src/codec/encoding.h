/* The encodings of requests and replies (CONTRACT section 4). */
#ifndef WKV_CODEC_ENCODING_H
#define WKV_CODEC_ENCODING_H

#include <stddef.h>

#include "support/error.h"

enum wkv_encoding {
    WKV_PROTOBUF,
    WKV_JSON,
    WKV_MSGPACK,
    WKV_NONE, /* of a reply that nobody reads; no request has it */
};

/* What a request may be written in, as its front or its operation knows. */
enum wkv_form {
    WKV_FORM_DETECTED, /* protobuf or JSON: its bytes say which */
    WKV_FORM_JSON,     /* nothing else; no bytes are an empty object */
    WKV_FORM_MSGPACK,
};

/* Bytes of the longest body of an error: each character of the text may be escaped. */
#define WKV_ERROR_BODY_BYTES (2 * WKV_ERROR_TEXT_BYTES + 64)

/* Writes the body of an error (CONTRACT section 5) for a request in that encoding, without a NUL. Returns its
 * length. */
size_t wkv_error_body(enum wkv_encoding encoding, const struct wkv_error *error,
                      char body[WKV_ERROR_BODY_BYTES]);

#endif
