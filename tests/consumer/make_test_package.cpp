// Writes the package that the users' programs run: one input, one output that is the input plus one.
#include <cstdio>
#include <exception>

#include "conformance/test_package.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    polymetis::testing::write_test_package(argv[1], {.shape = {1, 4, 4, 4}});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
