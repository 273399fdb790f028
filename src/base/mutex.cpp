#include "base/mutex.hpp"

#include "base/short_waits.hpp"

namespace polymetis::base {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::nanoseconds between_looks{4000};
constexpr unsigned looks = 8;

}  // namespace

void BriefMutex::lock_slowly() noexcept {
  auto next_look = Clock::now();
  for (unsigned look = 0; look < looks; ++look) {
    next_look += between_looks;
    while (Clock::now() < next_look) rest();
    if (state_.load(std::memory_order_relaxed) == free && try_lock()) return;
  }
  while (state_.exchange(slept_on, std::memory_order_acquire) != free) futex_wait(state_, slept_on, TimePoint::max());
}

}  // namespace polymetis::base
