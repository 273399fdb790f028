# polymetis_driver(NAME folder [LIBS target...]), called in a folder of drivers/: a static library `polymetis_driver_<name>` of its *.cpp that are not
# tests, which defines `const DriverFactory <name>_driver` in namespace polymetis. Its headers are included as "<name>/x.hpp"; it sees the public
# headers and what it names, no layer of src/.
function(polymetis_driver)
  cmake_parse_arguments(D "" "NAME" "LIBS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz)\\.cpp$")
  set(root ${PROJECT_BINARY_DIR}/include/driver_${D_NAME})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${dir} ${root}/${D_NAME} SYMBOLIC)
  add_library(polymetis_driver_${D_NAME} STATIC ${sources})
  target_include_directories(polymetis_driver_${D_NAME} PUBLIC ${root})
  target_link_libraries(polymetis_driver_${D_NAME} PUBLIC polymetis_public PRIVATE ${D_LIBS})
  set_target_properties(polymetis_driver_${D_NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # tests beside the code: `driver_<name>_tests`, with the conformance suite
  polymetis_unit_tests(NAME driver_${D_NAME} DIR ${dir} LIBS polymetis_conformance polymetis_model polymetis_base fmt::fmt Threads::Threads)
  polymetis_fuzzers(NAME driver_${D_NAME} DIR ${dir} LIBS polymetis_base fmt::fmt)
endfunction()
