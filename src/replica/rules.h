/* The wrong rules: each is one that looks right, and that a random history shows to be wrong. They are
 * switches of the test build alone (tests/CMakeLists.txt compiles this room a second time, with
 * WKV_WRONG_RULES); here they are false, and no code comes of them. */
#ifndef WKV_REPLICA_RULES_H
#define WKV_REPLICA_RULES_H

#include <stdbool.h>

enum wkv_wrong_rule {
    WKV_RIGHT,
    /* Of snapshots and recovery. */
    WKV_META_LAST,            /* the rest is written behind the keys */
    WKV_GROUPS_STRADDLE,      /* what a Batch needs together is not */
    WKV_READS_DO_NOT_COUNT,   /* what it only reads is left out */
    WKV_ABSENT_KEYS_LEFT_OUT, /* what is not there is not said to be absent */
    WKV_READ_TWICE,           /* the scan shows once more what was written on its own */
    WKV_AMID_THE_RECORD,      /* on its own in front of its operation, not of the whole record */
    WKV_REWRITTEN_AFTER,      /* what was read before is written again behind the record */
    WKV_KEYED_STRADDLES,      /* an operation with an id, and the note of it */
    WKV_NUMBERS_GIVEN_BACK,   /* a keyspace that is empty and unbound loses its number */
    /* Of writers and answers. */
    WKV_NUMBER_LEFT_OPEN,      /* what is void is taken again under its old number */
    WKV_UNKNOWN_WRITER_IS_NEW, /* instead of void */
    WKV_IN_FLIGHT_OVER_A_RECOVERY,
    WKV_ALWAYS_SURE,        /* what was not seen in time has changed nothing */
    WKV_REFUSAL_OF_A_RETRY, /* what refuses one try is taken for an answer */
    WKV_BINDINGS_NOT_NAMED, /* a batch runs under newer bindings than it was taken under */
    WKV_POSITION_READ_AT_THE_SEAL,
    WKV_READ_WITHOUT_BARRIER,
    WKV_WRONG_RULES_END,
};

#ifdef WKV_WRONG_RULES
extern enum wkv_wrong_rule wkv_wrong_rule;
#define WKV_WRONG(rule) (wkv_wrong_rule == (rule))
#else
#define WKV_WRONG(rule) false
#endif

#endif
