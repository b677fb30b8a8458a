#include "command/arguments.h"

#include <string.h>

#include "support/nearest.h"

/* An option's argument, `--name` or `--name=value`. */
struct given {
    char name[WKV_VARIABLE_BYTES];
    char *value; /* behind the '='; NULL: there is none */
};

static struct given take_apart(char *argument)
{
    struct given given;
    size_t len = strcspn(argument, "="), dashes = len < 2 ? len : 2;
    (void)snprintf(given.name, sizeof given.name, "%.*s", (int)(len - dashes), argument + dashes);
    given.value = argument[len] == '=' ? argument + len + 1 : NULL;
    return given;
}

/* The option of that name; else, where `near`, one that the name is a slip of; NULL if there is none. */
static const struct wkv_option *find(enum wkv_command_bit command, const char *name, bool near)
{
    const struct wkv_option *nearest = NULL;
    size_t least = near ? strlen(name) / 2 + 1 : 1;
    for (const struct wkv_option *option = wkv_options; option < wkv_options + wkv_option_count; option++) {
        size_t distance = (option->commands & command) == 0 ? SIZE_MAX
                          : near                            ? wkv_edit_distance(name, option->name)
                                                            : strcmp(name, option->name) != 0;
        if (distance < least) {
            least = distance;
            nearest = option;
        }
    }
    return nearest;
}

/* What is no option of ours may hold anything: only its name is shown, up to a '='. */
static enum wkv_code no_such_option(enum wkv_command_bit command, const char *argument, const char *name,
                                    struct wkv_error *error)
{
    const struct wkv_option *meant = find(command, name, true);
    return wkv_fail(error, WKV_BAD_REQUEST, "there is no option %.*s here%s%s; see --help",
                    (int)strcspn(argument, "="), argument, meant != NULL ? ", do you mean --" : "",
                    meant != NULL ? meant->name : "");
}

/* Takes the option at argv[*at]; where its value is the next argument, *at becomes that one's. */
static enum wkv_code take_option(const struct wkv_arguments *arguments, int *at, struct wkv_error *error)
{
    char *argument = arguments->argv[*at];
    struct given given = take_apart(argument);
    const struct wkv_option *option = argument[1] == '-' ? find(arguments->command, given.name, false) : NULL;
    if (option == NULL)
        return no_such_option(arguments->command, argument, given.name, error);
    bool takes = option->kind != WKV_OPTION_FLAG;
    if (!takes && given.value != NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "option --%s takes no value; see --help", option->name);
    if (takes && given.value == NULL && *at + 1 < arguments->argc &&
        !(option->is_optional && arguments->argv[*at + 1][0] == '-'))
        given.value = arguments->argv[++*at];
    if (option->is_optional && given.value == NULL)
        given.value = argument + strlen(argument); /* empty */
    if (takes && given.value == NULL)
        return wkv_fail(error, WKV_BAD_REQUEST, "option --%s needs a value; see --help", option->name);
    return arguments->take(arguments->context, option, given.value, error);
}

enum wkv_code wkv_arguments_read(const struct wkv_arguments *arguments, int *rest, struct wkv_error *error)
{
    char **argv = arguments->argv;
    int operands = 0; /* gathered at argv[1..], over what has been taken */
    bool all = false;
    for (int at = 1; at < arguments->argc; at++) {
        bool operand = all || argv[at][0] != '-' || argv[at][1] == '\0';
        if (operand)
            argv[1 + operands++] = argv[at];
        else if (strcmp(argv[at], "--") == 0)
            all = true;
        else if (take_option(arguments, &at, error) != WKV_OK)
            return error->code;
    }
    *rest = arguments->argc - operands;
    memmove(argv + *rest, argv + 1, (size_t)operands * sizeof *argv);
    return WKV_OK;
}
