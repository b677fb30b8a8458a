/* JSON of tokens, with the strictness that the claims need. Errors are WKV_UNAUTHORIZED, for that is what a
 * malformed token is, and never quote the text. */
#ifndef WKV_SECURITY_JSON_H
#define WKV_SECURITY_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"

/* Parses an object: nothing after it, no member twice at any depth, no NUL in a string, nested at most
 * WKV_TOKEN_MAX_DEPTH deep. `what` is what the texts call it. The caller owns *object.
 * Errors: WKV_UNAUTHORIZED, WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_json_object(const char *what, const unsigned char *bytes, size_t len, json_t **object,
                              struct wkv_error *error);

/* How a member may be missing. */
enum wkv_presence { WKV_REQUIRED, WKV_OPTIONAL };

/* Each reads a member and leaves *value alone where an optional one is missing.
 * Errors: WKV_UNAUTHORIZED (a required member is missing, or one is of another type or out of range). */
enum wkv_code wkv_json_string(const char *what, const json_t *object, const char *name,
                              enum wkv_presence presence, const char **value, struct wkv_error *error);

/* An integer from low to high. A number with a fraction or an exponent is none, whatever its value. */
enum wkv_code wkv_json_integer(const char *what, const json_t *object, const char *name,
                               enum wkv_presence presence, int64_t low, int64_t high, int64_t *value,
                               struct wkv_error *error);

/* An optional array of strings; null counts as missing. The caller frees *values with free; the texts are the
 * object's.
 * Errors: WKV_UNAUTHORIZED, WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_json_strings(const char *what, const json_t *object, const char *name, const char ***values,
                               size_t *count, struct wkv_error *error);

#endif
