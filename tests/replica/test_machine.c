/* Each rule of the replica by itself. */
#include <inttypes.h>

#include "replica/log.h"

#define NOW (1000000 * SIM_SECOND)

/* ---- a log with one replica, and what it tells ---- */

struct seen {
    struct sim_log log;
    struct wkv_replica *replica;
    struct wkv_replica_events events;
    struct wkv_replica_batch batch; /* the last; its record is not valid any more */
    size_t batches, answers;
    struct {
        enum wkv_code code;
        char text[128], reply[256];
        bool duplicate;
    } answer[8]; /* of the last batch */
    struct {
        char actor[32];
        bool bound;
        uint32_t keyspace;
    } bound; /* the last */
    size_t bindings, controls, accepted, diverged;
    uint64_t diverged_at, digest;
    size_t digests;
    uint64_t join;
    uint64_t number;
};

static bool see_batch(void *context, const struct wkv_replica_batch *batch)
{
    struct seen *seen = context;
    seen->batch = *batch;
    seen->batches++;
    seen->answers = 0;
    return true;
}

static void see_answer(void *context, uint32_t operation, const struct wkv_replica_answer *answer)
{
    struct seen *seen = context;
    ck_assert_uint_eq(operation, seen->answers);
    ck_assert_uint_lt(operation, TEST_COUNT_OF(seen->answer));
    seen->answer[operation].code = answer->code;
    seen->answer[operation].duplicate = answer->duplicate;
    (void)snprintf(seen->answer[operation].text, sizeof seen->answer[operation].text, "%s", answer->text);
    (void)snprintf(seen->answer[operation].reply, sizeof seen->answer[operation].reply, "%.*s",
                   (int)answer->reply.len, answer->reply.data == NULL ? "" : answer->reply.data);
    seen->answers++;
}

static void see_binding(void *context, const struct wkv_replica_binding *binding)
{
    struct seen *seen = context;
    seen->bindings++;
    (void)snprintf(seen->bound.actor, sizeof seen->bound.actor, "%.*s", (int)binding->actor.len,
                   binding->actor.data);
    seen->bound.bound = binding->bound;
    seen->bound.keyspace = binding->keyspace;
}

static void see_control(void *context, uint64_t position, const struct wkv_record *record,
                        const union wkv_record_body *body, bool accepted)
{
    struct seen *seen = context;
    (void)position, (void)record, (void)body;
    seen->controls++;
    seen->accepted += accepted;
}

static void see_digest(void *context, const struct wkv_digest *asked, uint64_t digest)
{
    struct seen *seen = context;
    (void)asked;
    seen->digests++;
    seen->digest = digest;
}

static void see_diverged(void *context, uint64_t writer, uint64_t position)
{
    struct seen *seen = context;
    (void)writer;
    seen->diverged++;
    seen->diverged_at = position;
}

static struct seen *begin(void)
{
    struct seen *seen = calloc(1, sizeof *seen);
    ck_assert_ptr_nonnull(seen);
    seen->events = (struct wkv_replica_events){.batch = see_batch,
                                               .answer = see_answer,
                                               .binding = see_binding,
                                               .control = see_control,
                                               .digest = see_digest,
                                               .diverged = see_diverged,
                                               .context = seen};
    sim_log_begin(&seen->log, 77, NOW);
    seen->replica = sim_replica(&seen->events, 0);
    seen->join = sim_join(&seen->log, NOW, "first", 2);
    sim_feed_all(seen->replica, &seen->log);
    return seen;
}

static void end(struct seen *seen)
{
    wkv_replica_destroy(seen->replica);
    sim_log_end(&seen->log);
    free(seen);
}

/* The next record of the first worker. */
static struct wkv_record next(struct seen *seen)
{
    uint64_t number = ++seen->number;
    return (struct wkv_record){.writer = wkv_record_writer(seen->join, 0),
                               .number = number,
                               .floor = number,
                               .bindings = wkv_replica_bindings(seen->replica)};
}

static enum wkv_verdict run_record(struct seen *seen, struct wkv_record record, struct sim_ops *ops)
{
    int64_t now_ns = wkv_replica_now(seen->replica);
    (void)sim_append_batch(&seen->log, now_ns, &record, ops);
    sim_feed_all(seen->replica, &seen->log);
    return seen->batch.verdict;
}

static void run(struct seen *seen, struct sim_ops *ops)
{
    ck_assert_int_eq(run_record(seen, next(seen), ops), WKV_VERDICT_RUN);
}

/* One request. */
#define DO(seen, operation, ...)                                                                             \
    do {                                                                                                     \
        struct sim_ops one_op = {.count = 0};                                                                \
        sim_request(&one_op, 0, NULL, operation, __VA_ARGS__);                                               \
        run(seen, &one_op);                                                                                  \
    } while (0)

static enum wkv_verdict barrier_at(struct seen *seen, int64_t time_ns, struct wkv_record record)
{
    struct sim_ops none = {.count = 0};
    (void)sim_append_batch(&seen->log, time_ns, &record, &none);
    sim_feed_all(seen->replica, &seen->log);
    return seen->batch.verdict;
}

static void tick(struct seen *seen, int64_t ns)
{
    (void)barrier_at(seen, wkv_replica_now(seen->replica) + ns, next(seen));
}

static bool copy_value(void *to, struct wkv_text text)
{
    (void)snprintf(to, 64, "%.*s", (int)text.len, text.data);
    return false;
}

/* What Get shows at log time; "" where there is nothing. */
static const char *value_of(struct seen *seen, uint32_t keyspace, const char *name)
{
    static char value[64];
    value[0] = '\0';
    (void)wkv_store_get(wkv_replica_store(seen->replica), (struct wkv_key){keyspace, test_text(name)},
                        wkv_replica_now(seen->replica), copy_value, value);
    return value;
}

/* ---- the log ---- */

START_TEST(a_log_begins_with_genesis)
{
    struct wkv_replica *replica = sim_replica(NULL, 0);
    struct wkv_log_message message = {.position = 1, .time_ns = NOW, .bytes = test_text("hello")};
    ck_assert_int_eq(wkv_replica_feed(replica, &message), WKV_FEED_NO_GENESIS);
    ck_assert_ptr_null(wkv_replica_store(replica));
    wkv_replica_destroy(replica);
    struct seen *seen = begin();
    ck_assert_uint_eq(wkv_replica_applied(seen->replica), 2);
    struct wkv_store_stats stats;
    wkv_store_stats(wkv_replica_store(seen->replica), &stats);
    ck_assert_uint_eq(stats.shards, 4); /* as GENESIS says */
    /* A second one changes nothing. */
    (void)sim_append(&seen->log, NOW, sim_message(&seen->log, 1));
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 3), WKV_FEED_FOREIGN);
    ck_assert_uint_eq(wkv_replica_members(seen->replica), 1);
    end(seen);
}
END_TEST

START_TEST(positions_are_known_next_or_beyond_a_hole)
{
    struct seen *seen = begin();
    DO(seen, "Increment", "{\"key\":\"a\",\"delta\":1}");
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 3), WKV_FEED_KNOWN);
    ck_assert_str_eq(value_of(seen, 0, "a"), "1");
    (void)sim_append(&seen->log, NOW, test_text("lost"));
    struct sim_ops ops = {.count = 0};
    struct wkv_record record = next(seen);
    sim_request(&ops, 0, NULL, "Increment", "{\"key\":\"a\",\"delta\":1}");
    (void)sim_append_batch(&seen->log, NOW, &record, &ops);
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 5), WKV_FEED_HOLE);
    ck_assert_str_eq(value_of(seen, 0, "a"), "1");
    wkv_replica_pass_hole(seen->replica);
    ck_assert_uint_eq(wkv_replica_applied(seen->replica), 4);
    ck_assert_uint_eq(wkv_replica_last_hash(seen->replica), 0);
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 5), WKV_FEED_APPLIED);
    ck_assert_str_eq(value_of(seen, 0, "a"), "2");
    end(seen);
}
END_TEST

START_TEST(what_is_no_record_is_passed_over_and_what_is_damaged_is_not)
{
    struct seen *seen = begin();
    (void)sim_append(&seen->log, NOW + 9 * SIM_SECOND, test_text("somebody else's"));
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 3), WKV_FEED_FOREIGN);
    ck_assert_int_eq(wkv_replica_now(seen->replica), NOW); /* nor is its time log time */
    struct sim_ops ops = {.count = 0};
    struct wkv_record record = next(seen);
    sim_request(&ops, 0, NULL, "Increment", "{\"key\":\"a\",\"delta\":1}");
    (void)sim_append_batch(&seen->log, NOW, &record, &ops);
    char *bytes = (char *)(uintptr_t)sim_message(&seen->log, 4).data;
    bytes[90] ^= 1;
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 4), WKV_FEED_DAMAGED);
    ck_assert_uint_eq(wkv_replica_applied(seen->replica), 3);
    /* The leader has the same bytes: they were written so, and are no record. */
    struct wkv_log_message message = {
        .position = 4, .time_ns = NOW, .bytes = sim_message(&seen->log, 4), .confirmed = true};
    ck_assert_int_eq(wkv_replica_feed(seen->replica, &message), WKV_FEED_FOREIGN);
    ck_assert_str_eq(value_of(seen, 0, "a"), "");
    end(seen);
}
END_TEST

START_TEST(a_newer_format_stops_the_replica)
{
    struct seen *seen = begin();
    struct wkv_record record = next(seen);
    record.format = WKV_RECORD_FORMAT + 1;
    struct sim_ops none = {.count = 0};
    (void)sim_append_batch(&seen->log, NOW, &record, &none);
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 3), WKV_FEED_NEWER);
    ck_assert_uint_eq(wkv_replica_applied(seen->replica), 2);
    end(seen);
}
END_TEST

START_TEST(a_batch_that_cannot_be_read_is_no_record)
{
    struct seen *seen = begin();
    struct wkv_record record = next(seen);
    record.kind = WKV_RECORD_BATCH;
    record.operations = 1;
    record.body = test_text("\xff");
    (void)sim_append_record(&seen->log, NOW, &record);
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, 3), WKV_FEED_FOREIGN);
    ck_assert_uint_eq(seen->batches, 0);
    ck_assert_uint_eq(wkv_replica_floor(seen->replica, record.writer), 1);
    end(seen);
}
END_TEST

START_TEST(log_time_never_goes_back)
{
    struct seen *seen = begin();
    (void)barrier_at(seen, NOW + 5 * SIM_SECOND, next(seen));
    ck_assert_int_eq(wkv_replica_now(seen->replica), NOW + 5 * SIM_SECOND);
    (void)barrier_at(seen, NOW, next(seen));
    ck_assert_int_eq(wkv_replica_now(seen->replica), NOW + 5 * SIM_SECOND);
    end(seen);
}
END_TEST

START_TEST(another_chain_is_told_and_decides_nothing)
{
    struct seen *seen = begin();
    uint64_t chain;
    ck_assert(wkv_replica_chain(seen->replica, 2, &chain));
    struct wkv_record record = next(seen);
    record.seen = 2;
    record.chain = chain;
    ck_assert_int_eq(barrier_at(seen, NOW, record), WKV_VERDICT_RUN);
    ck_assert_uint_eq(seen->diverged, 0);
    record = next(seen);
    record.seen = 2;
    record.chain = chain ^ 1;
    ck_assert_int_eq(barrier_at(seen, NOW, record), WKV_VERDICT_RUN);
    ck_assert(seen->diverged == 1 && seen->diverged_at == 2);
    record = next(seen);
    record.seen = 1000; /* further than we are */
    record.chain = 1;
    (void)barrier_at(seen, NOW, record);
    ck_assert_uint_eq(seen->diverged, 1);
    end(seen);
}
END_TEST

/* ---- writers ---- */

static struct wkv_record numbered(struct seen *seen, unsigned worker, uint64_t number, uint64_t floor)
{
    return (struct wkv_record){.writer = wkv_record_writer(seen->join, worker),
                               .number = number,
                               .floor = floor,
                               .bindings = wkv_replica_bindings(seen->replica)};
}

START_TEST(a_number_is_settled_once)
{
    struct seen *seen = begin();
    static const struct {
        uint64_t number, floor;
        enum wkv_verdict verdict;
    } records[] = {{1, 1, WKV_VERDICT_RUN},
                   {1, 1, WKV_VERDICT_AGAIN},
                   {3, 2, WKV_VERDICT_RUN}, /* 2 is missing */
                   {3, 2, WKV_VERDICT_AGAIN},
                   {65, 2, WKV_VERDICT_RUN},
                   {66, 2, WKV_VERDICT_AGAIN}, /* the window ends */
                   {2, 1, WKV_VERDICT_RUN},
                   {2, 2, WKV_VERDICT_AGAIN},
                   {66, 4, WKV_VERDICT_RUN},
                   {4, 4, WKV_VERDICT_RUN},
                   {70, 71, WKV_VERDICT_RUN}, /* below its own floor: settles itself */
                   {69, 69, WKV_VERDICT_AGAIN},
                   {70, 70, WKV_VERDICT_AGAIN},
                   {71, 71, WKV_VERDICT_RUN},
                   {0, 0, WKV_VERDICT_AGAIN},
                   {UINT64_MAX, UINT64_MAX - 63, WKV_VERDICT_RUN},
                   {UINT64_MAX, UINT64_MAX - 63, WKV_VERDICT_AGAIN},
                   {UINT64_MAX - 1, UINT64_MAX - 63, WKV_VERDICT_RUN}};
    for (size_t i = 0; i < TEST_COUNT_OF(records); i++)
        ck_assert_msg(barrier_at(seen, NOW, numbered(seen, 0, records[i].number, records[i].floor)) ==
                          records[i].verdict,
                      "record %zu: number %" PRIu64, i, records[i].number);
    /* Another worker's numbers are its own. */
    ck_assert_int_eq(barrier_at(seen, NOW, numbered(seen, 1, 1, 1)), WKV_VERDICT_RUN);
    ck_assert_int_eq(barrier_at(seen, NOW, numbered(seen, 2, 1, 1)), WKV_VERDICT_GONE);
    end(seen);
}
END_TEST

START_TEST(a_fence_voids_what_comes_after_it)
{
    struct seen *seen = begin();
    ck_assert_int_eq(barrier_at(seen, NOW, numbered(seen, 0, 2, 2)), WKV_VERDICT_RUN);
    ck_assert_uint_eq(wkv_replica_floor(seen->replica, wkv_record_writer(seen->join, 0)), 2);
    struct sim_ops ops = {.count = 0};
    sim_request(&ops, 0, NULL, "Increment", "{\"key\":\"a\",\"delta\":1}");
    ck_assert_int_eq(run_record(seen, numbered(seen, 0, 1, 1), &ops), WKV_VERDICT_AGAIN);
    ck_assert_str_eq(value_of(seen, 0, "a"), "");
    end(seen);
}
END_TEST

START_TEST(a_deadline_is_in_log_time)
{
    struct seen *seen = begin();
    struct wkv_record record = numbered(seen, 0, 1, 1);
    record.deadline_ns = NOW + SIM_SECOND;
    ck_assert_int_eq(barrier_at(seen, NOW + SIM_SECOND, record), WKV_VERDICT_RUN);
    record = numbered(seen, 0, 2, 2);
    record.deadline_ns = NOW + SIM_SECOND;
    /* Its own stamp is early, but log time is not. */
    (void)barrier_at(seen, NOW + SIM_SECOND + 1, numbered(seen, 1, 1, 1));
    ck_assert_int_eq(barrier_at(seen, NOW, record), WKV_VERDICT_LATE);
    /* The first record with a number settles it, void or not. */
    record.deadline_ns = 0;
    ck_assert_int_eq(barrier_at(seen, NOW, record), WKV_VERDICT_AGAIN);
    end(seen);
}
END_TEST

START_TEST(an_unknown_writer_is_void)
{
    struct seen *seen = begin();
    struct wkv_record record = numbered(seen, 0, 1, 1);
    record.writer = wkv_record_writer(1, 0);
    ck_assert_int_eq(barrier_at(seen, NOW, record), WKV_VERDICT_GONE);
    ck_assert_uint_eq(wkv_replica_floor(seen->replica, record.writer), 0);
    end(seen);
}
END_TEST

START_TEST(an_idle_instance_is_gone_with_all_its_writers)
{
    struct seen *seen = begin();
    ck_assert_int_eq(barrier_at(seen, NOW + 600 * SIM_SECOND, numbered(seen, 0, 1, 1)), WKV_VERDICT_RUN);
    /* The record of one worker keeps the other. */
    ck_assert_int_eq(barrier_at(seen, NOW + 1200 * SIM_SECOND, numbered(seen, 1, 1, 1)), WKV_VERDICT_RUN);
    ck_assert_int_eq(barrier_at(seen, NOW + 1800 * SIM_SECOND + 1, numbered(seen, 0, 2, 2)),
                     WKV_VERDICT_GONE);
    ck_assert_uint_eq(wkv_replica_members(seen->replica), 0);
    ck_assert_int_eq(barrier_at(seen, NOW, numbered(seen, 1, 2, 2)), WKV_VERDICT_GONE);
    end(seen);
}
END_TEST

START_TEST(a_join_sweeps_and_a_leave_ends)
{
    struct seen *seen = begin();
    uint64_t second = sim_join(&seen->log, NOW + 601 * SIM_SECOND, "second", 1);
    sim_feed_all(seen->replica, &seen->log);
    struct wkv_replica_member member;
    ck_assert_uint_eq(wkv_replica_members(seen->replica), 1);
    wkv_replica_member(seen->replica, 0, &member);
    ck_assert_str_eq(member.instance, "second");
    ck_assert_uint_eq(member.join, second);
    struct wkv_record leave = {.kind = WKV_RECORD_LEAVE, .writer = wkv_record_writer(second, 0)};
    (void)sim_append_record(&seen->log, NOW, &leave);
    sim_feed_all(seen->replica, &seen->log);
    ck_assert_uint_eq(wkv_replica_members(seen->replica), 0);
    struct wkv_record record = {.writer = wkv_record_writer(second, 0), .number = 1, .floor = 1};
    ck_assert_int_eq(barrier_at(seen, NOW, record), WKV_VERDICT_GONE);
    end(seen);
}
END_TEST

/* ---- control ---- */

static void control(struct seen *seen, uint64_t join, enum wkv_record_kind kind,
                    const union wkv_record_body *body, bool accepted)
{
    size_t before = seen->accepted;
    struct wkv_record record = {.kind = kind, .writer = wkv_record_writer(join, 0)};
    (void)sim_append_body(&seen->log, wkv_replica_now(seen->replica), &record, body);
    sim_feed_all(seen->replica, &seen->log);
    ck_assert_int_eq(seen->accepted - before, accepted);
}

static union wkv_record_body claim_of(uint64_t id)
{
    return (union wkv_record_body){.claim = {id}};
}

START_TEST(the_first_claim_holds_until_its_time_is_over)
{
    struct seen *seen = begin();
    uint64_t second = sim_join(&seen->log, NOW, "second", 1), id;
    sim_feed_all(seen->replica, &seen->log);
    ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), 0);
    union wkv_record_body one = claim_of(1), two = claim_of(2);
    control(seen, seen->join, WKV_RECORD_CLAIM, &one, true);
    control(seen, second, WKV_RECORD_CLAIM, &two, false);
    ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), seen->join);
    ck_assert_uint_eq(id, 1);
    tick(seen, 59 * SIM_SECOND);
    control(seen, seen->join, WKV_RECORD_CLAIM, &one, true); /* renewed */
    tick(seen, 59 * SIM_SECOND);
    control(seen, second, WKV_RECORD_CLAIM, &two, false);
    tick(seen, SIM_SECOND);
    ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), 0);
    control(seen, second, WKV_RECORD_CLAIM, &two, true);
    end(seen);
}
END_TEST

START_TEST(a_claim_ends_with_its_holder_and_by_records)
{
    struct seen *seen = begin();
    uint64_t second = sim_join(&seen->log, NOW, "second", 1), id;
    sim_feed_all(seen->replica, &seen->log);
    union wkv_record_body one = claim_of(1);
    control(seen, second, WKV_RECORD_CLAIM, &one, true);
    struct wkv_record leave = {.kind = WKV_RECORD_LEAVE, .writer = wkv_record_writer(second, 0)};
    (void)sim_append_record(&seen->log, NOW, &leave);
    sim_feed_all(seen->replica, &seen->log);
    ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), 0);
    /* Log time may stand: 100,000 records end it, too. */
    control(seen, seen->join, WKV_RECORD_CLAIM, &one, true);
    for (size_t i = 0; i < 100000; i++)
        wkv_replica_pass_hole(seen->replica);
    ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), 0);
    end(seen);
}
END_TEST

static union wkv_record_body snapshot_of(uint64_t id, uint64_t position)
{
    return (union wkv_record_body){.snapshot = {.snapshot = id, .position = position, .chunks = 1}};
}

START_TEST(a_snapshot_counts_by_the_claims_holder_and_two_are_kept)
{
    struct seen *seen = begin();
    uint64_t second = sim_join(&seen->log, NOW, "second", 1), id;
    sim_feed_all(seen->replica, &seen->log);
    for (uint64_t i = 1; i <= 3; i++) {
        union wkv_record_body claim = claim_of(i), body = snapshot_of(i, i + 1), other = snapshot_of(9, 9);
        control(seen, seen->join, WKV_RECORD_SNAPSHOT, &body, false); /* without a claim */
        control(seen, seen->join, WKV_RECORD_CLAIM, &claim, true);
        control(seen, second, WKV_RECORD_SNAPSHOT, &body, false);
        control(seen, seen->join, WKV_RECORD_SNAPSHOT, &other, false); /* another id */
        control(seen, seen->join, WKV_RECORD_SNAPSHOT, &body, true);
        ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), 0);
        ck_assert_uint_eq(wkv_replica_snapshots(seen->replica)[0].snapshot, i);
        ck_assert_uint_eq(wkv_replica_snapshots(seen->replica)[1].snapshot, i - 1);
    }
    union wkv_record_body claim = claim_of(4), older = snapshot_of(4, 3), future = snapshot_of(4, 1000);
    control(seen, seen->join, WKV_RECORD_CLAIM, &claim, true);
    control(seen, seen->join, WKV_RECORD_SNAPSHOT, &older, false);
    control(seen, seen->join, WKV_RECORD_SNAPSHOT, &future, false);
    end(seen);
}
END_TEST

/* Appends a barrier of that format, and says what becomes of it. */
static enum wkv_feed barrier_of(struct seen *seen, uint8_t format)
{
    struct sim_ops none = {.count = 0};
    struct wkv_record record = next(seen);
    record.format = format;
    (void)sim_append_batch(&seen->log, wkv_replica_now(seen->replica), &record, &none);
    return sim_feed(seen->replica, &seen->log, seen->log.count);
}

START_TEST(what_two_snapshots_need_is_kept)
{
    struct seen *seen = begin();
    static const struct {
        uint64_t position, first, log, snapshots;
    } steps[] = {{1002, 1, 0, 0},  /* one snapshot is not two */
                 {1500, 40, 2, 0}, /* 1 would be all */
                 {2500, 90, 500, 40},
                 {2600, 95, 1500, 90}};
    for (size_t i = 0; i < 3000; i++)
        wkv_replica_pass_hole(seen->replica);
    ck_assert_uint_eq(wkv_replica_needless(seen->replica).log, 0);
    for (size_t i = 0; i < TEST_COUNT_OF(steps); i++) {
        memmove(&seen->replica->snapshots[1], &seen->replica->snapshots[0],
                sizeof seen->replica->snapshots[0]);
        seen->replica->snapshots[0] =
            (struct wkv_manifest){.snapshot = i + 1, .position = steps[i].position, .first = steps[i].first};
        struct wkv_replica_needless needless = wkv_replica_needless(seen->replica);
        ck_assert_uint_eq(needless.log, steps[i].log);
        ck_assert_uint_eq(needless.snapshots, steps[i].snapshots);
    }
    end(seen);
}
END_TEST

/* This build knows the format 2. */
START_TEST(a_format_is_raised_when_all_can)
{
    struct seen *seen = begin();
    uint64_t second = sim_join(&seen->log, NOW, "second", 1);
    sim_feed_all(seen->replica, &seen->log);
    union wkv_record_body raise = {.raise = {2}}, claim = claim_of(1);
    union wkv_record_body beat = {.beat = {.least = 1, .most = 2}};
    ck_assert_int_eq(barrier_of(seen, 2), WKV_FEED_FOREIGN); /* it is not in force */
    control(seen, seen->join, WKV_RECORD_BEAT, &beat, true);
    control(seen, second, WKV_RECORD_BEAT, &beat, true);
    control(seen, seen->join, WKV_RECORD_RAISE, &raise, false); /* without the claim */
    control(seen, seen->join, WKV_RECORD_CLAIM, &claim, true);
    control(seen, second, WKV_RECORD_RAISE, &raise, false);
    beat.beat.most = 1;
    control(seen, second, WKV_RECORD_BEAT, &beat, true);
    control(seen, seen->join, WKV_RECORD_RAISE, &raise, false); /* the second cannot */
    ck_assert_uint_eq(wkv_replica_format(seen->replica), 1);
    beat.beat.most = 2;
    control(seen, second, WKV_RECORD_BEAT, &beat, true);
    control(seen, seen->join, WKV_RECORD_RAISE, &raise, true);
    ck_assert_uint_eq(wkv_replica_format(seen->replica), 2);
    control(seen, seen->join, WKV_RECORD_RAISE, &raise, false); /* it is raised already */
    ck_assert_int_eq(barrier_of(seen, 2), WKV_FEED_APPLIED);
    ck_assert_int_eq(barrier_of(seen, 1), WKV_FEED_APPLIED);
    end(seen);
}
END_TEST

/* An instance that cannot read what the log is written in has no place in it. */
START_TEST(a_raised_log_is_not_for_older_builds)
{
    struct seen *seen = begin();
    union wkv_record_body raise = {.raise = {2}}, claim = claim_of(1);
    union wkv_record_body beat = {.beat = {.least = 1, .most = 3}};
    control(seen, seen->join, WKV_RECORD_BEAT, &beat, true);
    control(seen, seen->join, WKV_RECORD_CLAIM, &claim, true);
    control(seen, seen->join, WKV_RECORD_RAISE, &raise, true);
    (void)sim_join(&seen->log, NOW, "older", 1); /* up to 1 */
    sim_feed_all(seen->replica, &seen->log);
    ck_assert_uint_eq(wkv_replica_members(seen->replica), 1);
    /* A snapshot says so with its first chunk. */
    struct sim_snapshot snapshot;
    sim_snapshot_take(seen->replica, &snapshot, 1);
    for (size_t i = 0; i < snapshot.count; i++)
        ck_assert_int_eq(snapshot.chunks[i].data[4], 2);
    sim_snapshot_free(&snapshot);
    /* This build is older than the format 3. */
    raise.raise.format = 3;
    struct wkv_record record = {.kind = WKV_RECORD_RAISE, .writer = wkv_record_writer(seen->join, 0)};
    (void)sim_append_body(&seen->log, NOW, &record, &raise);
    ck_assert_int_eq(sim_feed(seen->replica, &seen->log, seen->log.count), WKV_FEED_NEWER);
    ck_assert_uint_eq(wkv_replica_format(seen->replica), 2);
    end(seen);
}
END_TEST

/* A newer chunk is told from one that is bad. */
START_TEST(a_newer_snapshot_is_told_from_a_bad_one)
{
    struct seen *seen = begin();
    struct wkv_manifest manifest = {.snapshot = 1};
    struct wkv_replica_options options = {.shards = 0};
    struct wkv_chunk chunk = {.kind = WKV_PART_META, .format = WKV_RECORD_FORMAT + 1, .snapshot = 1};
    static const enum wkv_recovery_step steps[] = {WKV_RECOVERY_NEWER, WKV_RECOVERY_BAD};
    for (size_t i = 0; i < 2; i++, chunk.format--) {
        struct wkv_buffer bytes = {.data = NULL};
        struct wkv_recovery *recovery = wkv_recovery_begin(&options, &seen->log.key, &manifest);
        ck_assert(wkv_chunk_write(&chunk, &seen->log.key, &bytes));
        for (size_t k = 0; k < 2; k++) /* it stays so */
            ck_assert_int_eq(wkv_recovery_chunk(recovery, (struct wkv_text){bytes.data, bytes.len}),
                             steps[i]);
        ck_assert_ptr_null(wkv_recovery_end(recovery));
        wkv_buffer_destroy(&bytes);
    }
    end(seen);
}
END_TEST

START_TEST(the_fullest_instance_that_lives_is_the_level)
{
    struct seen *seen = begin();
    uint64_t second = sim_join(&seen->log, NOW, "second", 1);
    sim_feed_all(seen->replica, &seen->log);
    ck_assert_uint_eq(wkv_replica_level(seen->replica), 0);
    union wkv_record_body half = {.beat = {.permille = 500, .bytes = 9, .keys = 3, .least = 1, .most = 1}};
    union wkv_record_body full = {.beat = {.permille = 1001, .least = 1, .most = 1}};
    control(seen, seen->join, WKV_RECORD_BEAT, &half, true);
    ck_assert_uint_eq(wkv_replica_level(seen->replica), 500);
    control(seen, second, WKV_RECORD_BEAT, &full, true);
    ck_assert_uint_eq(wkv_replica_level(seen->replica), 1001);
    struct wkv_replica_member member;
    wkv_replica_member(seen->replica, 0, &member);
    ck_assert(member.beat.bytes == 9 && member.beat.keys == 3);
    tick(seen, 5 * SIM_SECOND);
    ck_assert_uint_eq(wkv_replica_level(seen->replica), 1001);
    tick(seen, 1); /* the second has said nothing for longer */
    ck_assert_uint_eq(wkv_replica_level(seen->replica), 500);
    end(seen);
}
END_TEST

START_TEST(a_digest_is_of_the_ranks_that_are_asked_for)
{
    struct seen *seen = begin();
    for (int i = 0; i < 100; i++)
        DO(seen, "Set", "{\"key\":\"k%d\",\"value\":\"v\"}", i);
    uint64_t half = UINT64_C(2) << 52; /* two of four shards: scan.c */
    union wkv_record_body body = {.digest = {.from = 0, .to = WKV_STORE_SCAN_END}};
    control(seen, seen->join, WKV_RECORD_DIGEST, &body, false);
    uint64_t all = seen->digest;
    ck_assert_uint_eq(seen->digests, 1);
    ck_assert_uint_eq(all, wkv_replica_digest(seen->replica, 0, WKV_STORE_SCAN_END));
    body.digest.to = half;
    control(seen, seen->join, WKV_RECORD_DIGEST, &body, false);
    uint64_t first = seen->digest;
    body.digest = (struct wkv_digest){.from = half, .to = WKV_STORE_SCAN_END};
    control(seen, seen->join, WKV_RECORD_DIGEST, &body, false);
    ck_assert(first != 0 && seen->digest != 0);
    ck_assert_uint_eq(first + seen->digest, all);
    /* Slices of so many keys come to the same, all together. */
    uint64_t sum = 0, from = WKV_STORE_SCAN_BEGIN, slices = 0;
    while (from != WKV_STORE_SCAN_END) {
        uint64_t to = wkv_replica_slice(seen->replica, from, 7);
        sum += wkv_replica_digest(seen->replica, from, to);
        from = to;
        slices++;
    }
    ck_assert_uint_eq(sum, all);
    ck_assert(slices >= 15 && slices <= 16); /* of 100 keys */
    end(seen);
}
END_TEST

/* ---- requests ---- */

START_TEST(requests_are_answered_in_their_encoding)
{
    struct seen *seen = begin();
    DO(seen, "Set", "{\"key\":\"a\",\"value\":\"1\",\"expires_s\":9}");
    ck_assert_str_eq(seen->answer[0].reply, "{\"value\":\"1\"}");
    DO(seen, "Increment", "{\"key\":\"a\",\"delta\":4}");
    ck_assert_str_eq(seen->answer[0].reply, "{\"value\":5}");
    DO(seen, "CompareAndSet", "{\"key\":\"a\",\"value\":\"x\",\"expected\":\"4\"}");
    ck_assert_str_eq(seen->answer[0].reply, "{\"swapped\":false,\"exists\":true,\"current\":\"5\"}");
    DO(seen, "Push", "{\"key\":\"l\",\"value\":\"x\"}");
    DO(seen, "Pop", "{\"key\":\"l\"}");
    ck_assert_str_eq(seen->answer[0].reply, "{\"exists\":true,\"value\":\"x\",\"new_count\":0}");
    DO(seen, "SetAdd", "{\"key\":\"a\",\"value\":\"x\"}");
    ck_assert_int_eq(seen->answer[0].code, WKV_WRONG_KIND);
    ck_assert_ptr_nonnull(strstr(seen->answer[0].text, "SetAdd: the key holds another kind"));
    tick(seen, 9 * SIM_SECOND);
    ck_assert_str_eq(value_of(seen, 0, "a"), "");
    end(seen);
}
END_TEST

START_TEST(an_atomic_batch_is_all_or_nothing)
{
    struct seen *seen = begin();
    DO(seen, "SetAdd", "{\"key\":\"s\",\"value\":\"x\"}");
    DO(seen, "Batch",
       "{\"atomic\":true,\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"1\"}},"
       "{\"get\":{\"key\":\"a\"}},{\"increment\":{\"key\":\"b\",\"delta\":2}}]}");
    ck_assert_ptr_nonnull(strstr(seen->answer[0].reply, "\"applied\":true"));
    ck_assert_str_eq(value_of(seen, 0, "b"), "2");
    DO(seen, "Batch",
       "{\"atomic\":true,\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"2\"}},"
       "{\"get\":{\"key\":\"s\"}}]}");
    ck_assert_ptr_nonnull(strstr(seen->answer[0].reply, "\"applied\":false"));
    ck_assert_str_eq(value_of(seen, 0, "a"), "1");
    DO(seen, "Batch", "{\"requests\":[{\"set\":{\"key\":\"a\",\"value\":\"2\"}},{\"get\":{\"key\":\"s\"}}]}");
    ck_assert_str_eq(value_of(seen, 0, "a"), "2");
    end(seen);
}
END_TEST

START_TEST(an_operation_with_an_id_is_done_once)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    struct sim_once once = {.id = 1, .payload = 1, .window_ms = 60000};
    static const char add[] = "{\"key\":\"a\",\"delta\":1}";
    sim_request(&ops, 0, &once, "Increment", add);
    sim_request(&ops, 0, &once, "Increment", add);
    run(seen, &ops);
    ck_assert(!seen->answer[0].duplicate && seen->answer[1].duplicate);
    ck_assert_str_eq(seen->answer[0].reply, "{\"value\":1}");
    ck_assert_str_eq(seen->answer[1].reply, "{\"value\":1}");
    once.payload = 2; /* another request under the same id */
    sim_request(&ops, 0, &once, "Increment", add);
    run(seen, &ops);
    ck_assert_int_eq(seen->answer[0].code, WKV_BAD_REQUEST);
    ck_assert_str_eq(value_of(seen, 0, "a"), "1");
    tick(seen, 60 * SIM_SECOND); /* its window is over */
    sim_request(&ops, 0, &once, "Increment", add);
    run(seen, &ops);
    ck_assert_str_eq(seen->answer[0].reply, "{\"value\":2}");
    end(seen);
}
END_TEST

START_TEST(a_reply_without_room_leaves_all_as_it_was)
{
    struct seen *seen = begin();
    DO(seen, "Push", "{\"key\":\"l\",\"value\":\"a long item that has no room\"}");
    struct sim_ops ops = {.count = 0};
    struct wkv_bytes bytes;
    struct wkv_op op;
    sim_request(&ops, 0, NULL, "Pop", "{\"key\":\"l\"}");
    struct wkv_buffer whole = ops.body;
    bytes = wkv_bytes_in((struct wkv_text){whole.data, whole.len});
    ck_assert(wkv_op_read(&bytes, &op) && (op.flags & WKV_OP_ROOM) != 0);
    op.room = 40;
    ops = (struct sim_ops){.count = 0};
    sim_op(&ops, &op);
    run(seen, &ops);
    wkv_buffer_destroy(&whole);
    ck_assert_int_eq(seen->answer[0].code, WKV_TOO_LARGE);
    DO(seen, "Pop", "{\"key\":\"l\"}");
    ck_assert_int_eq(seen->answer[0].code, WKV_OK);
    end(seen);
}
END_TEST

START_TEST(a_request_that_is_none_is_refused_alone)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    sim_op(&ops, &(struct wkv_op){.code = WKV_OP_REQUEST, .row = 1, .request = test_text("\n\1a")}); /* Get */
    sim_op(&ops, &(struct wkv_op){.code = WKV_OP_REQUEST, .row = 200});
    sim_op(&ops, &(struct wkv_op){.code = WKV_OP_REQUEST, .row = 2, .request = test_text("\xff")});
    sim_op(&ops, &(struct wkv_op){.code = WKV_OP_REQUEST, .row = 3});            /* without a key */
    sim_op(&ops, &(struct wkv_op){.code = WKV_OP_REQUEST, .row = WKV_OP_BATCH}); /* without room */
    sim_request(&ops, 0, NULL, "Set", "{\"key\":\"a\",\"value\":\"1\"}");
    run(seen, &ops);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(seen->answer[i].code, WKV_BAD_REQUEST);
    ck_assert_int_eq(seen->answer[5].code, WKV_OK);
    ck_assert_str_eq(value_of(seen, 0, "a"), "1");
    end(seen);
}
END_TEST

/* ---- bindings and notes ---- */

START_TEST(a_change_of_bindings_voids_older_batches)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    struct wkv_record old = next(seen);
    sim_bind(&ops, 0, "MA", "one");
    run(seen, &ops);
    ck_assert(seen->bound.bound && strcmp(seen->bound.actor, "MA") == 0 && seen->bound.keyspace == 1);
    ck_assert_uint_eq(wkv_replica_bindings(seen->replica), seen->log.count);
    sim_request(&ops, 0, NULL, "Increment", "{\"key\":\"a\",\"delta\":1}");
    ck_assert_int_eq(run_record(seen, old, &ops), WKV_VERDICT_AGAIN); /* the floor has passed it */
    old = next(seen);
    old.bindings--;
    sim_request(&ops, 0, NULL, "Increment", "{\"key\":\"a\",\"delta\":1}");
    ck_assert_int_eq(run_record(seen, old, &ops), WKV_VERDICT_BINDINGS);
    ck_assert_str_eq(value_of(seen, 0, "a"), "");
    /* The same once more changes nothing, and voids nothing. */
    uint64_t bindings = wkv_replica_bindings(seen->replica);
    sim_bind(&ops, 0, "MA", "one");
    run(seen, &ops);
    ck_assert_uint_eq(wkv_replica_bindings(seen->replica), bindings);
    ck_assert_uint_eq(seen->bindings, 1);
    sim_unbind(&ops, 0, "MA");
    sim_unbind(&ops, 0, "MA");
    run(seen, &ops);
    ck_assert_uint_eq(seen->bindings, 2);
    ck_assert(!seen->bound.bound);
    ck_assert_uint_gt(wkv_replica_bindings(seen->replica), bindings);
    end(seen);
}
END_TEST

START_TEST(a_keyspaces_number_is_its_names_for_ever)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    uint32_t number;
    sim_bind(&ops, 0, "MA", "one");
    sim_bind(&ops, 0, "MB", "two");
    sim_bind(&ops, 0, "MC", NULL);
    sim_unbind(&ops, 0, "MA");
    sim_bind(&ops, 0, "MA", "three");
    sim_bind(&ops, 0, "MA", "one");
    run(seen, &ops);
    ck_assert(wkv_replica_find_keyspace(seen->replica, test_text("one"), &number) && number == 1);
    ck_assert(wkv_replica_find_keyspace(seen->replica, test_text("two"), &number) && number == 2);
    ck_assert(wkv_replica_find_keyspace(seen->replica, test_text("three"), &number) && number == 3);
    ck_assert(!wkv_replica_find_keyspace(seen->replica, test_text("four"), &number));
    struct wkv_replica_binding binding;
    ck_assert(wkv_replica_find_binding(seen->replica, test_text("MA"), &binding) && binding.keyspace == 1);
    ck_assert(wkv_replica_find_binding(seen->replica, test_text("MC"), &binding) && binding.keyspace == 0);
    ck_assert(!wkv_replica_find_binding(seen->replica, test_text("MD"), &binding) && !binding.bound);
    end(seen);
}
END_TEST

struct listed {
    char text[200];
};

static bool list_binding(void *context, const struct wkv_replica_binding *binding)
{
    struct listed *listed = context;
    size_t len = strlen(listed->text);
    (void)snprintf(listed->text + len, sizeof listed->text - len, "%.*s=%u ", (int)binding->actor.len,
                   binding->actor.data, binding->keyspace);
    return true;
}

static bool list_keyspace(void *context, struct wkv_text name, uint32_t number)
{
    struct listed *listed = context;
    size_t len = strlen(listed->text);
    (void)snprintf(listed->text + len, sizeof listed->text - len, "%.*s=%u ", (int)name.len, name.data,
                   number);
    return number != 2;
}

START_TEST(bindings_and_keyspaces_are_listed)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    struct listed bindings = {""}, keyspaces = {""};
    sim_bind(&ops, 0, "MA", "one");
    sim_bind(&ops, 0, "MB", "two");
    sim_bind(&ops, 0, "MC", NULL);
    sim_unbind(&ops, 0, "MA");
    run(seen, &ops);
    ck_assert(wkv_replica_each_binding(seen->replica, list_binding, &bindings));
    ck_assert(strcmp(bindings.text, "MB=2 MC=0 ") == 0 || strcmp(bindings.text, "MC=0 MB=2 ") == 0);
    ck_assert(wkv_replica_each_keyspace(seen->replica, list_keyspace, &keyspaces));
    /* Until it was told to stop. */
    ck_assert(strcmp(keyspaces.text, "one=1 two=2 ") == 0 || strcmp(keyspaces.text, "two=2 ") == 0);
    struct wkv_genesis genesis;
    ck_assert(wkv_replica_genesis(seen->replica, &genesis));
    ck_assert(genesis.shards == 4 && wkv_text_is(genesis.binding, "default"));
    ck_assert_uint_gt(wkv_replica_bytes(seen->replica), 0);
    end(seen);
}
END_TEST

START_TEST(keyspaces_have_a_number_of_names_at_the_most)
{
    struct seen *seen = begin();
    char name[16];
    for (unsigned i = 0; i < 65536; i += 8) {
        struct sim_ops ops = {.count = 0};
        for (unsigned k = i; k < i + 8; k++) {
            (void)snprintf(name, sizeof name, "s%u", k);
            sim_bind(&ops, 0, "MA", name);
        }
        run(seen, &ops);
    }
    /* 0 is the binding's own. */
    ck_assert_int_eq(seen->answer[6].code, WKV_OK);
    ck_assert_int_eq(seen->answer[7].code, WKV_BUDGET_SPENT);
    struct sim_ops ops = {.count = 0};
    sim_bind(&ops, 0, "MA", "s7");
    sim_bind(&ops, 0, "MB", "s7"); /* one actor that was bound so often is one */
    run(seen, &ops);
    ck_assert(seen->answer[0].code == WKV_OK && seen->answer[1].code == WKV_OK);
    end(seen);
}
END_TEST

START_TEST(adoption_binds_only_whom_the_log_does_not_know)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    struct wkv_replica_binding binding;
    sim_bind(&ops, WKV_OP_IF_NEW, "MA", "one");
    sim_bind(&ops, WKV_OP_IF_NEW, "MA", "two");
    sim_unbind(&ops, 0, "MA");
    sim_bind(&ops, WKV_OP_IF_NEW, "MA", "two");
    sim_unbind(&ops, 0, "MB"); /* it was never bound, and is not to be */
    sim_bind(&ops, WKV_OP_IF_NEW, "MB", "two");
    run(seen, &ops);
    ck_assert_uint_eq(seen->bindings, 2);
    ck_assert(!wkv_replica_find_binding(seen->replica, test_text("MA"), &binding));
    ck_assert(!wkv_replica_find_binding(seen->replica, test_text("MB"), &binding));
    /* A host that binds says something newer. */
    sim_bind(&ops, 0, "MA", "two");
    run(seen, &ops);
    ck_assert(wkv_replica_find_binding(seen->replica, test_text("MA"), &binding));
    end(seen);
}
END_TEST

START_TEST(after_many_removals_nobody_is_adopted)
{
    struct seen *seen = begin();
    char name[16];
    for (unsigned i = 0; i <= 1024; i++) {
        struct sim_ops ops = {.count = 0};
        struct wkv_replica_binding binding;
        (void)snprintf(name, sizeof name, "N%u", i);
        sim_bind(&ops, WKV_OP_IF_NEW, name, NULL);
        run(seen, &ops);
        ck_assert(wkv_replica_find_binding(seen->replica, test_text(name), &binding));
        sim_unbind(&ops, 0, name);
        run(seen, &ops);
    }
    struct sim_ops ops = {.count = 0};
    struct wkv_replica_binding binding;
    sim_bind(&ops, WKV_OP_IF_NEW, "MA", NULL);
    run(seen, &ops);
    ck_assert(!wkv_replica_find_binding(seen->replica, test_text("MA"), &binding));
    end(seen);
}
END_TEST

static void noted_increment(struct seen *seen, unsigned id, int64_t until_s)
{
    struct sim_ops ops = {.noted = true};
    sim_note(&ops, id, until_s);
    sim_request(&ops, 0, NULL, "Increment", "{\"key\":\"a\",\"delta\":1}");
    run(seen, &ops);
}

#define NOW_S (NOW / SIM_SECOND)

START_TEST(an_invocation_is_let_through_once)
{
    struct seen *seen = begin();
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_OK);
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(seen->answer[1].text, "seen before"));
    ck_assert_str_eq(value_of(seen, 0, "a"), "1");
    /* In its last second it is known, and after that too old. */
    tick(seen, 60 * SIM_SECOND);
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    tick(seen, 600 * SIM_SECOND);
    (void)wkv_replica_maintain(seen->replica, 1000);
    noted_increment(seen, 2, NOW_S + 660);
    ck_assert_int_eq(seen->answer[1].code, WKV_OK);
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(seen->answer[1].text, "so old"));
    ck_assert_str_eq(value_of(seen, 0, "a"), "2");
    end(seen);
}
END_TEST

/* The log's clock is ahead by an hour: hosts with right clocks go on to be served, and nothing twice. */
START_TEST(a_clock_that_jumps_opens_no_window_and_shuts_none)
{
    struct seen *seen = begin();
    noted_increment(seen, 1, NOW_S + 60);
    seen->join = sim_join(&seen->log, NOW + 3600 * SIM_SECOND, "later", 1);
    seen->number = 0;
    sim_feed_all(seen->replica, &seen->log);
    (void)wkv_replica_maintain(seen->replica, 1000);
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    noted_increment(seen, 2, NOW_S + 70);
    ck_assert_int_eq(seen->answer[1].code, WKV_OK);
    noted_increment(seen, 2, NOW_S + 70);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    end(seen);
}
END_TEST

/* A host's clock is ahead, or somebody's that let it through: log time holds. */
START_TEST(a_note_far_ahead_shuts_nobody_out)
{
    struct seen *seen = begin();
    noted_increment(seen, 1, NOW_S + 100000);
    ck_assert_int_eq(seen->answer[1].code, WKV_OK);
    noted_increment(seen, 2, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_OK);
    noted_increment(seen, 3, INT64_MAX);
    noted_increment(seen, 3, INT64_MAX);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    noted_increment(seen, 4, INT64_MIN);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    noted_increment(seen, 5, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_OK);
    /* Its last moment is one of its own. */
    tick(seen, 60 * SIM_SECOND);
    noted_increment(seen, 5, NOW_S + 60);
    ck_assert_ptr_nonnull(strstr(seen->answer[1].text, "seen before: every"));
    end(seen);
}
END_TEST

START_TEST(what_is_too_old_is_so_after_a_recovery)
{
    struct seen *seen = begin();
    struct sim_snapshot snapshot;
    noted_increment(seen, 1, NOW_S + 60);
    noted_increment(seen, 2, NOW_S + 660);
    tick(seen, 600 * SIM_SECOND);
    sim_snapshot_take(seen->replica, &snapshot, 1);
    wkv_replica_destroy(seen->replica);
    seen->replica = sim_recover(&seen->log, &snapshot, &seen->events, 0);
    ck_assert_ptr_nonnull(seen->replica);
    sim_snapshot_free(&snapshot);
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_ptr_nonnull(strstr(seen->answer[1].text, "so old"));
    noted_increment(seen, 2, NOW_S + 660);
    ck_assert_ptr_nonnull(strstr(seen->answer[1].text, "seen before: every"));
    end(seen);
}
END_TEST

/* Every instance hears what a host says, and those that are late append it once more. */
START_TEST(what_a_host_says_twice_is_done_once_and_answered_alike)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    struct wkv_replica_binding binding;
    sim_note(&ops, 1, NOW_S + 60);
    sim_bind(&ops, WKV_OP_NOTED, "MA", "one");
    run(seen, &ops);
    sim_note(&ops, 2, NOW_S + 60);
    sim_unbind(&ops, WKV_OP_NOTED, "MA");
    run(seen, &ops);
    /* The first BIND, late: it must not undo the removal. */
    sim_note(&ops, 1, NOW_S + 60);
    sim_bind(&ops, WKV_OP_NOTED, "MA", "one");
    run(seen, &ops);
    ck_assert(seen->answer[1].code == WKV_OK && seen->answer[1].duplicate);
    ck_assert(!wkv_replica_find_binding(seen->replica, test_text("MA"), &binding));
    end(seen);
}
END_TEST

/* ---- snapshots ---- */

static bool refuse_chunk(void *context, struct wkv_text chunk)
{
    size_t *left = context;
    (void)chunk;
    return (*left)-- > 0;
}

START_TEST(a_snapshot_without_room_is_given_up)
{
    struct seen *seen = begin();
    size_t left = 1;
    for (int i = 0; i < 100; i++)
        DO(seen, "Set", "{\"key\":\"k%d\",\"value\":\"v\"}", i);
    ck_assert(wkv_replica_begin_snapshot(seen->replica, 1, refuse_chunk, &left));
    ck_assert(!wkv_replica_begin_snapshot(seen->replica, 2, refuse_chunk, &left));
    ck_assert_int_eq(wkv_replica_snapshot(seen->replica), WKV_SNAPSHOT_BEGUN);
    wkv_replica_snapshot_slice(seen->replica, 10);
    ck_assert_int_eq(wkv_replica_snapshot(seen->replica), WKV_SNAPSHOT_GIVEN_UP);
    wkv_replica_end_snapshot(seen->replica, NULL);
    ck_assert_int_eq(wkv_replica_snapshot(seen->replica), WKV_SNAPSHOT_NONE);
    end(seen);
}
END_TEST

START_TEST(a_large_value_goes_over_several_chunks)
{
    struct seen *seen = begin();
    struct sim_snapshot snapshot;
    char item[3000];
    memset(item, 'i', sizeof item - 1);
    item[sizeof item - 1] = '\0';
    for (int i = 0; i < 200; i++)
        DO(seen, "Push", "{\"key\":\"l\",\"value\":\"%s\"}", item);
    sim_snapshot_take(seen->replica, &snapshot, 1);
    ck_assert_uint_ge(snapshot.count, 4); /* META, and 600 KB */
    for (size_t i = 0; i < snapshot.count; i++)
        ck_assert_uint_le(snapshot.chunks[i].len, 256 * 1024);
    struct wkv_replica *recovered = sim_recover(&seen->log, &snapshot, NULL, 0);
    ck_assert_ptr_nonnull(recovered);
    ck_assert_uint_eq(sim_state(recovered), sim_state(seen->replica));
    ck_assert_uint_eq(wkv_replica_last_hash(recovered), wkv_replica_last_hash(seen->replica));
    wkv_replica_destroy(recovered);
    sim_snapshot_free(&snapshot);
    end(seen);
}
END_TEST

/* All that META has is there again. */
START_TEST(what_is_no_key_is_recovered)
{
    struct seen *seen = begin();
    struct sim_ops ops = {.count = 0};
    union wkv_record_body claim = claim_of(5), beat = {.beat = {.permille = 3, .least = 1, .most = 1}};
    sim_bind(&ops, WKV_OP_SIGNED | WKV_OP_HOST, "MA", "one");
    sim_unbind(&ops, 0, "MB");
    sim_note(&ops, 1, NOW_S + 60);
    run(seen, &ops);
    control(seen, seen->join, WKV_RECORD_CLAIM, &claim, true);
    union wkv_record_body body = snapshot_of(5, 2);
    control(seen, seen->join, WKV_RECORD_SNAPSHOT, &body, true);
    control(seen, seen->join, WKV_RECORD_CLAIM, &claim, true);
    control(seen, seen->join, WKV_RECORD_BEAT, &beat, true);
    struct sim_snapshot snapshot;
    sim_snapshot_take(seen->replica, &snapshot, 6);
    struct wkv_replica *was = seen->replica;
    seen->replica = sim_recover(&seen->log, &snapshot, &seen->events, 0);
    ck_assert_ptr_nonnull(seen->replica);
    ck_assert_uint_eq(sim_state(seen->replica), sim_state(was));
    struct wkv_replica_binding binding;
    uint64_t id;
    ck_assert(wkv_replica_find_binding(seen->replica, test_text("MA"), &binding));
    ck_assert(binding.keyspace == 1 && binding.signed_claims && binding.has_host);
    ck_assert_uint_eq(wkv_replica_claim(seen->replica, &id), seen->join);
    ck_assert_uint_eq(wkv_replica_snapshots(seen->replica)[0].snapshot, 5);
    ck_assert_uint_eq(wkv_replica_level(seen->replica), 3);
    sim_bind(&ops, WKV_OP_IF_NEW, "MB", NULL); /* it was removed */
    sim_bind(&ops, 0, "MC", "two");
    run(seen, &ops);
    ck_assert(!wkv_replica_find_binding(seen->replica, test_text("MB"), &binding));
    ck_assert(wkv_replica_find_binding(seen->replica, test_text("MC"), &binding) && binding.keyspace == 2);
    noted_increment(seen, 1, NOW_S + 60);
    ck_assert_int_eq(seen->answer[1].code, WKV_FORBIDDEN);
    wkv_replica_destroy(was);
    sim_snapshot_free(&snapshot);
    end(seen);
}
END_TEST

/* No chunk may be missing, twice, in another place, of another snapshot, or changed. */
START_TEST(a_snapshot_that_is_not_whole_is_refused)
{
    struct seen *seen = begin();
    struct sim_snapshot snapshot;
    for (int i = 0; i < 300; i++)
        DO(seen, "Set", "{\"key\":\"k%d\",\"value\":\"v\"}", i);
    sim_snapshot_begin(seen->replica, &snapshot, 1);
    while (wkv_replica_snapshot(seen->replica) == WKV_SNAPSHOT_BEGUN)
        wkv_replica_snapshot_slice(seen->replica, 64);
    sim_snapshot_end(seen->replica, &snapshot);
    ck_assert_uint_ge(snapshot.count, 5);
    struct wkv_replica *recovered = sim_recover(&seen->log, &snapshot, NULL, 0);
    ck_assert_ptr_nonnull(recovered);
    wkv_replica_destroy(recovered);
    for (size_t without = 0; without < snapshot.count; without++) {
        struct sim_snapshot less = snapshot;
        struct wkv_text chunks[16];
        ck_assert_uint_lt(snapshot.count, 16);
        less.chunks = chunks;
        less.count = 0;
        for (size_t i = 0; i < snapshot.count; i++)
            if (i != without)
                chunks[less.count++] = snapshot.chunks[i];
        ck_assert_ptr_null(sim_recover(&seen->log, &less, NULL, 0));
        /* One in the place of another. */
        chunks[less.count++] = snapshot.chunks[without];
        if (without + 1 < snapshot.count)
            ck_assert_ptr_null(sim_recover(&seen->log, &less, NULL, 0));
    }
    struct sim_snapshot other = snapshot;
    other.manifest.snapshot = 2;
    ck_assert_ptr_null(sim_recover(&seen->log, &other, NULL, 0));
    other = snapshot;
    other.manifest.position++;
    ck_assert_ptr_null(sim_recover(&seen->log, &other, NULL, 0));
    other = snapshot;
    other.manifest.digest++;
    ck_assert_ptr_null(sim_recover(&seen->log, &other, NULL, 0));
    other = snapshot;
    other.manifest.chain++;
    ck_assert_ptr_null(sim_recover(&seen->log, &other, NULL, 0));
    sim_snapshot_free(&snapshot);
    end(seen);
}
END_TEST

START_TEST(a_manifest_is_read_as_it_was_written)
{
    struct wkv_record_key key = wkv_record_key_of(9), found;
    static const struct wkv_manifest manifest = {.snapshot = 1, .position = 2, .chunks = 3, .before = 4};
    struct wkv_manifest read;
    memset(&read, 0, sizeof read);
    struct wkv_buffer buffer = {.data = NULL};
    ck_assert(wkv_manifest_write(&manifest, &key, &buffer));
    ck_assert(wkv_manifest_read((struct wkv_text){buffer.data, buffer.len}, &found, &read));
    ck_assert_uint_eq(found.log_id, 9);
    ck_assert_mem_eq(&read, &manifest, sizeof read);
    for (size_t len = 0; len < buffer.len; len++)
        ck_assert(!wkv_manifest_read((struct wkv_text){buffer.data, len}, &found, &read));
    wkv_buffer_destroy(&buffer);
}
END_TEST

#define TESTS(...)                                                                                           \
    (const TTest *const[])                                                                                   \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

static void add_case(Suite *suite, const char *name, const TTest *const *tests)
{
    TCase *added = tcase_create(name);
    tcase_set_timeout(added, 120);
    for (; *tests != NULL; tests++)
        tcase_add_test(added, *tests);
    suite_add_tcase(suite, added);
}

Suite *machine_suite(void)
{
    Suite *suite = suite_create("replica/machine");
    add_case(suite, "log",
             TESTS(a_log_begins_with_genesis, positions_are_known_next_or_beyond_a_hole,
                   what_is_no_record_is_passed_over_and_what_is_damaged_is_not,
                   a_newer_format_stops_the_replica, a_batch_that_cannot_be_read_is_no_record,
                   log_time_never_goes_back, another_chain_is_told_and_decides_nothing));
    add_case(suite, "writers",
             TESTS(a_number_is_settled_once, a_fence_voids_what_comes_after_it, a_deadline_is_in_log_time,
                   an_unknown_writer_is_void, an_idle_instance_is_gone_with_all_its_writers,
                   a_join_sweeps_and_a_leave_ends));
    add_case(suite, "control",
             TESTS(the_first_claim_holds_until_its_time_is_over, a_claim_ends_with_its_holder_and_by_records,
                   a_snapshot_counts_by_the_claims_holder_and_two_are_kept, what_two_snapshots_need_is_kept,
                   a_format_is_raised_when_all_can, a_raised_log_is_not_for_older_builds,
                   a_newer_snapshot_is_told_from_a_bad_one, the_fullest_instance_that_lives_is_the_level,
                   a_digest_is_of_the_ranks_that_are_asked_for));
    add_case(suite, "requests",
             TESTS(requests_are_answered_in_their_encoding, an_atomic_batch_is_all_or_nothing,
                   an_operation_with_an_id_is_done_once, a_reply_without_room_leaves_all_as_it_was,
                   a_request_that_is_none_is_refused_alone));
    add_case(suite, "bindings",
             TESTS(a_change_of_bindings_voids_older_batches, a_keyspaces_number_is_its_names_for_ever,
                   bindings_and_keyspaces_are_listed, keyspaces_have_a_number_of_names_at_the_most,
                   adoption_binds_only_whom_the_log_does_not_know, after_many_removals_nobody_is_adopted,
                   an_invocation_is_let_through_once, a_clock_that_jumps_opens_no_window_and_shuts_none,
                   a_note_far_ahead_shuts_nobody_out, what_is_too_old_is_so_after_a_recovery,
                   what_a_host_says_twice_is_done_once_and_answered_alike));
    add_case(suite, "snapshots",
             TESTS(a_snapshot_without_room_is_given_up, a_large_value_goes_over_several_chunks,
                   what_is_no_key_is_recovered, a_snapshot_that_is_not_whole_is_refused,
                   a_manifest_is_read_as_it_was_written));
    return suite;
}
