/* Records, operations and the chain: what is written is read, and what is not what was written is refused. */
#include <sodium.h>

#include "record/chain.h"
#include "record/operation.h"
#include "record/record.h"
#include "store/store_test.h"
#include "support/text.h"

static const struct wkv_record_key *the_key(void)
{
    static struct wkv_record_key key;
    key = wkv_record_key_of(UINT64_C(0x1122334455667788));
    return &key;
}

static struct wkv_text text_of(const struct wkv_buffer *buffer)
{
    return (struct wkv_text){buffer->data, buffer->len};
}

static struct wkv_record a_record(void)
{
    return (struct wkv_record){.kind = WKV_RECORD_BATCH,
                               .writer = wkv_record_writer(77, 3),
                               .number = 12,
                               .floor = 9,
                               .seen = 1000,
                               .chain = UINT64_MAX,
                               .deadline_ns = INT64_MAX,
                               .bindings = 5,
                               .operations = 0,
                               .body = {"body", 4}};
}

/* The format, byte by byte: it is what disks hold. */
START_TEST(a_record_has_the_bytes_that_are_drawn)
{
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_record record = {.kind = WKV_RECORD_BATCH,
                                .writer = 0x0102,
                                .number = 3,
                                .floor = 4,
                                .seen = 5,
                                .chain = 6,
                                .deadline_ns = 7,
                                .bindings = 8,
                                .operations = 9,
                                .body = {"x", 1}};
    ck_assert(wkv_record_write(&record, the_key(), &buffer));
    static const unsigned char drawn[] = {
        'W',  'K',  'V',  'L',  1,    4,    0,    0,
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* … log id */
        2,    1,    0,    0,    0,    0,    0,    0,
        3,    0,    0,    0,    0,    0,    0,    0, /* writer, number */
        4,    0,    0,    0,    0,    0,    0,    0,
        5,    0,    0,    0,    0,    0,    0,    0, /* floor, seen */
        6,    0,    0,    0,    0,    0,    0,    0,
        7,    0,    0,    0,    0,    0,    0,    0, /* chain, deadline */
        8,    0,    0,    0,    0,    0,    0,    0,
        9,    0,    0,    0,    1,    0,    0,    0, /* bindings, operations, body */
        'x'};
    ck_assert_uint_eq(buffer.len, sizeof drawn + 8);
    ck_assert_mem_eq(buffer.data, drawn, sizeof drawn);
    /* SipHash-2-4 of those under the first half of SHA-256("wkv" and the log's id). */
    unsigned char named[] = {'w', 'k', 'v', 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11}, hash[32], sum[8];
    ck_assert_int_eq(crypto_hash_sha256(hash, named, sizeof named), 0);
    ck_assert_int_eq(crypto_shorthash(sum, drawn, sizeof drawn, hash), 0);
    ck_assert_mem_eq(buffer.data + sizeof drawn, sum, 8);
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(what_is_written_is_read)
{
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_record record = a_record(), read;
    ck_assert(wkv_record_write(&record, the_key(), &buffer));
    ck_assert_int_eq(wkv_record_read(text_of(&buffer), the_key(), &read), WKV_RECORD_OK);
    ck_assert_int_eq(read.kind, record.kind);
    ck_assert_uint_eq(read.format, WKV_RECORD_FORMAT);
    ck_assert_uint_eq(read.writer, record.writer);
    ck_assert_uint_eq(read.number, record.number);
    ck_assert_uint_eq(read.floor, record.floor);
    ck_assert_uint_eq(read.seen, record.seen);
    ck_assert_uint_eq(read.chain, record.chain);
    ck_assert_int_eq(read.deadline_ns, record.deadline_ns);
    ck_assert_uint_eq(read.bindings, record.bindings);
    ck_assert(wkv_text_same(read.body, record.body));
    wkv_buffer_destroy(&buffer);
}
END_TEST

/* Neither is any truncation a record, nor any change of a bit, wherever it is. */
START_TEST(every_truncation_and_bit_flip_is_refused)
{
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_record record = a_record(), read;
    ck_assert(wkv_record_write(&record, the_key(), &buffer));
    for (size_t len = 0; len < buffer.len; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, buffer.data, len);
        ck_assert_int_ne(wkv_record_read((struct wkv_text){cut, len}, the_key(), &read), WKV_RECORD_OK);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * buffer.len; bit++) {
        buffer.data[bit / 8] ^= (char)(1 << bit % 8);
        enum wkv_record_status status = wkv_record_read(text_of(&buffer), the_key(), &read);
        bool names_it = bit / 8 < 4 || (bit / 8 >= 8 && bit / 8 < 16);
        ck_assert_int_eq(status, names_it ? WKV_RECORD_FOREIGN : WKV_RECORD_DAMAGED);
        buffer.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    (void)wkv_buffer_append(&buffer, "", 1);
    ck_assert_int_eq(wkv_record_read(text_of(&buffer), the_key(), &read), WKV_RECORD_DAMAGED);
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(another_logs_record_is_foreign)
{
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_record record = a_record(), read;
    struct wkv_record_key other = wkv_record_key_of(2);
    ck_assert(wkv_record_write(&record, &other, &buffer));
    ck_assert_int_eq(wkv_record_read(text_of(&buffer), the_key(), &read), WKV_RECORD_FOREIGN);
    ck_assert_int_eq(wkv_record_read((struct wkv_text){NULL, 0}, the_key(), &read), WKV_RECORD_FOREIGN);
    ck_assert_int_eq(wkv_record_read(test_text("hello"), the_key(), &read), WKV_RECORD_FOREIGN);
    wkv_buffer_destroy(&buffer);
}
END_TEST

/* Writes the checksum anew, as a writer that makes such a thing would. */
static enum wkv_record_status status_with(size_t at, unsigned char byte)
{
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_record record = a_record(), read;
    ck_assert(wkv_record_write(&record, the_key(), &buffer));
    buffer.data[at] = (char)byte;
    struct wkv_text summed = {buffer.data, buffer.len - 8};
    uint64_t sum = wkv_record_hash(the_key(), summed);
    for (size_t i = 0; i < 8; i++)
        buffer.data[buffer.len - 8 + i] = (char)(sum >> (8 * i));
    enum wkv_record_status status = wkv_record_read(text_of(&buffer), the_key(), &read);
    wkv_buffer_destroy(&buffer);
    return status;
}

START_TEST(a_newer_format_is_told_from_a_mistake)
{
    ck_assert_int_eq(status_with(4, WKV_RECORD_FORMAT + 1), WKV_RECORD_NEWER);
    ck_assert_int_eq(status_with(4, 255), WKV_RECORD_NEWER);
    ck_assert_int_eq(status_with(4, 0), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(5, 0), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(5, WKV_RECORD_LAST_KIND + 1), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(6, 1), WKV_RECORD_MALFORMED);
    ck_assert_int_eq(status_with(63, 0x80), WKV_RECORD_MALFORMED); /* a deadline below 0 */
    ck_assert_int_eq(status_with(76, 5), WKV_RECORD_MALFORMED);    /* a body that is longer than there is */
    ck_assert_int_eq(status_with(76, 4), WKV_RECORD_OK);
}
END_TEST

/* ---- bodies ---- */

static void round_trip(enum wkv_record_kind kind, const union wkv_record_body *body,
                       union wkv_record_body *read, struct wkv_buffer *buffer)
{
    struct wkv_record record;
    ck_assert(wkv_record_write_body(&(struct wkv_record){.kind = kind}, body, the_key(), buffer));
    ck_assert_int_eq(wkv_record_read(text_of(buffer), the_key(), &record), WKV_RECORD_OK);
    ck_assert_int_eq(record.kind, kind);
    ck_assert(wkv_record_read_body(&record, read));
    /* No truncation of a body is one, and nothing stands behind it. */
    struct wkv_record cut = record;
    for (cut.body.len = 0; cut.body.len < record.body.len; cut.body.len++)
        ck_assert(!wkv_record_read_body(&cut, &(union wkv_record_body){.raise = {1}}));
    char longer[600];
    ck_assert_uint_lt(record.body.len, sizeof longer);
    memcpy(longer, record.body.data, record.body.len);
    longer[record.body.len] = 0;
    cut.body = (struct wkv_text){longer, record.body.len + 1};
    ck_assert(!wkv_record_read_body(&cut, &(union wkv_record_body){.raise = {1}}));
}

START_TEST(every_body_is_read_as_it_was_written)
{
    struct wkv_buffer buffer = {.data = NULL};
    union wkv_record_body read;
    union wkv_record_body genesis = {.genesis = {.hash_seed = {1, 2, 3},
                                                 .shards = 4096,
                                                 .format = 1,
                                                 .binding = test_text("default"),
                                                 .space = test_text("")}};
    round_trip(WKV_RECORD_GENESIS, &genesis, &read, &buffer);
    ck_assert_mem_eq(read.genesis.hash_seed, genesis.genesis.hash_seed, 16);
    ck_assert_uint_eq(read.genesis.shards, 4096);
    ck_assert(wkv_text_is(read.genesis.binding, "default") && read.genesis.space.len == 0);
    uint64_t log_id;
    ck_assert(wkv_record_log_id(text_of(&buffer), &log_id) && log_id == the_key()->log_id);
    wkv_buffer_destroy(&buffer);

    union wkv_record_body join = {
        .join = {test_text("abc"), test_text("0.1.0"), .workers = 255, .least = 1, .most = 2}};
    round_trip(WKV_RECORD_JOIN, &join, &read, &buffer);
    ck_assert(wkv_text_is(read.join.instance, "abc") && wkv_text_is(read.join.version, "0.1.0"));
    ck_assert(read.join.workers == 255 && read.join.least == 1 && read.join.most == 2);
    ck_assert(!wkv_record_log_id(text_of(&buffer), &log_id));
    wkv_buffer_destroy(&buffer);

    union wkv_record_body beat = {
        .beat = {.bytes = UINT64_MAX, .keys = 128, .permille = 1001, .least = 1, .most = 1}};
    round_trip(WKV_RECORD_BEAT, &beat, &read, &buffer);
    ck_assert(read.beat.bytes == UINT64_MAX && read.beat.keys == 128 && read.beat.permille == 1001);
    wkv_buffer_destroy(&buffer);

    static const union wkv_record_body snapshot = {.snapshot = {.snapshot = 1,
                                                                .position = 2,
                                                                .chain = 3,
                                                                .checksum = 4,
                                                                .chunks = UINT32_MAX,
                                                                .bytes = 6,
                                                                .digest = 7,
                                                                .first = 8,
                                                                .last = 9,
                                                                .before = 10}};
    round_trip(WKV_RECORD_SNAPSHOT, &snapshot, &read, &buffer);
    ck_assert_mem_eq(&read.snapshot, &snapshot.snapshot, sizeof read.snapshot);
    wkv_buffer_destroy(&buffer);

    union wkv_record_body digest = {.digest = {.request = {9}, .from = 5, .to = UINT64_MAX}};
    round_trip(WKV_RECORD_DIGEST, &digest, &read, &buffer);
    ck_assert(read.digest.request[0] == 9 && read.digest.from == 5 && read.digest.to == UINT64_MAX);
    wkv_buffer_destroy(&buffer);

    round_trip(WKV_RECORD_CLAIM, &(union wkv_record_body){.claim = {300}}, &read, &buffer);
    ck_assert_uint_eq(read.claim.snapshot, 300);
    wkv_buffer_destroy(&buffer);
    round_trip(WKV_RECORD_RAISE, &(union wkv_record_body){.raise = {2}}, &read, &buffer);
    ck_assert_uint_eq(read.raise.format, 2);
    wkv_buffer_destroy(&buffer);
}
END_TEST

static void refused_body(enum wkv_record_kind kind, const union wkv_record_body *body)
{
    struct wkv_buffer buffer = {.data = NULL};
    struct wkv_record record;
    union wkv_record_body read;
    ck_assert(wkv_record_write_body(&(struct wkv_record){.kind = kind}, body, the_key(), &buffer));
    ck_assert_int_eq(wkv_record_read(text_of(&buffer), the_key(), &record), WKV_RECORD_OK);
    ck_assert(!wkv_record_read_body(&record, &read));
    wkv_buffer_destroy(&buffer);
}

START_TEST(a_body_that_makes_no_sense_is_refused)
{
    char name[300];
    memset(name, 'n', sizeof name);
    union wkv_record_body body = {.genesis = {.shards = 0, .format = 1}};
    refused_body(WKV_RECORD_GENESIS, &body);
    body.genesis = (struct wkv_genesis){.shards = 1, .format = 1, .binding = {name, 256}};
    refused_body(WKV_RECORD_GENESIS, &body);
    body.join = (struct wkv_join){.workers = 0, .least = 1, .most = 1};
    refused_body(WKV_RECORD_JOIN, &body);
    body.join = (struct wkv_join){.workers = 1, .least = 2, .most = 1};
    refused_body(WKV_RECORD_JOIN, &body);
    body.join = (struct wkv_join){.instance = {"a\0b", 3}, .workers = 1, .least = 1, .most = 1};
    refused_body(WKV_RECORD_JOIN, &body);
    body.beat = (struct wkv_beat){.least = 0, .most = 1};
    refused_body(WKV_RECORD_BEAT, &body);
}
END_TEST

/* ---- operations ---- */

static const struct wkv_op *some_ops(size_t *count)
{
    static struct wkv_op ops[] = {
        {.code = WKV_OP_REQUEST, .row = 2, .encoding = 1, .keyspace = 70000, .request = {"set", 3}},
        {.code = WKV_OP_REQUEST,
         .flags = WKV_OP_NOTED | WKV_OP_ROOM | WKV_OP_KEYED,
         .row = WKV_OP_BATCH,
         .room = UINT32_MAX,
         .max_key = 1,
         .max_value = 127,
         .id = {1},
         .payload = {2},
         .window_ms = 128,
         .request = {"", 0}},
        {.code = WKV_OP_BIND,
         .flags = WKV_OP_IF_NEW | WKV_OP_SIGNED | WKV_OP_HOST | WKV_OP_SPACE,
         .actor = {"MA", 2},
         .space = {"s", 1},
         .host = {3},
         .issuer = {4},
         .not_before_s = INT64_MIN,
         .expires_s = INT64_MAX},
        {.code = WKV_OP_BIND, .actor = {"MA", 2}, .issuer = {4}, .expires_s = -1},
        {.code = WKV_OP_UNBIND, .flags = WKV_OP_NOTED, .actor = {"MA", 2}},
        {.code = WKV_OP_NOTE, .host = {5}, .id = {6}, .until_s = 1700000000},
    };
    *count = TEST_COUNT_OF(ops);
    return ops;
}

static void assert_same_op(const struct wkv_op *one, const struct wkv_op *other)
{
    ck_assert_int_eq(one->code, other->code);
    ck_assert_uint_eq(one->flags, other->flags);
    ck_assert(one->row == other->row && one->encoding == other->encoding &&
              one->keyspace == other->keyspace && one->room == other->room &&
              one->max_key == other->max_key && one->max_value == other->max_value &&
              one->window_ms == other->window_ms && one->not_before_s == other->not_before_s &&
              one->expires_s == other->expires_s && one->until_s == other->until_s);
    ck_assert_mem_eq(one->id, other->id, 16);
    ck_assert_mem_eq(one->payload, other->payload, 16);
    ck_assert_mem_eq(one->host, other->host, 32);
    ck_assert_mem_eq(one->issuer, other->issuer, 32);
    ck_assert(wkv_text_same(one->request, other->request) && wkv_text_same(one->actor, other->actor) &&
              wkv_text_same(one->space, other->space));
}

START_TEST(operations_are_read_as_they_were_written)
{
    struct wkv_buffer buffer = {.data = NULL};
    size_t count;
    const struct wkv_op *ops = some_ops(&count);
    for (size_t i = 0; i < count; i++)
        wkv_op_write(&ops[i], &buffer);
    struct wkv_bytes bytes = wkv_bytes_in(text_of(&buffer));
    struct wkv_op op;
    for (size_t i = 0; i < count; i++) {
        ck_assert(wkv_op_read(&bytes, &op));
        assert_same_op(&op, &ops[i]);
    }
    ck_assert(wkv_bytes_ended(&bytes));
    ck_assert(wkv_ops_are_sound(text_of(&buffer), (uint32_t)count));
    ck_assert(!wkv_ops_are_sound(text_of(&buffer), (uint32_t)count - 1));
    ck_assert(!wkv_ops_are_sound(text_of(&buffer), (uint32_t)count + 1));
    for (size_t len = 0; len < buffer.len; len++)
        ck_assert(!wkv_ops_are_sound((struct wkv_text){buffer.data, len}, (uint32_t)count));
    wkv_buffer_destroy(&buffer);
}
END_TEST

START_TEST(an_unknown_operation_or_flag_is_refused)
{
    for (unsigned code = 0; code < 256; code++)
        for (unsigned flag = 0; flag < 9; flag++) {
            char bytes[200] = {(char)code, (char)(flag == 8 ? 0 : 1u << flag)};
            struct wkv_bytes in = wkv_bytes_in((struct wkv_text){bytes, sizeof bytes});
            struct wkv_op op;
            bool known = (code == WKV_OP_REQUEST && (flag <= 2 || flag == 8)) ||
                         (code == WKV_OP_BIND && (flag == 0 || (flag >= 3 && flag <= 6) || flag == 8)) ||
                         (code == WKV_OP_UNBIND && (flag == 0 || flag == 8)) ||
                         (code == WKV_OP_NOTE && flag == 8);
            ck_assert_msg(wkv_op_read(&in, &op) == known, "code %u, flag %u", code, flag);
        }
}
END_TEST

/* ---- numbers ---- */

START_TEST(a_number_has_one_form)
{
    static const uint64_t numbers[] = {
        0, 1, 127, 128, 16383, 16384, 1u << 21, UINT32_MAX, UINT64_C(1) << 62, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < TEST_COUNT_OF(numbers); i++) {
        struct wkv_buffer buffer = {.data = NULL};
        wkv_put_varint(&buffer, numbers[i]);
        struct wkv_bytes bytes = wkv_bytes_in(text_of(&buffer));
        ck_assert_uint_eq(wkv_bytes_varint(&bytes), numbers[i]);
        ck_assert(wkv_bytes_ended(&bytes));
        ck_assert_int_eq(wkv_zigzag(wkv_unzigzag(numbers[i])) == numbers[i], true);
        wkv_buffer_destroy(&buffer);
    }
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {{"", 0},
                 {"\x80", 1},
                 {"\x80\x00", 2}, /* 0 in two bytes */
                 {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
                 {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}};
    for (size_t i = 0; i < TEST_COUNT_OF(wrong); i++) {
        struct wkv_bytes bytes = wkv_bytes_in((struct wkv_text){wrong[i].bytes, wrong[i].len});
        ck_assert_uint_eq(wkv_bytes_varint(&bytes), 0);
        ck_assert(bytes.bad);
    }
    ck_assert_uint_eq(wkv_zigzag(-1), 1);
    ck_assert_uint_eq(wkv_zigzag(INT64_MIN), UINT64_MAX);
}
END_TEST

/* ---- the chain ---- */

START_TEST(the_chain_tells_logs_apart)
{
    struct wkv_chain one, other;
    uint64_t a, b;
    ck_assert(wkv_chain_begin(&one, the_key(), 0, 0) && wkv_chain_begin(&other, the_key(), 0, 0));
    wkv_chain_add(&one, test_text("a"));
    wkv_chain_add(&other, test_text("a"));
    ck_assert(wkv_chain_at(&one, 1, &a) && wkv_chain_at(&other, 1, &b) && a == b);
    wkv_chain_add(&one, test_text("b"));
    wkv_chain_add(&other, (struct wkv_text){NULL, 0}); /* a hole */
    ck_assert(wkv_chain_at(&one, 2, &a) && wkv_chain_at(&other, 2, &b) && a != b);
    ck_assert_uint_eq(other.last_hash, 0);
    /* What was once different stays so. */
    wkv_chain_add(&one, test_text("c"));
    wkv_chain_add(&other, test_text("c"));
    ck_assert(wkv_chain_at(&one, 3, &a) && wkv_chain_at(&other, 3, &b) && a != b);
    ck_assert_uint_eq(one.last_hash, other.last_hash);
    ck_assert(!wkv_chain_at(&one, 4, &a));
    wkv_chain_end(&one);
    wkv_chain_end(&other);
}
END_TEST

START_TEST(the_chain_goes_on_from_a_position_and_forgets)
{
    struct wkv_chain whole, rest;
    uint64_t a, b;
    ck_assert(wkv_chain_begin(&whole, the_key(), 0, 0));
    for (size_t i = 1; i <= 10; i++)
        wkv_chain_add(&whole, test_text("message"));
    ck_assert(wkv_chain_at(&whole, 10, &a));
    ck_assert(wkv_chain_begin(&rest, the_key(), 10, a));
    ck_assert(!wkv_chain_at(&rest, 9, &b));
    for (size_t i = 11; i <= WKV_CHAIN_KEPT + 10; i++) {
        wkv_chain_add(&whole, test_text("more"));
        wkv_chain_add(&rest, test_text("more"));
    }
    for (size_t i = 11; i <= WKV_CHAIN_KEPT + 10; i++)
        ck_assert(wkv_chain_at(&whole, i, &a) && wkv_chain_at(&rest, i, &b) && a == b);
    ck_assert(!wkv_chain_at(&whole, 10, &a) && !wkv_chain_at(&rest, 10, &a));
    wkv_chain_end(&whole);
    wkv_chain_end(&rest);
}
END_TEST

Suite *record_suite(void)
{
    Suite *suite = suite_create("record/record");
    TCase *records = tcase_create("records"), *others = tcase_create("others");
    tcase_add_test(records, a_record_has_the_bytes_that_are_drawn);
    tcase_add_test(records, what_is_written_is_read);
    tcase_add_test(records, every_truncation_and_bit_flip_is_refused);
    tcase_add_test(records, another_logs_record_is_foreign);
    tcase_add_test(records, a_newer_format_is_told_from_a_mistake);
    tcase_add_test(records, every_body_is_read_as_it_was_written);
    tcase_add_test(records, a_body_that_makes_no_sense_is_refused);
    tcase_add_test(others, operations_are_read_as_they_were_written);
    tcase_add_test(others, an_unknown_operation_or_flag_is_refused);
    tcase_add_test(others, a_number_has_one_form);
    tcase_add_test(others, the_chain_tells_logs_apart);
    tcase_add_test(others, the_chain_goes_on_from_a_position_and_forgets);
    suite_add_tcase(suite, records);
    suite_add_tcase(suite, others);
    return suite;
}
