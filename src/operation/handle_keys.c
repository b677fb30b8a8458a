/* What operators ask about keys (contract section 8): which there are, and what one of them is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operation/call.h"
#include "operation/glob.h"
#include "operator.pb-c.h"
#include "support/clock.h"

#define DEFAULT_LIMIT 1000
#define MAX_LIMIT 10000
#define MAX_PATTERN_BYTES 1024
/* What one request looks through before it answers with what it has found, maybe nothing: pieces of a scan,
 * and bytes of names times bytes of glob. Some milliseconds, in which other questions of operators wait. */
#define MAX_PIECES 512u
#define MAX_MATCH_STEPS ((size_t)16 * 1024 * 1024)
/* Of a key's size in JSON: 20 digits and a comma. */
#define NUMBER_BYTES 21
/* Of a cursor: an instance's id, a point, 20 digits and a NUL. */
#define CURSOR_BYTES 64

/* The keyspace that a request names; none: that of the binding. */
static enum wkv_code find_keyspace(struct wkv_call *call, ProtobufCBinaryData name, uint32_t *keyspace)
{
    *keyspace = 0;
    if (name.len == 0 || wkv_bindings_keyspace_number(call->provider->bindings, wkv_text_of(name), keyspace))
        return WKV_OK;
    return wkv_call_fail(call, WKV_BAD_REQUEST,
                         "there is no such keyspace: leave it out for the binding's own, or take one that "
                         "Bindings or STATS lists");
}

/* What a Keys request asks for, and how far it has come. */
struct search {
    struct wkv_call *call;
    const Operator__KeysRequest *request;
    uint32_t keyspace;
    uint64_t cursor; /* where the page goes on */
    size_t limit;
    size_t room;        /* bytes left in the reply */
    size_t match_steps; /* left */
    Operator__SizedKeysReply *reply;
};

static bool read_number(struct wkv_text text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, digit, number))
            return false;
    }
    return text.len > 0;
}

/* A cursor is a place among the keys of one process, which hashes with a secret of its own: that process's id
 * and a number in decimal, with a point between. "" is the beginning. Another's goes on in that one, if it
 * serves a part of this binding, and nowhere else. */
static enum wkv_code read_cursor(struct wkv_call *call, ProtobufCBinaryData text, uint64_t *cursor)
{
    *cursor = WKV_STORE_SCAN_BEGIN;
    const char *point = text.len == 0 ? NULL : memchr(text.data, '.', text.len);
    struct wkv_text all = wkv_text_of(text);
    size_t id = point == NULL ? 0 : (size_t)(point - all.data);
    if (text.len == 0)
        return WKV_OK;
    if (point == NULL || id == 0 || !read_number((struct wkv_text){point + 1, all.len - id - 1}, cursor))
        return wkv_call_fail(
            call, WKV_BAD_REQUEST,
            "the cursor is not one that Keys gave: give the last reply's, or leave it out to begin");
    if (!wkv_call_is_for_another(call, (ProtobufCBinaryData){id, text.data}) || call->provider->split)
        return WKV_OK;
    call->silent = false;
    return wkv_call_fail(call, WKV_BAD_REQUEST,
                         "the cursor is of another process, such as this one before its restart: leave it "
                         "out to begin anew");
}

static enum wkv_code check_search(struct search *search)
{
    const Operator__KeysRequest *request = search->request;
    struct wkv_call *call = search->call;
    if (request->prefix.len > 0 && request->glob.len > 0)
        return wkv_call_fail(call, WKV_BAD_REQUEST, "prefix and glob exclude each other: give one of them");
    if (request->glob.len > MAX_PATTERN_BYTES)
        return wkv_call_fail(call, WKV_TOO_LARGE, "the glob has %zu bytes; a glob has at most %d",
                             request->glob.len, MAX_PATTERN_BYTES);
    if (request->limit < 0 || request->limit > MAX_LIMIT)
        return wkv_call_fail(call, WKV_BAD_REQUEST, "limit is %d; give 1 to %d, or 0 for %d", request->limit,
                             MAX_LIMIT, DEFAULT_LIMIT);
    if (request->min_bytes < 0)
        return wkv_call_fail(call, WKV_BAD_REQUEST,
                             "min_bytes is negative; give a number of bytes, or leave it out");
    search->limit = request->limit == 0 ? DEFAULT_LIMIT : (size_t)request->limit;
    search->match_steps = MAX_MATCH_STEPS;
    if (find_keyspace(call, request->keyspace, &search->keyspace) != WKV_OK ||
        read_cursor(call, request->cursor, &search->cursor) != WKV_OK)
        return call->error->code;
    return WKV_OK;
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
    return request->prefix.len <= name.len &&
           (request->prefix.len == 0 || memcmp(request->prefix.data, name.data, request->prefix.len) == 0);
}

/* Puts a copy of the name on the page, and what the key holds. */
static enum wkv_code add_key(struct search *search, struct wkv_text name, uint64_t bytes)
{
    uint8_t *copy = wkv_arena_alloc(search->call->arena, name.len);
    if (copy == NULL)
        return wkv_call_fail(search->call, WKV_NO_MEMORY,
                             "no memory for so many keys: ask for fewer at once");
    memcpy(copy, name.data, name.len);
    search->reply->bytes[search->reply->n_bytes++] = (int64_t)bytes;
    search->reply->keys[search->reply->n_keys++] = (ProtobufCBinaryData){name.len, copy};
    return WKV_OK;
}

/* Takes what is wanted of one piece of the scan. Returns whether the page goes on; *code says whether all is
 * well. */
static bool take_piece(struct search *search, const struct wkv_store_scan *scan, enum wkv_code *code)
{
    for (size_t i = 0; i < scan->count; i++) {
        struct wkv_text name = scan->keys[i].name;
        if (!is_wanted(search, name, &scan->keys[i].info))
            continue;
        size_t bytes = wkv_call_json_bytes(name) + (search->request->min_bytes > 0 ? NUMBER_BYTES : 0);
        if (search->reply->n_keys == search->limit || (search->reply->n_keys > 0 && bytes > search->room)) {
            search->cursor = scan->keys[i].cursor;
            return false;
        }
        search->room -= bytes < search->room ? bytes : search->room;
        *code = add_key(search, name, scan->keys[i].info.bytes);
        if (*code != WKV_OK)
            return false;
    }
    search->cursor = scan->next;
    return scan->next != WKV_STORE_SCAN_END;
}

static enum wkv_code scan(struct search *search)
{
    struct wkv_store_scan *scan = malloc(sizeof *scan);
    if (scan == NULL)
        return wkv_call_fail(search->call, WKV_NO_MEMORY, "no memory for a scan; try again later");
    enum wkv_code code = WKV_OK;
    bool more = search->cursor != WKV_STORE_SCAN_END;
    for (unsigned piece = 0; more && piece < MAX_PIECES && search->match_steps > 0; piece++) {
        wkv_store_scan(search->call->provider->store, search->keyspace, search->cursor, search->call->now_ns,
                       scan);
        more = take_piece(search, scan, &code);
    }
    free(scan);
    return code;
}

/* With the sizes where sizes were asked about. */
static void write_page(struct wkv_call *call, const Operator__SizedKeysReply *page, bool sized)
{
    Operator__KeysReply plain = OPERATOR__KEYS_REPLY__INIT;
    if (!sized) {
        plain.n_keys = page->n_keys;
        plain.keys = page->keys;
        plain.cursor = page->cursor;
        wkv_sink_message(&call->sink, &plain.base);
        return;
    }
    wkv_sink_begin_again(&call->sink, page->base.descriptor);
    wkv_sink_message(&call->sink, &page->base);
}

/* A key alone can be too long for a reply, as JSON writes some bytes with six: whoever asks must get past
 * it. */
static enum wkv_code finish_page(struct wkv_call *call, const Operator__SizedKeysReply *page)
{
    enum wkv_code code = wkv_call_finish(call);
    if (code != WKV_TOO_LARGE || page->n_keys != 1)
        return code;
    size_t bytes = call->sink.total_bytes;
    if (page->cursor.len == 0)
        return wkv_call_fail(
            call, code, "the last key alone makes a reply of %zu bytes and the server's max_payload is %zu",
            bytes, call->sink.max_bytes);
    return wkv_call_fail(
        call, code,
        "the next key alone makes a reply of %zu bytes and the server's max_payload is %zu; go "
        "on behind it with the cursor %.*s",
        bytes, call->sink.max_bytes, (int)page->cursor.len, (const char *)page->cursor.data);
}

/* "Keys takes {keyspace, prefix or glob, limit, cursor} (all optional) and answers {keys, cursor}, an empty
 * cursor being the end." */
enum wkv_code wkv_handle_keys(struct wkv_call *call)
{
    Operator__SizedKeysReply reply = OPERATOR__SIZED_KEYS_REPLY__INIT;
    const Operator__KeysRequest *request = (const Operator__KeysRequest *)call->request;
    struct search search = {.call = call,
                            .request = request,
                            .reply = &reply,
                            .room = call->sink.max_bytes - call->sink.max_bytes / 8};
    char cursor[CURSOR_BYTES];
    if (wkv_call_is_for_another(call, request->instance))
        return WKV_OK;
    if (check_search(&search) != WKV_OK || call->silent)
        return call->error->code;
    reply.keys = wkv_arena_alloc(call->arena, search.limit * sizeof *reply.keys);
    reply.bytes = wkv_arena_alloc(call->arena, search.limit * sizeof *reply.bytes);
    if (reply.keys == NULL || reply.bytes == NULL)
        return wkv_call_fail(call, WKV_NO_MEMORY, "no memory for so many keys: give a smaller limit");
    if (scan(&search) != WKV_OK)
        return call->error->code;
    if (search.cursor != WKV_STORE_SCAN_END) {
        int len = snprintf(cursor, sizeof cursor, "%s.%" PRIu64, call->provider->instance, search.cursor);
        reply.cursor = (ProtobufCBinaryData){(size_t)len, (uint8_t *)cursor};
    }
    write_page(call, &reply, request->min_bytes > 0);
    return finish_page(call, &reply);
}

static const char *kind_name(enum wkv_kind kind)
{
    static const char *const names[] = {
        [WKV_SCALAR] = "scalar", [WKV_COUNTER] = "counter", [WKV_LIST] = "list", [WKV_SET] = "set"};
    return names[kind];
}

/* Rounded up, so that a key which is there never says 0. */
static int64_t seconds_left(int64_t expires_at_ns, int64_t now_ns)
{
    return expires_at_ns == 0 ? 0 : (expires_at_ns - now_ns + WKV_NS_PER_S - 1) / WKV_NS_PER_S;
}

/* "Inspect takes {keyspace, key} and answers {key, kind, length, bytes, expires_in_s}." A key that is not
 * there has the kind "none", as from Redis's TYPE. */
enum wkv_code wkv_handle_inspect(struct wkv_call *call)
{
    const Operator__InspectRequest *request = (const Operator__InspectRequest *)call->request;
    Operator__InspectReply reply = OPERATOR__INSPECT_REPLY__INIT;
    struct wkv_store_info info;
    struct wkv_key key;
    if (wkv_call_is_for_another(call, request->instance))
        return WKV_OK;
    if (find_keyspace(call, request->keyspace, &call->keyspace) != WKV_OK ||
        wkv_call_key(call, request->key, &key) != WKV_OK)
        return call->error->code;
    const char *kind = "none";
    if (wkv_store_inspect(call->provider->store, key, call->now_ns, &info) == WKV_STORE_OK) {
        kind = kind_name(info.kind);
        reply.length = (int64_t)info.length;
        reply.bytes = (int64_t)info.bytes;
        reply.expires_in_s = seconds_left(info.expires_at_ns, call->now_ns);
    }
    reply.key = request->key;
    reply.kind = wkv_bytes_of(kind);
    wkv_sink_message(&call->sink, &reply.base);
    return wkv_call_finish(call);
}
