#include "operation/glob.h"

#include <stdint.h>

/* What is left to read. */
struct rest {
    const char *at;
    size_t len;
};

static unsigned char byte_at(const struct rest *rest, size_t i)
{
    return (unsigned char)rest->at[i];
}

static bool begins_with(const struct rest *rest, char c)
{
    return rest->len > 0 && rest->at[0] == c;
}

static void skip(struct rest *rest, size_t bytes)
{
    rest->at += bytes;
    rest->len -= bytes;
}

/* Bytes of the character that the rest, which is not empty, begins with. */
static size_t character_bytes(const struct rest *rest)
{
    unsigned char first = byte_at(rest, 0);
    size_t bytes = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
    if (bytes > rest->len)
        return 1;
    for (size_t i = 1; i < bytes; i++)
        if ((byte_at(rest, i) & 0xc0) != 0x80)
            return 1;
    return bytes;
}

/* Takes the next character off. It is told as the number that its bytes make, the first uppermost, which is
 * in the order of the code points and is another for every other character. */
static uint32_t take(struct rest *rest)
{
    uint32_t character = 0;
    size_t bytes = character_bytes(rest);
    for (size_t i = 0; i < bytes; i++)
        character = character << 8 | byte_at(rest, i);
    skip(rest, bytes);
    return character;
}

/* Takes off one member of a class, a character or a range. */
static bool take_member(struct rest *glob, uint32_t character)
{
    if (begins_with(glob, '\\') && glob->len >= 2) {
        skip(glob, 1);
        return take(glob) == character;
    }
    uint32_t first = take(glob);
    if (!begins_with(glob, '-') || glob->len < 2)
        return first == character;
    skip(glob, 1);
    uint32_t last = take(glob);
    return first <= last ? first <= character && character <= last : last <= character && character <= first;
}

/* Takes off a class, of which the '[' is gone already. */
static bool take_class(struct rest *glob, uint32_t character)
{
    bool member = false;
    bool negated = begins_with(glob, '^');
    if (negated)
        skip(glob, 1);
    while (glob->len > 0 && !begins_with(glob, ']'))
        member |= take_member(glob, character);
    if (glob->len > 0)
        skip(glob, 1);
    return member != negated;
}

/* Takes off what stands for one character, which is not a '*', and that character. */
static bool take_one(struct rest *glob, struct rest *text)
{
    uint32_t character = take(text);
    if (begins_with(glob, '?')) {
        skip(glob, 1);
        return true;
    }
    if (begins_with(glob, '[')) {
        skip(glob, 1);
        return take_class(glob, character);
    }
    if (begins_with(glob, '\\') && glob->len >= 2)
        skip(glob, 1);
    return take(glob) == character;
}

/* Where the text does not go on as the glob does, the last '*' takes a character more. An earlier one need
 * not: what stood between the two was found as early as it could be, and so leaves the last one the most to
 * choose from. */
bool wkv_glob_match(const char *glob_bytes, size_t glob_len, const char *text_bytes, size_t text_len)
{
    struct rest glob = {glob_bytes, glob_len}, text = {text_bytes, text_len};
    struct rest behind_star = {NULL, 0}, taken_up_to = {NULL, 0};
    bool starred = false;
    for (;;) {
        if (begins_with(&glob, '*')) {
            skip(&glob, 1);
            if (glob.len == 0)
                return true;
            starred = true;
            behind_star = glob;
            taken_up_to = text;
        } else if (glob.len == 0 && text.len == 0) {
            return true;
        } else if (glob.len == 0 || text.len == 0 || !take_one(&glob, &text)) {
            if (!starred || taken_up_to.len == 0)
                return false;
            (void)take(&taken_up_to);
            glob = behind_star;
            text = taken_up_to;
        }
    }
}
