#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/room.h"

void test_room_begin(void)
{
    if (sodium_init() < 0) {
        (void)fprintf(stderr, "libsodium cannot be initialised\n");
        exit(EXIT_FAILURE);
    }
}
