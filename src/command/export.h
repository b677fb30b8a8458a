/* `export`: what it knows while it goes through the keyspaces. Private to its files: export.c (what is asked,
 * and in what order), export_keys.c (keys and values), export_file.c (the file, also one that is gone on
 * with). */
#ifndef WKV_COMMAND_EXPORT_H
#define WKV_COMMAND_EXPORT_H

#include <stdio.h>

#include "access/bindings.h"
#include "command/asking.h"
#include "command/batching.h"
#include "command/dump.h"
#include "command/progress.h"
#include "support/buffer.h"

/* Of an instance's id in a cursor. */
#define WKV_EXPORT_INSTANCE_BYTES 64
#define WKV_EXPORT_CURSOR_BYTES 128

struct wkv_export {
    const struct wkv_config *config;
    struct wkv_asking asking;
    struct wkv_batching *batching;
    struct wkv_progress progress;
    FILE *out;
    char own[WKV_BINDINGS_MAX_NAME_BYTES + 1]; /* the name of the binding's own keyspace */
    char instance[WKV_EXPORT_INSTANCE_BYTES];  /* that answers Keys; "": not known yet */
    uint64_t keys_total, keys, left_out, keyspaces;
    /* Of a file that is gone on with: where. */
    bool resumes;
    char keyspace[WKV_BINDINGS_MAX_NAME_BYTES + 1];
    char cursor[WKV_EXPORT_CURSOR_BYTES];
};

/* A page of Keys, whose texts are the page's. */
struct wkv_export_page {
    json_t *keys, *bytes, *kinds;
    size_t count;
};

/* The name of a keyspace as requests have it: "" for the binding's own. */
const char *wkv_export_name(const struct wkv_export *export, const char *keyspace);

/* Writes a line and releases it. Errors: WKV_NO_MEMORY, WKV_UNAVAILABLE (the disk). */
enum wkv_code wkv_export_line(struct wkv_export *export, json_t *line, struct wkv_error *error);

/* Writes the keys of a page, with their values as they are now. Errors: as wkv_ask, and those of
 * wkv_export_line. */
enum wkv_code wkv_export_keys(struct wkv_export *export, const char *keyspace,
                              const struct wkv_export_page *page, struct wkv_error *error);

/* Opens the file: a new one, or one whose export was cut short, whose lines behind the last mark go
 * (export->resumes).
 * "-" is standard output. Errors: WKV_BAD_REQUEST: it is something else. */
enum wkv_code wkv_export_open(struct wkv_export *export, const char *path, struct wkv_error *error);

/* Forgets what was there: an export begins anew. */
enum wkv_code wkv_export_begin_anew(struct wkv_export *export, struct wkv_error *error);

/* On disk, all of it. */
enum wkv_code wkv_export_close(struct wkv_export *export, struct wkv_error *error);

#endif
