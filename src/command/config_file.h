/* The text of a file of options: `serve --config FILE`.
 *
 *   # a comment, on a line of its own or behind a value
 *   max-memory = 512mb
 *   require-binding
 *   user = "one # two"
 *
 * A line is an option's name and its value, with a =, a colon right behind the name, or blanks between; a
 * flag's value may be left out. Blanks around a value do not count, nor does what follows a # that stands
 * behind a blank. In "double quotes" \" \\ \n \t and \xNN are one byte each; in 'single quotes' all stands
 * for itself.
 */
#ifndef WKV_COMMAND_CONFIG_FILE_H
#define WKV_COMMAND_CONFIG_FILE_H

#include <stddef.h>

#include "support/error.h"
#include "support/text.h"

/* The rest of a text, which is written over, and has a byte behind its end for that. */
struct wkv_config_text {
    char *rest;
    size_t len;
    unsigned line; /* the number of the line that was read last */
};

struct wkv_config_setting {
    struct wkv_text name; /* without data: the text is at its end */
    char *value;          /* NULL: none is given */
};

/* Reads the next setting. Both texts lie in the text's bytes. Errors: WKV_BAD_REQUEST, which says what is
 * wrong with that line and quotes nothing of it. */
enum wkv_code wkv_config_text_next(struct wkv_config_text *text, struct wkv_config_setting *setting,
                                   struct wkv_error *error);

/* Prints a value so that it reads as itself: as it is, or in double quotes. Only printable ASCII is printed.
 */
void wkv_config_print_value(const char *value);

#endif
