/* The conformance suite: what each operation means (contract section 3), in each encoding (section 4), and
 * what it refuses (section 5), put to whatever answers requests: the dispatch in memory, plain subjects,
 * invocations of hosts, each engine. What asks is a front of the tests; the suite knows nothing of it but
 * `call`.
 */
#ifndef CONFORMANCE_CONFORMANCE_H
#define CONFORMANCE_CONFORMANCE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "conformance/message.h"

/* What comes back of a call. */
struct reply {
    int code;       /* of a refusal (contract section 5); 0: none */
    char text[512]; /* of a refusal */
    char *data;     /* of a reply; malloc's, freed by the suite */
    size_t len;
};

/* The worlds that the suite wants, each in a test case of its own and empty at its start. */
enum world {
    WORLD_PLAIN, /* the default limits, and room for requests and replies of 8 MiB */
    WORLD_SMALL, /* replies have at most CONFORMANCE_SMALL_REPLY bytes, values 2048 */
    WORLD_TIGHT, /* one shard, and a memory budget of 256 kB */
    WORLDS
};

#define CONFORMANCE_SMALL_REPLY 4096

/* Code of a refusal where a front tells none: a host's invocation has a text alone. */
#define CODE_UNTOLD (-1)

struct conformance_front {
    const char *name;
    void (*start[WORLDS])(void); /* an unchecked fixture, which begins with conformance_use */
    void (*stop)(void);          /* its end */
    void (*open)(void);          /* a checked fixture */
    void (*close)(void);
    /* One request, of any bytes. The encoding is for a front that does not find it out from the bytes. */
    struct reply (*call)(enum encoding encoding, const char *operation, const void *bytes, size_t len);
    /* The encodings that it takes: from `first` to the one before `end`. */
    enum encoding first, end;
};

/* Says which front the tests that are forked from here on ask. */
void conformance_use(const struct conformance_front *front);

/* Adds the suite's test cases. The front is kept. */
void conformance_add(Suite *suite, const struct conformance_front *front);

#endif
