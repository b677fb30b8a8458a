#include "transport/discovery.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/events.h"
#include "transport/service.h"
#include "transport/take_up.h"
#include "wascc_keyvalue/clock.h"

#define PING_SUBJECT "$SRV.PING"
/* How long to wait for others' answers. They come within a round trip; a busy host may need longer. */
#define CLAIM_WAIT_MS 300
/* Hosts answer the lattice's questions within a second. */
#define TAKE_UP_MS 5000
/* A peer that is starting too is asked again so often before it is taken for stuck. */
#define CLAIM_TRIES 20

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

/* 16 random bytes in Crockford's base32: letters and digits that nobody confuses, and no '.' for a subject to
 * trip over. */
static void make_id(char out[WKV_INSTANCE_ID_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = 0; i < WKV_INSTANCE_ID_BYTES - 1; i++)
        out[i] = digits[randombytes_uniform(32)];
    out[WKV_INSTANCE_ID_BYTES - 1] = '\0';
}

/* Sends the document, which is given up. Nothing goes where the provider itself may speak, nor where there was no memory. */
static void reply_document(const struct wkv_discovery *discovery, struct wkv_loop *loop, natsMsg *message,
                           json_t *document)
{
    bool wanted = !wkv_subject_is_ours(discovery->address, natsMsg_GetReply(message));
    char *text = document == NULL || !wanted ? NULL : json_dumps(document, JSON_COMPACT);
    if (text != NULL && !wkv_loop_reply(loop, message, text, strlen(text)))
        wkv_log_warn(loop->log, "%s: an answer of %zu bytes cannot be sent; the server's max_payload is %zu",
                     loop->name, strlen(text), wkv_loop_max_payload(loop));
    free(text);
    json_decref(document);
}

static void answer_ping(struct wkv_loop *loop, void *context, natsMsg *message)
{
    reply_document(context, loop, message, wkv_service_ping(context));
}

static void answer_info(struct wkv_loop *loop, void *context, natsMsg *message)
{
    reply_document(context, loop, message, wkv_service_info(context));
}

static void answer_stats(struct wkv_loop *loop, void *context, natsMsg *message)
{
    reply_document(context, loop, message, wkv_service_stats(context));
}

static void answer_inventory(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    if (atomic_load(&discovery->phase) == WKV_PHASE_SERVING)
        reply_document(discovery, loop, message,
                       wkv_inventory_answer(discovery, natsMsg_GetSubject(message)));
}

/* An answer with bindings, from a host or from a sister instance. */
static void take_up_answer(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (wkv_monotonic_ns() < atomic_load(&discovery->inbox_until_ns))
        wkv_take_up_bindings(discovery, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
}

/* The key pair is made for its public half only: nothing is signed with it. */
static enum wkv_code make_host(char out[WKV_NKEY_PUBLIC_CHARS + 1], struct wkv_error *error)
{
    struct wkv_nkey_seed *seed;
    if (wkv_nkey_seed_generate(WKV_NKEY_HOST, &seed, error) != WKV_OK)
        return error->code;
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&key, out);
    wkv_nkey_seed_destroy(seed);
    return WKV_OK;
}

/* "`$SRV.PING`, `$SRV.INFO`, `$SRV.STATS`, each also `.<name>` and `.<name>.<id>`" */
static void listen_to(struct wkv_discovery *discovery, const char *verb, wkv_loop_handler answer)
{
    char subject[WKV_SUBJECT_BYTES];
    (void)snprintf(subject, sizeof subject, "$SRV.%s", verb);
    wkv_loop_listen(&discovery->loop, subject, NULL, answer, NULL, discovery);
    (void)snprintf(subject, sizeof subject, "$SRV.%s." WKV_SERVICE_NAME, verb);
    wkv_loop_listen(&discovery->loop, subject, NULL, answer, NULL, discovery);
    (void)snprintf(subject, sizeof subject, "$SRV.%s." WKV_SERVICE_NAME ".%s", verb, discovery->id);
    wkv_loop_listen(&discovery->loop, subject, NULL, answer, NULL, discovery);
}

enum wkv_code wkv_discovery_init(struct wkv_discovery *discovery, const struct wkv_address *address,
                                 const struct wkv_provider *provider, const char *inbox_prefix,
                                 struct wkv_log *log, int notify_fd, struct wkv_error *error)
{
    char subject[WKV_SUBJECT_BYTES];
    memset(discovery, 0, sizeof *discovery);
    discovery->address = address;
    discovery->provider = provider;
    make_id(discovery->id);
    if (wkv_loop_init(&discovery->loop, "discovery", provider->stats, log, notify_fd, error) != WKV_OK ||
        make_host(discovery->host, error) != WKV_OK)
        return error->code;
    listen_to(discovery, "PING", answer_ping);
    listen_to(discovery, "INFO", answer_info);
    listen_to(discovery, "STATS", answer_stats);
    wkv_subject_lattice(address, "inventory.*", subject);
    wkv_loop_listen(&discovery->loop, subject, NULL, answer_inventory, NULL, discovery);
    /* A server's permissions that know nothing of a lattice are no reason not to serve. */
    wkv_loop_listen_optional(&discovery->loop);
    if (wkv_make_inbox(inbox_prefix, discovery->inbox) != NATS_OK)
        return wkv_fail(error, WKV_UNAVAILABLE, "no memory for an inbox");
    wkv_loop_listen(&discovery->loop, discovery->inbox, NULL, take_up_answer, NULL, discovery);
    return WKV_OK;
}

void wkv_discovery_ask_bindings(struct wkv_discovery *discovery)
{
    char subject[WKV_SUBJECT_BYTES];
    wkv_subject_lattice(discovery->address, "inventory.bindings", subject);
    atomic_store(&discovery->inbox_until_ns, wkv_monotonic_ns() + TAKE_UP_MS * WKV_NS_PER_MS);
    (void)natsConnection_PublishRequest(discovery->loop.connection, subject, discovery->inbox, "", 0);
}

void wkv_discovery_destroy(struct wkv_discovery *discovery)
{
    wkv_loop_destroy(&discovery->loop);
}

/* Reads a PING answer. Returns whether it is from an instance on this address with this engine; *id is the
 * caller's to free then. */
static bool read_pong(const char *data, int len, const struct wkv_address *address, char **id, bool *serving)
{
    json_t *pong = len < 0 ? NULL : json_loadb(data, (size_t)len, 0, NULL);
    const char *type, *name, *instance, *space, *binding, *engine, *phase = "serving";
    bool ours = json_unpack(pong, "{s:s, s:s, s:s, s:{s:s, s:s, s:s, s?:s}}", "type", &type, "name", &name,
                            "id", &instance, "metadata", "lattice_namespace", &space, "binding", &binding,
                            "engine", &engine, "phase", &phase) == 0 &&
                strcmp(type, WKV_PING_TYPE) == 0 && strcmp(name, WKV_SERVICE_NAME) == 0 &&
                strcmp(space, or_empty(address->lattice_namespace)) == 0 &&
                strcmp(binding, address->binding) == 0 && strcmp(engine, WKV_ENGINE) == 0;
    *id = ours ? strdup(instance) : NULL;
    *serving = ours && strcmp(phase, "starting") != 0;
    json_decref(pong);
    return *id != NULL;
}

natsStatus wkv_make_inbox(const char *prefix, char out[WKV_SUBJECT_BYTES])
{
    natsInbox *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);
    if (status != NATS_OK)
        return status;
    int written = prefix == NULL ? snprintf(out, WKV_SUBJECT_BYTES, "%s", inbox)
                                 : snprintf(out, WKV_SUBJECT_BYTES, "%s%s", prefix, strchr(inbox, '.'));
    natsInbox_Destroy(inbox);
    return written > 0 && written < WKV_SUBJECT_BYTES ? NATS_OK : NATS_INVALID_ARG;
}

/* Whether the server's permissions stood in the way of the question or its answers, which nobody would answer then. Other
 * refusals on this connection mean nothing here: whoever pings may name any reply subject. */
static bool refused(natsConnection *connection, const char *inbox, const char **text)
{
    *text = "";
    return natsConnection_GetLastError(connection, text) == NATS_NOT_PERMITTED &&
           (strstr(*text, inbox) != NULL ||
            strstr(*text, "\"" PING_SUBJECT "." WKV_SERVICE_NAME "\"") != NULL);
}

enum wkv_code wkv_discovery_ask(natsConnection *connection, const char *inbox_prefix,
                                const struct wkv_address *address, int64_t wait_ms,
                                bool (*seen)(void *context, const char *id, bool serving), void *context,
                                struct wkv_error *error)
{
    char inbox[WKV_SUBJECT_BYTES];
    const char *text;
    natsSubscription *answers = NULL;
    natsStatus status = wkv_make_inbox(inbox_prefix, inbox);
    if (status == NATS_OK)
        status = natsConnection_SubscribeSync(&answers, connection, inbox);
    if (status == NATS_OK)
        status = natsConnection_PublishRequest(connection, PING_SUBJECT "." WKV_SERVICE_NAME, inbox, "", 0);
    int64_t deadline_ns = wkv_monotonic_ns() + wait_ms * WKV_NS_PER_MS;
    bool wanted = true;
    while (status == NATS_OK && wanted) {
        natsMsg *message = NULL;
        int64_t left = (deadline_ns - wkv_monotonic_ns()) / WKV_NS_PER_MS;
        if (left <= 0)
            break;
        status = natsSubscription_NextMsg(&message, answers, left);
        char *id;
        bool serving;
        if (status == NATS_OK &&
            read_pong(natsMsg_GetData(message), natsMsg_GetDataLength(message), address, &id, &serving)) {
            wanted = seen(context, id, serving);
            free(id);
        }
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(answers);
    if (refused(connection, inbox, &text))
        return wkv_fail(error, WKV_FORBIDDEN,
                        "the server does not let this user ask for instances (%s); grant it `publish` on "
                        "%s and `subscribe` on its inbox, or set --inbox-prefix",
                        text, PING_SUBJECT "." WKV_SERVICE_NAME);
    if (status != NATS_OK && status != NATS_TIMEOUT && status != NATS_NO_RESPONDERS)
        return wkv_fail(error, WKV_UNAVAILABLE, "cannot ask for other instances: %s",
                        natsStatus_GetText(status));
    return WKV_OK;
}

/* What a claim has seen so far. */
struct claim {
    const char *own_id;
    char other[WKV_INSTANCE_ID_BYTES];
    bool in_the_way; /* one that serves, or starts with a smaller id */
    bool undecided;  /* one that starts with a larger id: it may not have seen us */
};

static bool note_peer(void *context, const char *id, bool serving)
{
    struct claim *claim = context;
    int order = strcmp(id, claim->own_id);
    if (order == 0)
        return true;
    if (serving || order < 0) {
        claim->in_the_way = true;
        (void)snprintf(claim->other, sizeof claim->other, "%s", id);
        return false;
    }
    claim->undecided = true;
    return true;
}

enum wkv_code wkv_discovery_claim(struct wkv_discovery *discovery, const char *inbox_prefix, bool *alone,
                                  char other[WKV_INSTANCE_ID_BYTES], struct wkv_error *error)
{
    struct claim claim = {.own_id = discovery->id};
    for (int i = 0; i < CLAIM_TRIES; i++) {
        claim.undecided = false;
        if (wkv_discovery_ask(discovery->loop.connection, inbox_prefix, discovery->address, CLAIM_WAIT_MS,
                              note_peer, &claim, error) != WKV_OK)
            return error->code;
        if (claim.in_the_way || !claim.undecided)
            break;
    }
    *alone = !claim.in_the_way;
    (void)snprintf(other, WKV_INSTANCE_ID_BYTES, "%s", claim.other);
    return WKV_OK;
}
