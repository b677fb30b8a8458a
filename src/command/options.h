/* The options of every command: ONE table. It feeds parsing, --help, the man page (deploy/man), the
 * completion, which asks --help, and the files of variables in deploy/, which a test holds against it. */
#ifndef WKV_COMMAND_OPTIONS_H
#define WKV_COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "command/config.h"
#include "support/text.h"

enum wkv_option_kind {
    WKV_OPTION_TEXT,
    WKV_OPTION_CHOICE, /* one of the values in `argument` */
    WKV_OPTION_SECRET, /* a text that must not stay where ps shows it */
    WKV_OPTION_LIST,   /* a text that repeats */
    WKV_OPTION_NUMBER,
    WKV_OPTION_SIZE,     /* bytes, with a unit as Redis and Kubernetes write it */
    WKV_OPTION_DURATION, /* milliseconds; a number without a unit is seconds */
    WKV_OPTION_FLAG,
};

struct wkv_option {
    const char *name;
    enum wkv_option_kind kind;
    size_t offset;        /* of its value, in struct wkv_config */
    unsigned commands;    /* that take it: WKV_COMMAND_... */
    uint64_t least, most; /* of a number, size or duration */
    bool of_log;          /* means something with --engine jetstream alone */
    bool is_optional; /* its value may be left out: what follows it is the value, unless it is an option */
    bool is_command;  /* says what to do: it has no variable, and no place in a file */
    const char *variables; /* beside its own, in order of precedence, spaces between; NULL: none */
    const char *argument;  /* its shape: NAMES in capitals, values in small letters; NULL: none */
    const char *initial;   /* the value where it is not given; NULL: none */
    const char *otherwise; /* what holds then, for people; NULL: initial, or nothing */
    const char *help;      /* one sentence without its full stop */
};

extern const struct wkv_option wkv_options[];
extern const size_t wkv_option_count;

#define WKV_VARIABLE_PREFIX "WASCC_KEYVALUE_"
#define WKV_VARIABLE_BYTES 64

/* The option whose value is at this offset of struct wkv_config. */
const struct wkv_option *wkv_option_at(size_t offset);

/* The option of that name, in the length given, which a command of `commands` takes, and which is none of
 * `is_command`; NULL: none. *nearest, unless NULL, becomes the one that is most like the name, if one is. */
const struct wkv_option *wkv_option_find(struct wkv_text name, unsigned commands,
                                         const struct wkv_option **nearest);

/* Where the option's value came from. */
const struct wkv_origin *wkv_option_origin(const struct wkv_option *option, const struct wkv_config *config);

/* Writes the name of the option's own variable. */
void wkv_option_variable(const struct wkv_option *option, char out[WKV_VARIABLE_BYTES]);

/* Whether the next of the values in a choice's argument is there: *rest begins as the argument, value and len
 * become the value's. */
bool wkv_option_next_value(const char **rest, const char **value, size_t *len);

/* Reads a value into the config, which borrows it. `source` is the option or the variable, as the error names
 * it; the value is never quoted, since it may be a password in the wrong place. Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_option_read(const struct wkv_option *option, const char *source, const char *value,
                              struct wkv_config *config, struct wkv_error *error);

/* Prints the options of a command for --help. */
void wkv_options_print(enum wkv_command_bit command, FILE *out);

#endif
