/* Claims in the plain form, read where they lie. */
#include "security/json.h"

#include <string.h>

#include "support/text.h"

/* 10^15 - 1 is below WKV_TOKEN_MAX_TIME_S, and nothing overflows on the way there. */
#define MAX_DIGITS 15

struct reader {
    char *at;
    char *end;
};

static bool take(struct reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* Whether all bytes are printable ASCII and none begins an escape. */
static bool is_plain(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e || bytes[i] == '\\')
            return false;
    return true;
}

/* What is between two quotes. All bytes are plain: the next quote ends it. */
static bool take_text(struct reader *reader, char **text, size_t *len)
{
    if (!take(reader, '"'))
        return false;
    char *quote = memchr(reader->at, '"', (size_t)(reader->end - reader->at));
    if (quote == NULL)
        return false;
    *text = reader->at;
    *len = (size_t)(quote - reader->at);
    reader->at = quote + 1;
    return true;
}

/* The digits of an integer. A fraction or an exponent behind them is refused by the next read, which expects
 * ',' or '}'. */
static bool take_digits(struct reader *reader, char **digits, size_t *len)
{
    *digits = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    *len = (size_t)(reader->at - *digits);
    return *len == 1 || (*len > 1 && *len <= MAX_DIGITS && **digits != '0');
}

static struct wkv_member *find(struct wkv_member *members, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        /* The first characters tell most apart; those of an empty name are the quote behind it. */
        if (members[i].name[0] == name[0] && strncmp(members[i].name, name, len) == 0 &&
            members[i].name[len] == '\0')
            return &members[i];
    return NULL;
}

static bool take_object(struct reader *reader, struct wkv_member *members, size_t count);

/* A member's name, a colon and its value. */
static bool take_member(struct reader *reader, struct wkv_member *members, size_t count)
{
    char *name;
    size_t len;
    if (!take_text(reader, &name, &len) || !take(reader, ':'))
        return false;
    struct wkv_member *member = find(members, count, name, len);
    if (member == NULL || member->at != NULL)
        return false;
    if (member->text != NULL)
        return take_text(reader, &member->at, &member->len);
    if (member->number != NULL)
        return take_digits(reader, &member->at, &member->len);
    member->at = reader->at;
    return take_object(reader, member->members, member->count);
}

/* An object inside an object is only where a member says so: this does not recurse further than they nest. */
static bool take_object(struct reader *reader, struct wkv_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        members[i].at = NULL;
    if (!take(reader, '{'))
        return false;
    do {
        if (!take_member(reader, members, count))
            return false;
    } while (take(reader, ','));
    for (size_t i = 0; i < count; i++)
        if (members[i].required && members[i].at == NULL)
            return false;
    return take(reader, '}');
}

/* Gives out what was found. The quote that ends a text makes room for its NUL. */
static void give_out(struct wkv_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wkv_member *member = &members[i];
        if (member->at == NULL)
            continue;
        if (member->text != NULL) {
            member->at[member->len] = '\0';
            *member->text = member->at;
        } else if (member->number != NULL) {
            uint64_t number = 0;
            (void)wkv_text_decimal((struct wkv_text){member->at, member->len}, INT64_MAX, &number);
            *member->number = (int64_t)number;
        } else {
            give_out(member->members, member->count);
        }
    }
}

bool wkv_plain_object(char *bytes, size_t len, struct wkv_member *members, size_t count)
{
    struct reader reader = {bytes, bytes + len};
    if (!is_plain(bytes, len) || !take_object(&reader, members, count) || reader.at != reader.end)
        return false;
    give_out(members, count);
    return true;
}
