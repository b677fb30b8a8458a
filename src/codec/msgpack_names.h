/* What the fields of a message are called in MessagePack (CONTRACT section 7): camelCase as a rule, by
 * wascc-codec's
 * `#[serde(rename_all = "camelCase")]`, with the exceptions that wascc-codec makes. */
#ifndef WKV_CODEC_MSGPACK_NAMES_H
#define WKV_CODEC_MSGPACK_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "wascc_keyvalue/text.h"

/* The longest name that can be written, its NUL included. */
#define WKV_MSGPACK_NAME_BYTES 64

/* Writes the name of a field of this proto name, with a NUL. Returns its length, or 0 where it is too long.
 */
size_t wkv_msgpack_name(const char *proto_name, char name[WKV_MSGPACK_NAME_BYTES]);

/* Whether a request's name means the field: the proto name and the camelCase of it do, and an exception's own
 * name. */
bool wkv_msgpack_is_name(const char *proto_name, struct wkv_text name);

#endif
