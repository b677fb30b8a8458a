/* The instances that have joined, and their writers: a number, a floor and a window for each. */
#ifndef WKV_REPLICA_MEMBERS_H
#define WKV_REPLICA_MEMBERS_H

#include "record/bytes.h"
#include "record/record.h"

/* Numbers above its floor that a writer may use: the bits of a word. */
#define WKV_WRITER_WINDOW 64u

/* An instance of which log time has had no record for so long is gone. */
#define WKV_MEMBER_IDLE_NS (INT64_C(600) * 1000000000)

struct wkv_writer {
    uint64_t floor;   /* all numbers below it are settled */
    uint64_t settled; /* bit i: floor + i is */
};

struct wkv_member {
    uint64_t join; /* the position of its JOIN */
    int64_t heard_ns;
    uint64_t seen;
    struct wkv_beat beat;
    uint8_t workers, least, most;
    char instance[WKV_RECORD_MAX_NAME_BYTES + 1], version[WKV_RECORD_MAX_NAME_BYTES + 1];
    struct wkv_writer writers[];
};

/* In the order of their JOINs. */
struct wkv_members {
    struct wkv_member **all; /* owned, each */
    size_t count, capacity;
};

void wkv_members_destroy(struct wkv_members *members);

/* The member, or NULL. */
struct wkv_member *wkv_members_find(const struct wkv_members *members, uint64_t join);

/* The writer, and its member, or NULL. */
struct wkv_writer *wkv_members_writer(const struct wkv_members *members, uint64_t writer,
                                      struct wkv_member **member);

/* Returns NULL where memory is short. */
struct wkv_member *wkv_members_add(struct wkv_members *members, uint64_t join, const struct wkv_join *body);

void wkv_members_remove(struct wkv_members *members, uint64_t join);

/* Removes those that are gone at that log time. */
void wkv_members_sweep(struct wkv_members *members, int64_t now_ns);

/* As bytes. Returns false where memory is short, or they are no members. */
void wkv_members_put(const struct wkv_members *members, struct wkv_buffer *buffer);
bool wkv_members_take(struct wkv_members *members, struct wkv_bytes *bytes);

/* Settles the record's number with its first record. Returns false where it is settled already, or was never
 * to be used. */
bool wkv_writer_settle(struct wkv_writer *writer, const struct wkv_record *record, bool stays_open);

#endif
