/* Which keys there are (contract section 8). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "operation/glob.h"
#include "operation/page.h"
#include "operation/scan.h"
#include "operation/serve.h"
#include "operator.pb-c.h"
#include "support/text.h"

#define MAX_PATTERN_BYTES 1024
/* How much one request searches before it answers with what it has found, perhaps nothing: pieces of a scan,
 * and bytes of names times bytes of glob. That is some milliseconds, for which other requests of operators
 * wait. */
#define MAX_PIECES 512u
#define MAX_MATCH_STEPS ((size_t)16 * 1024 * 1024)
/* Of a key's size and kind in JSON: 20 digits, the longest kind in quotes, and commas. */
#define NUMBER_BYTES 31
/* Of a cursor: an instance's id, a point, 20 digits and a NUL. */
#define CURSOR_BYTES 64
/* Of what instances of one log have in common: 16 digits and a NUL. */
#define MAKER_BYTES 17

/* What a Keys request asks for, and how far it has come. */
struct search {
    struct wkv_host *host;
    struct wkv_sink *sink;
    const Operator__KeysRequest *request;
    uint32_t keyspace;
    uint64_t cursor; /* where the page goes on */
    size_t limit;
    size_t room;        /* bytes left in the reply */
    size_t match_steps; /* left */
    Operator__SizedKeysReply *reply;
};

/* A cursor is a place among the keys of one process, which hashes with a secret of its own: that process's id
 * and a number in decimal, with a point between. Instances of one log hash alike, and what they have in
 * common stands in the id's place: contract section 10, "cursors are good at every instance". "" is the
 * beginning. */
static bool read_cursor(struct wkv_text cursor, struct wkv_text *id, uint64_t *place)
{
    *place = WKV_STORE_SCAN_BEGIN;
    *id = (struct wkv_text){"", 0};
    if (cursor.len == 0)
        return true;
    const char *point = memchr(cursor.data, '.', cursor.len);
    if (point == NULL || point == cursor.data)
        return false;
    *id = (struct wkv_text){cursor.data, (size_t)(point - cursor.data)};
    return wkv_text_decimal((struct wkv_text){point + 1, cursor.len - id->len - 1}, UINT64_MAX, place);
}

static const char *maker_of(const struct wkv_host *host, char out[MAKER_BYTES])
{
    if (host->engine == NULL)
        return host->instance;
    (void)snprintf(out, MAKER_BYTES, "%016" PRIx64, wkv_store_stamp(host->store, "Keys"));
    return out;
}

static const Operator__KeysRequest *request_of(const struct wkv_command *command)
{
    return (const Operator__KeysRequest *)command->message;
}

WKV_CHECK(wkv_check_keys)
{
    const Operator__KeysRequest *request = request_of(command);
    struct wkv_text id;
    uint64_t place;
    (void)limits;
    if (request->prefix.len > 0 && request->glob.len > 0)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "prefix and glob exclude each other: give one of them");
    if (request->glob.len > MAX_PATTERN_BYTES)
        return wkv_command_fail(command, error, WKV_TOO_LARGE,
                                "the glob has %zu bytes; a glob has at most %d", request->glob.len,
                                MAX_PATTERN_BYTES);
    if (wkv_page_check_limit(command, request->limit, wkv_page_of_keys, error) != WKV_OK)
        return error->code;
    if (request->min_bytes < 0)
        return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                                "min_bytes is negative; give a number of bytes, or leave it out");
    return read_cursor(wkv_text_of(request->cursor), &id, &place) ? WKV_OK
                                                                  : wkv_page_refuse_cursor(command, error);
}

/* Another process's cursor goes on in that one, if it serves a part of this binding, and nowhere else. */
static enum wkv_code find_place(struct search *search)
{
    struct wkv_text id;
    char maker[MAKER_BYTES];
    (void)read_cursor(wkv_text_of(search->request->cursor), &id, &search->cursor);
    if (id.len == 0 || wkv_text_is(id, maker_of(search->host, maker)))
        return WKV_OK;
    search->host->silent = search->host->split;
    if (search->host->silent)
        return WKV_OK;
    return wkv_sink_fail(search->sink, WKV_BAD_REQUEST,
                         "the cursor is of another process, such as this one before its restart: leave it "
                         "out to begin anew");
}

static bool is_wanted(struct search *search, struct wkv_text name, const struct wkv_store_info *info)
{
    const Operator__KeysRequest *request = search->request;
    if (info->bytes < (uint64_t)request->min_bytes)
        return false;
    if (request->glob.len > 0) {
        size_t steps = (name.len + 1) * request->glob.len;
        search->match_steps -= steps < search->match_steps ? steps : search->match_steps;
        return wkv_glob_match((const char *)request->glob.data, request->glob.len, name.data, name.len);
    }
    return wkv_has_prefix(name, wkv_text_of(request->prefix));
}

/* Puts a copy of the name on the page, and what the key holds. */
static enum wkv_code add_key(struct search *search, struct wkv_text name, const struct wkv_store_info *info)
{
    uint8_t *copy = wkv_arena_alloc(search->host->arena, name.len);
    if (copy == NULL)
        return wkv_sink_fail(search->sink, WKV_NO_MEMORY,
                             "no memory for so many keys: ask for fewer at once");
    memcpy(copy, name.data, name.len);
    search->reply->kinds[search->reply->n_kinds++] = wkv_bytes_of(wkv_kind_name(info->kind));
    search->reply->bytes[search->reply->n_bytes++] = (int64_t)info->bytes;
    search->reply->keys[search->reply->n_keys++] = (ProtobufCBinaryData){name.len, copy};
    return WKV_OK;
}

static bool take_key(void *context, struct wkv_text name, const struct wkv_store_info *info)
{
    struct search *search = context;
    if (search->match_steps == 0)
        return false;
    if (!is_wanted(search, name, info))
        return true;
    size_t bytes = wkv_json_bytes(name) + (search->request->min_bytes > 0 ? NUMBER_BYTES : 0);
    if (search->reply->n_keys == search->limit || (search->reply->n_keys > 0 && bytes > search->room))
        return false;
    search->room -= bytes < search->room ? bytes : search->room;
    return add_key(search, name, info) == WKV_OK;
}

static enum wkv_code scan(struct search *search, int64_t now_ns)
{
    struct wkv_scan scan = {.store = search->host->store,
                            .keyspace = search->keyspace,
                            .now_ns = now_ns,
                            .cursor = search->cursor,
                            .pieces = MAX_PIECES,
                            .take = take_key,
                            .context = search};
    if (!wkv_scan_keys(&scan))
        return wkv_sink_fail(search->sink, WKV_NO_MEMORY, "no memory for a scan; try again later");
    search->cursor = scan.cursor;
    return search->sink->failure;
}

/* A key alone can be too long for a reply, as JSON writes some bytes with six: the caller must get past it.
 */
static enum wkv_code check_one_key(struct wkv_sink *sink, const Operator__SizedKeysReply *page,
                                   const ProtobufCMessage *reply)
{
    struct wkv_sink count;
    wkv_sink_begin(&count, reply->descriptor, WKV_JSON, NULL, 0);
    wkv_sink_message(&count, reply);
    (void)wkv_sink_end(&count);
    if (count.total_bytes <= sink->max_bytes)
        return WKV_OK;
    if (page->cursor.len == 0)
        return wkv_sink_fail(
            sink, WKV_TOO_LARGE,
            "the last key alone makes a reply of %zu bytes and the server's max_payload is %zu",
            count.total_bytes, sink->max_bytes);
    return wkv_sink_fail(
        sink, WKV_TOO_LARGE,
        "the next key alone makes a reply of %zu bytes and the server's max_payload is %zu; go "
        "on behind it with the cursor %.*s",
        count.total_bytes, sink->max_bytes, (int)page->cursor.len, (const char *)page->cursor.data);
}

/* With the sizes where sizes were asked about. */
static void write_page(struct wkv_sink *sink, const Operator__SizedKeysReply *page, bool sized)
{
    Operator__KeysReply plain = OPERATOR__KEYS_REPLY__INIT;
    plain.n_keys = page->n_keys;
    plain.keys = page->keys;
    plain.cursor = page->cursor;
    const ProtobufCMessage *reply = sized ? &page->base : &plain.base;
    if (page->n_keys == 1 && check_one_key(sink, page, reply) != WKV_OK)
        return;
    if (sized)
        wkv_sink_begin_again(sink, page->base.descriptor);
    wkv_sink_message(sink, reply);
}

/* "Keys takes {keyspace, prefix or glob, limit, cursor} (all optional) and answers {keys, cursor}, an empty
 * cursor being the end." */
WKV_SERVE(wkv_serve_keys)
{
    Operator__SizedKeysReply reply = OPERATOR__SIZED_KEYS_REPLY__INIT;
    const Operator__KeysRequest *request = request_of(command);
    struct search search = {.host = host,
                            .sink = sink,
                            .request = request,
                            .reply = &reply,
                            .limit = wkv_page_limit(request->limit, wkv_page_of_keys),
                            .match_steps = MAX_MATCH_STEPS,
                            .room = sink->max_bytes - sink->max_bytes / 8};
    char cursor[CURSOR_BYTES], maker[MAKER_BYTES];
    if (wkv_host_keyspace(host, sink, wkv_text_of(request->keyspace), &search.keyspace) != WKV_OK ||
        find_place(&search) != WKV_OK || host->silent)
        return;
    reply.keys = wkv_arena_alloc(host->arena, search.limit * sizeof *reply.keys);
    reply.bytes = wkv_arena_alloc(host->arena, search.limit * sizeof *reply.bytes);
    reply.kinds = wkv_arena_alloc(host->arena, search.limit * sizeof *reply.kinds);
    if (reply.keys == NULL || reply.bytes == NULL || reply.kinds == NULL) {
        (void)wkv_sink_fail(sink, WKV_NO_MEMORY, "no memory for so many keys: give a smaller limit");
        return;
    }
    if (scan(&search, now_ns) != WKV_OK)
        return;
    if (search.cursor != WKV_STORE_SCAN_END) {
        int len = snprintf(cursor, sizeof cursor, "%s.%" PRIu64, maker_of(host, maker), search.cursor);
        reply.cursor = (ProtobufCBinaryData){(size_t)len, (uint8_t *)cursor};
    }
    write_page(sink, &reply, request->min_bytes > 0);
}
