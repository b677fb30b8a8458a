/* The engine memory: one process holds the data, and a command is done where it is taken. */
#ifndef WKV_ENGINE_MEMORY_H
#define WKV_ENGINE_MEMORY_H

#include "engine/engine.h"

extern const struct wkv_engine wkv_engine_memory;

#endif
