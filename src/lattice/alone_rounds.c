/* Asking whether others serve this binding, and listening. */
#include <sodium.h>
#include <stdlib.h>

#include "lattice/alone_parts.h"
#include "nats/inbox.h"
#include "nats/subject.h"

/* The time between two questions of an instance that serves alone: random between these, so that many do not
 * ask at the same moment. */
#define INTERVAL_MS 2000
#define INTERVAL_JITTER_MS 2000
/* Answers of a round that wait to be read: anybody who hears the question may send any number. */
#define MOST_ANSWERS 1024
#define MOST_ANSWER_BYTES (1024 * 1024)

static void read_round(struct wkv_alone *alone, struct wkv_alone_round *round, int64_t now_ns)
{
    natsMsg *message;
    struct wkv_pong pong;
    for (int i = 0; i < MOST_ANSWERS; i++) {
        if (natsSubscription_NextMsg(&message, round->answers, 0) != NATS_OK)
            return;
        if (natsMsg_GetDataLength(message) > 0 &&
            wkv_pong_read(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                          alone->discovery->address, &pong))
            wkv_meeting_hear(&alone->meeting, round->number, &pong, now_ns);
        natsMsg_Destroy(message);
    }
}

void wkv_alone_read_answers(struct wkv_alone *alone, int64_t now_ns)
{
    for (uint64_t i = 1; i <= WKV_ALONE_ROUNDS; i++) {
        struct wkv_alone_round *round = &alone->rounds[(alone->meeting.round + i) % WKV_ALONE_ROUNDS];
        if (round->answers != NULL && !round->ended)
            read_round(alone, round, now_ns);
    }
}

/* nats.c before 3.10 holds no reference to a subscription while it delivers a message to it. So it is ended
 * first, and freed when the loop, which delivers, has begun another turn. Returns whether it is free. */
static bool end_round(struct wkv_alone *alone, struct wkv_alone_round *round)
{
    struct wkv_loop *loop = &alone->discovery->loop;
    if (round->answers == NULL)
        return true;
    if (!round->ended) {
        (void)natsSubscription_Unsubscribe(round->answers);
        round->ended = true;
        /* After the end: a turn that began before may have found the subscription still. */
        round->turns = atomic_load(&loop->turns.begun);
        wkv_poller_wake(&loop->poller);
        return false;
    }
    if (round->turns == atomic_load(&loop->turns.begun))
        return false;
    natsSubscription_Destroy(round->answers);
    *round = (struct wkv_alone_round){.answers = NULL};
    return true;
}

/* Publishes the question and listens to the answers, which are to be read. NULL where that cannot be. */
static natsSubscription *publish(struct wkv_loop *loop, const char *inbox, const char *question)
{
    natsSubscription *answers = NULL;
    natsConnection *connection = wkv_loop_hold(loop);
    if (connection == NULL)
        return NULL;
    if (natsConnection_SubscribeSync(&answers, connection, inbox) == NATS_OK) {
        (void)natsSubscription_SetPendingLimits(answers, MOST_ANSWERS, MOST_ANSWER_BYTES);
        (void)natsConnection_PublishRequestString(connection, QUESTION_SUBJECT, inbox, question);
    }
    wkv_loop_let_go(loop);
    return answers;
}

/* Asks with an inbox that nobody knows before. */
static natsSubscription *send_question(const struct wkv_alone *alone)
{
    struct wkv_discovery *discovery = alone->discovery;
    natsSubscription *answers = NULL;
    char inbox[WKV_SUBJECT_BYTES];
    char *question = wkv_question_make(discovery->address, discovery->id, !alone->meeting.serving);
    if (question != NULL && wkv_make_inbox(alone->inbox_prefix, inbox) == NATS_OK)
        answers = publish(&discovery->loop, inbox, question);
    free(question);
    return answers;
}

void wkv_alone_ask(struct wkv_alone *alone, int64_t now_ns)
{
    struct wkv_meeting *meeting = &alone->meeting;
    struct wkv_alone_round *round = &alone->rounds[(meeting->round + 1) % WKV_ALONE_ROUNDS];
    alone->failed = !end_round(alone, round) || (round->answers = send_question(alone)) == NULL;
    if (alone->failed)
        return;
    wkv_meeting_ask(meeting, now_ns);
    meeting->interval_ns = (INTERVAL_MS + (int64_t)randombytes_uniform(INTERVAL_JITTER_MS)) * WKV_NS_PER_MS;
    round->number = meeting->round;
    alone->hurry = false;
    /* Ends the oldest round now, so that it can be freed when its place is needed. */
    (void)end_round(alone, &alone->rounds[(meeting->round + 1) % WKV_ALONE_ROUNDS]);
}
