/* JSON Schema, as far as the service's schemas go: a reader of them that is not the service. */
#ifndef INTEGRATION_SCHEMA_H
#define INTEGRATION_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/* Whether the schema holds for the value. A keyword that this reader does not know fails the test. */
bool schema_holds(const json_t *schema, const json_t *value);

#endif
