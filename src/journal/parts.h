/* The journal from inside, for the files of this room.
 *
 *   journal   makes and ends it; what any thread may ask
 *   worker    the engine's face: a worker's part of it
 *   thread    the log's thread: its turns, what comes and what is sent
 *   recovery  from the connection to READY: streams, state, JOIN
 *   batches   tickets ─► records
 *   apply     records ─► tickets, bindings, figures
 *   lag       how far instances are behind it
 *   trouble   where the log is not as it was
 *
 * Locks: `lock`, which the log's thread has for each message and each turn's end, and wkv_journal_look
 * between them ─► a part's, the inbox's, the bindings'. */
#ifndef WKV_JOURNAL_PARTS_H
#define WKV_JOURNAL_PARTS_H

#include <pthread.h>
#include <sys/queue.h>

#include "jetstream/names.h"
#include "jetstream/opening.h"
#include "jetstream/reader.h"
#include "jetstream/requests.h"
#include "journal/journal.h"
#include "journal/lag.h"
#include "journal/restore.h"
#include "journal/snapshots.h"
#include "replica/flight.h"
#include "replica/replica.h"

/* Of tickets, in the order in which they came. */
struct wkv_tickets {
    struct wkv_ticket *first, **end;
    size_t count;
};

static inline void wkv_tickets_init(struct wkv_tickets *tickets)
{
    *tickets = (struct wkv_tickets){.first = NULL};
    tickets->end = &tickets->first;
}

static inline void wkv_tickets_add(struct wkv_tickets *tickets, struct wkv_ticket *ticket)
{
    ticket->next = NULL;
    *tickets->end = ticket;
    tickets->end = &ticket->next;
    tickets->count++;
}

/* Moves all of `from` behind those of `to`. */
static inline void wkv_tickets_move(struct wkv_tickets *to, struct wkv_tickets *from)
{
    if (from->first == NULL)
        return;
    *to->end = from->first;
    to->end = from->end;
    to->count += from->count;
    wkv_tickets_init(from);
}

static inline struct wkv_ticket *wkv_tickets_take(struct wkv_tickets *tickets)
{
    struct wkv_ticket *ticket = tickets->first;
    if (ticket == NULL)
        return NULL;
    tickets->first = ticket->next;
    tickets->count--;
    if (tickets->first == NULL)
        tickets->end = &tickets->first;
    return ticket;
}

/* ticket->way: what it is when it is handed over, */
enum wkv_way {
    WKV_WAY_READ,
    WKV_WAY_LOOK, /* it was refused, and is to be admitted again when all is applied that came before */
    WKV_WAY_WRITE,
    WKV_WAY_BINDING, /* ticket->plan is a struct wkv_bindings_wish */
    WKV_WAY_DIGEST,  /* ticket->plan is a struct wkv_host_digest, which is filled */
    /* and what it has come to. */
    WKV_WAY_ANSWERED,
    WKV_WAY_REFUSED,
    WKV_WAY_PERFORM, /* a read whose time has come: its worker does it */
    WKV_WAY_AGAIN,   /* the bindings have changed: it is admitted again */
};
#define WKV_NO_INDEX UINT32_MAX

/* A worker's part. */
struct wkv_journal_part {
    struct wkv_journal *journal;
    struct wkv_engine_wake wake;
    LIST_ENTRY(wkv_journal_part) next;
    /* The worker's thread's. */
    struct wkv_tickets out;
    uint64_t bindings; /* the last change of bindings that was known when its turn began */
    /* Under its lock. */
    pthread_mutex_t lock;
    struct wkv_tickets done;
    struct wkv_actor_name *changed; /* actors whose binding has changed: for the worker of `system`. */
    /* The log's thread's. */
    bool to_wake;
};

struct wkv_actor_name {
    struct wkv_actor_name *next;
    uint32_t len;
    char name[];
};

/* A change of a binding that nobody waits for. One block: what it borrows lies behind it. */
struct wkv_journal_wish {
    struct wkv_journal_wish *next;
    struct wkv_bindings_wish wish;
};

/* What items of a Batch were refused with, until they are counted: the items point into it. */
struct wkv_journal_texts {
    struct wkv_journal_texts *next;
    char bytes[];
};

/* Tickets that share a record, and their replies. It is freed with the last of them. */
struct wkv_journal_batch {
    struct wkv_tickets tickets;
    struct wkv_ticket *answering; /* the next that may be answered */
    struct wkv_buffer body;       /* operations, as the record has them */
    uint32_t operations;
    uint32_t requests; /* of these, that somebody waits for */
    size_t looks;      /* tickets that only look again */
    uint64_t bindings; /* the least mark of its tickets */
    int64_t oldest_ns; /* when the oldest of them came */
    int64_t begun_ns;  /* when the first was put into it */
    int64_t sent_ns;   /* the first time; 0: never */
    struct wkv_buffer replies;
    struct wkv_journal_texts *texts; /* of its Batches; owned */
    _Atomic size_t left;             /* tickets that are not completed, and one for the log's thread */
};

/* "From 90 % of max_bytes writes are refused, from 95 % barriers". */
enum wkv_journal_fullness { WKV_LOG_HAS_ROOM, WKV_LOG_TAKES_READS, WKV_LOG_IS_FULL };

/* What is not logged each time that it happens: each has a clock of its own, so that none hides another. */
enum wkv_told {
    WKV_TOLD_PROGRESS,
    WKV_TOLD_FOREIGN,
    WKV_TOLD_REFUSAL,
    WKV_TOLD_DOUBT,
    WKV_TOLD_DAMAGED,
    WKV_TOLD_ALTERED,
    WKV_TOLD_GONE,
    WKV_TOLD_COUNT
};

#define WKV_JOURNAL_SAMPLES 512

/* What a subscription for deliveries is of: its context. */
struct wkv_journal_slot {
    struct wkv_journal *journal;
    unsigned number;
};

/* A Digest: its slices as they come out of the log, for whichever instances were asked. */
struct wkv_journal_digest {
    unsigned char id[16];
    uint64_t next; /* rank: the slices below it are in `sum` */
    uint64_t sum;
    uint64_t position; /* of the last slice */
    int64_t ask_ns;    /* the next slice is asked for then */
    bool begun, whole;
    struct wkv_tickets tickets; /* that wait for it */
};
#define WKV_JOURNAL_DIGESTS 16

struct wkv_journal {
    struct wkv_journal_options options;
    struct wkv_loop loop;
    struct wkv_js_names names;
    char inbox[WKV_SUBJECT_BYTES];
    struct wkv_journal_slot slots[WKV_JS_READER_SLOTS];

    /* Any thread's. */
    _Atomic int state; /* enum wkv_journal_state */
    _Atomic bool reconnected, leaves, gone, full;
    _Atomic bool suspect; /* what was applied may not be what the log has: nothing is served */
    _Atomic int log_full; /* enum wkv_journal_fullness */
    _Atomic int64_t room; /* bytes that this instance's budget has left; INT64_MAX: it has none */
    wkv_told_clock clock;
    _Atomic uint64_t applied, target, bindings, log_id;
    _Atomic unsigned restored_permille;
    _Atomic int64_t rests_until_ns; /* monotonic, while messages come; 0: it does not rest */
    _Atomic int64_t fresh_until_ns; /* monotonic: what is here was in the log 3 s before that */
    struct wkv_error error;         /* of AGAIN and FAILED, set before the state */
    enum wkv_journal_failure failure;

    pthread_mutex_t inbox_lock;
    struct wkv_tickets inbox_tickets;
    LIST_HEAD(, wkv_journal_part) parts;
    struct wkv_journal_part *system; /* the part of the worker that serves hosts: the one made last */
    struct wkv_journal_wish *wishes; /* bindings that nobody waits for, the last first */

    pthread_mutex_t lock; /* guards all that follows */
    struct wkv_replica *replica;
    struct wkv_replica_events events;
    struct wkv_record_key key;
    struct wkv_js_requests requests;
    struct wkv_js_opening opening;
    struct wkv_js_reader reader;
    struct wkv_buffer first; /* the record that a log begins with */
    struct wkv_buffer record, scratch;
    struct wkv_flight flight;
    bool served;               /* it was READY once */
    uint64_t join;             /* position of this instance's; 0: it has not joined */
    uint64_t spare_join;       /* of another of its, which is to be taken back; 0: there is none */
    int64_t spare_ns, left_ns; /* when that was tried last, and a farewell said; 0: never */
    struct wkv_tickets waiting;
    struct wkv_journal_batch *open;    /* NULL: none */
    struct wkv_journal_batch *settled; /* by the record that is being applied */
    enum wkv_flight_end settled_as;
    int64_t looked_ns;     /* a batch of tickets that only look again was sent last */
    int64_t append_ns;     /* smoothed: from a record's sending to its being applied */
    bool changed;          /* something was applied in this turn */
    uint32_t own_permille; /* of the memory budget that this instance takes, */
    uint64_t weighed_at;   /* when so many bytes had been applied in all: applied_bytes */
    uint64_t applied_bytes;

    struct wkv_lag lag;
    int64_t stamped_ns; /* the stamp of the message that is being applied */

    int64_t joined_ns, beat_ns; /* sent last */
    int64_t beat_sent_ns;       /* the first that is not applied yet; 0: none */
    int64_t applied_ns;         /* when something was applied last, monotonic */
    int64_t maintained_ns;
    int64_t told_ns[WKV_TOLD_COUNT]; /* when it was logged last; 0: never */
    uint64_t acked;
    int64_t acked_ns; /* the highest position that the server has confirmed, and since when */
    bool ticks;       /* something may expire */

    struct wkv_restore restore;
    struct wkv_replica_options replica_options; /* of the replica that is restored, or begun */
    struct wkv_snapshots snapshots;

    /* measure.c */
    bool measuring;
    int64_t measured_ns;
    uint64_t bytes_since,
        account_since; /* that were applied since the stream, or the account, was measured */

    struct wkv_journal_digest digests[WKV_JOURNAL_DIGESTS];
    size_t digest_count; /* that were ever begun */

    /* trouble.c */
    enum wkv_js_trouble doubt;
    uint64_t last, last_hash; /* of the message in front of the holes that are the last that was applied */
    uint64_t hole;            /* the last that was passed, and that nobody has told of yet; 0: none */
    unsigned doubts;          /* how often the leader has been asked */
    uint64_t doubt_from, doubt_to;
    uint64_t doubt_last; /* message of the log, as its leader said */
    bool doubt_proved;   /* by an append, or another instance: what the leader has of the last message says
                            nothing */
    bool doubting;
    int64_t doubt_again_ns;

    struct wkv_journal_figures figures;
    int64_t samples[WKV_JOURNAL_SAMPLES];
    size_t sample_count;
};

/* ---- journal.c ---- */

void wkv_journal_move(struct wkv_journal *journal, enum wkv_journal_state state);
void wkv_journal_fail(struct wkv_journal *journal, enum wkv_journal_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void wkv_journal_begin_again(struct wkv_journal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline enum wkv_journal_state wkv_journal_at(const struct wkv_journal *journal)
{
    return (enum wkv_journal_state)atomic_load_explicit(&journal->state, memory_order_acquire);
}

/* Whether it is time to log that (again), for each_ns from now on it is not. */
bool wkv_journal_may_tell(struct wkv_journal *journal, enum wkv_told what, int64_t each_ns, int64_t now_ns);

/* ---- thread.c ---- */

enum wkv_code wkv_journal_listen(struct wkv_journal *journal, struct wkv_error *error);
void wkv_journal_send(void *journal, const struct wkv_js_outgoing *outgoing);

/* Appends a record of another kind than a batch, once: whoever needs it asks again. */
void wkv_journal_append(struct wkv_journal *journal, enum wkv_record_kind kind,
                        const union wkv_record_body *body);

/* Sends a record that is written already. */
void wkv_journal_publish(struct wkv_journal *journal, struct wkv_text record);

/* What a record says of its writer, whatever kind it is. */
void wkv_journal_sign(struct wkv_journal *journal, struct wkv_record *record);

/* Wakes the workers that have something to complete. */
void wkv_journal_wake(struct wkv_journal *journal);

/* ---- recovery.c ---- */

void wkv_journal_connected(struct wkv_journal *journal, int64_t now_ns);
int64_t wkv_journal_recover(struct wkv_journal *journal, int64_t now_ns);

/* ---- batches.c ---- */

/* Puts what waits into batches, seals and sends what is due. Returns when something is due next. */
int64_t wkv_journal_propose(struct wkv_journal *journal, int64_t now_ns);

/* Ends what is too old; sends nothing. */
void wkv_journal_give_up(struct wkv_journal *journal, int64_t now_ns);

/* Answers all that waits with 503, and all that may be in the log with 504. */
void wkv_journal_answer_all(struct wkv_journal *journal);

/* Gives a ticket back to its worker. */
void wkv_journal_hand_back(struct wkv_journal *journal, struct wkv_ticket *ticket, enum wkv_way way);
void wkv_journal_refuse(struct wkv_journal *journal, struct wkv_ticket *ticket, enum wkv_code code,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

struct wkv_journal_batch *wkv_journal_batch_make(int64_t now_ns);
void wkv_journal_batch_release(struct wkv_journal_batch *batch);

/* Appends what is wanted of bindings and nobody waits for. */
void wkv_journal_take_wishes(struct wkv_journal *journal, int64_t now_ns);

/* A batch without operations, for which nobody waits. */
void wkv_journal_tick(struct wkv_journal *journal, int64_t now_ns);

/* ---- apply.c ---- */

void wkv_journal_listen_to_replica(struct wkv_journal *journal);
void wkv_journal_feed(void *journal, uint64_t position, int64_t time_ns, struct wkv_text bytes);
void wkv_journal_feed_message(struct wkv_journal *journal, const struct wkv_log_message *message);
bool wkv_journal_is_last(void *journal, uint64_t position, struct wkv_text bytes);

/* Reads on from what is applied. */
void wkv_journal_read_on(struct wkv_journal *journal, int64_t now_ns);

/* Where the last message is that was applied: behind it there may be holes. 0: that is not known. */
uint64_t wkv_journal_last(const struct wkv_journal *journal);

/* Refuses what waits for a record that could not be applied to its end: what it came to is not known. */
void wkv_journal_drop_settled(struct wkv_journal *journal);

/* Whether what can grow is admitted, by all instances' memory and by ours. */
void wkv_journal_admit(struct wkv_journal *journal);

/* Shows what has been applied: the store's time, the bindings. */
void wkv_journal_show(struct wkv_journal *journal);

/* Which log it is, from its first message on. */
void wkv_journal_take_key(struct wkv_journal *journal);

/* ---- measure.c ---- */

/* Asks how large the log's stream is, and what is to be refused for it. Returns when it does so next. */
int64_t wkv_journal_measure(struct wkv_journal *journal, int64_t now_ns);

/* ---- digests.c ---- */

void wkv_journal_begin_digest(struct wkv_journal *journal, struct wkv_ticket *ticket, int64_t now_ns);
void wkv_journal_take_digest(struct wkv_journal *journal, uint64_t position, const struct wkv_digest *asked,
                             uint64_t digest);
int64_t wkv_journal_ask_digests(struct wkv_journal *journal, int64_t now_ns);
void wkv_journal_end_digests(struct wkv_journal *journal);

/* ---- trouble.c ---- */

void wkv_journal_doubt(void *journal, enum wkv_js_trouble trouble, uint64_t from, uint64_t to,
                       const struct wkv_js_refusal *refusal);
int64_t wkv_journal_doubts(struct wkv_journal *journal, int64_t now_ns);
void wkv_journal_prove_hole(struct wkv_journal *journal, const struct wkv_record *record);
void wkv_journal_doubt_message(struct wkv_journal *journal, uint64_t position);

#endif
