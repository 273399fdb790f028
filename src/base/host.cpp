#include "polymetis/host.hpp"

#include "base/futex.hpp"

namespace polymetis {

void Latch::open() noexcept {
  // after the exchange a waiter may be gone with the latch; waking at a dead address wakes nobody or wakes somebody for nothing
  const auto* word = &state_;
  if (state_.exchange(opened, std::memory_order_acq_rel) == waited_for) base::futex_wake(word);
}

bool Latch::wait_until(TimePoint deadline) noexcept {
  for (;;) {
    std::uint32_t state = closed;
    if (!state_.compare_exchange_strong(state, waited_for, std::memory_order_acquire) && state == opened) return true;
    if (std::chrono::steady_clock::now() >= deadline) return is_open();
    base::futex_wait(state_, waited_for, deadline);
  }
}

}  // namespace polymetis
