/* The operations: ONE table. */
#include <string.h>

#include "core.pb-c.h"
#include "keyvalue.pb-c.h"
#include "operation/call.h"
#include "operator.pb-c.h"

#define ANY "a key of any kind"
#define NUMBER "a scalar or a counter"
#define LIST "a list"
#define SET "a set"

const struct wkv_operation wkv_operations[] = {
    {"Get", NUMBER, &keyvalue__get_request__descriptor, &keyvalue__get_response__descriptor, false, false,
     false, wkv_handle_get, "Reads a scalar; a counter reads as its decimal text."},
    {"Set", ANY, &keyvalue__set_request__descriptor, &keyvalue__set_response__descriptor, true, false, false,
     wkv_handle_set,
     "Replaces whatever the key held by a scalar; expires_s is the seconds to live, 0 for no expiry."},
    {"Del", ANY, &keyvalue__del_request__descriptor, &keyvalue__del_response__descriptor, true, false, false,
     wkv_handle_del, "Deletes the key, of any kind; a missing key is no error."},
    {"Add", NUMBER, &keyvalue__add_request__descriptor, &keyvalue__add_response__descriptor, true, false,
     false, wkv_handle_add,
     "Adds to a counter at once and answers the sum; a missing key counts from 0, a scalar that is a decimal "
     "int32 "
     "becomes a counter."},
    {"Push", LIST, &keyvalue__list_push_request__descriptor, &keyvalue__list_response__descriptor, true,
     false, false, wkv_handle_push, "Appends the value at the end of the list and answers its length."},
    {"ListItemDelete", LIST, &keyvalue__list_del_item_request__descriptor,
     &keyvalue__list_response__descriptor, true, false, false, wkv_handle_list_item_delete,
     "Removes every occurrence of the value and answers how many items are left."},
    {"Range", LIST, &keyvalue__list_range_request__descriptor, &keyvalue__list_range_response__descriptor,
     false, false, false, wkv_handle_range,
     "Reads the items from start to stop, both included; -1 is the last item."},
    {"Clear", LIST, &keyvalue__list_clear_request__descriptor, &keyvalue__del_response__descriptor, true,
     false, false, wkv_handle_clear, "Deletes the list."},
    {"SetAdd", SET, &keyvalue__set_add_request__descriptor, &keyvalue__set_operation_response__descriptor,
     true, false, false, wkv_handle_set_add, "Adds the value to the set and answers the set's size."},
    {"SetRemove", SET, &keyvalue__set_remove_request__descriptor,
     &keyvalue__set_operation_response__descriptor, true, false, false, wkv_handle_set_remove,
     "Removes the value from the set and answers the set's size."},
    {"SetQuery", SET, &keyvalue__set_query_request__descriptor, &keyvalue__set_query_response__descriptor,
     false, false, false, wkv_handle_set_query, "Reads the members of the set, in no promised order."},
    {"SetUnion", SET, &keyvalue__set_union_request__descriptor, &keyvalue__set_query_response__descriptor,
     false, false, false, wkv_handle_set_union,
     "Reads the members of any of the sets, all seen at one moment."},
    {"SetIntersection", SET, &keyvalue__set_intersection_request__descriptor,
     &keyvalue__set_query_response__descriptor, false, false, false, wkv_handle_set_intersection,
     "Reads the members that all of the sets have, all seen at one moment."},
    {"KeyExists", ANY, &keyvalue__key_exists_query__descriptor, &keyvalue__get_response__descriptor, false,
     false, false, wkv_handle_key_exists, "Says whether the key exists, of any kind."},
    {"BindActor", ANY, &core__capability_configuration__descriptor, &core__empty__descriptor, true, true,
     false, wkv_handle_bind_actor, "Binds an actor; the value KEYSPACE names a keyspace for it."},
    {"RemoveActor", ANY, &core__capability_configuration__descriptor, &core__empty__descriptor, true, true,
     false, wkv_handle_remove_actor, "Takes the actor's binding away; its data stays."},
    {"GetCapabilityDescriptor", ANY, &core__empty__descriptor, &core__capability_descriptor__descriptor,
     false, true, false, wkv_handle_get_capability_descriptor,
     "Describes the capability and its operations."},
    {"HealthRequest", ANY, &core__health_request__descriptor, &core__empty__descriptor, false, true, false,
     wkv_handle_health_request, "Answers, which is all that it asks."},
    {"Keys", ANY, &operator__keys_request__descriptor, &operator__keys_reply__descriptor, false, true, true,
     wkv_handle_keys,
     "Lists keys, page by page: those of a keyspace, with a prefix or glob, or that hold at least "
     "min_bytes."},
    {"Inspect", ANY, &operator__inspect_request__descriptor, &operator__inspect_reply__descriptor, false,
     true, true, wkv_handle_inspect,
     "Tells a key's kind, length, bytes of memory and seconds to live, not its value."},
    {"Bindings", ANY, &operator__bindings_request__descriptor, &operator__bindings_reply__descriptor, false,
     true, true, wkv_handle_bindings, "Lists the bound actors, page by page, with their keyspaces."},
    {"Slowlog", ANY, &operator__slowlog_request__descriptor, &operator__slowlog_reply__descriptor, false,
     true, true, wkv_handle_slowlog,
     "Lists the slowest requests of the last minutes, without keys or values."},
    {"LogLevel", ANY, &operator__log_level_request__descriptor, &operator__log_level_reply__descriptor, true,
     true, true, wkv_handle_log_level, "Tells the log's level; level sets it."},
};

const size_t wkv_operation_count = sizeof wkv_operations / sizeof wkv_operations[0];

const struct wkv_operation *wkv_operation_find(const char *name)
{
    for (size_t i = 0; i < wkv_operation_count; i++)
        if (strcmp(wkv_operations[i].name, name) == 0)
            return &wkv_operations[i];
    return NULL;
}
