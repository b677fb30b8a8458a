#include "transport/header.h"

#include <stdint.h>
#include <string.h>

#define PREFIX "NATS/1.0"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct wkv_text trim(const char *from, const char *to)
{
    while (from < to && is_blank(*from))
        from++;
    while (from < to && is_blank(to[-1]))
        to--;
    return (struct wkv_text){from, (size_t)(to - from)};
}

/* The end of the lines that go on with the one that ends at line_end: those that begin with a blank. */
static const char *end_of_folds(const char *line_end, const char *end)
{
    while (line_end + 1 < end && (line_end[1] == ' ' || line_end[1] == '\t')) {
        const char *next = memchr(line_end + 1, '\n', (size_t)(end - line_end - 1));
        line_end = next == NULL ? end : next;
    }
    return line_end;
}

struct wkv_text wkv_header_find(const char *headers, size_t len, const char *name)
{
    const char *end = headers + len;
    size_t name_len = strlen(name);
    const char *line = memchr(headers, '\n', len);
    while (line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = next == NULL ? end : next;
        if ((size_t)(line_end - line) > name_len && line[name_len] == ':' &&
            memcmp(line, name, name_len) == 0)
            return trim(line + name_len + 1, end_of_folds(line_end, end));
        line = next;
    }
    return (struct wkv_text){NULL, 0};
}

/* Where the headers lie: nats.c (3.4 to 3.13) puts into one block, each with a NUL behind it,
 *
 *   +---------+---+-------+---+---------+---+------+---+
 *   | subject | 0 | reply | 0 | headers | 0 | data | 0 |
 *   +---------+---+-------+---+---------+---+------+---+
 *                 (if any)    (if any)
 *
 * so they are what is between the last of the former two and the data. Another nats.c would put something else there, or
 * nothing: then they do not begin with their prefix, and nats.c is asked. */
static struct wkv_text block_of(natsMsg *message)
{
    const char *before = natsMsg_GetReply(message);
    if (before == NULL)
        before = natsMsg_GetSubject(message);
    const char *start = before + strlen(before) + 1;
    uintptr_t from = (uintptr_t)start;
    uintptr_t to = (uintptr_t)natsMsg_GetData(message);
    if (to <= from + sizeof PREFIX || to - from > INT32_MAX || memcmp(start, PREFIX, sizeof PREFIX - 1) != 0)
        return (struct wkv_text){NULL, 0};
    return (struct wkv_text){start, (size_t)(to - from) - 1};
}

static struct wkv_text ask_nats(natsMsg *message, const char *name)
{
    const char *value = NULL;
    if (natsMsgHeader_Get(message, name, &value) != NATS_OK || value == NULL)
        return (struct wkv_text){NULL, 0};
    return (struct wkv_text){value, strlen(value)};
}

struct wkv_text wkv_header_of(natsMsg *message, const char *name)
{
    /* nats.c has made the table of a message without data already, to see whether it is "no responders", and has written into
     * the headers for it. */
    if (natsMsg_GetDataLength(message) == 0)
        return ask_nats(message, name);
    struct wkv_text block = block_of(message);
    return block.data == NULL ? ask_nats(message, name) : wkv_header_find(block.data, block.len, name);
}
