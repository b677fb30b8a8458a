# ThreadSanitizer, with asserts.
#
#     cmake -C tests/presets/tsan.cmake -S . -B build/tsan
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
# -O1 is about twice as quick to run as -O0 and keeps the stacks readable.
set(CMAKE_C_FLAGS_DEBUG "-g -O1" CACHE STRING "" FORCE)
set(WKV_TSAN ON CACHE BOOL "" FORCE)
# Not git's word: every test program would be linked anew after each commit.
set(WKV_REVISION test CACHE STRING "" FORCE)
