/* Answers to questions that many may ask at once: one text for all of the same kind in one turn of the loop.
 * Else many questions, which cost next to nothing to ask, would hold up everything behind them. That is as
 * exact as a text for each: the loop reads the socket before it handles anything, so the text is made when
 * all of these questions had come, and tells of a moment between each question and its answer. A request is
 * counted before its reply can reach its caller, and so before a question that follows that reply. A question
 * that follows this text is read in a later turn.
 *
 * All of it is the loop's thread's. */
#ifndef WKV_LATTICE_ANSWERS_H
#define WKV_LATTICE_ANSWERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/loop.h"

/* So many messages are kept at the most: answers to three questions on `$SRV` and four on the lattice's
 * inventory, of which bindings may take several. */
#define WKV_KEPT_ANSWERS 16

struct wkv_kept_answer {
    char what[16]; /* was asked */
    char *text;    /* owned */
    size_t len;
};

/* Zeroed but for the loop is empty. */
struct wkv_answers {
    struct wkv_loop *loop; /* borrowed */
    struct wkv_kept_answer kept[WKV_KEPT_ANSWERS];
    size_t count;
    uint64_t turn; /* of the loop, in which the last question came */
    bool is_cut;   /* a message of the answer under way was not kept */
};

/* Answers with what the same question was answered in this turn. Returns false where it is the first: the
 * answer is then to be given, in one message or several. */
bool wkv_answers_again(struct wkv_answers *answers, natsMsg *message, const char *what);

/* Answers with the document, which is given up. Without memory there is no answer. */
void wkv_answers_give(struct wkv_answers *answers, natsMsg *message, const char *what, json_t *document);

void wkv_answers_destroy(struct wkv_answers *answers);

#endif
