/* Random histories of groups, conditions, operations with an id, bindings, retries and clocks that go back,
 * with a snapshot at random points: what is recovered from it must be what lives. And each wrong rule of
 * snapshots must be seen to be wrong. */
#include <inttypes.h>

#include "replica/log.h"

enum { RECORDS = 260, WRITERS = 400, OLD = 12 };

enum style { MIXED, MANY_BINDINGS, MANY_GROUPS, STYLES };

struct history {
    uint64_t rng;
    enum style style;
    struct sim_log log;
    struct wkv_replica *known; /* what takers know */
    int64_t time_ns;
    struct {
        uint64_t join, next, floor;
    } writers[WRITERS];
    size_t writer_count;
    struct wkv_text old[OLD]; /* records that may come again */
    size_t old_count;
};

static bool one_in(struct history *history, unsigned many)
{
    return test_below(&history->rng, many) == 0;
}

static int64_t below(struct history *history, int64_t limit)
{
    return (int64_t)test_below(&history->rng, (size_t)limit);
}

#define PICK(history, ...)                                                                                   \
    ((const int64_t[]){                                                                                      \
        __VA_ARGS__}[test_below(&(history)->rng, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))])

/* ---- operations ---- */

static const char *const actors[] = {"MX", "MY"};
static const char *const spaces[] = {"a", "b", "c"};

/* A write as a member of a Batch, or by itself: the name of its operation, and its request. */
static void write_json(struct history *history, uint32_t keyspace, const char **name, const char **member,
                       char json[256])
{
    char key[16], value[16];
    int number = (int)below(history, 5);
    (void)snprintf(key, sizeof key, "k%d", (int)below(history, keyspace == 0 ? 9 : 2));
    (void)snprintf(value, sizeof value, "%d", number);
    if (one_in(history, 3))
        (void)snprintf(value, sizeof value, "text");
    const char *const values[] = {"3", "text"};
    static const struct {
        const char *name, *member;
    } writes[] = {{"Increment", "increment"},
                  {"Set", "set"},
                  {"Del", "del"},
                  {"CompareAndSet", "compare_and_set"},
                  {"Push", "push"},
                  {"Pop", "pop"},
                  {"SetAdd", "set_add"},
                  {"SetRemove", "set_remove"},
                  {"Expire", "expire"}};
    int64_t which = keyspace == 0 ? PICK(history, 0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8)
                                  : PICK(history, 0, 0, 1, 2, 2, 2);
    *name = writes[which].name;
    *member = writes[which].member;
    switch (which) {
    case 0:
        (void)snprintf(json, 256, "{\"key\":\"%s\",\"delta\":%d}", key, (int)below(history, 8) + 1);
        break;
    case 1:
        (void)snprintf(json, 256, "{\"key\":\"%s\",\"value\":\"%s\",\"expires_s\":%d}", key, value,
                       (int)PICK(history, 0, 0, 9));
        break;
    case 3:
        if (one_in(history, 2))
            (void)snprintf(json, 256, "{\"key\":\"%s\",\"value\":\"%s\"}", key, value);
        else
            (void)snprintf(json, 256, "{\"key\":\"%s\",\"value\":\"%s\",\"expected\":\"%s\"}", key, value,
                           values[below(history, 2)]);
        break;
    case 2:
    case 5:
        (void)snprintf(json, 256, "{\"key\":\"%s\"}", key);
        break;
    case 8:
        (void)snprintf(json, 256, "{\"key\":\"%s\",\"expires_ms\":%d}", key,
                       (int)PICK(history, 0, 3000, 9000));
        break;
    default:
        (void)snprintf(json, 256, "{\"key\":\"%s\",\"value\":\"%s\"}", key, value);
    }
}

/* One read in three; a read of another kind refuses an atomic Batch. */
static size_t write_item(struct history *history, uint32_t keyspace, char *json, size_t room)
{
    const char *name, *member;
    char request[256];
    if (one_in(history, history->style == MANY_GROUPS ? 2 : 3)) {
        (void)snprintf(request, sizeof request, "{\"key\":\"k%d\"}",
                       (int)below(history, keyspace == 0 ? 9 : 2));
        member = one_in(history, 4) ? "key_exists" : "get";
    } else
        write_json(history, keyspace, &name, &member, request);
    return (size_t)snprintf(json, room, "{\"%s\":%s}", member, request);
}

static void add_operation(struct history *history, struct sim_ops *ops)
{
    struct sim_once once = {.id = (unsigned)below(history, 40), .payload = 7, .window_ms = 60000};
    bool keyed = one_in(history, 4);
    uint32_t keyspace = 0;
    struct wkv_replica_binding binding;
    if (one_in(history, 2) &&
        wkv_replica_find_binding(history->known, test_text(actors[below(history, 2)]), &binding))
        keyspace = binding.keyspace;
    const char *name, *member;
    char json[2048];
    if (one_in(history, 12)) { /* of few invocations, some of them too old */
        unsigned id = (unsigned)below(history, 30);
        sim_note(ops, id, history->time_ns / SIM_SECOND + below(history, 90) - 20);
        ops->noted = true;
    }
    bool group = history->style == MANY_GROUPS ? !one_in(history, 5) : one_in(history, 3);
    if (!group) {
        write_json(history, keyspace, &name, &member, json);
        sim_request(ops, keyspace, keyed ? &once : NULL, name, "%s", json);
        return;
    }
    size_t items = (size_t)below(history, 3) + 1;
    size_t len = (size_t)snprintf(json, sizeof json, "{\"atomic\":%s,\"requests\":[",
                                  one_in(history, 4) ? "false" : "true");
    for (size_t i = 0; i < items; i++) {
        json[len] = ',';
        len += i > 0;
        len += write_item(history, keyspace, json + len, sizeof json - len);
    }
    sim_request(ops, keyspace, keyed ? &once : NULL, "Batch", "%.*s]}", (int)len, json);
}

/* ---- records ---- */

static void add_join(struct history *history)
{
    uint64_t join = sim_join(&history->log, history->time_ns, "i", 1);
    ck_assert_uint_lt(history->writer_count, WRITERS);
    history->writers[history->writer_count].join = join;
    history->writers[history->writer_count].next = history->writers[history->writer_count].floor = 1;
    history->writer_count++;
}

static size_t pick_writer(struct history *history)
{
    return history->writer_count - 1 - (size_t)below(history, 3);
}

static struct wkv_record next_record(struct history *history)
{
    size_t writer = pick_writer(history);
    uint64_t number = history->writers[writer].next++;
    uint64_t *floor = &history->writers[writer].floor;
    if (number >= WKV_WRITER_WINDOW && *floor < number - WKV_WRITER_WINDOW + 1)
        *floor = number - WKV_WRITER_WINDOW + 1;
    if (one_in(history, 3)) {
        uint64_t back = (uint64_t)below(history, 4), floor_of = number > back ? number - back : 1;
        *floor = *floor > floor_of ? *floor : floor_of;
    }
    uint64_t bindings = wkv_replica_bindings(history->known);
    return (struct wkv_record){.writer = wkv_record_writer(history->writers[writer].join, 0),
                               .number = number,
                               .floor = *floor,
                               .deadline_ns = one_in(history, 3) ? history->time_ns + 4 * SIM_SECOND : 0,
                               .bindings = one_in(history, 5) && bindings > 0 ? bindings - 1 : bindings};
}

static void add_batch(struct history *history, bool binds)
{
    struct sim_ops ops = {.count = 0};
    struct wkv_record record = next_record(history);
    if (binds) {
        const char *actor = actors[below(history, 2)];
        record.bindings = UINT64_MAX;
        const char *space = spaces[below(history, 3)];
        if (below(history, 5) < 2)
            sim_unbind(&ops, 0, actor);
        else
            sim_bind(&ops, 0, actor, space);
    }
    for (int64_t i = binds ? 0 : below(history, 5); i > 0; i--)
        add_operation(history, &ops);
    uint64_t position = sim_append_batch(&history->log, history->time_ns, &record, &ops);
    if (!binds)
        history->old[history->old_count++ % OLD] = sim_message(&history->log, position);
}

static void add_retry(struct history *history)
{
    size_t count = history->old_count < OLD ? history->old_count : OLD;
    (void)sim_append(&history->log, history->time_ns, history->old[below(history, (int64_t)count)]);
}

static void add_record(struct history *history)
{
    history->time_ns += PICK(history, -3, 0, 1, 2, 5) * SIM_SECOND;
    if (one_in(history, 500))
        history->time_ns += 700 * SIM_SECOND;
    if (history->writer_count < 3 || one_in(history, 50))
        add_join(history);
    else if (one_in(history, history->style == MANY_BINDINGS ? 3 : 7))
        add_batch(history, true);
    else if (history->old_count > 0 && one_in(history, 7))
        add_retry(history);
    else
        add_batch(history, false);
    sim_feed_all(history->known, &history->log);
}

static void write_history(struct history *history, uint64_t seed)
{
    *history =
        (struct history){.rng = seed, .style = (enum style)(seed % STYLES), .time_ns = 1000000 * SIM_SECOND};
    sim_log_begin(&history->log, test_random(&history->rng), history->time_ns);
    history->known = sim_replica(NULL, 0);
    sim_feed_all(history->known, &history->log);
    while (history->log.count < RECORDS)
        add_record(history);
}

/* ---- answers ---- */

struct answers {
    uint64_t of[RECORDS + 1]; /* by position: what its operations answered, in one number */
    uint64_t position;
};

static bool see_batch(void *context, const struct wkv_replica_batch *batch)
{
    struct answers *answers = context;
    answers->position = batch->position;
    answers->of[batch->position] = (uint64_t)batch->verdict + 1;
    return true;
}

static void see_answer(void *context, uint32_t operation, const struct wkv_replica_answer *answer)
{
    static const struct wkv_record_key key = {.log_id = 0};
    struct answers *answers = context;
    uint64_t *all = &answers->of[answers->position];
    const uint64_t parts[] = {
        *all, (uint64_t)operation << 16 | (uint64_t)answer->code, answer->duplicate,
        wkv_record_hash(&key, answer->code == WKV_OK ? answer->reply : test_text(answer->text))};
    *all = wkv_record_hash_numbers(&key, parts, 4);
}

static struct wkv_replica_events events_of(struct answers *answers)
{
    return (struct wkv_replica_events){.batch = see_batch, .answer = see_answer, .context = answers};
}

/* ---- recovery ---- */

enum outcome { FINE, WRONG, NOTHING };

static uint64_t own_parts;

/* Lives through the log, with a snapshot on the way that is begun at `start`. */
static bool live(struct history *history, struct wkv_replica *live, struct sim_snapshot *snapshot)
{
    uint64_t start = 20 + (uint64_t)below(history, 160);
    for (uint64_t position = 1; position <= history->log.count; position++) {
        if (sim_feed(live, &history->log, position) > WKV_FEED_FOREIGN)
            return false;
        if (position == start)
            sim_snapshot_begin(live, snapshot, 9);
        else if (position > start && one_in(history, 4))
            wkv_replica_snapshot_slice(live, (size_t)below(history, 4) + 1);
        if (one_in(history, 9))
            (void)wkv_replica_maintain(live, 100);
    }
    return true;
}

static bool refuse_chunk(void *context, struct wkv_text chunk)
{
    (void)context, (void)chunk;
    return false;
}

static enum outcome replay(struct history *history, struct wkv_replica *live,
                           const struct sim_snapshot *snapshot, const struct answers *lived)
{
    struct answers *recovered = calloc(1, sizeof *recovered);
    struct wkv_replica_events events = events_of(recovered);
    struct wkv_replica *replica = sim_recover(&history->log, snapshot, &events, 0);
    enum outcome outcome = replica == NULL ? WRONG : FINE;
    uint64_t last = replica == NULL ? 0 : replica->parts.last;
    /* Before it has replayed all that its snapshot had, its keys are as of several positions. */
    if (last > 0)
        ck_assert(!wkv_replica_begin_snapshot(replica, 1, refuse_chunk, NULL));
    while (outcome == FINE && wkv_replica_applied(replica) < history->log.count) {
        uint64_t position = wkv_replica_applied(replica) + 1;
        if (sim_feed(replica, &history->log, position) > WKV_FEED_FOREIGN ||
            (position > last && recovered->of[position] != lived->of[position]))
            outcome = WRONG;
    }
    if (outcome == FINE && sim_state(replica) != sim_state(live))
        outcome = WRONG;
    wkv_replica_destroy(replica);
    free(recovered);
    return outcome;
}

static enum outcome recovery(uint64_t seed)
{
    struct history history;
    struct sim_snapshot snapshot = {.count = 0};
    struct answers *lived = calloc(1, sizeof *lived);
    struct wkv_replica_events events = events_of(lived);
    write_history(&history, seed);
    struct wkv_replica *replica = sim_replica(&events, 0);
    enum outcome outcome = live(&history, replica, &snapshot) ? FINE : WRONG;
    if (outcome == FINE && wkv_replica_snapshot(replica) != WKV_SNAPSHOT_WHOLE)
        outcome = NOTHING;
    if (outcome == FINE) {
        sim_snapshot_end(replica, &snapshot);
        for (size_t i = 0; i < snapshot.count; i++)
            own_parts += snapshot.chunks[i].data[5] == WKV_PART_OWN;
        outcome = replay(&history, replica, &snapshot, lived);
    }
    sim_snapshot_free(&snapshot);
    wkv_replica_destroy(replica);
    wkv_replica_destroy(history.known);
    sim_log_end(&history.log);
    free(lived);
    return outcome;
}

START_TEST(what_is_recovered_is_what_lives)
{
    size_t whole = 0, histories = test_scaled_from(50, 600);
    own_parts = 0;
    for (uint64_t seed = 0; seed < histories; seed++) {
        enum outcome outcome = recovery(seed);
        whole += outcome == FINE;
        ck_assert_msg(outcome != WRONG, "the history %" PRIu64 " is recovered wrong", seed);
    }
    /* A test that takes no snapshot, or writes nothing on its own, sees nothing. */
    ck_assert_uint_gt(whole, histories / 2);
    ck_assert_uint_gt(own_parts, whole);
}
END_TEST

static const struct {
    enum wkv_wrong_rule rule;
    const char *name;
} wrong[] = {{WKV_META_LAST, "META is written last"},
             {WKV_GROUPS_STRADDLE, "groups straddle"},
             {WKV_READS_DO_NOT_COUNT, "reads do not count"},
             {WKV_ABSENT_KEYS_LEFT_OUT, "absent keys are left out"},
             {WKV_READ_TWICE, "keys are read twice"},
             {WKV_AMID_THE_RECORD, "keys are written amid the record"},
             {WKV_REWRITTEN_AFTER, "keys are written again behind it"},
             {WKV_KEYED_STRADDLES, "operations with an id straddle"},
             {WKV_NUMBERS_GIVEN_BACK, "a keyspace's number is given back"}};

START_TEST(a_wrong_rule_is_seen)
{
    wkv_wrong_rule = wrong[_i].rule;
    size_t failed = 0, tried = 0;
    for (uint64_t seed = 0; seed < 4000 && failed == 0; seed++, tried++)
        failed += recovery(seed) == WRONG;
    wkv_wrong_rule = WKV_RIGHT;
    printf("%s: wrong in history %zu\n", wrong[_i].name, tried - 1);
    ck_assert_msg(failed > 0, "%s, and no history is recovered wrong", wrong[_i].name);
}
END_TEST

Suite *recovery_suite(void)
{
    Suite *suite = suite_create("replica/recovery");
    TCase *right = tcase_create("right"), *rules = tcase_create("wrong");
    tcase_set_timeout(right, 300);
    tcase_set_timeout(rules, 300);
    tcase_add_test(right, what_is_recovered_is_what_lives);
    tcase_add_loop_test(rules, a_wrong_rule_is_seen, 0, TEST_COUNT_OF(wrong));
    suite_add_tcase(suite, right);
    suite_add_tcase(suite, rules);
    return suite;
}
