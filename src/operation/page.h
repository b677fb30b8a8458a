/* A page of a long reply: its texts, and the cursor with which the next one begins.
 *
 * A cursor is a number of the store's, behind the store's stamp for this operation: another process hashes
 * with another secret, and its cursors are told apart from ours. */
#ifndef WKV_OPERATION_PAGE_H
#define WKV_OPERATION_PAGE_H

#include "operation/command.h"

struct wkv_page {
    const struct wkv_command *command;
    const struct wkv_store *store;
    struct wkv_sink *sink;
    size_t left;     /* texts that it may take */
    size_t count;    /* that it has taken */
    uint64_t cursor; /* in: where it begins; out: where the next one does */
};

/* How many rows a page may have. */
struct wkv_page_size {
    uint32_t most, usual; /* where the request says none */
};

static const struct wkv_page_size wkv_page_of_keys = {.most = 10000, .usual = 1000};

/* Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_page_check_limit(const struct wkv_command *command, int64_t limit,
                                   struct wkv_page_size size, struct wkv_error *error);

/* What a limit that was checked comes to. */
static inline size_t wkv_page_limit(int64_t limit, struct wkv_page_size size)
{
    return limit == 0 ? size.usual : (size_t)limit;
}

/* The error for a cursor that the operation has not given. Returns WKV_BAD_REQUEST. */
enum wkv_code wkv_page_refuse_cursor(const struct wkv_command *command, struct wkv_error *error);

/* The shape of a cursor, without the store. Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_page_check_cursor(const struct wkv_command *command, struct wkv_text cursor,
                                    struct wkv_error *error);

/* Begins a page of `most` texts with a cursor that was checked, `first` where there is none. Returns false,
 * with the failure told to the sink, where the cursor is another process's. */
bool wkv_page_begin(struct wkv_page *page, struct wkv_text cursor, uint64_t first, size_t most);

/* Writes the text; false: it is the next page's. The first is taken however large it is. */
bool wkv_page_take(struct wkv_page *page, struct wkv_text text);

/* Ends the page, the last one where page->cursor is `end`. */
void wkv_page_end(struct wkv_page *page, uint64_t end);

#endif
