#pragma once

#include <algorithm>

#include "polymetis/host.hpp"

namespace polymetis::base {

/// Some hundred nanoseconds in which the other thread of this core, if there is one, has it to itself. Reentrant.
void rest() noexcept;

/// Whether a thread looks for a while before it sleeps. That pays where what it waits for has come soon of late: to wake a thread takes some
/// ten microseconds. Where it comes later nothing is spent on looking. Thread-bound.
class ShortWaits {
 public:
  /// Looks until `ready()` or `deadline`, at most for `longest`; not at all where waits were not short of late. True: it is ready.
  template <class Ready>
  bool look(TimePoint deadline, Ready&& ready) noexcept {
    if (typical_ > shortest_sleep) return false;
    const TimePoint until = std::min(deadline, std::chrono::steady_clock::now() + longest);
    while (!ready()) {
      if (std::chrono::steady_clock::now() >= until) {
        if (until != deadline) typical_ = most;
        return false;
      }
      rest();
    }
    typical_ -= typical_ / 8;
    return true;
  }
  /// It slept so long until it was ready.
  void slept(Duration took) noexcept { typical_ += (std::min(took, most) - typical_) / 8; }

 private:
  static constexpr Duration longest = std::chrono::microseconds(50);
  static constexpr Duration shortest_sleep = std::chrono::microseconds(100);  // a sleep is longer than what it waited for
  static constexpr Duration most = 8 * shortest_sleep;

  Duration typical_ = most;  // a moving average
};

}  // namespace polymetis::base
