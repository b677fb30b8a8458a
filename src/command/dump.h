/* The file of `export` and `import`: JSON, an object a line.
 *
 *   {"export":"wascc-keyvalue","format":1,"binding":"default"}           the first
 *   {"binding":{"actor":"M…","keyspace":"shop"}}                         an actor is bound; without keyspace
 * to the binding's own
 *   {"keyspace":"shop","key":"a","kind":"scalar","value":"1","expires_at_ms":1790000000000}
 *   {"key":"n","kind":"counter","value":42}                              without keyspace: of the binding's
 * own
 *   {"key":"l","kind":"list","values":["a","b"]}                         a set is the same
 *   {"key":"l","kind":"list","from":2,"values":["c"]}                    goes on with the line before
 *   {"resume":{"keyspace":"shop","cursor":"…"}}                          an export that was cut short goes on
 * here
 *   {"end":{"keys":3}}                                                   the last: nothing is missing
 *
 * What is not UTF-8 stands in `value_base64`, or all values of a line in `values_base64` (contract section
 * 3). Times are milliseconds since 1970, so a key goes on to live as long as it did. */
#ifndef WKV_COMMAND_DUMP_H
#define WKV_COMMAND_DUMP_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WKV_DUMP_FORMAT 1

enum wkv_dump_kind { WKV_DUMP_SCALAR, WKV_DUMP_COUNTER, WKV_DUMP_LIST, WKV_DUMP_SET, WKV_DUMP_KINDS };

/* "scalar", "counter", "list", "set". Static text. */
const char *wkv_dump_kind_name(enum wkv_dump_kind kind);
bool wkv_dump_kind_parse(const char *name, enum wkv_dump_kind *kind);

/* Sets object[name], or object[name_base64] where the bytes are not UTF-8. Errors: false, no memory. */
bool wkv_dump_put(json_t *object, const char *name, ProtobufCBinaryData bytes);
/* The same of several. */
bool wkv_dump_put_all(json_t *object, const char *name, const ProtobufCBinaryData *values, size_t count);

/* Reads such a member: as many values as there are, in memory that is the caller's to free with one free().
 * NULL: there is none, it is no such thing, or no memory. */
ProtobufCBinaryData *wkv_dump_take(const json_t *object, const char *name, size_t *count);

#endif
