# What is shipped: optimised, without asserts and without the tests.
#
#     cmake -C tests/presets/release.cmake -S . -B build/release
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
set(WKV_TESTS OFF CACHE BOOL "" FORCE)
