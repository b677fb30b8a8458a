/* The times to live that writes of scalars bring. */
#ifndef WKV_OPERATION_EXPIRY_H
#define WKV_OPERATION_EXPIRY_H

#include "operation/command.h"

struct wkv_expiry {
    int32_t seconds; /* 0: none */
    int64_t ms;      /* 0: none */
    bool keep;       /* the key goes on to live as long as it did */
};

/* Errors: WKV_BAD_REQUEST (a negative one, or two). */
enum wkv_code wkv_expiry_check(const struct wkv_command *command, const struct wkv_expiry *expiry,
                               struct wkv_error *error);

/* When the command's key expires, as wkv_view_set wants it (0: never). */
int64_t wkv_expiry_at(struct wkv_view *view, const struct wkv_command *command,
                      const struct wkv_expiry *expiry, int64_t now_ns);

/* What is left at now_ns until then, rounded up to units of so many ns, so that a key which is there never
 * says 0, which is never. */
int64_t wkv_expiry_left(int64_t expires_at_ns, int64_t now_ns, int64_t unit_ns);

#endif
