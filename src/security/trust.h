/* The trusted keys: accounts whose actor claims are believed, and hosts whose invocation claims are (contract
 * section 6).
 *
 * A struct wkv_trust is a set that is filled once and never changes after that. A reload (SIGHUP) fills a new
 * one and publishes it; readers of the old one keep it alive by a reference:
 *
 *   main thread                     worker (one reader each)
 *   wkv_trust_create, _add …        wkv_trust_reader_current ── one atomic load; only when the generation
 *   wkv_trust_source_publish ─────►   has changed: the source's mutex, once, to take the new reference
 *
 * So no request takes a lock that workers share, and the generation alone tells which set a remembered token
 * was checked against.
 */
#ifndef WKV_SECURITY_TRUST_H
#define WKV_SECURITY_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/nkey.h"
#include "support/error.h"

enum wkv_trust_list {
    WKV_TRUST_ISSUERS, /* account keys, A… */
    WKV_TRUST_HOSTS,   /* host keys, N… */
};

/* Keys of one list at the most. */
#define WKV_TRUST_MAX_KEYS 4096

struct wkv_trust;

/* Makes an empty set with one reference, the caller's. It trusts no key.
 * Errors: WKV_NO_MEMORY (memory is short, or libsodium does not start). */
enum wkv_code wkv_trust_create(struct wkv_trust **trust, struct wkv_error *error);

/* Adds the keys of len bytes of text to a list: keys are separated by commas or white space, and '#' begins a
 * comment that ends with its line, so an option, an environment variable and a file are all read by this. A
 * key that is there already is no error. In the list of hosts the word `any`, on its own, trusts every host
 * whose signature holds; it cannot be combined with keys. Only before the set is published, and by one
 * thread. Errors: WKV_BAD_REQUEST (a key is malformed or of another kind, `any` where it cannot be, or too
 * many keys; the text names the list and the entry by its number and never quotes it), WKV_NO_MEMORY. The
 * set may then hold the entries in front of the bad one: release it. */
enum wkv_code wkv_trust_add(struct wkv_trust *trust, enum wkv_trust_list list, const char *text, size_t len,
                            struct wkv_error *error);

/* Whether a key of the list's kind is trusted. Costs a binary search. Any thread. */
bool wkv_trust_has(const struct wkv_trust *trust, enum wkv_trust_list list,
                   const unsigned char key[WKV_NKEY_BYTES]);

/* Keys in a list; 0 for hosts where any is trusted. Any thread. */
size_t wkv_trust_count(const struct wkv_trust *trust, enum wkv_trust_list list);

/* How many of other's keys in a list the set has not. Any thread. */
size_t wkv_trust_missing(const struct wkv_trust *trust, const struct wkv_trust *other,
                         enum wkv_trust_list list);

/* Whether every host is trusted. Any thread. */
bool wkv_trust_any_host(const struct wkv_trust *trust);

/* The number that publishing gave the set, counted from 1; 0 for a set that was never published. Any thread.
 */
uint64_t wkv_trust_generation(const struct wkv_trust *trust);

/* Gives a reference back; the last one frees the set. NULL is allowed. Any thread. */
void wkv_trust_release(struct wkv_trust *trust);

/* Gives out the current set. Every function may be called from any thread. */
struct wkv_trust_source;

/* Makes a source and publishes trust in it. The source then owns the caller's reference; not where it fails.
 * Errors: WKV_NO_MEMORY (memory is short). */
enum wkv_code wkv_trust_source_create(struct wkv_trust *trust, struct wkv_trust_source **source,
                                      struct wkv_error *error);

/* Makes trust the current set; the source owns the caller's reference then. A set is published once, in one
 * source. Readers see it from their next request on; nothing waits. */
void wkv_trust_source_publish(struct wkv_trust_source *source, struct wkv_trust *trust);

/* Frees the source. Its readers must have been destroyed. NULL is allowed. */
void wkv_trust_source_destroy(struct wkv_trust_source *source);

/* One thread's reference to the current set. Treat as opaque. */
struct wkv_trust_reader {
    struct wkv_trust_source *source; /* borrowed */
    struct wkv_trust *trust;         /* a reference */
};

void wkv_trust_reader_init(struct wkv_trust_reader *reader, struct wkv_trust_source *source);

/* The current set, valid until the next call with this reader. Only the reader's own thread. */
const struct wkv_trust *wkv_trust_reader_current(struct wkv_trust_reader *reader);

void wkv_trust_reader_destroy(struct wkv_trust_reader *reader);

#endif
