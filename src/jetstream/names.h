/* What the engine's streams and subjects are called (contract section 10). */
#ifndef WKV_JETSTREAM_NAMES_H
#define WKV_JETSTREAM_NAMES_H

#include "nats/subject.h"

/* Bytes of the longest name, NUL included: a binding has 128 at the most. */
#define WKV_JS_NAME_BYTES 160

struct wkv_js_names {
    char tag[WKV_JS_NAME_BYTES]; /* the binding, `-`, and eight hex digits of what it is a binding of */
    char log_stream[WKV_JS_NAME_BYTES];       /* WKV-LOG-<tag> */
    char snap_stream[WKV_JS_NAME_BYTES];      /* WKV-SNAP-<tag> */
    char log_subject[WKV_JS_NAME_BYTES];      /* wascc-kv.<tag>.log: the one subject of the log */
    char chunk_subject[WKV_JS_NAME_BYTES];    /* wascc-kv.<tag>.chunk */
    char manifest_subject[WKV_JS_NAME_BYTES]; /* wascc-kv.<tag>.manifest */
};

/* Two addresses have the same names only where namespace and binding are the same, but for one chance in
 * 2^32. The address has been checked. Any thread. */
void wkv_js_names_make(const struct wkv_address *address, struct wkv_js_names *names);

#endif
