/* The commands, and what they share. */
#ifndef WKV_COMMAND_COMMAND_H
#define WKV_COMMAND_COMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "command/config.h"
#include "security/trust.h"
#include "support/buffer.h"
#include "support/error.h"
#include "support/file.h"
#include "support/text.h"
#include "wascc_keyvalue/store.h"

struct wkv_subcommand {
    const char *name;
    const char *doc;   /* for the program's own --help */
    const char *usage; /* behind the name */
    const char *about; /* paragraphs */
    const char *takes; /* what it must be given beside options, for an error: "options only" */
    int arguments;     /* how many that is, */
    int optional;      /* and how many more there may be; the arguments end with a NULL */
    enum wkv_command_bit bit;
    void (*print_more)(FILE *out); /* between the paragraphs and the options; NULL: nothing */
    /* Returns the exit status (enum wkv_exit). The config outlives it. */
    int (*run)(const struct wkv_config *config, char **arguments);
};

extern const struct wkv_subcommand wkv_command_serve, wkv_command_call, wkv_command_health,
    wkv_command_keygen, wkv_command_token, wkv_command_inspect, wkv_command_top, wkv_command_export,
    wkv_command_import;

/* Reads the config from argv, which begins with the command's name, and runs the command, or answers --help.
 * Returns the exit status. */
int wkv_command_run(const struct wkv_subcommand *command, int argc, char **argv);

/* Each prints `wascc-keyvalue: text` on standard error. wkv_failed returns WKV_EXIT_USAGE for
 * WKV_BAD_REQUEST, else WKV_EXIT_FAILED. */
int wkv_usage_error(const struct wkv_error *error);
int wkv_failure(const struct wkv_error *error);
int wkv_failed(const struct wkv_error *error);

/* Makes the set of trusted issuers and hosts of the config's options and files. The caller releases *trust.
 * Errors: WKV_BAD_REQUEST (the text names the option), WKV_UNAVAILABLE. */
enum wkv_code wkv_load_trust(const struct wkv_config *config, struct wkv_trust **trust,
                             struct wkv_error *error);

/* Reads a file of that kind and of at most max_bytes ("-": standard input) into buffer. The caller destroys
 * the buffer in any case. `what` is the option for the error's text. Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_read_file(const char *what, const char *path, enum wkv_file_kind kind, size_t max_bytes,
                            struct wkv_buffer *buffer, struct wkv_error *error);

/* The same with an argument itself, or standard input where that is "-". Errors: WKV_BAD_REQUEST,
 * WKV_NO_MEMORY. */
enum wkv_code wkv_read_argument(const char *what, const char *argument, size_t max_bytes,
                                struct wkv_buffer *buffer, struct wkv_error *error);

/* Prints JSON from outside and a line end on standard output: nothing in it steers a terminal, and it is the
 * same JSON. */
void wkv_print_json(const char *text, size_t len);

#endif
