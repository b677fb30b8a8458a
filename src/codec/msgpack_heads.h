/* The heads of MessagePack values, each in its shortest form, as rmp writes them. They are written to `at`;
 * the result is how many bytes they are, WKV_MSGPACK_HEAD_BYTES at the most. */
#ifndef WKV_CODEC_MSGPACK_HEADS_H
#define WKV_CODEC_MSGPACK_HEADS_H

#include <stddef.h>
#include <stdint.h>

#include "codec/fields.h"

#define WKV_MSGPACK_HEAD_BYTES 9

size_t wkv_msgpack_write_integer(char *at, struct wkv_integer integer);
size_t wkv_msgpack_write_str_head(char *at, uint32_t len);
size_t wkv_msgpack_write_array_head(char *at, uint32_t count);
size_t wkv_msgpack_write_map_head(char *at, uint32_t count);

/* The four bytes of a number, the highest first. */
void wkv_msgpack_write_uint32(char *at, uint32_t number);

#endif
