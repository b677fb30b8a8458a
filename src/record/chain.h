/* The chain: one number for all of the log up to a position, by which two instances find that they have seen
 * different logs. c(s) = SipHash(c(s - 1), s, SipHash of the message s); for a hole, where there is no
 * message any more, the last is 0. The last values are kept, so that what others say of positions that are
 * past can be held against ours.
 *
 * Not thread-safe. */
#ifndef WKV_RECORD_CHAIN_H
#define WKV_RECORD_CHAIN_H

#include "record/record.h"

#define WKV_CHAIN_KEPT 65536u

struct wkv_chain {
    struct wkv_record_key key;
    uint64_t first;     /* the first position whose value is known since it began */
    uint64_t position;  /* the last */
    uint64_t last_hash; /* of the last message; 0: of none, or of a hole */
    uint64_t *values;   /* by position modulo WKV_CHAIN_KEPT; owned */
};

/* Begins with a value at a position: 0 and 0 in front of the log's first message. Returns false where memory
 * is short. */
bool wkv_chain_begin(struct wkv_chain *chain, const struct wkv_record_key *key, uint64_t position,
                     uint64_t value);
void wkv_chain_end(struct wkv_chain *chain);

/* The message of the next position, or of a hole: data NULL. */
void wkv_chain_add(struct wkv_chain *chain, struct wkv_text message);

/* Returns false where the value at that position is not known (any more). */
bool wkv_chain_at(const struct wkv_chain *chain, uint64_t position, uint64_t *value);

#endif
