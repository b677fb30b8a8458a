/* A record: one message of the replicated log, as bytes and as a struct.
 *
 *   0       4        5      6       8        16       24       32      40
 *   +-------+--------+------+-------+--------+--------+--------+-------+
 *   | WKVL  | format | kind | flags | log id | writer | number | floor |
 *   +-------+--------+------+-------+--------+--------+--------+-------+
 *   40     48      56         64         72           76           80
 *   +------+-------+----------+----------+------------+------------+------+----------+
 *   | seen | chain | deadline | bindings | operations | body bytes | body | checksum |
 *   +------+-------+----------+----------+------------+------------+------+----------+
 *
 * All of it is little-endian. The checksum is SipHash-2-4 of all before it, its key the first half of
 * SHA-256("wkv" and the log's id): so a record of another log is none of this one.
 *
 * A pure function of bytes: no state, no allocation but in the buffer that is written to. Any thread.
 */
#ifndef WKV_RECORD_RECORD_H
#define WKV_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "support/buffer.h"
#include "wascc_keyvalue/text.h"

#define WKV_RECORD_FIRST_FORMAT 1
#ifndef WKV_RECORD_FORMAT   /* a test build knows one more */
#define WKV_RECORD_FORMAT 1 /* the newest that is known here */
#endif
#define WKV_RECORD_HEADER_BYTES ((size_t)80)
#define WKV_RECORD_CHECKSUM_BYTES ((size_t)8)
#define WKV_RECORD_BYTES (WKV_RECORD_HEADER_BYTES + WKV_RECORD_CHECKSUM_BYTES) /* without a body */

/* What all of a log is checked with. */
struct wkv_record_key {
    uint64_t log_id;
    unsigned char bytes[16];
};

struct wkv_record_key wkv_record_key_of(uint64_t log_id);

/* SipHash-2-4. */
uint64_t wkv_record_hash(const struct wkv_record_key *key, struct wkv_text bytes);

/* The same of some numbers, each as 8 bytes: at most 4. */
uint64_t wkv_record_hash_numbers(const struct wkv_record_key *key, const uint64_t *numbers, size_t count);

enum wkv_record_kind {
    WKV_RECORD_GENESIS = 1, /* the log's first */
    WKV_RECORD_JOIN,        /* makes the writers of an instance's workers; its position names them */
    WKV_RECORD_LEAVE,       /* ends them */
    WKV_RECORD_BATCH,       /* operations; without any: a barrier, or a tick of log time */
    WKV_RECORD_BEAT,        /* an instance lives, and how full it is */
    WKV_RECORD_CLAIM,       /* the right to write a snapshot, for a while */
    WKV_RECORD_SNAPSHOT,    /* it is written, and read back */
    WKV_RECORD_RAISE,       /* from here on records of that format may come */
    WKV_RECORD_DIGEST,      /* every instance says what it holds between two ranks */
};
#define WKV_RECORD_LAST_KIND WKV_RECORD_DIGEST

/* A worker's name in the log: where its instance's JOIN stands, and which of its workers it is. */
static inline uint64_t wkv_record_writer(uint64_t join, unsigned worker)
{
    return join << 8 | worker;
}

struct wkv_record {
    enum wkv_record_kind kind;
    uint8_t format;      /* to write: the one in force (wkv_replica_format), not the newest; 0: the first */
    uint64_t writer;     /* of GENESIS and JOIN 0 */
    uint64_t number;     /* of a batch: from 1, one more each; else 0 */
    uint64_t floor;      /* all of the writer's numbers below it are settled for the writer */
    uint64_t seen;       /* the position that the writer had applied, */
    uint64_t chain;      /* and its chain there; 0: not known */
    int64_t deadline_ns; /* in log time; 0: none */
    uint64_t bindings;   /* the last change of them that was known before the first request was authorized */
    uint32_t operations; /* in the body of a batch */
    struct wkv_text body;
};

/* What bodies have, by kind. Texts are borrowed: from the body when they were read. */
struct wkv_genesis {
    unsigned char hash_seed[16];    /* of every instance's store, */
    uint32_t shards;                /* and how many shards it has */
    uint8_t format;                 /* that records have until the first RAISE */
    struct wkv_text binding, space; /* its names: the binding's, and the lattice's namespace */
};

struct wkv_join {
    struct wkv_text instance, version;
    uint8_t workers;     /* at least 1 */
    uint8_t least, most; /* formats that it can read and write */
};

struct wkv_beat {
    uint64_t bytes, keys; /* in its store */
    uint32_t permille;    /* of its own budget */
    uint8_t least, most;  /* as in its JOIN */
};

struct wkv_claim {
    uint64_t snapshot; /* its id: random */
};

/* A snapshot that is whole: also what a manifest says. */
struct wkv_manifest {
    uint64_t snapshot;
    uint64_t position; /* of its META: the log goes on behind it, */
    uint64_t chain;    /* with this chain there, */
    uint64_t checksum; /* and this hash of the message there */
    uint32_t chunks;
    uint64_t bytes, digest; /* of all chunks: wkv_chunk_digest */
    uint64_t first, last;   /* in the stream of snapshots */
    uint64_t before;        /* the manifest before this one, in the same stream; 0: none */
};

struct wkv_raise {
    uint8_t format;
};

struct wkv_digest {
    unsigned char request[16]; /* its id */
    uint64_t from, to;         /* ranks (wkv_store_rank), the latter not included */
};

union wkv_record_body {
    struct wkv_genesis genesis;
    struct wkv_join join;
    struct wkv_beat beat;
    struct wkv_claim claim;
    struct wkv_manifest snapshot;
    struct wkv_raise raise;
    struct wkv_digest digest;
};

/* Longest names in GENESIS and JOIN, in bytes. */
#define WKV_RECORD_MAX_NAME_BYTES 255u

enum wkv_record_status {
    WKV_RECORD_OK,
    WKV_RECORD_FOREIGN,   /* no record of this log, whatever it is */
    WKV_RECORD_DAMAGED,   /* one, but for its checksum */
    WKV_RECORD_NEWER,     /* of a format above WKV_RECORD_FORMAT */
    WKV_RECORD_MALFORMED, /* its checksum is right and it says nothing that can be read: a writer's mistake */
};

/* Reads a message of the log. *record borrows from it, and is set where the status is WKV_RECORD_OK. */
enum wkv_record_status wkv_record_read(struct wkv_text message, const struct wkv_record_key *key,
                                       struct wkv_record *record);

/* The log's id from its first message. Returns false where that is no GENESIS. */
bool wkv_record_log_id(struct wkv_text message, uint64_t *log_id);

/* Reads the body of a record of any kind but LEAVE and BATCH, which have none of these. Returns false where
 * it is none. */
bool wkv_record_read_body(const struct wkv_record *record, union wkv_record_body *body);

/* Appends a record to the buffer, with the body in it; Errors: false
 * where memory is short, or the body too large. */
bool wkv_record_write(const struct wkv_record *record, const struct wkv_record_key *key,
                      struct wkv_buffer *buffer);

/* The same with the body of its kind, which is written here. record->body is not looked at. */
bool wkv_record_write_body(const struct wkv_record *record, const union wkv_record_body *body,
                           const struct wkv_record_key *key, struct wkv_buffer *buffer);

/* A manifest's fields, in a chunk of its own. */
void wkv_manifest_put(struct wkv_buffer *buffer, const struct wkv_manifest *manifest);
struct wkv_bytes;
void wkv_manifest_take(struct wkv_bytes *bytes, struct wkv_manifest *manifest);

#endif
