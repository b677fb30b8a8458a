#include "lattice/discovery.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lattice/adopt.h"
#include "lattice/events.h"
#include "lattice/service.h"
#include "nats/inbox.h"
#include "nats/subject.h"
#include "operation/provider.h"
#include "support/clock.h"

/* Hosts answer the lattice's questions within a second. */
#define ADOPT_MS 5000
/* A longer answer than this is made for each question; no server takes it by default. */
#define KEPT_BYTES ((size_t)1024 * 1024)

/* Whether somebody waits for the answer. */
static bool is_wanted(const natsMsg *message)
{
    return natsMsg_GetReply(message) != NULL;
}

static size_t write_body(const void *unused, const struct wkv_error *error, char *out)
{
    (void)unused;
    return wkv_error_body(WKV_JSON, error, out);
}

static void reply_text(struct wkv_loop *loop, natsMsg *message, const char *text, size_t len)
{
    struct wkv_error error;
    if (len <= wkv_loop_max_payload(loop) && wkv_loop_reply(loop, message, text, len))
        return;
    (void)wkv_fail(&error, WKV_TOO_LARGE, "%s: the answer has %zu bytes and the server's max_payload is %zu",
                   natsMsg_GetSubject(message), len, wkv_loop_max_payload(loop));
    wkv_log_warn(loop->options.log, "%s: %s", loop->name, error.text);
    (void)wkv_loop_reply_error(loop, message, &error, write_body, NULL, NULL);
}

static void forget_answers(struct wkv_discovery *discovery)
{
    while (discovery->kept_count > 0)
        free(discovery->kept[--discovery->kept_count].text);
}

/* One text answers all questions of one kind in one turn of the loop. Else many questions at once, which cost
 * next to nothing to ask, would hold up everything behind them. It is as exact as a text for each: the loop
 * reads the socket before it handles anything, so the text is made when all of these questions had come, and
 * tells of a moment between each question and its answer. A request is counted before its reply can reach its
 * caller, and so before a question that follows that reply. A question that follows this text is read in a
 * later turn.
 *
 * Returns whether there was one already. */
static bool answer_alike(struct wkv_discovery *discovery, natsMsg *message, const char *what)
{
    if (discovery->kept_turn != discovery->loop.intake.reads)
        forget_answers(discovery);
    discovery->kept_turn = discovery->loop.intake.reads;
    bool any = false;
    for (size_t i = 0; i < discovery->kept_count; i++) {
        const struct wkv_kept_answer *kept = &discovery->kept[i];
        if (strcmp(kept->what, what) != 0)
            continue;
        reply_text(&discovery->loop, message, kept->text, kept->len);
        any = true;
    }
    return any;
}

/* An answer of several messages is kept whole or not at all. Those of one question stand together, at the
 * end. */
static void forget_last(struct wkv_discovery *discovery, const char *what)
{
    while (discovery->kept_count > 0 && strcmp(discovery->kept[discovery->kept_count - 1].what, what) == 0)
        free(discovery->kept[--discovery->kept_count].text);
}

/* Answers with the document, which is given up, and keeps the text for the others of this turn if told to,
 * which it returns. Without memory for either there is no answer. */
static bool answer_first(struct wkv_discovery *discovery, natsMsg *message, const char *what,
                         json_t *document, bool keep)
{
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    size_t len = text == NULL ? 0 : strlen(text);
    if (text != NULL)
        reply_text(&discovery->loop, message, text, len);
    if (!keep || text == NULL || len > KEPT_BYTES || discovery->kept_count == WKV_KEPT_ANSWERS) {
        free(text);
        if (keep)
            forget_last(discovery, what);
        return false;
    }
    struct wkv_kept_answer *kept = &discovery->kept[discovery->kept_count++];
    (void)snprintf(kept->what, sizeof kept->what, "%s", what);
    kept->text = text;
    kept->len = len;
    return true;
}

static bool is_to_be_found(struct wkv_discovery *discovery)
{
    return atomic_load(&discovery->phase) >= WKV_PHASE_SERVING;
}

/* A service that is found is called, so one that does not listen yet is only found by others that start.
 * Another that serves on this address is news. */
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
    (void)loop;
    if (is_wanted(message) && answers_ping(context, message) && !answer_alike(context, message, "PING"))
        (void)answer_first(context, message, "PING", wkv_service_ping(context), true);
}

static void answer_info(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (is_to_be_found(discovery) && is_wanted(message) && !answer_alike(context, message, "INFO"))
        (void)answer_first(context, message, "INFO", wkv_service_info(context), true);
}

static void answer_stats(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    (void)loop;
    if (is_to_be_found(discovery) && is_wanted(message) && !answer_alike(context, message, "STATS"))
        (void)answer_first(context, message, "STATS", wkv_service_stats(context), true);
}

/* What is asked there has its '.' in front, so that it is none of the above. */
static void answer_inventory(struct wkv_loop *loop, void *context, natsMsg *message)
{
    struct wkv_discovery *discovery = context;
    struct wkv_inventory inventory = {.discovery = discovery,
                                      .subject = natsMsg_GetSubject(message),
                                      .max_bytes = wkv_loop_max_payload(loop)};
    const char *what = strrchr(inventory.subject, '.');
    bool keep = true;
    if (what == NULL || atomic_load(&discovery->phase) != WKV_PHASE_SERVING || !is_wanted(message) ||
        answer_alike(discovery, message, what))
        return;
    do
        keep = answer_first(discovery, message, what, wkv_inventory_next(&inventory), keep);
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

enum wkv_code wkv_discovery_init(struct wkv_discovery *discovery, const struct wkv_provider *provider,
                                 const struct wkv_loop_options *loop, const char *inbox_prefix,
                                 struct wkv_error *error)
{
    struct wkv_loop_options named = *loop;
    named.name = "discovery";
    memset(discovery, 0, sizeof *discovery);
    discovery->address = loop->address;
    discovery->provider = provider;
    discovery->id = provider->instance;
    wkv_time_text(wkv_stats_started_wall_ns(provider->stats), 9, discovery->started);
    if (wkv_loop_init(&discovery->loop, &named, error) != WKV_OK ||
        make_host(discovery->host, error) != WKV_OK || listen_to_service(discovery, error) != WKV_OK ||
        listen_to_inventory(discovery, error) != WKV_OK)
        return error->code;
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
    forget_answers(discovery);
}
