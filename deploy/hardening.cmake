# Hardening of what is shipped. Compilers and C libraries differ in what they have, so each is asked for its own.
# tests/deploy/test_hardening.sh looks for all of it in the program.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)

# harden_where_known(FLAG...): the flags that this compiler knows, for everything.
function(harden_where_known)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "WKV_HAS${flag}" known)
    # An unknown flag is only a warning to clang.
    set(CMAKE_REQUIRED_FLAGS -Werror)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
      add_compile_options(${flag})
    endif()
  endforeach()
endfunction()

# A large frame is touched page by page, so that it cannot jump over the guard page behind a thread's stack.
harden_where_known(-fstack-protector-strong -fstack-clash-protection)
# Jumps and returns go where the program's own text may send them: -fcf-protection on x86, -mbranch-protection on arm64.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|i[3-6]86)$")
  harden_where_known(-fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  harden_where_known(-mbranch-protection=standard)
endif()

# Level 3 also knows sizes that are found out at run time. The sanitizers check the same calls better.
if(NOT WKV_SANITIZE AND NOT WKV_TSAN AND NOT WKV_FUZZ)
  set(CMAKE_REQUIRED_FLAGS "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Werror")
  check_c_source_compiles("
    #include <string.h>
    #if __USE_FORTIFY_LEVEL != 3
    #error another level
    #endif
    int main(void) { return 0; }" WKV_HAS_FORTIFY_3)
  unset(CMAKE_REQUIRED_FLAGS)
  if(WKV_HAS_FORTIFY_3)
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  else()
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
endif()

add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
