/* Subjects (contract section 2). Thread-safety: any thread. */
#ifndef WKV_NATS_SUBJECT_H
#define WKV_NATS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "support/error.h"

/* What tells one set of instances from another on a NATS system. */
struct wkv_address {
    const char *lattice_namespace; /* NULL or "": none. May have dots */
    const char *binding;           /* one token */
};

#define WKV_DEFAULT_BINDING "default"

/* Bytes of the longest subject that we make or accept parts for, NUL included. */
#define WKV_SUBJECT_BYTES 512

/* Whether text may be one token of a subject (no space, no control character, no '.', '*' or '>', 1 to 128
 * bytes). */
bool wkv_subject_token_valid(const char *text);

/* Errors: WKV_BAD_REQUEST, the text naming the option and what it takes. */
enum wkv_code wkv_address_check(const struct wkv_address *address, struct wkv_error *error);

/* `<prefix>.provider.wascc.keyvalue.<binding>`. The address has been checked, so it fits. */
void wkv_subject_base(const struct wkv_address *address, char out[WKV_SUBJECT_BYTES]);

/* `<prefix>.<rest>`: a subject of the lattice (contract section 7). The address has been checked; rest is
 * short. */
void wkv_subject_lattice(const struct wkv_address *address, const char *rest, char out[WKV_SUBJECT_BYTES]);

/* Whether a request may name the subject for its reply. false where the reply would be more than an answer,
 * the provider speaking for itself: to NATS (`$JS.API.STREAM.DELETE.…`), to another instance (`wascc-kv.`),
 * or to members of the lattice as a request, an event or a question (contract section 2). The provider may
 * publish more than a caller: it must not be a way around permissions that let the caller speak in its own
 * name only. */
bool wkv_subject_takes_replies(const struct wkv_address *address, const char *subject);

/* What a subscription is for, looked at once. */
struct wkv_pattern {
    const char *text;  /* borrowed */
    size_t before;     /* bytes in front of its `*`; all, where it has none */
    const char *after; /* what follows that; NULL: it has none */
};

/* The text has at most one `*`. */
struct wkv_pattern wkv_pattern_of(const char *text);

/* Whether the subject of a message is one that a subscription to the pattern is for, all of it: a server that
 * is broken, or worse, may deliver another. */
bool wkv_pattern_matches(const struct wkv_pattern *pattern, const char *subject);

/* The bytes of the token that a subject goes on with. */
static inline size_t wkv_subject_token_bytes(const char *rest)
{
    return (size_t)(strchrnul(rest, '.') - rest);
}

/* `<base>.<actor>.<operation>`; actor may be "*". Errors: WKV_BAD_REQUEST where actor or operation is no
 * token. */
enum wkv_code wkv_subject_operation(const struct wkv_address *address, const char *actor,
                                    const char *operation, char out[WKV_SUBJECT_BYTES],
                                    struct wkv_error *error);

#endif
