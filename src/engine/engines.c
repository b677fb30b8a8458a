#include "engine/memory.h"

const struct wkv_engine *const wkv_engines[] = {&wkv_engine_memory, NULL};
