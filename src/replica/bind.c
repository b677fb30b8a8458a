/* BIND, UNBIND and NOTE: what hosts change, and the ids that they have used. */
#include "access/bindings.h"
#include "record/fields.h"
#include "replica/machine.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- notes ----
 *
 * An id is kept until its invocation could not be sent again anyhow: what could be sent until before
 * `forgotten` is refused unseen. That moment never goes back, and depends on no clock of ours. It is log
 * time, but never nearer than this to the latest that any invocation has named: where the log's clock jumps
 * ahead, hosts with right clocks go on to be served; and where a host's or an instance's clock is ahead, log
 * time holds. */
#define AHEAD_S 120

int64_t wkv_replica_forgotten_ns(const struct wkv_replica *replica)
{
    int64_t ns, latest_s = replica->facts.latest_until_s - AHEAD_S;
    if (latest_s <= 0)
        return 0;
    if (__builtin_mul_overflow(latest_s, WKV_NS_PER_SECOND, &ns))
        ns = INT64_MAX;
    return ns < replica->facts.now_ns ? ns : replica->facts.now_ns;
}

enum wkv_note wkv_replica_note(struct wkv_replica *replica, const struct wkv_op *op)
{
    char name[sizeof op->host + sizeof op->id];
    memcpy(name, op->host, sizeof op->host);
    memcpy(name + sizeof op->host, op->id, sizeof op->id);
    struct wkv_text id = {name, sizeof name};
    int64_t until_ns;
    if (op->until_s > replica->facts.latest_until_s)
        replica->facts.latest_until_s = op->until_s;
    if (__builtin_mul_overflow(op->until_s, WKV_NS_PER_SECOND, &until_ns))
        until_ns = op->until_s < 0 ? 0 : INT64_MAX;
    int64_t forgotten = wkv_replica_forgotten_ns(replica);
    if (until_ns < forgotten || until_ns == 0)
        return WKV_NOTE_TOO_OLD;
    if (wkv_tables_find(&replica->tables, WKV_TABLE_NOTES, id, forgotten, &replica->reply))
        return WKV_NOTE_SEEN;
    /* It is there at its last moment, too. */
    int64_t expires_ns = until_ns == INT64_MAX ? INT64_MAX : until_ns + 1;
    return wkv_tables_set(&replica->tables, WKV_TABLE_NOTES, id, (struct wkv_text){"", 0}, expires_ns)
               ? WKV_NOTE_NEW
               : WKV_NOTE_NO_MEMORY;
}

/* ---- bindings ---- */

/* What is kept of one. */
struct bound {
    uint32_t keyspace;
    uint8_t flags;
    unsigned char host[32], issuer[32];
    int64_t not_before_s, expires_s;
};

#define FIELD(type, member) WKV_FIELD(type, struct bound, member)
static const struct wkv_field fields[] = {
    FIELD(U32, keyspace), FIELD(U8, flags),         FIELD(32, host),
    FIELD(32, issuer),    FIELD(I64, not_before_s), FIELD(I64, expires_s),
};

static void read_bound(struct wkv_text actor, struct wkv_text value, struct wkv_replica_binding *binding)
{
    struct wkv_bytes bytes = wkv_bytes_in(value);
    struct bound bound = {.keyspace = 0};
    wkv_bytes_fields(&bytes, fields, COUNT_OF(fields), &bound);
    *binding = (struct wkv_replica_binding){.actor = actor,
                                            .bound = true,
                                            .keyspace = bound.keyspace,
                                            .signed_claims = (bound.flags & WKV_OP_SIGNED) != 0,
                                            .has_host = (bound.flags & WKV_OP_HOST) != 0,
                                            .not_before_s = bound.not_before_s,
                                            .expires_s = bound.expires_s};
    memcpy(binding->host, bound.host, sizeof binding->host);
    memcpy(binding->issuer, bound.issuer, sizeof binding->issuer);
}

bool wkv_replica_find_binding(struct wkv_replica *replica, struct wkv_text actor,
                              struct wkv_replica_binding *binding)
{
    *binding = (struct wkv_replica_binding){.actor = actor};
    if (actor.len == 0 || !wkv_tables_find(&replica->tables, WKV_TABLE_ACTORS, actor, 0, &replica->reply))
        return false;
    read_bound(actor, (struct wkv_text){replica->reply.data, replica->reply.len}, binding);
    return true;
}

struct each {
    bool (*binding)(void *context, const struct wkv_replica_binding *binding);
    bool (*keyspace)(void *context, struct wkv_text name, uint32_t number);
    void *context;
};

static bool see_actor(void *context, struct wkv_text actor, struct wkv_text value)
{
    struct each *each = context;
    struct wkv_replica_binding binding;
    read_bound(actor, value, &binding);
    return each->binding(each->context, &binding);
}

bool wkv_replica_each_binding(struct wkv_replica *replica,
                              bool (*see)(void *context, const struct wkv_replica_binding *binding),
                              void *context)
{
    struct each each = {.binding = see, .context = context};
    return wkv_tables_each(&replica->tables, WKV_TABLE_ACTORS, see_actor, &each);
}

static bool see_keyspace(void *context, struct wkv_text name, struct wkv_text value)
{
    struct each *each = context;
    struct wkv_bytes bytes = wkv_bytes_in(value);
    return each->keyspace(each->context, name, (uint32_t)wkv_bytes_varint(&bytes));
}

bool wkv_replica_each_keyspace(struct wkv_replica *replica,
                               bool (*see)(void *context, struct wkv_text name, uint32_t number),
                               void *context)
{
    struct each each = {.keyspace = see, .context = context};
    return wkv_tables_each(&replica->tables, WKV_TABLE_KEYSPACES, see_keyspace, &each);
}

bool wkv_replica_find_keyspace(struct wkv_replica *replica, struct wkv_text name, uint32_t *number)
{
    if (!wkv_tables_find(&replica->tables, WKV_TABLE_KEYSPACES, name, 0, &replica->reply))
        return false;
    struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){replica->reply.data, replica->reply.len});
    *number = (uint32_t)wkv_bytes_varint(&bytes);
    return true;
}

static bool set_number(struct wkv_replica *replica, struct wkv_text name, uint32_t number)
{
    struct wkv_buffer *value = &replica->reply;
    wkv_buffer_reset(value, SIZE_MAX);
    wkv_put_varint(value, number);
    return !value->failed && wkv_tables_set(&replica->tables, WKV_TABLE_KEYSPACES, name,
                                            (struct wkv_text){value->data, value->len}, 0);
}

/* The number of a name is given by the first BIND that has it, and is its own as long as the log lives:
 * whether a keyspace is empty is a fact about keys, which no decision may use. 0 is the binding's own. */
static enum wkv_code number_of(struct wkv_replica *replica, const struct wkv_op *op, uint32_t *number,
                               struct wkv_error *error)
{
    *number = 0;
    if ((op->flags & WKV_OP_SPACE) == 0 || wkv_replica_find_keyspace(replica, op->space, number))
        return WKV_OK;
    uint64_t count = replica->tables.counts[WKV_TABLE_KEYSPACES] + 1;
    if (count >= WKV_BINDINGS_MAX_KEYSPACES)
        return wkv_fail(error, WKV_BUDGET_SPENT, "%u keyspaces have been named, the most that there can be",
                        WKV_BINDINGS_MAX_KEYSPACES);
    *number = (uint32_t)count;
#ifdef WKV_WRONG_RULES
    if (WKV_WRONG(WKV_NUMBERS_GIVEN_BACK))
        *number = wkv_wrong_number(replica);
#endif
    if (!set_number(replica, op->space, *number))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory");
    if (replica->events.keyspace != NULL)
        replica->events.keyspace(replica->events.context, op->space, *number);
    return WKV_OK;
}

static bool is_name(struct wkv_text name)
{
    return name.len > 0 && name.len <= WKV_BINDINGS_MAX_NAME_BYTES;
}

/* What adoption finds is older than all that the log says of the actor. */
static bool is_old_news(struct wkv_replica *replica, const struct wkv_op *op)
{
    struct wkv_replica_binding found;
    return (op->flags & WKV_OP_IF_NEW) != 0 &&
           (replica->facts.removals_passed != 0 || wkv_replica_find_binding(replica, op->actor, &found) ||
            wkv_tables_find(&replica->tables, WKV_TABLE_REMOVED, op->actor, 0, &replica->reply));
}

static void tell(struct wkv_replica *replica, struct wkv_text actor)
{
    struct wkv_replica_binding binding;
    (void)wkv_replica_find_binding(replica, actor, &binding);
    if (replica->events.binding != NULL)
        replica->events.binding(replica->events.context, &binding);
}

/* Sets what is kept of the actor, if it is not that already. */
static enum wkv_code set_bound(struct wkv_replica *replica, uint64_t position, struct wkv_text actor,
                               const struct bound *bound, struct wkv_error *error)
{
    struct wkv_buffer value;
    wkv_buffer_init(&value);
    wkv_put_fields(&value, fields, COUNT_OF(fields), bound);
    bool is_bound = wkv_tables_find(&replica->tables, WKV_TABLE_ACTORS, actor, 0, &replica->reply);
    bool same = is_bound && replica->reply.len == value.len && !value.failed &&
                memcmp(replica->reply.data, value.data, value.len) == 0;
    bool room = is_bound || replica->tables.counts[WKV_TABLE_ACTORS] < WKV_BINDINGS_MAX_ACTORS;
    bool set = !same && room && !value.failed &&
               wkv_tables_set(&replica->tables, WKV_TABLE_ACTORS, actor,
                              (struct wkv_text){value.data, value.len}, 0);
    wkv_buffer_destroy(&value);
    if (same)
        return WKV_OK;
    if (!room)
        return wkv_fail(error, WKV_BUDGET_SPENT,
                        "%u actors are bound, the most that there can be; remove some",
                        WKV_BINDINGS_MAX_ACTORS);
    if (!set)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory");
    replica->facts.bindings = position;
    tell(replica, actor);
    return WKV_OK;
}

enum wkv_code wkv_replica_bind(struct wkv_replica *replica, uint64_t position, const struct wkv_op *op,
                               struct wkv_error *error)
{
    struct bound bound = {.flags = op->flags & (WKV_OP_SIGNED | WKV_OP_HOST),
                          .not_before_s = op->not_before_s,
                          .expires_s = op->expires_s};
    memcpy(bound.host, op->host, sizeof bound.host);
    memcpy(bound.issuer, op->issuer, sizeof bound.issuer);
    if (!is_name(op->actor) || ((op->flags & WKV_OP_SPACE) != 0 && !is_name(op->space)))
        return wkv_fail(error, WKV_BAD_REQUEST, "a name of 1 to %u bytes is needed",
                        WKV_BINDINGS_MAX_NAME_BYTES);
    if (is_old_news(replica, op))
        return WKV_OK;
    if (number_of(replica, op, &bound.keyspace, error) != WKV_OK)
        return error->code;
#ifdef WKV_WRONG_RULES
    struct wkv_replica_binding before;
    bool had = wkv_replica_find_binding(replica, op->actor, &before) && before.keyspace != bound.keyspace;
#endif
    enum wkv_code code = set_bound(replica, position, op->actor, &bound, error);
#ifdef WKV_WRONG_RULES
    if (code == WKV_OK && had && WKV_WRONG(WKV_NUMBERS_GIVEN_BACK))
        wkv_wrong_give_back(replica, before.keyspace);
#endif
    return code;
}

/* "RemoveActor takes the binding away." That is remembered up to a number; after more, nobody is adopted. */
static bool remember_removal(struct wkv_replica *replica, struct wkv_text actor)
{
    if (replica->tables.counts[WKV_TABLE_REMOVED] >= WKV_BINDINGS_REMEMBERED_REMOVALS) {
        replica->facts.removals_passed = 1;
        return true;
    }
    return wkv_tables_set(&replica->tables, WKV_TABLE_REMOVED, actor, (struct wkv_text){"", 0}, 0);
}

enum wkv_code wkv_replica_unbind(struct wkv_replica *replica, uint64_t position, const struct wkv_op *op,
                                 struct wkv_error *error)
{
    struct wkv_replica_binding before;
    if (!is_name(op->actor))
        return wkv_fail(error, WKV_BAD_REQUEST, "a name of 1 to %u bytes is needed",
                        WKV_BINDINGS_MAX_NAME_BYTES);
    bool was_bound = wkv_replica_find_binding(replica, op->actor, &before);
    if (!remember_removal(replica, op->actor))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory");
    if (!was_bound)
        return WKV_OK;
    (void)wkv_tables_remove(&replica->tables, WKV_TABLE_ACTORS, op->actor);
    replica->facts.bindings = position;
#ifdef WKV_WRONG_RULES
    if (WKV_WRONG(WKV_NUMBERS_GIVEN_BACK))
        wkv_wrong_give_back(replica, before.keyspace);
#endif
    tell(replica, op->actor);
    return WKV_OK;
}
