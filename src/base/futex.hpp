#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "polymetis/host.hpp"

namespace polymetis::base {

/// Sleeps while `word` holds `expected`, at most until `deadline` (`TimePoint::max()`: for ever). May return early, so call it in a loop.
/// Reentrant.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept;

/// Wakes up to `count` sleepers. Reads nothing at `word`, so what holds it may be gone already. Reentrant.
void futex_wake(const std::atomic<std::uint32_t>* word, int count = std::numeric_limits<int>::max()) noexcept;

}  // namespace polymetis::base
