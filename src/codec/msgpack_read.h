/* A pull reader of MessagePack over bytes that are all there: each call takes one value's head, and whatever
 * is inside an array or a map comes with the calls that follow. It allocates nothing and looks at no byte
 * past the end.
 *
 * There is no library behind it on purpose: msgpack-c builds a tree, and makes room for as many elements as
 * an array's head claims before it has seen one of them. Here a head that claims more than the bytes that are
 * left can hold is refused at once: an element takes a byte at least, a pair of a map two.
 */
#ifndef WKV_CODEC_MSGPACK_READ_H
#define WKV_CODEC_MSGPACK_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/fields.h"

/* How deep values may nest in one that is skipped. */
#define WKV_MSGPACK_MAX_DEPTH 32

enum wkv_msgpack_kind {
    WKV_MSGPACK_NIL,
    WKV_MSGPACK_BOOL,
    WKV_MSGPACK_INTEGER,
    WKV_MSGPACK_FLOAT, /* of either width; no field takes one, so its value is passed over */
    WKV_MSGPACK_STR,
    WKV_MSGPACK_BIN,
    WKV_MSGPACK_EXT, /* passed over likewise */
    WKV_MSGPACK_ARRAY,
    WKV_MSGPACK_MAP,
};

struct wkv_msgpack_value {
    enum wkv_msgpack_kind kind;
    bool boolean;
    struct wkv_integer integer; /* of every width and sign */
    const uint8_t *bytes;       /* of str (UTF-8 or not) and bin, where they stand */
    uint32_t len;               /* bytes of str and bin, elements of an array, pairs of a map */
};

/* Set bytes, len and at = 0. */
struct wkv_msgpack_reader {
    const uint8_t *bytes;
    size_t len;
    size_t at;         /* the next value's head */
    const char *wrong; /* once a call has failed, what is wrong at `at`, such as "it ends too early" */
};

/* Takes the next value, for an array and a map the head alone. Returns false, with `at` left in front of the
 * value, where there is no whole one. */
bool wkv_msgpack_next(struct wkv_msgpack_reader *reader, struct wkv_msgpack_value *value);

/* Takes the next value with all that is in it. Returns false where that is not whole, or nests too deeply. */
bool wkv_msgpack_skip(struct wkv_msgpack_reader *reader);

/* Whether value is str or bin, and is this text. */
bool wkv_msgpack_is_text(const struct wkv_msgpack_value *value, const char *text);

#endif
