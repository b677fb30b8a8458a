/* The commands. Each takes argv from its own name on and returns the process's exit status (enum wkv_exit).
 */
#ifndef WKV_COMMAND_COMMAND_H
#define WKV_COMMAND_COMMAND_H

#include <stddef.h>

#include "command/config.h"
#include "security/trust.h"
#include "support/buffer.h"
#include "support/error.h"
#include "support/file.h"
#include "support/text.h"
#include "wascc_keyvalue/store.h"

int wkv_command_serve(int argc, char **argv);
int wkv_command_call(int argc, char **argv);
int wkv_command_health(int argc, char **argv);
int wkv_command_keygen(int argc, char **argv);
int wkv_command_token(int argc, char **argv);
int wkv_command_inspect(int argc, char **argv);
int wkv_command_top(int argc, char **argv);

/* The way into most commands: reads the config, answers --help (head, then the options) and refuses what is
 * wrong. Returns true where the command is to go on, and then *rest as wkv_config_read; else *status is what
 * to return. */
bool wkv_command_begin(enum wkv_command command, const char *head, int argc, char **argv,
                       struct wkv_config *config, int *rest, int *status);

/* Prints `wascc-keyvalue: text` on stderr and returns WKV_EXIT_USAGE, or WKV_EXIT_FAILED. */
int wkv_usage_error(const struct wkv_error *error);
int wkv_failure(const struct wkv_error *error);

/* Makes the set of trusted issuers and hosts of the config's options and files. The caller releases *trust.
 * Errors: WKV_BAD_REQUEST (the text names the option), WKV_UNAVAILABLE. */
enum wkv_code wkv_load_trust(const struct wkv_config *config, struct wkv_trust **trust,
                             struct wkv_error *error);

/* Reads a file of that kind and of at most max_bytes ("-": standard input) into buffer. The caller destroys
 * the buffer in any case. `what` is the option for the error's text. Errors: WKV_BAD_REQUEST. */
enum wkv_code wkv_read_file(const char *what, const char *path, enum wkv_file_kind kind, size_t max_bytes,
                            struct wkv_buffer *buffer, struct wkv_error *error);

/* Prints JSON from outside and a line end on standard output: nothing in it steers a terminal, and it is the
 * same JSON. */
void wkv_print_json(const char *text, size_t len);

/* Keeps this process's memory, which has seeds and tokens in it, out of core dumps and other processes'
 * sight. */
void wkv_protect_memory(void);

#endif
