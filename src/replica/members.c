#include "replica/members.h"

#include <stdlib.h>

#include "record/fields.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

void wkv_members_destroy(struct wkv_members *members)
{
    for (size_t i = 0; i < members->count; i++)
        free(members->all[i]);
    free(members->all);
    *members = (struct wkv_members){.all = NULL};
}

struct wkv_member *wkv_members_find(const struct wkv_members *members, uint64_t join)
{
    for (size_t i = members->count; i-- > 0;)
        if (members->all[i]->join == join)
            return members->all[i];
    return NULL;
}

struct wkv_writer *wkv_members_writer(const struct wkv_members *members, uint64_t writer,
                                      struct wkv_member **member)
{
    unsigned worker = writer & 0xff;
    *member = wkv_members_find(members, writer >> 8);
    return *member != NULL && worker < (*member)->workers ? &(*member)->writers[worker] : NULL;
}

static bool reserve(struct wkv_members *members)
{
    if (members->count < members->capacity)
        return true;
    size_t capacity = members->capacity == 0 ? 8 : members->capacity * 2;
    struct wkv_member **all = realloc(members->all, capacity * sizeof(struct wkv_member *));
    if (all == NULL)
        return false;
    members->all = all;
    members->capacity = capacity;
    return true;
}

static void set_name(char to[WKV_RECORD_MAX_NAME_BYTES + 1], struct wkv_text name)
{
    memset(to, 0, WKV_RECORD_MAX_NAME_BYTES + 1);
    if (name.len > 0)
        memcpy(to, name.data, name.len);
}

struct wkv_member *wkv_members_add(struct wkv_members *members, uint64_t join, const struct wkv_join *body)
{
    struct wkv_member *member =
        reserve(members) ? calloc(1, sizeof *member + body->workers * sizeof member->writers[0]) : NULL;
    if (member == NULL)
        return NULL;
    member->join = join;
    member->workers = body->workers;
    member->least = body->least;
    member->most = body->most;
    set_name(member->instance, body->instance);
    set_name(member->version, body->version);
    for (unsigned i = 0; i < body->workers; i++)
        member->writers[i].floor = 1;
    members->all[members->count++] = member;
    return member;
}

static void remove_at(struct wkv_members *members, size_t index)
{
    free(members->all[index]);
    members->count--;
    memmove(&members->all[index], &members->all[index + 1],
            (members->count - index) * sizeof members->all[0]);
}

void wkv_members_remove(struct wkv_members *members, uint64_t join)
{
    for (size_t i = members->count; i-- > 0;)
        if (members->all[i]->join == join)
            remove_at(members, i);
}

void wkv_members_sweep(struct wkv_members *members, int64_t now_ns)
{
    for (size_t i = members->count; i-- > 0;)
        if (now_ns - members->all[i]->heard_ns > WKV_MEMBER_IDLE_NS)
            remove_at(members, i);
}

/* ---- as bytes ---- */

/* A member as META has it: its JOIN, and what came of it. */
struct listed {
    struct wkv_join body;
    uint64_t join, seen;
    int64_t heard_ns;
    struct wkv_beat beat;
};

#define FIELD(type, member) WKV_FIELD(type, struct listed, member)
static const struct wkv_field fields[] = {
    FIELD(U64, join),       FIELD(TEXT, body.instance), FIELD(TEXT, body.version), FIELD(U8, body.workers),
    FIELD(U8, body.least),  FIELD(U8, body.most),       FIELD(U64, seen),          FIELD(I64, heard_ns),
    FIELD(U64, beat.bytes), FIELD(U64, beat.keys),      FIELD(U32, beat.permille), FIELD(U8, beat.least),
    FIELD(U8, beat.most),
};

static void put_member(const struct wkv_member *member, struct wkv_buffer *buffer)
{
    struct listed listed = {.body = {{member->instance, strlen(member->instance)},
                                     {member->version, strlen(member->version)},
                                     member->workers,
                                     member->least,
                                     member->most},
                            .join = member->join,
                            .seen = member->seen,
                            .heard_ns = member->heard_ns,
                            .beat = member->beat};
    wkv_put_fields(buffer, fields, COUNT_OF(fields), &listed);
    for (unsigned i = 0; i < member->workers; i++) {
        wkv_put_varint(buffer, member->writers[i].floor);
        wkv_put_fixed(buffer, member->writers[i].settled, 8);
    }
}

void wkv_members_put(const struct wkv_members *members, struct wkv_buffer *buffer)
{
    wkv_put_varint(buffer, members->count);
    for (size_t i = 0; i < members->count; i++)
        put_member(members->all[i], buffer);
}

static bool take_member(struct wkv_members *members, struct wkv_bytes *bytes)
{
    struct listed listed = {.join = 0};
    wkv_bytes_fields(bytes, fields, COUNT_OF(fields), &listed);
    bytes->bad |= listed.body.instance.len > WKV_RECORD_MAX_NAME_BYTES ||
                  listed.body.version.len > WKV_RECORD_MAX_NAME_BYTES;
    struct wkv_member *member = bytes->bad ? NULL : wkv_members_add(members, listed.join, &listed.body);
    if (member == NULL)
        return false;
    member->seen = listed.seen;
    member->heard_ns = listed.heard_ns;
    member->beat = listed.beat;
    for (unsigned i = 0; i < member->workers; i++) {
        member->writers[i].floor = wkv_bytes_varint(bytes);
        member->writers[i].settled = wkv_bytes_fixed(bytes, 8);
    }
    return !bytes->bad;
}

bool wkv_members_take(struct wkv_members *members, struct wkv_bytes *bytes)
{
    uint64_t count = wkv_bytes_varint(bytes);
    for (uint64_t i = 0; i < count; i++)
        if (!take_member(members, bytes))
            return false;
    return !bytes->bad;
}

/* ---- numbers ---- */

bool wkv_writer_settle(struct wkv_writer *writer, const struct wkv_record *record, bool stays_open)
{
    uint64_t number = record->number;
    if (number < writer->floor || (number >= record->floor && number - record->floor >= WKV_WRITER_WINDOW))
        return false;
    if (number - writer->floor < WKV_WRITER_WINDOW && (writer->settled >> (number - writer->floor) & 1) != 0)
        return false;
    if (record->floor > writer->floor) {
        uint64_t up = record->floor - writer->floor;
        writer->settled = up < WKV_WRITER_WINDOW ? writer->settled >> up : 0;
        writer->floor = record->floor;
    }
    if (number >= writer->floor && !stays_open)
        writer->settled |= UINT64_C(1) << (number - writer->floor);
    return true;
}
