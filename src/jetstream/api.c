/* What JetStream is asked: subjects and requests. */
#include "jetstream/api.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "support/clock.h"

static const char *const calls[] = {
    [WKV_JS_ACCOUNT_INFO] = "INFO",
    [WKV_JS_STREAM_INFO] = "STREAM.INFO",
    [WKV_JS_STREAM_CREATE] = "STREAM.CREATE",
    [WKV_JS_STREAM_UPDATE] = "STREAM.UPDATE",
    [WKV_JS_STREAM_PURGE] = "STREAM.PURGE",
    [WKV_JS_MESSAGE_GET] = "STREAM.MSG.GET",
    [WKV_JS_CONSUMER_CREATE] = "CONSUMER.CREATE",
    [WKV_JS_CONSUMER_DELETE] = "CONSUMER.DELETE",
};

enum wkv_code wkv_js_subject(enum wkv_js_call call, const char *domain, const char *stream,
                             const char *consumer, char out[WKV_JS_SUBJECT_BYTES], struct wkv_error *error)
{
    bool in_domain = domain != NULL && *domain != '\0';
    int len =
        snprintf(out, WKV_JS_SUBJECT_BYTES, "$JS.%s%sAPI.%s%s%s%s%s", in_domain ? domain : "",
                 in_domain ? "." : "", calls[call], stream == NULL ? "" : ".", stream == NULL ? "" : stream,
                 consumer == NULL ? "" : ".", consumer == NULL ? "" : consumer);
    if (len < 0 || len >= WKV_JS_SUBJECT_BYTES)
        return wkv_fail(error, WKV_BAD_REQUEST, "--js-domain is too long for JetStream's subjects: %s",
                        domain);
    return WKV_OK;
}

/* Takes the object over. NULL: memory was short, then or before. */
static char *write_text(json_t *object)
{
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

/* DESIGN, 1. "duplicate_window 100 ms": nothing of ours has an id, and the server keeps a map of them. */
#define DUPLICATE_WINDOW_NS (100 * WKV_NS_PER_MS)

char *wkv_js_stream_request(const struct wkv_js_stream *stream)
{
    json_t *subjects = json_array();
    for (size_t i = 0; i < 2 && stream->subjects[i] != NULL; i++)
        (void)json_array_append_new(subjects, json_string(stream->subjects[i]));
    return write_text(json_pack(
        "{ss, so, ss, ss, si, ss, sI, si, si, si, si, si, sI, sb, sb}", "name", stream->name, "subjects",
        subjects, "retention", "limits", "storage", "file", "num_replicas", (int)stream->replicas, "discard",
        "new", "max_bytes", (json_int_t)stream->max_bytes, "max_age", 0, "max_msgs", -1,
        "max_msgs_per_subject", -1, "max_msg_size", -1, "max_consumers", -1, "duplicate_window",
        (json_int_t)DUPLICATE_WINDOW_NS, "deny_delete", 1, "allow_direct", 0));
}

char *wkv_js_resize_request(struct wkv_text info, int64_t max_bytes)
{
    json_t *object = json_loadb(info.data, info.len, 0, NULL);
    json_t *config = json_incref(json_object_get(object, "config"));
    json_decref(object);
    if (json_is_object(config) && json_object_set_new(config, "max_bytes", json_integer(max_bytes)) == 0)
        return write_text(config);
    json_decref(config);
    return NULL;
}

char *wkv_js_consumer_request(const char *stream, const char *deliver_to, uint64_t first)
{
    if (first > INT64_MAX)
        return NULL;
    return write_text(json_pack(
        "{ss, s{ss, ss, sI, ss, si, sb, sI, sb, si, sI}}", "stream_name", stream, "config", "deliver_subject",
        deliver_to, "deliver_policy", "by_start_sequence", "opt_start_seq", (json_int_t)first, "ack_policy",
        "none", "max_deliver", 1, "flow_control", 1, "idle_heartbeat", (json_int_t)WKV_NS_PER_S,
        "mem_storage", 1, "num_replicas", 1, "inactive_threshold", (json_int_t)(30 * WKV_NS_PER_S)));
}

char *wkv_js_purge_request(uint64_t below)
{
    if (below < 2 || below > INT64_MAX)
        return NULL;
    return write_text(json_pack("{sI}", "seq", (json_int_t)below));
}

char *wkv_js_get_request(uint64_t sequence)
{
    return sequence > INT64_MAX ? NULL : write_text(json_pack("{sI}", "seq", (json_int_t)sequence));
}

char *wkv_js_get_last_request(const char *subject)
{
    return write_text(json_pack("{ss}", "last_by_subj", subject));
}

char *wkv_js_get_next_request(const char *subject, uint64_t from)
{
    return from > INT64_MAX
               ? NULL
               : write_text(json_pack("{sI, ss}", "seq", (json_int_t)from, "next_by_subj", subject));
}
