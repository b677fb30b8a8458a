#include "support/text.h"

struct wkv_text wkv_text_take(struct wkv_text *rest, char separator)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->data);
    size_t taken = at == NULL ? len : len + 1;
    struct wkv_text front = {rest->data, len};
    if (taken > 0)
        *rest = (struct wkv_text){rest->data + taken, rest->len - taken};
    return front;
}

int wkv_text_compare(struct wkv_text one, struct wkv_text other)
{
    size_t shorter = one.len < other.len ? one.len : other.len;
    int order = shorter == 0 ? 0 : memcmp(one.data, other.data, shorter);
    return order != 0 ? order : (one.len > other.len) - (one.len < other.len);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct wkv_text wkv_text_trim(struct wkv_text text)
{
    while (text.len > 0 && is_space(text.data[0]))
        text = (struct wkv_text){text.data + 1, text.len - 1};
    while (text.len > 0 && is_space(text.data[text.len - 1]))
        text.len--;
    return text;
}

struct wkv_text wkv_text_skip_mark(struct wkv_text text)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (!wkv_text_begins(text, mark))
        return text;
    return (struct wkv_text){text.data + sizeof mark - 1, text.len - (sizeof mark - 1)};
}

struct wkv_text wkv_text_trim_file(struct wkv_text text)
{
    return wkv_text_trim(wkv_text_skip_mark(text));
}

struct wkv_text wkv_text_without_line_end(struct wkv_text text)
{
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len -= text.len > 1 && text.data[text.len - 2] == '\r' ? 2 : 1;
    return text;
}

bool wkv_text_decimal(struct wkv_text text, uint64_t max, uint64_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (text.len == 0 || value > max)
        return false;
    *number = value;
    return true;
}
