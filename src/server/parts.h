/* The parts of the process that serves: compose.c and network.c make and end them, lifecycle.c and drain.c
 * take it through its phases. For this room alone.
 */
#ifndef WKV_SERVER_PARTS_H
#define WKV_SERVER_PARTS_H

#include "front/actors.h"
#include "front/provider.h"
#include "front/worker.h"
#include "journal/journal.h"
#include "lattice/alone.h"
#include "lattice/discovery.h"
#include "metrics/metrics.h"
#include "nats/keeper.h"
#include "server/server.h"
#include "server/upkeep.h"
#include "server/watchdog.h"
#include "support/pulse.h"
#include "support/self.h"
#include "watch/watches.h"

/* The connections and what speaks through them. The loops are numbered: discovery's is 0, a worker's is one
 * more than the worker's number, and behind that of `system`, which is the last of them, come that of
 * watches and that of the log. */
struct wkv_network {
    int notify_fd; /* an eventfd: a connection was opened, or never will be */
    struct wkv_keepers keepers;
    struct wkv_keeper *each; /* discovery's, each worker's, and that of watches */
    unsigned keeper_count;
    struct wkv_discovery discovery;
    struct wkv_alone alone;
    struct wkv_worker *workers; /* for actors; behind them one more, for `system` */
    unsigned worker_count;      /* initialised ones, that one included */
    struct wkv_actors actors;
    struct wkv_watches watches;
    struct wkv_journal *journal; /* NULL: the engine is memory; its loop is the last */
};

struct wkv_server {
    const struct wkv_server_options *options;
    struct wkv_log log;
    int stop_fd;            /* a signalfd of SIGTERM and SIGINT, read by nobody */
    int reload_fd;          /* a signalfd of SIGHUP */
    int poke_fd;            /* an eventfd: the main thread is asked whether it turns, */
    struct wkv_pulse pulse; /* which it need not before it serves, or when it stops */
    char instance[WKV_INSTANCE_ID_BYTES];
    struct wkv_provider
        provider; /* for the workers; its store, bindings, trust, replay and stats are owned here */
    struct wkv_claims_tally claims; /* the provider's */
    struct wkv_vitals vitals;
    struct wkv_upkeep *upkeep;
    struct wkv_metrics *metrics; /* NULL: not asked for */
    struct wkv_self *self;       /* NULL: `health --self` does not find this process */
    struct wkv_watchdog watchdog;
    struct wkv_network network;
    struct wkv_report_engine engine_report;
    _Atomic(struct wkv_journal *) journal; /* what is told of the log, from when there is one to the end */
    _Atomic bool has_store;                /* of the log: what changes in it may be watched */
    bool had_diverged; /* the log had, when this process had to begin anew: told until the process ends */
    bool diverged;     /* the same from now on; the main thread's */
    bool out_of_touch; /* with the log, and told so */
    bool rests;        /* requests are left to the other instances; the main thread's */
    bool cut;          /* not all that was received could be answered */
};

/* What the figures of the process are gathered from. */
static inline struct wkv_report_sources wkv_server_sources(struct wkv_server *server)
{
    return (struct wkv_report_sources){.stats = server->provider.stats,
                                       .store = server->provider.store,
                                       .bindings = server->provider.bindings,
                                       .claims = &server->claims,
                                       .log = &server->log,
                                       .engine = server->provider.engine_report};
}

/* ---- network.c ---- */

/* Makes loops, unconnected. Errors: those of its parts; close it all the same. */
enum wkv_code wkv_network_open(struct wkv_server *server, struct wkv_error *error);
void wkv_network_close(struct wkv_server *server);

struct wkv_loop *wkv_network_loop(struct wkv_server *server, unsigned i);

/* How many loops there are but the log's. */
static inline unsigned wkv_network_loops(const struct wkv_server *server)
{
    return server->network.keeper_count - (server->network.journal != NULL);
}

/* ---- log.c: what is done of the engine jetstream here ---- */

/* Makes the journal, unconnected. Errors: NULL, as wkv_journal_create. */
struct wkv_journal *wkv_server_make_journal(struct wkv_server *server, const struct wkv_loop_options *loop,
                                            struct wkv_error *error);

/* Has the process tell of the log, once there is one. */
void wkv_server_report_log(struct wkv_server *server);

/* From the log's connection to the moment where what it has come to can be served. */
enum wkv_server_outcome wkv_server_recover(struct wkv_server *server, struct wkv_error *error);

/* Whether the log has ended what is served; asked while it is served. */
enum wkv_server_outcome wkv_server_look_at_log(struct wkv_server *server, struct wkv_error *error);

/* ---- trust.c ---- */

/* The trusted lists: as they are read at the start, what the log is told of who gets in, and what SIGHUP
 * does. */
enum wkv_code wkv_server_open_trust(struct wkv_server *server, struct wkv_error *error);
void wkv_server_tell_trust(struct wkv_server *server);
void wkv_server_reload_trust(struct wkv_server *server);

/* ---- starting.c ---- */

/* The first two lines of the log: what is started where, and on what terms (trust NULL: nobody is asked who
 * they are). In JSON all of it is in members, too. */
void wkv_server_tell_start(struct wkv_server *server);
void wkv_server_tell_terms(struct wkv_server *server, const struct wkv_trust *trust);

/* ---- lifecycle.c ---- */

/* Waits for a notice, at most so long (-1: without end), and reloads on the way. Returns whether it is told
 * to stop. */
bool wkv_server_wait(struct wkv_server *server, int timeout_ms);

/* Starts the keepers from first to the one before end, and waits until their connections are there. */
enum wkv_server_outcome wkv_server_open_connections(struct wkv_server *server, unsigned first, unsigned end,
                                                    struct wkv_error *error);

/* From the first connection to the end of the last. */
enum wkv_server_outcome wkv_server_live(struct wkv_server *server, struct wkv_error *error);

/* ---- drain.c ---- */

/* Takes no more requests, answers those received, and closes; what the time does not suffice for is refused.
 * why: STOPPED or SPLIT. Does not return where a thread runs that nothing can end. */
void wkv_server_drain(struct wkv_server *server, enum wkv_server_outcome why);

/* Ends what keepers still run, without a drain: likewise. */
void wkv_server_end_keepers(struct wkv_server *server);

#endif
