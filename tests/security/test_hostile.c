/* Tokens of people who want in. Each goes through the policy as a request would bring it, and must get just
 * the code and the words that its row names. */
#include "access/policy_fixture.h"

/* What is done to a token after it was signed. */
enum how {
    AS_IT_IS,
    EMPTY,
    ONE_SEGMENT,
    TWO_SEGMENTS,
    FOUR_SEGMENTS,
    NO_HEADER,
    NO_PAYLOAD,
    NO_SIGNATURE,
    ONLY_DOTS,
    CUT_HEADER,
    CUT_PAYLOAD,
    CUT_SIGNATURE,
    LONG_SIGNATURE,
    PADDED_HEADER,
    PADDED_PAYLOAD,
    PADDED_SIGNATURE,
    STANDARD_ALPHABET,
    SPACE_IN_FRONT,
    NEWLINE_AT_END,
    NEWLINE_WITHIN,
    NUL_AT_END,
    NUL_WITHIN,
    HEADER_AND_PAYLOAD_SWAPPED,
    ANOTHERS_SIGNATURE,
    ZERO_SIGNATURE,
    SIGNATURE_PLUS_ORDER,
    SPARE_BITS_IN_HEADER,
    SPARE_BITS_IN_PAYLOAD,
    SPARE_BITS_IN_SIGNATURE,
    TOO_LONG,
    PAYLOAD_CHANGED,
    UPPER_CASE,
};

/* In header and payload: @A the trusted account, @B another, @M the actor of the subject, @X another actor,
 * @N the trusted host, @P another host, @O an operator, @H the right hash of the invocation. Signed by the
 * letter's key. */
struct hostile {
    const char *name;
    const char *header;
    const char *payload;
    char signer;
    enum how how;
    int64_t later_s; /* than NOW */
    enum wkv_code code;
    const char *words;
};

#define GOOD                                                                                                 \
    "{\"jti\":\"x\",\"iat\":1600000000,\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":{\"name\":\"n\",\"hash\":"   \
    "\"\","                                                                                                  \
    "\"tags\":[],\"caps\":[\"wascc:keyvalue\"],\"prov\":false}}"
/* With members in front of the good ones, and with other ones than these. */
#define WITH(members)                                                                                        \
    "{" members ",\"jti\":\"x\",\"iat\":1600000000,\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":{\"caps\":["     \
    "\"wascc:keyvalue\"]}}"
#define IDENTITY(iss, sub)                                                                                   \
    "{\"jti\":\"x\",\"iat\":1,\"iss\":" iss ",\"sub\":" sub ",\"wascap\":{\"caps\":[\"wascc:keyvalue\"]}}"
#define WASCAP(members) "{\"jti\":\"x\",\"iat\":1,\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":" members "}"
#define CALL(iss, wascap)                                                                                    \
    "{\"jti\":\"x\",\"iat\":1700000000,\"iss\":\"" iss "\",\"sub\":\"id-1\",\"wascap\":" wascap "}"
#define CALL_WASCAP                                                                                          \
    "{\"target_url\":\"wasmbus://wascc/keyvalue/default/Get\",\"origin_url\":\"wasmbus://"                   \
    "@M\",\"hash\":\"@H\"}"
#define D10 "[[[[[[[[[["
#define U10 "]]]]]]]]]]"
#define D400 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10 D10

static const struct hostile CLAIMS[] = {
    /* The three segments. */
    {"nothing", HEADER, GOOD, 'A', EMPTY, 0, 401, "no claims"},
    {"one segment", HEADER, GOOD, 'A', ONE_SEGMENT, 0, 401, "three segments"},
    {"two segments", HEADER, GOOD, 'A', TWO_SEGMENTS, 0, 401, "three segments"},
    {"four segments", HEADER, GOOD, 'A', FOUR_SEGMENTS, 0, 401, "three segments"},
    {"an empty header", HEADER, GOOD, 'A', NO_HEADER, 0, 401, "three segments"},
    {"an empty payload", HEADER, GOOD, 'A', NO_PAYLOAD, 0, 401, "three segments"},
    {"an empty signature", HEADER, GOOD, 'A', NO_SIGNATURE, 0, 401, "three segments"},
    {"only dots", HEADER, GOOD, 'A', ONLY_DOTS, 0, 401, "three segments"},
    {"a header cut short", HEADER, GOOD, 'A', CUT_HEADER, 0, 401, "header of the actor's claims is"},
    {"a payload cut short", HEADER, GOOD, 'A', CUT_PAYLOAD, 0, 401, "actor's claims"},
    {"a signature cut short", HEADER, GOOD, 'A', CUT_SIGNATURE, 0, 401, "85 characters, not 86"},
    {"a signature too long", HEADER, GOOD, 'A', LONG_SIGNATURE, 0, 401, "87 characters, not 86"},
    {"a padded header", HEADER, GOOD, 'A', PADDED_HEADER, 0, 401,
     "header of the actor's claims is not base64url"},
    {"a padded payload", HEADER, GOOD, 'A', PADDED_PAYLOAD, 0, 401,
     "payload of the actor's claims is not base64url"},
    {"a padded signature", HEADER, GOOD, 'A', PADDED_SIGNATURE, 0, 401, "88 characters, not 86"},
    {"the alphabet of plain base64", HEADER, GOOD, 'A', STANDARD_ALPHABET, 0, 401, "base64url"},
    {"a space in front", HEADER, GOOD, 'A', SPACE_IN_FRONT, 0, 401,
     "header of the actor's claims is not base64url"},
    {"a newline at the end", HEADER, GOOD, 'A', NEWLINE_AT_END, 0, 401, "87 characters, not 86"},
    {"a newline within", HEADER, GOOD, 'A', NEWLINE_WITHIN, 0, 401, "base64url"},
    {"a NUL at the end", HEADER, GOOD, 'A', NUL_AT_END, 0, 401, "87 characters, not 86"},
    {"a NUL within", HEADER, GOOD, 'A', NUL_WITHIN, 0, 401, "base64url"},
    {"header and payload swapped", HEADER, GOOD, 'A', HEADER_AND_PAYLOAD_SWAPPED, 0, 401,
     "another alg than Ed25519"},
    {"all in upper case", HEADER, GOOD, 'A', UPPER_CASE, 0, 401, "header of the actor's claims"},
    {"spare bits set in the header", HEADER, GOOD, 'A', SPARE_BITS_IN_HEADER, 0, 401,
     "header of the actor's claims is not base64url"},
    {"spare bits set in the payload", HEADER, GOOD "  ", 'A', SPARE_BITS_IN_PAYLOAD, 0, 401,
     "payload of the actor's claims is not base64url"},
    {"spare bits set in the signature", HEADER, GOOD, 'A', SPARE_BITS_IN_SIGNATURE, 0, 401,
     "signature of the actor's claims is not base64url"},
    {"more than 16 KiB", HEADER, GOOD, 'A', TOO_LONG, 0, 401, "longer than 16384 bytes"},

    /* The signature. */
    {"the signature of other claims", HEADER, GOOD, 'A', ANOTHERS_SIGNATURE, 0, 401, "bad signature"},
    {"a signature of zeroes", HEADER, GOOD, 'A', ZERO_SIGNATURE, 0, 401, "bad signature"},
    {"the same signature with the group's order added", HEADER, GOOD, 'A', SIGNATURE_PLUS_ORDER, 0, 401,
     "bad signature"},
    {"a payload changed after signing", HEADER, GOOD, 'A', PAYLOAD_CHANGED, 0, 401, "bad signature"},
    {"signed by another account in the issuer's name", HEADER, GOOD, 'B', AS_IT_IS, 0, 401, "bad signature"},
    {"signed by the actor in the issuer's name", HEADER, GOOD, 'M', AS_IT_IS, 0, 401, "bad signature"},
    {"signed by a trusted host in the issuer's name", HEADER, GOOD, 'N', AS_IT_IS, 0, 401, "bad signature"},
    {"another's subject under a bad signature is 401 first", HEADER, IDENTITY("\"@A\"", "\"@X\""), 'B',
     AS_IT_IS, 0, 401, "bad signature"},

    /* The header. */
    {"alg none", "{\"typ\":\"jwt\",\"alg\":\"none\"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"alg None", "{\"typ\":\"jwt\",\"alg\":\"None\"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"alg HS256", "{\"typ\":\"jwt\",\"alg\":\"HS256\"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"alg EdDSA", "{\"typ\":\"jwt\",\"alg\":\"EdDSA\"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"alg ed25519", "{\"typ\":\"jwt\",\"alg\":\"ed25519\"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"alg with a space", "{\"typ\":\"jwt\",\"alg\":\"Ed25519 \"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"alg with a NUL", "{\"typ\":\"jwt\",\"alg\":\"Ed25519\\u0000\"}", GOOD, 'A', AS_IT_IS, 0, 401, "NUL"},
    {"alg as an array", "{\"typ\":\"jwt\",\"alg\":[\"Ed25519\"]}", GOOD, 'A', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"no alg", "{\"typ\":\"jwt\"}", GOOD, 'A', AS_IT_IS, 0, 401, "another alg than Ed25519"},
    {"ALG", "{\"typ\":\"jwt\",\"ALG\":\"Ed25519\"}", GOOD, 'A', AS_IT_IS, 0, 401, "another alg than Ed25519"},
    {"alg twice", "{\"typ\":\"jwt\",\"alg\":\"none\",\"alg\":\"Ed25519\"}", GOOD, 'A', AS_IT_IS, 0, 401,
     "twice"},
    {"alg twice, once escaped", "{\"typ\":\"jwt\",\"alg\":\"Ed25519\",\"\\u0061lg\":\"none\"}", GOOD, 'A',
     AS_IT_IS, 0, 401, "twice"},
    {"typ JWT", "{\"typ\":\"JWT\",\"alg\":\"Ed25519\"}", GOOD, 'A', AS_IT_IS, 0, 401, "another typ than jwt"},
    {"no typ", "{\"alg\":\"Ed25519\"}", GOOD, 'A', AS_IT_IS, 0, 401, "another typ than jwt"},
    {"a jwk in the header", "{\"typ\":\"jwt\",\"alg\":\"Ed25519\",\"jwk\":{}}", GOOD, 'A', AS_IT_IS, 0, 401,
     "besides typ and alg"},
    {"crit in the header", "{\"typ\":\"jwt\",\"alg\":\"Ed25519\",\"crit\":[\"b64\"]}", GOOD, 'A', AS_IT_IS, 0,
     401, "besides typ and alg"},
    {"a header that is an array", "[\"jwt\",\"Ed25519\"]", GOOD, 'A', AS_IT_IS, 0, 401,
     "not one JSON object"},
    {"a header with something after it", HEADER "x", GOOD, 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"a nested bomb in the header", D400, GOOD, 'A', AS_IT_IS, 0, 401, "deeper than 32"},

    /* The payload as JSON. */
    {"no JSON", HEADER, "hello", 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"an array", HEADER, "[" GOOD "]", 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"two objects", HEADER, GOOD GOOD, 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"an object left open", HEADER, "{\"iss\":\"@A\"", 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"a comment", HEADER, "/**/" GOOD, 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"a byte order mark", HEADER, "\xef\xbb\xbf" GOOD, 'A', AS_IT_IS, 0, 401, "actor's claims"},
    {"text that is not UTF-8", HEADER, WITH("\"x\":\"\xff\""), 'A', AS_IT_IS, 0, 401, "UTF-8"},
    {"a lone surrogate", HEADER, WITH("\"x\":\"\\ud800\""), 'A', AS_IT_IS, 0, 401, "actor's claims"},
    {"a nested bomb of arrays", HEADER, WITH("\"x\":" D400), 'A', AS_IT_IS, 0, 401, "deeper than 32"},
    {"one level too deep", HEADER,
     WITH("\"x\":" D10 D10 D10 "[["
          "]]" U10 U10 U10),
     'A', AS_IT_IS, 0, 401, "deeper than 32"},
    {"iss twice", HEADER, WITH("\"iss\":\"@B\""), 'A', AS_IT_IS, 0, 401, "twice"},
    {"sub twice", HEADER, WITH("\"sub\":\"@X\""), 'A', AS_IT_IS, 0, 401, "twice"},
    {"sub twice, once escaped", HEADER, WITH("\"s\\u0075b\":\"@X\""), 'A', AS_IT_IS, 0, 401, "twice"},
    {"caps twice", HEADER, WASCAP("{\"caps\":[],\"caps\":[\"wascc:keyvalue\"]}"), 'A', AS_IT_IS, 0, 401,
     "twice"},
    {"a member twice that is not ours", HEADER, WITH("\"x\":1,\"x\":2"), 'A', AS_IT_IS, 0, 401, "twice"},
    {"a NUL in a string", HEADER, WITH("\"x\":\"a\\u0000b\""), 'A', AS_IT_IS, 0, 401, "NUL"},
    {"a NUL in a member's name", HEADER, WITH("\"iss\\u0000\":\"@A\""), 'A', AS_IT_IS, 0, 401, "NUL"},
    {"a NUL after the issuer", HEADER, IDENTITY("\"@A\\u0000\"", "\"@M\""), 'A', AS_IT_IS, 0, 401, "NUL"},

    /* Numbers. */
    {"an exp that is a string", HEADER, WITH("\"exp\":\"9999999999\""), 'A', AS_IT_IS, 0, 401,
     "exp that is not an integer"},
    {"an exp with a fraction", HEADER, WITH("\"exp\":9999999999.5"), 'A', AS_IT_IS, 0, 401,
     "exp that is not an integer"},
    {"an exp with an exponent", HEADER, WITH("\"exp\":1e10"), 'A', AS_IT_IS, 0, 401,
     "exp that is not an integer"},
    {"an exp of null", HEADER, WITH("\"exp\":null"), 'A', AS_IT_IS, 0, 401, "exp that is not an integer"},
    {"an exp of true", HEADER, WITH("\"exp\":true"), 'A', AS_IT_IS, 0, 401, "exp that is not an integer"},
    {"a negative exp", HEADER, WITH("\"exp\":-1"), 'A', AS_IT_IS, 0, 401, "exp that is not from 0"},
    {"an exp beyond 2^53", HEADER, WITH("\"exp\":9007199254740992"), 'A', AS_IT_IS, 0, 401,
     "exp that is not from 0"},
    {"an exp beyond 2^64", HEADER, WITH("\"exp\":18446744073709551617"), 'A', AS_IT_IS, 0, 401, "too large"},
    {"a huge number somewhere", HEADER, WITH("\"x\":1e999"), 'A', AS_IT_IS, 0, 401, "too large"},
    {"a number with a leading zero", HEADER, WITH("\"exp\":09999999999"), 'A', AS_IT_IS, 0, 401,
     "not one JSON object"},
    {"an exp of Infinity", HEADER, WITH("\"exp\":Infinity"), 'A', AS_IT_IS, 0, 401, "not one JSON object"},
    {"an nbf that is a string", HEADER, WITH("\"nbf\":\"0\""), 'A', AS_IT_IS, 0, 401,
     "nbf that is not an integer"},
    {"an iat that is a real", HEADER,
     "{\"jti\":\"x\",\"iat\":1.0,\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":{}}", 'A', AS_IT_IS, 0, 401,
     "iat that is not an integer"},
    {"no iat", HEADER, "{\"jti\":\"x\",\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":{}}", 'A', AS_IT_IS, 0, 401,
     "no iat"},
    {"no jti", HEADER, "{\"iat\":1,\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":{}}", 'A', AS_IT_IS, 0, 401,
     "no jti"},
    {"a jti that is a number", HEADER, "{\"jti\":5,\"iat\":1,\"iss\":\"@A\",\"sub\":\"@M\",\"wascap\":{}}",
     'A', AS_IT_IS, 0, 401, "jti that is not a string"},
    {"a rev beyond 2^31", HEADER, WASCAP("{\"rev\":2147483648}"), 'A', AS_IT_IS, 0, 401,
     "rev that is not from"},

    /* The clock. */
    {"expired long ago", HEADER, WITH("\"exp\":1600000000"), 'A', AS_IT_IS, 0, 401,
     "expired 100000000 s ago"},
    {"expired by the leeway", HEADER, WITH("\"exp\":1700000000"), 'A', AS_IT_IS, WKV_TOKEN_LEEWAY_S, 401,
     "expired 1 s ago"},
    {"expired in 1970", HEADER, WITH("\"exp\":0"), 'A', AS_IT_IS, 0, 401, "expired"},
    {"an exp of minus nothing", HEADER, WITH("\"exp\":-0"), 'A', AS_IT_IS, 0, 401, "expired"},
    {"not yet valid", HEADER, WITH("\"nbf\":1700000060"), 'A', AS_IT_IS, 0, 401,
     "not yet valid: their nbf is 60 s ahead"},
    {"not yet valid by one beyond the leeway", HEADER, WITH("\"nbf\":1700000002"), 'A', AS_IT_IS, 0, 401,
     "not yet valid"},

    /* Who says so, and of whom. */
    {"an untrusted issuer", HEADER, IDENTITY("\"@B\"", "\"@M\""), 'B', AS_IT_IS, 0, 401, "untrusted issuer"},
    {"no iss", HEADER, "{\"jti\":\"x\",\"iat\":1,\"sub\":\"@M\",\"wascap\":{}}", 'A', AS_IT_IS, 0, 401,
     "no iss"},
    {"an iss that is a number", HEADER, IDENTITY("5", "\"@M\""), 'A', AS_IT_IS, 0, 401,
     "iss that is not a string"},
    {"an empty iss", HEADER, IDENTITY("\"\"", "\"@M\""), 'A', AS_IT_IS, 0, 401, "iss that is no key"},
    {"the actor issues its own claims", HEADER, IDENTITY("\"@M\"", "\"@M\""), 'M', AS_IT_IS, 0, 401,
     "kind module as iss"},
    {"a trusted host issues actor claims", HEADER, IDENTITY("\"@N\"", "\"@M\""), 'N', AS_IT_IS, 0, 401,
     "kind host as iss: it must be an account's"},
    {"an operator issues actor claims", HEADER, IDENTITY("\"@O\"", "\"@M\""), 'O', AS_IT_IS, 0, 401,
     "kind operator as iss"},
    {"the issuer with another checksum", HEADER,
     IDENTITY("\"ADLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRVRTT\"", "\"@M\""), 'A', AS_IT_IS, 0,
     401, "checksum"},
    {"the issuer with a space after it", HEADER, IDENTITY("\"@A \"", "\"@M\""), 'A', AS_IT_IS, 0, 401,
     "56 characters, not 57"},
    {"invocation claims as actor claims", HEADER, CALL("@N", CALL_WASCAP), 'N', AS_IT_IS, 0, 401,
     "kind host as iss"},
    {"no sub", HEADER, "{\"jti\":\"x\",\"iat\":1,\"iss\":\"@A\",\"wascap\":{}}", 'A', AS_IT_IS, 0, 401,
     "no sub"},
    {"a sub that is an account", HEADER, IDENTITY("\"@A\"", "\"@B\""), 'A', AS_IT_IS, 0, 401,
     "sub that is no actor's key"},
    {"a sub that is `system`", HEADER, IDENTITY("\"@A\"", "\"system\""), 'A', AS_IT_IS, 0, 401,
     "sub that is no actor's key"},
    {"a sub in lower case", HEADER,
     IDENTITY("\"@A\"", "\"ma6uaf6d5bbyswusw4fkoti3p26jzgbmz4xmjfumydgvl4jk6rtayu6i\""), 'A', AS_IT_IS, 0,
     401, "sub that is no actor's key"},
    {"another actor's claims", HEADER, IDENTITY("\"@A\"", "\"@X\""), 'A', AS_IT_IS, 0, 403,
     "another actor's"},

    /* What it may do. */
    {"no wascap", HEADER, "{\"jti\":\"x\",\"iat\":1,\"iss\":\"@A\",\"sub\":\"@M\"}", 'A', AS_IT_IS, 0, 401,
     "have no wascap"},
    {"a wascap that is an array", HEADER, WASCAP("[]"), 'A', AS_IT_IS, 0, 401,
     "wascap that is not an object"},
    {"caps beside wascap", HEADER,
     "{\"jti\":\"x\",\"iat\":1,\"iss\":\"@A\",\"sub\":\"@M\",\"caps\":[\"wascc:keyvalue\"],\"wascap\":{}}",
     'A', AS_IT_IS, 0, 403, "wascc:keyvalue"},
    {"no caps", HEADER, WASCAP("{}"), 'A', AS_IT_IS, 0, 403, "wascc:keyvalue"},
    {"empty caps", HEADER, WASCAP("{\"caps\":[]}"), 'A', AS_IT_IS, 0, 403, "wascc:keyvalue"},
    {"other caps", HEADER,
     WASCAP("{\"caps\":[\"wascc:messaging\",\"wascc:keyvalue2\",\"wascc:keyvalu\",\"WASCC:KEYVALUE\"]}"), 'A',
     AS_IT_IS, 0, 403, "wascc:keyvalue"},
    {"caps as one string", HEADER, WASCAP("{\"caps\":\"wascc:keyvalue\"}"), 'A', AS_IT_IS, 0, 401,
     "caps that is not an array"},
    {"caps as an object", HEADER, WASCAP("{\"caps\":{\"wascc:keyvalue\":true}}"), 'A', AS_IT_IS, 0, 401,
     "caps that is not an array"},
    {"caps with a number among them", HEADER, WASCAP("{\"caps\":[\"wascc:keyvalue\",1]}"), 'A', AS_IT_IS, 0,
     401, "caps that is not an array"},
    {"the capability as a tag", HEADER, WASCAP("{\"tags\":[\"wascc:keyvalue\"]}"), 'A', AS_IT_IS, 0, 403,
     "wascc:keyvalue"},
    {"a prov that is a string", HEADER, WASCAP("{\"caps\":[\"wascc:keyvalue\"],\"prov\":\"true\"}"), 'A',
     AS_IT_IS, 0, 401, "prov"},
};

#define URLS(target, origin) "{\"target_url\":\"" target "\",\"origin_url\":\"" origin "\",\"hash\":\"@H\"}"
static const struct hostile CALLS[] = {
    {"nothing", HEADER, CALL("@N", CALL_WASCAP), 'N', EMPTY, 0, 401, "no invocation claims"},
    {"one segment", HEADER, CALL("@N", CALL_WASCAP), 'N', ONE_SEGMENT, 0, 401, "three segments"},
    {"alg none", "{\"typ\":\"jwt\",\"alg\":\"none\"}", CALL("@N", CALL_WASCAP), 'N', AS_IT_IS, 0, 401,
     "another alg than Ed25519"},
    {"the signature of others", HEADER, CALL("@N", CALL_WASCAP), 'N', ANOTHERS_SIGNATURE, 0, 401,
     "bad signature"},
    {"signed by an untrusted host in a trusted one's name", HEADER, CALL("@N", CALL_WASCAP), 'P', AS_IT_IS, 0,
     401, "bad signature"},
    {"an untrusted host", HEADER, CALL("@P", CALL_WASCAP), 'P', AS_IT_IS, 0, 401, "untrusted host"},
    {"a trusted account instead of a host", HEADER, CALL("@A", CALL_WASCAP), 'A', AS_IT_IS, 0, 401,
     "kind account as iss: it must be a host's"},
    {"the actor instead of a host", HEADER, CALL("@M", CALL_WASCAP), 'M', AS_IT_IS, 0, 401,
     "kind module as iss"},
    {"actor claims as invocation claims", HEADER, GOOD, 'A', AS_IT_IS, 0, 401, "kind account as iss"},
    {"an iat 61 s old", HEADER, CALL("@N", CALL_WASCAP), 'N', AS_IT_IS, 61, 401, "iat is 61 s ago"},
    {"an iat 61 s ahead", HEADER, CALL("@N", CALL_WASCAP), 'N', AS_IT_IS, -61, 401, "iat is 61 s ahead"},
    {"an exp that has passed", HEADER,
     "{\"iat\":1700000000,\"exp\":1699999990,\"iss\":\"@N\",\"sub\":\"i\",\"wascap\":" CALL_WASCAP "}", 'N',
     AS_IT_IS, 0, 401, "expired 10 s ago"},
    {"an nbf to come", HEADER,
     "{\"iat\":1700000000,\"nbf\":1700000030,\"iss\":\"@N\",\"sub\":\"i\",\"wascap\":" CALL_WASCAP "}", 'N',
     AS_IT_IS, 0, 401, "not yet valid"},
    {"no iat", HEADER, "{\"iss\":\"@N\",\"sub\":\"i\",\"wascap\":" CALL_WASCAP "}", 'N', AS_IT_IS, 0, 401,
     "no iat"},
    {"no id", HEADER, "{\"iat\":1700000000,\"iss\":\"@N\",\"wascap\":" CALL_WASCAP "}", 'N', AS_IT_IS, 0, 401,
     "no sub"},
    {"an empty id", HEADER, "{\"iat\":1700000000,\"iss\":\"@N\",\"sub\":\"\",\"wascap\":" CALL_WASCAP "}",
     'N', AS_IT_IS, 0, 401, "not an id of 1 to 256"},
    {"no target_url", HEADER, CALL("@N", "{\"origin_url\":\"wasmbus://@M\",\"hash\":\"@H\"}"), 'N', AS_IT_IS,
     0, 401, "no target_url"},
    {"no origin_url", HEADER, CALL("@N", "{\"target_url\":\"x\",\"hash\":\"@H\"}"), 'N', AS_IT_IS, 0, 401,
     "no origin_url"},
    {"no hash", HEADER, CALL("@N", "{\"target_url\":\"x\",\"origin_url\":\"y\"}"), 'N', AS_IT_IS, 0, 401,
     "no hash"},
    {"a hash that is a number", HEADER, CALL("@N", "{\"target_url\":\"x\",\"origin_url\":\"y\",\"hash\":5}"),
     'N', AS_IT_IS, 0, 401, "hash that is not a string"},
    {"a hash in lower case", HEADER,
     CALL("@N", "{\"target_url\":\"x\",\"origin_url\":\"y\",\"hash\":"
                "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"),
     'N', AS_IT_IS, 0, 401, "upper-case hex"},
    {"a short hash", HEADER, CALL("@N", "{\"target_url\":\"x\",\"origin_url\":\"y\",\"hash\":\"\"}"), 'N',
     AS_IT_IS, 0, 401, "upper-case hex"},
    {"the hash of another payload", HEADER,
     CALL("@N", "{\"target_url\":\"wasmbus://wascc/keyvalue/default/Get\",\"origin_url\":\"wasmbus://"
                "@M\",\"hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"),
     'N', AS_IT_IS, 0, 401, "do not hold for this payload"},
    {"another actor's invocation", HEADER,
     CALL("@N", URLS("wasmbus://wascc/keyvalue/default/Get", "wasmbus://@X")), 'N', AS_IT_IS, 0, 403,
     "another actor"},
    {"the system's invocation for an actor", HEADER,
     CALL("@N", URLS("wasmbus://wascc/keyvalue/default/Get", "wasmbus://system")), 'N', AS_IT_IS, 0, 403,
     "another actor"},
    {"the right token for another binding", HEADER,
     CALL("@N", URLS("wasmbus://wascc/keyvalue/other/Get", "wasmbus://@M")), 'N', AS_IT_IS, 0, 403,
     "another operation or binding"},
    {"the right token for another operation", HEADER,
     CALL("@N", URLS("wasmbus://wascc/keyvalue/default/Set", "wasmbus://@M")), 'N', AS_IT_IS, 0, 403,
     "another operation or binding"},
    {"another capability", HEADER, CALL("@N", URLS("wasmbus://wascc/messaging/default/Get", "wasmbus://@M")),
     'N', AS_IT_IS, 0, 403, "another operation or binding"},
    {"a target that goes on", HEADER,
     CALL("@N", URLS("wasmbus://wascc/keyvalue/default/Get/", "wasmbus://@M")), 'N', AS_IT_IS, 0, 403,
     "another operation or binding"},
    {"another scheme", HEADER, CALL("@N", URLS("nats://wascc/keyvalue/default/Get", "wasmbus://@M")), 'N',
     AS_IT_IS, 0, 403, "another operation or binding"},
};

static struct world world;

static void set_up(void)
{
    world_init(&world);
}

static void tear_down(void)
{
    world_destroy(&world);
}

static const struct person *person_of(char letter)
{
    switch (letter) {
    case 'A':
        return &world.account;
    case 'B':
        return &world.untrusted;
    case 'M':
        return &world.module;
    case 'X':
        return &world.other_module;
    case 'N':
        return &world.host;
    case 'P':
        return &world.other_host;
    case 'O':
        return &world.operator_key;
    default:
        return NULL;
    }
}

/* Puts the names in for the letters. From malloc. */
static char *expand(const char *pattern)
{
    char hash[WKV_TOKEN_HASH_CHARS + 1], origin[WKV_TOKEN_URL_BYTES];
    wkv_token_origin_url(origin, world.module.text, strlen(world.module.text));
    wkv_token_invocation_hash(origin, TARGET, PAYLOAD, strlen(PAYLOAD), hash);
    char *text = malloc(strlen(pattern) * 66 + 1);
    ck_assert_ptr_nonnull(text);
    size_t len = 0;
    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c != '@') {
            text[len++] = *c;
            continue;
        }
        c++;
        len += (size_t)sprintf(text + len, "%s", *c == 'H' ? hash : person_of(*c)->text);
    }
    text[len] = '\0';
    return text;
}

/* A token under the knife: room for as long as the longest gets. */
struct piece {
    char *text;
    size_t len;
};

#define ROOM (WKV_TOKEN_MAX_BYTES + 2048)

static void insert(struct piece *piece, size_t at, const char *what, size_t what_len)
{
    memmove(piece->text + at + what_len, piece->text + at, piece->len - at + 1);
    memcpy(piece->text + at, what, what_len);
    piece->len += what_len;
}

static void cut(struct piece *piece, size_t at, size_t count)
{
    memmove(piece->text + at, piece->text + at + count, piece->len - at - count + 1);
    piece->len -= count;
}

/* Another spelling of the same bytes: the last character is the next in the alphabet, which differs in a bit
 * that belongs to no byte. */
static void set_spare_bit(char *segment, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t at = (size_t)(strchr(alphabet, segment[len - 1]) - alphabet);
    ck_assert_msg(len % 4 != 0 && at % 2 == 0, "the segment has no spare bits");
    segment[len - 1] = alphabet[at + 1];
}

/* Replaces the signature, given its 64 bytes. */
static void put_signature(struct piece *piece, size_t second, const unsigned char signature[64])
{
    char *text = base64url(signature, 64);
    memcpy(piece->text + second + 1, text, strlen(text));
    free(text);
}

/* Adds the order of the group to the second half: libraries that do not check its range accept it. */
static void add_order(struct piece *piece, size_t second)
{
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                            0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                            0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    unsigned char signature[64];
    size_t len;
    ck_assert_int_eq(sodium_base642bin(signature, 64, piece->text + second + 1, 86, NULL, &len, NULL,
                                       sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    sodium_add(signature + 32, order, 32);
    put_signature(piece, second, signature);
}

/* Makes the claims centuries younger: a digit of `iat`, the signature as it was. */
static void change_payload(struct piece *piece, size_t first, size_t second)
{
    unsigned char *bytes = malloc(piece->len);
    size_t len;
    ck_assert_int_eq(sodium_base642bin(bytes, piece->len, piece->text + first + 1, second - first - 1, NULL,
                                       &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                     0);
    unsigned char *digit = memmem(bytes, len, "1600000000", 10);
    ck_assert_ptr_nonnull(digit);
    *digit = '9';
    char *text = base64url(bytes, len);
    memcpy(piece->text + first + 1, text, strlen(text));
    free(text);
    free(bytes);
}

static void operate(struct piece *piece, enum how how)
{
    size_t first = (size_t)(strchr(piece->text, '.') - piece->text);
    size_t second = (size_t)(strrchr(piece->text, '.') - piece->text);
    static const unsigned char zero[64] = {0};
    char *copy;
    switch (how) {
    case AS_IT_IS:
        break;
    case EMPTY:
        piece->len = 0;
        break;
    case ONE_SEGMENT:
        piece->len = first;
        break;
    case TWO_SEGMENTS:
        piece->len = second;
        break;
    case FOUR_SEGMENTS:
        insert(piece, piece->len, ".AAAA", 5);
        break;
    case NO_HEADER:
        cut(piece, 0, first);
        break;
    case NO_PAYLOAD:
        cut(piece, first + 1, second - first - 1);
        break;
    case NO_SIGNATURE:
        piece->len = second + 1;
        break;
    case ONLY_DOTS:
        strcpy(piece->text, "..");
        piece->len = 2;
        break;
    case CUT_HEADER:
        cut(piece, first - 1, 1);
        break;
    case CUT_PAYLOAD:
        cut(piece, second - 1, 1);
        break;
    case CUT_SIGNATURE:
        piece->len--;
        break;
    case LONG_SIGNATURE:
        insert(piece, piece->len, "A", 1);
        break;
    case PADDED_HEADER:
        insert(piece, first, "=", 1);
        break;
    case PADDED_PAYLOAD:
        insert(piece, second, "=", 1);
        break;
    case PADDED_SIGNATURE:
        insert(piece, piece->len, "==", 2);
        break;
    case STANDARD_ALPHABET:
        copy = strpbrk(piece->text, "-_");
        ck_assert_msg(copy != NULL, "the token has no character of base64url's own");
        for (char *c = piece->text; *c != '\0'; c++)
            *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
        break;
    case SPACE_IN_FRONT:
        insert(piece, 0, " ", 1);
        break;
    case NEWLINE_AT_END:
        insert(piece, piece->len, "\n", 1);
        break;
    case NEWLINE_WITHIN:
        insert(piece, second - 8, "\r\n", 2);
        break;
    case NUL_AT_END:
        insert(piece, piece->len, "\0", 1);
        break;
    case NUL_WITHIN:
        insert(piece, first - 4, "\0", 1);
        break;
    case HEADER_AND_PAYLOAD_SWAPPED:
        copy = strdup(piece->text);
        memcpy(piece->text, copy + first + 1, second - first - 1);
        piece->text[second - first - 1] = '.';
        memcpy(piece->text + second - first, copy, first);
        free(copy);
        break;
    case ANOTHERS_SIGNATURE: {
        unsigned char signature[64];
        wkv_nkey_seed_sign(world.account.seed, "something else", 14, signature);
        put_signature(piece, second, signature);
        break;
    }
    case ZERO_SIGNATURE:
        put_signature(piece, second, zero);
        break;
    case SIGNATURE_PLUS_ORDER:
        add_order(piece, second);
        break;
    case SPARE_BITS_IN_HEADER:
        set_spare_bit(piece->text, first);
        break;
    case SPARE_BITS_IN_PAYLOAD:
        set_spare_bit(piece->text + first + 1, second - first - 1);
        break;
    case SPARE_BITS_IN_SIGNATURE:
        set_spare_bit(piece->text + second + 1, piece->len - second - 1);
        break;
    case TOO_LONG:
        memset(piece->text + piece->len, 'A', WKV_TOKEN_MAX_BYTES + 1 - piece->len);
        piece->len = WKV_TOKEN_MAX_BYTES + 1;
        break;
    case PAYLOAD_CHANGED:
        change_payload(piece, first, second);
        break;
    case UPPER_CASE:
        for (char *c = piece->text; *c != '\0'; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        break;
    }
}

/* In memory of just its length, so that a read beyond it is seen. */
static struct piece make(const struct hostile *row)
{
    char *header = expand(row->header), *payload = expand(row->payload);
    char *signed_text = forge(header, payload, person_of(row->signer)->seed);
    struct piece piece = {malloc(ROOM), strlen(signed_text)};
    ck_assert_uint_lt(piece.len, ROOM / 2);
    strcpy(piece.text, signed_text);
    operate(&piece, row->how);
    free(header);
    free(payload);
    free(signed_text);
    struct piece exact = {malloc(piece.len == 0 ? 1 : piece.len), piece.len};
    memcpy(exact.text, piece.text, piece.len);
    free(piece.text);
    return exact;
}

static void expect(const struct hostile *row, enum wkv_code code, const struct wkv_error *error)
{
    ck_assert_msg(code == row->code, "%s: %d, not %d: %s", row->name, code, row->code, error->text);
    ck_assert_int_eq(error->code, row->code);
    ck_assert_msg(strstr(error->text, row->words) != NULL, "%s: '%s' is not in '%s'", row->name, row->words,
                  error->text);
    ck_assert_ptr_null(strstr(error->text, world.module.text));
    ck_assert_ptr_null(strstr(error->text, world.account.text));
    ck_assert_uint_lt(strlen(error->text), WKV_ERROR_TEXT_BYTES - 1);
}

START_TEST(hostile_actor_claims_are_refused)
{
    const struct hostile *row = &CLAIMS[_i];
    struct piece piece = make(row);
    struct wkv_policy_request request = get_request(&world);
    request.claims = (struct wkv_text){piece.text, piece.len};
    request.now_s = NOW + row->later_s;
    /* Twice: what was refused once is refused when it comes again, remembered or not. */
    for (int time = 0; time < 2; time++) {
        struct wkv_error error = {0};
        enum wkv_code code = wkv_policy_check(&world.policy, &request, &error);
        expect(row, code, &error);
    }
    free(piece.text);
}
END_TEST

START_TEST(hostile_invocation_claims_are_refused)
{
    const struct hostile *row = &CALLS[_i];
    struct piece piece = make(row);
    char *claims = mint(&world.account, world.module.text, 0, true);
    struct wkv_policy_request request = get_request(&world);
    const struct wkv_replay_options one = {.max_entries = 1, .shards = 1};
    wkv_replay_destroy(world.policy.replay);
    ck_assert_int_eq(wkv_replay_create(&one, &world.policy.replay, NULL), WKV_OK);
    world.policy.auth = WKV_AUTH_INVOCATION;
    request.claims = text_of(claims);
    request.invocation = (struct wkv_text){piece.text, piece.len};
    request.now_s = NOW + row->later_s;
    for (int time = 0; time < 2; time++) {
        struct wkv_error error = {0};
        enum wkv_code code = wkv_policy_check(&world.policy, &request, &error);
        expect(row, code, &error);
    }
    /* None of them has taken the window's only place. */
    ck_assert_int_eq(
        wkv_replay_note(world.policy.replay, world.host.key.bytes, "good", 4, NOW + 60, NOW, NULL), WKV_OK);
    free(piece.text);
    free(claims);
}
END_TEST

/* The tables prove nothing unless what they start from is accepted. */
START_TEST(the_tokens_that_the_tables_start_from_are_accepted)
{
    const struct hostile claims = {"good", HEADER, GOOD, 'A', AS_IT_IS, 0, WKV_OK, ""};
    const struct hostile deep = {"deep",
                                 HEADER,
                                 WITH("\"x\":" D10 D10 D10 "["
                                      "]" U10 U10 U10),
                                 'A',
                                 AS_IT_IS,
                                 0,
                                 WKV_OK,
                                 ""};
    const struct hostile early = {
        "edges", HEADER, WITH("\"exp\":1700000000,\"nbf\":1700000001"), 'A', AS_IT_IS, 0, WKV_OK, ""};
    const struct hostile escaped = {
        "escaped", "{\"typ\":\"jwt\",\"\\u0061lg\":\"Ed25519\"}", GOOD, 'A', AS_IT_IS, 0, WKV_OK, ""};
    const struct hostile call = {"call", HEADER, CALL("@N", CALL_WASCAP), 'N', AS_IT_IS, 0, WKV_OK, ""};
    const struct hostile *rows[] = {&claims, &deep, &early, &escaped};
    struct wkv_policy_request request = get_request(&world);
    struct wkv_error error;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct piece piece = make(rows[i]);
        request.claims = (struct wkv_text){piece.text, piece.len};
        ck_assert_msg(wkv_policy_check(&world.policy, &request, &error) == WKV_OK, "%s: %s", rows[i]->name,
                      error.text);
        free(piece.text);
    }
    struct piece piece = make(&call);
    request.invocation = (struct wkv_text){piece.text, piece.len};
    ck_assert_msg(wkv_policy_check_invocation(&world.policy, &request, &error) == WKV_OK, "%s", error.text);
    free(piece.text);
}
END_TEST

Suite *hostile_suite(void)
{
    Suite *suite = suite_create("security/hostile");
    TCase *tests = tcase_create("hostile");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_tokens_that_the_tables_start_from_are_accepted);
    tcase_add_loop_test(tests, hostile_actor_claims_are_refused, 0, sizeof CLAIMS / sizeof CLAIMS[0]);
    tcase_add_loop_test(tests, hostile_invocation_claims_are_refused, 0, sizeof CALLS / sizeof CALLS[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
