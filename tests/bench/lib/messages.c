#include "messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "wire.h"

#define SUBJECT_BYTES 256
#define HEADERS_BYTES 4096

static const char *operation_name(enum bench_operation operation)
{
    if (operation == BENCH_BIND)
        return "BindActor";
    return operation == BENCH_SET ? "Set" : "Get";
}

/* Any key, the same ones in every run. */
static uint64_t scattered(uint64_t number, uint64_t below)
{
    return (number * UINT64_C(0x9e3779b97f4a7c15) >> 32) * below >> 32;
}

/* CapabilityConfiguration{module} */
static size_t put_binding(const char *actor, char *at)
{
    size_t len = strlen(actor);
    char *text = bench_proto_text(at, 1, len);
    memcpy(text, actor, len);
    return (size_t)(text - at) + len;
}

/* Writes the payload of a fixed form. */
static void put_payload(const struct bench_messages_wanted *wanted, const char *actor, size_t number,
                        char *at, struct bench_request *request)
{
    request->payload = at;
    if (wanted->operation == BENCH_BIND) {
        request->payload_len = put_binding(actor, at);
        return;
    }
    request->key =
        wanted->operation == BENCH_SET ? wanted->first_key + number : scattered(number, wanted->keys);
    request->payload_len = bench_form_payload(wanted->operation, wanted->value_bytes, request->key, at);
}

/* Writes the headers for a request of which the payload is there, where it matters. Returns false after
 * saying what went wrong. */
static bool put_headers(const struct bench_messages_wanted *wanted, size_t actor,
                        const struct bench_request *request, char headers[HEADERS_BYTES])
{
    const char *caller = wanted->operation == BENCH_BIND ? "system" : wanted->mint->actors[actor].key;
    const char *claims = wanted->mint->actors[actor].claims;
    int len;
    if (wanted->headers == BENCH_HEADERS_CLAIMS) {
        len = snprintf(headers, HEADERS_BYTES, "Wascc-Claims: %s\r\n", claims);
    } else {
        char *invocation =
            bench_mint_invocation(wanted->mint, NULL, caller, wanted->binding,
                                  operation_name(wanted->operation), request->payload, request->payload_len);
        if (invocation == NULL)
            return false;
        len = snprintf(headers, HEADERS_BYTES, "Wascc-Claims: %s\r\nWascc-Invocation: %s\r\n", claims,
                       invocation);
        free(invocation);
    }
    if (len > 0 && len < HEADERS_BYTES)
        return true;
    bench_complain("claims that do not fit %d bytes of headers", HEADERS_BYTES);
    return false;
}

static int make_one(struct bench_form *form, const struct bench_messages_wanted *wanted, size_t number,
                    char *payload)
{
    char subject[SUBJECT_BYTES];
    char headers[HEADERS_BYTES];
    size_t actor = number % wanted->mint->count;
    const char *key = wanted->mint->actors[actor].key;
    struct bench_request request = {
        .operation = wanted->operation, .subject = subject, .value_bytes = wanted->value_bytes};
    snprintf(subject, sizeof subject, "%s.provider.wascc.keyvalue.%s.%s.%s", wanted->lattice, wanted->binding,
             wanted->operation == BENCH_BIND ? "system" : key, operation_name(wanted->operation));
    if (wanted->headers == BENCH_HEADERS_BOTH)
        put_payload(wanted, key, number, payload, &request);
    if (wanted->headers != BENCH_HEADERS_NONE) {
        if (!put_headers(wanted, actor, &request, headers))
            return -1;
        request.headers = headers;
    }
    if (bench_form_make(form, &request))
        return 0;
    bench_complain("out of memory");
    return -1;
}

int bench_messages_make(struct bench_messages *messages, const struct bench_messages_wanted *wanted)
{
    size_t count = wanted->headers == BENCH_HEADERS_BOTH ? wanted->count : wanted->mint->count;
    char *payload = malloc(wanted->value_bytes + BENCH_PAYLOAD_BYTES);
    int result = 0;
    bench_messages_free(messages);
    messages->forms = calloc(count, sizeof *messages->forms);
    if (payload == NULL || messages->forms == NULL) {
        bench_complain("out of memory");
        result = -1;
    }
    while (result == 0 && messages->count < count) {
        result = make_one(&messages->forms[messages->count], wanted, messages->count, payload);
        messages->count++;
    }
    free(payload);
    return result;
}

void bench_messages_free(struct bench_messages *messages)
{
    for (size_t i = 0; i < messages->count; i++)
        bench_form_free(&messages->forms[i]);
    free(messages->forms);
    *messages = (struct bench_messages){0};
}
