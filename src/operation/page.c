#include "operation/page.h"

#include <inttypes.h>
#include <stdio.h>

#include "support/text.h"

/* 16 digits, a point, 20 digits and a NUL. */
#define CURSOR_BYTES 38
#define STAMP_CHARS 16
/* What a reply has behind its texts: the cursor, its name, and what closes the message. */
#define TAIL_BYTES (CURSOR_BYTES + 32)

static bool read_place(struct wkv_text cursor, uint64_t *place)
{
    return cursor.len > STAMP_CHARS + 1 && cursor.data[STAMP_CHARS] == '.' &&
           wkv_text_decimal((struct wkv_text){cursor.data + STAMP_CHARS + 1, cursor.len - STAMP_CHARS - 1},
                            UINT64_MAX, place);
}

enum wkv_code wkv_page_check_limit(const struct wkv_command *command, int64_t limit,
                                   struct wkv_page_size size, struct wkv_error *error)
{
    if (limit >= 0 && limit <= size.most)
        return WKV_OK;
    return wkv_command_fail(command, error, WKV_BAD_REQUEST,
                            "limit is %" PRId64 "; give 1 to %" PRIu32 ", or 0 for %" PRIu32, limit,
                            size.most, size.usual);
}

enum wkv_code wkv_page_refuse_cursor(const struct wkv_command *command, struct wkv_error *error)
{
    return wkv_command_fail(
        command, error, WKV_BAD_REQUEST,
        "the cursor is not one that %s gave: give the last reply's, or leave it out to begin",
        command->operation->name);
}

enum wkv_code wkv_page_check_cursor(const struct wkv_command *command, struct wkv_text cursor,
                                    struct wkv_error *error)
{
    uint64_t place;
    return cursor.len == 0 || read_place(cursor, &place) ? WKV_OK : wkv_page_refuse_cursor(command, error);
}

static struct wkv_text write_cursor(const struct wkv_page *page, char out[CURSOR_BYTES])
{
    uint64_t stamp = wkv_store_stamp(page->store, page->command->operation->name);
    int len = snprintf(out, CURSOR_BYTES, "%016" PRIx64 ".%" PRIu64, stamp, page->cursor);
    return (struct wkv_text){out, (size_t)len};
}

bool wkv_page_begin(struct wkv_page *page, struct wkv_text cursor, uint64_t first, size_t most)
{
    char ours[CURSOR_BYTES];
    page->left = most;
    page->count = 0;
    page->cursor = first;
    if (cursor.len == 0)
        return true;
    (void)read_place(cursor, &page->cursor);
    if (wkv_text_same(write_cursor(page, ours), cursor))
        return true;
    (void)wkv_sink_fail(page->sink, WKV_BAD_REQUEST,
                        "the cursor is of another process, such as this one before its restart, or of "
                        "another operation: leave it out to begin anew");
    return false;
}

bool wkv_page_take(struct wkv_page *page, struct wkv_text text)
{
    if (page->left == 0)
        return false;
    if (page->count == 0)
        (void)wkv_sink_text(page->sink, WKV_TEXTS_FIELD, text);
    else if (!wkv_sink_text_within(page->sink, WKV_TEXTS_FIELD, text, TAIL_BYTES))
        return false;
    page->left--;
    page->count++;
    return page->sink->failure == WKV_OK;
}

void wkv_page_end(struct wkv_page *page, uint64_t end)
{
    char bytes[CURSOR_BYTES];
    struct wkv_text cursor = {bytes, 0};
    if (page->cursor != end)
        cursor = write_cursor(page, bytes);
    (void)wkv_sink_text(page->sink, WKV_CURSOR_FIELD, cursor);
    if (page->count != 1 || page->sink->failure != WKV_OK || wkv_sink_fits(page->sink))
        return;
    /* The caller must get past it. */
    (void)wkv_sink_fail(page->sink, WKV_TOO_LARGE,
                        "one alone makes a reply of %zu bytes, which is more than there is room for%s%.*s",
                        page->sink->total_bytes,
                        cursor.len > 0 ? "; go on behind it with the cursor " : ", and it is the last",
                        (int)cursor.len, bytes);
}
