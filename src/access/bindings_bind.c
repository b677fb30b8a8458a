/* Binding an actor. */
#include <string.h>

#include "access/registry.h"
#include "support/clock.h"

static enum wkv_code reserve(struct wkv_bindings *bindings, uint64_t bytes, const char *what,
                             struct wkv_error *error)
{
    if (bindings->store == NULL || wkv_store_reserve(bindings->store, bytes))
        return WKV_OK;
    return wkv_fail(
        error, WKV_BUDGET_SPENT,
        "the memory budget is spent, and %s takes %llu bytes of it; remove bindings or keys, or serve "
        "with a larger --max-memory",
        what, (unsigned long long)bytes);
}

static void release(struct wkv_bindings *bindings, uint64_t bytes)
{
    if (bindings->store != NULL)
        wkv_store_release(bindings->store, bytes);
}

/* The number of a keyspace's name, given out where it is new. */
static enum wkv_code number_keyspace(struct wkv_bindings *bindings, struct wkv_text name, uint32_t *number,
                                     struct wkv_error *error)
{
    *number = 0;
    if (name.data == NULL || wkv_keyspace_names_find(&bindings->keyspaces, name, number))
        return WKV_OK;
    if (bindings->keyspaces.count == WKV_BINDINGS_MAX_KEYSPACES)
        return wkv_fail(error, WKV_BUDGET_SPENT, "%u keyspaces have been named, the most that there can be",
                        WKV_BINDINGS_MAX_KEYSPACES);
    uint64_t bytes = WKV_BINDINGS_KEYSPACE_BYTES + name.len;
    if (reserve(bindings, bytes, "the name of a keyspace", error) != WKV_OK)
        return WKV_BUDGET_SPENT;
    if (wkv_keyspace_names_add(&bindings->keyspaces, name, number))
        return WKV_OK;
    release(bindings, bytes);
    return wkv_fail(error, WKV_NO_MEMORY, "no memory for a keyspace; try again later");
}

/* Room for one more actor, in the table and in the budget. */
static enum wkv_code reserve_actor(struct wkv_bindings *bindings, struct wkv_error *error)
{
    if (bindings->actors.count == WKV_BINDINGS_MAX_ACTORS)
        return wkv_fail(error, WKV_BUDGET_SPENT,
                        "%u actors are bound, the most that there can be; remove some",
                        WKV_BINDINGS_MAX_ACTORS);
    if (!wkv_binding_table_reserve(&bindings->actors))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a binding; try again later");
    return reserve(bindings, bindings->actor_bytes, "a binding", error);
}

/* A reload may have removed the host after its signature was checked. The reload publishes its list and then
 * looks through the bindings under this lock, so it finds what is bound here under the old list. */
static enum wkv_code check_host(const struct wkv_bindings *bindings, const struct wkv_policy_binding *claims,
                                struct wkv_error *error)
{
    struct wkv_trust_reader reader;
    if (bindings->trust == NULL)
        return WKV_OK;
    wkv_trust_reader_init(&reader, bindings->trust);
    bool trusted = wkv_policy_host_trusted(wkv_trust_reader_current(&reader), claims);
    wkv_trust_reader_destroy(&reader);
    return trusted ? WKV_OK
                   : wkv_fail(error, WKV_UNAUTHORIZED,
                              "the host that signed it is an untrusted host since just now");
}

/* The keyspace's name comes last: it stays for good, so a refused bind must not leave one behind. */
static enum wkv_code bind_locked(struct wkv_bindings *bindings, struct wkv_text name,
                                 struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                 struct wkv_error *error)
{
    uint32_t number;
    bool is_new = wkv_binding_table_find(&bindings->actors, name)->len == 0;
    enum wkv_code code = check_host(bindings, claims, error);
    if (code == WKV_OK && is_new)
        code = reserve_actor(bindings, error);
    if (code != WKV_OK)
        return code;
    code = number_keyspace(bindings, keyspace, &number, error);
    if (code != WKV_OK) {
        release(bindings, is_new ? bindings->actor_bytes : 0);
        return code;
    }
    struct wkv_bound_actor *actor = wkv_binding_table_find(&bindings->actors, name);
    if (is_new)
        wkv_binding_table_take(&bindings->actors, actor, name);
    actor->binding = (struct wkv_binding){*claims, number};
    actor->binding.claims.bound = true;
    atomic_store_explicit(&bindings->any, true, memory_order_release);
    atomic_fetch_add_explicit(&bindings->generation, 1, memory_order_release);
    return WKV_OK;
}

static enum wkv_code check_names(struct wkv_text actor, struct wkv_text keyspace, struct wkv_error *error)
{
    if (wkv_bindings_check_actor(actor, error) != WKV_OK)
        return error->code;
    if (keyspace.data != NULL && (keyspace.len == 0 || keyspace.len > WKV_BINDINGS_MAX_NAME_BYTES))
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "KEYSPACE has %zu bytes; give a name of 1 to %u, or leave it out", keyspace.len,
                        WKV_BINDINGS_MAX_NAME_BYTES);
    /* Operators are shown the name, which a NUL would seem to end. */
    if (keyspace.data != NULL && memchr(keyspace.data, '\0', keyspace.len) != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "KEYSPACE has a NUL in it; give a name without one");
    return WKV_OK;
}

/* Checks for room before the provider listens, which costs a wait for the server. */
static enum wkv_code check_room(struct wkv_bindings *bindings, struct wkv_text actor, struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    (void)pthread_mutex_lock(&bindings->lock);
    if (wkv_binding_table_find(&bindings->actors, actor)->len == 0) {
        code = reserve_actor(bindings, error);
        release(bindings, code == WKV_OK ? bindings->actor_bytes : 0);
    }
    (void)pthread_mutex_unlock(&bindings->lock);
    return code;
}

static enum wkv_code ask_guard(struct wkv_bindings *bindings, struct wkv_text actor, struct wkv_error *error)
{
    const struct wkv_bindings_guard *guard = &bindings->guard;
    if (guard->before == NULL)
        return WKV_OK;
    enum wkv_code code = check_room(bindings, actor, error);
    return code != WKV_OK ? code : guard->before(guard->context, actor, error);
}

enum wkv_code wkv_bindings_confirm(struct wkv_bindings *bindings, struct wkv_text actor, int64_t until_ns,
                                   struct wkv_error *error)
{
    const struct wkv_bindings_guard *guard = &bindings->guard;
    return guard->confirm == NULL ? WKV_OK : guard->confirm(guard->context, actor, until_ns, error);
}

/* Reports how a bind ended that the guard had allowed. */
static void tell_outcome(const struct wkv_bindings *bindings, struct wkv_text actor, bool bound)
{
    const struct wkv_bindings_guard *guard = &bindings->guard;
    if (bound)
        wkv_bindings_tell(bindings,
                          &(struct wkv_bindings_change){.actor = actor, .bound = true, .awaited = true});
    else if (guard->gave_up != NULL)
        guard->gave_up(guard->context, actor);
}

enum wkv_code wkv_bindings_prepare(struct wkv_bindings *bindings, const struct wkv_bindings_wish *wish,
                                   struct wkv_error *error)
{
    if (check_names(wish->actor, wish->keyspace, error) != WKV_OK ||
        check_host(bindings, &wish->claims, error) != WKV_OK ||
        ask_guard(bindings, wish->actor, error) != WKV_OK)
        return error->code;
    return wkv_bindings_confirm(bindings, wish->actor, wkv_monotonic_ns() + WKV_BINDINGS_CONFIRM_NS, error);
}

enum wkv_code wkv_bindings_bind(struct wkv_bindings *bindings, struct wkv_text actor,
                                struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                struct wkv_error *error)
{
    if (check_names(actor, keyspace, error) != WKV_OK || ask_guard(bindings, actor, error) != WKV_OK ||
        wkv_bindings_confirm(bindings, actor, wkv_monotonic_ns() + WKV_BINDINGS_CONFIRM_NS, error) != WKV_OK)
        return error->code;
    (void)pthread_mutex_lock(&bindings->lock);
    enum wkv_code code = bind_locked(bindings, actor, keyspace, claims, error);
    (void)pthread_mutex_unlock(&bindings->lock);
    tell_outcome(bindings, actor, code == WKV_OK);
    return code;
}

/* The actor was neither bound nor removed since start. */
static bool is_news(const struct wkv_bindings *bindings, struct wkv_text actor)
{
    return wkv_binding_table_find(&bindings->actors, actor)->len == 0 &&
           !wkv_bindings_was_removed(bindings, actor);
}

static bool is_news_now(struct wkv_bindings *bindings, struct wkv_text actor)
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool news = is_news(bindings, actor);
    (void)pthread_mutex_unlock(&bindings->lock);
    return news;
}

/* The guard may wait for the server, so it is asked without the lock, between two looks at the registry. */
enum wkv_code wkv_bindings_bind_if_new(struct wkv_bindings *bindings, struct wkv_text actor,
                                       struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                       bool *bound, struct wkv_error *error)
{
    *bound = false;
    if (check_names(actor, keyspace, error) != WKV_OK)
        return error->code;
    if (!is_news_now(bindings, actor))
        return WKV_OK;
    if (ask_guard(bindings, actor, error) != WKV_OK)
        return error->code;
    if (bindings->record != NULL) {
        bindings->record(
            bindings->record_context,
            &(struct wkv_bindings_wish){
                .actor = actor, .bound = true, .if_new = true, .keyspace = keyspace, .claims = *claims});
        *bound = true;
        return WKV_OK;
    }
    enum wkv_code code = WKV_OK;
    (void)pthread_mutex_lock(&bindings->lock);
    if (is_news(bindings, actor)) {
        code = bind_locked(bindings, actor, keyspace, claims, error);
        *bound = code == WKV_OK;
    }
    (void)pthread_mutex_unlock(&bindings->lock);
    tell_outcome(bindings, actor, *bound);
    return code;
}
