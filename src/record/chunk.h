/* A chunk: one message of the stream of snapshots. What a snapshot says comes in parts (META first, then keys
 * by rank, and keys of their own), each at one position of the log; a part is cut into chunks of a bounded
 * size, the last of which says so. A manifest is a part, too.
 *
 *   0       4        5      6       8        16            24       28         32
 *   +-------+--------+------+-------+--------+-------------+--------+----------+
 *   | WKVS  | format | kind | flags | log id | snapshot id | number | of part  |
 *   +-------+--------+------+-------+--------+-------------+--------+----------+
 *   32         40          48        56           60   64
 *   +----------+-----------+---------+------------+----+------+----------+
 *   | position | from rank | to rank | body bytes | 0  | body | checksum |
 *   +----------+-----------+---------+------------+----+------+----------+
 *
 * The checksum is a record's (record.h). Any thread. */
#ifndef WKV_RECORD_CHUNK_H
#define WKV_RECORD_CHUNK_H

#include "record/record.h"

#define WKV_CHUNK_HEADER_BYTES ((size_t)64)
#define WKV_CHUNK_BYTES (WKV_CHUNK_HEADER_BYTES + WKV_RECORD_CHECKSUM_BYTES) /* without a body */
#define WKV_CHUNK_MAX_BODY_BYTES ((size_t)256 * 1024 - WKV_CHUNK_BYTES)

enum wkv_part_kind {
    WKV_PART_META = 1, /* writers, bindings and all else that is no key */
    WKV_PART_KEYS,     /* all keys from one rank to another */
    WKV_PART_OWN,      /* some keys, absent ones too, in front of a record that needs them together */
    WKV_PART_MANIFEST, /* the snapshot is whole */
};

struct wkv_chunk {
    enum wkv_part_kind kind;
    uint8_t format;    /* as a record's */
    bool goes_on;      /* the next chunk has more of this part */
    uint64_t snapshot; /* its id */
    uint32_t number;   /* of the chunk, from 0, */
    uint32_t of_part;  /* and of its part, likewise */
    uint64_t position;
    uint64_t from, to; /* of WKV_PART_KEYS: ranks, the latter not included */
    struct wkv_text body;
};

/* Reads a message of the stream; *chunk borrows from it. */
enum wkv_record_status wkv_chunk_read(struct wkv_text message, const struct wkv_record_key *key,
                                      struct wkv_chunk *chunk);

/* The log's id, of whatever may be a chunk. Returns false where it is too short. */
bool wkv_chunk_log_id(struct wkv_text message, uint64_t *log_id);

/* Appends a chunk. Errors: false where memory is short, or the body too large. */
bool wkv_chunk_write(const struct wkv_chunk *chunk, const struct wkv_record_key *key,
                     struct wkv_buffer *buffer);

/* The digest of a snapshot with one more chunk; it begins with 0. */
uint64_t wkv_chunk_digest(const struct wkv_record_key *key, uint64_t digest, struct wkv_text message);

#endif
