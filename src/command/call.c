/* wascc-keyvalue call: one request from a terminal. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/policy.h"
#include "codec/codec.h"
#include "command/command.h"
#include "command/describe.h"
#include "command/exchange.h"
#include "command/follow.h"
#include "command/sign.h"
#include "nats/connect.h"
#include "nats/inbox.h"
#include "nats/subject.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "security/nkey.h"
#include "security/token.h"
#include "support/clock.h"
#include "support/nearest.h"
#include "support/shown.h"

/* More than any server takes. */
#define MAX_REQUEST_BYTES ((size_t)64 * 1024 * 1024)

static void print_operations(FILE *out)
{
    (void)fprintf(out, "\nOperations, with the request and the reply of each:\n");
    wkv_describe_operations(out);
}

/* Prints the error of the reply, or of the way there, and returns the exit status. */
static int failed(const char *what, const char *text)
{
    char shown_what[64], shown_text[4096];
    (void)wkv_shown(WKV_SHOWN_TEXT, what, strlen(what), shown_what, sizeof shown_what);
    (void)wkv_shown(WKV_SHOWN_TEXT, text, strlen(text), shown_text, sizeof shown_text);
    (void)fprintf(stderr, "wascc-keyvalue: %s%s%s\n", shown_what, *what == '\0' ? "" : ": ", shown_text);
    return WKV_EXIT_FAILED;
}

/* Puts the reply's cursor into the request. *more: there is one; else that was the end. */
static int follow_cursor(natsMsg *reply, struct wkv_buffer *payload, bool *more)
{
    size_t len = (size_t)natsMsg_GetDataLength(reply);
    json_t *page = json_loadb(natsMsg_GetData(reply), len, JSON_ALLOW_NUL, NULL);
    json_t *asked = json_loadb(payload->data, payload->len, JSON_ALLOW_NUL, NULL);
    json_t *cursor = json_object_get(page, "cursor");
    char *text = NULL;
    *more = json_string_length(cursor) > 0;
    if (*more && json_object_set(asked, "cursor", cursor) == 0)
        text = json_dumps(asked, JSON_COMPACT);
    json_decref(asked);
    json_decref(page);
    wkv_buffer_reset(payload, SIZE_MAX);
    bool made = text != NULL && wkv_buffer_append(payload, text, strlen(text));
    free(text);
    return made || !*more ? WKV_EXIT_OK : failed("", "no memory for the next request");
}

/* An error's body says that it is one, for where headers are lost on the way (contract section 5). */
static int print_body(const char *body, size_t len)
{
    json_t *document = json_loadb(body, len, JSON_ALLOW_NUL, NULL);
    json_t *error = json_object_get(document, "error");
    int status = WKV_EXIT_OK;
    if (error != NULL) {
        char code[32];
        const char *text = json_string_value(json_object_get(error, "description"));
        (void)snprintf(code, sizeof code, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(json_object_get(error, "code")));
        status = failed(code, text == NULL ? "" : text);
    } else if (len == 0 || *body != '{') {
        char text[1024];
        (void)snprintf(text, sizeof text, "%.*s", (int)len, len == 0 ? "" : body);
        status = failed("the reply is not a JSON object, so no provider sent it", text);
    } else {
        wkv_print_json(body, len);
    }
    json_decref(document);
    return status;
}

/* One request as it goes out. */
struct outgoing {
    char subject[WKV_SUBJECT_BYTES];
    char actor[WKV_SUBJECT_BYTES];
    struct wkv_buffer payload;
    struct wkv_buffer file; /* of --claims */
    const char *claims;     /* in it, without the white space; NULL: not given */
    char subject_of_claims[WKV_NKEY_PUBLIC_CHARS + 1];
    char *invocation;       /* NULL: not asked for */
    const char *message_id; /* NULL: none */
};

/* An error of the provider's, whose words are for every client: what this one has not been given is said
 * beside. */
static int refused(const struct outgoing *outgoing, const char *code, const char *text)
{
    char more[WKV_ERROR_TEXT_BYTES + 128];
    bool system = strcmp(outgoing->actor, WKV_POLICY_SYSTEM) == 0;
    const char *claims = system || outgoing->claims != NULL ? "" : "--claims FILE";
    const char *seed = outgoing->invocation != NULL ? "" : "--host-seed FILE";
    if (strcmp(code, "401") != 0 || (*claims == '\0' && *seed == '\0'))
        return failed(code, text);
    (void)snprintf(more, sizeof more, "%s (call takes %s%s%s%s%s)", text,
                   *claims == '\0' ? "" : "claims with ", claims,
                   *claims == '\0' || *seed == '\0' ? "" : ", and ",
                   *seed == '\0' ? "" : "a host's signature with ", seed);
    return failed(code, more);
}

static int print_reply(const struct outgoing *outgoing, natsMsg *reply)
{
    const char *code = NULL;
    const char *text = "";
    if (natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) == NATS_OK) {
        (void)natsMsgHeader_Get(reply, "Nats-Service-Error", &text);
        return refused(outgoing, code, text);
    }
    int status = print_body(natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply));
    return fflush(stdout) == 0 ? status : failed("cannot print the reply", strerror(errno));
}

static void destroy_outgoing(struct outgoing *outgoing)
{
    wkv_buffer_destroy(&outgoing->payload);
    wkv_buffer_destroy(&outgoing->file);
    free(outgoing->invocation);
}

static natsStatus make_message(const struct outgoing *outgoing, const char *inbox_prefix, natsMsg **message)
{
    char inbox[WKV_SUBJECT_BYTES];
    natsStatus status = wkv_make_inbox(inbox_prefix, inbox);
    if (status == NATS_OK)
        status = natsMsg_Create(message, outgoing->subject, inbox, outgoing->payload.data,
                                (int)outgoing->payload.len);
    if (status == NATS_OK && outgoing->claims != NULL)
        status = natsMsgHeader_Set(*message, "Wascc-Claims", outgoing->claims);
    if (status == NATS_OK && outgoing->invocation != NULL)
        status = natsMsgHeader_Set(*message, "Wascc-Invocation", outgoing->invocation);
    if (status == NATS_OK && outgoing->message_id != NULL)
        status = natsMsgHeader_Set(*message, "Nats-Msg-Id", outgoing->message_id);
    return status;
}

/* A server whose permissions refuse a request or its inbox says so on the side, and the request only times
 * out. */
static const char *why_no_reply(natsConnection *connection, natsStatus status)
{
    const char *text = "";
    return natsConnection_GetLastError(connection, &text) == NATS_NOT_PERMITTED ? text
                                                                                : natsStatus_GetText(status);
}

/* A caller that takes the acknowledgement of a stream for the reply takes a failure for a success. */
static void warn_of_stream(const char *stream)
{
    struct wkv_error warning;
    (void)wkv_fail(
        &warning, WKV_BAD_REQUEST,
        "warning: the JetStream stream \"%s\" captures this subject and acknowledges requests as if "
        "that were the reply: give it other subjects, or set no_ack",
        stream);
    (void)wkv_failure(&warning);
}

static int no_reply(natsConnection *connection, natsStatus status, const char *stream)
{
    if (status == NATS_NO_RESPONDERS)
        return failed("no responders",
                      "no instance serves this binding, or there is no such operation (see call --help)");
    if (status == NATS_TIMEOUT && *stream != '\0')
        return failed("no reply",
                      "only the stream received the request: no instance serves this binding, or there "
                      "is no such operation (see call --help)");
    return failed("no reply", why_no_reply(connection, status));
}

/* *more: the reply has a cursor, with which the next request goes on. */
static int request(natsConnection *connection, const struct wkv_config *config, struct outgoing *outgoing,
                   bool *more)
{
    natsMsg *message = NULL, *reply = NULL;
    char stream[WKV_STREAM_NAME_BYTES] = "";
    *more = false;
    if ((int64_t)outgoing->payload.len > natsConnection_GetMaxPayload(connection))
        return failed("", "the request is larger than the server's max_payload");
    natsStatus status = make_message(outgoing, config->connect.inbox_prefix, &message);
    if (status == NATS_OK)
        status = wkv_exchange(connection, message, (int64_t)config->timeout_ms, &reply, stream);
    natsMsg_Destroy(message);
    if (*stream != '\0')
        warn_of_stream(stream);
    int exit_status = status == NATS_OK ? print_reply(outgoing, reply) : no_reply(connection, status, stream);
    if (exit_status == WKV_EXIT_OK && config->call.all)
        exit_status = follow_cursor(reply, &outgoing->payload, more);
    natsMsg_Destroy(reply);
    return exit_status;
}

/* What has become of a watch, as its events have told. */
struct shown {
    const struct outgoing *outgoing;
    int status; /* the exit status */
};

static bool is_event(natsMsg *message, const char *name)
{
    json_t *document =
        json_loadb(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), JSON_ALLOW_NUL, NULL);
    const char *event = json_string_value(json_object_get(document, "event"));
    bool is = event != NULL && strcmp(event, name) == 0;
    json_decref(document);
    return is;
}

/* Prints one event. `end` is the last, and so are `missed` and an error, which are failures. */
static bool show_event(void *context, natsMsg *event)
{
    struct shown *shown = context;
    shown->status = print_reply(shown->outgoing, event);
    if (shown->status == WKV_EXIT_OK && is_event(event, "missed"))
        shown->status = failed("missed", "this watch did not keep up and is over; ask again");
    return shown->status == WKV_EXIT_OK && !is_event(event, "end");
}

/* Prints each event until the watch is over, or the user ends the process. */
static int follow(natsConnection *connection, const struct wkv_config *config, struct outgoing *outgoing)
{
    struct shown shown = {.outgoing = outgoing, .status = WKV_EXIT_OK};
    natsMsg *message = NULL;
    natsStatus status = make_message(outgoing, config->connect.inbox_prefix, &message);
    if (status == NATS_OK)
        status = wkv_follow(connection, message, (int64_t)config->timeout_ms, show_event, &shown);
    natsMsg_Destroy(message);
    return status == NATS_OK ? shown.status : no_reply(connection, status, "");
}

/* White space and a byte order mark in front, as editors leave them, are not sent. */
static bool begin_with_object(struct wkv_buffer *payload)
{
    size_t start = wkv_json_start(payload->data, payload->len);
    if (start == payload->len)
        return false;
    payload->len -= start;
    memmove(payload->data, payload->data + start, payload->len);
    return true;
}

static enum wkv_code read_payload(const char *argument, struct wkv_buffer *payload, struct wkv_error *error)
{
    if (wkv_read_argument("JSON", argument, MAX_REQUEST_BYTES, payload, error) != WKV_OK)
        return error->code;
    if (!begin_with_object(payload))
        return wkv_fail(error, WKV_BAD_REQUEST, "the request is a JSON object, such as {\"key\":\"a\"}");
    return WKV_OK;
}

/* What is no actor's token is said here; whether it holds is the server's to say. */
static enum wkv_code read_token(struct outgoing *outgoing, struct wkv_error *error)
{
    struct wkv_token token;
    struct wkv_error cause;
    if (wkv_token_read(outgoing->claims, strlen(outgoing->claims), WKV_TOKEN_ACTOR, &token, &cause) != WKV_OK)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--claims: %s: give a file with an actor's claims, as the command token prints",
                        cause.text);
    (void)snprintf(outgoing->subject_of_claims, sizeof outgoing->subject_of_claims, "%s", token.subject);
    wkv_token_destroy(&token);
    return WKV_OK;
}

static enum wkv_code read_claims(const struct wkv_config *config, struct outgoing *outgoing,
                                 struct wkv_error *error)
{
    struct wkv_buffer *file = &outgoing->file;
    if (config->call.claims == NULL)
        return WKV_OK;
    if (wkv_read_file("--claims", config->call.claims, WKV_FILE_ANY, 2 * (size_t)WKV_TOKEN_MAX_BYTES, file,
                      error) != WKV_OK)
        return error->code;
    struct wkv_text claims = wkv_text_trim_file((struct wkv_text){file->data, file->len});
    size_t end = claims.len == 0 ? 0 : (size_t)(claims.data - file->data) + claims.len;
    if (claims.len == 0)
        return wkv_fail(error, WKV_BAD_REQUEST, "--claims: that file is empty: give one with a token in it");
    file->len = end;
    if (!wkv_buffer_append(file, "", 1))
        return wkv_fail(error, WKV_NO_MEMORY, "no memory for the claims");
    outgoing->claims = file->data + end - claims.len;
    return read_token(outgoing, error);
}

static enum wkv_code check_actor(const char *actor, struct wkv_error *error)
{
    struct wkv_nkey key;
    struct wkv_error cause;
    char given[WKV_SHOWN_GIVEN_BYTES];
    if (strcmp(actor, WKV_POLICY_SYSTEM) == 0 ||
        wkv_nkey_decode_kind(actor, strlen(actor), WKV_NKEY_MODULE, &key, &cause) == WKV_OK)
        return WKV_OK;
    return wkv_fail(error, cause.code, "--actor takes an actor's public key, M..., or system%s: %s",
                    wkv_shown_given(actor, given), cause.text);
}

/* The actor to speak as: --actor, else `system` where nobody else may ask that, else the subject of the
 * claims, else the example. */
static enum wkv_code choose_actor(const struct wkv_config *config, const struct wkv_operation *operation,
                                  struct outgoing *outgoing, struct wkv_error *error)
{
    const char *actor = config->call.actor != NULL           ? config->call.actor
                        : wkv_operation_is_system(operation) ? WKV_POLICY_SYSTEM
                        : outgoing->claims != NULL           ? outgoing->subject_of_claims
                                                             : WKV_EXAMPLE_ACTOR;
    (void)snprintf(outgoing->actor, sizeof outgoing->actor, "%s", actor);
    return check_actor(actor, error);
}

/* Signs invocation claims for exactly this request with the host's seed. */
static enum wkv_code sign_invocation(const struct wkv_config *config, const char *operation,
                                     struct outgoing *outgoing, struct wkv_error *error)
{
    struct wkv_invocation invocation = {.actor = outgoing->actor,
                                        .binding = config->address.binding,
                                        .operation = operation,
                                        .payload = outgoing->payload.data,
                                        .len = outgoing->payload.len};
    struct wkv_nkey_seed *seed;
    struct wkv_error cause;
    if (config->call.host_seed == NULL)
        return WKV_OK;
    if (wkv_nkey_seed_load(config->call.host_seed, WKV_FILE_ANY, &seed, &cause) != WKV_OK)
        return wkv_fail(error, cause.code, "--host-seed: %s", cause.text);
    enum wkv_code code = wkv_sign_invocation(seed, &invocation, &outgoing->invocation, error);
    wkv_nkey_seed_destroy(seed);
    return code;
}

/* An operation that does not exist has no subject on which anybody listens. */
static enum wkv_code check_operation(const char *operation, struct wkv_error *error)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    if (wkv_operation_find(operation) != NULL)
        return WKV_OK;
    for (size_t i = 0; i < wkv_operation_count; i++) {
        size_t distance = wkv_edit_distance(operation, wkv_operations[i].name);
        if (distance < least) {
            least = distance;
            nearest = wkv_operations[i].name;
        }
    }
    return wkv_fail(error, WKV_BAD_REQUEST, "there is no operation %s; do you mean %s? See call --help",
                    operation, nearest);
}

/* A header is a line. */
static enum wkv_code read_message_id(const struct wkv_config *config, struct outgoing *outgoing,
                                     struct wkv_error *error)
{
    const char *id = config->call.message_id;
    outgoing->message_id = id;
    if (id == NULL)
        return WKV_OK;
    for (const char *c = id; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            return wkv_fail(error, WKV_BAD_REQUEST,
                            "--message-id has a control character: take letters and digits");
    return *id != '\0'
               ? WKV_OK
               : wkv_fail(error, WKV_BAD_REQUEST, "--message-id is empty: give an id, or leave it out");
}

static enum wkv_code prepare(const struct wkv_config *config, const char *operation, const char *argument,
                             struct outgoing *outgoing, struct wkv_error *error)
{
    if (check_operation(operation, error) != WKV_OK || read_claims(config, outgoing, error) != WKV_OK ||
        read_message_id(config, outgoing, error) != WKV_OK)
        return error->code;
    if (choose_actor(config, wkv_operation_find(operation), outgoing, error) != WKV_OK ||
        wkv_subject_operation(&config->address, outgoing->actor, operation, outgoing->subject, error) !=
            WKV_OK ||
        read_payload(argument, &outgoing->payload, error) != WKV_OK ||
        sign_invocation(config, operation, outgoing, error) != WKV_OK)
        return error->code;
    return WKV_OK;
}

/* Each page is a request of its own, and signed as that. */
static int request_pages(natsConnection *connection, const struct wkv_config *config, const char *operation,
                         struct outgoing *outgoing)
{
    struct wkv_error error;
    bool more;
    int status = request(connection, config, outgoing, &more);
    while (status == WKV_EXIT_OK && more) {
        free(outgoing->invocation);
        outgoing->invocation = NULL;
        if (sign_invocation(config, operation, outgoing, &error) != WKV_OK)
            return wkv_failure(&error);
        status = request(connection, config, outgoing, &more);
    }
    return status;
}

static int call(const struct wkv_config *config, char **arguments)
{
    const char *operation = arguments[0];
    struct outgoing outgoing = {.invocation = NULL};
    struct wkv_error error;
    natsConnection *connection;
    int status;
    if (prepare(config, operation, arguments[1], &outgoing, &error) != WKV_OK ||
        wkv_connect(&config->connect, "wascc-keyvalue call", &connection, &error) != WKV_OK) {
        (void)wkv_config_blame(config, &error);
        status = wkv_failed(&error);
    } else {
        status = wkv_operation_find(operation)->streams
                     ? follow(connection, config, &outgoing)
                     : request_pages(connection, config, operation, &outgoing);
        natsConnection_Destroy(connection);
    }
    destroy_outgoing(&outgoing);
    (void)nats_CloseAndWait(1000);
    return status;
}

const struct wkv_subcommand wkv_command_call = {
    .name = "call",
    .doc = "send one request from a terminal",
    .usage = "OPERATION JSON [OPTION]...",
    .about = "Sends one request and prints the reply as JSON. JSON may be - for standard\n"
             "input. An example: wascc-keyvalue call Set '{\"key\":\"a\",\"value\":\"1\"}'\n",
    .takes = "an OPERATION and its JSON",
    .arguments = 2,
    .bit = WKV_COMMAND_CALL,
    .print_more = print_operations,
    .run = call,
};
