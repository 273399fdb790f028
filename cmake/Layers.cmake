# One folder, one target, one layer. A layer sees the headers of the layers that it names and of no others: each has its own include
# root, build/include/<layer>, which holds one link to its folder, so a wrong #include does not compile.

# polymetis_layer(NAME name DIR folder [USES layer...] [LIBS target...]): a static library `polymetis_<name>` of all *.cpp in the folder that are not
# tests. Its headers are included as "<name>/x.hpp".
function(polymetis_layer)
  cmake_parse_arguments(L "" "NAME;DIR" "USES;LIBS" ${ARGN})
  set(target polymetis_${L_NAME})
  file(GLOB sources CONFIGURE_DEPENDS ${L_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz)\\.cpp$")
  if(NOT sources)
    set(sources ${PROJECT_BINARY_DIR}/generated/empty.cpp)
    file(WRITE ${sources} "")
  endif()
  set(root ${PROJECT_BINARY_DIR}/include/${L_NAME})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${L_DIR} ${root}/${L_NAME} SYMBOLIC)
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${root})
  foreach(layer IN LISTS L_USES)
    target_link_libraries(${target} PUBLIC polymetis_${layer})
  endforeach()
  target_link_libraries(${target} PUBLIC polymetis_public PRIVATE ${L_LIBS})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  polymetis_unit_tests(NAME ${L_NAME} DIR ${L_DIR} LIBS ${L_LIBS})
  polymetis_fuzzers(NAME ${L_NAME} DIR ${L_DIR} LIBS ${L_LIBS})
endfunction()

# What all test programs share. A test's own code need not be fast, what it tests is: not optimised it compiles in about half the time.
function(polymetis_test_program target)
  target_compile_options(${target} PRIVATE -O0)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../src/base/testing/sanitizer_answers.cpp)
endfunction()

# Every *_test.cpp beside the code becomes part of one program, `<name>_tests`.
function(polymetis_unit_tests)
  cmake_parse_arguments(L "" "NAME;DIR" "LIBS" ${ARGN})
  file(GLOB tests CONFIGURE_DEPENDS ${L_DIR}/*_test.cpp)
  if(NOT POLYMETIS_TESTS OR NOT tests)
    return()
  endif()
  add_executable(${L_NAME}_tests ${tests})
  polymetis_test_program(${L_NAME}_tests)
  target_link_libraries(${L_NAME}_tests PRIVATE polymetis_${L_NAME} ${L_LIBS} GTest::gtest_main)
  gtest_discover_tests(${L_NAME}_tests TEST_PREFIX "${L_NAME}/" DISCOVERY_MODE PRE_TEST)
endfunction()

# Every *_fuzz.cpp beside the code becomes a program of libFuzzer, and the build lets it write its seeds: fuzz/<x>_fuzz is the program,
# fuzz/<x>_corpus its corpus. The target `fuzzers` is all of them.
function(polymetis_fuzzers)
  cmake_parse_arguments(L "" "NAME;DIR" "LIBS" ${ARGN})
  if(NOT POLYMETIS_FUZZ)
    return()
  endif()
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  file(GLOB fuzzers CONFIGURE_DEPENDS ${L_DIR}/*_fuzz.cpp)
  foreach(source IN LISTS fuzzers)
    get_filename_component(fuzzer ${source} NAME_WE)
    string(REPLACE "_fuzz" "_corpus" corpus ${PROJECT_BINARY_DIR}/fuzz/${fuzzer})
    add_executable(${fuzzer} ${source})
    target_link_libraries(${fuzzer} PRIVATE polymetis_${L_NAME} ${L_LIBS})
    target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${fuzzer} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    add_dependencies(fuzzers ${fuzzer})
    add_custom_command(TARGET ${fuzzer} POST_BUILD
      COMMAND ${CMAKE_COMMAND} -E make_directory ${corpus}
      COMMAND ${CMAKE_COMMAND} -E env POLYMETIS_FUZZ_SEEDS=${corpus} $<TARGET_FILE:${fuzzer}>)
  endforeach()
endfunction()
