/* Bindings and keyspaces. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/bindings.h"

static struct wkv_bindings *bindings;
static struct wkv_bindings_reader reader;
static struct wkv_error error;

static void set_up(void)
{
    bindings = wkv_bindings_create("default");
    ck_assert_ptr_nonnull(bindings);
    ck_assert(wkv_bindings_reader_init(&reader, bindings));
}

static void tear_down(void)
{
    wkv_bindings_reader_destroy(&reader);
    wkv_bindings_destroy(bindings);
}

static struct wkv_text text(const char *string)
{
    return (struct wkv_text){string, string == NULL ? 0 : strlen(string)};
}

static enum wkv_code bind(const char *actor, const char *keyspace)
{
    struct wkv_policy_binding claims = {.bound = true, .expires_s = 77};
    return wkv_bindings_bind(bindings, text(actor), text(keyspace), &claims, &error);
}

START_TEST(an_actor_is_bound_until_it_is_removed)
{
    ck_assert(!wkv_bindings_find(&reader, text("MA"))->claims.bound);
    ck_assert_int_eq(bind("MA", NULL), WKV_OK);
    ck_assert(wkv_bindings_find(&reader, text("MA"))->claims.bound);
    ck_assert_int_eq(wkv_bindings_find(&reader, text("MA"))->claims.expires_s, 77);
    ck_assert(!wkv_bindings_find(&reader, text("MB"))->claims.bound);
    wkv_bindings_remove(bindings, text("MA"));
    ck_assert(!wkv_bindings_find(&reader, text("MA"))->claims.bound);
    wkv_bindings_remove(bindings, text("MA"));
    ck_assert_uint_eq(wkv_bindings_count(bindings), 0);
}
END_TEST

START_TEST(a_keyspace_is_named_once_and_keeps_its_number)
{
    ck_assert_int_eq(bind("MA", "mine"), WKV_OK);
    uint32_t mine = wkv_bindings_find(&reader, text("MA"))->keyspace;
    ck_assert_uint_ne(mine, 0);
    ck_assert_int_eq(bind("MB", "other"), WKV_OK);
    uint32_t other = wkv_bindings_find(&reader, text("MB"))->keyspace;
    ck_assert_uint_ne(other, 0);
    ck_assert_uint_ne(other, mine);
    ck_assert_int_eq(bind("MC", "mine"), WKV_OK);
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MC"))->keyspace, mine);
    wkv_bindings_remove(bindings, text("MA"));
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MA"))->keyspace, 0);
    ck_assert_int_eq(bind("MA", "mine"), WKV_OK);
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MA"))->keyspace, mine);
    ck_assert_int_eq(bind("MA", NULL), WKV_OK);
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MA"))->keyspace, 0);
}
END_TEST

START_TEST(the_binding_s_own_name_is_the_shared_keyspace)
{
    ck_assert_int_eq(bind("MA", "default"), WKV_OK);
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MA"))->keyspace, 0);
}
END_TEST

static const struct {
    const char *actor, *keyspace, *words;
} refused[] = {
    {"", NULL, "module"},         {"M A", NULL, "module"}, {"M.A", NULL, "module"},
    {"*", NULL, "module"},        {">", NULL, "module"},   {"M\n", NULL, "module"},
    {"\xc3\xa9", NULL, "module"}, {"MA", "", "KEYSPACE"},  {"system", NULL, "module"},
};

START_TEST(what_cannot_be_bound_is_refused_and_changes_nothing)
{
    ck_assert_int_eq(bind("MA", "mine"), WKV_OK);
    uint32_t mine = wkv_bindings_find(&reader, text("MA"))->keyspace;
    ck_assert_int_eq(bind(refused[_i].actor, refused[_i].keyspace), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, refused[_i].words));
    ck_assert_uint_eq(wkv_bindings_count(bindings), 1);
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MA"))->keyspace, mine);
}
END_TEST

START_TEST(names_are_limited_on_the_byte)
{
    char longest[WKV_BINDINGS_MAX_NAME_BYTES + 2];
    memset(longest, 'x', sizeof longest);
    longest[WKV_BINDINGS_MAX_NAME_BYTES + 1] = '\0';
    ck_assert_int_eq(bind(longest, NULL), WKV_BAD_REQUEST);
    ck_assert_int_eq(bind("MA", longest), WKV_BAD_REQUEST);
    ck_assert(!wkv_bindings_find(&reader, text(longest))->claims.bound);
    longest[WKV_BINDINGS_MAX_NAME_BYTES] = '\0';
    ck_assert_int_eq(bind(longest, longest), WKV_OK);
    ck_assert(wkv_bindings_find(&reader, text(longest))->claims.bound);
}
END_TEST

/* Many actors come and go; what is left is what should be left, whatever the slots have been through. */
START_TEST(many_actors_come_and_go)
{
    enum { ACTORS = 5000 };
    static bool there[ACTORS];
    unsigned seed = 7;
    char name[16];
    for (int i = 0; i < 40000; i++) {
        int actor = (int)(rand_r(&seed) % ACTORS);
        (void)snprintf(name, sizeof name, "M%d", actor);
        if (rand_r(&seed) % 2 == 0) {
            ck_assert_int_eq(bind(name, NULL), WKV_OK);
            there[actor] = true;
        } else {
            wkv_bindings_remove(bindings, text(name));
            there[actor] = false;
        }
        if (i % 1000 != 0)
            continue;
        for (int one = 0; one < ACTORS; one += 7) {
            (void)snprintf(name, sizeof name, "M%d", one);
            ck_assert_int_eq(wkv_bindings_find(&reader, text(name))->claims.bound, there[one]);
        }
    }
}
END_TEST

START_TEST(a_flood_of_actors_and_keyspaces_is_bounded)
{
    char name[16];
    for (unsigned i = 0; i < WKV_BINDINGS_MAX_ACTORS; i++) {
        (void)snprintf(name, sizeof name, "M%u", i);
        ck_assert_int_eq(bind(name, NULL), WKV_OK);
    }
    ck_assert_int_eq(bind("MX", NULL), WKV_BUDGET_SPENT);
    ck_assert_ptr_nonnull(strstr(error.text, "65536 actors"));
    ck_assert_int_eq(bind("M1", NULL), WKV_OK);
    wkv_bindings_remove(bindings, text("M1"));
    ck_assert_int_eq(bind("MX", NULL), WKV_OK);
}
END_TEST

static bool bind_if_new(const char *actor, const char *keyspace)
{
    struct wkv_policy_binding claims = {.bound = true};
    bool bound = false;
    ck_assert_int_eq(wkv_bindings_bind_if_new(bindings, text(actor), text(keyspace), &claims, &bound, &error),
                     WKV_OK);
    return bound;
}

static unsigned told_of;

static void note_told(void *context, const struct wkv_bindings_change *change)
{
    (void)context;
    ck_assert(change->bound && change->awaited);
    told_of++;
}

START_TEST(what_is_remembered_binds_only_who_is_not_bound)
{
    told_of = 0;
    wkv_bindings_watch(bindings, note_told, NULL);
    ck_assert(bind_if_new("MA", "old"));
    ck_assert_uint_eq(told_of, 1);
    uint32_t old = wkv_bindings_find(&reader, text("MA"))->keyspace;
    ck_assert_uint_ne(old, 0);
    ck_assert(wkv_bindings_find(&reader, text("MA"))->claims.bound);
    ck_assert(!bind_if_new("MA", "older"));
    ck_assert_uint_eq(told_of, 1);
    ck_assert_uint_eq(wkv_bindings_find(&reader, text("MA"))->keyspace, old);
    ck_assert_int_eq(bind("MA", "new"), WKV_OK);
    ck_assert(!bind_if_new("MA", "old"));
    ck_assert_uint_ne(wkv_bindings_find(&reader, text("MA"))->keyspace, old);
    wkv_bindings_watch(bindings, NULL, NULL);
}
END_TEST

START_TEST(what_is_remembered_binds_nobody_who_was_removed)
{
    ck_assert_int_eq(bind("MA", NULL), WKV_OK);
    wkv_bindings_remove(bindings, text("MA"));
    wkv_bindings_remove(bindings, text("MB")); /* which nobody had bound */
    ck_assert(!bind_if_new("MA", NULL));
    ck_assert(!bind_if_new("MB", NULL));
    ck_assert(bind_if_new("MC", NULL));
    ck_assert_uint_eq(wkv_bindings_count(bindings), 1);
    ck_assert_int_eq(bind("MA", NULL), WKV_OK);
    ck_assert(wkv_bindings_find(&reader, text("MA"))->claims.bound);
}
END_TEST

START_TEST(after_more_removals_than_are_remembered_nobody_is_bound_so)
{
    char name[16];
    for (unsigned i = 0; i < WKV_BINDINGS_REMEMBERED_REMOVALS; i++) {
        (void)snprintf(name, sizeof name, "N%u", i);
        ck_assert(bind_if_new(name, NULL));
        (void)snprintf(name, sizeof name, "M%u", i);
        wkv_bindings_remove(bindings, text(name));
        wkv_bindings_remove(bindings, text(name)); /* twice is once */
    }
    ck_assert(!bind_if_new("MY", NULL));
    ck_assert(!bind_if_new("M0", NULL));
    wkv_bindings_remove(bindings, text("MZ"));
    ck_assert_int_eq(bind("MY", NULL), WKV_OK);
    ck_assert(wkv_bindings_find(&reader, text("MY"))->claims.bound);
}
END_TEST

START_TEST(what_is_remembered_is_checked_like_any_other)
{
    struct wkv_policy_binding claims = {.bound = true};
    bool bound = true;
    ck_assert_int_eq(wkv_bindings_bind_if_new(bindings, text(refused[_i].actor), text(refused[_i].keyspace),
                                              &claims, &bound, &error),
                     WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, refused[_i].words));
    ck_assert(!bound);
    ck_assert_uint_eq(wkv_bindings_count(bindings), 0);
}
END_TEST

enum { RACED = 20000 };

static void *bind_what_is_remembered(void *argument)
{
    const struct wkv_policy_binding claims = {.bound = true};
    struct wkv_error cause;
    char name[16];
    (void)argument;
    for (int i = 0; i < RACED; i++) {
        bool bound;
        (void)snprintf(name, sizeof name, "M%d", i);
        (void)wkv_bindings_bind_if_new(bindings, text(name), text("old"), &claims, &bound, &cause);
    }
    return NULL;
}

/* Whoever is first: what a host says holds in the end. */
START_TEST(what_is_remembered_never_overwrites_a_bind_at_the_same_time)
{
    pthread_t thread;
    char name[16];
    uint32_t new_keyspace;
    ck_assert_int_eq(pthread_create(&thread, NULL, bind_what_is_remembered, NULL), 0);
    for (int i = 0; i < RACED; i++) {
        (void)snprintf(name, sizeof name, "M%d", i);
        ck_assert_int_eq(bind(name, "new"), WKV_OK);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(wkv_bindings_keyspace_number(bindings, text("new"), &new_keyspace));
    for (int i = 0; i < RACED; i++) {
        (void)snprintf(name, sizeof name, "M%d", i);
        ck_assert_uint_eq(wkv_bindings_find(&reader, text(name))->keyspace, new_keyspace);
    }
}
END_TEST

/* A reader on another thread sees a change that was answered before it asked. */
struct watch {
    _Atomic int wanted;  /* 1: bound, 0: not, -1: stop */
    _Atomic int checked; /* the round that was seen as wanted */
    _Atomic int round;
};

static void *watch_binding(void *argument)
{
    struct watch *watch = argument;
    struct wkv_bindings_reader own;
    if (!wkv_bindings_reader_init(&own, bindings))
        return (void *)1;
    uintptr_t wrong = 0;
    for (int round = 1; atomic_load(&watch->wanted) >= 0;) {
        if (atomic_load(&watch->round) != round) {
            (void)sched_yield();
            continue;
        }
        wrong += wkv_bindings_find(&own, (struct wkv_text){"MA", 2})->claims.bound !=
                 (atomic_load(&watch->wanted) == 1);
        atomic_store(&watch->checked, round++);
    }
    wkv_bindings_reader_destroy(&own);
    return (void *)wrong;
}

START_TEST(a_change_is_seen_by_every_reader_at_once)
{
    struct watch watch = {0};
    pthread_t threads[2];
    struct watch watches[2] = {watch, watch};
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, watch_binding, &watches[i]), 0);
    for (int round = 1; round <= 500; round++) {
        if (round % 2 == 1)
            ck_assert_int_eq(bind("MA", NULL), WKV_OK);
        else
            wkv_bindings_remove(bindings, text("MA"));
        for (int i = 0; i < 2; i++) {
            atomic_store(&watches[i].wanted, round % 2);
            atomic_store(&watches[i].round, round);
        }
        for (int i = 0; i < 2; i++)
            while (atomic_load(&watches[i].checked) != round)
                sched_yield();
    }
    for (int i = 0; i < 2; i++) {
        void *wrong;
        atomic_store(&watches[i].wanted, -1);
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

/* ---- the budget ---- */

static uint64_t bytes_of(struct wkv_store *store)
{
    struct wkv_store_stats stats;
    wkv_store_stats(store, &stats);
    return stats.bytes;
}

/* What bindings and names take is in the budget: it comes back with RemoveActor, but for the names. */
START_TEST(bindings_are_counted_in_the_budget)
{
    struct wkv_store_options options = {.shards = 1, .max_memory_bytes = 200000};
    struct wkv_store *store = wkv_store_create(&options, 0);
    const uint64_t actor = WKV_BINDINGS_ACTOR_BYTES + 3 * WKV_BINDINGS_SUBSCRIPTION_BYTES;
    uint64_t empty = bytes_of(store);
    char name[32];
    unsigned bound = 0;
    wkv_bindings_count_in(bindings, store, 3);
    ck_assert_int_eq(bind("MA", "mine"), WKV_OK);
    ck_assert_uint_eq(bytes_of(store), empty + actor + WKV_BINDINGS_KEYSPACE_BYTES + 4);
    ck_assert_int_eq(bind("MA", "mine"), WKV_OK);
    ck_assert_uint_eq(bytes_of(store), empty + actor + WKV_BINDINGS_KEYSPACE_BYTES + 4);
    wkv_bindings_remove(bindings, text("MA"));
    wkv_bindings_remove(bindings, text("MA"));
    ck_assert_uint_eq(bytes_of(store), empty + WKV_BINDINGS_KEYSPACE_BYTES + 4);
    for (;; bound++) {
        (void)snprintf(name, sizeof name, "M%u", bound);
        if (bind(name, NULL) != WKV_OK)
            break;
    }
    ck_assert_uint_eq(bound, (200000 - empty - WKV_BINDINGS_KEYSPACE_BYTES - 4) / actor);
    ck_assert_int_eq(error.code, WKV_BUDGET_SPENT);
    ck_assert_ptr_nonnull(strstr(error.text, "--max-memory"));
    uint64_t full = bytes_of(store);
    /* A bind that is refused names no keyspace; one that is there may be bound anew. */
    ck_assert_int_eq(bind("MX", "new name"), WKV_BUDGET_SPENT);
    ck_assert_uint_eq(wkv_bindings_keyspaces(bindings), 2);
    ck_assert(!wkv_bindings_is_bound(bindings, text("MX")));
    ck_assert_int_eq(bind("M0", "mine"), WKV_OK);
    ck_assert_uint_eq(bytes_of(store), full);
    wkv_bindings_remove(bindings, text("M0"));
    ck_assert_int_eq(bind("MX", NULL), WKV_OK);
    wkv_store_destroy(store);
}
END_TEST

static enum wkv_code count_question(void *context, struct wkv_text actor, struct wkv_error *why)
{
    (void)actor;
    (void)why;
    ++*(unsigned *)context;
    return WKV_OK;
}

/* Nobody listens, and asks the server, for an actor for which there is no room. */
START_TEST(a_bind_without_room_is_refused_before_anybody_is_asked)
{
    struct wkv_store_options options = {.shards = 1, .max_memory_bytes = 200000};
    struct wkv_store *store = wkv_store_create(&options, 0);
    unsigned asked = 0, bound = 0;
    char name[32];
    struct wkv_bindings_guard guard = {.before = count_question, .context = &asked};
    wkv_bindings_count_in(bindings, store, 3);
    wkv_bindings_set_guard(bindings, &guard);
    do
        (void)snprintf(name, sizeof name, "M%u", bound);
    while (bind(name, NULL) == WKV_OK && ++bound < 1000);
    ck_assert_int_eq(error.code, WKV_BUDGET_SPENT);
    ck_assert_uint_eq(asked, bound);
    /* One that is bound takes no more room. */
    ck_assert_int_eq(bind("M0", NULL), WKV_OK);
    ck_assert_uint_eq(asked, bound + 1);
    wkv_bindings_set_guard(bindings, NULL);
    wkv_store_destroy(store);
}
END_TEST

/* A number, and with it the data, is never given to another name, however many there are. */
START_TEST(keyspaces_are_bounded_and_keep_their_numbers)
{
    char name[32];
    for (unsigned i = 1; i < WKV_BINDINGS_MAX_KEYSPACES; i++) {
        (void)snprintf(name, sizeof name, "k%u", i);
        ck_assert_int_eq(bind("MA", name), WKV_OK);
        wkv_bindings_remove(bindings, text("MA"));
    }
    ck_assert_int_eq(bind("MB", "one more"), WKV_BUDGET_SPENT);
    ck_assert_ptr_nonnull(strstr(error.text, "65536 keyspaces"));
    ck_assert(!wkv_bindings_find(&reader, text("MB"))->claims.bound);
    for (unsigned i = 1; i < WKV_BINDINGS_MAX_KEYSPACES; i += 4099) {
        (void)snprintf(name, sizeof name, "k%u", i);
        ck_assert_int_eq(bind("MB", name), WKV_OK);
        ck_assert_uint_eq(wkv_bindings_find(&reader, text("MB"))->keyspace, i);
    }
}
END_TEST

static size_t remove_untrusted(struct wkv_bindings *all)
{
    struct wkv_bindings_sweep sweep;
    size_t before = 0;
    wkv_bindings_sweep_begin(&sweep, all);
    /* Nothing else waits for more than a piece. */
    for (bool more = true; more; before = sweep.removed) {
        more = wkv_bindings_sweep_on(&sweep);
        ck_assert_uint_le(sweep.removed - before, 64);
    }
    wkv_bindings_sweep_end(&sweep);
    return sweep.removed;
}

/* ---- hosts that are not trusted any more ---- */

/* A set that trusts only the host of that number. */
static struct wkv_trust *trust_host(unsigned char number)
{
    struct wkv_trust *trust;
    struct wkv_nkey key = {.kind = WKV_NKEY_HOST};
    char text_of_key[WKV_NKEY_PUBLIC_CHARS + 1];
    memset(key.bytes, number, sizeof key.bytes);
    wkv_nkey_encode(&key, text_of_key);
    ck_assert_int_eq(wkv_trust_create(&trust, NULL), WKV_OK);
    ck_assert_int_eq(wkv_trust_add(trust, WKV_TRUST_HOSTS, text_of_key, strlen(text_of_key), NULL), WKV_OK);
    return trust;
}

/* number 0: nobody knows by whom. */
static void bind_by(const char *actor, unsigned char number)
{
    struct wkv_policy_binding claims = {.bound = true, .has_host = number != 0};
    memset(claims.host, number, sizeof claims.host);
    ck_assert_int_eq(wkv_bindings_bind(bindings, text(actor), text(NULL), &claims, &error), WKV_OK);
}

static void note_removed(void *context, const struct wkv_bindings_change *change)
{
    unsigned *told = context;
    ck_assert(!change->bound && !wkv_bindings_is_bound(bindings, change->actor));
    ++*told;
    ck_assert_int_eq(change->awaited, *told == 1000);
    /* Others bind meanwhile, until the table grows and every actor lies elsewhere. */
    char name[32];
    (void)snprintf(name, sizeof name, "Mnew%u", *told);
    wkv_bindings_watch(bindings, NULL, NULL);
    bind_by(name, 2);
    wkv_bindings_watch(bindings, note_removed, told);
}

START_TEST(with_a_host_go_its_bindings_and_no_others)
{
    enum { ACTORS = 3 * 1000 };
    struct wkv_trust_source *second;
    unsigned told = 0;
    char name[32];
    ck_assert_int_eq(wkv_trust_source_create(trust_host(2), &second, NULL), WKV_OK);
    for (unsigned i = 0; i < ACTORS; i++) {
        (void)snprintf(name, sizeof name, "M%u", i);
        bind_by(name, (unsigned char)(i % 3));
    }
    wkv_bindings_trust(bindings, second);
    wkv_bindings_watch(bindings, note_removed, &told);
    ck_assert_uint_eq(remove_untrusted(bindings), ACTORS / 3);
    ck_assert_uint_eq(told, ACTORS / 3);
    ck_assert_uint_eq(remove_untrusted(bindings), 0);
    wkv_bindings_watch(bindings, NULL, NULL);
    for (unsigned i = 0; i < ACTORS; i++) {
        (void)snprintf(name, sizeof name, "M%u", i);
        ck_assert_int_eq(wkv_bindings_find(&reader, text(name))->claims.bound, i % 3 != 1);
    }
    ck_assert_uint_eq(wkv_bindings_count(bindings), ACTORS);
    wkv_trust_source_destroy(second);
}
END_TEST

START_TEST(what_another_host_bound_anew_is_that_hosts)
{
    struct wkv_trust_source *second;
    ck_assert_int_eq(wkv_trust_source_create(trust_host(2), &second, NULL), WKV_OK);
    bind_by("MA", 1);
    bind_by("MA", 2);
    ck_assert_uint_eq(remove_untrusted(bindings), 0);
    wkv_bindings_trust(bindings, second);
    ck_assert_uint_eq(remove_untrusted(bindings), 0);
    wkv_bindings_trust(bindings, NULL);
    bind_by("MA", 1);
    wkv_bindings_trust(bindings, second);
    ck_assert_uint_eq(remove_untrusted(bindings), 1);
    /* As with RemoveActor, what others remember does not bring it back. */
    ck_assert(!bind_if_new("MA", NULL));
    wkv_trust_source_destroy(second);
}
END_TEST

static enum wkv_code bind_to(const char *actor, const char *keyspace, unsigned char number)
{
    struct wkv_policy_binding claims = {.bound = true, .has_host = number != 0};
    memset(claims.host, number, sizeof claims.host);
    return wkv_bindings_bind(bindings, text(actor), text(keyspace), &claims, &error);
}

/* A reload may take a host away between the check of its signature and its bind. */
START_TEST(a_host_that_was_taken_away_binds_nobody_and_leaves_what_others_bound)
{
    struct wkv_trust_source *source;
    struct wkv_policy_binding remembered = {.bound = true, .has_host = true, .host = {1}};
    bool bound;
    char name[WKV_BINDINGS_MAX_NAME_BYTES + 1];
    ck_assert_int_eq(wkv_trust_source_create(trust_host(2), &source, NULL), WKV_OK);
    wkv_bindings_trust(bindings, source);
    ck_assert_int_eq(bind_to("MA", "good", 2), WKV_OK);
    ck_assert_int_eq(bind_to("MA", "bad", 1), WKV_UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.text, "untrusted host"));
    ck_assert_int_eq(bind_to("MB", NULL, 1), WKV_UNAUTHORIZED);
    struct wkv_binding left = *wkv_bindings_find(&reader, text("MA"));
    ck_assert(left.claims.bound && left.claims.host[0] == 2);
    ck_assert(wkv_bindings_keyspace_name(bindings, left.keyspace, name));
    ck_assert_str_eq(name, "good");
    ck_assert_uint_eq(wkv_bindings_keyspaces(bindings), 2);
    ck_assert(!wkv_bindings_is_bound(bindings, text("MB")));
    /* It was never bound, and so it was not removed: another may remember it. */
    ck_assert_int_eq(wkv_bindings_bind_if_new(bindings, text("MB"), text(NULL), &remembered, &bound, &error),
                     WKV_UNAUTHORIZED);
    ck_assert(!bound);
    remembered.has_host = false;
    ck_assert_int_eq(wkv_bindings_bind_if_new(bindings, text("MB"), text(NULL), &remembered, &bound, &error),
                     WKV_OK);
    ck_assert(bound);
    wkv_trust_source_publish(source, trust_host(1));
    ck_assert_int_eq(bind_to("MA", NULL, 2), WKV_UNAUTHORIZED);
    ck_assert_int_eq(bind_to("MA", NULL, 1), WKV_OK);
    ck_assert_int_eq(bind_to("MA", NULL, 0), WKV_OK);
    wkv_trust_source_destroy(source);
}
END_TEST

Suite *bindings_suite(void)
{
    Suite *suite = suite_create("access/bindings");
    TCase *tests = tcase_create("bindings");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_actor_is_bound_until_it_is_removed);
    tcase_add_test(tests, a_keyspace_is_named_once_and_keeps_its_number);
    tcase_add_test(tests, the_binding_s_own_name_is_the_shared_keyspace);
    tcase_add_loop_test(tests, what_cannot_be_bound_is_refused_and_changes_nothing, 0,
                        sizeof refused / sizeof refused[0]);
    tcase_add_test(tests, names_are_limited_on_the_byte);
    tcase_add_test(tests, many_actors_come_and_go);
    tcase_add_test(tests, a_flood_of_actors_and_keyspaces_is_bounded);
    tcase_add_test(tests, what_is_remembered_binds_only_who_is_not_bound);
    tcase_add_test(tests, what_is_remembered_binds_nobody_who_was_removed);
    tcase_add_test(tests, after_more_removals_than_are_remembered_nobody_is_bound_so);
    tcase_add_loop_test(tests, what_is_remembered_is_checked_like_any_other, 0,
                        sizeof refused / sizeof refused[0]);
    tcase_add_test(tests, what_is_remembered_never_overwrites_a_bind_at_the_same_time);
    tcase_add_test(tests, a_change_is_seen_by_every_reader_at_once);
    tcase_add_test(tests, bindings_are_counted_in_the_budget);
    tcase_add_test(tests, a_bind_without_room_is_refused_before_anybody_is_asked);
    tcase_add_test(tests, keyspaces_are_bounded_and_keep_their_numbers);
    tcase_add_test(tests, with_a_host_go_its_bindings_and_no_others);
    tcase_add_test(tests, what_another_host_bound_anew_is_that_hosts);
    tcase_add_test(tests, a_host_that_was_taken_away_binds_nobody_and_leaves_what_others_bound);
    suite_add_tcase(suite, tests);
    return suite;
}
