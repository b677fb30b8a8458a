#include "lattice_inside.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../lib/dispatch.h"
#include "front/invocations.h"
#include "grid.h"
#include "operation/identity.h"
#include "operation/operation.h"
#include "process.h"
#include "security/token.h"
#include "support/clock.h"

#define MAX_REPLY_BYTES ((size_t)1 << 20)
/* Ids that a replay window has had before anything is measured, so that its memory is there, as it is after a
 * while. */
#define EARLIER_IDS 100000u
/* So many invocations at a time for each thing that is measured, and how often at the most. */
#define HANDFUL 20
#define MAX_HANDFULS ((size_t)100)

/* Every invocation is taken through with its verification and without: each way has a window in which its id
 * is new. */
enum window { VERIFIED, UNVERIFIED, WINDOWS };

struct bench_inside {
    struct wkv_provider provider;
    struct wkv_session session;
    struct wkv_arena envelope;
    struct wkv_buffer response;
    struct wkv_text actor;
    struct wkv_replay *windows[WINDOWS];
};

/* ---- the verification, which can be left out ---- */

static bool verifies = true;

int __real_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long message_len, const unsigned char *key);
int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long message_len, const unsigned char *key);

/* The linker puts the library's calls through this (--wrap). */
int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long message_len, const unsigned char *key)
{
    return verifies ? __real_crypto_sign_verify_detached(signature, message, message_len, key) : 0;
}

static double thread_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

bool bench_verify(const struct bench_invocation *invocations, size_t count, double *ns)
{
    double start = thread_ns();
    for (size_t i = 0; i < count; i++) {
        const struct bench_invocation *one = &invocations[i];
        if (__real_crypto_sign_verify_detached(one->signature, (const unsigned char *)one->message,
                                               one->message_len, one->signer.bytes) != 0) {
            bench_complain("a signature of our own does not hold");
            return false;
        }
    }
    *ns += thread_ns() - start;
    return true;
}

/* ---- what a worker has ---- */

static enum wkv_code trust(struct bench_inside *inside, const struct bench_mint *mint,
                           struct wkv_error *error)
{
    struct wkv_trust *set;
    const char *issuer = mint->issuer, *host = mint->host;
    if (wkv_trust_create(&set, error) != WKV_OK)
        return error->code;
    if (wkv_trust_add(set, WKV_TRUST_ISSUERS, issuer, strlen(issuer), error) == WKV_OK &&
        wkv_trust_add(set, WKV_TRUST_HOSTS, host, strlen(host), error) == WKV_OK &&
        wkv_trust_source_create(set, &inside->provider.trust, error) == WKV_OK)
        return WKV_OK;
    wkv_trust_release(set);
    return error->code;
}

/* As BindActor leaves it. */
static enum wkv_code bind(struct bench_inside *inside, const struct bench_mint *mint, struct wkv_error *error)
{
    struct wkv_policy_binding claims = {.bound = true, .expires_s = WKV_TOKEN_NEVER};
    struct wkv_nkey issuer;
    if (wkv_nkey_decode(mint->issuer, WKV_NKEY_PUBLIC_CHARS, &issuer, error) != WKV_OK)
        return error->code;
    memcpy(claims.issuer, issuer.bytes, sizeof claims.issuer);
    return wkv_bindings_bind(inside->provider.bindings, inside->actor, (struct wkv_text){0}, &claims, error);
}

static struct wkv_replay *make_window(void)
{
    static const unsigned char nobody[WKV_NKEY_BYTES];
    struct wkv_replay_options defaults = {0};
    struct wkv_replay *window;
    struct wkv_error error;
    int64_t now_s = wkv_wall_coarse_s();
    if (wkv_replay_create(&defaults, &window, &error) != WKV_OK) {
        bench_complain("cannot make a replay window: %s", error.text);
        return NULL;
    }
    for (unsigned i = 0; i < EARLIER_IDS; i++)
        (void)wkv_replay_note(window, nobody, (const char *)&i, sizeof i, now_s + 60, now_s, &error);
    return window;
}

struct bench_inside *bench_inside_create(const struct bench_lattice_parties *parties)
{
    struct bench_inside *inside = calloc(1, sizeof *inside);
    struct wkv_store_options store = {0};
    struct wkv_error error = {.text = "out of memory"};
    if (inside == NULL) {
        bench_complain("out of memory");
        return NULL;
    }
    inside->actor = (struct wkv_text){parties->mint->actors[0].key, strlen(parties->mint->actors[0].key)};
    inside->provider = (struct wkv_provider){.store = wkv_store_create(&store, wkv_monotonic_ns()),
                                             .bindings = wkv_bindings_create(parties->binding),
                                             .binding = parties->binding,
                                             .auth = WKV_AUTH_INVOCATION,
                                             .max_key_bytes = WKV_DEFAULT_MAX_KEY_BYTES,
                                             .max_value_bytes = WKV_DEFAULT_MAX_VALUE_BYTES};
    if (inside->provider.store != NULL && inside->provider.bindings != NULL &&
        wkv_arena_init(&inside->envelope, 16384, MAX_REPLY_BYTES) &&
        trust(inside, parties->mint, &error) == WKV_OK && bind(inside, parties->mint, &error) == WKV_OK &&
        wkv_session_init(&inside->session, &inside->provider) &&
        (inside->windows[VERIFIED] = make_window()) != NULL &&
        (inside->windows[UNVERIFIED] = make_window()) != NULL)
        return inside;
    bench_complain("cannot set up a worker: %s", error.text);
    bench_inside_destroy(inside);
    return NULL;
}

void bench_inside_destroy(struct bench_inside *inside)
{
    if (inside == NULL)
        return;
    if (inside->session.provider != NULL)
        wkv_session_destroy(&inside->session);
    wkv_arena_destroy(&inside->envelope);
    wkv_buffer_destroy(&inside->response);
    for (int i = 0; i < WINDOWS; i++)
        wkv_replay_destroy(inside->windows[i]);
    wkv_trust_source_destroy(inside->provider.trust);
    wkv_bindings_destroy(inside->provider.bindings);
    wkv_store_destroy(inside->provider.store);
    free(inside);
}

/* ---- the way through ---- */

/* What front/invocations.c does between a message and its reply. */
static bool take(struct bench_inside *inside, const struct bench_invocation *one, int64_t now_ns,
                 int64_t wall_s)
{
    struct wkv_invocation invocation;
    struct wkv_error error;
    struct wkv_text reply;
    char name[16] = "";
    wkv_arena_reset(&inside->envelope);
    if (wkv_invocation_decode(one->bytes, one->len, &inside->envelope, &invocation, &error) != WKV_OK) {
        bench_complain("an invocation of our own cannot be read: %s", error.text);
        return false;
    }
    if (invocation.operation.len >= sizeof name)
        return false;
    memcpy(name, invocation.operation.data, invocation.operation.len);
    struct wkv_request request = {.operation = wkv_operation_find(name),
                                  .actor = inside->actor,
                                  .max_reply_bytes = MAX_REPLY_BYTES,
                                  .now_ns = now_ns,
                                  .wall_s = wall_s};
    wkv_invocation_ask(&invocation, &request);
    if (dispatch_request(&inside->session, &request, &reply, &error) != WKV_OK) {
        bench_complain("an invocation of our own is refused: %s", error.text);
        return false;
    }
    wkv_buffer_reset(&inside->response, MAX_REPLY_BYTES);
    return wkv_invocation_response_write(&inside->response, (struct wkv_text){reply.data, reply.len}, NULL,
                                         invocation.id);
}

/* Takes them through, with that window, and adds the time. */
static bool take_all(struct bench_inside *inside, enum window window,
                     const struct bench_invocation *invocations, size_t count, double *ns)
{
    bool good = true;
    int64_t now_ns = wkv_monotonic_ns();
    int64_t wall_s = wkv_wall_coarse_s();
    inside->session.policy.replay = inside->windows[window];
    verifies = window == VERIFIED;
    double start = thread_ns();
    for (size_t i = 0; good && i < count; i++)
        good = take(inside, &invocations[i], now_ns, wall_s);
    *ns += thread_ns() - start;
    verifies = true;
    return good;
}

bool bench_inside_run_unverified(struct bench_inside *inside, const struct bench_invocation *invocations,
                                 size_t count, struct bench_inside_times *times)
{
    double ns = 0;
    if (!take_all(inside, UNVERIFIED, invocations, count, &ns))
        return false;
    times->unverified_ns = ns / (double)count;
    return true;
}

bool bench_inside_run(struct bench_inside *inside, const struct bench_invocation *invocations, size_t count,
                      struct bench_inside_times *times)
{
    double verify[MAX_HANDFULS], whole[MAX_HANDFULS], unverified[MAX_HANDFULS];
    size_t handfuls = count / HANDFUL < MAX_HANDFULS ? count / HANDFUL : MAX_HANDFULS;
    for (size_t i = 0; i < handfuls; i++, invocations += HANDFUL) {
        verify[i] = whole[i] = unverified[i] = 0;
        if (!bench_verify(invocations, HANDFUL, &verify[i]) ||
            !take_all(inside, VERIFIED, invocations, HANDFUL, &whole[i]) ||
            !take_all(inside, UNVERIFIED, invocations, HANDFUL, &unverified[i]))
            return false;
    }
    *times = (struct bench_inside_times){bench_median(verify, handfuls) / HANDFUL,
                                         bench_median(whole, handfuls) / HANDFUL,
                                         bench_median(unverified, handfuls) / HANDFUL};
    return true;
}
