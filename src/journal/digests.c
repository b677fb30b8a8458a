/* Digest (contract section 10): "taken by every instance over the same slices at the same positions".
 *
 * All instances hear the question, and its id is the same for all of them. Each slice is a record, which says
 * where it ends; the first that comes for a slice counts, whoever appended it. So no instance stands still
 * for longer than a slice takes, and one that has not heard the question yet has the slices all the same.
 */
#include <sodium.h>
#include <string.h>

#include "journal/parts.h"

#define SLICE_KEYS 4096u
/* Another instance's record for the same slice may be on its way. */
#define ASK_SPREAD_NS (20 * WKV_NS_PER_MS)
#define ASK_AGAIN_NS (300 * WKV_NS_PER_MS)

static void id_of(const struct wkv_ticket *ticket, unsigned char id[16])
{
    struct wkv_text reply = ticket->host->reply_to;
    (void)crypto_generichash(id, 16, (const unsigned char *)reply.data, reply.len, NULL, 0);
}

/* The digest of that id, begun where there is none: the oldest makes room. */
static struct wkv_journal_digest *find(struct wkv_journal *journal, const unsigned char id[16])
{
    for (size_t i = 0; i < WKV_JOURNAL_DIGESTS; i++)
        if (journal->digests[i].begun && memcmp(journal->digests[i].id, id, 16) == 0)
            return &journal->digests[i];
    struct wkv_journal_digest *digest = &journal->digests[journal->digest_count++ % WKV_JOURNAL_DIGESTS];
    struct wkv_ticket *ticket;
    while (digest->begun && (ticket = wkv_tickets_take(&digest->tickets)) != NULL)
        wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE, "too many digests are taken at once; ask again");
    *digest = (struct wkv_journal_digest){.begun = true, .next = WKV_STORE_SCAN_BEGIN};
    memcpy(digest->id, id, sizeof digest->id);
    wkv_tickets_init(&digest->tickets);
    return digest;
}

static void finish(struct wkv_journal *journal, struct wkv_journal_digest *digest)
{
    struct wkv_ticket *ticket;
    while ((ticket = wkv_tickets_take(&digest->tickets)) != NULL) {
        struct wkv_host_digest *found = (struct wkv_host_digest *)(uintptr_t)ticket->plan;
        found->position = digest->position;
        found->digest = digest->sum;
        wkv_journal_hand_back(journal, ticket, WKV_WAY_PERFORM);
    }
}

void wkv_journal_begin_digest(struct wkv_journal *journal, struct wkv_ticket *ticket, int64_t now_ns)
{
    unsigned char id[16];
    id_of(ticket, id);
    struct wkv_journal_digest *digest = find(journal, id);
    if (digest->tickets.count == 0 && !digest->whole)
        digest->ask_ns = now_ns + (int64_t)(journal->join % 8) * (ASK_SPREAD_NS / 8);
    wkv_tickets_add(&digest->tickets, ticket);
    if (digest->whole)
        finish(journal, digest);
}

void wkv_journal_take_digest(struct wkv_journal *journal, uint64_t position, const struct wkv_digest *asked,
                             uint64_t slice)
{
    struct wkv_journal_digest *digest = find(journal, asked->request);
    if (digest->whole || digest->next != asked->from)
        return;
    const uint64_t parts[] = {digest->sum, asked->to, slice};
    digest->sum = wkv_record_hash_numbers(&journal->key, parts, 3);
    digest->next = asked->to;
    digest->position = position;
    digest->ask_ns = 0;
    digest->whole = asked->to == WKV_STORE_SCAN_END;
    if (digest->whole)
        finish(journal, digest);
}

static void ask(struct wkv_journal *journal, struct wkv_journal_digest *digest, int64_t now_ns)
{
    union wkv_record_body body = {
        .digest = {.from = digest->next,
                   .to = wkv_replica_slice(journal->replica, digest->next, SLICE_KEYS)}};
    memcpy(body.digest.request, digest->id, sizeof body.digest.request);
    digest->ask_ns = now_ns + ASK_AGAIN_NS;
    wkv_journal_append(journal, WKV_RECORD_DIGEST, &body);
}

int64_t wkv_journal_ask_digests(struct wkv_journal *journal, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX, patience_ns = journal->options.write_timeout_ns;
    for (size_t i = 0; i < WKV_JOURNAL_DIGESTS; i++) {
        struct wkv_journal_digest *digest = &journal->digests[i];
        struct wkv_ticket *ticket = digest->begun ? digest->tickets.first : NULL;
        if (ticket == NULL)
            continue;
        if (now_ns - ticket->now_ns > patience_ns && now_ns - journal->applied_ns > patience_ns) {
            (void)wkv_tickets_take(&digest->tickets);
            wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE, "the log takes nothing now; ask again");
            return now_ns;
        }
        if (now_ns >= digest->ask_ns)
            ask(journal, digest, now_ns);
        next_ns = digest->ask_ns < next_ns ? digest->ask_ns : next_ns;
    }
    return next_ns;
}

void wkv_journal_end_digests(struct wkv_journal *journal)
{
    struct wkv_ticket *ticket;
    for (size_t i = 0; i < WKV_JOURNAL_DIGESTS; i++)
        while (journal->digests[i].begun && (ticket = wkv_tickets_take(&journal->digests[i].tickets)) != NULL)
            wkv_journal_refuse(journal, ticket, WKV_UNAVAILABLE,
                               "this instance reads the log anew; send the request again");
}
