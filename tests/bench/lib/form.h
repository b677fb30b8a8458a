/* Requests as they go out: what is the same in all requests of a kind is written once. */
#ifndef WASCC_KEYVALUE_BENCH_FORM_H
#define WASCC_KEYVALUE_BENCH_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The subscription that brings the replies. A nats.c client's inbox is as long: `_INBOX.`, 22 characters, and
 * a token, here the slot's digits. */
#define BENCH_INBOX "_INBOX.WASCCKEYVALUEBENCHMARK."
#define BENCH_SLOT_DIGITS 5

/* Bytes that a payload has at the most beside its value. */
#define BENCH_PAYLOAD_BYTES 128

enum bench_operation {
    BENCH_ECHO, /* payload: GetResponse{value, exists}, so that a bare echo's reply is as large as Get's */
    BENCH_ECHO_REQUEST, /* payload: GetRequest{key}; what comes back is the same */
    BENCH_GET,          /* GetRequest{key} */
    BENCH_SET,          /* SetRequest{key, value} */
    BENCH_ADD,          /* AddRequest{key, 1} */
    BENCH_BIND,         /* a payload of the caller's; the reply is empty */
    BENCH_BATCH,        /* likewise; each form has its answer */
    /* What a client of JetStream's key-value bucket BENCH_BUCKET sends. Of the first two the subject ends in
       the key. */
    BENCH_KV_PUT,     /* the value; the reply says that it is stored */
    BENCH_KV_GET,     /* nothing; any replica that there is answers with the value (a direct get) */
    BENCH_KV_MSG_GET, /* a subject in JSON; the leader answers with the message in JSON */
};

#define BENCH_BUCKET "BENCH"
#define BENCH_BUCKET_KEYS "$KV." BENCH_BUCKET "."
#define BENCH_BUCKET_STREAM "KV_" BENCH_BUCKET

/* The bytes of a request, with the slot's, the key's and the value's digits to be written over. */
struct bench_form {
    char *bytes; /* owned */
    size_t len;
    size_t slot_at;
    size_t key_at;   /* of the digits; 0: it has no key to write */
    size_t value_at; /* 0: it has no value to write */
    bool fixed;      /* it stands as it is, but for the slot, and is about this key: */
    uint64_t key;
    const char *answer; /* borrowed: the only payload that answers it; NULL: as the operation's replies do */
    size_t answer_len;
};

struct bench_request {
    enum bench_operation operation;
    const char *subject;
    const char *headers; /* lines, each with its CR LF; NULL: none, and the request goes out as PUB */
    size_t value_bytes;

    /* NULL: the operation's, with places for any key. Otherwise the form is fixed. */
    const char *payload;
    size_t payload_len;
    uint64_t key; /* that the payload is about */
};

/* Returns false where memory is short. */
bool bench_form_make(struct bench_form *form, const struct bench_request *request);

/* A zeroed struct is allowed. */
void bench_form_free(struct bench_form *form);

/* Writes the slot's number and, where the form has places for it, the key's into a copy of the form's bytes.
 */
void bench_form_fill(const struct bench_form *form, char *copy, unsigned slot, uint64_t key,
                     size_t value_bytes);

/* Writes the operation's payload for one key at `at`, which has room for BENCH_PAYLOAD_BYTES and a value, and
 * returns its length. */
size_t bench_form_payload(enum bench_operation operation, size_t value_bytes, uint64_t key, char *at);

/* Likewise a key's value, of value_bytes. */
void bench_form_value(size_t value_bytes, uint64_t key, char *at);

/* Whether this is the value that belongs to the key, and the key's own text. */
bool bench_form_value_is_right(size_t value_bytes, uint64_t key, const char *value, size_t len);
bool bench_form_key_is_right(uint64_t key, const char *text, size_t len);

#endif
