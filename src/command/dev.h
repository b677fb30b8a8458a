/* `serve --dev [DIR]`: an account, a host, an actor and its claims, in a directory of their own, for a desk.
 */
#ifndef WKV_COMMAND_DEV_H
#define WKV_COMMAND_DEV_H

#include <limits.h>

#include "command/config.h"
#include "security/nkey.h"

#define WKV_DEV_NOT_FOR_PRODUCTION                                                                           \
    "serve --dev is for a desk, NOT FOR PRODUCTION: whoever reads its directory may do all there is"

struct wkv_dev {
    char directory[PATH_MAX]; /* absolute */
    char account[WKV_NKEY_PUBLIC_CHARS + 1];
    char host[WKV_NKEY_PUBLIC_CHARS + 1];
    char actor[WKV_NKEY_PUBLIC_CHARS + 1];
};

/* Makes what is not there yet of account.json, host.json, actor.json (each as keygen prints it, 0600) and
 * actor.jwt in the directory (0700), and reads the rest. "" is $XDG_STATE_HOME/wascc-keyvalue/dev, or
 * ~/.local/state/wascc-keyvalue/dev. Several processes may do so at once. Errors: WKV_BAD_REQUEST (the
 * directory cannot be made, is not this user's, or others may read what is in it; a file is not what it
 * should be; the text names which), WKV_NO_MEMORY. */
enum wkv_code wkv_dev_open(const char *directory, struct wkv_dev *dev, struct wkv_error *error);

/* Prints on standard output what this is, five lines that call the service from another shell, and what to
 * start where no NATS server answers. */
void wkv_dev_tell(const struct wkv_dev *dev, const struct wkv_config *config);

#endif
