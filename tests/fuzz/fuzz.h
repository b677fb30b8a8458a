/* What the fuzz targets share. An assertion that fails ends the process, which the fuzzer reports with the
 * input that did it. */
#ifndef WKV_TESTS_FUZZ_FUZZ_H
#define WKV_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/error.h"
#include "wascc_keyvalue/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static inline void must_hold(bool holds, const char *what, int line)
{
    if (holds)
        return;
    (void)fprintf(stderr, "line %d: not so: %s\n", line, what);
    abort();
}
#define must(condition) must_hold(condition, #condition, __LINE__)

/* A cursor over the input, of which each target takes what it needs; at its end it gives zeros. */
struct input {
    const uint8_t *at, *end;
};

static inline uint8_t take_byte(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* At most max bytes, as many as the next two bytes say, and no more than there are. */
static inline struct wkv_text take_text(struct input *input, size_t max)
{
    size_t len = take_byte(input);
    len = (len << 8 | take_byte(input)) % (max + 1);
    size_t left = (size_t)(input->end - input->at);
    len = len < left ? len : left;
    struct wkv_text text = {(const char *)input->at, len};
    input->at += len;
    return text;
}

/* One line of printable ASCII, as an error's text goes into a header. */
static inline void must_be_error(const struct wkv_error *error, enum wkv_code code)
{
    must(error->code == code && error->text[0] != '\0');
    for (const char *c = error->text; *c != '\0'; c++)
        must(*c >= 0x20 && *c <= 0x7e);
}

#endif
