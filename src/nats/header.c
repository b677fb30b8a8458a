#include "nats/header.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support/text.h"

#define PREFIX "NATS/1.0"

/* The end of the lines that go on with the one that ends at line_end: those that begin with a blank. */
static const char *end_of_folds(const char *line_end, const char *end)
{
    while (line_end + 1 < end && (line_end[1] == ' ' || line_end[1] == '\t')) {
        const char *next = memchr(line_end + 1, '\n', (size_t)(end - line_end - 1));
        line_end = next == NULL ? end : next;
    }
    return line_end;
}

/* Gives the line's value to the header that it is of, if it is wanted and the first of its name. */
static void take_line(const char *line, const char *line_end, const char *end, struct wkv_header *wanted,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t name_len = strlen(wanted[i].name);
        if (wanted[i].value.data == NULL && (size_t)(line_end - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, wanted[i].name, name_len) == 0) {
            const char *from = line + name_len + 1;
            wanted[i].value =
                wkv_text_trim((struct wkv_text){from, (size_t)(end_of_folds(line_end, end) - from)});
            wanted[i].spelled = line;
            return;
        }
    }
}

void wkv_headers_find(const char *headers, size_t len, struct wkv_header *wanted, size_t count)
{
    const char *end = headers + len;
    for (size_t i = 0; i < count; i++)
        wanted[i].value = (struct wkv_text){NULL, 0};
    const char *line = memchr(headers, '\n', len);
    while (line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        take_line(line, next == NULL ? end : next, end, wanted, count);
        line = next;
    }
}

/* Where the headers lie: nats.c (3.4 to 3.13) puts into one block, each with a NUL behind it,
 *
 *   +---------+---+-------+---+---------+---+------+---+
 *   | subject | 0 | reply | 0 | headers | 0 | data | 0 |
 *   +---------+---+-------+---+---------+---+------+---+
 *                 (if any)    (if any)
 *
 * so they are what is between the last of the former two and the data, which may be nothing (data not NULL,
 * len 0). Another nats.c would put something else there: then they do not begin with their prefix (data
 * NULL), and nats.c is asked. */
static struct wkv_text block_of(natsMsg *message)
{
    const char *before = natsMsg_GetReply(message);
    if (before == NULL)
        before = natsMsg_GetSubject(message);
    const char *start = before + strlen(before) + 1;
    uintptr_t from = (uintptr_t)start;
    uintptr_t to = (uintptr_t)natsMsg_GetData(message);
    if (to == from)
        return (struct wkv_text){start, 0};
    if (to <= from + sizeof PREFIX || to - from > INT32_MAX || memcmp(start, PREFIX, sizeof PREFIX - 1) != 0)
        return (struct wkv_text){NULL, 0};
    return (struct wkv_text){start, (size_t)(to - from) - 1};
}

/* nats.c looks names up as they are written. */
static struct wkv_text ask_for(natsMsg *message, const char *name)
{
    const char *value = NULL;
    if (natsMsgHeader_Get(message, name, &value) != NATS_OK || value == NULL)
        return (struct wkv_text){NULL, 0};
    return wkv_text_trim(wkv_text_from(value));
}

static void ask_nats(natsMsg *message, struct wkv_header *wanted, size_t count)
{
    const char **names = NULL;
    int found = 0;
    for (size_t i = 0; i < count; i++)
        wanted[i].value = (struct wkv_text){NULL, 0};
    if (natsMsgHeader_Keys(message, &names, &found) != NATS_OK)
        return;
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < found && wanted[i].value.data == NULL; k++)
            if (strcasecmp(names[k], wanted[i].name) == 0) {
                wanted[i].value = ask_for(message, names[k]);
                wanted[i].spelled = names[k];
            }
    free((void *)names);
}

bool wkv_headers_are_none(natsMsg *message)
{
    struct wkv_text block = {NULL, 0};
    if (natsMsg_GetDataLength(message) > 0)
        block = block_of(message);
    return block.data != NULL && block.len == 0;
}

void wkv_headers_of(natsMsg *message, struct wkv_header *wanted, size_t count)
{
    /* nats.c has made the table of a message without data already, to see whether it is "no responders", and
     * has written into the headers for it. */
    struct wkv_text block = {NULL, 0};
    if (natsMsg_GetDataLength(message) > 0)
        block = block_of(message);
    if (block.data == NULL)
        ask_nats(message, wanted, count);
    else
        wkv_headers_find(block.data, block.len, wanted, count);
}
