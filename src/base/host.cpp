#include "polymetis/host.hpp"

#include "base/futex.hpp"
#include "base/short_waits.hpp"

namespace polymetis {

void Latch::open() noexcept {
  // after the exchange a waiter may be gone with the latch; waking at a dead address wakes nobody or wakes somebody for nothing
  const auto* word = &state_;
  if (state_.exchange(opened, std::memory_order_acq_rel) == waited_for) base::futex_wake(word);
}

bool Latch::wait_until(TimePoint deadline) noexcept {
  static thread_local base::ShortWaits waits;
  if (is_open() || waits.look(deadline, [this] { return is_open(); })) return true;
  const TimePoint begin = std::chrono::steady_clock::now();
  for (TimePoint now = begin; now < deadline; now = std::chrono::steady_clock::now()) {
    std::uint32_t state = closed;
    if (state_.compare_exchange_strong(state, waited_for, std::memory_order_acquire) || state == waited_for)
      base::futex_wait(state_, waited_for, deadline);
    if (!is_open()) continue;
    waits.slept(std::chrono::steady_clock::now() - begin);
    return true;
  }
  return is_open();
}

}  // namespace polymetis
