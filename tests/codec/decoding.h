/* What the suites of decoders share: an arena for what is decoded, and the error. set_up and tear_down are a
 * test case's fixture. */
#ifndef WKV_TESTS_CODEC_DECODING_H
#define WKV_TESTS_CODEC_DECODING_H

#include <check.h>

#include "codec/messages.h"
#include "support/arena.h"
#include "support/error.h"

static struct wkv_arena arena;
static struct wkv_error error;

static void set_up(void)
{
    ck_assert(wkv_arena_init(&arena, 4096, 1 << 20));
    wkv_error_clear(&error);
}

static void tear_down(void)
{
    wkv_arena_destroy(&arena);
}

#endif
