/* Headers, looked up where they lie. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "nats/header.h"

static const struct {
    const char *headers, *value; /* value NULL: none */
} cases[] = {
    {"NATS/1.0\r\nWascc-Claims: a.b.c\r\n\r\n", "a.b.c"},
    {"NATS/1.0\r\nWascc-Claims:a.b.c\r\n\r\n", "a.b.c"},
    {"NATS/1.0\r\nWascc-Claims: \t a b \t\r\n\r\n", "a b"},
    {"NATS/1.0\r\nOther: x\r\nWascc-Claims: y\r\n\r\n", "y"},
    {"NATS/1.0\r\nWascc-Claims: first\r\nWascc-Claims: second\r\n\r\n", "first"},
    {"NATS/1.0\r\nWascc-Claims: one\r\n two\r\n\tthree\r\nX: y\r\n\r\n", "one\r\n two\r\n\tthree"},
    {"NATS/1.0\r\nWascc-Claims: one\r\n two", "one\r\n two"},
    {"NATS/1.0\r\nWascc-Claims:\r\n\r\n", ""},
    {"NATS/1.0\r\nWascc-Claims: no end", "no end"},
    {"NATS/1.0 503\r\nWascc-Claims: x\r\n\r\n", "x"},
    {"NATS/1.0\nWascc-Claims: x\n\n", "x"},
    /* "Names of headers are taken in any case, white space around a value is dropped." */
    {"NATS/1.0\r\nwascc-claims: x\r\n\r\n", "x"},
    {"NATS/1.0\r\nWASCC-CLAIMS:\t\tx y  \r\n\r\n", "x y"},
    {"NATS/1.0\r\nwAsCC-claimS:x\t\r\n\r\n", "x"},
    {"NATS/1.0\r\nwascc-claims: first\r\nWascc-Claims: second\r\n\r\n", "first"},
    {"NATS/1.0\r\nWascc\rClaims: x\r\n\r\n", NULL},
    {"NATS/1.0\r\nWascc-Claims2: x\r\n\r\n", NULL},
    {"NATS/1.0\r\nWascc-Claim: x\r\n\r\n", NULL},
    {"NATS/1.0\r\n Wascc-Claims: x\r\n\r\n", NULL},
    {"NATS/1.0\r\nX: Wascc-Claims: x\r\n\r\n", NULL},
    {"NATS/1.0 Wascc-Claims: x\r\n\r\n", NULL},
    {"NATS/1.0\r\nWascc-Claims x\r\n\r\n", NULL},
    {"NATS/1.0\r\nWascc-Claims", NULL},
    {"NATS/1.0\r\n\r\n", NULL},
    {"NATS/1.0", NULL},
    {"\n", NULL},
    {"", NULL},
};

START_TEST(a_header_is_found_by_its_name_in_any_case)
{
    /* A copy of just the bytes, so that a sanitizer sees a look beyond. */
    size_t len = strlen(cases[_i].headers);
    char *headers = malloc(len + (len == 0));
    ck_assert_ptr_nonnull(headers);
    memcpy(headers, cases[_i].headers, len);
    struct wkv_header wanted = {.name = "Wascc-Claims"};
    wkv_headers_find(headers, len, &wanted, 1);
    struct wkv_text found = wanted.value;
    if (cases[_i].value == NULL) {
        ck_assert_ptr_null(found.data);
    } else {
        ck_assert_ptr_nonnull(found.data);
        ck_assert_uint_eq(found.len, strlen(cases[_i].value));
        ck_assert_mem_eq(found.data, cases[_i].value, found.len);
        ck_assert_msg(wanted.spelled > headers && wanted.spelled[-1] == '\n', "not where the name stands");
    }
    free(headers);
}
END_TEST

START_TEST(several_headers_are_found_in_one_look)
{
    static const char headers[] = "NATS/1.0\r\nB: 2\r\nA: 1\r\nB: 3\r\nD: 4\r\n\r\n";
    struct wkv_header wanted[] = {{.name = "A"}, {.name = "B"}, {.name = "C"}, {.name = "D"}};
    static const char *const values[] = {"1", "2", NULL, "4"};
    wkv_headers_find(headers, sizeof headers - 1, wanted, 4);
    for (int i = 0; i < 4; i++) {
        if (values[i] == NULL)
            ck_assert_ptr_null(wanted[i].value.data);
        else
            ck_assert(wanted[i].value.len == 1 && wanted[i].value.data[0] == values[i][0]);
    }
}
END_TEST

/* What a received message with headers has, integration/trace and integration/auth see. */
START_TEST(a_message_with_data_and_no_headers_is_known_at_once)
{
    natsMsg *message;
    ck_assert_int_eq(nats_Open(-1), NATS_OK);
    ck_assert_int_eq(natsMsg_Create(&message, "a.subject", "an.inbox", "data", 4), NATS_OK);
    ck_assert(wkv_headers_are_none(message));
    natsMsg_Destroy(message);
    /* Nor is it known of one without data: nats.c has moved its headers. */
    ck_assert_int_eq(natsMsg_Create(&message, "a.subject", "an.inbox", NULL, 0), NATS_OK);
    ck_assert(!wkv_headers_are_none(message));
    natsMsg_Destroy(message);
    nats_Close();
}
END_TEST

Suite *header_suite(void)
{
    Suite *suite = suite_create("nats/header");
    TCase *tests = tcase_create("header");
    tcase_add_loop_test(tests, a_header_is_found_by_its_name_in_any_case, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, several_headers_are_found_in_one_look);
    tcase_add_test(tests, a_message_with_data_and_no_headers_is_known_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
