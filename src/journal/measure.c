/* How full the log's stream is (DESIGN, 7, "log full"): the rest is kept for what makes room again. */
#include <inttypes.h>

#include "journal/parts.h"

#define EVERY_NS (10 * WKV_NS_PER_S)
#define ANSWER_NS (2 * WKV_NS_PER_S)
#define REFUSES_WRITES 90u
#define REFUSES_READS 95u

static unsigned percent_of(uint64_t bytes, uint64_t max_bytes)
{
    long double percent = max_bytes == 0 ? 0 : (long double)bytes * 100 / (long double)max_bytes;
    return percent > 1000 ? 1000 : (unsigned)percent;
}

static void tell_full(struct wkv_journal *journal, unsigned log, unsigned account)
{
    enum wkv_journal_fullness is = (enum wkv_journal_fullness)atomic_load(&journal->log_full);
    const char *refused =
        is == WKV_LOG_IS_FULL ? "writes and linearizable reads are refused" : "writes are refused";
    if (log >= account)
        wkv_log_warn(
            journal->options.log,
            "%s is %u%% full: %s until a snapshot has made room; --log-max-size says how large it is "
            "made",
            journal->names.log_stream, log, refused);
    else
        wkv_log_warn(journal->options.log,
                     "the storage of the NATS account is %u%% full: %s; it should hold no other streams than "
                     "%s and %s",
                     account, refused, journal->names.log_stream, journal->names.snap_stream);
}

/* What the account's streams take beside the log's is not counted in between. */
static void judge(struct wkv_journal *journal)
{
    const struct wkv_journal_figures *figures = &journal->figures;
    unsigned log = percent_of(figures->stream_bytes + journal->bytes_since, figures->stream_max_bytes);
    unsigned account =
        percent_of(figures->account_bytes + journal->account_since, figures->account_max_bytes);
    unsigned percent = log > account ? log : account;
    enum wkv_journal_fullness was = (enum wkv_journal_fullness)atomic_load(&journal->log_full);
    enum wkv_journal_fullness is = percent >= REFUSES_READS    ? WKV_LOG_IS_FULL
                                   : percent >= REFUSES_WRITES ? WKV_LOG_TAKES_READS
                                                               : WKV_LOG_HAS_ROOM;
    atomic_store(&journal->log_full, is);
    /* Of an account that others have filled one cannot make room again and again. */
    if (log >= REFUSES_WRITES || is > was)
        wkv_snapshots_force(&journal->snapshots);
    if (is > was)
        tell_full(journal, log, account);
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

/* "The account's storage limit counts as max_bytes does": where it is passed, by any stream of it, what is
 * appended is stored, taken out again and refused, and leaves a hole. */
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
    journal->account_since = 0;
    judge(journal);
}

static bool ask(struct wkv_journal *journal, enum wkv_js_call call, const char *stream,
                wkv_js_answered answered, int64_t now_ns)
{
    char subject[WKV_JS_SUBJECT_BYTES];
    if (wkv_js_subject(call, journal->options.domain, stream, NULL, subject, NULL) != WKV_OK)
        return false;
    const struct wkv_js_outgoing outgoing = {.subject = subject, .bytes = {"", 0}};
    return wkv_js_ask(&journal->requests, &outgoing, now_ns + ANSWER_NS, answered, journal);
}

int64_t wkv_journal_measure(struct wkv_journal *journal, int64_t now_ns)
{
    judge(journal);
    if (journal->measuring || now_ns - journal->measured_ns < EVERY_NS)
        return journal->measured_ns + EVERY_NS;
    journal->measured_ns = now_ns;
    (void)ask(journal, WKV_JS_ACCOUNT_INFO, NULL, take_account, now_ns);
    journal->measuring = ask(journal, WKV_JS_STREAM_INFO, journal->names.log_stream, take_state, now_ns);
    return now_ns + EVERY_NS;
}
