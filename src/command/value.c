/* The values of options: what each kind takes. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "command/options.h"
#include "support/text.h"

static bool parse_digits(const char *text, uint64_t *number, const char **end)
{
    struct wkv_text digits = {text, strspn(text, "0123456789")};
    *end = text + digits.len;
    return wkv_text_decimal(digits, UINT64_MAX, number);
}

struct unit {
    const char *name; /* NULL: no more */
    uint64_t factor;
};

/* Sizes as Redis writes them (k = 1000, kb = 1024 ...) and as Kubernetes does, in any case. */
static const struct unit *units_of(enum wkv_option_kind kind)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const struct unit times[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {NULL, 0}};
    static const struct unit sizes[] = {
        {"", 1},           {"b", 1},        {"k", 1000},     {"kb", 1 << 10},  {"ki", 1 << 10},
        {"kib", 1 << 10},  {"m", 1000000},  {"mb", 1 << 20}, {"mi", 1 << 20},  {"mib", 1 << 20},
        {"g", 1000000000}, {"gb", 1 << 30}, {"gi", 1 << 30}, {"gib", 1 << 30}, {NULL, 0},
    };
    return kind == WKV_OPTION_SIZE ? sizes : kind == WKV_OPTION_DURATION ? times : none;
}

static bool parse_number(const struct wkv_option *option, const char *text, uint64_t *number)
{
    const char *end;
    if (!parse_digits(text, number, &end))
        return false;
    const struct unit *unit = units_of(option->kind);
    while (unit->name != NULL && strcasecmp(end, unit->name) != 0)
        unit++;
    return unit->name != NULL && !__builtin_mul_overflow(*number, unit->factor, number) &&
           *number >= option->least && *number <= option->most;
}

static enum wkv_code refuse_number(const struct wkv_option *option, const char *source,
                                   struct wkv_error *error)
{
    if (option->kind == WKV_OPTION_DURATION)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s takes seconds, or a time such as 10s, 500ms or 2m, from %" PRIu64 "ms to %" PRIu64
                        "s",
                        source, option->least, option->most / 1000);
    if (option->kind == WKV_OPTION_SIZE)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s takes bytes from %" PRIu64 " to %" PRIu64
                        ", with or without a unit: 65536, 512mb, 2Gi",
                        source, option->least, option->most);
    return wkv_fail(error, WKV_BAD_REQUEST, "%s takes a whole number from %" PRIu64 " to %" PRIu64, source,
                    option->least, option->most);
}

static bool parse_flag(const char *text, bool *flag)
{
    static const char *const words[] = {"0", "false", "no", "off", "", "1", "true", "yes", "on"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *flag = i > 4;
            return true;
        }
    return false;
}

static enum wkv_code check_choice(const struct wkv_option *option, const char *source, const char *given,
                                  struct wkv_error *error)
{
    char values[64] = "";
    size_t used = 0, len;
    const char *value;
    for (const char *rest = option->argument; wkv_option_next_value(&rest, &value, &len);) {
        if (strlen(given) == len && memcmp(given, value, len) == 0)
            return WKV_OK;
        const char *before = used == 0 ? "" : *rest == '\0' ? " or " : ", ";
        int put = snprintf(values + used, sizeof values - used, "%s%.*s", before, (int)len, value);
        used += put > 0 && (size_t)put < sizeof values - used ? (size_t)put : 0;
    }
    return wkv_fail(error, WKV_BAD_REQUEST, "%s takes %s", source, values);
}

static enum wkv_code append(struct wkv_config_list *list, const char *source, const char *value,
                            struct wkv_error *error)
{
    bool on_command_line = source[0] == '-';
    if (on_command_line && !list->given)
        list->count = 0;
    list->given = on_command_line;
    if (list->count == WKV_CONFIG_ITEMS)
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "%s is given more than %d times; put several into one, with commas", source,
                        WKV_CONFIG_ITEMS);
    list->items[list->count++] = value;
    return WKV_OK;
}

enum wkv_code wkv_option_read(const struct wkv_option *option, const char *source, const char *value,
                              struct wkv_config *config, struct wkv_error *error)
{
    void *member = (char *)config + option->offset;
    uint64_t number;
    switch (option->kind) {
    case WKV_OPTION_CHOICE:
        if (check_choice(option, source, value, error) != WKV_OK)
            return error->code;
        /* fall through */
    case WKV_OPTION_TEXT:
    case WKV_OPTION_SECRET:
        memcpy(member, &value, sizeof value);
        return WKV_OK;
    case WKV_OPTION_LIST:
        return append(member, source, value, error);
    case WKV_OPTION_FLAG:
        return parse_flag(value, member) ? WKV_OK
                                         : wkv_fail(error, WKV_BAD_REQUEST, "%s takes true or false", source);
    default:
        if (!parse_number(option, value, &number))
            return refuse_number(option, source, error);
        memcpy(member, &number, sizeof number);
        return WKV_OK;
    }
}
