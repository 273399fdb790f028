#include "base/short_waits.hpp"

namespace polymetis::base {

void rest() noexcept {
  for (unsigned i = 0; i < 16; ++i) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");
#endif
  }
}

}  // namespace polymetis::base
