/* Prints the man page: the template on standard input, in which
 *
 *   @options COMMAND   is the list of that command's options, from the program's own table; COMMAND is
 *                      `connection` for all that connect share;
 *   @about --OPTION    begins lines for that option's item, up to the next @about or
 *   @end               which ends the list;
 *   @operations        is the list of the operations;
 *   @os                is what the footer says beside the date: the program and its version.
 *
 * CMake builds it and installs what it prints. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/describe.h"
#include "command/options.h"
#include "operation/identity.h"
#include "operation/operation.h"

#define TEMPLATE_BYTES ((size_t)1 << 18)

static int fail(const char *what, const char *of, size_t len)
{
    (void)fprintf(stderr, "page: %s %.*s\n", what, (int)len, of);
    return EXIT_FAILURE;
}

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end == NULL ? line + strlen(line) : end + 1;
}

/* Prints lines up to the next one that begins with an @, and returns that. */
static const char *copy_lines(const char *line)
{
    while (*line != '\0' && *line != '@') {
        const char *next = next_line(line);
        (void)fwrite(line, 1, (size_t)(next - line), stdout);
        line = next;
    }
    return line;
}

/* `A...[,A...]|any` is `Ar A...[,A...] | Cm any`. */
static void print_argument(const char *rest)
{
    const char *value;
    size_t len;
    for (const char *before = ""; wkv_option_next_value(&rest, &value, &len); before = " |")
        (void)printf("%s %s %.*s", before, islower((unsigned char)*value) ? "Cm" : "Ar", (int)len, value);
}

static void print_item(const struct wkv_option *option, const char *about)
{
    char variable[WKV_VARIABLE_BYTES];
    struct wkv_wrap wrap = {.out = stdout};
    (void)printf(".It Fl -%s", option->name);
    if (option->is_optional)
        (void)printf(" Op Ar %.*s", (int)strlen(option->argument) - 2, option->argument + 1);
    else if (option->argument != NULL)
        print_argument(option->argument);
    (void)putchar('\n');
    wkv_wrap_all(&wrap, option->help,
                 option->initial != NULL || option->otherwise != NULL ? "; default" : ".", NULL);
    if (option->otherwise != NULL)
        wkv_wrap_all(&wrap, ": ", option->otherwise, ".", NULL);
    wkv_wrap_end(&wrap);
    if (option->otherwise == NULL && option->initial != NULL)
        (void)printf(".Li %s .\n", option->initial);
    if (about != NULL)
        (void)copy_lines(about);
    if (option->is_command)
        return;
    wkv_option_variable(option, variable);
    (void)printf(".Bq Ev %s", variable);
    for (const char *c = option->variables == NULL ? "" : option->variables, *before = " , "; *c != '\0';
         before = " , ") {
        size_t len = strcspn(c, " ");
        (void)printf("%s%.*s", before, (int)len, c);
        c += len + strspn(c + len, " ");
    }
    (void)putchar('\n');
}

/* The lines behind `@about --NAME`, or NULL. */
static const char *find_about(const char *line, const char *end, const char *name)
{
    for (; line < end; line = next_line(line))
        if (begins(line, "@about --") && begins(line + 9, name) && line[9 + strlen(name)] == '\n')
            return next_line(line);
    return NULL;
}

/* `shared`: those that all commands that connect take; else those that `commands` take besides. */
static bool belongs(const struct wkv_option *option, unsigned commands)
{
    bool shared = (option->commands & WKV_CONNECTING) == WKV_CONNECTING;
    if (strcmp(option->name, "help") == 0)
        return false;
    return commands == WKV_CONNECTING ? shared : !shared && (option->commands & commands) != 0;
}

/* `list` is the line behind @options. Returns the line behind @end, or NULL. */
static const char *print_options(unsigned commands, const char *list)
{
    const char *end = strstr(list, "\n@end\n");
    size_t told = 0;
    if (begins(list, "@end\n"))
        end = list;
    if (end == NULL)
        return NULL;
    (void)printf(".Bl -tag -width Ds\n");
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++) {
        const char *about = find_about(list, end, option->name);
        if (!belongs(option, commands))
            continue;
        told += about != NULL;
        print_item(option, about);
    }
    (void)printf(".El\n");
    for (const char *line = list; line < end; line = next_line(line))
        told -= begins(line, "@about ");
    return told == 0 ? next_line(end == list ? end : end + 1) : NULL;
}

static void print_operations(void)
{
    (void)printf(".Bl -tag -width Ds\n");
    for (size_t i = 0; i < wkv_operation_count; i++) {
        const struct wkv_operation *operation = &wkv_operations[i];
        struct wkv_wrap wrap = {.out = stdout};
        (void)printf(".It Li %s\n", operation->name);
        wkv_describe_message(&wrap, operation->request);
        wkv_wrap_end(&wrap);
        (void)printf(".br\n");
        wkv_wrap(&wrap, operation->doc);
        wkv_wrap_end(&wrap);
        (void)printf(".br\n");
        wkv_wrap(&wrap, "Answers ");
        wkv_describe_message(&wrap, operation->reply);
        wkv_wrap_end(&wrap);
    }
    (void)printf(".El\n");
}

static unsigned commands_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned commands;
    } rows[] = {{"connection\n", WKV_CONNECTING}, {"serve\n", WKV_COMMAND_SERVE},
                {"call\n", WKV_COMMAND_CALL},     {"token\n", WKV_COMMAND_TOKEN},
                {"top\n", WKV_COMMAND_TOP},       {"inspect\n", WKV_COMMAND_INSPECT},
                {"health\n", WKV_COMMAND_HEALTH}, {"export\n", WKV_COMMAND_EXPORT},
                {"import\n", WKV_COMMAND_IMPORT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (begins(name, rows[i].name))
            return rows[i].commands;
    return 0;
}

static int print_page(const char *line)
{
    while (*(line = copy_lines(line)) != '\0') {
        const char *next = next_line(line);
        unsigned commands = begins(line, "@options ") ? commands_of(line + 9) : 0;
        if (commands != 0)
            next = print_options(commands, next);
        else if (begins(line, "@operations\n"))
            print_operations();
        else if (begins(line, "@os\n"))
            (void)printf(".Os %s %s\n", WKV_SERVICE_NAME, WKV_VERSION);
        else
            next = NULL;
        if (next == NULL)
            return fail("cannot make anything of", line, strcspn(line, "\n"));
        line = next;
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : fail("cannot print", "", 0);
}

int main(void)
{
    char *template = malloc(TEMPLATE_BYTES);
    size_t len = template == NULL ? 0 : fread(template, 1, TEMPLATE_BYTES, stdin);
    int status = EXIT_FAILURE;
    if (len > 0 && len < TEMPLATE_BYTES) {
        template[len] = '\0';
        status = print_page(template);
    } else {
        (void)fail("no template, or a large one", "", 0);
    }
    free(template);
    return status;
}
