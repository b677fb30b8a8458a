#include "claims.h"
#include "lib/seed.h"

#include <check.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "support/clock.h"

struct people people;

const char *const system_operations[] = {"BindActor", "RemoveActor", "GetCapabilityDescriptor",
                                         "HealthRequest", NULL};

/* ---- people ---- */

struct person person_make(enum wkv_nkey_kind kind, unsigned char number)
{
    struct person person;
    unsigned char bytes[WKV_NKEY_BYTES];
    memset(bytes, number, sizeof bytes);
    ck_assert_int_eq(test_seed_of_bytes(kind, bytes, &person.seed), WKV_OK);
    struct wkv_nkey key = wkv_nkey_seed_public(person.seed);
    wkv_nkey_encode(&key, person.key);
    return person;
}

void person_free(struct person *person)
{
    wkv_nkey_seed_destroy(person->seed);
    person->seed = NULL;
}

void people_make(void)
{
    people = (struct people){.account = person_make(WKV_NKEY_ACCOUNT, 1),
                             .other_account = person_make(WKV_NKEY_ACCOUNT, 2),
                             .host = person_make(WKV_NKEY_HOST, 3),
                             .other_host = person_make(WKV_NKEY_HOST, 4)};
}

void people_free(void)
{
    person_free(&people.account);
    person_free(&people.other_account);
    person_free(&people.host);
    person_free(&people.other_host);
}

void actor_key(unsigned char number, char key[WKV_NKEY_PUBLIC_CHARS + 1])
{
    struct person actor = person_make(WKV_NKEY_MODULE, number);
    memcpy(key, actor.key, sizeof actor.key);
    person_free(&actor);
}

void file_rewrite(int fd, const char *text)
{
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

int file_make(const char *text, char path[PATH_BYTES])
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    file_rewrite(fd, text);
    (void)snprintf(path, PATH_BYTES, "/proc/%d/fd/%d", (int)getpid(), fd);
    return fd;
}

int seed_file(const struct person *person, char path[PATH_BYTES])
{
    char seed[WKV_NKEY_SEED_CHARS + 1], text[256];
    wkv_nkey_seed_encode(person->seed, seed);
    (void)snprintf(text, sizeof text, "{\"public\":\"%s\",\"seed\":\"%s\"}\n", person->key, seed);
    return file_make(text, path);
}

int64_t wall_s(void)
{
    return wkv_wall_ns() / WKV_NS_PER_S;
}

/* ---- tokens ---- */

char *claims_with(const struct person *account, const struct wkv_token_actor_options *options, int64_t age_s)
{
    char *token = NULL;
    struct wkv_error error = {0};
    enum wkv_code code = wkv_token_mint_actor(account->seed, options, wall_s() - age_s, &token, &error);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
    return token;
}

static const char *const capabilities[] = {"wascc:http_server", "wascc:keyvalue"};

char *claims_until(const struct person *account, const char *actor, int64_t expires_in_s)
{
    struct wkv_token_actor_options options = {.subject = actor,
                                              .capabilities = capabilities,
                                              .capability_count = 2,
                                              .name = "test",
                                              .expires_in_s = expires_in_s};
    return claims_with(account, &options, 0);
}

char *claims_for(const struct person *account, const char *actor)
{
    return claims_until(account, actor, 0);
}

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

char *claims_forge(const char *header, const char *payload, const struct person *signer)
{
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    size_t first = sodium_base64_encoded_len(strlen(header), VARIANT) - 1;
    size_t second = sodium_base64_encoded_len(strlen(payload), VARIANT) - 1;
    size_t third = sodium_base64_encoded_len(sizeof signature, VARIANT);
    char *token = malloc(first + second + third + 2);
    ck_assert_ptr_nonnull(token);
    sodium_bin2base64(token, first + 1, (const unsigned char *)header, strlen(header), VARIANT);
    token[first] = '.';
    sodium_bin2base64(token + first + 1, second + 1, (const unsigned char *)payload, strlen(payload),
                      VARIANT);
    wkv_nkey_seed_sign(signer->seed, token, first + second + 1, signature);
    token[first + second + 1] = '.';
    sodium_bin2base64(token + first + second + 2, third, signature, sizeof signature, VARIANT);
    return token;
}

char *invocation_for(const struct person *host, const char *actor, const char *binding, const char *operation,
                     const void *bytes, size_t len, const char *id, int64_t age_s)
{
    char origin[WKV_TOKEN_URL_BYTES], target[WKV_TOKEN_URL_BYTES];
    char *token = NULL;
    struct wkv_error error = {0};
    (void)snprintf(origin, sizeof origin, "wasmbus://%s", actor);
    (void)snprintf(target, sizeof target, "wasmbus://wascc/keyvalue/%s/%s", binding, operation);
    struct wkv_token_invocation_options options = {
        .origin_url = origin, .target_url = target, .message = bytes, .message_len = len, .id = id};
    enum wkv_code code = wkv_token_mint_invocation(host->seed, &options, wall_s() - age_s, &token, &error);
    ck_assert_msg(code == WKV_OK, "%s", error.text);
    return token;
}

/* ---- requests ---- */

/* Signs for the request that the client is about to make. Its base ends in `.<binding>.<actor>`. */
static char *sign(const struct client *client, const struct person *host, const char *operation,
                  const void *bytes, size_t len)
{
    char base[sizeof client->base];
    (void)snprintf(base, sizeof base, "%s", client->base);
    char *actor = strrchr(base, '.');
    *actor++ = '\0';
    return invocation_for(host, actor, strrchr(base, '.') + 1, operation, bytes, len, NULL, 0);
}

static natsMsg *make_message(const struct client *client, const char *reply, const char *claims,
                             const char *invocation, const char *operation, const void *bytes, size_t len)
{
    char subject[512];
    natsMsg *message = NULL;
    (void)snprintf(subject, sizeof subject, "%s.%s", client->base, operation);
    ck_assert_int_eq(natsMsg_Create(&message, subject, reply, bytes, (int)len), NATS_OK);
    if (claims != NULL)
        ck_assert_int_eq(natsMsgHeader_Set(message, "Wascc-Claims", claims), NATS_OK);
    if (invocation != NULL)
        ck_assert_int_eq(natsMsgHeader_Set(message, "Wascc-Invocation", invocation), NATS_OK);
    return message;
}

static void read_answer(struct answer *answer)
{
    const char *code = NULL, *text = NULL;
    answer->data = natsMsg_GetData(answer->message);
    answer->len = (size_t)natsMsg_GetDataLength(answer->message);
    if (natsMsgHeader_Get(answer->message, "Nats-Service-Error-Code", &code) == NATS_OK)
        answer->code = atoi(code);
    if (natsMsgHeader_Get(answer->message, "Nats-Service-Error", &text) == NATS_OK)
        (void)snprintf(answer->text, sizeof answer->text, "%s", text);
}

struct answer papers_send(struct client *client, struct papers papers, const char *operation,
                          const void *bytes, size_t len)
{
    struct answer answer = {.status = NATS_OK};
    char *invocation = papers.invocation == NULL && papers.host != NULL
                           ? sign(client, papers.host, operation, bytes, len)
                           : NULL;
    natsMsg *message =
        make_message(client, NULL, papers.claims, invocation == NULL ? papers.invocation : invocation,
                     operation, bytes, len);
    answer.status = natsConnection_RequestMsg(&answer.message, client->connection, message, WAIT_MS);
    natsMsg_Destroy(message);
    free(invocation);
    if (answer.status == NATS_OK)
        read_answer(&answer);
    return answer;
}

struct answer papers_ask(struct client *client, struct papers papers, enum encoding encoding,
                         const char *operation, const json_t *request)
{
    size_t len;
    void *bytes = message_pack(encoding, operation, request, &len);
    struct answer answer = papers_send(client, papers, operation, bytes, len);
    free(bytes);
    return answer;
}

static struct answer ask_packed(struct client *client, struct papers papers, enum encoding encoding,
                                const char *operation, const char *format, va_list values)
{
    json_error_t error;
    json_t *request = json_vpack_ex(&error, 0, format, values);
    ck_assert_msg(request != NULL, "%s: %s", format, error.text);
    struct answer answer = papers_ask(client, papers, encoding, operation, request);
    json_decref(request);
    return answer;
}

static void check_served(const struct answer *answer, const char *operation)
{
    ck_assert_msg(answer->status == NATS_OK, "%s: %s", operation, natsStatus_GetText(answer->status));
    ck_assert_msg(answer->code == 0, "%s: %d %s", operation, answer->code, answer->text);
}

json_t *papers_call(struct client *client, struct papers papers, enum encoding encoding,
                    const char *operation, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    struct answer answer = ask_packed(client, papers, encoding, operation, format, values);
    va_end(values);
    check_served(&answer, operation);
    json_t *reply = message_unpack(encoding, operation, answer.data, answer.len);
    answer_free(&answer);
    return reply;
}

void papers_refused(struct client *client, struct papers papers, enum encoding encoding,
                    const char *operation, int code, const char *names, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    struct answer answer = ask_packed(client, papers, encoding, operation, format, values);
    va_end(values);
    check_refusal(&answer, operation, code, names);
    answer_free(&answer);
}

struct answer papers_await_refusal(struct client *client, struct papers papers)
{
    long long deadline_ms = now_ms() + WAIT_MS;
    for (;;) {
        struct answer answer = papers_send(client, papers, "Get", "{\"key\":\"k\"}", 11);
        ck_assert_msg(answer.status == NATS_OK, "%s", natsStatus_GetText(answer.status));
        if (answer.code != 0)
            return answer;
        answer_free(&answer);
        ck_assert_msg(now_ms() < deadline_ms, "it is still served");
        nats_Sleep(20);
    }
}

bool papers_pipeline(struct pipeline *pipeline, const char *claims, const char *invocation,
                     const char *operation, const void *bytes, size_t len)
{
    char reply[128];
    ck_assert_uint_lt(pipeline->sent, pipeline->capacity);
    (void)snprintf(reply, sizeof reply, "%s.%zu", pipeline->inbox, pipeline->sent);
    natsMsg *message = make_message(pipeline->client, reply, claims, invocation, operation, bytes, len);
    natsStatus status = natsConnection_PublishMsg(pipeline->client->connection, message);
    natsMsg_Destroy(message);
    if (status != NATS_OK)
        return false;
    pipeline->sent++;
    return true;
}

static bool is_one_of(const char *name, const char *const names[])
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

json_t *sample_request(const char *operation)
{
    static const char *const counters[] = {"Add", "Increment", NULL};
    static const char *const lists[] = {"Push", "ListItemDelete", "Range", "Clear", "Pop", NULL};
    static const char *const sets[] = {"SetAdd",          "SetRemove",   "SetQuery", "SetUnion",
                                       "SetIntersection", "SetContains", NULL};
    const char *key = is_one_of(operation, lists)      ? "sample list"
                      : is_one_of(operation, sets)     ? "sample set"
                      : is_one_of(operation, counters) ? "sample counter"
                                                       : "sample scalar";
    json_t *request;
    if (strcmp(operation, "SetUnion") == 0 || strcmp(operation, "SetIntersection") == 0)
        request = json_pack("{s:[s]}", "keys", key);
    else if (strcmp(operation, "Add") == 0)
        request = json_pack("{s:s,s:i}", "key", key, "value", 1);
    else if (strcmp(operation, "Batch") == 0)
        request = json_pack("{s:[{s:{s:s}}]}", "requests", "get", "key", key);
    else if (strcmp(operation, "ListKeys") == 0)
        request = json_pack("{s:s}", "prefix", key);
    else if (strcmp(operation, "Range") == 0)
        request = json_pack("{s:s,s:i,s:i}", "key", key, "start", 0, "stop", -1);
    else if (strcmp(operation, "Set") == 0 || strcmp(operation, "Push") == 0 ||
             strcmp(operation, "ListItemDelete") == 0 || strcmp(operation, "SetAdd") == 0 ||
             strcmp(operation, "SetRemove") == 0)
        request = json_pack("{s:s,s:s}", "key", key, "value", "v");
    else
        request = json_pack("{s:s}", "key", key);
    ck_assert_ptr_nonnull(request);
    return request;
}

void ask_all(struct client *client, struct papers papers, enum encoding encoding, int code, const char *names)
{
    const char *asked_as = strrchr(client->base, '.');
    for (size_t i = 0; operations[i] != NULL; i++) {
        /* Of `system` a Batch is an operator's request, which needs no binding. */
        if (strcmp(operations[i], "Batch") == 0 && asked_as != NULL && strcmp(asked_as, ".system") == 0)
            continue;
        json_t *request = sample_request(operations[i]);
        struct answer answer = papers_ask(client, papers, encoding, operations[i], request);
        json_decref(request);
        if (code != 0) {
            check_refusal(&answer, operations[i], code, names);
        } else {
            check_served(&answer, operations[i]);
            json_decref(message_unpack(encoding, operations[i], answer.data, answer.len));
        }
        answer_free(&answer);
    }
}

/* ---- system ---- */

static void *configuration_json(const char *module, const char *const pairs[], size_t *len)
{
    json_t *values = json_object();
    for (; pairs != NULL && *pairs != NULL; pairs += 2)
        ck_assert_int_eq(json_object_set_new(values, pairs[0], json_string(pairs[1])), 0);
    json_t *request = json_pack("{s:s,s:o}", "module", module, "values", values);
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    ck_assert_ptr_nonnull(text);
    *len = strlen(text);
    return text;
}

static ProtobufCBinaryData text_data(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

#define MAX_PAIRS 8

static void *configuration_protobuf(const char *module, const char *const pairs[], size_t *len)
{
    Core__CapabilityConfiguration message = CORE__CAPABILITY_CONFIGURATION__INIT;
    Core__CapabilityConfiguration__ValuesEntry entries[MAX_PAIRS], *list[MAX_PAIRS];
    message.module = text_data(module);
    message.values = list;
    for (; pairs != NULL && *pairs != NULL; pairs += 2) {
        ck_assert_uint_lt(message.n_values, MAX_PAIRS);
        Core__CapabilityConfiguration__ValuesEntry *entry = &entries[message.n_values];
        core__capability_configuration__values_entry__init(entry);
        entry->key = text_data(pairs[0]);
        entry->value = text_data(pairs[1]);
        list[message.n_values++] = entry;
    }
    *len = protobuf_c_message_get_packed_size(&message.base);
    uint8_t *bytes = malloc(*len + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(protobuf_c_message_pack(&message.base, bytes), *len);
    return bytes;
}

void *configuration_pack(enum encoding encoding, const char *module, const char *const pairs[], size_t *len)
{
    return encoding == JSON ? configuration_json(module, pairs, len)
                            : configuration_protobuf(module, pairs, len);
}

bool answer_is_late(const struct answer *answer)
{
    return answer->code == 503 && strstr(answer->text, "has not confirmed in time") != NULL;
}

struct answer bind_send(struct client *system, struct papers papers, const char *operation, const void *bytes,
                        size_t len)
{
    struct answer answer = papers_send(system, papers, operation, bytes, len);
    for (long long until_ms = now_ms() + WAIT_MS; answer_is_late(&answer) && now_ms() < until_ms;) {
        answer_free(&answer);
        answer = papers_send(system, papers, operation, bytes, len);
    }
    return answer;
}

struct answer bind_ask(struct client *system, enum encoding encoding, const char *operation,
                       struct papers papers, const char *module, const char *keyspace)
{
    const char *const pairs[] = {keyspace == NULL ? NULL : "KEYSPACE", keyspace, NULL};
    size_t len;
    void *bytes = configuration_pack(encoding, module, pairs, &len);
    struct answer answer = bind_send(system, papers, operation, bytes, len);
    free(bytes);
    return answer;
}

void check_empty(struct answer *answer, enum encoding encoding)
{
    check_served(answer, "a system operation");
    ck_assert_msg(encoding == JSON ? answer->len == 2 && memcmp(answer->data, "{}", 2) == 0
                                   : answer->len == 0,
                  "the reply is not empty: %.*s", (int)answer->len, answer->data);
    answer_free(answer);
}

void bind_actor(struct client *system, enum encoding encoding, struct papers papers, const char *module,
                const char *keyspace)
{
    struct answer answer = bind_ask(system, encoding, "BindActor", papers, module, keyspace);
    check_empty(&answer, encoding);
}

void remove_actor(struct client *system, enum encoding encoding, struct papers papers, const char *module)
{
    struct answer answer = bind_ask(system, encoding, "RemoveActor", papers, module, NULL);
    check_empty(&answer, encoding);
}

void system_open(struct client *system, const char *url)
{
    client_open(system, url);
    client_call_on(system, DEFAULT_BASE, "system");
}
