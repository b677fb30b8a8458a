/* What JetStream answers. What it says of our own requests is trusted; that it is well formed is not. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jetstream/api.h"

#include "support/clock.h"

/* Words of the server's for a line of the log. */
static void copy_printable(const char *from, char *out, size_t size)
{
    size_t len = 0;
    for (; from != NULL && from[len] != '\0' && len + 1 < size; len++)
        out[len] = from[len] < ' ' || from[len] > '~' ? '?' : from[len];
    out[len] = '\0';
}

static void read_refusal(const json_t *error, struct wkv_js_refusal *refusal)
{
    refusal->number = (int)json_integer_value(json_object_get(error, "err_code"));
    refusal->code = (int)json_integer_value(json_object_get(error, "code"));
    copy_printable(json_string_value(json_object_get(error, "description")), refusal->text,
                   sizeof refusal->text);
}

/* Parses an answer, which the caller owns where it is DONE. */
static enum wkv_js_answer parse(struct wkv_text answer, json_t **object, struct wkv_js_refusal *refusal)
{
    json_error_t wrong;
    *refusal = (struct wkv_js_refusal){0};
    *object = answer.len == 0 ? NULL : json_loadb(answer.data, answer.len, 0, &wrong);
    if (*object == NULL)
        return answer.len > 0 && json_error_code(&wrong) == json_error_out_of_memory ? WKV_JS_NO_MEMORY
                                                                                     : WKV_JS_GARBLED;
    const json_t *error = json_object_get(*object, "error");
    if (json_is_object(*object) && error == NULL)
        return WKV_JS_DONE;
    enum wkv_js_answer kind = error == NULL ? WKV_JS_GARBLED : WKV_JS_REFUSED;
    if (error != NULL)
        read_refusal(error, refusal);
    json_decref(*object);
    return kind;
}

static bool read_uint(const json_t *object, const char *name, uint64_t *number)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_integer(member) || json_integer_value(member) < 0)
        return false;
    *number = (uint64_t)json_integer_value(member);
    return true;
}

static enum wkv_js_answer end(json_t *object, bool understood)
{
    json_decref(object);
    return understood ? WKV_JS_DONE : WKV_JS_GARBLED;
}

enum wkv_js_answer wkv_js_read_ack(struct wkv_text answer, struct wkv_js_ack *ack,
                                   struct wkv_js_refusal *refusal)
{
    json_t *object;
    enum wkv_js_answer kind = parse(answer, &object, refusal);
    if (kind != WKV_JS_DONE)
        return kind;
    return end(object, read_uint(object, "seq", &ack->sequence) && ack->sequence > 0);
}

enum wkv_js_answer wkv_js_read_account(struct wkv_text answer, struct wkv_js_account *account,
                                       struct wkv_js_refusal *refusal)
{
    json_t *object;
    enum wkv_js_answer kind = parse(answer, &object, refusal);
    if (kind != WKV_JS_DONE)
        return kind;
    const json_t *limit = json_object_get(json_object_get(object, "limits"), "max_storage");
    account->max_storage_bytes = json_is_integer(limit) ? json_integer_value(limit) : -1;
    return end(object, read_uint(object, "storage", &account->storage_bytes));
}

/* ---- streams ---- */

/* A member that a stream of ours has, as it is when the server leaves it out. */
struct expected {
    const char *name;
    const char *text; /* NULL: a number, or a flag as one */
    json_int_t number;
};

static const struct expected expected[] = {
    {"retention", "limits", 0},  {"storage", "file", 0},        {"discard", "new", 0},
    {"max_age", NULL, 0},        {"max_msgs", NULL, -1},        {"max_msgs_per_subject", NULL, -1},
    {"max_msg_size", NULL, -1},  {"max_consumers", NULL, -1},   {"deny_delete", NULL, true},
    {"deny_purge", NULL, false}, {"sealed", NULL, false},       {"allow_rollup_hdrs", NULL, false},
    {"no_ack", NULL, false},     {"allow_direct", NULL, false},
};

static bool is_as_expected(const json_t *config, const struct expected *one)
{
    const json_t *member = json_object_get(config, one->name);
    if (one->text != NULL)
        return json_is_string(member) && strcmp(json_string_value(member), one->text) == 0;
    if (json_is_boolean(member))
        return json_is_true(member) == (one->number != 0);
    if (member == NULL)
        return one->number == 0;
    return json_is_integer(member) && json_integer_value(member) == one->number;
}

static bool has_subjects(const json_t *config, const struct wkv_js_stream *ours)
{
    const json_t *subjects = json_object_get(config, "subjects");
    size_t count = ours->subjects[1] == NULL ? 1 : 2;
    bool same = json_array_size(subjects) == count;
    for (size_t i = 0; i < count && same; i++) {
        const char *subject = json_string_value(json_array_get(subjects, i));
        same = subject != NULL && strcmp(subject, ours->subjects[i]) == 0;
    }
    return same;
}

static void compare_config(const json_t *config, const struct wkv_js_stream *ours, char *differs, size_t size)
{
    differs[0] = '\0';
    if (!has_subjects(config, ours))
        (void)snprintf(differs, size, "subjects");
    if (json_object_get(config, "mirror") != NULL || json_array_size(json_object_get(config, "sources")) > 0)
        (void)snprintf(differs, size, "mirror or sources");
    for (size_t i = 0; i < sizeof expected / sizeof *expected && *differs == '\0'; i++)
        if (!is_as_expected(config, &expected[i]))
            (void)snprintf(differs, size, "%s", expected[i].name);
}

static bool read_state(const json_t *object, struct wkv_js_stream_state *state)
{
    const json_t *config = json_object_get(object, "config");
    const json_t *counts = json_object_get(object, "state");
    const json_t *cluster = json_object_get(object, "cluster");
    const json_t *max_bytes = json_object_get(config, "max_bytes");
    uint64_t replicas = 0;
    state->max_bytes = json_is_integer(max_bytes) ? json_integer_value(max_bytes) : -1;
    state->has_leader = cluster == NULL || json_string_length(json_object_get(cluster, "leader")) > 0;
    bool understood =
        read_uint(config, "num_replicas", &replicas) && replicas <= UINT8_MAX &&
        read_uint(counts, "messages", &state->messages) && read_uint(counts, "bytes", &state->bytes) &&
        read_uint(counts, "first_seq", &state->first) && read_uint(counts, "last_seq", &state->last);
    state->replicas = (unsigned)replicas;
    return understood;
}

enum wkv_js_answer wkv_js_read_stream(struct wkv_text answer, const struct wkv_js_stream *ours,
                                      struct wkv_js_stream_state *state, struct wkv_js_refusal *refusal)
{
    json_t *object;
    enum wkv_js_answer kind = parse(answer, &object, refusal);
    if (kind != WKV_JS_DONE)
        return kind;
    compare_config(json_object_get(object, "config"), ours, state->differs, sizeof state->differs);
    return end(object, read_state(object, state));
}

/* ---- the others ---- */

enum wkv_js_answer wkv_js_read_consumer(struct wkv_text answer, struct wkv_js_consumer *consumer,
                                        struct wkv_js_refusal *refusal)
{
    json_t *object;
    enum wkv_js_answer kind = parse(answer, &object, refusal);
    if (kind != WKV_JS_DONE)
        return kind;
    const char *name = json_string_value(json_object_get(object, "name"));
    bool understood = name != NULL && *name != '\0' && strlen(name) < sizeof consumer->name;
    if (understood)
        (void)snprintf(consumer->name, sizeof consumer->name, "%s", name);
    return end(object, understood);
}

static enum wkv_js_answer read_bytes(const json_t *found, struct wkv_js_message *message)
{
    const json_t *data = json_object_get(found, "data"); /* left out where it is empty */
    const char *text = data == NULL ? "" : json_string_value(data);
    size_t len = json_string_length(data);
    if (text == NULL || !read_uint(found, "seq", &message->sequence))
        return WKV_JS_GARBLED;
    message->bytes = malloc(len / 4 * 3 + 1);
    if (message->bytes == NULL)
        return WKV_JS_NO_MEMORY;
    if (sodium_base642bin(message->bytes, len / 4 * 3 + 1, text, len, NULL, &message->len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0)
        return WKV_JS_DONE;
    free(message->bytes);
    return WKV_JS_GARBLED;
}

/* Nanoseconds fit that long. */
#define LAST_YEAR 2261

/* RFC 3339, in UTC, as the server writes it: with up to nine digits of the second. 0: it is none. */
static int64_t read_time(const char *text)
{
    struct tm tm = {.tm_year = 0};
    int begun = 0, month = 0;
    if (text == NULL || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &month, &tm.tm_mday,
                               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &begun) != 6)
        return 0;
    if (tm.tm_year < 1970 || tm.tm_year > LAST_YEAR)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon = month - 1;
    int64_t ns = 0, unit = WKV_NS_PER_S / 10;
    const char *at = text + begun;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
            ns += (*at - '0') * unit;
    return strcmp(at, "Z") == 0 ? (int64_t)timegm(&tm) * WKV_NS_PER_S + ns : 0;
}

enum wkv_js_answer wkv_js_read_message(struct wkv_text answer, struct wkv_js_message *message,
                                       struct wkv_js_refusal *refusal)
{
    json_t *object;
    enum wkv_js_answer kind = parse(answer, &object, refusal);
    if (kind != WKV_JS_DONE)
        return kind;
    kind = read_bytes(json_object_get(object, "message"), message);
    message->time_ns =
        read_time(json_string_value(json_object_get(json_object_get(object, "message"), "time")));
    json_decref(object);
    return kind;
}

enum wkv_js_answer wkv_js_read_done(struct wkv_text answer, struct wkv_js_refusal *refusal)
{
    json_t *object;
    enum wkv_js_answer kind = parse(answer, &object, refusal);
    if (kind != WKV_JS_DONE)
        return kind;
    return end(object, json_is_true(json_object_get(object, "success")));
}
