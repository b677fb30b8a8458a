/* What instances ask each other and answer on `$SRV.PING.wascc-keyvalue` (contract section 8, ADR-32): who of
 * them holds a binding's data, and since when.
 *
 * ADR-32's question is empty. An instance's own has a document in it, so that of all instances on a NATS
 * system only those of its binding answer: {"id", "lattice_namespace", "binding", "starting"}.
 */
#ifndef WKV_LATTICE_PONG_H
#define WKV_LATTICE_PONG_H

#include <stdbool.h>
#include <stddef.h>

#include "nats/subject.h"
#include "report/engine.h"
#include "support/clock.h"

/* How far a process has come with its life. From WKV_PHASE_SERVING on it listens and is to be found. */
enum wkv_phase {
    WKV_PHASE_STARTING, /* asks whether it is alone */
    WKV_PHASE_YIELDING, /* likewise, and another seems to be there: it holds up nobody */
    WKV_PHASE_CLAIMED,  /* found itself alone, opens its connections */
    WKV_PHASE_SERVING,
    WKV_PHASE_DRAINING,
};

/* As it stands in the metadata. */
const char *wkv_phase_name(enum wkv_phase phase);

#define WKV_PONG_ID_BYTES 64
#define WKV_PONG_ENGINE_BYTES 24

/* An answer, read. */
struct wkv_pong {
    char id[WKV_PONG_ID_BYTES];        /* printable ASCII */
    char started[WKV_TIME_TEXT_BYTES]; /* with nine digits of the second, so that the order of the texts is
                                        * that of time; "": an older version, which does not say */
    enum wkv_phase phase;
    bool may_split; /* --allow-split */
    char engine[WKV_PONG_ENGINE_BYTES];
    char
        log[WKV_LOG_ID_BYTES]; /* which one its data comes out of; "": out of none, or it does not know yet */
};

/* Whether two have the same data and may serve beside each other: they have one log. Where one of them does
 * not know its log yet, that is still to be found out. */
bool wkv_pong_share(const struct wkv_pong *one, const struct wkv_pong *other);

/* Reads an answer. Returns false where it is none of an instance on this address. */
bool wkv_pong_read(const char *data, size_t len, const struct wkv_address *address, struct wkv_pong *pong);

/* Whether `one` goes on where both hold data: the one that was started first; of equals, that with the
 * smaller id. Every instance finds the same order, whatever their clocks say, since it compares what each
 * says of itself. */
bool wkv_pong_is_older(const struct wkv_pong *one, const struct wkv_pong *other);

/* A question, read. */
struct wkv_question {
    bool ours;              /* those of this address are to answer */
    bool also_starting;     /* likewise those that do not serve yet */
    bool of_other_instance; /* that serves on this address */
};

/* A question without our document, or with an older version's text, is for everybody. */
struct wkv_question wkv_question_read(const char *data, size_t len, const struct wkv_address *address,
                                      const char *own_id);

/* Makes a question. The caller frees it. Errors: NULL where memory is short. */
char *wkv_question_make(const struct wkv_address *address, const char *own_id, bool also_starting);

#endif
