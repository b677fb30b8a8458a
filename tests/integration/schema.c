#include "schema.h"

#include <check.h>
#include <string.h>

static bool holds_type(const json_t *rule, const json_t *value)
{
    static const struct {
        const char *name;
        json_type type;
    } types[] = {
        {"object", JSON_OBJECT}, {"array", JSON_ARRAY}, {"string", JSON_STRING}, {"integer", JSON_INTEGER}};
    const char *name = json_string_value(rule);
    if (strcmp(name, "boolean") == 0)
        return json_is_boolean(value);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0)
            return json_typeof(value) == types[i].type;
    ck_abort_msg("no type of JSON Schema: %s", name);
}

static bool holds_properties(const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        const json_t *rule = json_object_get(properties, name);
        if (rule == NULL && json_is_object(others))
            rule = others;
        if (rule == NULL ? json_is_false(others) : !schema_holds(rule, member))
            return false;
    }
    return true;
}

static bool holds_required(const json_t *rule, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(rule); i++)
        if (json_object_get(value, json_string_value(json_array_get(rule, i))) == NULL)
            return false;
    return true;
}

static bool holds_items(const json_t *rule, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!schema_holds(rule, json_array_get(value, i)))
            return false;
    return true;
}

static bool holds_enum(const json_t *rule, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(rule); i++)
        if (json_equal(json_array_get(rule, i), value))
            return true;
    return false;
}

static bool holds_base64(const json_t *rule, const json_t *value)
{
    ck_assert_str_eq(json_string_value(rule), "base64");
    const char *text = json_string_value(value);
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_") ==
           strlen(text);
}

static bool holds(const char *keyword, const json_t *schema, const json_t *rule, const json_t *value)
{
    json_int_t number = json_integer_value(rule);
    if (strcmp(keyword, "type") == 0)
        return holds_type(rule, value);
    if (strcmp(keyword, "properties") == 0 || strcmp(keyword, "additionalProperties") == 0)
        return holds_properties(schema, value);
    if (strcmp(keyword, "required") == 0)
        return holds_required(rule, value);
    if (strcmp(keyword, "items") == 0)
        return holds_items(rule, value);
    if (strcmp(keyword, "enum") == 0)
        return holds_enum(rule, value);
    if (strcmp(keyword, "contentEncoding") == 0)
        return holds_base64(rule, value);
    if (strcmp(keyword, "minimum") == 0)
        return json_integer_value(value) >= number;
    if (strcmp(keyword, "maximum") == 0)
        return json_integer_value(value) <= number;
    if (strcmp(keyword, "minLength") == 0)
        return (json_int_t)json_string_length(value) >= number;
    if (strcmp(keyword, "minProperties") == 0)
        return (json_int_t)json_object_size(value) >= number;
    if (strcmp(keyword, "maxProperties") == 0)
        return (json_int_t)json_object_size(value) <= number;
    ck_assert_msg(strcmp(keyword, "format") == 0, "a keyword that tools may not know: %s", keyword);
    return true;
}

bool schema_holds(const json_t *schema, const json_t *value)
{
    const char *keyword;
    json_t *rule;
    if (!holds_type(json_object_get(schema, "type"), value))
        return false;
    json_object_foreach((json_t *)(uintptr_t)schema, keyword, rule)
    {
        if (!holds(keyword, schema, rule, value))
            return false;
    }
    return true;
}
