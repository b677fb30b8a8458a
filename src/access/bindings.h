/* Bindings: which actors are bound, with what claims, and which keyspace each of them has (CONTRACT sections
 * 3 and 6).
 *
 * One registry holds them for the process, under a mutex. Each worker looks through a reader of its own,
 * which remembers what it has looked up until the registry changes; so a request of an actor that was there
 * before takes no lock and shares no written cache line with other workers:
 *
 *   system's BindActor ──► registry ── mutex; counts its generation up
 *                             ▲
 *   worker's request ──► reader ── one atomic load, and the mutex only for an actor that it does not
 *                                  remember, or after a change
 *
 * Keyspaces have numbers, given out here: the binding's own name is 0, a name that is new gets the next one.
 * A number is never given out again: a keyspace's data outlives the bindings that named it.
 */
#ifndef WKV_ACCESS_BINDINGS_H
#define WKV_ACCESS_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/policy.h"
#include "support/error.h"
#include "wascc_keyvalue/store.h"

/* Bytes of an actor's name in a subject, and of a keyspace's name, at the most. */
#define WKV_BINDINGS_MAX_NAME_BYTES 128u
/* How many actors can be bound at once, and how many keyspaces named since start. */
#define WKV_BINDINGS_MAX_ACTORS 65536u
#define WKV_BINDINGS_MAX_KEYSPACES 65536u

/* What is known of an actor. Plain data. */
struct wkv_binding {
    struct wkv_policy_binding
        claims;        /* .bound says whether the actor is bound; the rest as BindActor brought it */
    uint32_t keyspace; /* 0 for an actor that is not bound or named none */
};

struct wkv_bindings;

/* Makes an empty registry whose keyspace 0 has the name of the binding. Errors: NULL where memory is short.
 */
struct wkv_bindings *wkv_bindings_create(const char *binding);

/* From now on what a binding and a keyspace's name take is counted in the store's budget, and refused where
 * that is spent: in the registry, and in the subscriptions to an actor's subject, which so many workers have.
 * Before the first bind; the store outlives the registry. */
void wkv_bindings_count_in(struct wkv_bindings *bindings, struct wkv_store *store, unsigned workers);

/* From now on what a host binds is refused with WKV_UNAUTHORIZED where trust does not have the host any more,
 * and a sweep (wkv_bindings_sweep_on) takes away what such hosts have bound. Not while others bind; trust
 * (NULL: every host may bind) outlives the registry. */
void wkv_bindings_trust(struct wkv_bindings *bindings, struct wkv_trust_source *trust);

/* What is counted for a binding with so many subscriptions, and for a keyspace's name: measured, rounded up.
 */
#define WKV_BINDINGS_ACTOR_BYTES 768u
#define WKV_BINDINGS_SUBSCRIPTION_BYTES 2048u
#define WKV_BINDINGS_KEYSPACE_BYTES 64u /* and the bytes of the name */

/* Frees it; no reader may be in use. NULL is allowed. */
void wkv_bindings_destroy(struct wkv_bindings *bindings);

/* Binds the actor, or binds it anew: what an earlier binding said is forgotten. keyspace is the name (data
 * NULL: the binding's own). Any thread. Errors: WKV_BAD_REQUEST (a name that is empty or too long, or not a
 * subject's token), WKV_BUDGET_SPENT (too many actors or keyspaces), WKV_NO_MEMORY, WKV_UNAUTHORIZED (see
 * wkv_bindings_trust), the guard's; the actor is then bound as it was before. */
enum wkv_code wkv_bindings_bind(struct wkv_bindings *bindings, struct wkv_text actor,
                                struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                struct wkv_error *error);

/* The same for a binding that others remember, which anything newer since start overrides: nothing happens
 * where the actor is bound, or was removed. *bound says whether this call bound it. Removals are remembered
 * up to a number, and after more of them no actor is bound in this way. Errors: as wkv_bindings_bind. */
enum wkv_code wkv_bindings_bind_if_new(struct wkv_bindings *bindings, struct wkv_text actor,
                                       struct wkv_text keyspace, const struct wkv_policy_binding *claims,
                                       bool *bound, struct wkv_error *error);

/* Whether the guard confirms a bind by wkv_bindings_bind_if_new, which does not wait for that: there may be
 * thousands, and what is waited for is the same for all. Any thread. Errors: the guard's. */
enum wkv_code wkv_bindings_confirm(struct wkv_bindings *bindings, struct wkv_text actor, int64_t until_ns,
                                   struct wkv_error *error);

/* So long the guard has to confirm a bind. */
#define WKV_BINDINGS_CONFIRM_NS (150 * WKV_NS_PER_MS)

/* How many removals are remembered. */
#define WKV_BINDINGS_REMEMBERED_REMOVALS 1024u

/* Whether that can be an actor: one token of a subject, and not `system`, which is a host. Any thread.
 * Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_bindings_check_actor(struct wkv_text actor, struct wkv_error *error);

/* Takes the actor's binding away; one that is not bound is no error. Any thread. */
void wkv_bindings_remove(struct wkv_bindings *bindings, struct wkv_text actor);

/* Takes away the bindings of hosts that wkv_bindings_trust's list does not have any more, as RemoveActor
 * would. There may be tens of thousands, so it goes piece by piece, some milliseconds each, with the caller's
 * other duties in between. Any thread, after a list was published: no bind at the same time is missed. */
struct wkv_bindings_sweep {
    size_t removed; /* so far; for reading */
    /* Its own. */
    struct wkv_bindings *bindings;
    struct wkv_trust_reader reader;
    uint32_t at; /* slot */
    uint64_t generation;
};
void wkv_bindings_sweep_begin(struct wkv_bindings_sweep *sweep, struct wkv_bindings *bindings);
void wkv_bindings_sweep_end(struct wkv_bindings_sweep *sweep);

/* One piece. Returns whether there are more. The watcher is told of each binding, and only the last of all is
 * `awaited`. */
bool wkv_bindings_sweep_on(struct wkv_bindings_sweep *sweep);

/* Whether that actor is bound. Any thread. */
bool wkv_bindings_is_bound(struct wkv_bindings *bindings, struct wkv_text actor);

/* Actors that are bound. Any thread. */
size_t wkv_bindings_count(struct wkv_bindings *bindings);

/* ---- where a log decides: the registry shows what the log has come to ---- */

/* What a host, or the lattice, wants of the log. Texts are borrowed. */
struct wkv_bindings_wish {
    struct wkv_text actor;
    bool bound;               /* else the binding is to be taken away */
    bool if_new;              /* nothing where the actor is bound, or was removed */
    struct wkv_text keyspace; /* of a bind; data NULL: the binding's own */
    struct wkv_policy_binding claims;
};

/* From now on what is bound by wkv_bindings_bind_if_new, removed or swept away is no change but a wish, which
 * is handed to record. NULL: no more. Before others bind. */
typedef void (*wkv_bindings_recorder)(void *context, const struct wkv_bindings_wish *wish);
void wkv_bindings_record(struct wkv_bindings *bindings, wkv_bindings_recorder record, void *context);

/* All of wkv_bindings_bind but the change itself. Where the log does not take the wish, wkv_bindings_give_up
 * follows. Errors: those of wkv_bindings_bind. */
enum wkv_code wkv_bindings_prepare(struct wkv_bindings *bindings, const struct wkv_bindings_wish *wish,
                                   struct wkv_error *error);
void wkv_bindings_give_up(struct wkv_bindings *bindings, struct wkv_text actor);

/* What the log says. Names of keyspaces come in the order of their numbers, from 1. The watcher is not told:
 * that may wait for a server, and is wkv_bindings_settle's. Errors: false where memory is short. */
bool wkv_bindings_put_keyspace(struct wkv_bindings *bindings, struct wkv_text name, uint32_t number);
bool wkv_bindings_put(struct wkv_bindings *bindings, struct wkv_text actor,
                      const struct wkv_binding *binding);
void wkv_bindings_take(struct wkv_bindings *bindings, struct wkv_text actor);

/* Tells the watcher that the actor's binding has changed, on this thread. */
void wkv_bindings_settle(struct wkv_bindings *bindings, struct wkv_text actor);

/* A change of an actor's binding. */
struct wkv_bindings_change {
    struct wkv_text actor;
    bool bound;   /* else it is bound no more */
    bool awaited; /* the change is answered when the watcher returns: it, and those before it, must hold then
                   */
};

/* Called after each change, outside the registry's lock, on the thread that made it. */
typedef void (*wkv_bindings_watcher)(void *context, const struct wkv_bindings_change *change);

/* Sets the one watcher (NULL: none any more). Not while others bind or remove. */
void wkv_bindings_watch(struct wkv_bindings *bindings, wkv_bindings_watcher watcher, void *context);

/* `before` is called before each bind, on the thread that binds, and may refuse it: then nothing changes.
 * `confirm` may refuse it yet, after it has waited until then (monotonic) for what stands in the way.
 * `gave_up` is called where the bind fails for another reason after these. */
struct wkv_bindings_guard {
    enum wkv_code (*before)(void *context, struct wkv_text actor, struct wkv_error *error);
    enum wkv_code (*confirm)(void *context, struct wkv_text actor, int64_t until_ns,
                             struct wkv_error *error); /* NULL: none */
    void (*gave_up)(void *context, struct wkv_text actor);
    void *context;
};

/* Sets the one guard, which is copied (NULL: none any more). Not while others bind or remove. */
void wkv_bindings_set_guard(struct wkv_bindings *bindings, const struct wkv_bindings_guard *guard);

/* One binding, for lists of them. */
struct wkv_bindings_listed {
    char actor[WKV_BINDINGS_MAX_NAME_BYTES + 1];
    char keyspace[WKV_BINDINGS_MAX_NAME_BYTES + 1]; /* its name: UTF-8 */
    struct wkv_policy_binding claims;
};

/* Writes the bindings behind the actor `after` (no bytes: from the first), in the order of the actors' names,
 * at most max (> 0) of them, and returns how many. Any thread. Looks at all bindings under the lock. Errors:
 * SIZE_MAX where memory is short. */
size_t wkv_bindings_list(struct wkv_bindings *bindings, struct wkv_text after,
                         struct wkv_bindings_listed *out, size_t max);

/* ---- keyspaces; any thread ---- */

/* How many there are: their numbers go from 0, the binding's own, to one less. */
uint32_t wkv_bindings_keyspaces(struct wkv_bindings *bindings);

/* Copies the name of a keyspace. Returns false where there is none of that number. */
bool wkv_bindings_keyspace_name(struct wkv_bindings *bindings, uint32_t number,
                                char out[WKV_BINDINGS_MAX_NAME_BYTES + 1]);

/* Finds the number of the keyspace with that name. Returns false where it was never named. */
bool wkv_bindings_keyspace_number(struct wkv_bindings *bindings, struct wkv_text name, uint32_t *number);

struct wkv_bindings_slot;

/* What one worker remembers of the registry. Opaque; only its own thread may use it. */
struct wkv_bindings_reader {
    struct wkv_bindings *bindings;   /* borrowed */
    struct wkv_bindings_slot *slots; /* owned */
};

/* Errors: false where memory is short. */
bool wkv_bindings_reader_init(struct wkv_bindings_reader *reader, struct wkv_bindings *bindings);
void wkv_bindings_reader_destroy(struct wkv_bindings_reader *reader);

/* What is known of the actor now: a change that has been answered before this call is seen. The reader's,
 * until its next call. */
const struct wkv_binding *wkv_bindings_find(struct wkv_bindings_reader *reader, struct wkv_text actor);

#endif
