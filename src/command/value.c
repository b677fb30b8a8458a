/* The values of options: what each kind takes. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "command/options.h"
#include "support/shown.h"
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
    static const struct unit times[] = {{"", 1000},     {"ms", 1},       {"s", 1000}, {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
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

/* Room for a few words. */
#define SAID_BYTES 64

/* Such values of the option's kind as lie within its limits, the three largest: `1mb, 512mb or 2Gi`. */
static const char *examples_of(const struct wkv_option *option, char out[SAID_BYTES])
{
    static const char *const sizes[] = {"2Gi", "512mb", "1mb", "16kb", "4096"};
    static const char *const times[] = {"2h", "5m", "10s", "500ms", "10"};
    const char *const *all = option->kind == WKV_OPTION_SIZE ? sizes : times, *fit[3];
    size_t count = 0, used = 0;
    uint64_t number;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && count < 3; i++)
        if (parse_number(option, all[i], &number))
            fit[count++] = all[i];
    for (out[0] = '\0'; count > 0 && used < SAID_BYTES; count--)
        used += (size_t)snprintf(out + used, SAID_BYTES - used, "%s%s",
                                 used == 0    ? ""
                                 : count == 1 ? " or "
                                              : ", ",
                                 fit[count - 1]);
    return out;
}

/* A limit in the largest unit that it is a whole number of. */
static const char *limit_of(const struct wkv_option *option, uint64_t limit, char out[SAID_BYTES])
{
    static const struct unit times[] = {{"d", 86400000},
                                        {"h", 3600000},
                                        {"m", 60000},
                                        {"s", 1000},
                                        {"ms", 1}},
                             plain[] = {{"", 1}};
    const struct unit *unit = option->kind == WKV_OPTION_DURATION && limit > 0 ? times : plain;
    while (limit % unit->factor != 0)
        unit++;
    (void)snprintf(out, SAID_BYTES, "%" PRIu64 "%s", limit / unit->factor, unit->name);
    return out;
}

/* No upper limit is told where nobody comes near it. */
#define TOLD_MOST ((uint64_t)1 << 62)

static enum wkv_code refuse_number(const struct wkv_option *option, const char *source, const char *value,
                                   struct wkv_error *error)
{
    char given[WKV_SHOWN_GIVEN_BYTES], examples[SAID_BYTES], least[SAID_BYTES], most[SAID_BYTES];
    bool bound = option->most < TOLD_MOST;
    const char *takes = option->kind == WKV_OPTION_SIZE       ? "bytes, or a size such as "
                        : option->kind == WKV_OPTION_DURATION ? "seconds, or a time such as "
                                                              : "a whole number";
    return wkv_fail(error, WKV_BAD_REQUEST, "%s takes %s%s%s from %s%s%s%s", source, takes,
                    option->kind == WKV_OPTION_NUMBER ? "" : examples_of(option, examples),
                    option->kind == WKV_OPTION_NUMBER ? "" : ",", limit_of(option, option->least, least),
                    bound ? " to " : " up", bound ? limit_of(option, option->most, most) : "",
                    wkv_shown_given(value, given));
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
    char values[64] = "", shown[WKV_SHOWN_GIVEN_BYTES];
    size_t used = 0, len;
    const char *value;
    for (const char *rest = option->argument; wkv_option_next_value(&rest, &value, &len);) {
        if (strlen(given) == len && memcmp(given, value, len) == 0)
            return WKV_OK;
        const char *before = used == 0 ? "" : *rest == '\0' ? " or " : ", ";
        int put = snprintf(values + used, sizeof values - used, "%s%.*s", before, (int)len, value);
        used += put > 0 && (size_t)put < sizeof values - used ? (size_t)put : 0;
    }
    return wkv_fail(error, WKV_BAD_REQUEST, "%s takes %s%s", source, values, wkv_shown_given(given, shown));
}

static enum wkv_code append(struct wkv_config_list *list, const char *source, const char *value,
                            struct wkv_error *error)
{
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
    char given[WKV_SHOWN_GIVEN_BYTES];
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
                                         : wkv_fail(error, WKV_BAD_REQUEST, "%s takes true or false%s",
                                                    source, wkv_shown_given(value, given));
    default:
        if (!parse_number(option, value, &number))
            return refuse_number(option, source, value, error);
        memcpy(member, &number, sizeof number);
        return WKV_OK;
    }
}
