#include "command/config_file.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\r"

static bool is_blank(char c)
{
    return c != '\0' && strchr(BLANKS, c) != NULL;
}

static char *skip_blanks(char *at)
{
    return at + strspn(at, BLANKS);
}

/* Takes the next line, without its end. Returns its length; a NUL is behind it. */
static size_t take_line(struct wkv_config_text *text, char **line)
{
    char *end = memchr(text->rest, '\n', text->len);
    size_t len = end == NULL ? text->len : (size_t)(end - text->rest);
    size_t taken = end == NULL ? len : len + 1;
    *line = text->rest;
    text->rest[len] = '\0';
    text->rest += taken;
    text->len -= taken;
    text->line++;
    return len;
}

/* ---- values ---- */

/* Returns the byte that an escape stands for, or -1. *at is behind the backslash, and behind all of it then.
 */
static int unescape(const char **at)
{
    static const char from[] = "\"\\nt", to[] = "\"\\\n\t";
    const char *c = *at;
    const char *known = *c == '\0' ? NULL : strchr(from, *c);
    unsigned byte;
    if (known != NULL) {
        (*at)++;
        return (unsigned char)to[known - from];
    }
    if (*c != 'x' || !isxdigit((unsigned char)c[1]) || !isxdigit((unsigned char)c[2]) ||
        sscanf(c + 1, "%2x", &byte) != 1 || byte == 0)
        return -1;
    *at += 3;
    return (int)byte;
}

/* Only a comment may stand behind a value in quotes. */
static bool is_end(const char *behind)
{
    const char *next = behind + strspn(behind, BLANKS);
    return *next == '\0' || (*next == '#' && next > behind);
}

/* The value in the quotes is written over itself. Returns what is wrong, or NULL. */
static const char *read_quoted(char *value)
{
    char quote = *value, *out = value;
    const char *in = value + 1;
    while (*in != quote) {
        if (*in == '\0')
            return "has a value whose quotes are not closed: close them on the same line";
        int byte = (unsigned char)*in++;
        if (quote == '"' && byte == '\\' && (byte = unescape(&in)) < 0)
            return "has a \\ in its quotes with nothing behind it that is known: \\\" \\\\ \\n \\t or \\xNN; "
                   "in 'single quotes' "
                   "it stands for itself";
        *out++ = (char)byte;
    }
    if (!is_end(in + 1))
        return "has something behind the quotes of its value: put all of the value between them";
    *out = '\0';
    return NULL;
}

/* Ends the value in front of a comment and of the blanks behind it. */
static void cut_comment(char *value)
{
    char *end = value;
    for (char *c = value; *c != '\0' && !(*c == '#' && (c == value || is_blank(c[-1]))); c++)
        if (!is_blank(*c))
            end = c + 1;
    *end = '\0';
}

/* ---- lines ---- */

static const char *read_line(char *line, struct wkv_config_setting *setting)
{
    char *name = line + (strncmp(line, "--", 2) == 0 ? 2 : 0);
    size_t len = strcspn(name, "=:#" BLANKS);
    char *behind = skip_blanks(name + len);
    bool separated = name[len] == ':' || *behind == '=';
    char *value = name[len] == ':' ? skip_blanks(name + len + 1)
                  : separated      ? skip_blanks(behind + 1)
                                   : behind;
    setting->name = (struct wkv_text){name, len};
    setting->value = value;
    if (len == 0 || name[len] == '#')
        return "does not begin with the name of an option: name = value";
    if (*value == '"' || *value == '\'')
        return read_quoted(value);
    cut_comment(value);
    if (*value == '\0' && separated)
        return "has no value: give one, or leave the line out";
    if (*value == '\0')
        setting->value = NULL;
    return NULL;
}

enum wkv_code wkv_config_text_next(struct wkv_config_text *text, struct wkv_config_setting *setting,
                                   struct wkv_error *error)
{
    *setting = (struct wkv_config_setting){.value = NULL};
    while (text->len > 0) {
        char *line;
        size_t len = take_line(text, &line);
        if (strlen(line) < len)
            return wkv_fail(error, WKV_BAD_REQUEST, "has a NUL in it: a file of options is text");
        line = skip_blanks(line);
        if (*line == '\0' || *line == '#')
            continue;
        const char *wrong = read_line(line, setting);
        return wrong == NULL ? WKV_OK : wkv_fail(error, WKV_BAD_REQUEST, "%s", wrong);
    }
    return WKV_OK;
}

/* ---- printing ---- */

static bool is_plain(const char *value)
{
    size_t len = strlen(value);
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || *c == '#')
            return false;
    return len > 0 && *value != '"' && *value != '\'';
}

void wkv_config_print_value(const char *value)
{
    if (is_plain(value)) {
        (void)printf("%s", value);
        return;
    }
    (void)putchar('"');
    for (const char *c = value; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            (void)printf("\\%c", *c);
        else if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            (void)printf("\\x%02x", (unsigned char)*c);
        else
            (void)putchar(*c);
    (void)putchar('"');
}
