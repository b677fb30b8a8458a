/* The store and a trivially simple model of it, side by side.
 *
 * The model is one array of keys with plain arrays behind them and knows nothing of how the store works.
 * Every operation is done to both and compared, and now and then the whole content is. Time goes forward in
 * odd steps. A failure prints its seed: WKV_TEST_SEED=<seed> runs that seed again in place of the random one.
 */
#include <sys/random.h>

#include "store/heap_sound.h"
#include "store/relink.h"
#include "store/store.h"
#include "store/store_test.h"

#define STEPS 120000
#define CHECK_EVERY 400
#define KEYSPACES 2
#define NAMES 13
#define KEYS (KEYSPACES * NAMES)
#define LONGEST_VALUE 5000
#define MOST_ITEMS 1200
#define MOST_CHOSEN 5
#define BATCH 8
#define CHANGES_BYTES ((size_t)65536)
#define YEAR_NS (INT64_C(365) * 86400 * WKV_NS_PER_S)
#define LATEST_NOW (100 * YEAR_NS)

/* ---- the model ---- */

struct bytes {
    size_t len;
    char *data;
};

struct model_key {
    uint32_t keyspace;
    struct bytes name;
    bool present;
    bool gone; /* it has expired, and the store has not told */
    enum wkv_kind kind;
    int64_t expires_at_ns;
    int64_t counter;
    struct bytes scalar;
    struct bytes *items; /* of a list in order, of a set in any */
    size_t count;
};

/* A change that the model has made. */
struct wanted {
    const struct model_key *key;
    enum wkv_change_kind what;
};

struct run {
    uint64_t seed;
    uint64_t random;
    size_t step;
    const char *operation;
    int64_t now_ns;
    uint64_t budget_bytes;
    size_t no_memory; /* answers so far */
    size_t expired;   /* keys so far, by the model */
    size_t evicted;   /* keys so far, by the store */
    enum wkv_evict evict;
    size_t style; /* what this stretch of operations favours */
    struct model_key keys[KEYS];
    struct wkv_store *store;
    struct wkv_changes *changes;
    struct wkv_view *view; /* of one key, or of all, and behind them the chosen ones */
    bool single;
    const struct model_key *chosen[MOST_CHOSEN];
    size_t chosen_count;
    size_t wanted_count;        /* changes that the store has to tell of */
    struct wanted wanted[KEYS]; /* at the most, when all is deleted */
    char value[LONGEST_VALUE];
};

#define EXPECT(run, condition)                                                                               \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ck_abort_msg("WKV_TEST_SEED=%llu, step %zu, %s: not so: %s", (unsigned long long)(run)->seed,    \
                         (run)->step, (run)->operation, #condition);                                         \
    } while (0)

static struct bytes bytes_copy(struct wkv_text text)
{
    struct bytes copy = {text.len, malloc(text.len + 1)};
    ck_assert_ptr_nonnull(copy.data);
    if (text.len > 0)
        memcpy(copy.data, text.data, text.len);
    return copy;
}

static struct wkv_text text_of(const struct bytes *bytes)
{
    return (struct wkv_text){bytes->data, bytes->len};
}

static struct wkv_key key_of(const struct model_key *key)
{
    return (struct wkv_key){key->keyspace, text_of(&key->name)};
}

/* The key's number in the view. */
static size_t at(const struct run *run, const struct model_key *key)
{
    return run->single ? 0 : (size_t)(key - run->keys);
}

static void want(struct run *run, const struct model_key *key, enum wkv_change_kind what)
{
    run->wanted[run->wanted_count++] = (struct wanted){key, what};
}

static void model_delete(struct model_key *key)
{
    free(key->scalar.data);
    for (size_t i = 0; i < key->count; i++)
        free(key->items[i].data);
    free(key->items);
    key->scalar = (struct bytes){0, NULL};
    key->items = NULL;
    key->count = 0;
    key->present = false;
    key->expires_at_ns = 0;
}

static void model_append(struct model_key *key, struct wkv_text text)
{
    key->items = realloc(key->items, (key->count + 1) * sizeof *key->items);
    ck_assert_ptr_nonnull(key->items);
    key->items[key->count++] = bytes_copy(text);
}

static bool model_has(const struct model_key *key, struct wkv_text text)
{
    for (size_t i = 0; i < key->count; i++)
        if (test_same(text_of(&key->items[i]), text))
            return true;
    return false;
}

static void model_remove_items(struct model_key *key, struct wkv_text text)
{
    size_t kept = 0;
    for (size_t i = 0; i < key->count; i++) {
        if (test_same(text_of(&key->items[i]), text))
            free(key->items[i].data);
        else
            key->items[kept++] = key->items[i];
    }
    key->count = kept;
    if (kept == 0)
        model_delete(key);
}

/* A decimal number by the contract: what printing the number gives back. */
static bool model_number(struct wkv_text text, struct wkv_range range, int64_t *number)
{
    char copy[24], printed[24];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    long long value = strtoll(copy, NULL, 10);
    int len = snprintf(printed, sizeof printed, "%lld", value);
    *number = value;
    return value >= range.least && value <= range.most && (size_t)len == text.len &&
           memcmp(printed, copy, text.len) == 0;
}

/* ---- what the operations are done with ---- */

static struct wkv_text random_text(struct run *run)
{
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "42",
                                          "2147483647",
                                          "-2147483648",
                                          "2147483648",
                                          "-2147483649",
                                          "-0",
                                          "00",
                                          "007",
                                          " 12",
                                          "+5",
                                          "12 ",
                                          "1e3",
                                          "-",
                                          "--1",
                                          "99999999999999",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "9223372036854775808",
                                          "-9223372036854775809"};
    size_t kind = test_below(&run->random, 100);
    size_t len;
    if (kind < 10)
        return test_text(numbers[test_below(&run->random, TEST_COUNT_OF(numbers))]);
    if (kind < 13)
        return (struct wkv_text){run->value, 0};
    if (kind < 75) {
        /* One of a few hundred, so that texts meet again: a number's digits, with a NUL between. */
        len = (size_t)snprintf(run->value, sizeof run->value, "m%zu", test_below(&run->random, 300));
        run->value[len] = '\0';
        return (struct wkv_text){run->value, len + test_below(&run->random, 2)};
    }
    len = kind < 95   ? test_below(&run->random, 200)
          : kind < 99 ? test_below(&run->random, 2200)
                      : test_below(&run->random, LONGEST_VALUE);
    char first = (char)test_random(&run->random);
    for (size_t i = 0; i < len; i++)
        run->value[i] = (char)(first * (char)(i % 7));
    return (struct wkv_text){run->value, len};
}

static int64_t random_expiry(struct run *run)
{
    static const int64_t seconds[] = {1, 2, 3, 10, 60, 61, 3600, 86400, 86400 * 30};
    switch (test_below(&run->random, 4)) {
    case 0:
        return run->now_ns + seconds[test_below(&run->random, TEST_COUNT_OF(seconds))] * WKV_NS_PER_S;
    case 1:
        return run->now_ns + 1 + (int64_t)test_below(&run->random, WKV_NS_PER_S);
    case 2:
        return run->now_ns + 1 + (int64_t)test_below(&run->random, (size_t)(YEAR_NS * 68));
    default:
        return 0;
    }
}

static void model_expire(struct run *run, struct model_key *key)
{
    model_delete(key);
    key->gone = true;
    run->expired++;
}

static void advance(struct run *run)
{
    const struct model_key *key = &run->keys[test_below(&run->random, KEYS)];
    int64_t to = run->now_ns;
    switch (test_below(&run->random, 12)) {
    case 0:
        to += 1;
        break;
    case 1:
        to += (int64_t)test_below(&run->random, 200 * WKV_NS_PER_MS);
        break;
    case 2:
        to += WKV_NS_PER_S;
        break;
    case 3:
        to += (int64_t)test_below(&run->random, (size_t)60 * WKV_NS_PER_S);
        break;
    case 4:
        if (test_below(&run->random, 10) == 0)
            to += (int64_t)test_below(&run->random, (size_t)86400 * 40 * WKV_NS_PER_S);
        break;
    case 5:
        if (test_below(&run->random, 300) == 0)
            to += (int64_t)test_below(&run->random, (size_t)YEAR_NS * 3);
        break;
    case 6: /* the very moment that a key goes */
        if (key->present && key->expires_at_ns != 0 && key->expires_at_ns < to + YEAR_NS / 100)
            to = key->expires_at_ns;
        break;
    case 7: /* … and the one before it */
        if (key->present && key->expires_at_ns != 0 && key->expires_at_ns < to + YEAR_NS / 100)
            to = key->expires_at_ns - 1;
        break;
    default:
        break;
    }
    if (to < run->now_ns || to > LATEST_NOW)
        return;
    run->now_ns = to;
    for (size_t i = 0; i < KEYS; i++) {
        if (run->keys[i].present && run->keys[i].expires_at_ns != 0 && run->keys[i].expires_at_ns <= to) {
            model_expire(run, &run->keys[i]);
        }
    }
}

/* ---- comparing ---- */

static void compare_texts(const struct run *run, struct test_texts *seen, const struct model_key *key,
                          bool ordered)
{
    EXPECT(run, seen->count == key->count);
    if (seen->count == 0)
        return;
    struct wkv_text *wanted = malloc(key->count * sizeof *wanted);
    ck_assert_ptr_nonnull(wanted);
    for (size_t i = 0; i < key->count; i++)
        wanted[i] = text_of(&key->items[i]);
    if (!ordered) {
        test_texts_sort(seen);
        qsort(wanted, key->count, sizeof *wanted, test_compare_texts);
    }
    for (size_t i = 0; i < key->count; i++)
        EXPECT(run, test_same(seen->texts[i], wanted[i]));
    free(wanted);
}

static void compare_scalar(const struct run *run, const struct test_texts *seen, const struct model_key *key)
{
    char decimal[24];
    struct wkv_text wanted = text_of(&key->scalar);
    if (key->kind == WKV_COUNTER) {
        (void)snprintf(decimal, sizeof decimal, "%lld", (long long)key->counter);
        wanted = test_text(decimal);
    }
    EXPECT(run, seen->count == 1);
    EXPECT(run, test_same(seen->texts[0], wanted));
}

static void compare_key(struct run *run, struct model_key *key)
{
    enum wkv_kind kind = WKV_SET;
    struct test_texts seen = {0};
    enum wkv_store_status status = wkv_view_exists(run->view, at(run, key), &kind);
    EXPECT(run, status == (key->present ? WKV_STORE_OK : WKV_STORE_MISSING));
    if (!key->present)
        return;
    EXPECT(run, kind == key->kind);
    struct wkv_store_info info;
    EXPECT(run, wkv_view_inspect(run->view, at(run, key), &info) == WKV_STORE_OK);
    EXPECT(run, info.expires_at_ns == key->expires_at_ns);
    if (kind == WKV_LIST)
        status = wkv_view_list_range(run->view, at(run, key), 0, -1, test_texts_see, &seen);
    else if (kind == WKV_SET)
        status = wkv_view_set_members(run->view, at(run, key), test_texts_see, &seen);
    else
        status = wkv_view_get(run->view, at(run, key), test_texts_see, &seen);
    EXPECT(run, status == WKV_STORE_OK);
    if (kind == WKV_LIST || kind == WKV_SET)
        compare_texts(run, &seen, key, kind == WKV_LIST);
    else
        compare_scalar(run, &seen, key);
    test_texts_free(&seen);
}

/* A view of all keys, for what is not a part of a batch. */
static void look_at_all(struct run *run, void (*look)(struct run *run, struct model_key *key))
{
    struct wkv_key keys[KEYS];
    struct wkv_view view;
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = key_of(&run->keys[i]);
    EXPECT(run, wkv_store_begin(&view, run->store, keys, KEYS, WKV_STORE_READS, run->now_ns) == WKV_STORE_OK);
    run->view = &view;
    run->single = false;
    for (size_t i = 0; i < KEYS; i++)
        look(run, &run->keys[i]);
    wkv_store_end(&view);
}

static void compare_all(struct run *run)
{
    size_t by_kind[4] = {0};
    struct wkv_store_stats stats = test_stats(run->store);
    for (size_t i = 0; i < KEYS; i++)
        if (run->keys[i].present)
            by_kind[run->keys[i].kind]++;
    for (size_t kind = 0; kind < TEST_COUNT_OF(by_kind); kind++) /* what has expired may still be counted */
        EXPECT(run, stats.keys_by_kind[kind] >= by_kind[kind]);
    EXPECT(run, stats.keys == stats.keys_by_kind[0] + stats.keys_by_kind[1] + stats.keys_by_kind[2] +
                                  stats.keys_by_kind[3]);
    EXPECT(run, stats.keys <= KEYS);
    EXPECT(run, stats.expired <= run->expired);
    look_at_all(run, compare_key);
}

/* Compares the answer of a call that may find no memory. Returns whether the model is to follow it. */
static bool done(struct run *run, struct model_key *key, enum wkv_store_status status,
                 enum wkv_store_status wanted)
{
    if (status == WKV_STORE_NO_MEMORY && wanted == WKV_STORE_OK && run->budget_bytes != 0) {
        run->no_memory++;
        compare_key(run, key);
        return false;
    }
    EXPECT(run, status == wanted);
    return status == WKV_STORE_OK;
}

/* ---- the operations ---- */

static void do_get(struct run *run, struct model_key *key)
{
    struct test_texts seen = {0};
    enum wkv_store_status status = wkv_view_get(run->view, at(run, key), test_texts_see, &seen);
    if (!key->present)
        EXPECT(run, status == WKV_STORE_MISSING);
    else if (key->kind == WKV_LIST || key->kind == WKV_SET)
        EXPECT(run, status == WKV_STORE_WRONG_KIND);
    else
        EXPECT(run, status == WKV_STORE_OK);
    if (status == WKV_STORE_OK)
        compare_scalar(run, &seen, key);
    else
        EXPECT(run, seen.count == 0);
    test_texts_free(&seen);
}

static void do_set(struct run *run, struct model_key *key)
{
    struct wkv_text value = random_text(run);
    int64_t expires_at_ns = random_expiry(run);
    if (!done(run, key, wkv_view_set(run->view, at(run, key), value, expires_at_ns), WKV_STORE_OK))
        return;
    model_delete(key);
    key->present = true;
    key->kind = WKV_SCALAR;
    key->scalar = bytes_copy(value);
    key->expires_at_ns = expires_at_ns;
    want(run, key, WKV_CHANGE_PUT);
}

static void do_delete(struct run *run, struct model_key *key)
{
    enum wkv_store_status status = wkv_view_delete(run->view, at(run, key));
    EXPECT(run, status == (key->present ? WKV_STORE_OK : WKV_STORE_MISSING));
    if (key->present)
        want(run, key, WKV_CHANGE_DELETE);
    model_delete(key);
}

static void do_exists(struct run *run, struct model_key *key)
{
    compare_key(run, key);
}

static void do_add(struct run *run, struct model_key *key)
{
    int64_t before = 0, sum = 0, exact;
    int64_t delta = (int32_t)test_random(&run->random);
    struct wkv_range range = WKV_INT32_RANGE;
    if (test_below(&run->random, 2) == 0)
        delta %= 1000;
    if (test_below(&run->random, 2) == 0)
        range = WKV_INT64_RANGE;
    if (test_below(&run->random, 6) == 0)
        delta *= INT64_C(1) << 32;
    enum wkv_store_status wanted = WKV_STORE_OK;
    if (key->present && key->kind == WKV_COUNTER)
        before = key->counter;
    else if (key->present && key->kind != WKV_SCALAR)
        wanted = WKV_STORE_WRONG_KIND;
    else if (key->present && !model_number(text_of(&key->scalar), range, &before))
        wanted = WKV_STORE_NOT_A_NUMBER;
    bool fits = !__builtin_add_overflow(before, delta, &exact) && before >= range.least &&
                before <= range.most && exact >= range.least && exact <= range.most;
    if (wanted == WKV_STORE_OK && !fits)
        wanted = WKV_STORE_OVERFLOW;
    if (!done(run, key, wkv_view_add(run->view, at(run, key), delta, range, &sum), wanted))
        return;
    EXPECT(run, sum == exact);
    if (!key->present || delta != 0)
        want(run, key, WKV_CHANGE_PUT);
    key->present = true;
    key->kind = WKV_COUNTER;
    key->counter = sum;
}

static void do_expire(struct run *run, struct model_key *key)
{
    int64_t expires_at_ns = random_expiry(run);
    enum wkv_store_status wanted = key->present ? WKV_STORE_OK : WKV_STORE_MISSING;
    if (done(run, key, wkv_view_expire(run->view, at(run, key), expires_at_ns), wanted))
        key->expires_at_ns = expires_at_ns;
}

static void do_push(struct run *run, struct model_key *key)
{
    int32_t length = 0;
    struct wkv_text value = random_text(run);
    enum wkv_store_status wanted =
        key->present && key->kind != WKV_LIST ? WKV_STORE_WRONG_KIND : WKV_STORE_OK;
    if (key->count >= MOST_ITEMS)
        return;
    if (!done(run, key, wkv_view_list_push(run->view, at(run, key), value, &length), wanted))
        return;
    key->present = true;
    key->kind = WKV_LIST;
    model_append(key, value);
    want(run, key, WKV_CHANGE_PUT);
    EXPECT(run, (size_t)length == key->count);
}

/* A text that the key has, as often as not. */
static struct wkv_text text_to_remove(struct run *run, const struct model_key *key)
{
    if (key->count == 0 || test_below(&run->random, 2) == 0)
        return random_text(run);
    const struct bytes *item = &key->items[test_below(&run->random, key->count)];
    memcpy(run->value, item->data, item->len);
    return (struct wkv_text){run->value, item->len};
}

static void take_items(struct run *run, struct model_key *key, struct wkv_text value)
{
    size_t before = key->count;
    model_remove_items(key, value);
    if (key->count < before)
        want(run, key, key->count == 0 ? WKV_CHANGE_DELETE : WKV_CHANGE_PUT);
}

static void do_list_remove(struct run *run, struct model_key *key)
{
    int32_t length = -1;
    struct wkv_text value = text_to_remove(run, key);
    enum wkv_store_status status = wkv_view_list_remove(run->view, at(run, key), value, &length);
    if (key->present && key->kind != WKV_LIST) {
        EXPECT(run, status == WKV_STORE_WRONG_KIND);
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    take_items(run, key, value);
    EXPECT(run, (size_t)length == key->count);
}

static void model_take(struct run *run, struct model_key *key, size_t item)
{
    free(key->items[item].data);
    key->count--;
    memmove(&key->items[item], &key->items[item + 1], (key->count - item) * sizeof *key->items);
    want(run, key, key->count > 0 ? WKV_CHANGE_PUT : WKV_CHANGE_DELETE);
    if (key->count == 0)
        model_delete(key);
}

static void do_list_pop(struct run *run, struct model_key *key)
{
    bool last = test_below(&run->random, 2) == 0;
    enum wkv_store_status status =
        wkv_view_list_pop(run->view, at(run, key), last ? WKV_LIST_LAST : WKV_LIST_FIRST);
    if (!key->present || key->kind != WKV_LIST) {
        EXPECT(run, status == (key->present ? WKV_STORE_WRONG_KIND : WKV_STORE_MISSING));
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    model_take(run, key, last ? key->count - 1 : 0);
}

static void do_range(struct run *run, struct model_key *key)
{
    struct test_texts seen = {0};
    int64_t length = (int64_t)key->count;
    int32_t start = (int32_t)((int64_t)test_below(&run->random, 2 * key->count + 5) - length - 2);
    int32_t stop = (int32_t)((int64_t)test_below(&run->random, 2 * key->count + 5) - length - 2);
    if (test_below(&run->random, 50) == 0)
        start = test_below(&run->random, 2) == 0 ? INT32_MIN : INT32_MAX;
    if (test_below(&run->random, 50) == 0)
        stop = test_below(&run->random, 2) == 0 ? INT32_MIN : INT32_MAX;
    enum wkv_store_status status =
        wkv_view_list_range(run->view, at(run, key), start, stop, test_texts_see, &seen);
    if (key->present && key->kind != WKV_LIST) {
        EXPECT(run, status == WKV_STORE_WRONG_KIND && seen.count == 0);
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    int64_t first = start < 0 ? start + length : start;
    int64_t last = stop < 0 ? stop + length : stop;
    size_t shown = 0;
    for (int64_t i = 0; i < length; i++) {
        if (i < first || i > last)
            continue;
        EXPECT(run, shown < seen.count);
        EXPECT(run, test_same(seen.texts[shown++], text_of(&key->items[i])));
    }
    EXPECT(run, shown == seen.count);
    test_texts_free(&seen);
}

static void do_clear(struct run *run, struct model_key *key)
{
    enum wkv_store_status status = wkv_view_list_clear(run->view, at(run, key));
    if (key->present && key->kind != WKV_LIST) {
        EXPECT(run, status == WKV_STORE_WRONG_KIND);
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    if (key->present)
        want(run, key, WKV_CHANGE_DELETE);
    model_delete(key);
}

static void do_set_add(struct run *run, struct model_key *key)
{
    int32_t size = 0;
    struct wkv_text value = random_text(run);
    enum wkv_store_status wanted = key->present && key->kind != WKV_SET ? WKV_STORE_WRONG_KIND : WKV_STORE_OK;
    if (!done(run, key, wkv_view_set_add(run->view, at(run, key), value, &size), wanted))
        return;
    key->present = true;
    key->kind = WKV_SET;
    if (!model_has(key, value)) {
        model_append(key, value);
        want(run, key, WKV_CHANGE_PUT);
    }
    EXPECT(run, (size_t)size == key->count);
}

static void do_set_remove(struct run *run, struct model_key *key)
{
    int32_t size = -1;
    struct wkv_text value = text_to_remove(run, key);
    enum wkv_store_status status = wkv_view_set_remove(run->view, at(run, key), value, &size);
    if (key->present && key->kind != WKV_SET) {
        EXPECT(run, status == WKV_STORE_WRONG_KIND);
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    take_items(run, key, value);
    EXPECT(run, (size_t)size == key->count);
}

static void do_members(struct run *run, struct model_key *key)
{
    struct test_texts seen = {0};
    enum wkv_store_status status = wkv_view_set_members(run->view, at(run, key), test_texts_see, &seen);
    if (key->present && key->kind != WKV_SET) {
        EXPECT(run, status == WKV_STORE_WRONG_KIND && seen.count == 0);
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    compare_texts(run, &seen, key, false);
    test_texts_free(&seen);
}

struct paging {
    struct test_texts seen;
    size_t left;
};

static bool see_page(void *context, struct wkv_text text)
{
    struct paging *paging = context;
    if (paging->left == 0)
        return false;
    paging->left--;
    return test_texts_see(&paging->seen, text);
}

static void do_pages(struct run *run, struct model_key *key)
{
    struct paging paging = {.left = 0};
    size_t most = 1 + test_below(&run->random, key->count + 5);
    uint64_t cursor = 0;
    enum wkv_store_status status;
    do {
        EXPECT(run, paging.left == 0); /* a page that is not the last is full */
        paging.left = most;
        status = wkv_view_set_page(run->view, at(run, key), &cursor, see_page, &paging);
    } while (cursor != 0);
    if (key->present && key->kind != WKV_SET) {
        EXPECT(run, status == WKV_STORE_WRONG_KIND && paging.seen.count == 0);
        return;
    }
    EXPECT(run, status == WKV_STORE_OK);
    compare_texts(run, &paging.seen, key, false);
    test_texts_free(&paging.seen);
}

/* Up to five keys, some of them twice and most of them sets. */
static void choose_sets(struct run *run)
{
    run->chosen_count = test_below(&run->random, MOST_CHOSEN + 1);
    for (size_t i = 0; i < run->chosen_count; i++) {
        for (int tries = 0; tries < 12; tries++) {
            run->chosen[i] = &run->keys[test_below(&run->random, KEYS)];
            if (!run->chosen[i]->present || run->chosen[i]->kind == WKV_SET)
                break;
        }
    }
}

static bool in_all(const struct model_key *const *chosen, size_t count, struct wkv_text text)
{
    for (size_t i = 0; i < count; i++)
        if (!model_has(chosen[i], text))
            return false;
    return true;
}

static void do_algebra(struct run *run, bool all)
{
    const struct model_key *const *chosen = run->chosen;
    struct test_texts seen = {0};
    struct model_key wanted = {0};
    bool mismatch = false;
    size_t count = run->chosen_count;
    for (size_t i = 0; i < count; i++)
        mismatch |= chosen[i]->present && chosen[i]->kind != WKV_SET;
    enum wkv_store_status status = (all ? wkv_view_set_intersection : wkv_view_set_union)(
        run->view, run->single ? 1 : KEYS, count, test_texts_see, &seen);
    EXPECT(run, status == (mismatch ? WKV_STORE_WRONG_KIND : WKV_STORE_OK));
    for (size_t i = 0; i < count && !mismatch; i++)
        for (size_t j = 0; j < chosen[i]->count; j++) {
            struct wkv_text text = text_of(&chosen[i]->items[j]);
            if (!model_has(&wanted, text) && (!all || in_all(chosen, count, text)))
                model_append(&wanted, text);
        }
    compare_texts(run, &seen, &wanted, false);
    model_delete(&wanted);
    test_texts_free(&seen);
}

static void do_union(struct run *run, struct model_key *key)
{
    (void)key;
    do_algebra(run, false);
}

static void do_intersection(struct run *run, struct model_key *key)
{
    (void)key;
    do_algebra(run, true);
}

static void do_maintain(struct run *run)
{
    run->operation = "maintain";
    (void)wkv_store_maintain(run->store, run->now_ns, 1 + (unsigned)test_below(&run->random, 40));
}

/* Moves all blocks of some segment, whether or not that is worth anything. */
static void do_evacuate(struct run *run)
{
    run->operation = "evacuate";
    for (uint32_t i = 0; i < run->store->shard_count; i++) {
        struct wkv_shard *shard = &run->store->shards[i];
        struct wkv_heap *heap = &shard->memory.heap;
        wkv_shard_lock(shard);
        if (shard->graveyard == NULL)
            (void)wkv_heap_evacuate(heap, wkv_shard_relink, shard);
        EXPECT(run, heap_is_sound(heap));
        /* Each block has found its owner: none had to stay where it was. */
        EXPECT(run, shard->graveyard != NULL || heap->unmoved == 0);
        wkv_shard_unlock(shard);
    }
}

/* What is favoured changes from stretch to stretch, so that everything grows large at times and is emptied at
 * others. */
#define STYLES 4
static const struct {
    const char *name;
    void (*run)(struct run *run, struct model_key *key);
    unsigned weights[STYLES];
} operations[] = {
    {"get", do_get, {4, 2, 2, 6}},
    {"set", do_set, {6, 0, 0, 8}},
    {"delete", do_delete, {2, 0, 0, 6}},
    {"exists", do_exists, {1, 1, 1, 1}},
    {"add", do_add, {6, 1, 1, 4}},
    {"expire", do_expire, {4, 2, 2, 2}},
    {"push", do_push, {5, 60, 4, 2}},
    {"list_remove", do_list_remove, {2, 3, 1, 10}},
    {"list_pop", do_list_pop, {3, 6, 1, 10}},
    {"list_range", do_range, {3, 6, 1, 1}},
    {"list_clear", do_clear, {1, 0, 0, 2}},
    {"set_add", do_set_add, {5, 4, 60, 2}},
    {"set_remove", do_set_remove, {3, 1, 12, 20}},
    {"set_members", do_members, {2, 1, 1, 1}},
    {"set_page", do_pages, {2, 1, 1, 1}},
    {"set_union", do_union, {1, 1, 1, 1}},
    {"set_intersection", do_intersection, {1, 1, 1, 1}},
};

static void call_one(struct run *run, struct model_key *key)
{
    unsigned total = 0;
    for (size_t i = 0; i < TEST_COUNT_OF(operations); i++)
        total += operations[i].weights[run->style];
    size_t pick = test_below(&run->random, total);
    size_t i = 0;
    for (; pick >= operations[i].weights[run->style]; i++)
        pick -= operations[i].weights[run->style];
    run->operation = operations[i].name;
    operations[i].run(run, key);
}

/* ---- changes ---- */

struct telling {
    struct run *run;
    size_t told; /* of what was wanted: its `what` is overwritten */
};

#define TOLD WKV_CHANGE_MISSED

static void tell_expired(struct run *run, struct model_key *key)
{
    EXPECT(run, key->gone);
    key->gone = false;
}

/* The model has what is evicted from the store alone. */
static void tell_evicted(struct run *run, struct model_key *key)
{
    EXPECT(run, key->present && (run->evict == WKV_EVICT_ANY || key->expires_at_ns != 0));
    model_delete(key);
    run->evicted++;
}

/* The first change of that key that has not been told yet is this one: of one key they come in order, of
 * several in any. */
static void see_change(void *context, const struct wkv_change *change)
{
    struct telling *telling = context;
    struct run *run = telling->run;
    size_t i = 0;
    EXPECT(run, change->what != WKV_CHANGE_MISSED);
    if (change->what == WKV_CHANGE_EXPIRE || change->what == WKV_CHANGE_EVICT) {
        while (run->keys[i].keyspace != change->key.keyspace ||
               !test_same(text_of(&run->keys[i].name), change->key.name))
            i++;
        if (change->what == WKV_CHANGE_EXPIRE)
            tell_expired(run, &run->keys[i]);
        else
            tell_evicted(run, &run->keys[i]);
        return;
    }
    for (; i < run->wanted_count; i++)
        if (run->wanted[i].what != TOLD && run->wanted[i].key->keyspace == change->key.keyspace &&
            test_same(text_of(&run->wanted[i].key->name), change->key.name))
            break;
    EXPECT(run, i < run->wanted_count && run->wanted[i].what == change->what);
    EXPECT(run, !run->wanted[i].key->gone);
    run->wanted[i].what = TOLD;
    telling->told++;
}

static void compare_changes(struct run *run)
{
    struct telling telling = {.run = run};
    run->operation = "changes";
    wkv_changes_take(run->changes, see_change, &telling);
    EXPECT(run, telling.told == run->wanted_count);
    run->wanted_count = 0;
}

/* As a view does for so many bytes, before it locks anything; so the model is told before its calls. */
static void evict(struct run *run, size_t bytes)
{
    run->operation = "evict";
    wkv_store_make_room(&(struct wkv_view){.store = run->store, .now_ns = run->now_ns}, bytes);
    compare_changes(run);
    EXPECT(run, test_stats(run->store).evicted == run->evicted);
}

/* One key and what a union chose, or all keys and that. */
static void batch(struct run *run, size_t calls)
{
    struct wkv_key keys[KEYS + MOST_CHOSEN];
    struct wkv_view view;
    size_t first = test_below(&run->random, KEYS), count = 0;
    run->single = calls == 1;
    choose_sets(run);
    for (size_t i = 0; i < KEYS; i++)
        if (!run->single || i == first)
            keys[count++] = key_of(&run->keys[i]);
    for (size_t i = 0; i < run->chosen_count; i++)
        keys[count++] = key_of(run->chosen[i]);
    size_t write_bytes = run->evict == WKV_EVICT_NONE ? LONGEST_VALUE : WKV_STORE_READS;
    EXPECT(run, wkv_store_begin(&view, run->store, keys, count, write_bytes, run->now_ns) == WKV_STORE_OK);
    run->view = &view;
    for (size_t i = 0; i < calls; i++)
        call_one(run, &run->keys[run->single ? first : test_below(&run->random, KEYS)]);
    wkv_store_end(&view);
}

static void one_step(struct run *run)
{
    if (test_below(&run->random, 30) == 0)
        do_maintain(run);
    if (test_below(&run->random, 30) == 0)
        do_evacuate(run);
    evict(run, test_below(&run->random, LONGEST_VALUE));
    batch(run, test_below(&run->random, 2) == 0 ? 1 : 1 + test_below(&run->random, BATCH));
    compare_changes(run);
    if (run->budget_bytes != 0)
        /* A large value that a small one has replaced may not be gone yet. */
        EXPECT(run, test_stats(run->store).bytes <= run->budget_bytes + LONGEST_VALUE + 4096);
    if (test_below(&run->random, 3) == 0)
        advance(run);
}

static void make_names(struct run *run)
{
    static char long_name[3000];
    memset(long_name, 'n', sizeof long_name);
    for (size_t i = 0; i < KEYS; i++) {
        char name[8];
        size_t number = i / KEYSPACES;
        struct model_key *key = &run->keys[i];
        key->keyspace = i % KEYSPACES == 0 ? 0 : UINT32_MAX - 1;
        int len = snprintf(name, sizeof name, "k%zu", number);
        if (number == 0)
            key->name = bytes_copy((struct wkv_text){long_name, sizeof long_name});
        else if (number == 1) /* differs from k2 by a NUL at its end alone */
            key->name = bytes_copy((struct wkv_text){"k2\0", 3});
        else
            key->name = bytes_copy((struct wkv_text){name, (size_t)len});
    }
}

/* Everything that time has taken comes back, everything that is left is deleted, and the shards are empty. */
static void wind_up(struct run *run)
{
    run->operation = "winding up";
    run->now_ns += WKV_NS_PER_S;
    for (size_t i = 0; i < KEYS; i++) {
        struct model_key *key = &run->keys[i];
        if (key->present && key->expires_at_ns != 0 && key->expires_at_ns <= run->now_ns) {
            model_expire(run, key);
        }
    }
    test_maintain_all(run->store, run->now_ns);
    compare_changes(run);
    compare_all(run);
    /* A short run, as under valgrind, may never have come to the budget. */
    bool came_to_it = run->evict == WKV_EVICT_NONE ? run->no_memory > 0 : run->evicted > 0;
    EXPECT(run, run->budget_bytes == 0 || came_to_it || run->step < STEPS / 4);
    look_at_all(run, do_delete);
    compare_changes(run);
    for (size_t i = 0; i < KEYS; i++)
        EXPECT(run, !run->keys[i].gone);
    test_maintain_all(run->store, run->now_ns);
    EXPECT(run, test_stats(run->store).keys == 0);
    wkv_changes_close(run->changes);
    wkv_store_destroy(run->store);
    for (size_t i = 0; i < KEYS; i++)
        free(run->keys[i].name.data);
}

static const struct wkv_changes_options changes_options = {.bytes_per_shard = CHANGES_BYTES};

static void side_by_side(uint64_t seed, uint32_t shards, uint64_t room_bytes, enum wkv_evict evict)
{
    struct run *run = calloc(1, sizeof *run);
    unsigned char hash_seed[WKV_STORE_HASH_SEED_BYTES];
    ck_assert_ptr_nonnull(run);
    run->seed = seed;
    run->random = seed;
    run->now_ns = TEST_NOW;
    for (size_t i = 0; i < sizeof hash_seed; i++)
        hash_seed[i] = (unsigned char)test_random(&run->random);
    /* The sanitizers see both: moving blocks, and what is used after it is freed. */
    struct wkv_store_options options = {.shards = shards,
                                        .blocks = seed % 2 == 0 ? WKV_STORE_BLOCKS_POOLED
                                                                : WKV_STORE_BLOCKS_DEFAULT,
                                        .evict = evict,
                                        .hash_seed = hash_seed};
    run->evict = evict;
    struct wkv_store *empty = wkv_store_create(&options, TEST_NOW);
    ck_assert_ptr_nonnull(empty);
    if (room_bytes != 0)
        run->budget_bytes = options.max_memory_bytes =
            test_stats(empty).bytes + room_bytes + (shards + 1) * CHANGES_BYTES + 100;
    wkv_store_destroy(empty);
    run->store = wkv_store_create(&options, TEST_NOW);
    ck_assert_ptr_nonnull(run->store);
    run->changes = wkv_changes_open(run->store, &changes_options);
    ck_assert_ptr_nonnull(run->changes);
    make_names(run);
    size_t steps = test_scaled(STEPS);
    for (run->step = 0; run->step < steps; run->step++) {
        if (run->step % 1500 == 0)
            run->style = test_below(&run->random, STYLES);
        one_step(run);
        if (run->step % CHECK_EVERY == 0)
            compare_all(run);
    }
    wind_up(run);
    free(run);
}

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    const char *given = getenv("WKV_TEST_SEED");
    if (given != NULL)
        return strtoull(given, NULL, 10);
    ck_assert_int_eq(getrandom(&seed, sizeof seed, 0), sizeof seed);
    return seed;
}

static const struct {
    uint64_t seed; /* 0: random */
    uint32_t shards;
    uint64_t room_bytes; /* beside the empty shards; 0: no budget */
    enum wkv_evict evict;
} runs[] = {
    {1, 1, 0, WKV_EVICT_NONE},         {2, 4, 0, WKV_EVICT_NONE},     {3, 64, 0, WKV_EVICT_NONE},
    {0, 2, 0, WKV_EVICT_NONE},         {4, 1, 20000, WKV_EVICT_NONE}, {5, 4, 60000, WKV_EVICT_NONE},
    {6, 64, 90000, WKV_EVICT_NONE},    {0, 2, 40000, WKV_EVICT_NONE}, {7, 2, 60000, WKV_EVICT_ANY},
    {8, 4, 90000, WKV_EVICT_EXPIRING},
};

START_TEST(answers_as_the_model_does)
{
    uint64_t seed = runs[_i].seed == 0 ? random_seed() : runs[_i].seed;
    side_by_side(seed, runs[_i].shards, runs[_i].room_bytes, runs[_i].evict);
}
END_TEST

Suite *model_suite(void)
{
    Suite *suite = suite_create("store/model");
    TCase *tests = tcase_create("model");
    tcase_add_loop_test(tests, answers_as_the_model_does, 0, (int)TEST_COUNT_OF(runs));
    suite_add_tcase(suite, tests);
    return suite;
}
