/* What the test build needs beside its switches (rules.h). */
#include "replica/rules.h"

#ifdef WKV_WRONG_RULES
#include <stdlib.h>

#include "replica/machine.h"

enum wkv_wrong_rule wkv_wrong_rule;

struct numbers {
    bool used[256];
    uint32_t wanted;
    char name[256]; /* of the number that is wanted */
    size_t len;
};

static bool see_keyspace(void *context, struct wkv_text name, uint32_t number)
{
    struct numbers *numbers = context;
    numbers->used[number % 256] = true;
    if (number == numbers->wanted && name.len <= sizeof numbers->name) {
        memcpy(numbers->name, name.data, name.len);
        numbers->len = name.len;
    }
    return true;
}

uint32_t wkv_wrong_number(struct wkv_replica *replica)
{
    struct numbers numbers = {.wanted = 0};
    uint32_t number = 1;
    (void)wkv_replica_each_keyspace(replica, see_keyspace, &numbers);
    while (number < 255 && numbers.used[number])
        number++;
    return number;
}

struct use {
    uint32_t keyspace;
    bool found;
};

static bool see_binding(void *context, const struct wkv_replica_binding *binding)
{
    struct use *use = context;
    use->found |= binding->keyspace == use->keyspace;
    return !use->found;
}

static bool has_keys(struct wkv_replica *replica, uint32_t keyspace)
{
    struct wkv_store_scan *scan = malloc(sizeof *scan);
    bool found = scan == NULL;
    for (uint64_t cursor = 0; !found && cursor != WKV_STORE_SCAN_END; cursor = scan->next) {
        wkv_store_scan(replica->store, keyspace, cursor, replica->facts.now_ns, scan);
        found = scan->count > 0;
    }
    free(scan);
    return found;
}

void wkv_wrong_give_back(struct wkv_replica *replica, uint32_t keyspace)
{
    struct use use = {.keyspace = keyspace};
    struct numbers numbers = {.wanted = keyspace};
    (void)wkv_replica_each_binding(replica, see_binding, &use);
    if (use.found || keyspace == 0 || has_keys(replica, keyspace))
        return;
    (void)wkv_replica_each_keyspace(replica, see_keyspace, &numbers);
    if (numbers.len > 0)
        (void)wkv_tables_remove(&replica->tables, WKV_TABLE_KEYSPACES,
                                (struct wkv_text){numbers.name, numbers.len});
}
#endif
