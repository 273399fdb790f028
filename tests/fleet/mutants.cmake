# Deliberate bugs, each of which chaos must catch: the proof that its checks can fail. mutants/<name>.txt names a file of src/fleet, perhaps `threads`,
# and what is to be found there and replaced.

# The part of `text` between two marks.
function(polymetis_between text from to result)
  string(FIND "${text}" "${from}" begin)
  string(LENGTH "${from}" length)
  math(EXPR begin "${begin} + ${length}")
  string(SUBSTRING "${text}" ${begin} -1 rest)
  string(FIND "${rest}" "${to}" end)
  string(SUBSTRING "${rest}" 0 ${end} rest)
  set(${result} "${rest}" PARENT_SCOPE)
endfunction()

# The program `mutant_<name>`: chaos over src/fleet with one file changed. Its test passes when a promise is found broken and, in
# virtual time, the schedule could be shortened. Configuring fails unless what is to be found is there exactly once.
function(polymetis_mutant description)
  get_filename_component(name ${description} NAME_WE)
  file(READ ${description} text)
  string(REGEX MATCH "^[^ \n]+" file "${text}")
  polymetis_between("${text}" "--- find\n" "--- replace\n" find)
  polymetis_between("${text}" "--- replace\n" "--- end" replace)
  set(original ${PROJECT_SOURCE_DIR}/src/fleet/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${original} ${description})
  file(READ ${original} source)
  string(FIND "${source}" "${find}" first)
  string(FIND "${source}" "${find}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "The mutant ${name} looks for a text that is not exactly once in src/fleet/${file}:\n${find}")
  endif()
  string(REPLACE "${find}" "${replace}" source "${source}")
  set(mutated ${PROJECT_BINARY_DIR}/generated/mutants/${name}.cpp)
  file(GENERATE OUTPUT ${mutated} CONTENT "${source}")
  # Its object comes before the library, whose object of the same file is then not taken.
  add_executable(mutant_${name} ${mutated} $<TARGET_OBJECTS:chaos>)
  target_compile_options(mutant_${name} PRIVATE -O0)
  target_link_libraries(mutant_${name} PRIVATE ${fleet_libs})
  set_target_properties(mutant_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/mutants)
  if(text MATCHES "^[^\n]* threads\n")
    set(kind --threads --stall 3)
  endif()
  # Seed 1 floods its streams, and a fleet that loses frames is slow then.
  add_test(NAME fleet_system/mutant_${name} COMMAND mutant_${name} --expect-caught --seeds 2..100000 --seconds 60 ${kind})
endfunction()

file(GLOB mutants CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/mutants/*.txt)
foreach(mutant IN LISTS mutants)
  polymetis_mutant(${mutant})
endforeach()
