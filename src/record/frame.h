/* What records and chunks have in common: the first 16 bytes, and the checksum at the end. */
#ifndef WKV_RECORD_FRAME_H
#define WKV_RECORD_FRAME_H

#include "record/bytes.h"
#include "record/record.h"

struct wkv_frame {
    uint8_t format, kind;
    uint16_t flags;
    struct wkv_bytes rest; /* behind the first 16 bytes, without the checksum */
};

/* Reads a frame of at least so many bytes in all, the checksum's among them. *frame is set where the status
 * is WKV_RECORD_OK. */
enum wkv_record_status wkv_frame_read(struct wkv_text message, uint32_t magic, size_t least,
                                      const struct wkv_record_key *key, struct wkv_frame *frame);

/* Begins one in the buffer, of the first format where frame->format is 0, and returns where; and ends it:
 * false where memory is short. */
size_t wkv_frame_begin(struct wkv_buffer *buffer, uint32_t magic, const struct wkv_frame *frame,
                       const struct wkv_record_key *key);
bool wkv_frame_end(struct wkv_buffer *buffer, size_t begin, const struct wkv_record_key *key);

#endif
