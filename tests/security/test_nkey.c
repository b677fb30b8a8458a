#include <sys/stat.h>
#include <unistd.h>

#include "helpers.h"
#include "lib/seed.h"

/* Seeds and public keys of RFC 8032 section 7.1, in each kind's spelling (made with other tools than ours).
 */
static const struct {
    enum wkv_nkey_kind kind;
    const char *public_key;
    const char *seed;
} PAIRS[] = {
    {WKV_NKEY_ACCOUNT, "ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTU",
     "SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3Q"},
    {WKV_NKEY_MODULE, "MA6UAF6D5BBYSWUSW4FKOTI3P26JZGBMZ4XMJFUMYDGVL4JK6RTAYU6I",
     "SMAEZTIITMUP7FW2TW3MGRXMCFHA6W4KGGPTLK5GETNIZ5XNJ64KN66T2I"},
    {WKV_NKEY_HOST, "ND6FDTMOMIMKDI4NUR7NAARQ6BMAQFXNCO5DGA5MLXVZCFKISCACLF32",
     "SNAMLKUN6Q7Z7A335W3UILZR3S33CZWTQU2QO3YJJOC44OROBNCFR5ZRLA"},
    {WKV_NKEY_OPERATOR, "OATYCF74CRGHENAPM7IPEMLOQODM5757FMSCRSOFD7XXYWL7DVBG5VV3",
     "SOAPLZLWPTYVGMMVC5RQ6ITIO24GZALAZRMDXQATORGGX4SV6XGA5ZPNRM"},
    {WKV_NKEY_PROVIDER, "VDWBOK4TVVPFMO7USMWHBYJEKA2MGVDH54XP2TLE5P4BS2BUM7RL7J6O",
     "SVAIGP7GEQESG645MLWHOWDVECIR5GTVTTWB2GLVLN62SANZNXFD2QS4XY"},
};
#define PAIR_COUNT ((int)(sizeof PAIRS / sizeof PAIRS[0]))

/* RFC 8032 section 7.1: TEST 1, 2, 3 and SHA(abc). */
static const struct {
    const char *seed, *public_key, *message, *signature;
} SIGNATURES[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0595bbe2465"
     "5141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "eb4302aeeb0"
     "0d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e"
     "9716ed28dc0"
     "27beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d442"
     "3643ce80e2a"
     "9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179"
     "c138ac17ad9"
     "bef1177331a704"},
};
#define SIGNATURE_COUNT ((int)(sizeof SIGNATURES / sizeof SIGNATURES[0]))

static size_t from_hex(const char *hex, unsigned char *bytes, size_t capacity)
{
    size_t len;
    ck_assert_int_eq(sodium_hex2bin(bytes, capacity, hex, strlen(hex), NULL, &len, NULL), 0);
    return len;
}

START_TEST(every_kind_of_public_key_is_decoded_and_encoded_again)
{
    struct wkv_nkey key;
    char text[WKV_NKEY_PUBLIC_CHARS + 1];
    struct wkv_error error;
    const char *spelt = PAIRS[_i].public_key;
    ck_assert_int_eq(wkv_nkey_decode(spelt, strlen(spelt), &key, &error), WKV_OK);
    ck_assert_int_eq(key.kind, PAIRS[_i].kind);
    wkv_nkey_encode(&key, text);
    ck_assert_str_eq(text, spelt);
    ck_assert_int_eq(wkv_nkey_decode_kind(spelt, strlen(spelt), PAIRS[_i].kind, &key, &error), WKV_OK);
    enum wkv_nkey_kind other = PAIRS[(_i + 1) % PAIR_COUNT].kind;
    ck_assert_int_eq(wkv_nkey_decode_kind(spelt, strlen(spelt), other, &key, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, wkv_nkey_kind_name(other)));
}
END_TEST

START_TEST(every_kind_of_seed_is_decoded_and_encoded_again_and_has_its_public_key)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    char text[WKV_NKEY_SEED_CHARS + 1], public_key[WKV_NKEY_PUBLIC_CHARS + 1];
    const char *spelt = PAIRS[_i].seed;
    ck_assert_int_eq(wkv_nkey_seed_decode(spelt, strlen(spelt), &seed, &error), WKV_OK);
    wkv_nkey_seed_encode(seed, text);
    ck_assert_str_eq(text, spelt);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&key, public_key);
    ck_assert_str_eq(public_key, PAIRS[_i].public_key);
    wkv_nkey_seed_destroy(seed);
}
END_TEST

START_TEST(signatures_are_those_of_rfc_8032)
{
    unsigned char bytes[32], expected_key[32], message[64], expected[64], signature[64];
    from_hex(SIGNATURES[_i].seed, bytes, sizeof bytes);
    from_hex(SIGNATURES[_i].public_key, expected_key, sizeof expected_key);
    size_t len = from_hex(SIGNATURES[_i].message, message, sizeof message);
    from_hex(SIGNATURES[_i].signature, expected, sizeof expected);
    struct wkv_nkey_seed *seed;
    ck_assert_int_eq(test_seed_of_bytes(WKV_NKEY_ACCOUNT, bytes, &seed), WKV_OK);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    ck_assert_mem_eq(key.bytes, expected_key, 32);
    wkv_nkey_seed_sign(seed, message, len, signature);
    ck_assert_mem_eq(signature, expected, 64);
    ck_assert(wkv_nkey_verify(&key, message, len, expected));
    for (int bit = 0; bit < 512; bit++) {
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
        ck_assert_msg(!wkv_nkey_verify(&key, message, len, signature), "bit %d", bit);
        signature[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    wkv_nkey_seed_destroy(seed);
}
END_TEST

#define GOOD "ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTU"
static const struct {
    const char *text;
    const char *words;
} BAD_PUBLIC[] = {
    {"", "56 characters"},
    {"A", "56 characters"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRT", "56 characters"},
    {GOOD "A", "56 characters"},
    {GOOD "======", "56 characters"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTT", "checksum"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVTRU", "checksum"},
    {"MDLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTU", "checksum"},
    {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", "checksum"},
    {"adlvvgabqkyqvn6vjp7nhslea45a5yls6pnkmizfv4bbu2hxa5irvrtu", "A-Z and 2-7"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRT1", "A-Z and 2-7"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRT0", "A-Z and 2-7"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRT=", "A-Z and 2-7"},
    {" DLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTU", "A-Z and 2-7"},
    {"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRT\n", "A-Z and 2-7"},
    {"APLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVA7S", "begins with A, M, N, O or V"},
    {"SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3Q", "seed"},
};

START_TEST(a_malformed_public_key_is_refused_and_not_quoted)
{
    struct wkv_nkey key = {.kind = WKV_NKEY_OPERATOR};
    struct wkv_error error;
    const char *text = BAD_PUBLIC[_i].text;
    ck_assert_int_eq(wkv_nkey_decode(text, strlen(text), &key, &error), WKV_BAD_REQUEST);
    ck_assert_msg(strstr(error.text, BAD_PUBLIC[_i].words) != NULL, "%s: %s", text, error.text);
    ck_assert(strlen(text) < 8 || strstr(error.text, text) == NULL);
    ck_assert_int_eq(key.kind, WKV_NKEY_OPERATOR);
}
END_TEST

START_TEST(a_nul_within_a_public_key_is_refused)
{
    char text[] = GOOD;
    text[20] = '\0';
    struct wkv_nkey key;
    ck_assert_int_eq(wkv_nkey_decode(text, WKV_NKEY_PUBLIC_CHARS, &key, NULL), WKV_BAD_REQUEST);
}
END_TEST

START_TEST(a_key_has_one_spelling_every_changed_character_is_refused)
{
    struct wkv_nkey key;
    char text[WKV_NKEY_SEED_CHARS + 1];
    for (int at = 0; at < WKV_NKEY_PUBLIC_CHARS; at++)
        for (int c = 0; c < 256; c++) {
            strcpy(text, GOOD);
            if ((char)c == text[at])
                continue;
            text[at] = (char)c;
            ck_assert_int_eq(wkv_nkey_decode(text, WKV_NKEY_PUBLIC_CHARS, &key, NULL), WKV_BAD_REQUEST);
        }
    struct wkv_nkey_seed *seed;
    for (int at = 0; at < WKV_NKEY_SEED_CHARS; at++)
        for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567a0=\n"; *c != '\0'; c++) {
            strcpy(text, PAIRS[0].seed);
            if (*c == text[at])
                continue;
            text[at] = *c;
            ck_assert_int_eq(wkv_nkey_seed_decode(text, WKV_NKEY_SEED_CHARS, &seed, NULL), WKV_BAD_REQUEST);
        }
}
END_TEST

static const struct {
    const char *text;
    const char *words;
} BAD_SEED[] = {
    {"", "58 characters"},
    {"SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3", "58 characters"},
    {"SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3QA", "58 characters"},
    {"SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHYAQ", "checksum"},
    {"SMAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3Q", "checksum"},
    {"saaj2ynrtxx72wtaxkcev5es5qwmircjyvuxwmtjdfydxladdsxh6yhy3q", "A-Z and 2-7"},
    {"SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3R", "one way"},
    {"SAAZ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YBEKE", "begins with SA, SM, SN, SO, SU or SV"},
    {"RAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YBNFY", "begins with SA, SM, SN, SO, SU or SV"},
    {GOOD, "public key"},
};

START_TEST(a_malformed_seed_is_refused_and_not_quoted)
{
    struct wkv_nkey_seed *seed = NULL;
    struct wkv_error error;
    const char *text = BAD_SEED[_i].text;
    ck_assert_int_eq(wkv_nkey_seed_decode(text, strlen(text), &seed, &error), WKV_BAD_REQUEST);
    ck_assert_msg(strstr(error.text, BAD_SEED[_i].words) != NULL, "%s: %s", text, error.text);
    ck_assert(strlen(text) < 8 || strstr(error.text, text) == NULL);
    ck_assert_ptr_null(seed);
}
END_TEST

START_TEST(two_random_pairs_differ_and_each_verifies_only_its_own)
{
    struct wkv_nkey_seed *one, *two;
    ck_assert_int_eq(wkv_nkey_seed_generate(WKV_NKEY_HOST, &one, NULL), WKV_OK);
    ck_assert_int_eq(wkv_nkey_seed_generate(WKV_NKEY_HOST, &two, NULL), WKV_OK);
    struct wkv_nkey first = wkv_nkey_seed_public(one), second = wkv_nkey_seed_public(two);
    ck_assert_int_eq(first.kind, WKV_NKEY_HOST);
    ck_assert_mem_ne(first.bytes, second.bytes, sizeof first.bytes);
    unsigned char signature[WKV_NKEY_SIGNATURE_BYTES];
    wkv_nkey_seed_sign(one, "hello", 5, signature);
    ck_assert(wkv_nkey_verify(&first, "hello", 5, signature));
    ck_assert(!wkv_nkey_verify(&second, "hello", 5, signature));
    ck_assert(!wkv_nkey_verify(&first, "hellp", 5, signature));
    wkv_nkey_seed_destroy(one);
    wkv_nkey_seed_destroy(two);
    wkv_nkey_seed_destroy(NULL);
}
END_TEST

START_TEST(kinds_have_names_that_read_back)
{
    enum wkv_nkey_kind kind;
    for (int i = 0; i < PAIR_COUNT; i++) {
        ck_assert(wkv_nkey_kind_parse(wkv_nkey_kind_name(PAIRS[i].kind), &kind));
        ck_assert_int_eq(kind, PAIRS[i].kind);
    }
    ck_assert(!wkv_nkey_kind_parse("Account", &kind));
    ck_assert(!wkv_nkey_kind_parse("", &kind));
}
END_TEST

#define SEED_A "SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3Q"
static const struct {
    const char *content;
    const char *words; /* NULL: it loads */
} FILES[] = {
    {SEED_A, NULL},
    {SEED_A "\n", NULL},
    {"\r\n  " SEED_A " \r\n\t", NULL},
    {"{\"public\":\"" GOOD "\",\"seed\":\"" SEED_A "\"}\n", NULL},
    {"{ \"seed\" : \"" SEED_A "\" }", NULL},
    {"\xef\xbb\xbf" SEED_A "\r\n\r\n", NULL},
    {"\xef\xbb\xbf{\"public\":\"" GOOD "\",\r\n\"seed\":\"" SEED_A "\"}\r\n", NULL},
    {"", "no seed"},
    {" \n", "no seed"},
    {"{\"public\":\"" GOOD "\"}", "no seed"},
    {"{\"seed\":", "no seed"},
    {"{\"seed\":7}", "no seed"},
    {"{\"seed\":\"" SEED_A, "no seed"},
    {"{\"seed\":\"\"}", "no seed"},
    {GOOD "\n", "public key"},
    {SEED_A "\n" SEED_A "\n", "58 characters"},
};

/* Writes content to a new file and loads it. */
static enum wkv_code load_content(const char *content, size_t len, struct wkv_nkey_seed **seed,
                                  struct wkv_error *error)
{
    char path[] = "/tmp/wkv-seed-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    close(fd);
    enum wkv_code code = wkv_nkey_seed_load(path, WKV_FILE_REGULAR, seed, error);
    unlink(path);
    return code;
}

START_TEST(a_seed_is_loaded_from_a_file)
{
    struct wkv_nkey_seed *seed = NULL;
    struct wkv_error error = {0};
    enum wkv_code code = load_content(FILES[_i].content, strlen(FILES[_i].content), &seed, &error);
    if (FILES[_i].words == NULL) {
        ck_assert_msg(code == WKV_OK, "%s", error.text);
        char text[WKV_NKEY_SEED_CHARS + 1];
        wkv_nkey_seed_encode(seed, text);
        ck_assert_str_eq(text, SEED_A);
    } else {
        ck_assert_int_eq(code, WKV_BAD_REQUEST);
        ck_assert_msg(strstr(error.text, FILES[_i].words) != NULL, "%s", error.text);
        ck_assert_ptr_null(strstr(error.text, "SAAJ"));
    }
    wkv_nkey_seed_destroy(seed);
}
END_TEST

START_TEST(a_seed_file_that_is_too_long_or_not_there_is_refused)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    static char spaces[WKV_NKEY_SEED_FILE_BYTES + 1];
    memset(spaces, ' ', sizeof spaces);
    ck_assert_int_eq(load_content(spaces, sizeof spaces, &seed, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "longer than"));
    ck_assert_int_eq(wkv_nkey_seed_load("/nowhere/at/all", WKV_FILE_REGULAR, &seed, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "No such file"));
    ck_assert_int_eq(wkv_nkey_seed_load("/tmp", WKV_FILE_REGULAR, &seed, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot read"));
}
END_TEST

/* A signature is another one for each message, so about 16 of these would begin with a zero byte. */
START_TEST(a_signature_without_a_zero_in_front_holds_as_well)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    unsigned char plain[WKV_NKEY_SIGNATURE_BYTES], signature[WKV_NKEY_SIGNATURE_BYTES];
    ck_assert_int_eq(wkv_nkey_seed_generate(WKV_NKEY_USER, &seed, &error), WKV_OK);
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    int others = 0;
    for (uint32_t i = 0; i < 4096; i++) {
        wkv_nkey_seed_sign(seed, &i, sizeof i, plain);
        wkv_nkey_seed_sign_without_zero(seed, &i, sizeof i, signature);
        ck_assert_int_ne(signature[0], 0);
        ck_assert_int_eq(memcmp(plain, signature, sizeof plain) == 0, plain[0] != 0);
        if (plain[0] != 0)
            continue;
        others++;
        ck_assert(wkv_nkey_verify(&key, &i, sizeof i, signature));
        i ^= 0x80000000;
        ck_assert(!wkv_nkey_verify(&key, &i, sizeof i, signature));
        i ^= 0x80000000;
    }
    ck_assert_int_gt(others, 0);
    wkv_nkey_seed_destroy(seed);
}
END_TEST

START_TEST(a_seed_given_as_a_file_name_is_told_apart_and_not_quoted)
{
    struct wkv_nkey_seed *seed;
    struct wkv_error error;
    ck_assert_int_eq(wkv_nkey_seed_load(SEED_A, WKV_FILE_REGULAR, &seed, &error), WKV_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(error.text, "name of a file"));
    ck_assert_ptr_null(strstr(error.text, "SAAJ"));
}
END_TEST

Suite *nkey_suite(void)
{
    Suite *suite = suite_create("security/nkey");
    TCase *tests = tcase_create("nkey");
    tcase_add_loop_test(tests, every_kind_of_public_key_is_decoded_and_encoded_again, 0, PAIR_COUNT);
    tcase_add_loop_test(tests, every_kind_of_seed_is_decoded_and_encoded_again_and_has_its_public_key, 0,
                        PAIR_COUNT);
    tcase_add_loop_test(tests, signatures_are_those_of_rfc_8032, 0, SIGNATURE_COUNT);
    tcase_add_loop_test(tests, a_malformed_public_key_is_refused_and_not_quoted, 0,
                        sizeof BAD_PUBLIC / sizeof BAD_PUBLIC[0]);
    tcase_add_test(tests, a_nul_within_a_public_key_is_refused);
    tcase_add_test(tests, a_key_has_one_spelling_every_changed_character_is_refused);
    tcase_add_loop_test(tests, a_malformed_seed_is_refused_and_not_quoted, 0,
                        sizeof BAD_SEED / sizeof BAD_SEED[0]);
    tcase_add_test(tests, two_random_pairs_differ_and_each_verifies_only_its_own);
    tcase_add_test(tests, kinds_have_names_that_read_back);
    tcase_add_loop_test(tests, a_seed_is_loaded_from_a_file, 0, sizeof FILES / sizeof FILES[0]);
    tcase_add_test(tests, a_seed_file_that_is_too_long_or_not_there_is_refused);
    tcase_add_test(tests, a_signature_without_a_zero_in_front_holds_as_well);
    tcase_add_test(tests, a_seed_given_as_a_file_name_is_told_apart_and_not_quoted);
    suite_add_tcase(suite, tests);
    return suite;
}
