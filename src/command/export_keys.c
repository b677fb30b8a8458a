/* Keys and their values: those that are small many at a time, a large one in pieces. */
#include <string.h>

#include "command/export.h"
#include "support/clock.h"

/* Of a reply, which is asked for with what it may have at the most: values may have grown since their page.
 */
#define SHARE 2
/* What stands around a key's two replies. */
#define FRAME_BYTES 64u
/* Of a large list or set at a time, to begin with. */
#define PIECE 1000

typedef Keyvalue__BatchResponse__Item reply_item;

/* A key, and what it held when its page was made. */
struct key {
    wkv_bytes name;
    enum wkv_dump_kind kind;
    uint64_t bytes;
};

static struct key key_at(const struct wkv_export_page *page, size_t i)
{
    const json_t *name = json_array_get(page->keys, i);
    struct key key = {.name = {json_string_length(name), (uint8_t *)(uintptr_t)json_string_value(name)},
                      .bytes = (uint64_t)json_integer_value(json_array_get(page->bytes, i))};
    (void)wkv_dump_kind_parse(json_string_value(json_array_get(page->kinds, i)), &key.kind);
    return key;
}

/* ---- lines ---- */

static json_t *begin_line(const char *keyspace, const struct key *key)
{
    json_t *line = json_object();
    bool made = *keyspace == '\0' || json_object_set_new(line, "keyspace", json_string(keyspace)) == 0;
    made = made && wkv_dump_put(line, "key", key->name) &&
           json_object_set_new(line, "kind", json_string(wkv_dump_kind_name(key->kind))) == 0;
    if (made)
        return line;
    json_decref(line);
    return NULL;
}

/* Ends the line and writes it. `in_ms`: so long the key lives yet; 0: for ever. */
static enum wkv_code end_line(struct wkv_export *export, json_t *line, bool made, int64_t in_ms,
                              struct wkv_error *error)
{
    if (made && in_ms > 0)
        made = json_object_set_new(line, "expires_at_ms",
                                   json_integer(wkv_wall_ns() / WKV_NS_PER_MS + in_ms)) == 0;
    if (made)
        return wkv_export_line(export, line, error);
    json_decref(line);
    return wkv_fail(error, WKV_NO_MEMORY, "no memory for a line");
}

/* A counter's decimal text as a number; else as it is. */
static bool put_scalar(json_t *line, const struct key *key, wkv_bytes value)
{
    char text[32] = "";
    if (key->kind != WKV_DUMP_COUNTER)
        return wkv_dump_put(line, "value", value);
    if (value.len < sizeof text)
        memcpy(text, value.data, value.len);
    json_t *number = json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_integer(number))
        return json_object_set_new(line, "value", number) == 0;
    json_decref(number);
    return json_object_set_new(line, "kind", json_string("scalar")) == 0 &&
           wkv_dump_put(line, "value", value);
}

/* What a key's reply came to. */
enum seen { SEEN_WRITTEN, SEEN_GONE, SEEN_TOO_LARGE, SEEN_ANOTHER_KIND, SEEN_FAILED };

static enum seen refused(const reply_item *reply, struct wkv_error *error)
{
    switch (reply->error->code) {
    case 409:
        return SEEN_ANOTHER_KIND;
    case 413:
        return SEEN_TOO_LARGE;
    default:
        (void)wkv_fail(error, WKV_UNAVAILABLE, "a key is refused with %d", (int)reply->error->code);
        return SEEN_FAILED;
    }
}

/* The values that a reply has, and whether the key is there. */
static bool values_of(const reply_item *reply, const wkv_bytes **values, size_t *count)
{
    if (reply->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_RANGE) {
        *values = reply->range->values;
        *count = reply->range->n_values;
    } else if (reply->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_SET_QUERY) {
        *values = reply->set_query->values;
        *count = reply->set_query->n_values;
    } else {
        return false;
    }
    return true;
}

/* Writes the line of a key, or of a piece of it that begins with the item of that number. */
static enum seen write_key(struct wkv_export *export, const char *keyspace, const struct key *key,
                           const reply_item *read, const reply_item *lives, uint64_t from,
                           struct wkv_error *error)
{
    const wkv_bytes *values = NULL;
    size_t count = 0;
    if (read->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_ERROR)
        return refused(read, error);
    bool is_scalar = read->reply_case == KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_GET;
    if (lives->reply_case != KEYVALUE__BATCH_RESPONSE__ITEM__REPLY_TIME_TO_LIVE ||
        !lives->time_to_live->exists ||
        (is_scalar ? !read->get->exists : !values_of(read, &values, &count) || count == 0))
        return SEEN_GONE;
    json_t *line = begin_line(keyspace, key);
    bool made =
        line != NULL && (from == 0 || json_object_set_new(line, "from", json_integer((json_int_t)from)) == 0);
    if (made)
        made = is_scalar ? put_scalar(line, key, read->get->value)
                         : wkv_dump_put_all(line, "values", values, count);
    export->keys += from == 0;
    return end_line(export, line, made, lives->time_to_live->expires_in_ms, error) == WKV_OK ? SEEN_WRITTEN
                                                                                             : SEEN_FAILED;
}

/* ---- asking ---- */

static void ask_key(struct wkv_batching *batching, const struct key *key)
{
    if (key->kind == WKV_DUMP_LIST)
        wkv_batch_range(batching, key->name, 0, -1);
    else if (key->kind == WKV_DUMP_SET)
        wkv_batch_set_query(batching, key->name, 0, (wkv_bytes){0, NULL});
    else
        wkv_batch_get(batching, key->name);
    wkv_batch_time_to_live(batching, key->name);
}

static enum wkv_code send(struct wkv_export *export, Keyvalue__BatchResponse **reply, struct wkv_error *error)
{
    int answered;
    enum wkv_code code = wkv_batching_send(export->batching, &export->asking,
                                           (struct wkv_sending){.id = NULL}, reply, &answered, error);
    return code == WKV_OK && *reply == NULL ? error->code : code;
}

/* A large list or set, piece by piece; it may change meanwhile. */
struct pieces {
    const char *keyspace;
    struct key key;
    uint64_t at;      /* items that have been written */
    uint32_t size;    /* of the next piece */
    char cursor[128]; /* of a set */
    bool more;
};

static void ask_piece(struct wkv_export *export, struct pieces *pieces)
{
    wkv_bytes cursor = {strlen(pieces->cursor), (uint8_t *)pieces->cursor};
    wkv_batching_begin(export->batching, pieces->keyspace);
    if (pieces->key.kind == WKV_DUMP_LIST)
        wkv_batch_range(export->batching, pieces->key.name, (int32_t)pieces->at,
                        (int32_t)(pieces->at + pieces->size - 1));
    else if (pieces->key.kind == WKV_DUMP_SET)
        wkv_batch_set_query(export->batching, pieces->key.name, pieces->size, cursor);
    else
        wkv_batch_get(export->batching, pieces->key.name);
    wkv_batch_time_to_live(export->batching, pieces->key.name);
}

/* Where the next piece begins, after one that was written. */
static void step(struct pieces *pieces, const reply_item *read)
{
    const wkv_bytes *values;
    size_t count = 0;
    pieces->more = values_of(read, &values, &count) && count > 0;
    pieces->at += count;
    if (pieces->key.kind == WKV_DUMP_LIST)
        pieces->more = pieces->more && count == pieces->size && pieces->at <= INT32_MAX - pieces->size;
    if (pieces->key.kind != WKV_DUMP_SET || !pieces->more)
        return;
    wkv_bytes cursor = read->set_query->cursor;
    pieces->more = cursor.len > 0 && cursor.len < sizeof pieces->cursor;
    if (pieces->more)
        memcpy(pieces->cursor, cursor.data, cursor.len);
    pieces->cursor[pieces->more ? cursor.len : 0] = '\0';
}

/* One alone that no reply has room for cannot be written by the same way in either. */
static void leave_out(struct wkv_export *export)
{
    export->left_out++;
}

static enum wkv_code write_piece(struct wkv_export *export, struct pieces *pieces, struct wkv_error *error)
{
    Keyvalue__BatchResponse *reply;
    ask_piece(export, pieces);
    if (send(export, &reply, error) != WKV_OK)
        return error->code;
    const reply_item *read = reply->replies[0];
    enum seen seen =
        write_key(export, pieces->keyspace, &pieces->key, read, reply->replies[1], pieces->at, error);
    if (seen == SEEN_WRITTEN)
        step(pieces, read);
    else if (seen == SEEN_TOO_LARGE && pieces->size > 1 && pieces->key.kind >= WKV_DUMP_LIST)
        pieces->size /= 2;
    else
        pieces->more = false;
    if ((seen == SEEN_TOO_LARGE && !pieces->more) || seen == SEEN_ANOTHER_KIND)
        leave_out(export);
    keyvalue__batch_response__free_unpacked(reply, NULL);
    return seen == SEEN_FAILED ? error->code : WKV_OK;
}

static enum wkv_code write_pieces(struct wkv_export *export, const char *keyspace, const struct key *key,
                                  struct wkv_error *error)
{
    struct pieces pieces = {.keyspace = keyspace, .key = *key, .size = PIECE, .more = true};
    while (pieces.more)
        if (write_piece(export, &pieces, error) != WKV_OK)
            return error->code;
    return WKV_OK;
}

/* A key that has become another kind since its page, and is asked for as each of them. */
static enum wkv_code write_changed(struct wkv_export *export, const char *keyspace, const struct key *key,
                                   struct wkv_error *error)
{
    for (int kind = 0; kind < WKV_DUMP_KINDS; kind++) {
        uint64_t left_out = export->left_out;
        struct key other = *key;
        other.kind = (enum wkv_dump_kind)kind;
        if (other.kind == WKV_DUMP_COUNTER)
            continue;
        if (write_pieces(export, keyspace, &other, error) != WKV_OK)
            return error->code;
        if (export->left_out == left_out)
            return WKV_OK;
        export->left_out = left_out;
    }
    leave_out(export);
    return WKV_OK;
}

/* Those of the page from first to before end, which were asked for together. */
static enum wkv_code write_group(struct wkv_export *export, const char *keyspace,
                                 const struct wkv_export_page *page, size_t first, size_t end,
                                 struct wkv_error *error)
{
    Keyvalue__BatchResponse *reply;
    enum wkv_code code = send(export, &reply, error);
    for (size_t i = first; i < end && code == WKV_OK; i++) {
        struct key key = key_at(page, i);
        const reply_item *const *at = (const reply_item *const *)&reply->replies[2 * (i - first)];
        enum seen seen = write_key(export, keyspace, &key, at[0], at[1], 0, error);
        if (seen == SEEN_TOO_LARGE)
            code = write_pieces(export, keyspace, &key, error);
        else if (seen == SEEN_ANOTHER_KIND)
            code = write_changed(export, keyspace, &key, error);
        else if (seen == SEEN_FAILED)
            code = error->code;
    }
    if (reply != NULL)
        keyvalue__batch_response__free_unpacked(reply, NULL);
    return code;
}

enum wkv_code wkv_export_keys(struct wkv_export *export, const char *keyspace,
                              const struct wkv_export_page *page, struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    for (size_t i = 0, first; i < page->count && code == WKV_OK;) {
        size_t room = wkv_asking_room(&export->asking) / SHARE;
        wkv_batching_begin(export->batching, keyspace);
        for (first = i; i < page->count && wkv_batching_room(export->batching) >= 2; i++) {
            struct key key = key_at(page, i);
            size_t bytes = key.bytes + 2 * key.name.len + FRAME_BYTES;
            if (i > first && bytes > room)
                break;
            room -= bytes < room ? bytes : room;
            ask_key(export->batching, &key);
        }
        code = write_group(export, keyspace, page, first, i, error);
    }
    return code;
}
