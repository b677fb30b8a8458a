#include "lattice.h"
#include "lib/seed.h"

#include <check.h>
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../codec/msgpack_json.h"
#include "conformance/message.h"

/* Longer than a host waits, so that a slow machine fails nothing. */
#define ANSWER_MS WAIT_MS

void lattice_open(struct lattice *lattice, const char *url, const struct person *host, const char *prefix,
                  const char *binding)
{
    struct client client;
    client_open(&client, url);
    *lattice = (struct lattice){.connection = client.connection, .host = host, .binding = binding};
    (void)snprintf(lattice->own, sizeof lattice->own, "%s.provider.wascc.keyvalue.%s", prefix, binding);
}

void lattice_close(struct lattice *lattice)
{
    natsConnection_Destroy(lattice->connection);
    lattice->connection = NULL;
}

void lattice_subject(const struct lattice *lattice, const char *actor, char out[512])
{
    if (strcmp(actor, "system") == 0)
        (void)snprintf(out, 512, "%s", lattice->own);
    else
        (void)snprintf(out, 512, "%s.%s", lattice->own, actor);
}

void lattice_uuid(char out[LATTICE_ID_BYTES])
{
    unsigned char b[16];
    randombytes_buf(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(out, LATTICE_ID_BYTES,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
                   b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* ---- invocations ---- */

static const char * or (const char *given, const char *right)
{
    return given == NULL ? right : given;
}

/* Hosts write a binding into the URL in lower case, with '_' for a blank. */
static void url_spelling(const char *binding, char out[128])
{
    size_t i = 0;
    for (; binding[i] != '\0' && i < 127; i++)
        out[i] = binding[i] == ' ' ? '_' : (char)tolower((unsigned char)binding[i]);
    out[i] = '\0';
}

static void put_text(struct wkv_buffer *out, const char *text)
{
    mp_put_text(out, text, strlen(text));
}

static void put_variant(struct wkv_buffer *out, const struct invocation *invocation, bool capability)
{
    mp_put_map(out, 1);
    if (invocation->enums_by_name)
        put_text(out, capability ? "Capability" : "Actor");
    else
        mp_put_integer(out, capability ? 1 : 0);
}

static void put_capability(struct wkv_buffer *out, const struct lattice *lattice,
                           const struct invocation *invocation)
{
    put_variant(out, invocation, true);
    mp_put_map(out, 2);
    put_text(out, "capid");
    put_text(out, or (invocation->capid, "wascc:keyvalue"));
    put_text(out, "binding");
    put_text(out, or (invocation->binding, lattice->binding));
}

static void put_actor(struct wkv_buffer *out, const struct invocation *invocation, const char *actor)
{
    put_variant(out, invocation, false);
    put_text(out, actor);
}

static char *sign(const struct lattice *lattice, const struct invocation *invocation, const char *id)
{
    char binding[128];
    bool other = invocation->signed_msg != NULL;
    const char *name = or (invocation->signed_binding, lattice->binding);
    url_spelling(name, binding);
    return invocation_for(invocation->signer == NULL ? lattice->host : invocation->signer,
                          or (invocation->signed_actor, invocation->actor),
                          lattice->exact_urls ? name : binding,
                          or (invocation->signed_operation, invocation->operation),
                          other ? invocation->signed_msg : invocation->msg,
                          other ? invocation->signed_msg_len : invocation->msg_len,
                          or (invocation->signed_id, id), invocation->age_s);
}

static void put_name(struct wkv_buffer *out, const struct invocation *invocation, const char *name)
{
    if (!invocation->as_array)
        put_text(out, name);
}

void invocation_pack(const struct lattice *lattice, const struct invocation *invocation,
                     struct wkv_buffer *out, char id[LATTICE_ID_BYTES])
{
    lattice_uuid(id);
    if (invocation->id != NULL)
        (void)snprintf(id, LATTICE_ID_BYTES, "%s", invocation->id);
    const char *sent_id = or (invocation->id, id);
    char *claims = invocation->encoded_claims == NULL ? sign(lattice, invocation, sent_id) : NULL;
    *out = (struct wkv_buffer){0};
    (invocation->as_array ? mp_put_array : mp_put_map)(out, 7);
    put_name(out, invocation, "origin");
    if (invocation->origin_is_capability)
        put_capability(out, lattice, invocation);
    else
        put_actor(out, invocation, or (invocation->origin, invocation->actor));
    put_name(out, invocation, "target");
    if (invocation->target_is_actor)
        put_actor(out, invocation, invocation->actor);
    else
        put_capability(out, lattice, invocation);
    put_name(out, invocation, "operation");
    put_text(out, invocation->operation);
    put_name(out, invocation, "msg");
    if (invocation->msg_as_bin) {
        mp_put(out, 0xc6, invocation->msg_len, 4);
        mp_put_bytes(out, invocation->msg, invocation->msg_len);
    } else {
        mp_put_octets(out, invocation->msg, invocation->msg_len);
    }
    put_name(out, invocation, "id");
    put_text(out, sent_id);
    put_name(out, invocation, "encoded_claims");
    put_text(out, claims == NULL ? invocation->encoded_claims : claims);
    put_name(out, invocation, "host_id");
    put_text(out, or (invocation->host_id,
                      invocation->signer == NULL ? lattice->host->key : invocation->signer->key));
    free(claims);
}

/* ---- responses ---- */

void response_free(struct response *response)
{
    free(response->msg);
    free(response->error);
    free(response->id);
    *response = (struct response){.status = NATS_OK};
}

static char *copy_text(const struct mp_value *value)
{
    char *copy = strndup((const char *)value->bytes, value->len);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

/* `msg`: an array of integers from 0 to 255, in the shortest form. */
static bool read_msg(struct mp_reader *reader, struct response *response)
{
    struct mp_value head, byte;
    if (!mp_next(reader, &head) || head.kind != MP_ARRAY)
        return false;
    response->msg = malloc(head.len + 1);
    ck_assert_ptr_nonnull(response->msg);
    for (size_t i = 0; i < head.len; i++) {
        if (!mp_next(reader, &byte) || byte.kind != MP_INTEGER || byte.integer < 0 || byte.integer > 255)
            return false;
        response->msg[response->msg_len++] = (uint8_t)byte.integer;
    }
    return true;
}

static bool read_name(struct mp_reader *reader, const char *name)
{
    struct mp_value value;
    return mp_next(reader, &value) && value.kind == MP_TEXT && value.len == strlen(name) &&
           memcmp(value.bytes, name, value.len) == 0;
}

/* {msg, error, invocation_id}, in this order, and nothing behind it. */
static bool read_response(struct mp_reader *reader, struct response *response)
{
    struct mp_value head, text, id;
    if (!mp_next(reader, &head) || head.kind != MP_MAP || head.len != 3 || !read_name(reader, "msg") ||
        !read_msg(reader, response) || !read_name(reader, "error") || !mp_next(reader, &text) ||
        (text.kind != MP_NIL && text.kind != MP_TEXT) || !read_name(reader, "invocation_id") ||
        !mp_next(reader, &id) || id.kind != MP_TEXT || reader->at != reader->end)
        return false;
    response->error = text.kind == MP_TEXT ? copy_text(&text) : NULL;
    response->id = copy_text(&id);
    return true;
}

struct response response_read(natsMsg *message, const char *what)
{
    const char **keys = NULL;
    int count = 0;
    struct response response = {.status = NATS_OK};
    /* Hosts lose their connection over a header that they cannot read. */
    natsStatus headers = natsMsgHeader_Keys(message, &keys, &count);
    free((void *)keys);
    ck_assert_msg(headers == NATS_NOT_FOUND, "%s: a response with %d headers", what, count);
    const uint8_t *bytes = (const uint8_t *)natsMsg_GetData(message);
    struct mp_reader reader = {bytes, bytes + natsMsg_GetDataLength(message)};
    response.bytes = (size_t)natsMsg_GetDataLength(message);
    bool whole = read_response(&reader, &response);
    ck_assert_msg(whole, "%s: %d bytes that are no InvocationResponse", what, natsMsg_GetDataLength(message));
    ck_assert_msg(response.error == NULL || response.msg_len == 0, "%s: an error with a msg", what);
    ck_assert_msg(response.error == NULL || strlen(response.error) > 10, "%s: an error without a text: %s",
                  what, response.error);
    natsMsg_Destroy(message);
    return response;
}

struct response lattice_send(const struct lattice *lattice, const char *subject, const void *bytes,
                             size_t len, const char *what)
{
    natsMsg *message = NULL;
    natsStatus status =
        natsConnection_Request(&message, lattice->connection, subject, bytes, (int)len, ANSWER_MS);
    ck_assert_msg(status == NATS_OK || status == NATS_NO_RESPONDERS, "%s: no answer: %s", what,
                  natsStatus_GetText(status));
    return status == NATS_OK ? response_read(message, what) : (struct response){.status = status};
}

struct response lattice_invoke(const struct lattice *lattice, const struct invocation *invocation)
{
    char subject[512], id[LATTICE_ID_BYTES];
    struct wkv_buffer bytes;
    invocation_pack(lattice, invocation, &bytes, id);
    lattice_subject(lattice, invocation->actor, subject);
    struct response response = lattice_send(lattice, subject, bytes.data, bytes.len, invocation->operation);
    wkv_buffer_destroy(&bytes);
    ck_assert_msg(response.status != NATS_OK || strcmp(response.id, id) == 0,
                  "%s: the answer to %s is for %s", invocation->operation, id, response.id);
    return response;
}

void lattice_pack(const char *request, struct wkv_buffer *out)
{
    *out = (struct wkv_buffer){0};
    if (request == NULL)
        return;
    json_t *value = json_of(request, strlen(request));
    mp_put_json(out, value);
    json_decref(value);
}

static struct response ask(const struct lattice *lattice, const char *actor, const char *operation,
                           const char *request)
{
    struct wkv_buffer msg;
    lattice_pack(request, &msg);
    struct invocation invocation = {
        .actor = actor, .operation = operation, .msg = msg.data, .msg_len = msg.len};
    struct response response = lattice_invoke(lattice, &invocation);
    wkv_buffer_destroy(&msg);
    return response;
}

json_t *lattice_call(const struct lattice *lattice, const char *actor, const char *operation,
                     const char *request)
{
    struct response response = ask(lattice, actor, operation, request);
    ck_assert_msg(response.status == NATS_OK, "%s: %s", operation, natsStatus_GetText(response.status));
    ck_assert_msg(response.error == NULL, "%s: %s", operation, response.error);
    json_t *reply = mp_whole_json(response.msg, response.msg_len);
    ck_assert_msg(reply != NULL || response.msg_len == 0, "%s: a msg that no host reads", operation);
    response_free(&response);
    return reply;
}

void lattice_expect(const struct lattice *lattice, const char *actor, const char *operation,
                    const char *request, const char *reply)
{
    json_t *got = lattice_call(lattice, actor, operation, request), *wanted = json_of(reply, strlen(reply));
    if (got != NULL)
        sort_values(got);
    char *said = got == NULL ? strdup("nothing") : json_dumps(got, JSON_COMPACT);
    ck_assert_msg(json_equal(got, wanted), "%s %s: %s instead of %s", operation, request, said, reply);
    free(said);
    json_decref(got);
    json_decref(wanted);
}

static void check_refused(struct response *response, const char *operation, const char *names)
{
    ck_assert_msg(response->status == NATS_OK, "%s: %s", operation, natsStatus_GetText(response->status));
    ck_assert_msg(response->error != NULL, "%s is served, and should be refused: %s", operation, names);
    ck_assert_msg(strstr(response->error, names) != NULL, "%s: the error does not say \"%s\": %s", operation,
                  names, response->error);
    response_free(response);
}

void lattice_refused(const struct lattice *lattice, const struct invocation *invocation, const char *names)
{
    struct response response = lattice_invoke(lattice, invocation);
    check_refused(&response, invocation->operation, names);
}

void lattice_call_refused(const struct lattice *lattice, const char *actor, const char *operation,
                          const char *request, const char *names)
{
    struct response response = ask(lattice, actor, operation, request);
    check_refused(&response, operation, names);
}

void lattice_no_responders(const struct lattice *lattice, const char *actor)
{
    struct response response = ask(lattice, actor, "Get", "{\"key\":\"k\"}");
    ck_assert_msg(response.status == NATS_NO_RESPONDERS, "somebody answers on the actor's subject: %s",
                  response.status == NATS_OK && response.error != NULL ? response.error : "served");
}

/* ---- system ---- */

void lattice_pack_configuration(const char *actor, const struct word *word, struct wkv_buffer *out)
{
    const char *const pairs[][2] = {
        {"__wascc_issuer", or (word->issuer, people.account.key)},
        {"__wascc_capabilities", or (word->capabilities, "wascc:http_server,wascc:keyvalue")},
        {"__wascc_name", "Anonymous"},
        {"__wascc_expires", or (word->expires, "0")},
        {"__wascc_tags", ""},
    };
    *out = (struct wkv_buffer){0};
    mp_put_map(out, 2);
    put_text(out, "module");
    put_text(out, actor);
    put_text(out, "values");
    mp_put_map(out, (size_t)(word->silent ? 0 : 5) + (word->keyspace != NULL ? 1 : 0));
    for (size_t i = 0; i < 5 && !word->silent; i++) {
        put_text(out, pairs[i][0]);
        put_text(out, pairs[i][1]);
    }
    if (word->keyspace != NULL) {
        put_text(out, "KEYSPACE");
        put_text(out, word->keyspace);
    }
}

/* A slow machine's server does not confirm a subscription in the time that a host has: it asks again. */
static bool is_late(const struct response *response)
{
    return response->error != NULL && strstr(response->error, "has not confirmed in time") != NULL;
}

static struct response configure(const struct lattice *lattice, const char *operation, const char *actor,
                                 const struct word *word)
{
    struct wkv_buffer msg;
    lattice_pack_configuration(actor, word, &msg);
    struct invocation invocation = {
        .actor = "system", .operation = operation, .msg = msg.data, .msg_len = msg.len};
    struct response response = lattice_invoke(lattice, &invocation);
    for (long long until_ms = now_ms() + WAIT_MS; is_late(&response) && now_ms() < until_ms;) {
        response_free(&response);
        response = lattice_invoke(lattice, &invocation);
    }
    wkv_buffer_destroy(&msg);
    return response;
}

static void check_done(struct response *response, const char *operation)
{
    ck_assert_msg(response->status == NATS_OK, "%s: %s", operation, natsStatus_GetText(response->status));
    ck_assert_msg(response->error == NULL, "%s: %s", operation, response->error);
    ck_assert_uint_eq(response->msg_len, 0);
    response_free(response);
}

static const struct word right;

void lattice_bind(const struct lattice *lattice, const char *actor, const struct word *word)
{
    struct response response = configure(lattice, "BindActor", actor, word == NULL ? &right : word);
    check_done(&response, "BindActor");
}

void lattice_bind_refused(const struct lattice *lattice, const char *actor, const struct word *word,
                          const char *names)
{
    struct response response = configure(lattice, "BindActor", actor, word);
    check_refused(&response, "BindActor", names);
}

void lattice_remove(const struct lattice *lattice, const char *actor)
{
    static const struct word nothing = {.silent = true};
    struct response response = configure(lattice, "RemoveActor", actor, &nothing);
    check_done(&response, "RemoveActor");
}

void lattice_actor(unsigned number, char key[WKV_NKEY_PUBLIC_CHARS + 1])
{
    struct wkv_nkey_seed *seed;
    unsigned char bytes[WKV_NKEY_BYTES] = {0xac};
    memcpy(bytes + 1, &number, sizeof number);
    ck_assert_int_eq(test_seed_of_bytes(WKV_NKEY_MODULE, bytes, &seed), WKV_OK);
    struct wkv_nkey public_key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&public_key, key);
    wkv_nkey_seed_destroy(seed);
}
