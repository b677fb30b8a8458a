#include "access/bindings.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A reader remembers this many actors; more push each other out, one for one. A power of two. */
#define READER_SLOTS 1024u /* 2^10: slot_of keeps ten bits */
#define FIRST_SLOTS 64u
#define FIRST_PLACES 16u

struct actor {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len; /* 0: the slot is free */
    struct wkv_binding binding;
};

struct keyspace {
    char *name;
    size_t len;
};

struct wkv_bindings {
    pthread_mutex_t lock;
    _Atomic uint64_t generation; /* counted up by every change, under the lock */
    _Atomic bool any;            /* whether an actor was ever bound */
    unsigned char key[crypto_shorthash_KEYBYTES];

    /* Open addressing with linear probing, at most half full. */
    struct actor *actors;
    uint32_t slots; /* a power of two */
    uint32_t count;

    /* Hashes of the names that were removed since start, bound or not. Two of one hash are as good as one:
     * then an actor that was not removed is not adopted, and its host's next BindActor binds it. */
    uint64_t removed[WKV_BINDINGS_REMEMBERED_REMOVALS];
    uint32_t removed_count;

    struct keyspace *keyspaces; /* by number; room for half as many as places */
    uint32_t keyspace_count;
    uint32_t *places;     /* by a name's hash, with linear probing: its number and 1, or 0 */
    uint32_t place_count; /* a power of two */

    struct wkv_store *store; /* whose budget counts this; NULL: none does */
    uint64_t actor_bytes;    /* of one binding */

    wkv_bindings_watcher watcher; /* NULL: none */
    void *watcher_context;
    struct wkv_bindings_guard guard; /* .before NULL: none */
};

struct wkv_bindings_slot {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len;
    uint64_t generation; /* the slot is worth something only in its reader's generation */
    struct wkv_binding binding;
};

static uint64_t hash_name(const struct wkv_bindings *bindings, struct wkv_text name)
{
    uint64_t hash;
    (void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name.data, name.len, bindings->key);
    return hash;
}

static bool same(struct wkv_text name, const char *other, size_t len)
{
    return name.len == len && memcmp(name.data, other, len) == 0;
}

/* ---- the registry, under its lock ---- */

/* The actor's slot, or the free one where it would go. */
static struct actor *find_slot(const struct wkv_bindings *bindings, struct wkv_text name)
{
    uint32_t mask = bindings->slots - 1;
    uint32_t slot = (uint32_t)hash_name(bindings, name) & mask;
    while (bindings->actors[slot].len != 0 &&
           !same(name, bindings->actors[slot].name, bindings->actors[slot].len))
        slot = (slot + 1) & mask;
    return &bindings->actors[slot];
}

static bool grow(struct wkv_bindings *bindings)
{
    struct actor *old = bindings->actors;
    uint32_t old_slots = bindings->slots;
    struct actor *actors = calloc((size_t)old_slots * 2, sizeof *actors);
    if (actors == NULL)
        return false;
    bindings->actors = actors;
    bindings->slots = old_slots * 2;
    for (uint32_t i = 0; i < old_slots; i++)
        if (old[i].len != 0)
            *find_slot(bindings, (struct wkv_text){old[i].name, old[i].len}) = old[i];
    free(old);
    return true;
}

/* Fills the hole that a removed actor leaves with what probed past it. */
static void close_gap(struct wkv_bindings *bindings, uint32_t hole)
{
    uint32_t mask = bindings->slots - 1;
    for (uint32_t i = (hole + 1) & mask; bindings->actors[i].len != 0; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)hash_name(
                            bindings, (struct wkv_text){bindings->actors[i].name, bindings->actors[i].len}) &
                        mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            bindings->actors[hole] = bindings->actors[i];
            hole = i;
        }
    }
    bindings->actors[hole].len = 0;
}

/* The name's place, or the free one where it would go. */
static uint32_t *find_place(const struct wkv_bindings *bindings, struct wkv_text name)
{
    uint32_t mask = bindings->place_count - 1;
    uint32_t at = (uint32_t)hash_name(bindings, name) & mask;
    for (; bindings->places[at] != 0; at = (at + 1) & mask) {
        const struct keyspace *keyspace = &bindings->keyspaces[bindings->places[at] - 1];
        if (same(name, keyspace->name, keyspace->len))
            break;
    }
    return &bindings->places[at];
}

static bool find_keyspace(const struct wkv_bindings *bindings, struct wkv_text name, uint32_t *number)
{
    uint32_t place = *find_place(bindings, name);
    if (place == 0)
        return false;
    *number = place - 1;
    return true;
}

/* Room for twice as many names. Returns false, with nothing changed that is seen, where memory is short. */
static bool grow_keyspaces(struct wkv_bindings *bindings)
{
    uint32_t count = bindings->place_count * 2;
    uint32_t *places = calloc(count, sizeof *places);
    struct keyspace *keyspaces = realloc(bindings->keyspaces, count / 2 * sizeof *keyspaces);
    if (keyspaces != NULL)
        bindings->keyspaces = keyspaces;
    if (places == NULL || keyspaces == NULL) {
        free(places);
        return false;
    }
    free(bindings->places);
    bindings->places = places;
    bindings->place_count = count;
    for (uint32_t i = 0; i < bindings->keyspace_count; i++)
        *find_place(bindings, (struct wkv_text){keyspaces[i].name, keyspaces[i].len}) = i + 1;
    return true;
}

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
    if (name.data == NULL || find_keyspace(bindings, name, number))
        return WKV_OK;
    if (bindings->keyspace_count == WKV_BINDINGS_MAX_KEYSPACES)
        return wkv_fail(error, WKV_BUDGET_SPENT, "%u keyspaces have been named, the most that there can be",
                        WKV_BINDINGS_MAX_KEYSPACES);
    uint64_t bytes = WKV_BINDINGS_KEYSPACE_BYTES + name.len;
    if (reserve(bindings, bytes, "the name of a keyspace", error) != WKV_OK)
        return WKV_BUDGET_SPENT;
    bool room = bindings->keyspace_count < bindings->place_count / 2 || grow_keyspaces(bindings);
    char *copy = room ? malloc(name.len) : NULL;
    if (copy == NULL) {
        release(bindings, bytes);
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for a keyspace; try again later");
    }
    memcpy(copy, name.data, name.len);
    *number = bindings->keyspace_count++;
    bindings->keyspaces[*number] = (struct keyspace){copy, name.len};
    *find_place(bindings, name) = *number + 1;
    return WKV_OK;
}

static enum wkv_code bind_locked(struct wkv_bindings *bindings, struct wkv_text name,
                                 struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                 struct wkv_error *error)
{
    struct actor *actor = find_slot(bindings, name);
    if (actor->len == 0) {
        if (bindings->count == WKV_BINDINGS_MAX_ACTORS)
            return wkv_fail(error, WKV_BUDGET_SPENT,
                            "%u actors are bound, the most that there can be; remove some",
                            WKV_BINDINGS_MAX_ACTORS);
        if (bindings->count + 1 > bindings->slots / 2 && !grow(bindings))
            return wkv_fail(error, WKV_NO_MEMORY, "no memory for a binding; try again later");
        actor = find_slot(bindings, name);
    }
    /* The name of a keyspace last: it stays, so it must not be left of a bind that is refused. */
    bool is_new = actor->len == 0;
    uint32_t number;
    if (is_new && reserve(bindings, bindings->actor_bytes, "a binding", error) != WKV_OK)
        return WKV_BUDGET_SPENT;
    enum wkv_code code = number_keyspace(bindings, keyspace, &number, error);
    if (code != WKV_OK) {
        release(bindings, is_new ? bindings->actor_bytes : 0);
        return code;
    }
    if (is_new) {
        memcpy(actor->name, name.data, name.len);
        actor->len = (uint32_t)name.len;
        bindings->count++;
    }
    actor->binding = (struct wkv_binding){*claims, number};
    actor->binding.claims.bound = true;
    atomic_store_explicit(&bindings->any, true, memory_order_release);
    atomic_fetch_add_explicit(&bindings->generation, 1, memory_order_release);
    return WKV_OK;
}

static bool was_removed(const struct wkv_bindings *bindings, uint64_t hash)
{
    for (uint32_t i = 0; i < bindings->removed_count; i++)
        if (bindings->removed[i] == hash)
            return true;
    return bindings->removed_count == WKV_BINDINGS_REMEMBERED_REMOVALS;
}

static void remember_removal(struct wkv_bindings *bindings, struct wkv_text name)
{
    if (bindings->removed_count == WKV_BINDINGS_REMEMBERED_REMOVALS)
        return;
    uint64_t hash = hash_name(bindings, name);
    if (!was_removed(bindings, hash))
        bindings->removed[bindings->removed_count++] = hash;
}

static bool is_news(const struct wkv_bindings *bindings, struct wkv_text name)
{
    return find_slot(bindings, name)->len == 0 && !was_removed(bindings, hash_name(bindings, name));
}

/* ---- from outside ---- */

struct wkv_bindings *wkv_bindings_create(const char *binding)
{
    struct wkv_bindings *bindings = calloc(1, sizeof *bindings);
    if (bindings == NULL)
        return NULL;
    atomic_init(&bindings->generation, 1);
    randombytes_buf(bindings->key, sizeof bindings->key);
    bindings->slots = FIRST_SLOTS;
    bindings->actors = calloc(FIRST_SLOTS, sizeof *bindings->actors);
    bindings->place_count = FIRST_PLACES;
    bindings->places = calloc(FIRST_PLACES, sizeof *bindings->places);
    bindings->keyspaces = calloc(FIRST_PLACES / 2, sizeof *bindings->keyspaces);
    struct wkv_text name = {binding, strlen(binding)};
    uint32_t zero;
    if (bindings->actors == NULL || bindings->places == NULL || bindings->keyspaces == NULL ||
        number_keyspace(bindings, name, &zero, NULL) != WKV_OK ||
        pthread_mutex_init(&bindings->lock, NULL) != 0) {
        wkv_bindings_destroy(bindings);
        return NULL;
    }
    return bindings;
}

void wkv_bindings_count_in(struct wkv_bindings *bindings, struct wkv_store *store, unsigned workers)
{
    bindings->store = store;
    bindings->actor_bytes = WKV_BINDINGS_ACTOR_BYTES + (uint64_t)workers * WKV_BINDINGS_SUBSCRIPTION_BYTES;
}

void wkv_bindings_destroy(struct wkv_bindings *bindings)
{
    if (bindings == NULL)
        return;
    for (uint32_t i = 0; i < bindings->keyspace_count; i++)
        free(bindings->keyspaces[i].name);
    free(bindings->keyspaces);
    free(bindings->places);
    free(bindings->actors);
    (void)pthread_mutex_destroy(&bindings->lock);
    free(bindings);
}

/* An actor is a token of a subject. */
static bool is_token(struct wkv_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.data[i] <= 0x20 || (unsigned char)name.data[i] >= 0x7f ||
            strchr(".*>", name.data[i]) != NULL)
            return false;
    return name.len > 0 && name.len <= WKV_BINDINGS_MAX_NAME_BYTES;
}

static void tell(const struct wkv_bindings *bindings, struct wkv_bindings_change change)
{
    if (bindings->watcher != NULL)
        bindings->watcher(bindings->watcher_context, &change);
}

enum wkv_code wkv_bindings_check_actor(struct wkv_text actor, struct wkv_error *error)
{
    static const char host[] = WKV_POLICY_SYSTEM;
    if (!is_token(actor) || same(actor, host, sizeof host - 1))
        return wkv_fail(error, WKV_BAD_REQUEST, "the module is no actor: give its public key (M...)");
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
    /* A name is shown to operators, who would see it end there. */
    if (keyspace.data != NULL && memchr(keyspace.data, '\0', keyspace.len) != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "KEYSPACE has a NUL in it; give a name without one");
    return WKV_OK;
}

static enum wkv_code ask_guard(const struct wkv_bindings *bindings, struct wkv_text actor,
                               struct wkv_error *error)
{
    const struct wkv_bindings_guard *guard = &bindings->guard;
    return guard->before == NULL ? WKV_OK : guard->before(guard->context, actor, error);
}

/* Of a bind that the guard has let through. */
static void tell_outcome(const struct wkv_bindings *bindings, struct wkv_text actor, bool bound)
{
    const struct wkv_bindings_guard *guard = &bindings->guard;
    if (bound)
        tell(bindings, (struct wkv_bindings_change){.actor = actor, .bound = true, .awaited = true});
    else if (guard->gave_up != NULL)
        guard->gave_up(guard->context, actor);
}

enum wkv_code wkv_bindings_bind(struct wkv_bindings *bindings, struct wkv_text actor,
                                struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                struct wkv_error *error)
{
    if (check_names(actor, keyspace, error) != WKV_OK || ask_guard(bindings, actor, error) != WKV_OK)
        return error->code;
    (void)pthread_mutex_lock(&bindings->lock);
    enum wkv_code code = bind_locked(bindings, actor, keyspace, claims, error);
    (void)pthread_mutex_unlock(&bindings->lock);
    tell_outcome(bindings, actor, code == WKV_OK);
    return code;
}

static bool is_news_now(struct wkv_bindings *bindings, struct wkv_text actor)
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool news = is_news(bindings, actor);
    (void)pthread_mutex_unlock(&bindings->lock);
    return news;
}

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

/* Returns whether it was bound. */
static bool remove_locked(struct wkv_bindings *bindings, struct wkv_text actor)
{
    remember_removal(bindings, actor);
    struct actor *found = find_slot(bindings, actor);
    if (found->len == 0)
        return false;
    close_gap(bindings, (uint32_t)(found - bindings->actors));
    bindings->count--;
    release(bindings, bindings->actor_bytes);
    atomic_fetch_add_explicit(&bindings->generation, 1, memory_order_release);
    return true;
}

void wkv_bindings_remove(struct wkv_bindings *bindings, struct wkv_text actor)
{
    if (!is_token(actor))
        return;
    (void)pthread_mutex_lock(&bindings->lock);
    bool was_bound = remove_locked(bindings, actor);
    (void)pthread_mutex_unlock(&bindings->lock);
    if (was_bound)
        tell(bindings, (struct wkv_bindings_change){.actor = actor, .bound = false, .awaited = true});
}

/* So many are removed under the lock at once, and then told of. */
#define REMOVED_AT_ONCE 64

struct removed {
    char name[WKV_BINDINGS_MAX_NAME_BYTES];
    uint32_t len;
};

/* Some of those that go. */
struct sweep {
    const struct wkv_trust *trust;
    uint32_t at; /* slot */
    bool more;   /* there are others behind them */
    size_t count;
    struct removed removed[REMOVED_AT_ONCE];
};

/* Where one is removed another may take its slot: that slot is looked at again. */
static void remove_some(struct wkv_bindings *bindings, struct sweep *sweep)
{
    sweep->count = 0;
    sweep->more = false;
    while (sweep->at < bindings->slots) {
        const struct actor *actor = &bindings->actors[sweep->at];
        if (actor->len == 0 || wkv_policy_host_trusted(sweep->trust, &actor->binding.claims)) {
            sweep->at++;
            continue;
        }
        sweep->more = sweep->count == REMOVED_AT_ONCE;
        if (sweep->more)
            return;
        struct removed *one = &sweep->removed[sweep->count++];
        memcpy(one->name, actor->name, actor->len);
        one->len = actor->len;
        (void)remove_locked(bindings, (struct wkv_text){one->name, one->len});
    }
}

size_t wkv_bindings_remove_untrusted(struct wkv_bindings *bindings, const struct wkv_trust *trust)
{
    struct sweep sweep = {.trust = trust};
    size_t removed = 0;
    uint64_t generation = 0;
    do {
        (void)pthread_mutex_lock(&bindings->lock);
        /* Others have bound or removed since: actors may lie in slots that were passed. */
        if (atomic_load_explicit(&bindings->generation, memory_order_relaxed) != generation)
            sweep.at = 0;
        remove_some(bindings, &sweep);
        generation = atomic_load_explicit(&bindings->generation, memory_order_relaxed);
        (void)pthread_mutex_unlock(&bindings->lock);
        removed += sweep.count;
        for (size_t i = 0; i < sweep.count; i++)
            tell(bindings,
                 (struct wkv_bindings_change){.actor = {sweep.removed[i].name, sweep.removed[i].len},
                                              .bound = false,
                                              .awaited = !sweep.more && i + 1 == sweep.count});
    } while (sweep.more);
    return removed;
}

void wkv_bindings_watch(struct wkv_bindings *bindings, wkv_bindings_watcher watcher, void *context)
{
    bindings->watcher = watcher;
    bindings->watcher_context = context;
}

void wkv_bindings_set_guard(struct wkv_bindings *bindings, const struct wkv_bindings_guard *guard)
{
    bindings->guard = guard == NULL ? (struct wkv_bindings_guard){.before = NULL} : *guard;
}

/* As strcmp, on texts without a NUL at their end. */
static int compare(struct wkv_text a, struct wkv_text b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static struct wkv_text name_of(const struct actor *actor)
{
    return (struct wkv_text){actor->name, actor->len};
}

/* Sifts the actor at the root of a heap, the last name on top, down to where it belongs. */
static void sift_down(const struct actor **heap, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare(name_of(heap[child + 1]), name_of(heap[child])) > 0)
            child++;
        if (compare(name_of(heap[at]), name_of(heap[child])) >= 0)
            return;
        const struct actor *moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

/* Puts the first max actors behind `after` into heap, the last of them on top. */
static size_t collect(const struct wkv_bindings *bindings, struct wkv_text after, const struct actor **heap,
                      size_t max)
{
    size_t count = 0;
    for (uint32_t i = 0; i < bindings->slots; i++) {
        const struct actor *actor = &bindings->actors[i];
        if (actor->len == 0 || compare(name_of(actor), after) <= 0)
            continue;
        if (count < max) {
            heap[count++] = actor;
            if (count == max)
                for (size_t at = count / 2; at-- > 0;)
                    sift_down(heap, count, at);
        } else if (compare(name_of(actor), name_of(heap[0])) < 0) {
            heap[0] = actor;
            sift_down(heap, count, 0);
        }
    }
    return count;
}

static int by_name(const void *a, const void *b)
{
    return compare(name_of(*(const struct actor *const *)a), name_of(*(const struct actor *const *)b));
}

static void copy_keyspace(const struct wkv_bindings *bindings, uint32_t number,
                          char out[WKV_BINDINGS_MAX_NAME_BYTES + 1])
{
    const struct keyspace *keyspace = &bindings->keyspaces[number];
    memcpy(out, keyspace->name, keyspace->len);
    out[keyspace->len] = '\0';
}

size_t wkv_bindings_list(struct wkv_bindings *bindings, struct wkv_text after,
                         struct wkv_bindings_listed *out, size_t max)
{
    const struct actor **found = calloc(max, sizeof(struct actor *));
    if (found == NULL)
        return SIZE_MAX;
    (void)pthread_mutex_lock(&bindings->lock);
    size_t count = collect(bindings, after, found, max);
    qsort(found, count, sizeof(struct actor *), by_name);
    for (size_t i = 0; i < count; i++) {
        memcpy(out[i].actor, found[i]->name, found[i]->len);
        out[i].actor[found[i]->len] = '\0';
        copy_keyspace(bindings, found[i]->binding.keyspace, out[i].keyspace);
        out[i].claims = found[i]->binding.claims;
    }
    (void)pthread_mutex_unlock(&bindings->lock);
    free(found);
    return count;
}

uint32_t wkv_bindings_keyspaces(struct wkv_bindings *bindings)
{
    (void)pthread_mutex_lock(&bindings->lock);
    uint32_t count = bindings->keyspace_count;
    (void)pthread_mutex_unlock(&bindings->lock);
    return count;
}

bool wkv_bindings_keyspace_name(struct wkv_bindings *bindings, uint32_t number,
                                char out[WKV_BINDINGS_MAX_NAME_BYTES + 1])
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool known = number < bindings->keyspace_count;
    if (known)
        copy_keyspace(bindings, number, out);
    (void)pthread_mutex_unlock(&bindings->lock);
    return known;
}

bool wkv_bindings_keyspace_number(struct wkv_bindings *bindings, struct wkv_text name, uint32_t *number)
{
    (void)pthread_mutex_lock(&bindings->lock);
    bool known = find_keyspace(bindings, name, number);
    (void)pthread_mutex_unlock(&bindings->lock);
    return known;
}

bool wkv_bindings_is_bound(struct wkv_bindings *bindings, struct wkv_text actor)
{
    if (!is_token(actor))
        return false;
    (void)pthread_mutex_lock(&bindings->lock);
    bool bound = find_slot(bindings, actor)->len != 0;
    (void)pthread_mutex_unlock(&bindings->lock);
    return bound;
}

size_t wkv_bindings_count(struct wkv_bindings *bindings)
{
    (void)pthread_mutex_lock(&bindings->lock);
    size_t count = bindings->count;
    (void)pthread_mutex_unlock(&bindings->lock);
    return count;
}

int wkv_bindings_reader_init(struct wkv_bindings_reader *reader, struct wkv_bindings *bindings)
{
    reader->bindings = bindings;
    reader->slots = calloc(READER_SLOTS, sizeof *reader->slots);
    return reader->slots == NULL ? -1 : 0;
}

void wkv_bindings_reader_destroy(struct wkv_bindings_reader *reader)
{
    free(reader->slots);
    reader->slots = NULL;
}

/* A slot from the name's last bytes, which differ between keys. Names that are aimed at one slot cost
 * their sender a look-up each. */
static uint32_t slot_of(struct wkv_text actor)
{
    uint64_t word = 0;
    size_t len = actor.len < sizeof word ? actor.len : sizeof word;
    memcpy(&word, actor.data + actor.len - len, len);
    return (uint32_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}

struct wkv_binding wkv_bindings_find(struct wkv_bindings_reader *reader, struct wkv_text actor)
{
    struct wkv_bindings *bindings = reader->bindings;
    if (actor.len == 0 || actor.len > WKV_BINDINGS_MAX_NAME_BYTES)
        return (struct wkv_binding){.keyspace = 0};
    /* Where nobody was ever bound there is nothing to know of anybody. */
    if (!atomic_load_explicit(&bindings->any, memory_order_acquire))
        return (struct wkv_binding){.keyspace = 0};
    uint64_t generation = atomic_load_explicit(&bindings->generation, memory_order_acquire);
    struct wkv_bindings_slot *slot = &reader->slots[slot_of(actor)];
    if (slot->generation == generation && same(actor, slot->name, slot->len))
        return slot->binding;
    (void)pthread_mutex_lock(&bindings->lock);
    const struct actor *found = find_slot(bindings, actor);
    slot->binding = found->len != 0 ? found->binding : (struct wkv_binding){.keyspace = 0};
    slot->generation = atomic_load_explicit(&bindings->generation, memory_order_relaxed);
    (void)pthread_mutex_unlock(&bindings->lock);
    memcpy(slot->name, actor.data, actor.len);
    slot->len = (uint32_t)actor.len;
    return slot->binding;
}
