/* Requests from end to end, without NATS: any operation of the table, by anybody, in any mode of --auth and
 * on both fronts, with any payload, one after the other on one provider. Each is answered within its bounds,
 * or refused with a code and a line of text; what is refused adds no key; a reply can be read; and nobody is
 * served who may not be. */
#include "front/provider.h"
#include "fuzz.h"
#include "lib/dispatch.h"
#include "lib/seed.h"
#include "security/token.h"

#define NOW_S INT64_C(1700000000)
#define MOST_REQUESTS 64
#define MOST_PAYLOAD 4096
#define BUDGET_BYTES (512u * 1024u)

/* What lasts from input to input. */
static struct world {
    struct wkv_nkey_seed *account, *host;
    char account_key[WKV_NKEY_PUBLIC_CHARS + 1], host_key[WKV_NKEY_PUBLIC_CHARS + 1];
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
    char *claims; /* the actor's */
} world;

static struct wkv_nkey_seed *person(enum wkv_nkey_kind kind, int number, char key[WKV_NKEY_PUBLIC_CHARS + 1])
{
    unsigned char bytes[WKV_NKEY_BYTES];
    struct wkv_nkey_seed *seed;
    memset(bytes, number, sizeof bytes);
    must(test_seed_of_bytes(kind, bytes, &seed) == WKV_OK);
    struct wkv_nkey public_key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&public_key, key);
    return seed;
}

static void make_world(void)
{
    static const char *const capabilities[] = {WKV_TOKEN_CAPABILITY};
    if (world.claims != NULL)
        return;
    world.account = person(WKV_NKEY_ACCOUNT, 1, world.account_key);
    world.host = person(WKV_NKEY_HOST, 2, world.host_key);
    wkv_nkey_seed_destroy(person(WKV_NKEY_MODULE, 3, world.actor));
    struct wkv_token_actor_options options = {
        .subject = world.actor, .capabilities = capabilities, .capability_count = 1};
    must(wkv_token_mint_actor(world.account, &options, NOW_S, &world.claims, NULL) == WKV_OK);
}

/* What lasts for one input. */
struct scene {
    struct wkv_provider provider;
    struct wkv_session session;
    struct wkv_log log;
    int64_t now_ns;
};

static void make_trust(struct wkv_provider *provider)
{
    struct wkv_trust *trust;
    struct wkv_replay_options options = {.max_entries = 256, .shards = 1};
    if (provider->auth == WKV_AUTH_NONE)
        return;
    must(wkv_trust_create(&trust, NULL) == WKV_OK);
    must(wkv_trust_add(trust, WKV_TRUST_ISSUERS, world.account_key, WKV_NKEY_PUBLIC_CHARS, NULL) == WKV_OK);
    must(wkv_trust_add(trust, WKV_TRUST_HOSTS, world.host_key, WKV_NKEY_PUBLIC_CHARS, NULL) == WKV_OK);
    must(wkv_trust_source_create(trust, &provider->trust, NULL) == WKV_OK);
    must(wkv_replay_create(&options, &provider->replay, NULL) == WKV_OK);
}

static void open_scene(struct scene *scene, unsigned choice)
{
    static const unsigned char hash_seed[WKV_STORE_HASH_SEED_BYTES] = {7};
    struct wkv_store_options options = {
        .shards = 2, .hash_seed = hash_seed, .max_memory_bytes = (choice & 4) != 0 ? BUDGET_BYTES : 0};
    memset(scene, 0, sizeof *scene);
    wkv_log_init(&scene->log, -1, WKV_LOG_DEBUG, (choice & 8) != 0 ? WKV_LOG_JSON : WKV_LOG_TEXT);
    scene->now_ns = 1;
    struct wkv_provider *provider = &scene->provider;
    *provider = (struct wkv_provider){.store = wkv_store_create(&options, 0),
                                      .bindings = wkv_bindings_create("default"),
                                      .log = &scene->log,
                                      .binding = "default",
                                      .instance = "INSTANCE",
                                      .split = (choice & 16) != 0,
                                      .auth = (enum wkv_auth)(choice & 3),
                                      .require_binding = (choice & 32) != 0,
                                      .max_key_bytes = 300,
                                      .max_value_bytes = 2000};
    must(provider->store != NULL && provider->bindings != NULL);
    struct wkv_stats_options stats = {.workers = 1, .operations = wkv_operation_count};
    provider->stats = wkv_stats_create(&stats);
    must(provider->stats != NULL);
    make_trust(provider);
    must(wkv_session_init(&scene->session, provider));
}

static void close_scene(struct scene *scene)
{
    wkv_session_destroy(&scene->session);
    wkv_stats_destroy(scene->provider.stats);
    wkv_bindings_destroy(scene->provider.bindings);
    wkv_store_destroy(scene->provider.store);
    wkv_replay_destroy(scene->provider.replay);
    wkv_trust_source_destroy(scene->provider.trust);
}

/* Who asks, with what. */
struct papers {
    bool envelope, has_claims, has_invocation; /* as they should be */
    struct wkv_text actor;
};

static struct papers take_papers(struct input *input)
{
    unsigned flags = take_byte(input);
    struct papers papers = {
        .envelope = (flags & 1) != 0, .has_claims = (flags & 2) != 0, .has_invocation = (flags & 4) != 0};
    switch (flags >> 3 & 3) {
    case 0:
        papers.actor = (struct wkv_text){world.actor, strlen(world.actor)};
        break;
    case 1:
        papers.actor = (struct wkv_text){"system", strlen("system")};
        break;
    default:
        papers.actor = take_text(input, WKV_BINDINGS_MAX_NAME_BYTES);
    }
    return papers;
}

/* Invocation claims for exactly the request; NULL where its actor can have none. From malloc. */
static char *sign(const struct wkv_request *request, const char *id)
{
    char origin[WKV_TOKEN_URL_BYTES], target[WKV_TOKEN_URL_BYTES], *text;
    const char *operation = request->operation->name;
    if (!wkv_token_origin_url(origin, request->actor.data, request->actor.len) ||
        !wkv_token_target_url(target, "default", 7, operation, strlen(operation)))
        return NULL;
    struct wkv_token_invocation_options options = {.origin_url = origin,
                                                   .target_url = target,
                                                   .message = request->payload,
                                                   .message_len = request->payload_bytes,
                                                   .id = id};
    return wkv_token_mint_invocation(world.host, &options, NOW_S, &text, NULL) == WKV_OK ? text : NULL;
}

static uint64_t keys_of(struct scene *scene)
{
    struct wkv_store_stats stats;
    wkv_store_stats(scene->provider.store, &stats);
    must(stats.budget_bytes == 0 || stats.bytes <= stats.budget_bytes);
    return stats.keys;
}

/* A reply is a message of its operation, in one of the encodings. */
static void check_reply(const struct wkv_request *request, struct wkv_text reply)
{
    static struct wkv_arena arena;
    ProtobufCMessage *message;
    if (arena.max_bytes == 0)
        must(wkv_arena_init(&arena, 65536, 64u << 20));
    must(reply.len <= request->max_reply_bytes);
    if (reply.data == NULL || (request->form == WKV_FORM_MSGPACK && reply.len == 0))
        return;
    enum wkv_encoding encoding = request->form == WKV_FORM_MSGPACK       ? WKV_MSGPACK
                                 : reply.len > 0 && reply.data[0] == '{' ? WKV_JSON
                                                                         : WKV_PROTOBUF;
    /* A value in base64 stands beside an empty one, which no request may do. */
    if (encoding == WKV_JSON && memmem(reply.data, reply.len, "_base64\":", 9) != NULL) {
        must(wkv_utf8_valid(reply.data, reply.len));
        return;
    }
    must(wkv_decode(request->operation->reply, encoding, reply.data, reply.len, &arena, &message, NULL) ==
         WKV_OK);
    wkv_arena_reset(&arena);
}

/* What the mode asks for by the contract's table, but for bindings, which other requests make. */
static void check_may(const struct scene *scene, const struct wkv_request *request, struct papers papers)
{
    enum wkv_auth auth = scene->provider.auth;
    bool is_system = papers.actor.len == 6 && memcmp(papers.actor.data, "system", 6) == 0;
    must(!wkv_operation_is_system(request->operation) || is_system);
    if (auth == WKV_AUTH_NONE)
        return;
    if (wkv_operation_is_system(request->operation) || papers.envelope || auth == WKV_AUTH_INVOCATION)
        must(papers.has_invocation);
    if (!wkv_operation_is_system(request->operation) && !papers.envelope && auth != WKV_AUTH_BINDING)
        must(papers.has_claims && papers.actor.data == world.actor);
}

static void check_refusal(const struct wkv_request *request, enum wkv_code code,
                          const struct wkv_error *error)
{
    size_t name_len = strlen(request->operation->name);
    must_be_error(error, code);
    must(code == WKV_BAD_REQUEST || code == WKV_UNAUTHORIZED || code == WKV_FORBIDDEN ||
         code == WKV_WRONG_KIND || code == WKV_TOO_LARGE || code == WKV_UNAVAILABLE ||
         code == WKV_NO_MEMORY || code == WKV_BUDGET_SPENT);
    must(strncmp(error->text, request->operation->name, name_len) == 0 && error->text[name_len] == ':');
}

static void one_request(struct scene *scene, struct input *input, int number)
{
    char id[16];
    (void)snprintf(id, sizeof id, "id-%d", number);
    struct wkv_request request = {.operation = &wkv_operations[take_byte(input) % wkv_operation_count]};
    struct papers papers = take_papers(input);
    unsigned bounds = take_byte(input);
    struct wkv_text payload = take_text(input, MOST_PAYLOAD);
    scene->now_ns += (int64_t)(bounds >> 4) << 28; /* up to four seconds */
    request.actor = papers.actor;
    request.payload = payload.data;
    request.payload_bytes = payload.len;
    request.max_reply_bytes = (size_t)1 << (8 + (bounds & 15) % 13);
    request.now_ns = scene->now_ns;
    request.wall_s = NOW_S;
    if (papers.has_claims)
        request.claims = (struct wkv_text){world.claims, strlen(world.claims)};
    char *invocation = papers.has_invocation ? sign(&request, id) : NULL;
    papers.has_invocation = invocation != NULL;
    if (invocation != NULL)
        request.invocation = (struct wkv_text){invocation, strlen(invocation)};
    if (papers.envelope) {
        request.form = WKV_FORM_MSGPACK;
        request.evidence = WKV_EVIDENCE_ENVELOPE;
        request.id = (struct wkv_text){id, strlen(id)};
        request.host = (struct wkv_text){world.host_key, WKV_NKEY_PUBLIC_CHARS};
    }
    struct wkv_text reply = {NULL, 0};
    struct wkv_error error;
    uint64_t before = keys_of(scene);
    wkv_call_prefetch(&scene->session, &request, 1);
    enum wkv_code code = dispatch_request(&scene->session, &request, &reply, &error);
    if (code == WKV_OK) {
        check_reply(&request, reply);
        check_may(scene, &request, papers);
    } else {
        check_refusal(&request, code, &error);
        must(keys_of(scene) <= before);
    }
    free(invocation);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct scene scene;
    struct input input = {bytes, bytes + len};
    make_world();
    open_scene(&scene, take_byte(&input));
    for (int i = 0; i < MOST_REQUESTS && input.at < input.end; i++)
        one_request(&scene, &input, i);
    close_scene(&scene);
    return 0;
}
