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
 * Errors: WKV_UNAUTHORIZED, WKV_NO_MEMORY. */
enum wkv_code wkv_json_object(const char *what, const unsigned char *bytes, size_t len, json_t **object,
                              struct wkv_error *error);

/* A member that an object may have. Exactly one of text, number, flag, texts and members is set: it says of
 * what kind the member is, and where to put it. */
struct wkv_member {
    const char *name;
    bool required;
    bool or_null; /* null counts as missing */
    const char **text;
    int64_t *number; /* an integer, without a fraction or an exponent, from low to high */
    int64_t low, high;
    bool *flag;
    const char ***texts; /* an array of texts, which the caller frees with free */
    size_t *text_count;
    struct wkv_member *members; /* an object's, */
    size_t count;               /* so many */
    char *at;                   /* private to wkv_plain_object: what was found, */
    size_t len;                 /* if a text so long */
};

/* Reads the members out of an object whose texts they then are; those that are not named are ignored. What is
 * missing is left alone. Errors: WKV_UNAUTHORIZED (a required member is missing, or one is of another kind or
 * out of range), WKV_NO_MEMORY; some members may have been read then. */
enum wkv_code wkv_json_members(const char *what, const json_t *object, const struct wkv_member *members,
                               size_t count, struct wkv_error *error);

/* Reads an object in the plain form that hosts write claims in, where it lies: no white space, no escapes,
 * strings of printable ASCII, integers of at most 15 digits and no sign, every member known and there once.
 * Only text, number and members may be among the kinds. len bytes are all of it; texts get a NUL there.
 *
 * Returns false where it is not in that form or lacks a required member: then nothing has been changed. It
 * may be good JSON, which the functions above read, and which says what is wrong. What is read here reads the
 * same there. */
bool wkv_plain_object(char *bytes, size_t len, struct wkv_member *members, size_t count);

#endif
