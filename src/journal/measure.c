/* How full the log's stream is (DESIGN, 7, "log full"): the rest is kept for what makes room again. */
#include <inttypes.h>

#include "journal/parts.h"

#define EVERY_NS (10 * WKV_NS_PER_S)
#define ANSWER_NS (2 * WKV_NS_PER_S)
#define REFUSES_WRITES 90u
#define REFUSES_READS 95u

static void judge(struct wkv_journal *journal)
{
    const struct wkv_journal_figures *figures = &journal->figures;
    uint64_t bytes = figures->stream_bytes + journal->bytes_since;
    uint64_t percent = figures->stream_max_bytes == 0
                           ? 0
                           : (uint64_t)((long double)bytes * 100 / (long double)figures->stream_max_bytes);
    enum wkv_journal_fullness was = (enum wkv_journal_fullness)atomic_load(&journal->log_full);
    enum wkv_journal_fullness is = percent >= REFUSES_READS    ? WKV_LOG_IS_FULL
                                   : percent >= REFUSES_WRITES ? WKV_LOG_TAKES_READS
                                                               : WKV_LOG_HAS_ROOM;
    atomic_store(&journal->log_full, is);
    if (is != WKV_LOG_HAS_ROOM)
        wkv_snapshots_force(&journal->snapshots);
    if (is > was)
        wkv_log_warn(
            journal->options.log,
            "%s is %" PRIu64 "%% full: %s until a snapshot has made room; --log-max-size says how large "
            "it is made",
            journal->names.log_stream, percent,
            is == WKV_LOG_IS_FULL ? "writes and linearizable reads are refused" : "writes are refused");
}

static void take_state(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_journal *journal = context;
    const struct wkv_js_stream ours = {.name = journal->names.log_stream,
                                       .subjects = {journal->names.log_subject, NULL}};
    struct wkv_js_stream_state state;
    struct wkv_js_refusal refusal;
    journal->measuring = false;
    if (answer == NULL || answer->bytes.len == 0 ||
        wkv_js_read_stream(answer->bytes, &ours, &state, &refusal) != WKV_JS_DONE)
        return;
    journal->figures.stream_bytes = state.bytes;
    journal->figures.stream_max_bytes = state.max_bytes > 0 ? (uint64_t)state.max_bytes : 0;
    journal->bytes_since = 0;
    judge(journal);
}

int64_t wkv_journal_measure(struct wkv_journal *journal, int64_t now_ns)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    judge(journal);
    if (journal->measuring || now_ns - journal->measured_ns < EVERY_NS)
        return journal->measured_ns + EVERY_NS;
    journal->measured_ns = now_ns;
    if (wkv_js_subject(WKV_JS_STREAM_INFO, journal->options.domain, journal->names.log_stream, NULL, subject,
                       NULL) == WKV_OK) {
        const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {"", 0}};
        journal->measuring =
            wkv_js_ask(&journal->requests, &outgoing, now_ns + ANSWER_NS, take_state, journal);
    }
    return now_ns + EVERY_NS;
}
