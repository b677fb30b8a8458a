# gcc, warnings are errors: the build whose tests are run most.
#
#     cmake -C tests/presets/gcc-werror.cmake -S . -B build/gcc-werror
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
set(CMAKE_C_COMPILER gcc CACHE STRING "" FORCE)
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
set(WKV_WERROR ON CACHE BOOL "" FORCE)
# Not git's word: every test program would be linked anew after each commit.
set(WKV_REVISION test CACHE STRING "" FORCE)
