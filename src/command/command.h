/* The commands. Each takes argv from its own name on and returns the process's exit status (enum wkv_exit).
 */
#ifndef WKV_COMMAND_COMMAND_H
#define WKV_COMMAND_COMMAND_H

#include "wascc_keyvalue/error.h"

int wkv_command_serve(int argc, char **argv);
int wkv_command_call(int argc, char **argv);
int wkv_command_health(int argc, char **argv);

/* Prints `wascc-keyvalue: text` on stderr and returns WKV_EXIT_USAGE. */
int wkv_usage_error(const struct wkv_error *error);

#endif
