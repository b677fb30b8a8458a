/* The names of the values that a BindActor may bring (contract sections 6 and 7): KEYSPACE, and what a host
 * states of the actor's claims. Names are compared as they are. One that differs from a known name by case
 * only is a mistake that would bind the actor to the wrong keyspace, and is refused; others are for other
 * providers, and are told of in the log. */
#ifndef WKV_ACCESS_BINDING_VALUES_H
#define WKV_ACCESS_BINDING_VALUES_H

#include <stddef.h>

#include "support/error.h"
#include "wascc_keyvalue/store.h"

/* Names that were looked at. Zero: none yet. */
struct wkv_binding_values {
    size_t unknown;  /* how many no provider of ours knows; the first of them, for people: */
    char names[160]; /* each in quotes, with commas between: the log makes them printable. With a NUL */
};

/* Looks at one more name, of any bytes. Errors: WKV_BAD_REQUEST (it differs from a known one by case only).
 */
enum wkv_code wkv_binding_values_look(struct wkv_binding_values *values, struct wkv_text name,
                                      struct wkv_error *error);

#endif
