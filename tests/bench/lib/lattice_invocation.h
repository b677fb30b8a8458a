/* Invocations of the lattice protocol as a host sends them (CONTRACT section 7), signed, each with an id of
 * its own that tells its number.
 *
 * One thread. Whatever fails has said so on stderr.
 */
#ifndef WASCC_KEYVALUE_BENCH_LATTICE_INVOCATION_H
#define WASCC_KEYVALUE_BENCH_LATTICE_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mint.h"
#include "security/nkey.h"

/* Gets, Sets and Adds in turn go round so many scalars and as many counters. */
#define BENCH_LATTICE_KEYS 1000u

struct bench_invocation {
    uint64_t number;
    char *bytes; /* owned: the MessagePack */
    size_t len;
    const char *subject; /* where it goes: the binding's own, or the actor's; borrowed */
    /* What a verification works on: the signed part of the claims, which lies in bytes. */
    const char *message;
    size_t message_len;
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    struct wkv_nkey signer;
};

/* Who calls whom. */
struct bench_lattice_parties {
    struct bench_mint *mint; /* borrowed; its first actor calls */
    const char *binding;
    char own_subject[128]; /* the binding's */
    char actor_subject[192];
};

void bench_lattice_parties_init(struct bench_lattice_parties *parties, struct bench_mint *mint,
                                const char *binding);

/* Make a BindActor of the mint's first actor, or request `number` of that actor: a Get, a Set or an Add, by
 * the number. Return false where it failed. */
bool bench_invocation_bind(const struct bench_lattice_parties *parties, uint64_t number,
                           struct bench_invocation *invocation);
bool bench_invocation_make(const struct bench_lattice_parties *parties, uint64_t number,
                           struct bench_invocation *invocation);

/* A zeroed struct is allowed. */
void bench_invocation_free(struct bench_invocation *invocation);

/* Whether the payload is a response without an error to the invocation of this number; whether it is that
 * invocation. */
bool bench_invocation_answers(uint64_t number, const char *payload, size_t len);
bool bench_invocation_echoes(uint64_t number, const char *payload, size_t len);

#endif
