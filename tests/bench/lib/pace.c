#include "pace.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "stage.h"
#include "wire.h"

#define EVERY_NS 2000000
#define UNANSWERED_NS ((int64_t)3 * 1000000000)
#define READ_TIMEOUT_MS 20000
#define PAYLOAD_BYTES 96 /* the key and less than twenty */
#define MOST 262144u     /* requests of one opening */

struct bench_pace {
    natsConnection *connection;
    natsSubscription *replies;
    const char *subject;
    char inbox[64]; /* ends with a dot; a request's number follows. The counter's key too: nobody else has it
                     */
    int64_t next_ns;
    uint32_t sent, oldest; /* all before have been answered or are given up */
    int64_t *sent_ns;      /* of each; 0: settled */
    bool *counted;         /* values of the counter that have been acknowledged */
    uint64_t done, open;   /* since the opening: acknowledged; of which nobody knows */
    bool wrong;            /* said already */
    struct bench_pace_tally tally;
};

/* ---- connection ---- */

static natsStatus connect_to(struct bench_pace *pace, const char *url)
{
    char wildcard[sizeof pace->inbox + 1];
    natsInbox *inbox = NULL;
    natsStatus status = natsConnection_ConnectTo(&pace->connection, url);
    if (status == NATS_OK)
        status = natsInbox_Create(&inbox);
    if (status == NATS_OK) {
        snprintf(pace->inbox, sizeof pace->inbox, "%s.", inbox);
        snprintf(wildcard, sizeof wildcard, "%s*", pace->inbox);
        status = natsConnection_SubscribeSync(&pace->replies, pace->connection, wildcard);
    }
    natsInbox_Destroy(inbox);
    return status;
}

struct bench_pace *bench_pace_open(const char *url, const char *subject)
{
    struct bench_pace *pace = calloc(1, sizeof *pace);
    if (pace != NULL) {
        pace->sent_ns = calloc(MOST, sizeof *pace->sent_ns);
        pace->counted = calloc(MOST, sizeof *pace->counted);
    }
    if (pace == NULL || pace->sent_ns == NULL || pace->counted == NULL) {
        bench_complain("out of memory");
        bench_pace_close(pace);
        return NULL;
    }
    pace->subject = subject;
    natsStatus status = connect_to(pace, url);
    if (status != NATS_OK) {
        bench_complain("cannot connect to %s: %s", url, natsStatus_GetText(status));
        bench_pace_close(pace);
        return NULL;
    }
    pace->next_ns = bench_now_ns();
    bench_pace_begin(pace);
    return pace;
}

void bench_pace_close(struct bench_pace *pace)
{
    if (pace == NULL)
        return;
    natsSubscription_Destroy(pace->replies);
    natsConnection_Destroy(pace->connection);
    free(pace->sent_ns);
    free(pace->counted);
    free(pace);
}

/* ---- requests ---- */

static int put_add(const struct bench_pace *pace, char payload[PAYLOAD_BYTES], uint64_t delta)
{
    size_t len = strlen(pace->inbox);
    char *end = bench_proto_text(payload, 1, len);
    memcpy(end, pace->inbox, len);
    return (int)(bench_proto_varint(end + len, 2, delta) - payload);
}

static int send_one(struct bench_pace *pace, int64_t now_ns)
{
    char reply[sizeof pace->inbox + 16], payload[PAYLOAD_BYTES];
    if (pace->sent == MOST) {
        bench_complain("more than %u requests", MOST);
        return -1;
    }
    snprintf(reply, sizeof reply, "%s%u", pace->inbox, pace->sent);
    natsStatus status = natsConnection_PublishRequest(pace->connection, pace->subject, reply, payload,
                                                      put_add(pace, payload, 1));
    if (status == NATS_OK)
        status = natsConnection_FlushTimeout(pace->connection, UNANSWERED_NS / 1000000);
    if (status != NATS_OK) {
        bench_complain("cannot publish: %s", natsStatus_GetText(status));
        return -1;
    }
    pace->sent_ns[pace->sent++] = now_ns;
    pace->tally.sent++;
    return 0;
}

/* ---- replies ---- */

static void note_done(struct bench_pace *pace, natsMsg *reply, int64_t sent_ns, int64_t now_ns)
{
    struct bench_pace_tally *tally = &pace->tally;
    struct bench_proto_reply read;
    pace->done++;
    tally->done++;
    if (tally->first_ns == 0 && sent_ns >= tally->begin_ns)
        tally->first_ns = now_ns;
    if (now_ns - tally->last_ns > tally->longest_gap_ns)
        tally->longest_gap_ns = now_ns - tally->last_ns;
    tally->last_ns = now_ns;
    bool right = bench_proto_read(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), &read) &&
                 read.number > 0 && read.number < MOST && !pace->counted[read.number];
    if (right)
        pace->counted[read.number] = true;
    else if (!pace->wrong)
        bench_complain("an Add was answered with a count that another had, or with none");
    pace->wrong = pace->wrong || !right;
}

static void note_error(struct bench_pace *pace, const char *code)
{
    if (strcmp(code, "504") == 0) {
        pace->tally.unknown++;
        pace->open++;
    } else {
        pace->tally.refused++;
    }
}

/* What comes after it was given up is open already. */
static void take(struct bench_pace *pace, natsMsg *reply, int64_t now_ns)
{
    const char *code = NULL;
    unsigned long number = strtoul(natsMsg_GetSubject(reply) + strlen(pace->inbox), NULL, 10);
    if (number >= pace->sent || pace->sent_ns[number] == 0)
        return;
    if (natsMsg_IsNoResponders(reply))
        pace->tally.no_responders++;
    else if (natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) == NATS_OK)
        note_error(pace, code);
    else
        note_done(pace, reply, pace->sent_ns[number], now_ns);
    pace->sent_ns[number] = 0;
}

static void give_up_old(struct bench_pace *pace, int64_t now_ns)
{
    for (; pace->oldest < pace->sent; pace->oldest++) {
        int64_t sent_ns = pace->sent_ns[pace->oldest];
        if (sent_ns != 0 && now_ns - sent_ns < UNANSWERED_NS)
            return;
        if (sent_ns != 0) {
            pace->sent_ns[pace->oldest] = 0;
            pace->tally.unanswered++;
            pace->open++;
        }
    }
}

/* Waits a millisecond for what comes, and takes what has come. */
static void hear(struct bench_pace *pace)
{
    natsMsg *reply = NULL;
    while (natsSubscription_NextMsg(&reply, pace->replies, reply == NULL ? 1 : 0) == NATS_OK) {
        take(pace, reply, bench_now_ns());
        natsMsg_Destroy(reply);
    }
    give_up_old(pace, bench_now_ns());
}

/* ---- the run ---- */

int bench_pace_run(struct bench_pace *pace, int64_t ns)
{
    int64_t end_ns = bench_now_ns() + ns;
    for (int64_t now_ns; (now_ns = bench_now_ns()) < end_ns;) {
        if (bench_stage_interrupted())
            return -1;
        if (now_ns - pace->next_ns > EVERY_NS * 10) /* what was missed is not made up for */
            pace->next_ns = now_ns;
        for (; pace->next_ns <= now_ns; pace->next_ns += EVERY_NS)
            if (send_one(pace, now_ns) != 0)
                return -1;
        hear(pace);
    }
    return 0;
}

struct bench_pace_tally bench_pace_begin(struct bench_pace *pace)
{
    struct bench_pace_tally before = pace->tally;
    int64_t now_ns = bench_now_ns();
    pace->tally = (struct bench_pace_tally){.begin_ns = now_ns, .last_ns = now_ns};
    return before;
}

const struct bench_pace_tally *bench_pace_tally(const struct bench_pace *pace)
{
    return &pace->tally;
}

/* Adds nothing, which tells what is there. */
static int read_counter(struct bench_pace *pace, uint64_t *value)
{
    char payload[PAYLOAD_BYTES];
    struct bench_proto_reply read;
    natsMsg *reply = NULL;
    const char *code = NULL;
    int len = put_add(pace, payload, 0);
    natsStatus status =
        natsConnection_Request(&reply, pace->connection, pace->subject, payload, len, READ_TIMEOUT_MS);
    bool is_read = status == NATS_OK &&
                   natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) != NATS_OK &&
                   bench_proto_read(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply), &read);
    *value = is_read ? read.number : 0;
    if (!is_read)
        bench_complain("the counter cannot be read: %s", code != NULL ? code : natsStatus_GetText(status));
    natsMsg_Destroy(reply);
    return is_read ? 0 : -1;
}

int bench_pace_check(struct bench_pace *pace)
{
    uint64_t value;
    while (pace->oldest < pace->sent && !bench_stage_interrupted())
        hear(pace);
    if (read_counter(pace, &value) != 0)
        return -1;
    fprintf(stderr, "the counter is at %llu: %llu Adds were acknowledged, of %llu it is not known\n",
            (unsigned long long)value, (unsigned long long)pace->done, (unsigned long long)pace->open);
    if (value >= pace->done && value <= pace->done + pace->open)
        return pace->wrong ? -1 : 0;
    bench_complain("the counter is wrong");
    return -1;
}
