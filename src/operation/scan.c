#include "operation/scan.h"

#include <stdlib.h>

static void take_piece(struct wkv_scan *scan, const struct wkv_store_scan *piece)
{
    scan->cursor = piece->next;
    for (size_t i = 0; i < piece->count; i++) {
        if (scan->take(scan->context, piece->keys[i].name, &piece->keys[i].info))
            continue;
        scan->cursor = piece->keys[i].cursor;
        scan->pieces = 0;
        return;
    }
}

bool wkv_scan_keys(struct wkv_scan *scan)
{
    struct wkv_store_scan *piece = malloc(sizeof *piece);
    if (piece == NULL)
        return false;
    while (scan->pieces > 0 && scan->cursor != WKV_STORE_SCAN_END) {
        scan->pieces--;
        wkv_store_scan(scan->store, scan->keyspace, scan->cursor, scan->now_ns, piece);
        take_piece(scan, piece);
    }
    free(piece);
    return true;
}
