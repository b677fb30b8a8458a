/* The requests of a run of --auth: of several actors in turn, with the headers that a mode of --auth asks
 * for. */
#ifndef WASCC_KEYVALUE_BENCH_MESSAGES_H
#define WASCC_KEYVALUE_BENCH_MESSAGES_H

#include "form.h"
#include "mint.h"

enum bench_headers {
    BENCH_HEADERS_NONE,
    BENCH_HEADERS_CLAIMS, /* Wascc-Claims */
    BENCH_HEADERS_BOTH,   /* and Wascc-Invocation, which fixes the payload: one form a request */
};

struct bench_messages {
    struct bench_form *forms;
    size_t count;
};

struct bench_messages_wanted {
    const struct bench_mint *mint;
    enum bench_operation operation;
    const char *lattice; /* what the subject begins with */
    const char *binding;
    enum bench_headers headers;
    size_t count;       /* for BENCH_HEADERS_BOTH, and BENCH_BIND; else there is one an actor */
    uint64_t first_key; /* Set: the forms that are fixed are about this key and those after it */
    uint64_t keys;      /* Get: the forms that are fixed are about any of so many */
    size_t value_bytes;
};

/* Makes them anew; what was there before is freed. Returns 0, or -1 after saying what went wrong. */
int bench_messages_make(struct bench_messages *messages, const struct bench_messages_wanted *wanted);

/* A zeroed struct is allowed. */
void bench_messages_free(struct bench_messages *messages);

#endif
