/* The envelope of the lattice protocol. The vectors named "real" were written by rmp-serde 0.14.4 (rmp
 * 0.8.9), through wascc_codec::serialize of wascc-codec 0.8.1, from wascc-host 0.14.0's Invocation and
 * InvocationResponse. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/codec.h"
#include "codec/hex.h"
#include "front/invocation.h"
#include "keyvalue.pb-c.h"
#include "lib/room.h"

static struct wkv_arena arena;
static struct wkv_buffer buffer;
static struct wkv_error error;
static uint8_t *bytes; /* of the last invocation that was decoded, whose texts lie in it */

static void set_up(void)
{
    ck_assert(wkv_arena_init(&arena, 4096, 1 << 20));
    wkv_buffer_init(&buffer);
    wkv_error_clear(&error);
    bytes = NULL;
}

static void tear_down(void)
{
    free(bytes);
    wkv_buffer_destroy(&buffer);
    wkv_arena_destroy(&arena);
}

static enum wkv_code decode(const char *hex, struct wkv_invocation *out)
{
    size_t len;
    free(bytes);
    bytes = hex_bytes(hex, &len);
    return wkv_invocation_decode(bytes, len, &arena, out, &error);
}

static bool is(struct wkv_text slice, const char *expected)
{
    return slice.len == strlen(expected) && (slice.len == 0 || memcmp(slice.data, expected, slice.len) == 0);
}

#define ID_TEXT "9c2e0b7a-7a5c-4d8e-8a0e-0123456789ab"

/* The parts of the real invocation: each field's name, and its value. */
#define N_ORIGIN "a66f726967696e"
#define N_TARGET "a6746172676574"
#define N_OPERATION "a96f7065726174696f6e"
#define N_MSG "a36d7367"
#define N_ID "a26964"
#define N_CLAIMS "ae656e636f6465645f636c61696d73"
#define N_HOST "a7686f73745f6964"
#define V_ACTOR "8100a64d4143544f52"
#define V_CAPABILITY "810182a56361706964ae77617363633a6b657976616c7565a762696e64696e67a764656661756c74"
#define V_OPERATION "a3536574"
#define V_MSG "dc001acc83cca36b6579cca16bcca576616c7565cca376ccc3cca4cca7657870697265733c"
#define V_ID "d92439633265306237612d376135632d346438652d386130652d303132333435363738396162"
#define V_CLAIMS "b665794a30655841692e65794a7164476b692e63326c6e"
#define V_HOST "a54e484f5354"
#define M_ORIGIN N_ORIGIN V_ACTOR
#define M_TARGET N_TARGET V_CAPABILITY
#define M_OPERATION N_OPERATION V_OPERATION
#define M_MSG N_MSG V_MSG
#define M_ID N_ID V_ID
#define M_CLAIMS N_CLAIMS V_CLAIMS
#define M_HOST N_HOST V_HOST
#define M_REST M_OPERATION M_MSG M_ID M_CLAIMS M_HOST

static void assert_rest(const struct wkv_invocation *invocation)
{
    ck_assert(is(invocation->operation, "Set"));
    ck_assert(is(invocation->id, ID_TEXT));
    ck_assert(is(invocation->encoded_claims, "eyJ0eXAi.eyJqdGki.c2ln"));
    ck_assert(is(invocation->host_id, "NHOST"));
    ProtobufCMessage *message;
    ck_assert_int_eq(wkv_decode(&keyvalue__set_request__descriptor, WKV_MSGPACK, invocation->msg.data,
                                invocation->msg.len, &arena, &message, &error),
                     WKV_OK);
    Keyvalue__SetRequest *set = (Keyvalue__SetRequest *)message;
    ck_assert_uint_eq(set->value.len, 3);
    ck_assert_mem_eq(set->value.data, "v\xc3\xa4", 3);
    ck_assert_int_eq(set->expires_s, 60);
}

static bool is_actor(const struct wkv_entity *entity, const char *name)
{
    return !entity->is_capability && is(entity->actor, name) && entity->capid.len == 0 &&
           entity->binding.len == 0;
}

static bool is_capability(const struct wkv_entity *entity, const char *capid, const char *binding)
{
    return entity->is_capability && is(entity->capid, capid) && is(entity->binding, binding) &&
           entity->actor.len == 0;
}

/* All are the same invocation. The first three are real: with struct maps, with the variants by name, and
 * without names. */
static const char *const forms[] = {
    "87a66f726967696e8100a64d4143544f52a6746172676574810182a56361706964ae77617363633a6b657976616c7565a762696e"
    "6469"
    "6e67a764656661756c74a96f7065726174696f6ea3536574a36d7367dc001acc83cca36b6579cca16bcca576616c7565cca376cc"
    "c3cc"
    "a4cca7657870697265733ca26964d92439633265306237612d376135632d346438652d386130652d303132333435363738396162"
    "ae65"
    "6e636f6465645f636c61696d73b665794a30655841692e65794a7164476b692e63326c6ea7686f73745f6964a54e484f5354",
    "87a66f726967696e81a54163746f72a64d4143544f52a674617267657481aa4361706162696c69747982a56361706964ae776173"
    "6363"
    "3a6b657976616c7565a762696e64696e67a764656661756c74a96f7065726174696f6ea3536574a36d7367dc001acc83cca36b65"
    "79cc"
    "a16bcca576616c7565cca376ccc3cca4cca7657870697265733ca26964d92439633265306237612d376135632d346438652d3861"
    "3065"
    "2d303132333435363738396162ae656e636f6465645f636c61696d73b665794a30655841692e65794a7164476b692e63326c6ea7"
    "686f"
    "73745f6964a54e484f5354",
    "978100a64d4143544f52810192ae77617363633a6b657976616c7565a764656661756c74a3536574dc001acc83cca36b6579cca1"
    "6bcc"
    "a576616c7565cca376ccc3cca4cca7657870697265733cd92439633265306237612d376135632d346438652d386130652d303132"
    "3334"
    "35363738396162b665794a30655841692e65794a7164476b692e63326c6ea54e484f5354",
    /* another order, wider heads */
    "de0007" M_HOST M_CLAIMS M_ID M_MSG M_OPERATION M_TARGET M_ORIGIN,
    "df00000007" M_ORIGIN M_TARGET M_REST,
    "dc0007" V_ACTOR V_CAPABILITY V_OPERATION V_MSG V_ID V_CLAIMS V_HOST,
    "dd00000007" V_ACTOR V_CAPABILITY V_OPERATION V_MSG V_ID V_CLAIMS V_HOST,
    /* what a newer host may add */
    "8a" M_ORIGIN "a161 8300c001cb3ff0000000000000 02 90" M_TARGET "a0c4021234" M_REST "a2 6f6e d4 01 02",
    "98" V_ACTOR V_CAPABILITY V_OPERATION V_MSG V_ID V_CLAIMS V_HOST "81c09300a0c0",
    /* variants: the index in any width, the name as str or bin, the lists of rmp-serde before 0.14 */
    "87" N_ORIGIN "81cc00a64d4143544f52" M_TARGET M_REST,
    "87" N_ORIGIN "81d30000000000000000a64d4143544f52" M_TARGET M_REST,
    "87" N_ORIGIN "81c4054163746f72c4064d4143544f52" M_TARGET M_REST,
    "87" N_ORIGIN "de000100a64d4143544f52" M_TARGET M_REST,
    "87" N_ORIGIN "9200a64d4143544f52" M_TARGET M_REST,
    "87" N_ORIGIN "920091a64d4143544f52" M_TARGET M_REST,
    "87" N_ORIGIN "92a54163746f7291a64d4143544f52" M_TARGET M_REST,
    "87" M_ORIGIN N_TARGET "920192ae77617363633a6b657976616c7565a764656661756c74" M_REST,
    "87" M_ORIGIN N_TARGET
    "92aa4361706162696c69747982a56361706964ae77617363633a6b657976616c7565a762696e64696e67a7"
    "64656661756c74" M_REST,
    "87" M_ORIGIN N_TARGET "81cd000184a762696e64696e67a764656661756c74a178c0c40563617069"
    "64ae77617363633a6b657976616c7565a17990" M_REST,
    "87" M_ORIGIN N_TARGET "810193ae77617363633a6b657976616c7565a764656661756c74c0" M_REST,
    /* msg as bin, and its integers in any width and sign */
    "87" M_ORIGIN M_TARGET M_OPERATION N_MSG
    "c41a83a36b6579a16ba576616c7565a376c3a4a7657870697265733c" M_ID M_CLAIMS M_HOST,
    "87" M_ORIGIN M_TARGET M_OPERATION N_MSG
    "c5001a83a36b6579a16ba576616c7565a376c3a4a7657870697265733c" M_ID M_CLAIMS M_HOST,
    "87" M_ORIGIN M_TARGET M_OPERATION N_MSG
    "dd0000001acd0083ce000000a3cf000000000000006bd10065d200000079d300000000000000a1cc6bcd00a5ce00000076cf"
    "0000000000000061d1006cd200000075d30000000000000065cca3cd0076ce000000c3cf00000000000000a4d100a7d20000"
    "0065d30000000000000078cc70cd0069ce00000072cf0000000000000065d10073d20000003c" M_ID M_CLAIMS M_HOST,
};

#define FORMS ((int)(sizeof forms / sizeof forms[0]))

START_TEST(decodes_an_invocation_in_each_of_its_forms)
{
    struct wkv_invocation invocation;
    ck_assert_msg(decode(forms[_i], &invocation) == WKV_OK, "%d: %s", _i, error.text);
    ck_assert(is_actor(&invocation.origin, "MACTOR"));
    ck_assert(is_capability(&invocation.target, "wascc:keyvalue", "default"));
    assert_rest(&invocation);
}
END_TEST

START_TEST(decodes_a_call_from_a_capability_to_an_actor)
{
    struct wkv_invocation invocation;
    ck_assert_int_eq(decode("87" N_ORIGIN V_CAPABILITY N_TARGET V_ACTOR M_REST, &invocation), WKV_OK);
    ck_assert(is_capability(&invocation.origin, "wascc:keyvalue", "default"));
    ck_assert(is_actor(&invocation.target, "MACTOR"));
    assert_rest(&invocation);
}
END_TEST

START_TEST(decodes_every_byte_of_a_msg_in_every_form_of_an_integer)
{
    static const struct {
        const char *head;
        size_t size;
        unsigned most;
    } widths[] = {{"", 1, 127},   {"cc", 1, 255}, {"cd", 2, 255}, {"ce", 4, 255}, {"cf", 8, 255},
                  {"d0", 1, 127}, {"d1", 2, 255}, {"d2", 4, 255}, {"d3", 8, 255}};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        unsigned count = widths[i].most + 1;
        size_t room = 1 << 14;
        char *hex = malloc(room);
        size_t len = (size_t)snprintf(hex, room, "87" M_ORIGIN M_TARGET M_OPERATION N_MSG "dc%04x", count);
        for (unsigned byte = 0; byte < count; byte++)
            len += (size_t)snprintf(hex + len, room - len, "%s%0*x", widths[i].head,
                                    (int)(2 * widths[i].size), byte);
        snprintf(hex + len, room - len, "%s", M_ID M_CLAIMS M_HOST);
        struct wkv_invocation invocation;
        ck_assert_msg(decode(hex, &invocation) == WKV_OK, "%s: %s", widths[i].head, error.text);
        ck_assert_uint_eq(invocation.msg.len, count);
        for (unsigned byte = 0; byte < count; byte++)
            ck_assert_uint_eq((uint8_t)invocation.msg.data[byte], byte);
        free(hex);
    }
}
END_TEST

START_TEST(an_empty_msg_and_empty_texts_are_there)
{
    struct wkv_invocation invocation;
    static const char *const empties[] = {"90", "dc0000", "dd00000000", "c400", "c600000000"};
    for (size_t i = 0; i < sizeof empties / sizeof empties[0]; i++) {
        char hex[512];
        snprintf(hex, sizeof hex,
                 "87" M_ORIGIN M_TARGET N_OPERATION "a0" N_MSG "%s" N_ID "a0" N_CLAIMS "a0" N_HOST "c400",
                 empties[i]);
        ck_assert_msg(decode(hex, &invocation) == WKV_OK, "%s: %s", hex, error.text);
        ck_assert_uint_eq(invocation.msg.len, 0);
        ck_assert_uint_eq(invocation.id.len, 0);
    }
    ck_assert_int_eq(decode("87" N_ORIGIN "8100a0" M_TARGET M_REST, &invocation), WKV_OK);
    ck_assert(is_actor(&invocation.origin, ""));
}
END_TEST

/* "SECRET" (534543524554) stands where an error might quote the invocation. */
static const struct {
    const char *hex;

    const char *says;
} bad[] = {
    {"", "not an Invocation in MessagePack at byte 0 (it ends too early): send what wascc-codec"},
    {"c0", "at byte 0 (no map)"},
    {"01", "at byte 0 (no map)"},
    {"c1", "at byte 0 (no value begins with the byte c1)"},
    {"7b7d", "at byte 0 (no map)"},
    {"a6534543524554", "at byte 0 (no map)"},
    {"80", "field \"origin\" of Invocation is missing: send it"},
    {"90", "field \"origin\" of Invocation is missing"},
    {"df ffffffff", "a map has more entries than bytes are left"},
    {"dd ffffffff", "an array has more elements than bytes are left"},
    {"df ffffffff" M_ORIGIN M_TARGET M_REST, "a map has more entries than bytes are left"},
    {"86" M_TARGET M_REST, "field \"origin\" of Invocation is missing"},
    {"86" M_ORIGIN M_REST, "field \"target\" of Invocation is missing"},
    {"86" M_ORIGIN M_TARGET M_MSG M_ID M_CLAIMS M_HOST, "field \"operation\" of Invocation is missing"},
    {"86" M_ORIGIN M_TARGET M_OPERATION M_ID M_CLAIMS M_HOST, "field \"msg\" of Invocation is missing"},
    {"86" M_ORIGIN M_TARGET M_OPERATION M_MSG M_CLAIMS M_HOST, "field \"id\" of Invocation is missing"},
    {"86" M_ORIGIN M_TARGET M_OPERATION M_MSG M_ID M_HOST, "field \"encoded_claims\" of Invocation is"},
    {"86" M_ORIGIN M_TARGET M_OPERATION M_MSG M_ID M_CLAIMS, "field \"host_id\" of Invocation is missing"},
    {"96" V_ACTOR V_CAPABILITY V_OPERATION V_MSG V_ID V_CLAIMS, "field \"host_id\" of Invocation is missing"},
    {"94" V_ACTOR V_CAPABILITY V_OPERATION V_MSG, "field \"id\" of Invocation is missing"},
    {"88" M_ORIGIN M_TARGET M_REST M_ORIGIN, "field \"origin\" of Invocation is there twice: send it once"},
    {"88" M_ORIGIN M_TARGET M_REST M_MSG, "field \"msg\" of Invocation is there twice"},
    {"88" M_ORIGIN M_TARGET M_REST M_ID, "field \"id\" of Invocation is there twice"},
    {"88" M_ORIGIN M_TARGET M_REST N_HOST "a6534543524554", "field \"host_id\" of Invocation is there twice"},
    {"87" M_ORIGIN M_TARGET M_REST "c0", "(something follows the Invocation)"},
    {"87" M_ORIGIN M_TARGET M_REST "a6534543524554", "(something follows the Invocation)"},
    {"97" V_ACTOR V_CAPABILITY V_OPERATION V_MSG V_ID V_CLAIMS V_HOST V_HOST, "something follows"},
    {"87 00c0" M_TARGET M_REST, "a key in a map is no text"},
    {"87 9300000000" M_TARGET M_REST, "a key in a map is no text"},
    /* entities */
    {"87" N_ORIGIN "c0" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one entry: 0 or"},
    {"87" N_ORIGIN "a6534543524554" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one"},
    {"87" N_ORIGIN "00" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one entry"},
    {"87" N_ORIGIN "80" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one entry"},
    {"87" N_ORIGIN "82 00a178 00a178" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one"},
    {"87" N_ORIGIN "90" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one entry"},
    {"87" N_ORIGIN "9100" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one entry"},
    {"87" N_ORIGIN "9300a178a178" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one"},
    {"87" N_ORIGIN "8102a6534543524554" M_TARGET M_REST,
     "field \"origin\" of Invocation must be a map of one"},
    {"87" N_ORIGIN "81ffa6534543524554" M_TARGET M_REST,
     "field \"origin\" of Invocation must be a map of one"},
    {"87" N_ORIGIN "81cf0000000100000000a178" M_TARGET M_REST, "field \"origin\" of Invocation must be"},
    {"87" N_ORIGIN "81a56163746f72a178" M_TARGET M_REST,
     "field \"origin\" of Invocation must be a map of one"},
    {"87" N_ORIGIN "81c0a178" M_TARGET M_REST, "field \"origin\" of Invocation must be a map of one entry"},
    {"87" N_ORIGIN "81cb0000000000000000a178" M_TARGET M_REST,
     "field \"origin\" of Invocation must be a map"},
    {"87" N_ORIGIN "8100c0" M_TARGET M_REST,
     "field \"origin\" of Invocation must be an actor's name in UTF-8"},
    {"87" N_ORIGIN "810001" M_TARGET M_REST, "field \"origin\" of Invocation must be an actor's name"},
    {"87" N_ORIGIN "810091a178" M_TARGET M_REST, "field \"origin\" of Invocation must be an actor's name"},
    {"87" N_ORIGIN "8100a2c328" M_TARGET M_REST, "field \"origin\" of Invocation must be an actor's name"},
    {"87" N_ORIGIN "920092a178a178" M_TARGET M_REST,
     "field \"origin\" of Invocation must be an actor's name"},
    {"87" M_ORIGIN N_TARGET "8101a178" M_REST, "field \"target\" of Invocation must be a capability's map"},
    {"87" M_ORIGIN N_TARGET "8101c0" M_REST, "field \"target\" of Invocation must be a capability's map"},
    {"87" M_ORIGIN N_TARGET "810180" M_REST, "field \"capid\" of target is missing: send it"},
    {"87" M_ORIGIN N_TARGET "810181a56361706964a178" M_REST, "field \"binding\" of target is missing"},
    {"87" M_ORIGIN N_TARGET "810191a178" M_REST, "field \"binding\" of target is missing"},
    {"87" M_ORIGIN N_TARGET "810182a56361706964a178a56361706964a178" M_REST,
     "field \"capid\" of target is there twice"},
    {"87" M_ORIGIN N_TARGET "810182a5636170696401a762696e64696e67a178" M_REST,
     "field \"capid\" of target must be text in UTF-8"},
    {"87" M_ORIGIN N_TARGET "810192a178c0" M_REST, "field \"binding\" of target must be text"},
    {"87" M_ORIGIN N_TARGET "8101dfffffffff" M_REST, "a map has more entries than bytes are left"},
    /* texts */
    {"87" M_ORIGIN M_TARGET N_OPERATION "c0" M_MSG M_ID M_CLAIMS M_HOST,
     "field \"operation\" of Invocation must be text in UTF-8, as str or bin"},
    {"87" M_ORIGIN M_TARGET N_OPERATION "a7534543524554ff" M_MSG M_ID M_CLAIMS M_HOST,
     "field \"operation\" of Invocation must be text in UTF-8"},
    {"87" M_ORIGIN M_TARGET N_OPERATION "91a6534543524554" M_MSG M_ID M_CLAIMS M_HOST,
     "field \"operation\" of Invocation must be text in UTF-8"},
    {"87" M_ORIGIN M_TARGET M_OPERATION M_MSG N_ID "01" M_CLAIMS M_HOST,
     "field \"id\" of Invocation must be text"},
    {"87" M_ORIGIN M_TARGET M_OPERATION M_MSG N_ID "a1ff" M_CLAIMS M_HOST,
     "field \"id\" of Invocation must be text"},
    {"87" M_ORIGIN M_TARGET M_OPERATION M_MSG M_ID N_CLAIMS "c0" M_HOST,
     "field \"encoded_claims\" of Invocation must be text"},
    {"87" M_ORIGIN M_TARGET M_OPERATION M_MSG M_ID M_CLAIMS N_HOST "cb0000000000000000",
     "field \"host_id\" of Invocation must be text"},
    {"87" M_ORIGIN M_TARGET M_OPERATION M_MSG M_ID M_CLAIMS N_HOST "a6534543", "(it ends too early)"},
    {"87" M_ORIGIN M_TARGET M_OPERATION M_MSG M_ID M_CLAIMS N_HOST "dbffffffff53", "(it ends too early)"},
    /* msg */
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "c0" M_ID M_CLAIMS M_HOST,
     "field \"msg\" of Invocation must be an array of integers from 0 to 255, or bin"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "a6534543524554" M_ID M_CLAIMS M_HOST,
     "field \"msg\" of Invocation must be an array of integers"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "80" M_ID M_CLAIMS M_HOST,
     "field \"msg\" of Invocation must be"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "92ff01" M_ID M_CLAIMS M_HOST,
     "field \"msg\" of Invocation must be an array of integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "92d0ff01" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "92cd010001" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "91cf0000000100000001" M_ID M_CLAIMS M_HOST,
     "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "91c0" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "91c3" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "91ca3f800000" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "91a161" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "919100" M_ID M_CLAIMS M_HOST, "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "93c4024142c102" M_ID M_CLAIMS M_HOST,
     "integers from 0 to 255"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "9201c1" M_ID M_CLAIMS M_HOST, "no value begins with the byte"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "ddffffffff" M_ID M_CLAIMS M_HOST, "more elements than bytes"},
    {"87" M_ORIGIN M_TARGET M_OPERATION N_MSG "c6ffffffff" M_ID M_CLAIMS M_HOST, "(it ends too early)"},
    /* what is no MessagePack as a whole names nothing */
    {"87" M_ID M_ORIGIN M_TARGET "c1", "(no value begins with the byte c1)"},
    {"87 a178 ddffffffff" M_ID M_ORIGIN M_TARGET, "more elements than bytes are left"},
};

START_TEST(refuses_what_is_wrong)
{
    struct wkv_invocation invocation;
    memset(&invocation, 0xff, sizeof invocation);
    ck_assert_msg(decode(bad[_i].hex, &invocation) == WKV_BAD_REQUEST, "%s", bad[_i].hex);
    ck_assert_int_eq(error.code, WKV_BAD_REQUEST);
    ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%s: %s", bad[_i].hex, error.text);
    ck_assert_msg(strstr(error.text, "SECRET") == NULL, "%s: %s", bad[_i].hex, error.text);
    ck_assert_msg(strlen(error.text) < WKV_ERROR_TEXT_BYTES - 1, "cut: %s", error.text);
    ck_assert_uint_eq(invocation.id.len, 0);
    ck_assert_uint_eq(invocation.origin.actor.len + invocation.target.capid.len + invocation.operation.len +
                          invocation.msg.len + invocation.encoded_claims.len + invocation.host_id.len,
                      0);
}
END_TEST

START_TEST(needs_no_error_struct_and_no_bytes)
{
    struct wkv_invocation invocation;
    ck_assert_int_eq(wkv_invocation_decode(NULL, 0, &arena, &invocation, NULL), WKV_BAD_REQUEST);
    ck_assert_uint_eq(invocation.id.len, 0);
}
END_TEST

START_TEST(nesting_has_an_end)
{
    size_t front = 3, depth = 1000000;
    uint8_t *deep = malloc(front + depth);
    for (int map = 0; map < 2; map++) {
        memcpy(deep, "\x87\xa1x", front);
        memset(deep + front, map ? 0x81 : 0x91, depth);
        struct wkv_invocation invocation;
        ck_assert_int_eq(wkv_invocation_decode(deep, front + depth, &arena, &invocation, &error),
                         WKV_BAD_REQUEST);
        ck_assert_ptr_nonnull(strstr(error.text, "nested too deeply"));
    }
    free(deep);
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    size_t full;
    uint8_t *whole = hex_bytes(forms[_i], &full);
    for (size_t len = 0; len < full; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, whole, len);
        struct wkv_invocation invocation;
        ck_assert_msg(wkv_invocation_decode(exact, len, &arena, &invocation, &error) == WKV_BAD_REQUEST,
                      "%zu", len);
        ck_assert_uint_eq(invocation.id.len, 0);
        wkv_arena_reset(&arena);
        free(exact);
    }
    free(whole);
}
END_TEST

static bool ends_cleanly(const uint8_t *changed, size_t len)
{
    struct wkv_invocation invocation;
    enum wkv_code code = wkv_invocation_decode(changed, len, &arena, &invocation, &error);
    wkv_arena_reset(&arena);
    return (code == WKV_OK || code == WKV_BAD_REQUEST) &&
           wkv_utf8_valid(invocation.id.data, invocation.id.len);
}

START_TEST(every_changed_byte_ends_cleanly)
{
    size_t full;
    uint8_t *whole = hex_bytes(forms[_i], &full);
    for (size_t at = 0; at < full; at++) {
        uint8_t was = whole[at];
        for (unsigned byte = (unsigned)at % test_stride(); byte < 256; byte += test_stride()) {
            whole[at] = (uint8_t)byte;
            if (!ends_cleanly(whole, full)) /* an assertion of Check for each would take seconds */
                ck_abort_msg("byte %zu as %02x", at, byte);
        }
        whole[at] = was;
    }
    free(whole);
}
END_TEST

START_TEST(a_msg_takes_its_length_of_the_arena_and_no_more)
{
    size_t len;
    uint8_t *whole = hex_bytes(forms[0], &len);
    struct wkv_arena small;
    struct wkv_invocation invocation;
    ck_assert(wkv_arena_init(&small, 16, 16));
    ck_assert_int_eq(wkv_invocation_decode(whole, len, &small, &invocation, &error), WKV_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(error.text, "no memory to decode this Invocation"));
    ck_assert_uint_eq(invocation.id.len, 0);
    wkv_arena_destroy(&small);
    ck_assert(wkv_arena_init(&small, 32, 32));
    ck_assert_int_eq(wkv_invocation_decode(whole, len, &small, &invocation, &error), WKV_OK);
    wkv_arena_destroy(&small);
    free(whole);
    /* As bin it needs none. */
    whole = hex_bytes("87" M_ORIGIN M_TARGET M_OPERATION N_MSG "c402ff00" M_ID M_CLAIMS M_HOST, &len);
    ck_assert(wkv_arena_init(&small, 16, 16));
    ck_assert_int_eq(wkv_invocation_decode(whole, len, &small, &invocation, &error), WKV_OK);
    ck_assert(invocation.msg.data > (char *)whole && invocation.msg.data < (char *)whole + len);
    ck_assert_ptr_nonnull(wkv_arena_alloc(&small, 16));
    wkv_arena_destroy(&small);
    free(whole);
}
END_TEST

static struct wkv_text slice_of(const char *text)
{
    return (struct wkv_text){text, strlen(text)};
}

static void assert_response(struct wkv_text msg, const char *failure, const char *id, const char *hex)
{
    size_t len;
    uint8_t *expected = hex_bytes(hex, &len);
    wkv_buffer_reset(&buffer, SIZE_MAX);
    ck_assert_uint_eq(wkv_invocation_response_bytes(msg, failure, slice_of(id)), len);
    ck_assert(wkv_invocation_response_write(&buffer, msg, failure, slice_of(id)));
    ck_assert_uint_eq(buffer.len, len);
    ck_assert_msg(memcmp(buffer.data, expected, len) == 0, "%s", hex);
    free(expected);
}

/* real */
START_TEST(writes_a_response_as_rmp_serde_does)
{
    assert_response((struct wkv_text){"\x00\x01\x7f\x80\xff", 5}, NULL, "id-1",
                    "83a36d73679500017fcc80ccffa56572726f72c0ad696e766f636174696f6e5f6964a469642d31");
    assert_response((struct wkv_text){NULL, 0}, "no", "id-2",
                    "83a36d736790a56572726f72a26e6fad696e766f636174696f6e5f6964a469642d32");
    static const char bytes_200[16] = "\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8";
    assert_response(
        (struct wkv_text){bytes_200, 16}, "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "",
        "83a36d7367dc0010ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8ccc8a56572726f72d9"
        "2865656565656565656565656565656565656565656565656565656565656565656565656565656565ad696e766f"
        "636174696f6e5f6964a0");
}
END_TEST

START_TEST(an_empty_error_is_an_error)
{
    assert_response((struct wkv_text){NULL, 0}, "", "i",
                    "83a36d736790a56572726f72a0ad696e766f636174696f6e5f6964a169");
}
END_TEST

START_TEST(says_its_size_beforehand_whatever_its_length)
{
    static const size_t lens[] = {0, 1, 15, 16, 255, 256, 65535, 65536, 300000};
    char *msg = malloc(300000);
    for (size_t i = 0; i < 300000; i++)
        msg[i] = (char)(i * 7);
    char id[70000];
    memset(id, 'i', sizeof id);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct wkv_text name = {id, lens[i] < sizeof id ? lens[i] : 31};
        struct wkv_buffer fresh = {0};
        ck_assert(wkv_buffer_append(&fresh, "before", 6));
        ck_assert(wkv_invocation_response_write(&fresh, (struct wkv_text){msg, lens[i]}, NULL, name));
        ck_assert_uint_eq(fresh.len - 6,
                          wkv_invocation_response_bytes((struct wkv_text){msg, lens[i]}, NULL, name));
        ck_assert_mem_eq(fresh.data, "before\x83\xa3msg", 11);
        ck_assert_mem_eq(fresh.data + fresh.len - name.len, id, name.len);
        wkv_buffer_destroy(&fresh);
    }
    free(msg);
}
END_TEST

START_TEST(what_no_length_holds_is_not_written)
{
    /* No byte of these is read. */
    struct wkv_text endless = {"x", (size_t)UINT32_MAX + 1}, none = {NULL, 0};
    ck_assert_uint_eq(wkv_invocation_response_bytes(endless, NULL, none), SIZE_MAX);
    ck_assert_uint_eq(wkv_invocation_response_bytes(none, NULL, endless), SIZE_MAX);
    ck_assert(!wkv_invocation_response_write(&buffer, endless, NULL, none));
    ck_assert_uint_eq(buffer.len, 0);
    buffer.failed = true;
    ck_assert(!wkv_invocation_response_write(&buffer, none, NULL, none));
    ck_assert_uint_eq(buffer.len, 0);
}
END_TEST

Suite *invocation_suite(void)
{
    Suite *suite = suite_create("front/invocation");
    TCase *tests = tcase_create("invocation");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, decodes_an_invocation_in_each_of_its_forms, 0, FORMS);
    tcase_add_test(tests, decodes_a_call_from_a_capability_to_an_actor);
    tcase_add_test(tests, decodes_every_byte_of_a_msg_in_every_form_of_an_integer);
    tcase_add_test(tests, an_empty_msg_and_empty_texts_are_there);
    tcase_add_loop_test(tests, refuses_what_is_wrong, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, needs_no_error_struct_and_no_bytes);
    tcase_add_test(tests, nesting_has_an_end);
    tcase_add_loop_test(tests, every_prefix_is_refused, 0, FORMS);
    tcase_add_loop_test(tests, every_changed_byte_ends_cleanly, 0, FORMS);
    tcase_add_test(tests, a_msg_takes_its_length_of_the_arena_and_no_more);
    tcase_add_test(tests, writes_a_response_as_rmp_serde_does);
    tcase_add_test(tests, an_empty_error_is_an_error);
    tcase_add_test(tests, says_its_size_beforehand_whatever_its_length);
    tcase_add_test(tests, what_no_length_holds_is_not_written);
    suite_add_tcase(suite, tests);
    return suite;
}
