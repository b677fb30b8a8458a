/* Answers to STATS for the tests of top's model and view. */
#ifndef TOP_ANSWERS_H
#define TOP_ANSWERS_H

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "nats/subject.h"
#include "support/clock.h"
#include "top/model.h"

static const struct wkv_address address = {.lattice_namespace = "", .binding = "default"};

/* An endpoint's numbers: so many requests, at most so slow, as many of them in the last minute. */
__attribute__((unused)) static json_t *an_endpoint(const char *name, int requests, int errors, int p50_ns,
                                                   int max_ns, int minute)
{
    char last_error[64] = "";
    if (errors > 0)
        (void)snprintf(last_error, sizeof last_error, "409: %s: error %d", name, errors);
    return json_pack("{s:s,s:i,s:i,s:s,s:{s:i,s:i,s:i,s:i,s:i,s:{s:i,s:i,s:i,s:i,s:i,s:i}}}", "name", name,
                     "num_requests", requests, "num_errors", errors, "last_error", last_error, "data",
                     "p50_ns", p50_ns, "p90_ns", p50_ns * 2, "p99_ns", p50_ns * 3, "p999_ns", p50_ns * 4,
                     "max_ns", max_ns, "last_minute", "requests", minute, "p50_ns", p50_ns + 1, "p90_ns",
                     p50_ns * 2 + 1, "p99_ns", p50_ns * 3 + 1, "p999_ns", p50_ns * 4 + 1, "max_ns",
                     max_ns + 1);
}

/* An instance on the address without endpoints, after so many seconds. */
__attribute__((unused)) static json_t *an_answer(const char *id, double uptime_s, int keys)
{
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:{s:s,s:s},s:[],s:{s:f,s:b,s:i,s:{s:i,s:i,s:i,s:i},s:i,s:i,s:i,s:{s:i,s:i,s:i}}}",
        "type", "io.nats.micro.v1.stats_response", "name", "wascc-keyvalue", "id", id, "version", "0.1.0",
        "metadata", "lattice_namespace", "", "binding", "default", "endpoints", "data", "uptime_s", uptime_s,
        "ready", 1, "keys", keys, "kinds", "scalar", keys - 6, "counter", 3, "list", 2, "set", 1, "bytes",
        keys * 1024, "budget_bytes", 0, "expired", 0, "connections", "open", 3, "made", 3, "reconnects", 0);
}

__attribute__((unused)) static void with(json_t *answer, json_t *endpoint)
{
    ck_assert_int_eq(json_array_append_new(json_object_get(answer, "endpoints"), endpoint), 0);
}

/* Sets a number of the service data. */
__attribute__((unused)) static void set_number(json_t *answer, const char *name, int number)
{
    ck_assert_int_eq(json_object_set_new(json_object_get(answer, "data"), name, json_integer(number)), 0);
}

/* Gives the instance a log, of which it has applied so much, and as many members. */
__attribute__((unused)) static void with_log(json_t *answer, int position, int appends, int members)
{
    json_t *data = json_object_get(answer, "data"), *list = json_array();
    json_t *log =
        json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:b}", "position", position, "lag_ms",
                  200 - position, "appends", appends, "operations", appends * 15, "append_p50_ns",
                  1000000 + position, "append_p99_ns", 5000000, "resends", appends / 10, "snapshot_position",
                  90, "snapshot_age_s", 150, "waiting_s", 0, "time_ahead_s", 0, "diverged", 0);
    for (int i = 0; i < members; i++)
        ck_assert_int_eq(json_array_append_new(list, json_pack("{s:i}", "position", i)), 0);
    ck_assert_int_eq(json_object_set_new(data, "log", log), 0);
    ck_assert_int_eq(json_object_set_new(data, "members", list), 0);
}

/* The model hears the answer after so many ms; the answer is released. */
__attribute__((unused)) static bool hear(struct wkv_top_model *model, json_t *answer, int64_t ms)
{
    ck_assert_ptr_nonnull(answer);
    char *text = json_dumps(answer, JSON_COMPACT);
    bool heard = wkv_top_hear(model, text, strlen(text), ms * WKV_NS_PER_MS);
    free(text);
    json_decref(answer);
    return heard;
}

#endif
