# Counts which lines the tests reach. Read the counts with gcov, or with gcovr or lcov where those are there.
#
#     cmake -C tests/presets/coverage.cmake -S . -B build/coverage
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
set(WKV_COVERAGE ON CACHE BOOL "" FORCE)
# Not git's word: every test program would be linked anew after each commit.
set(WKV_REVISION test CACHE STRING "" FORCE)
