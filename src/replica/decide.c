/* Whether a batch runs: by the record, log time, the writers and the bindings alone, never by a key, which a
 * replay from a snapshot may have as of later. */
#include "replica/machine.h"

static struct wkv_writer *find_writer(struct wkv_replica *replica, const struct wkv_record *record,
                                      struct wkv_member **member)
{
    struct wkv_members *members = &replica->members;
    struct wkv_writer *writer = wkv_members_writer(members, record->writer, member);
    if (*member != NULL && replica->facts.now_ns - (*member)->heard_ns > WKV_MEMBER_IDLE_NS) {
        wkv_members_remove(members, record->writer >> 8);
        writer = NULL;
    }
#ifdef WKV_WRONG_RULES
    if (writer == NULL && WKV_WRONG(WKV_UNKNOWN_WRITER_IS_NEW)) {
        struct wkv_join join = {.workers = 1, .least = 1, .most = 1};
        *member = wkv_members_add(members, record->writer >> 8, &join);
        writer = *member == NULL ? NULL : (*member)->writers;
    }
#endif
    return writer;
}

enum wkv_verdict wkv_replica_decide(struct wkv_replica *replica, const struct wkv_record *record)
{
    struct wkv_member *member;
    struct wkv_writer *writer = find_writer(replica, record, &member);
    if (writer == NULL)
        return WKV_VERDICT_GONE;
    member->heard_ns = replica->facts.now_ns;
    member->seen = record->seen;
    bool late = record->deadline_ns != 0 && record->deadline_ns < replica->facts.now_ns;
    bool old = record->bindings < replica->facts.bindings && !WKV_WRONG(WKV_BINDINGS_NOT_NAMED);
    /* Void or not, the number is settled: what is taken again gets a new one. */
    if (!wkv_writer_settle(writer, record, WKV_WRONG(WKV_NUMBER_LEFT_OPEN) && (late || old)))
        return WKV_VERDICT_AGAIN;
    return late ? WKV_VERDICT_LATE : old ? WKV_VERDICT_BINDINGS : WKV_VERDICT_RUN;
}
