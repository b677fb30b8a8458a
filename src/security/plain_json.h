/* JSON of claims in the plain form that hosts write them in, read where it lies: no white space, no escapes,
 * strings of printable ASCII, integers of at most 15 digits and no sign, every member known, none there
 * twice.
 *
 * A text in another form may be good JSON: json.h reads all of it, and says what is wrong. It would read the
 * same from a text that is read here.
 */
#ifndef WKV_SECURITY_PLAIN_JSON_H
#define WKV_SECURITY_PLAIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A member that an object may have. Exactly one of text, number and members is its own: what kind it is. */
struct wkv_plain_member {
    const char *name;
    bool required;
    const char **text; /* where to put the text, NUL-terminated in the bytes that were read */
    int64_t *number;
    struct wkv_plain_member *members; /* an object's, */
    size_t count;                     /* so many */
    char *at;                         /* private: what was found, */
    size_t len;                       /* if a text so long */
};

/* Reads an object with these members out of len bytes, which are all of it. Returns false where it is not in
 * the plain form or lacks a required member: then neither the bytes nor what the members point to has been
 * changed. */
bool wkv_plain_object(char *bytes, size_t len, struct wkv_plain_member *members, size_t count);

#endif
