#include "wire.h"

#include <string.h>

#define MAX_TOKENS 6

struct token {
    const char *at;
    size_t len;
};

/* Splits a line at its blanks. Returns the number of tokens, MAX_TOKENS + 1 where there are too many. */
static size_t split(const char *line, size_t len, struct token *tokens)
{
    size_t count = 0;
    size_t i = 0;
    while (i < len) {
        size_t start = i;
        while (i < len && line[i] != ' ')
            i++;
        if (i > start) {
            if (count == MAX_TOKENS)
                return MAX_TOKENS + 1;
            tokens[count++] = (struct token){line + start, i - start};
        }
        i++;
    }
    return count;
}

static bool number(struct token token, size_t *value)
{
    size_t sum = 0;
    if (token.len == 0 || token.len > 9) /* 9 digits cannot overflow and are far above max_payload */
        return false;
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] < '0' || token.at[i] > '9')
            return false;
        sum = sum * 10 + (size_t)(token.at[i] - '0');
    }
    *value = sum;
    return true;
}

/* MSG <subject> <sid> [reply] <bytes>, HMSG <subject> <sid> [reply] <header bytes> <all bytes>: the line is
 * line_len bytes and its CR LF, then come the bytes and another CR LF. */
static void parse_message(const char *bytes, size_t len, size_t line_len, bool with_headers,
                          struct bench_wire *wire)
{
    struct token tokens[MAX_TOKENS];
    size_t least = with_headers ? 5 : 4;
    size_t count = split(bytes, line_len, tokens);
    size_t headers_len = 0;
    size_t total = 0;

    wire->kind = BENCH_WIRE_BROKEN;
    if (count < least || count > least + 1 || !number(tokens[count - 1], &total))
        return;
    if (with_headers && (!number(tokens[count - 2], &headers_len) || headers_len > total))
        return;
    size_t body = line_len + 2;
    if (len - body < total + 2) {
        wire->kind = BENCH_WIRE_MORE;
        return;
    }
    if (memcmp(bytes + body + total, "\r\n", 2) != 0)
        return;
    wire->kind = BENCH_WIRE_MESSAGE;
    wire->consumed = body + total + 2;
    wire->subject = tokens[1].at;
    wire->subject_len = tokens[1].len;
    wire->headers = with_headers ? bytes + body : NULL;
    wire->headers_len = headers_len;
    wire->payload = bytes + body + headers_len;
    wire->payload_len = total - headers_len;
}

static bool begins(const char *line, size_t len, const char *with)
{
    size_t with_len = strlen(with);
    return len >= with_len && memcmp(line, with, with_len) == 0;
}

void bench_wire_parse(const char *bytes, size_t len, struct bench_wire *wire)
{
    *wire = (struct bench_wire){.kind = BENCH_WIRE_MORE};
    const char *newline = memchr(bytes, '\n', len);
    if (newline == NULL)
        return;
    if (newline == bytes || newline[-1] != '\r') {
        wire->kind = BENCH_WIRE_BROKEN;
        return;
    }
    size_t line_len = (size_t)(newline - bytes) - 1;
    wire->consumed = line_len + 2;
    if (begins(bytes, line_len, "MSG ")) {
        parse_message(bytes, len, line_len, false, wire);
    } else if (begins(bytes, line_len, "HMSG ")) {
        parse_message(bytes, len, line_len, true, wire);
    } else if (begins(bytes, line_len, "PING")) {
        wire->kind = BENCH_WIRE_PING;
    } else if (begins(bytes, line_len, "-ERR")) {
        wire->kind = BENCH_WIRE_ERROR;
        wire->payload = bytes;
        wire->payload_len = line_len;
    } else if (begins(bytes, line_len, "PONG") || begins(bytes, line_len, "INFO ") ||
               begins(bytes, line_len, "+OK")) {
        wire->kind = BENCH_WIRE_OTHER;
    } else {
        wire->kind = BENCH_WIRE_BROKEN;
    }
}

static char *put_varint(char *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (char)(unsigned char)(value | 0x80);
    *out++ = (char)(unsigned char)value;
    return out;
}

char *bench_proto_text(char *out, unsigned field, size_t len)
{
    out = put_varint(out, (uint64_t)field << 3 | 2);
    return put_varint(out, len);
}

char *bench_proto_varint(char *out, unsigned field, uint64_t value)
{
    out = put_varint(out, (uint64_t)field << 3);
    return put_varint(out, value);
}

static bool get_varint(const char **at, const char *end, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        unsigned char byte = (unsigned char)*(*at)++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return true;
        }
    }
    return false;
}

bool bench_proto_read(const char *bytes, size_t len, struct bench_proto_reply *reply)
{
    const char *at = bytes;
    const char *end = bytes + len;
    *reply = (struct bench_proto_reply){0};
    while (at < end) {
        uint64_t tag;
        uint64_t value;
        if (!get_varint(&at, end, &tag) || !get_varint(&at, end, &value))
            return false;
        switch (tag & 7) {
        case 0:
            if (tag >> 3 == 1)
                reply->number = value;
            else if (tag >> 3 == 2)
                reply->flag = value;
            break;
        case 2:
            if (value > (uint64_t)(end - at))
                return false;
            if (tag >> 3 == 1) {
                reply->text = at;
                reply->text_len = (size_t)value;
            }
            at += value;
            break;
        default: /* none of our replies has fixed-width fields */
            return false;
        }
    }
    return true;
}
