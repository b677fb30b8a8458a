#include "lattice/discovery.h"

#include <stdio.h>
#include <string.h>

#include "lattice/adopt.h"
#include "lattice/events.h"
#include "lattice/service.h"
#include "nats/inbox.h"
#include "nats/subject.h"
#include "operation/identity.h"
#include "support/clock.h"

/* Hosts answer the lattice's questions within a second. */
#define ADOPT_MS 5000

/* Whether somebody waits for the answer. */
static bool is_wanted(const natsMsg *message)
{
    return natsMsg_GetReply(message) != NULL;
}

static bool is_to_be_found(struct wkv_discovery *discovery)
{
    return atomic_load(&discovery->phase) >= WKV_PHASE_SERVING;
}

/* A service that is found is called, so one that does not listen yet answers only instances that start. A
 * question of another instance on this address is noted. */
static bool answers_ping(struct wkv_discovery *discovery, const natsMsg *message)
{
    struct wkv_question question = wkv_question_read(
        natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), discovery->address, discovery->id);
    if (question.of_other_instance)
        atomic_store(&discovery->other_asks, true);
    return question.ours && (question.also_starting || is_to_be_found(discovery));
}

static void answer_ping(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (is_wanted(message) && answers_ping(discovery, message) &&
        !wkv_answers_again(&discovery->answers, message, "PING"))
        wkv_answers_give(&discovery->answers, message, "PING", wkv_service_ping(discovery));
}

static void answer_info(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (is_to_be_found(discovery) && is_wanted(message) &&
        !wkv_answers_again(&discovery->answers, message, "INFO"))
        wkv_answers_give(&discovery->answers, message, "INFO", wkv_service_info(discovery));
}

static void answer_stats(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (is_to_be_found(discovery) && is_wanted(message) &&
        !wkv_answers_again(&discovery->answers, message, "STATS"))
        wkv_answers_give(&discovery->answers, message, "STATS", wkv_service_stats(discovery));
}

/* Inventory questions are kept under their name with its '.', which sets them apart from those above. */
static void answer_inventory(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    struct wkv_inventory inventory = {.discovery = discovery,
                                      .subject = natsMsg_GetSubject(message),
                                      .max_bytes = wkv_loop_max_payload(loop)};
    const char *what = strrchr(inventory.subject, '.');
    if (what == NULL || atomic_load(&discovery->phase) != WKV_PHASE_SERVING || !is_wanted(message) ||
        wkv_answers_again(&discovery->answers, message, what))
        return;
    do
        wkv_answers_give(&discovery->answers, message, what, wkv_inventory_next(&inventory));
    while (inventory.more);
}

/* An answer with bindings, from a host or from a sister instance. */
static void adopt_answer(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (wkv_monotonic_ns() < atomic_load(&discovery->inbox_until_ns))
        wkv_adopt_bindings(discovery, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
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

static enum wkv_code listen_to(struct wkv_discovery *discovery, const char *subject, wkv_loop_handler answer,
                               struct wkv_error *error)
{
    const struct wkv_listen listen = {.subject = subject, .handle = answer, .context = discovery};
    return wkv_loop_listen(&discovery->loop, &listen, error);
}

/* "`$SRV.PING`, `$SRV.INFO`, `$SRV.STATS`, each also `.<name>` and `.<name>.<id>`" */
static enum wkv_code listen_to_service(struct wkv_discovery *discovery, struct wkv_error *error)
{
    static const struct {
        const char *verb;
        wkv_loop_handler answer;
    } verbs[] = {{"PING", answer_ping}, {"INFO", answer_info}, {"STATS", answer_stats}};
    char own[WKV_SUBJECT_BYTES / 2];
    const char *const ends[] = {"", "." WKV_SERVICE_NAME, own};
    (void)snprintf(own, sizeof own, "." WKV_SERVICE_NAME ".%s", discovery->id);
    enum wkv_code code = WKV_OK;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0] * 3 && code == WKV_OK; i++) {
        char subject[WKV_SUBJECT_BYTES];
        (void)snprintf(subject, sizeof subject, "$SRV.%s%s", verbs[i / 3].verb, ends[i % 3]);
        code = listen_to(discovery, subject, verbs[i / 3].answer, error);
    }
    return code;
}

/* "`<prefix>.inventory.{hosts,actors,bindings,capabilities}`": questions of other kinds have no listener. A
 * server's permissions that know nothing of a lattice are no reason not to serve. */
static enum wkv_code listen_to_inventory(struct wkv_discovery *discovery, struct wkv_error *error)
{
    enum wkv_code code = WKV_OK;
    for (size_t i = 0; wkv_inventory_question(i) != NULL && code == WKV_OK; i++) {
        char rest[WKV_SUBJECT_BYTES], subject[WKV_SUBJECT_BYTES];
        (void)snprintf(rest, sizeof rest, "inventory.%s", wkv_inventory_question(i));
        wkv_subject_lattice(discovery->address, rest, subject);
        const struct wkv_listen listen = {
            .subject = subject, .handle = answer_inventory, .context = discovery, .optional = true};
        code = wkv_loop_listen(&discovery->loop, &listen, error);
    }
    return code;
}

enum wkv_code wkv_discovery_init(struct wkv_discovery *discovery, const struct wkv_lattice_process *process,
                                 const struct wkv_loop_options *loop, const char *inbox_prefix,
                                 struct wkv_error *error)
{
    struct wkv_loop_options named = *loop;
    named.name = "discovery";
    memset(discovery, 0, sizeof *discovery);
    discovery->address = loop->address;
    discovery->answers.loop = &discovery->loop;
    discovery->process = *process;
    discovery->id = process->instance;
    wkv_time_text(wkv_stats_started_wall_ns(process->sources.stats), 9, discovery->started);
    if (wkv_loop_init(&discovery->loop, &named, error) != WKV_OK ||
        make_host(discovery->host, error) != WKV_OK || listen_to_service(discovery, error) != WKV_OK ||
        listen_to_inventory(discovery, error) != WKV_OK)
        return error->code;
    if (!wkv_endpoints_make(&discovery->endpoints, discovery->address))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for what discovery says of the operations");
    if (wkv_make_inbox(inbox_prefix, discovery->inbox) != NATS_OK)
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for an inbox");
    return listen_to(discovery, discovery->inbox, adopt_answer, error);
}

void wkv_discovery_ask_bindings(struct wkv_discovery *discovery)
{
    char subject[WKV_SUBJECT_BYTES];
    wkv_subject_lattice(discovery->address, "inventory.bindings", subject);
    atomic_store(&discovery->inbox_until_ns, wkv_monotonic_ns() + ADOPT_MS * WKV_NS_PER_MS);
    natsConnection *connection = wkv_loop_hold(&discovery->loop);
    if (connection == NULL)
        return;
    (void)natsConnection_PublishRequest(connection, subject, discovery->inbox, "", 0);
    wkv_loop_let_go(&discovery->loop);
}

void wkv_discovery_destroy(struct wkv_discovery *discovery)
{
    wkv_loop_destroy(&discovery->loop);
    wkv_answers_destroy(&discovery->answers);
    wkv_endpoints_destroy(&discovery->endpoints);
}
