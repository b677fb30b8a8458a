#include "server/loop_notes.h"

#include "stats/stats.h"

void wkv_loop_count_event(void *context, enum wkv_loop_event event)
{
    struct wkv_stats *stats = context;
    switch (event) {
    case WKV_LOOP_CONNECTED:
        wkv_stats_connected(stats);
        break;
    case WKV_LOOP_RECONNECTED:
        wkv_stats_reconnected(stats);
        break;
    case WKV_LOOP_DISCONNECTED:
        wkv_stats_disconnected(stats);
        break;
    case WKV_LOOP_UNCONFIRMED:
        wkv_stats_set_ready(stats, false);
        break;
    case WKV_LOOP_REPLY_REFUSED:
        wkv_stats_count_refused_reply(stats);
        break;
    case WKV_LOOP_DROPPED_REPLY_SUBJECT:
        wkv_stats_count_dropped(stats, WKV_DROP_REPLY_SUBJECT);
        break;
    case WKV_LOOP_DROPPED_SUBJECT:
        wkv_stats_count_dropped(stats, WKV_DROP_SUBJECT);
        break;
    case WKV_LOOP_DROPPED_OVERLOAD:
        wkv_stats_count_dropped(stats, WKV_DROP_OVERLOAD);
        break;
    }
}
