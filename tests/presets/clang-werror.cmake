# clang, warnings are errors: it sees other things than gcc does.
#
#     cmake -C tests/presets/clang-werror.cmake -S . -B build/clang-werror
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
set(CMAKE_C_COMPILER clang CACHE STRING "" FORCE)
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
set(WKV_WERROR ON CACHE BOOL "" FORCE)
