# cmake -DSOURCE=DIR -DOUT=FILE [-DGIVEN=TEXT] -P revision.cmake: writes the header FILE, with what `git describe` says of the
# source in DIR. Where there is no git, as in a container's build, it is what was given; in what `git archive` made, what git
# wrote into revision.txt then. A file that says the same is left alone, so that nothing is compiled anew.
set(revision "${GIVEN}")

# ask_git(OUT ARGUMENT...): what git prints of the source; nothing where it cannot say. Another's repository around ours is not ours.
function(ask_git out)
  execute_process(COMMAND git --no-optional-locks -C ${SOURCE} ${ARGN}
                  OUTPUT_VARIABLE said ERROR_QUIET RESULT_VARIABLE status OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT status EQUAL 0)
    set(said "")
  endif()
  set(${out} "${said}" PARENT_SCOPE)
endfunction()

function(describe out)
  # git's own answer for its top folder is an empty line, as for none: so there are two questions.
  ask_git(inside rev-parse --is-inside-work-tree)
  ask_git(prefix rev-parse --show-prefix)
  if(NOT inside STREQUAL "true" OR NOT prefix STREQUAL "")
    set(${out} "" PARENT_SCOPE)
    return()
  endif()
  ask_git(said describe --tags --always)
  ask_git(changed status --porcelain --untracked-files=no)
  if(NOT said STREQUAL "" AND NOT changed STREQUAL "")
    string(APPEND said "-dirty")
  endif()
  set(${out} "${said}" PARENT_SCOPE)
endfunction()

function(read_archive out)
  set(first "")
  if(EXISTS ${SOURCE}/deploy/revision.txt)
    file(READ ${SOURCE}/deploy/revision.txt text)
    # What git has not filled in has a dollar. A describe without a tag is empty, and the commit stands behind it.
    string(REGEX MATCH "^ *([^ $\n%]+)( [^$]*)?\n*$" whole "${text}")
    set(first "${CMAKE_MATCH_1}")
  endif()
  set(${out} "${first}" PARENT_SCOPE)
endfunction()

if(revision STREQUAL "")
  describe(revision)
endif()
if(revision STREQUAL "")
  read_archive(revision)
endif()
if(NOT revision MATCHES "^[-A-Za-z0-9._/+~]*$")
  message(FATAL_ERROR "the revision '${revision}' is none: it may have letters, digits and -._/+~")
endif()

set(text "#define WKV_REVISION \"${revision}\"\n")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUT} "${text}")
endif()
