/* CONTRACT section 7: "InvocationResponse {msg, error, invocation_id}: msg again an array of integers
 * (rmp-serde will not read bin into Vec<u8>), error nil or a string". As rmp-serde 0.14 writes it:
 *
 *   +----+-------+-------+-----------+---------+----------+-----------------+-------+
 *   | 83 | "msg" | array | integers  | "error" | nil, str | "invocation_id" | str   |
 *   +----+-------+-------+-----------+---------+----------+-----------------+-------+
 */
#include <stdint.h>
#include <string.h>

#include "codec/msgpack_heads.h"
#include "front/invocation.h"

static const char names_start[] = "\x83\xa3msg";
static const char error_name[] = "\xa5"
                                 "error";
static const char id_name[] = "\xad"
                              "invocation_id";

#define NIL "\xc0"

/* Bytes of the integers that stand for these bytes. */
static size_t integers_bytes(struct wkv_text msg)
{
    size_t above = 0;
    for (size_t i = 0; i < msg.len; i++)
        above += (uint8_t)msg.data[i] >> 7;
    return msg.len + above;
}

static size_t text_bytes(size_t len)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    return wkv_msgpack_write_str_head(head, (uint32_t)len) + len;
}

size_t wkv_invocation_response_bytes(struct wkv_text msg, const char *error, struct wkv_text id)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    size_t error_len = error == NULL ? 0 : strlen(error);
    size_t most = UINT32_MAX < SIZE_MAX / 8 ? UINT32_MAX : SIZE_MAX / 8; /* so that the sum below holds */
    if (msg.len > most || id.len > most || error_len > most)
        return SIZE_MAX;
    size_t names = sizeof names_start - 1 + sizeof error_name - 1 + sizeof id_name - 1;
    return names + wkv_msgpack_write_array_head(head, (uint32_t)msg.len) + integers_bytes(msg) +
           (error == NULL ? 1 : text_bytes(error_len)) + text_bytes(id.len);
}

static char *write_bytes(char *at, const char *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

static char *write_text(char *at, const char *text, size_t len)
{
    at += wkv_msgpack_write_str_head(at, (uint32_t)len);
    return write_bytes(at, text, len);
}

/* A byte below 128 is its own integer, any other has cc in front of it: without a branch, cc is written
 * always and stays only where the byte moves behind it. */
static char *write_integers(char *at, struct wkv_text msg)
{
    for (size_t i = 0; i < msg.len; i++) {
        uint8_t byte = (uint8_t)msg.data[i];
        *at = (char)0xcc;
        at += byte >> 7;
        *at++ = (char)byte;
    }
    return at;
}

bool wkv_invocation_response_write(struct wkv_buffer *buffer, struct wkv_text msg, const char *error,
                                   struct wkv_text id)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    size_t bytes = wkv_invocation_response_bytes(msg, error, id);
    if (bytes == SIZE_MAX || !wkv_buffer_reserve(buffer, bytes))
        return false;
    char *at = buffer->data + buffer->len;
    at = write_bytes(at, names_start, sizeof names_start - 1);
    at = write_bytes(at, head, wkv_msgpack_write_array_head(head, (uint32_t)msg.len));
    at = write_integers(at, msg);
    at = write_bytes(at, error_name, sizeof error_name - 1);
    at = error == NULL ? write_bytes(at, NIL, 1) : write_text(at, error, strlen(error));
    at = write_bytes(at, id_name, sizeof id_name - 1);
    (void)write_text(at, id.data, id.len);
    buffer->len += bytes;
    return true;
}
