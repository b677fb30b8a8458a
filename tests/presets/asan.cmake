# AddressSanitizer and UndefinedBehaviorSanitizer, with asserts; clang where there is one, with warnings as errors, for
# it sees other things than the gcc of gcc-werror does.
#
#     cmake -C tests/presets/asan.cmake -S . -B build/asan
#
# A CMakePresets.json works only at the top of the repository, which holds nothing but what each reader must see.
# So the presets are initial caches.
find_program(WKV_CLANG clang)
if(WKV_CLANG)
  set(CMAKE_C_COMPILER ${WKV_CLANG} CACHE STRING "" FORCE)
endif()
set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
# -O1 is about twice as quick to run as -O0 and keeps the stacks readable.
set(CMAKE_C_FLAGS_DEBUG "-g -O1" CACHE STRING "" FORCE)
set(WKV_WERROR ON CACHE BOOL "" FORCE)
set(WKV_SANITIZE ON CACHE BOOL "" FORCE)
# Not git's word: every test program would be linked anew after each commit.
set(WKV_REVISION test CACHE STRING "" FORCE)
