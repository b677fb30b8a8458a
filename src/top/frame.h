/* What `top` shows: a frame for a terminal, or plain lines for scripts, from a model. Pure functions: the
 * same model makes the same bytes. What came from the network is shown as printable ASCII, other bytes as
 * \xNN, so nobody can send a terminal's escapes to an operator.
 */
#ifndef WKV_TOP_FRAME_H
#define WKV_TOP_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "support/buffer.h"
#include "top/model.h"
#include "top/order.h"

/* A line of a frame has so many columns at the most, however wide the terminal is. */
#define WKV_TOP_MAX_COLUMNS 511u

struct wkv_top_view {
    const struct wkv_top_model *model;
    const char *notice;     /* a line for the user, or "" */
    int64_t wall_ns;        /* since 1970, of the look */
    unsigned columns, rows; /* of the terminal; for a frame only */
    enum wkv_top_order order;
};

/* Appends at most `rows` lines of at most `columns` characters to out, "\n" between them and none at the end.
 * What has no room is left out by whole words, and rows that have none are counted; an instance's id is
 * shortened where that lets more of its latencies be seen. Errors: false where memory is short. */
bool wkv_top_frame(const struct wkv_top_view *view, struct wkv_buffer *out);

/* The same with what each key does. */
bool wkv_top_help(const struct wkv_top_view *view, struct wkv_buffer *out);

/* Appends the escapes and bytes that make a terminal of so many columns show the frame in place of what it
 * shows, to be written at once. Errors: as above. */
bool wkv_top_paint(const struct wkv_buffer *frame, unsigned columns, struct wkv_buffer *out);

/* Appends a line `key=value key=value ...` for each instance that answered twice, and for each that is gone
 * since the last look. Durations are in nanoseconds, sizes in bytes. Errors: as above. */
bool wkv_top_lines(const struct wkv_top_view *view, struct wkv_buffer *out);

#endif
