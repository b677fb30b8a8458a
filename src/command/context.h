/* Contexts of the nats CLI (NATS' ADR-21): $XDG_CONFIG_HOME/nats or ~/.config/nats has a file
 * context/<name>.json each, and the name of the selected one in context.txt. */
#ifndef WKV_COMMAND_CONTEXT_H
#define WKV_COMMAND_CONTEXT_H

#include "command/config.h"

/* Takes what the context says that config->context names, or the selected one, where the command line or the
 * environment do not say it; a context that --context names goes before the environment. Of its credentials,
 * those count that nothing stronger is in the place of: a user and password, else a file of credentials, else
 * one with a seed; or a token. What does not concern a client's connection is passed by. Errors:
 * WKV_BAD_REQUEST (there is no such context, it cannot be read, or has what is not known here; the text names
 * the file), WKV_NO_MEMORY. */
enum wkv_code wkv_context_read(struct wkv_config *config, struct wkv_error *error);

#endif
