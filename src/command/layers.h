/* What the readers of the places that values come from share. */
#ifndef WKV_COMMAND_LAYERS_H
#define WKV_COMMAND_LAYERS_H

#include "command/options.h"

/* One place where values come from. */
struct wkv_place {
    enum wkv_layer layer;
    const char *source; /* as errors name it */
    size_t place_len;   /* of struct wkv_origin */
    unsigned line;      /* of a file */
};

/* The end of a path, which says most, for a source. */
#define WKV_SHOWN_PATH_BYTES 160
const char *wkv_shown_path(const char *path);

/* Takes a value, where there is no stronger one; the config borrows it. Errors: those of wkv_option_read,
 * also where a stronger one counts. */
enum wkv_code wkv_config_take(const struct wkv_option *option, const struct wkv_place *place,
                              const char *value, struct wkv_config *config, struct wkv_error *error);

/* A copy of what may hold a secret, with a NUL behind it, which the config owns. NULL: no memory, or too
 * many. */
char *wkv_config_keep(struct wkv_config *config, const char *bytes, size_t len);

/* A small file, as wkv_file_read_secret reads it, without a byte order mark, which the config owns. The
 * error's text begins with `source`. Errors: WKV_BAD_REQUEST, WKV_NO_MEMORY. */
enum wkv_code wkv_config_keep_file(struct wkv_config *config, const char *source, const char *path,
                                   struct wkv_text *text, struct wkv_error *error);

#endif
