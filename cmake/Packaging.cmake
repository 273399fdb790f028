# What `cmake --install` puts where, in components: runtime, devel (libpolymetis); axruntime, axruntime-devel (the C API's shell).
# libpolymetis finds the engine by the absolute path of its folder of libraries, the shell finds libpolymetis beside itself, so a program
# needs neither to know of the engine nor to set a path.
include(CMakePackageConfigHelpers)

set(lib ${CMAKE_INSTALL_LIBDIR})
set(include ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS polymetis LIBRARY DESTINATION ${lib} COMPONENT runtime NAMELINK_COMPONENT devel)
install(TARGETS axruntime LIBRARY DESTINATION ${lib} COMPONENT axruntime NAMELINK_COMPONENT axruntime-devel)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/polymetis DESTINATION ${include} COMPONENT devel)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/axruntime DESTINATION ${include} COMPONENT axruntime-devel)

# The one header of others that our public headers include (public domain) goes along, so that a program needs no further package.
get_target_property(expected_root tl::expected INTERFACE_INCLUDE_DIRECTORIES)  # the same folder twice, in Debian
list(GET expected_root 0 expected_root)
install(FILES ${expected_root}/tl/expected.hpp DESTINATION ${include}/polymetis/third_party/tl COMPONENT devel)

# polymetis_package(NAME name VERSION version COMPONENT component): <name>.pc and the CMake package <name>.
function(polymetis_package)
  cmake_parse_arguments(P "" "NAME;VERSION;COMPONENT" "" ${ARGN})
  set(PACKAGE_VERSION_TEXT ${P_VERSION})
  set(generated ${PROJECT_BINARY_DIR}/packaging)
  set(cmake_folder ${lib}/cmake/${P_NAME})
  file(RELATIVE_PATH UP_TO_PREFIX /${lib}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${P_NAME}.pc.in ${generated}/${P_NAME}.pc @ONLY)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/${P_NAME}Config.cmake.in ${generated}/${P_NAME}Config.cmake
    INSTALL_DESTINATION ${cmake_folder} PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
  write_basic_package_version_file(${generated}/${P_NAME}ConfigVersion.cmake VERSION ${P_VERSION} COMPATIBILITY SameMajorVersion)
  install(FILES ${generated}/${P_NAME}.pc DESTINATION ${lib}/pkgconfig COMPONENT ${P_COMPONENT})
  install(FILES ${generated}/${P_NAME}Config.cmake ${generated}/${P_NAME}ConfigVersion.cmake DESTINATION ${cmake_folder} COMPONENT ${P_COMPONENT})
endfunction()

polymetis_package(NAME polymetis VERSION ${PROJECT_VERSION} COMPONENT devel)
polymetis_package(NAME axruntime VERSION ${AXRUNTIME_API_VERSION}.0 COMPONENT axruntime-devel)
