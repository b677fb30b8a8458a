/* One watch, and what the files of this room share. */
#ifndef WKV_WATCH_WATCH_H
#define WKV_WATCH_WATCH_H

#include "keyvalue.pb-c.h"
#include "watch/watches.h"

/* The memory of one, with the texts behind it: counted in the store's budget. */
struct wkv_watch {
    TAILQ_ENTRY(wkv_watch) next;
    struct wkv_watch *next_order; /* of those whose orders have one hash; under the lock */
    struct wkv_watch *next_key;   /* likewise of their keys, or of ranges; the loop's thread's */
    size_t bytes;                 /* that are counted */
    uint64_t order_hash;
    struct wkv_watch_order order; /* its texts end with a NUL */
    _Atomic int64_t lease_until_ns;
    _Atomic bool ends; /* at once */

    /* The loop's thread's. */
    enum {
        WKV_WATCH_BEGINS,  /* first keys are told, those before `cursor` */
        WKV_WATCH_FOLLOWS, /* every change is told */
        WKV_WATCH_MISSED,  /* it is to be told that it is over, when there is room */
    } state;
    uint64_t number; /* of the last event */
    uint64_t cursor;
    int64_t sync_ns; /* when the next one is due */
};

/* Events that are not sent yet: above the first no first keys are told, above the second a watch that has one
 * more has missed it, unless the server takes some within a second. */
#define WKV_WATCH_UNSENT_FIRST ((size_t)1 * 1024 * 1024)
#define WKV_WATCH_UNSENT_MOST ((size_t)8 * 1024 * 1024)

/* The loop's thread, for all that follow. */

/* Publishes an event. A value that the server's max_payload does not take is left out. Returns false where
 * there is no room to send it: the watch has missed it then. */
struct wkv_watch_event {
    const char *name;
    struct wkv_text key, value;
};
bool wkv_watch_tell(struct wkv_watches *watches, struct wkv_watch *watch,
                    const struct wkv_watch_event *event);

/* Publishes a sync, and says when the next one is due. */
void wkv_watch_sync(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns);

/* Tells those whom a change concerns: a wkv_change_visitor. */
void wkv_watch_dispatch(void *watches, const struct wkv_change *change);

/* Tells a put of the key with what it holds now: key and value where that is asked for. */
bool wkv_watch_put(struct wkv_watches *watches, struct wkv_watch *watch, struct wkv_text key,
                   struct wkv_text value);

/* Tells the next first keys of a watch that begins. */
void wkv_watch_begin(struct wkv_watches *watches, struct wkv_watch *watch, int64_t now_ns);

/* Whether a change of this key is told to a watch that begins: else its first keys will show it. */
bool wkv_watch_has_shown(const struct wkv_watches *watches, const struct wkv_watch *watch,
                         const struct wkv_key *key);

/* Copies the text to a buffer, in place of what is there: a wkv_store_visitor. */
bool wkv_watch_take_value(void *buffer, struct wkv_text text);

/* A turn of the loop ends. A wkv_loop_after_turn. */
int64_t wkv_watches_turn(void *watches);

/* Takes the watch off the list of those that are open, and frees it. */
void wkv_watch_free(struct wkv_watches *watches, struct wkv_watch *watch);

#endif
