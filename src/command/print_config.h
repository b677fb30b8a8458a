/* `serve --print-config`. */
#ifndef WKV_COMMAND_PRINT_CONFIG_H
#define WKV_COMMAND_PRINT_CONFIG_H

#include "command/config.h"
#include "server/server.h"

/* Prints each option of serve on standard output as --config reads it, with what is in force and where that
 * comes from, and without a secret. Returns the exit status. */
int wkv_print_config(const struct wkv_config *config, const struct wkv_server_options *options);

#endif
