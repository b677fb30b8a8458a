/* Numbers and texts as `top` shows them, short enough for a column of eight. */
#ifndef WKV_TOP_FORMAT_H
#define WKV_TOP_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define WKV_TOP_CELL_BYTES 32

/* Each writes into out and returns it. */
const char *wkv_top_count(uint64_t number, char out[WKV_TOP_CELL_BYTES]); /* 123456, 12.3M */
const char *wkv_top_rate(double per_s, char out[WKV_TOP_CELL_BYTES]);     /* 12.3, 123456, 12.3M */
const char *wkv_top_bytes(uint64_t bytes, char out[WKV_TOP_CELL_BYTES]);  /* 512B, 12.3MiB */
const char *wkv_top_duration(uint64_t ns, char out[WKV_TOP_CELL_BYTES]);  /* 850ns, 12.3us, 1.2s */
const char *wkv_top_uptime(uint64_t ns, char out[WKV_TOP_CELL_BYTES]);    /* 12s, 3m12s, 4h05m, 12d03h */

/* Copies printable text for a value in a line of pairs: a space, '=' or a quotation mark is shown as \xNN.
 * Cut to fit, but not within such an escape. */
const char *wkv_top_word(const char *text, char *out, size_t out_bytes);

#endif
