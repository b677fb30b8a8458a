#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "support/nearest.h"
#include "support/version.h"

static const struct wkv_subcommand *const commands[] = {
    &wkv_command_serve,  &wkv_command_call,   &wkv_command_keygen, &wkv_command_token,  &wkv_command_inspect,
    &wkv_command_export, &wkv_command_import, &wkv_command_top,    &wkv_command_health,
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static int print_help(FILE *out, int status)
{
    (void)fprintf(out, "usage: wascc-keyvalue COMMAND [OPTION]...\n\n"
                       "The key-value capability provider for waSCC lattices, on NATS.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->doc);
    (void)fprintf(out, "\nwascc-keyvalue COMMAND --help explains a command; --version prints the version.\n");
    return status;
}

/* If 0, 1 or 2 were closed at the start, the next file or connection that is opened would get what is
 * printed. */
static bool open_standard_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    return fd > STDERR_FILENO && close(fd) == 0;
}

/* What was given may be anything, so it is not repeated. */
static int no_such_command(const char *name)
{
    struct wkv_error error;
    const char *nearest = "";
    size_t least = strlen(name) / 2 + 1;
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t distance = wkv_edit_distance(name, commands[i]->name);
        if (distance < least) {
            least = distance;
            nearest = commands[i]->name;
        }
    }
    (void)wkv_fail(&error, WKV_BAD_REQUEST, "there is no such command%s%s; see wascc-keyvalue --help",
                   *nearest == '\0' ? "" : ", do you mean ", nearest);
    return wkv_usage_error(&error);
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return print_help(stderr, WKV_EXIT_USAGE);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        (void)printf("wascc-keyvalue %s\n", wkv_version_text());
        return WKV_EXIT_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help(stdout, WKV_EXIT_OK);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return wkv_command_run(commands[i], argc - 1, argv + 1);
    return no_such_command(argv[1]);
}

/* Output that was lost, on a full disk say, is a failure. */
static int print_rest(int status)
{
    struct wkv_error error;
    if ((fflush(stdout) == 0 && ferror(stdout) == 0) || status != WKV_EXIT_OK)
        return status;
    (void)wkv_fail(&error, WKV_UNAVAILABLE, "cannot print everything");
    return wkv_failure(&error);
}

int main(int argc, char **argv)
{
    return open_standard_descriptors() ? print_rest(run(argc, argv)) : WKV_EXIT_FAILED;
}
