#include "support/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define NAME_MAX_CHARS 127

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t wkv_edit_distance(const char *one, const char *other)
{
    /* costs[j]: to make the first j characters of `other` out of those of `one` that were passed. */
    size_t costs[NAME_MAX_CHARS + 1];
    size_t one_len = strnlen(one, NAME_MAX_CHARS);
    size_t other_len = strnlen(other, NAME_MAX_CHARS);
    for (size_t j = 0; j <= other_len; j++)
        costs[j] = j;
    for (size_t i = 1; i <= one_len; i++) {
        size_t diagonal = costs[0];
        costs[0] = i;
        for (size_t j = 1; j <= other_len; j++) {
            size_t changed = diagonal + (same(one[i - 1], other[j - 1]) ? 0 : 1);
            diagonal = costs[j];
            costs[j] = least(changed, least(costs[j], costs[j - 1]) + 1);
        }
    }
    return costs[other_len];
}
