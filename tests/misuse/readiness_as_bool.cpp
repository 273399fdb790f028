// That a device could be configured does not mean that it is ready.
// wrong: could not convert|cannot convert|incompatible operand types|different types|incompatible types
#include "polymetis/context.hpp"

bool ready(const polymetis::Context& context) {
  const auto readiness = context.configure_device(std::size_t{0}, {});
#ifdef WRONG
  return readiness ? *readiness : false;
#else
  return readiness ? *readiness == polymetis::Readiness::ready : false;
#endif
}
