#include "arguments.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/wrap.h"
#include "support/text.h"

#define MAX_ARGUMENTS 32
#define HELP MAX_ARGUMENTS

static bool read_number(const struct bench_argument *argument, const char *text, uint64_t *number)
{
    struct wkv_text digits = {text, strlen(text)};
    return wkv_text_decimal(digits, argument->most, number) && *number >= argument->least;
}

static bool store_number(const struct bench_argument *argument, const char *text)
{
    uint64_t number;
    if (!read_number(argument, text, &number))
        return false;
    uint32_t narrow = (uint32_t)number;
    memcpy(argument->value, argument->bytes == sizeof narrow ? (void *)&narrow : (void *)&number,
           argument->bytes);
    return true;
}

static bool store_seconds(const struct bench_argument *argument, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    memcpy(argument->value, &number, sizeof number);
    return end != text && *end == '\0' && isfinite(number) && number >= 0.01 &&
           number <= (double)argument->most;
}

static bool store_path(const struct bench_argument *argument, const char *text)
{
    int len = snprintf(argument->value, BENCH_PATH_BYTES, "%s", text);
    return len > 0 && len < BENCH_PATH_BYTES;
}

static bool store_numbers(const struct bench_argument *argument, char *list)
{
    struct bench_numbers *numbers = argument->value;
    numbers->count = 0;
    for (char *part; (part = strsep(&list, ",")) != NULL;) {
        uint64_t number;
        if (numbers->count == BENCH_MAX_LIST || !read_number(argument, part, &number))
            return false;
        numbers->items[numbers->count++] = (unsigned)number;
    }
    return true;
}

static bool store_names(const struct bench_argument *argument, char *list)
{
    bool *named = argument->value;
    for (size_t i = 0; argument->names[i] != NULL; i++)
        named[i] = i == 0;
    for (char *part; (part = strsep(&list, ",")) != NULL;) {
        size_t i = 0;
        while (argument->names[i] != NULL && strcmp(part, argument->names[i]) != 0)
            i++;
        if (argument->names[i] == NULL)
            return false;
        named[i] = true;
    }
    return true;
}

/* A list is taken apart where it stands. */
static bool store(const struct bench_argument *argument, char *text)
{
    switch (argument->kind) {
    case BENCH_FLAG:
        return *(bool *)argument->value = true;
    case BENCH_NUMBER:
        return store_number(argument, text);
    case BENCH_SECONDS:
        return store_seconds(argument, text);
    case BENCH_PATH:
        return store_path(argument, text);
    case BENCH_NUMBERS:
        return store_numbers(argument, text);
    default:
        return store_names(argument, text);
    }
}

static int refuse(const struct bench_argument *argument)
{
    static const char *const wants[] = {[BENCH_FLAG] = "nothing",
                                        [BENCH_NUMBER] = "a number",
                                        [BENCH_SECONDS] = "a number from 0.01",
                                        [BENCH_PATH] = "a path",
                                        [BENCH_NUMBERS] = "1 to 16 numbers, with commas between them,",
                                        [BENCH_NAMES] =
                                            "names out of those in --help, with commas between them"};
    char least[32] = "", most[32] = "";
    if (argument->least > 0)
        snprintf(least, sizeof least, " from %llu", (unsigned long long)argument->least);
    if (argument->most > 0)
        snprintf(most, sizeof most, " to %llu", (unsigned long long)argument->most);
    bench_complain("--%s wants %s%s%s", argument->name, wants[argument->kind], least, most);
    return BENCH_EXIT_USAGE;
}

static void print_help(const struct bench_argument *table, const char *about)
{
    char line[2048];
    for (const char *next = about; *next != '\0';) {
        size_t len = strcspn(next, "\n"), indent = strspn(next, " ");
        struct wkv_wrap wrap = {.out = stdout, .indent = indent, .hang = indent > 0 ? 9 : 0};
        snprintf(line, sizeof line, "%.*s", (int)len, next);
        wkv_wrap(&wrap, line);
        wkv_wrap_end(&wrap);
        if (len == 0)
            putchar('\n');
        next += len + (next[len] == '\n');
    }
    fputs("\nOptions:\n", stdout);
    for (; table->name != NULL; table++) {
        struct wkv_wrap wrap = {.out = stdout, .indent = 6};
        printf("  --%s%s%s\n", table->name, table->shape == NULL ? "" : " ",
               table->shape == NULL ? "" : table->shape);
        wkv_wrap(&wrap, table->help);
        wkv_wrap_end(&wrap);
    }
    fputs("  --help\n      this\n\nExits with 0, 1 where something failed, 64 for a bad option.\n", stdout);
}

int bench_arguments_read(const struct bench_argument *table, const char *about, int argc, char *argv[])
{
    struct option options[MAX_ARGUMENTS + 2] = {{.name = NULL}};
    int count = 0;
    for (; count < MAX_ARGUMENTS && table[count].name != NULL; count++)
        options[count] =
            (struct option){.name = table[count].name,
                            .has_arg = table[count].kind == BENCH_FLAG ? no_argument : required_argument,
                            .val = count};
    options[count] = (struct option){.name = "help", .val = HELP};
    for (int found; (found = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (found == HELP) {
            print_help(table, about);
            return 0;
        }
        if (found == '?') /* getopt has said it */
            return BENCH_EXIT_USAGE;
        if (!store(&table[found], optarg))
            return refuse(&table[found]);
        if (table[found].given != NULL)
            *table[found].given = true;
    }
    if (optind == argc)
        return -1;
    bench_complain("'%s' is no option; see --help", argv[optind]);
    return BENCH_EXIT_USAGE;
}

bool bench_find_provider(char path[BENCH_PATH_BYTES])
{
    static const char name[] = "wascc-keyvalue";
    ssize_t len = readlink("/proc/self/exe", path, BENCH_PATH_BYTES - sizeof name);
    if (len > 0 && (size_t)len < BENCH_PATH_BYTES - sizeof name) {
        path[len] = '\0';
        memcpy(strrchr(path, '/') + 1, name, sizeof name);
        return true;
    }
    bench_complain("cannot tell where this program lies: name the provider with --provider");
    return false;
}
