/* How full the log's stream is, and the storage of the account that it is in (DESIGN, 7, "log full"): the
 * rest is kept for what makes room again. */
#include <inttypes.h>

#include "journal/parts.h"

#define EVERY_NS (10 * WKV_NS_PER_S)
#define ANSWER_NS (2 * WKV_NS_PER_S)
#define REFUSES_WRITES 90u
#define REFUSES_READS 95u

static uint64_t percent_of(uint64_t bytes, uint64_t most)
{
    return most == 0 ? 0 : (uint64_t)((long double)bytes * 100 / (long double)most);
}

static void judge(struct wkv_journal *journal)
{
    const struct wkv_journal_figures *figures = &journal->figures;
    uint64_t of_stream = percent_of(figures->stream_bytes + journal->bytes_since, figures->stream_max_bytes);
    uint64_t of_account = percent_of(figures->account_bytes, figures->account_max_bytes);
    uint64_t percent = of_stream > of_account ? of_stream : of_account;
    enum wkv_journal_fullness was = (enum wkv_journal_fullness)atomic_load(&journal->log_full);
    enum wkv_journal_fullness is = percent >= REFUSES_READS    ? WKV_LOG_IS_FULL
                                   : percent >= REFUSES_WRITES ? WKV_LOG_TAKES_READS
                                                               : WKV_LOG_HAS_ROOM;
    atomic_store(&journal->log_full, is);
    /* What other streams take, one snapshot after the other does not give back. */
    if (is > was || of_stream >= REFUSES_WRITES)
        wkv_snapshots_force(&journal->snapshots);
    if (is > was)
        wkv_log_warn(
            journal->options.log, "%s%s is %" PRIu64 "%% full: %s until a snapshot has made room; %s",
            of_stream < of_account ? "the NATS account's storage, which is that of " : "",
            journal->names.log_stream, percent,
            is == WKV_LOG_IS_FULL ? "writes and linearizable reads are refused" : "writes are refused",
            of_stream < of_account ? "the account is best without other streams"
                                   : "--log-max-size says how large it is made");
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

/* What other streams take, too: a message that passes the account's limit is refused, and its position is
 * gone. */
static void take_account(void *context, const struct wkv_js_incoming *answer)
{
    struct wkv_journal *journal = context;
    struct wkv_js_account account;
    struct wkv_js_refusal refusal;
    if (answer == NULL || answer->bytes.len == 0 ||
        wkv_js_read_account(answer->bytes, &account, &refusal) != WKV_JS_DONE)
        return;
    journal->figures.account_bytes = account.storage_bytes;
    journal->figures.account_max_bytes =
        account.max_storage_bytes > 0 ? (uint64_t)account.max_storage_bytes : 0;
    judge(journal);
}

static void ask_account(struct wkv_journal *journal, int64_t now_ns)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    if (wkv_js_subject(WKV_JS_ACCOUNT_INFO, journal->options.domain, NULL, NULL, subject, NULL) != WKV_OK)
        return;
    const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {"", 0}};
    (void)wkv_js_ask(&journal->requests, &outgoing, now_ns + ANSWER_NS, take_account, journal);
}

int64_t wkv_journal_measure(struct wkv_journal *journal, int64_t now_ns)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    judge(journal);
    if (journal->measuring || now_ns - journal->measured_ns < EVERY_NS)
        return journal->measured_ns + EVERY_NS;
    journal->measured_ns = now_ns;
    ask_account(journal, now_ns);
    if (wkv_js_subject(WKV_JS_STREAM_INFO, journal->options.domain, journal->names.log_stream, NULL, subject,
                       NULL) == WKV_OK) {
        const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {"", 0}};
        journal->measuring =
            wkv_js_ask(&journal->requests, &outgoing, now_ns + ANSWER_NS, take_state, journal);
    }
    return now_ns + EVERY_NS;
}
