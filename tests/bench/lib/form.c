#include "form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define KEY_DIGITS 10
#define KEY_PREFIX "key:"
#define COUNTER_PREFIX "cnt:"
#define KEY_PREFIX_BYTES 4
#define KEY_BYTES (KEY_PREFIX_BYTES + KEY_DIGITS)
#define VALUE_DIGITS(bytes) ((bytes) < KEY_DIGITS ? (bytes) : KEY_DIGITS)
#define VALUE_FILLER 'v'
#define BUCKET_PREFIX "key." /* a bucket allows no colon */
#define NO_DIGITS "0000000000"
#define HEADERS_BEGIN "NATS/1.0\r\n"
#define LINE_BYTES 64 /* of a PUB or HPUB beside its subjects */

static void put_digits(char *at, unsigned digits, uint64_t value)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* A value begins with its key's digits, the last first so that a short one still tells keys apart; the
 * filler after them is always the same and stands in the form. */
static void put_value(char *at, size_t bytes, uint64_t key)
{
    for (size_t i = 0; i < VALUE_DIGITS(bytes); i++, key /= 10)
        at[i] = (char)('0' + key % 10);
}

void bench_form_value(size_t value_bytes, uint64_t key, char *at)
{
    memset(at, VALUE_FILLER, value_bytes);
    put_value(at, value_bytes, key);
}

bool bench_form_value_is_right(size_t value_bytes, uint64_t key, const char *value, size_t len)
{
    char digits[KEY_DIGITS];
    size_t count = VALUE_DIGITS(value_bytes);
    put_value(digits, value_bytes, key);
    if (len != value_bytes || memcmp(value, digits, count) != 0)
        return false;
    /* All of the rest is the filler: its first byte is, and each is as the one before. */
    return len == count ||
           (value[count] == VALUE_FILLER && memcmp(value + count, value + count + 1, len - count - 1) == 0);
}

bool bench_form_key_is_right(uint64_t key, const char *text, size_t len)
{
    char digits[KEY_DIGITS];
    put_digits(digits, KEY_DIGITS, key);
    return len == KEY_BYTES && memcmp(text, KEY_PREFIX, KEY_PREFIX_BYTES) == 0 &&
           memcmp(text + KEY_PREFIX_BYTES, digits, KEY_DIGITS) == 0;
}

/* The same for a bucket of JetStream's. A key that is in the subject is not noted. */
static size_t put_bucket_payload(enum bench_operation operation, size_t value_bytes, char *at, size_t *key_at,
                                 size_t *value_at)
{
    static const char message[] = "{\"last_by_subj\":\"" BENCH_BUCKET_KEYS BUCKET_PREFIX NO_DIGITS "\"}";
    *key_at = 0;
    *value_at = 0;
    if (operation == BENCH_KV_GET)
        return 0;
    if (operation == BENCH_KV_PUT) {
        memset(at, VALUE_FILLER, value_bytes);
        return value_bytes;
    }
    memcpy(at, message, sizeof message - 1);
    *key_at = sizeof message - 1 - strlen("\"}") - KEY_DIGITS;
    return sizeof message - 1;
}

/* Writes the payload with places for its digits at `at`, which has room, and notes them as offsets from it.
 */
static size_t put_payload(enum bench_operation operation, size_t value_bytes, char *at, size_t *key_at,
                          size_t *value_at)
{
    char *begin = at;
    *key_at = 0;
    *value_at = 0;
    if (operation != BENCH_ECHO) {
        at = bench_proto_text(at, 1, KEY_BYTES);
        memcpy(at, operation == BENCH_ADD ? COUNTER_PREFIX : KEY_PREFIX, KEY_PREFIX_BYTES);
        *key_at = (size_t)(at - begin) + KEY_PREFIX_BYTES;
        at += KEY_BYTES;
    }
    if (operation == BENCH_ECHO || operation == BENCH_SET) {
        at = bench_proto_text(at, operation == BENCH_ECHO ? 1 : 2, value_bytes);
        *value_at = (size_t)(at - begin);
        memset(at, VALUE_FILLER, value_bytes);
        at += value_bytes;
    }
    if (operation == BENCH_ECHO || operation == BENCH_ADD)
        at = bench_proto_varint(at, 2, 1);
    return (size_t)(at - begin);
}

size_t bench_form_payload(enum bench_operation operation, size_t value_bytes, uint64_t key, char *at)
{
    size_t key_at;
    size_t value_at;
    size_t len = put_payload(operation, value_bytes, at, &key_at, &value_at);
    if (key_at > 0)
        put_digits(at + key_at, KEY_DIGITS, key);
    if (value_at > 0)
        put_value(at + value_at, value_bytes, key);
    return len;
}

static bool is_of_bucket(enum bench_operation operation)
{
    return operation == BENCH_KV_PUT || operation == BENCH_KV_GET || operation == BENCH_KV_MSG_GET;
}

static bool has_key_in_subject(enum bench_operation operation)
{
    return operation == BENCH_KV_PUT || operation == BENCH_KV_GET;
}

/* Writes the line that a request begins with, and its headers. Returns how many bytes that is. */
static size_t put_head(char *at, size_t room, const struct bench_request *request, size_t payload_len)
{
    const char *key = has_key_in_subject(request->operation) ? BUCKET_PREFIX NO_DIGITS : "";
    int len;
    if (request->headers == NULL) {
        len = snprintf(at, room, "PUB %s%s " BENCH_INBOX "00000 %zu\r\n", request->subject, key, payload_len);
    } else {
        size_t headers_len = strlen(HEADERS_BEGIN) + strlen(request->headers) + 2;
        len = snprintf(at, room, "HPUB %s%s " BENCH_INBOX "00000 %zu %zu\r\n" HEADERS_BEGIN "%s\r\n",
                       request->subject, key, headers_len, headers_len + payload_len, request->headers);
    }
    return (size_t)len;
}

/* Notes where the digits are, which were written as offsets from the payload. */
static void note_places(struct bench_form *form, const struct bench_request *request, size_t key_at,
                        size_t value_at)
{
    size_t head_len = (size_t)(strchr(form->bytes, '\n') - form->bytes) + 1;
    const char *subject_end = strchr(strchr(form->bytes, ' ') + 1, ' ');
    if (request->headers != NULL)
        head_len += sizeof HEADERS_BEGIN - 1 + strlen(request->headers) + 2;
    form->slot_at = (size_t)(subject_end - form->bytes) + 1 + strlen(BENCH_INBOX);
    form->key_at = key_at == 0 ? 0 : head_len + key_at;
    form->value_at = value_at == 0 ? 0 : head_len + value_at;
    if (has_key_in_subject(request->operation))
        form->key_at = (size_t)(subject_end - form->bytes) - KEY_DIGITS;
    if (request->operation == BENCH_KV_PUT)
        form->value_at = head_len;
}

static size_t make_payload(const struct bench_request *request, char *at, size_t *key_at, size_t *value_at)
{
    if (is_of_bucket(request->operation))
        return put_bucket_payload(request->operation, request->value_bytes, at, key_at, value_at);
    return put_payload(request->operation, request->value_bytes, at, key_at, value_at);
}

bool bench_form_make(struct bench_form *form, const struct bench_request *request)
{
    size_t headers_room = request->headers == NULL ? 0 : strlen(request->headers) + sizeof HEADERS_BEGIN;
    size_t head_room = strlen(request->subject) + sizeof BENCH_INBOX + LINE_BYTES + headers_room;
    size_t key_at = 0;
    size_t value_at = 0;
    size_t payload_len = request->payload_len;
    char *made = malloc(request->value_bytes + BENCH_PAYLOAD_BYTES);
    *form = (struct bench_form){.fixed = request->payload != NULL, .key = request->key};
    if (made != NULL && request->payload == NULL)
        payload_len = make_payload(request, made, &key_at, &value_at);
    form->bytes = malloc(head_room + payload_len + 2);
    if (made == NULL || form->bytes == NULL) {
        free(made);
        bench_form_free(form);
        return false;
    }
    size_t head_len = put_head(form->bytes, head_room, request, payload_len);
    memcpy(form->bytes + head_len, request->payload != NULL ? request->payload : made, payload_len);
    memcpy(form->bytes + head_len + payload_len, "\r\n", 2);
    free(made);
    form->len = head_len + payload_len + 2;
    note_places(form, request, key_at, value_at);
    return true;
}

void bench_form_free(struct bench_form *form)
{
    free(form->bytes);
    form->bytes = NULL;
}

void bench_form_fill(const struct bench_form *form, char *copy, unsigned slot, uint64_t key,
                     size_t value_bytes)
{
    put_digits(copy + form->slot_at, BENCH_SLOT_DIGITS, slot);
    if (form->key_at > 0)
        put_digits(copy + form->key_at, KEY_DIGITS, key);
    if (form->value_at > 0)
        put_value(copy + form->value_at, value_bytes, key);
}
