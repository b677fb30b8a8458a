/* As rmp-serde 0.14 writes an Invocation, with struct maps:
 *
 *   87 | "origin"         | 81 00 str          a map of the variant Actor to its key
 *      | "target"         | 81 01 82 "capid" str "binding" str
 *      | "operation"      | str
 *      | "msg"            | array of integers, each of a byte of the request, which is MessagePack itself
 *      | "id"             | str
 *      | "encoded_claims" | str
 *      | "host_id"        | str
 */
#include "lattice_invocation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/msgpack_heads.h"
#include "process.h"
#include "security/token.h"
#include "support/buffer.h"

#define CAPABILITY "wascc:keyvalue"
#define SYSTEM "system"
#define ID_CHARS 36
#define VALUE "a value of 32 bytes ............"

/* ---- MessagePack ---- */

static void put_bytes(struct wkv_buffer *out, const void *bytes, size_t len)
{
    (void)wkv_buffer_append(out, bytes, len); /* the buffer remembers a failure */
}

static void put_text(struct wkv_buffer *out, const char *text)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    size_t len = strlen(text);
    put_bytes(out, head, wkv_msgpack_write_str_head(head, (uint32_t)len));
    put_bytes(out, text, len);
}

static void put_map(struct wkv_buffer *out, uint32_t entries)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    put_bytes(out, head, wkv_msgpack_write_map_head(head, entries));
}

static void put_pair(struct wkv_buffer *out, const char *name, const char *text)
{
    put_text(out, name);
    put_text(out, text);
}

static void put_integer(struct wkv_buffer *out, uint8_t value)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    put_bytes(out, head, wkv_msgpack_write_integer(head, wkv_integer_of(value)));
}

static void put_integers(struct wkv_buffer *out, const struct wkv_buffer *bytes)
{
    char head[WKV_MSGPACK_HEAD_BYTES];
    put_bytes(out, head, wkv_msgpack_write_array_head(head, (uint32_t)bytes->len));
    for (size_t i = 0; i < bytes->len; i++)
        put_integer(out, (uint8_t)bytes->data[i]);
}

/* ---- an invocation ---- */

/* As long as the UUID that a host would send. */
static void write_id(uint64_t number, char id[ID_CHARS + 1])
{
    snprintf(id, ID_CHARS + 1, "%08x-0000-4000-8000-%012" PRIx64, 0xbe9cu, number & UINT64_C(0xffffffffffff));
}

struct parts {
    const char *origin;
    const char *operation;
    const struct wkv_buffer *request;
    char id[ID_CHARS + 1];
};

static void put_invocation(struct wkv_buffer *out, const struct bench_lattice_parties *parties,
                           const struct parts *parts, const char *claims)
{
    put_map(out, 7);
    put_text(out, "origin");
    put_map(out, 1);
    put_integer(out, 0);
    put_text(out, parts->origin);
    put_text(out, "target");
    put_map(out, 1);
    put_integer(out, 1);
    put_map(out, 2);
    put_pair(out, "capid", CAPABILITY);
    put_pair(out, "binding", parties->binding);
    put_pair(out, "operation", parts->operation);
    put_text(out, "msg");
    put_integers(out, parts->request);
    put_pair(out, "id", parts->id);
    put_pair(out, "encoded_claims", claims);
    put_pair(out, "host_id", parties->mint->host);
}

/* Where the verification's parts lie. The claims are in the bytes once, and nothing else there looks like
 * them. */
static bool find_signed(struct bench_invocation *invocation, const char *claims)
{
    struct wkv_token token;
    struct wkv_error error;
    size_t len = strlen(claims);
    const char *at = memmem(invocation->bytes, invocation->len, claims, len);
    if (at == NULL || wkv_token_read(at, len, WKV_TOKEN_INVOCATION, &token, &error) != WKV_OK) {
        bench_complain("cannot read the claims of an invocation");
        return false;
    }
    invocation->message = at;
    invocation->message_len = token.own.signed_bytes;
    invocation->signer = token.issuer;
    memcpy(invocation->signature, token.own.signature, sizeof invocation->signature);
    wkv_token_destroy(&token);
    return true;
}

static bool sign(const struct bench_lattice_parties *parties, const struct parts *parts,
                 struct bench_invocation *invocation)
{
    struct wkv_buffer out = {0};
    char *claims = bench_mint_invocation(parties->mint, parts->id, parts->origin, parties->binding,
                                         parts->operation, parts->request->data, parts->request->len);
    bool made = claims != NULL && !parts->request->failed;
    if (made) {
        put_invocation(&out, parties, parts, claims);
        invocation->bytes = out.data;
        invocation->len = out.len;
        made = !out.failed && find_signed(invocation, claims);
    }
    free(claims);
    return made;
}

void bench_lattice_parties_init(struct bench_lattice_parties *parties, struct bench_mint *mint,
                                const char *binding)
{
    parties->mint = mint;
    parties->binding = binding;
    snprintf(parties->own_subject, sizeof parties->own_subject, "wasmbus.provider.wascc.keyvalue.%s",
             binding);
    snprintf(parties->actor_subject, sizeof parties->actor_subject, "%s.%s", parties->own_subject,
             mint->actors[0].key);
}

bool bench_invocation_bind(const struct bench_lattice_parties *parties, uint64_t number,
                           struct bench_invocation *invocation)
{
    struct wkv_buffer request = {0};
    struct parts parts = {.origin = SYSTEM, .operation = "BindActor", .request = &request};
    *invocation = (struct bench_invocation){.number = number, .subject = parties->own_subject};
    write_id(number, parts.id);
    put_map(&request, 2);
    put_pair(&request, "module", parties->mint->actors[0].key);
    put_text(&request, "values");
    put_map(&request, 3);
    put_pair(&request, "__wascc_issuer", parties->mint->issuer);
    put_pair(&request, "__wascc_capabilities", CAPABILITY);
    put_pair(&request, "__wascc_expires", "0");
    bool made = sign(parties, &parts, invocation);
    wkv_buffer_destroy(&request);
    return made;
}

bool bench_invocation_make(const struct bench_lattice_parties *parties, uint64_t number,
                           struct bench_invocation *invocation)
{
    static const char *const operations[] = {"Set", "Add", "Get"};
    struct wkv_buffer request = {0};
    unsigned which = (unsigned)(number % 3);
    struct parts parts = {
        .origin = parties->mint->actors[0].key, .operation = operations[which], .request = &request};
    char key[32];
    *invocation = (struct bench_invocation){.number = number, .subject = parties->actor_subject};
    write_id(number, parts.id);
    snprintf(key, sizeof key, "%s:%010" PRIu64, which == 1 ? "cnt" : "key", number / 3 % BENCH_LATTICE_KEYS);
    put_map(&request, 3 - which);
    put_pair(&request, "key", key);
    if (which == 0) {
        put_pair(&request, "value", VALUE);
        put_text(&request, "expires");
        put_integer(&request, 0);
    } else if (which == 1) {
        put_text(&request, "value");
        put_integer(&request, 1);
    }
    bool made = sign(parties, &parts, invocation);
    wkv_buffer_destroy(&request);
    return made;
}

void bench_invocation_free(struct bench_invocation *invocation)
{
    free(invocation->bytes);
    *invocation = (struct bench_invocation){0};
}

/* ---- what comes back ---- */

/* A response without an error ends in "error" | nil | "invocation_id" | the id. */
bool bench_invocation_answers(uint64_t number, const char *payload, size_t len)
{
    static const char before[] = "\xa5"
                                 "error\xc0\xad"
                                 "invocation_id\xd9\x24";
    char id[ID_CHARS + 1];
    size_t end_len = sizeof before - 1 + ID_CHARS;
    write_id(number, id);
    return len > end_len && memcmp(payload + len - end_len, before, sizeof before - 1) == 0 &&
           memcmp(payload + len - ID_CHARS, id, ID_CHARS) == 0;
}

bool bench_invocation_echoes(uint64_t number, const char *payload, size_t len)
{
    char id[ID_CHARS + 1];
    write_id(number, id);
    return memmem(payload, len, id, ID_CHARS) != NULL;
}
