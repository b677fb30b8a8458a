/* A command line taken apart: options, which may stand behind operands as well, and operands. */
#ifndef WKV_COMMAND_ARGUMENTS_H
#define WKV_COMMAND_ARGUMENTS_H

#include "command/options.h"

struct wkv_arguments {
    enum wkv_command_bit command;
    int argc;
    char **argv; /* [0] is the command's name; the order of the others is changed */
    /* Takes the value of an option, which is argv's and may be overwritten; NULL: it is a flag. */
    enum wkv_code (*take)(void *context, const struct wkv_option *option, char *value,
                          struct wkv_error *error);
    void *context;
};

/* Takes each option of argv[1..] in order: `--name VALUE`, `--name=VALUE` or `--flag`; a value that is
 * optional and left out is "". Behind `--` all are
 * operands, and `-` is one anywhere. Operands keep their order and go to the end of argv: *rest is the index
 * of the first. Errors: WKV_BAD_REQUEST (no option of the command, no value or one too many; of an argument
 * that may hold anything the text has no more than a name), and those of take. */
enum wkv_code wkv_arguments_read(const struct wkv_arguments *arguments, int *rest, struct wkv_error *error);

#endif
