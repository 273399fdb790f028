#include "base/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace polymetis::base {

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, TimePoint deadline) noexcept {
  static_assert(sizeof(word) == sizeof(std::uint32_t));
  const auto since_start = deadline.time_since_epoch();
  if (since_start < Duration::zero()) return;  // the kernel takes no time before its clock began; it is over anyway
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
  const timespec limit{static_cast<time_t>(seconds.count()), static_cast<long>((since_start - seconds).count())};
  // the bitset form takes a point of CLOCK_MONOTONIC, which is the steady clock
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline == TimePoint::max() ? nullptr : &limit, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(const std::atomic<std::uint32_t>* word, int count) noexcept {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace polymetis::base
