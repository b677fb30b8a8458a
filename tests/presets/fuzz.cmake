# The fuzz targets: clang's libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, with asserts.
#
#     cmake -C tests/presets/fuzz.cmake -S . -B build/fuzz && cmake --build build/fuzz --target fuzzers
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
set(CMAKE_C_COMPILER clang CACHE STRING "" FORCE)
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
set(WKV_WERROR ON CACHE BOOL "" FORCE)
set(WKV_FUZZ ON CACHE BOOL "" FORCE)
# Not git's word: every test program would be linked anew after each commit.
set(WKV_REVISION test CACHE STRING "" FORCE)
