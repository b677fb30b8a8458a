/* Any glob against any text, beside a matcher that tries everything. The input is cut at its first NUL. */
#include "fuzz.h"
#include "operation/glob.h"

/* What is longer costs the plain matcher too much. */
#define MOST_BYTES 48
#define MOST_STARS 5

struct text {
    const unsigned char *at, *end;
};

/* The length of the character that begins at `at`: of UTF-8 where it is well formed, else a byte. */
static size_t character(const unsigned char *at, const unsigned char *end)
{
    static const struct {
        unsigned char first, last, second_first, second_last;
        size_t len;
    } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
                 {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first || at[0] > forms[i].last || (size_t)(end - at) < forms[i].len)
            continue;
        bool whole = at[1] >= forms[i].second_first && at[1] <= forms[i].second_last;
        for (size_t k = 2; k < forms[i].len; k++)
            whole &= (at[k] & 0xc0) == 0x80;
        return whole ? forms[i].len : 1;
    }
    return 1;
}

/* Globs without classes and escapes, which have tables of their own in tests/operation/test_glob.c. */
static bool matches(struct text glob, struct text text)
{
    if (glob.at == glob.end)
        return text.at == text.end;
    if (*glob.at == '*') {
        struct text rest = {glob.at + 1, glob.end};
        for (struct text left = text;; left.at += character(left.at, left.end)) {
            if (matches(rest, left))
                return true;
            if (left.at == left.end)
                return false;
        }
    }
    if (text.at == text.end)
        return false;
    size_t len = character(text.at, text.end);
    if (*glob.at == '?')
        return matches((struct text){glob.at + 1, glob.end}, (struct text){text.at + len, text.end});
    size_t wanted = character(glob.at, glob.end);
    return wanted == len && memcmp(glob.at, text.at, len) == 0 &&
           matches((struct text){glob.at + len, glob.end}, (struct text){text.at + len, text.end});
}

static bool is_plain(struct text glob)
{
    size_t stars = 0;
    for (const unsigned char *c = glob.at; c < glob.end; c++) {
        stars += *c == '*';
        if (*c == '[' || *c == '\\' || stars > MOST_STARS)
            return false;
    }
    return (size_t)(glob.end - glob.at) <= MOST_BYTES;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *cut = len == 0 ? NULL : memchr(bytes, '\0', len);
    struct text glob = {bytes, cut == NULL ? bytes + len : cut};
    struct text text = {cut == NULL ? bytes + len : cut + 1, bytes + len};
    bool matched = wkv_glob_match((const char *)glob.at, (size_t)(glob.end - glob.at), (const char *)text.at,
                                  (size_t)(text.end - text.at));
    if (is_plain(glob) && text.end - text.at <= MOST_BYTES)
        must(matched == matches(glob, text));
    must(wkv_glob_match("*", 1, (const char *)text.at, (size_t)(text.end - text.at)));
    return 0;
}
