#include "journal/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jetstream/api.h"
#include "support/clock.h"
#include "support/text.h"

#define ANSWER_NS (2 * WKV_NS_PER_S)
#define AGAIN_NS (250 * WKV_NS_PER_MS)
/* Of so many messages that are not there a snapshot is not read to its end, which would take long. */
#define MOST_MISSING 256u

enum state { WALKING, READING, OVER };

static void end(struct wkv_restore *restore, enum wkv_restored how, struct wkv_replica *replica,
                const char *text)
{
    restore->state = OVER;
    restore->options.done(restore->options.context, how, replica, text);
}

/* ---- which manifests are there ---- */

static void note_manifest(struct wkv_restore *restore, uint64_t position, struct wkv_text bytes)
{
    struct wkv_restore_manifest found = {.position = position};
    struct wkv_chunk chunk;
    uint64_t log_id;
    if (position > restore->newest) {
        restore->newest = position;
        restore->below = UINT64_MAX;
    }
    if (wkv_chunk_log_id(bytes, &log_id)) {
        found.key = wkv_record_key_of(log_id);
        restore->newer |= wkv_chunk_read(bytes, &found.key, &chunk) == WKV_RECORD_NEWER;
    }
    if (!wkv_manifest_read(bytes, &found.key, &found.manifest)) {
        wkv_log_warn(restore->options.log,
                     "message %" PRIu64
                     " of %s is no manifest of a snapshot, or is damaged: it is passed over",
                     position, restore->options.names->snap_stream);
        return;
    }
    if (restore->count == WKV_RESTORE_MANIFESTS)
        memmove(restore->found, restore->found + 1, --restore->count * sizeof restore->found[0]);
    restore->found[restore->count++] = found;
}

static void choose(struct wkv_restore *restore);

static void on_manifest(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_restore *restore = context;
    struct wkv_js_message message = {.sequence = 0};
    struct wkv_js_refusal refusal = {.number = 0};
    enum wkv_js_answer kind = answer == NULL || answer->bytes.len == 0
                                  ? WKV_JS_GARBLED
                                  : wkv_js_read_message(answer->bytes, &message, &refusal);
    restore->asked = false;
    if (kind == WKV_JS_DONE && message.sequence >= restore->from) {
        note_manifest(restore, message.sequence, (struct wkv_text){(const char *)message.bytes, message.len});
        restore->from = message.sequence + 1;
        restore->again_ns = 0;
    } else if (kind == WKV_JS_REFUSED && refusal.number == WKV_JS_NO_MESSAGE) {
        restore->from = 0; /* those were all */
        restore->again_ns = 0;
    } else
        restore->again_ns = restore->now_ns + AGAIN_NS;
    if (kind == WKV_JS_DONE)
        free(message.bytes);
}

static void ask_for_manifest(struct wkv_restore *restore)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    const struct wkv_js_names *names = restore->options.names;
    char *request = wkv_js_get_next_request(names->manifest_subject, restore->from);
    restore->again_ns = restore->now_ns + AGAIN_NS; /* where it cannot be asked now */
    if (request != NULL && wkv_js_subject(WKV_JS_MESSAGE_GET, restore->options.domain, names->snap_stream,
                                          NULL, subject, NULL) == WKV_OK) {
        const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {request, strlen(request)}};
        restore->asked = wkv_js_ask(restore->options.requests, &outgoing, restore->now_ns + ANSWER_NS,
                                    on_manifest, restore);
    }
    free(request);
}

static void walk(struct wkv_restore *restore)
{
    restore->state = WALKING;
    restore->from = 1;
    restore->count = 0;
    restore->again_ns = 0;
}

static int64_t tick_walking(struct wkv_restore *restore)
{
    if (restore->asked)
        return INT64_MAX;
    if (restore->now_ns < restore->again_ns)
        return restore->again_ns;
    if (restore->from == 0)
        choose(restore);
    else
        ask_for_manifest(restore);
    return restore->asked ? INT64_MAX : restore->now_ns;
}

/* ---- one of them ---- */

static const struct wkv_restore_manifest *chosen(const struct wkv_restore *restore)
{
    return &restore->found[restore->candidate];
}

static bool take_chunk(void *context, uint64_t position, struct wkv_text bytes)
{
    struct wkv_restore *restore = context;
    (void)position;
    if (bytes.data == NULL)
        return ++restore->missing < MOST_MISSING;
    switch (wkv_chunks_take(&restore->chunks, bytes)) {
    case WKV_CHUNKS_NEXT:
        return wkv_recovery_chunk(restore->recovery, bytes) == WKV_RECOVERY_GOES_ON &&
               restore->chunks.count < chosen(restore)->manifest.chunks;
    case WKV_CHUNKS_PASSED:
        return true;
    case WKV_CHUNKS_NEWER:
        restore->newer = true;
        return false;
    }
    return false;
}

static bool is_usable(const struct wkv_restore *restore, const struct wkv_restore_manifest *found)
{
    return found->position < restore->below && found->manifest.position >= restore->options.log_first &&
           found->manifest.first > 0 && found->manifest.first <= found->manifest.last &&
           found->manifest.last < found->position;
}

static void end_without(struct wkv_restore *restore)
{
    char text[512];
    const struct wkv_js_names *names = restore->options.names;
    if (restore->newer) {
        (void)snprintf(text, sizeof text,
                       "the snapshots in %s are written by a newer version of this program; serve with that "
                       "version",
                       names->snap_stream);
        end(restore, WKV_RESTORED_NEWER, NULL, text);
    } else if (restore->options.log_first > 1) {
        (void)snprintf(
            text, sizeof text,
            "the log %s begins at message %" PRIu64
            ", and %s has no snapshot that is whole and reaches back to there: what came before is "
            "lost; restore a backup of both streams",
            names->log_stream, restore->options.log_first, names->snap_stream);
        end(restore, WKV_RESTORED_LOST, NULL, text);
    } else {
        (void)snprintf(text, sizeof text,
                       "%s has no snapshot that is whole: the log is read from its beginning",
                       names->snap_stream);
        end(restore, WKV_RESTORED_NOTHING, NULL, text);
    }
}

static void choose(struct wkv_restore *restore)
{
    size_t i = restore->count;
    while (i > 0 && !is_usable(restore, &restore->found[i - 1]))
        i--;
    if (i == 0) {
        end_without(restore);
        return;
    }
    restore->candidate = i - 1;
    const struct wkv_restore_manifest *found = chosen(restore);
    wkv_chunks_begin(&restore->chunks, &found->key, found->manifest.snapshot);
    restore->missing = 0;
    restore->recovery = wkv_recovery_begin(restore->options.replica, &found->key, &found->manifest);
    if (restore->recovery == NULL) {
        restore->again_ns = restore->now_ns + AGAIN_NS;
        return;
    }
    restore->state = READING;
    wkv_fetch_begin(&restore->fetch, found->manifest.first, found->manifest.last, WKV_FETCH_WINDOW);
}

static void tell_restored(struct wkv_restore *restore, struct wkv_replica *replica)
{
    char text[256];
    const struct wkv_restore_manifest *found = chosen(restore);
    (void)snprintf(text, sizeof text,
                   "the snapshot of message %" PRIu64 " has been read: %u chunk%s, %" PRIu64
                   " bytes, in %.1f s",
                   found->manifest.position, found->manifest.chunks, wkv_plural(found->manifest.chunks),
                   found->manifest.bytes, (double)(restore->now_ns - restore->begun_ns) / 1e9);
    end(restore, WKV_RESTORED, replica, text);
}

static int64_t tick_reading(struct wkv_restore *restore)
{
    int64_t due_ns = wkv_fetch_tick(&restore->fetch, restore->now_ns);
    if (!wkv_fetch_is_over(&restore->fetch))
        return due_ns;
    const struct wkv_restore_manifest *found = chosen(restore);
    struct wkv_replica *replica = wkv_recovery_end(restore->recovery);
    restore->recovery = NULL;
    wkv_fetch_end(&restore->fetch);
    if (replica != NULL) {
        tell_restored(restore, replica);
        return INT64_MAX;
    }
    wkv_log_warn(restore->options.log,
                 "the snapshot of message %" PRIu64
                 " in %s cannot be read: %u of %u chunks were good; the one "
                 "before it is tried",
                 found->manifest.position, restore->options.names->snap_stream, restore->chunks.count,
                 found->manifest.chunks);
    restore->below = found->position;
    walk(restore);
    return restore->now_ns;
}

/* ---- its life ---- */

void wkv_restore_begin(struct wkv_restore *restore, const struct wkv_restore_options *options, int64_t now_ns)
{
    *restore =
        (struct wkv_restore){.options = *options, .now_ns = now_ns, .begun_ns = now_ns, .below = UINT64_MAX};
    wkv_fetch_init(&restore->fetch, options->requests, options->names->snap_stream, options->domain,
                   take_chunk, restore);
    walk(restore);
}

int64_t wkv_restore_tick(struct wkv_restore *restore, int64_t now_ns)
{
    restore->now_ns = now_ns;
    switch ((enum state)restore->state) {
    case WALKING:
        return tick_walking(restore);
    case READING:
        return tick_reading(restore);
    case OVER:
        break;
    }
    return INT64_MAX;
}

unsigned wkv_restore_permille(const struct wkv_restore *restore)
{
    if (restore->state != READING || chosen(restore)->manifest.chunks == 0)
        return restore->state == OVER ? 1000 : 0;
    return (unsigned)((uint64_t)restore->chunks.count * 1000 / chosen(restore)->manifest.chunks);
}

void wkv_restore_end(struct wkv_restore *restore)
{
    if (restore->recovery != NULL)
        wkv_replica_destroy(wkv_recovery_end(restore->recovery));
    restore->recovery = NULL;
    wkv_fetch_end(&restore->fetch);
}
