#include "record/record.h"

#include <sodium.h>

#include "record/fields.h"
#include "record/frame.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* "WKVL" */
#define MAGIC UINT32_C(0x4c564b57)

/* ---- checksums ---- */

struct wkv_record_key wkv_record_key_of(uint64_t log_id)
{
    struct wkv_record_key key = {.log_id = log_id};
    unsigned char named[3 + 8] = {'w', 'k', 'v'}, hash[crypto_hash_sha256_BYTES];
    for (unsigned i = 0; i < 8; i++)
        named[3 + i] = (unsigned char)(log_id >> (8 * i));
    (void)crypto_hash_sha256(hash, named, sizeof named);
    memcpy(key.bytes, hash, sizeof key.bytes);
    return key;
}

uint64_t wkv_record_hash(const struct wkv_record_key *key, struct wkv_text bytes)
{
    unsigned char hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, (const unsigned char *)bytes.data, bytes.len, key->bytes);
    struct wkv_bytes number = wkv_bytes_in((struct wkv_text){(const char *)hash, sizeof hash});
    return wkv_bytes_fixed(&number, 8);
}

uint64_t wkv_record_hash_numbers(const struct wkv_record_key *key, const uint64_t *numbers, size_t count)
{
    char bytes[32];
    for (size_t i = 0; i < 8 * count; i++)
        bytes[i] = (char)(numbers[i / 8] >> (8 * (i % 8)));
    return wkv_record_hash(key, (struct wkv_text){bytes, 8 * count});
}

/* ---- the header ---- */

enum wkv_record_status wkv_record_read(struct wkv_text message, const struct wkv_record_key *key,
                                       struct wkv_record *record)
{
    struct wkv_frame frame;
    enum wkv_record_status status = wkv_frame_read(message, MAGIC, WKV_RECORD_BYTES, key, &frame);
    if (status != WKV_RECORD_OK)
        return status;
    struct wkv_bytes *bytes = &frame.rest;
    *record = (struct wkv_record){.kind = (enum wkv_record_kind)frame.kind, .format = frame.format};
    record->writer = wkv_bytes_fixed(bytes, 8);
    record->number = wkv_bytes_fixed(bytes, 8);
    record->floor = wkv_bytes_fixed(bytes, 8);
    record->seen = wkv_bytes_fixed(bytes, 8);
    record->chain = wkv_bytes_fixed(bytes, 8);
    record->deadline_ns = (int64_t)wkv_bytes_fixed(bytes, 8);
    record->bindings = wkv_bytes_fixed(bytes, 8);
    record->operations = (uint32_t)wkv_bytes_fixed(bytes, 4);
    record->body = wkv_bytes_take(bytes, wkv_bytes_fixed(bytes, 4));
    bool sound = wkv_bytes_ended(bytes) && frame.flags == 0 && record->deadline_ns >= 0 &&
                 frame.kind >= WKV_RECORD_GENESIS && frame.kind <= WKV_RECORD_LAST_KIND;
    return sound ? WKV_RECORD_OK : WKV_RECORD_MALFORMED;
}

bool wkv_record_log_id(struct wkv_text message, uint64_t *log_id)
{
    struct wkv_record record;
    struct wkv_bytes bytes = wkv_bytes_in(message);
    (void)wkv_bytes_take(&bytes, 8);
    *log_id = wkv_bytes_fixed(&bytes, 8);
    struct wkv_record_key key = wkv_record_key_of(*log_id);
    return !bytes.bad && wkv_record_read(message, &key, &record) == WKV_RECORD_OK &&
           record.kind == WKV_RECORD_GENESIS;
}

bool wkv_record_write(const struct wkv_record *record, const struct wkv_record_key *key,
                      struct wkv_buffer *buffer)
{
    const struct wkv_frame frame = {.format = record->format, .kind = (uint8_t)record->kind};
    if (record->body.len > UINT32_MAX)
        return false;
    size_t begin = wkv_frame_begin(buffer, MAGIC, &frame, key);
    const uint64_t numbers[] = {record->writer,  record->number, record->floor,
                                record->seen,    record->chain,  (uint64_t)record->deadline_ns,
                                record->bindings};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        wkv_put_fixed(buffer, numbers[i], 8);
    wkv_put_fixed(buffer, record->operations, 4);
    wkv_put_fixed(buffer, record->body.len, 4);
    if (record->body.len > 0)
        (void)wkv_buffer_append(buffer, record->body.data, record->body.len);
    return wkv_frame_end(buffer, begin, key);
}

/* ---- bodies ---- */

static const struct wkv_field genesis[] = {
    WKV_FIELD(16, struct wkv_genesis, hash_seed), WKV_FIELD(U32, struct wkv_genesis, shards),
    WKV_FIELD(U8, struct wkv_genesis, format),    WKV_FIELD(TEXT, struct wkv_genesis, binding),
    WKV_FIELD(TEXT, struct wkv_genesis, space),
};
static const struct wkv_field join[] = {
    WKV_FIELD(TEXT, struct wkv_join, instance), WKV_FIELD(TEXT, struct wkv_join, version),
    WKV_FIELD(U8, struct wkv_join, workers),    WKV_FIELD(U8, struct wkv_join, least),
    WKV_FIELD(U8, struct wkv_join, most),
};
static const struct wkv_field beat[] = {
    WKV_FIELD(U64, struct wkv_beat, bytes),    WKV_FIELD(U64, struct wkv_beat, keys),
    WKV_FIELD(U32, struct wkv_beat, permille), WKV_FIELD(U8, struct wkv_beat, least),
    WKV_FIELD(U8, struct wkv_beat, most),
};
static const struct wkv_field claim[] = {WKV_FIELD(U64, struct wkv_claim, snapshot)};
static const struct wkv_field manifest[] = {
    WKV_FIELD(U64, struct wkv_manifest, snapshot), WKV_FIELD(U64, struct wkv_manifest, position),
    WKV_FIELD(U64, struct wkv_manifest, chain),    WKV_FIELD(U64, struct wkv_manifest, checksum),
    WKV_FIELD(U32, struct wkv_manifest, chunks),   WKV_FIELD(U64, struct wkv_manifest, bytes),
    WKV_FIELD(U64, struct wkv_manifest, digest),   WKV_FIELD(U64, struct wkv_manifest, first),
    WKV_FIELD(U64, struct wkv_manifest, last),     WKV_FIELD(U64, struct wkv_manifest, before),
};
static const struct wkv_field raise[] = {WKV_FIELD(U8, struct wkv_raise, format)};
static const struct wkv_field digest[] = {
    WKV_FIELD(16, struct wkv_digest, request),
    WKV_FIELD(U64, struct wkv_digest, from),
    WKV_FIELD(U64, struct wkv_digest, to),
};

struct body {
    const struct wkv_field *fields;
    size_t count;
};
#define BODY(kind, fields) [WKV_RECORD_##kind] = {fields, COUNT_OF(fields)}

static const struct body bodies[WKV_RECORD_LAST_KIND + 1] = {
    BODY(GENESIS, genesis),   BODY(JOIN, join),   BODY(BEAT, beat),     BODY(CLAIM, claim),
    BODY(SNAPSHOT, manifest), BODY(RAISE, raise), BODY(DIGEST, digest),
};

void wkv_manifest_put(struct wkv_buffer *buffer, const struct wkv_manifest *from)
{
    wkv_put_fields(buffer, manifest, COUNT_OF(manifest), from);
}

void wkv_manifest_take(struct wkv_bytes *bytes, struct wkv_manifest *to)
{
    wkv_bytes_fields(bytes, manifest, COUNT_OF(manifest), to);
}

static bool is_name(struct wkv_text name)
{
    return name.len <= WKV_RECORD_MAX_NAME_BYTES &&
           (name.len == 0 || memchr(name.data, '\0', name.len) == NULL);
}

static bool are_formats(uint8_t least, uint8_t most)
{
    return least > 0 && least <= most;
}

/* What no writer says, though it can be read. */
static bool makes_sense(enum wkv_record_kind kind, const union wkv_record_body *body)
{
    switch (kind) {
    case WKV_RECORD_GENESIS:
        return body->genesis.shards > 0 && body->genesis.format > 0 && is_name(body->genesis.binding) &&
               is_name(body->genesis.space);
    case WKV_RECORD_JOIN:
        return body->join.workers > 0 && are_formats(body->join.least, body->join.most) &&
               is_name(body->join.instance) && is_name(body->join.version);
    case WKV_RECORD_BEAT:
        return are_formats(body->beat.least, body->beat.most);
    default:
        return true;
    }
}

bool wkv_record_read_body(const struct wkv_record *record, union wkv_record_body *body)
{
    const struct body *fields = &bodies[record->kind];
    struct wkv_bytes bytes = wkv_bytes_in(record->body);
    memset(body, 0, sizeof *body);
    wkv_bytes_fields(&bytes, fields->fields, fields->count, body);
    return fields->count > 0 && wkv_bytes_ended(&bytes) && makes_sense(record->kind, body);
}

bool wkv_record_write_body(const struct wkv_record *record, const union wkv_record_body *body,
                           const struct wkv_record_key *key, struct wkv_buffer *buffer)
{
    struct wkv_buffer bytes;
    struct wkv_record whole = *record;
    wkv_buffer_init(&bytes);
    wkv_put_fields(&bytes, bodies[record->kind].fields, bodies[record->kind].count, body);
    whole.body = (struct wkv_text){bytes.data, bytes.len};
    bool written = !bytes.failed && wkv_record_write(&whole, key, buffer);
    wkv_buffer_destroy(&bytes);
    return written;
}
