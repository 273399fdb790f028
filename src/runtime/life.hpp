#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <limits>
#include <utility>

#include "base/fork.hpp"
#include "base/try.hpp"
#include "polymetis/host.hpp"
#include "polymetis/status.hpp"

namespace polymetis::runtime {

inline Status made_before_fork(const char* noun) {
  return {Code::invalid_argument,
          fmt::format("this {} was made before fork and belongs to the parent process: make a new Context in the child, and all else from it", noun)};
}
inline Status was_released(const char* noun) {
  return {Code::invalid_argument, fmt::format("this {} has been released, or what it belongs to: make a new one", noun)};
}
inline Status is_empty(const char* noun) {
  return {Code::invalid_argument, fmt::format("this {} names no object: it was default-constructed or moved from", noun)};
}

/// Whether an object may be used. Thread-safe.
class Life {
 public:
  explicit Life(const char* noun) noexcept : noun_(noun), generation_(base::fork_generation()) {}

  /// Error: `invalid_argument` released, or made before fork.
  [[nodiscard]] Status check() const {
    if (made_before_fork()) return runtime::made_before_fork(noun_);
    return released() ? was_released(noun_) : Status();
  }
  [[nodiscard]] bool made_before_fork() const noexcept { return generation_ != base::fork_generation(); }
  [[nodiscard]] bool released() const noexcept { return released_.load(std::memory_order_acquire); }
  void release() noexcept { released_.store(true, std::memory_order_release); }

 private:
  const char* const noun_;
  const std::uint64_t generation_;
  std::atomic<bool> released_{false};
};

/// When the first release of an object began, on the host's clock: its time limit counts from there however often and from how many
/// threads it is released. Thread-safe.
class ReleaseStart {
 public:
  /// That time; `now` where nobody has released it yet.
  TimePoint first(TimePoint now) noexcept {
    Duration::rep before = none;
    const Duration::rep then = now.time_since_epoch().count();
    return began_.compare_exchange_strong(before, then, std::memory_order_relaxed) ? now : TimePoint(Duration(before));
  }

 private:
  static constexpr Duration::rep none = std::numeric_limits<Duration::rep>::min();
  std::atomic<Duration::rep> began_{none};
};

/// Frees nothing of `value` in a forked child: threads and devices that its destructor would meet are the parent's.
template <class T>
void leak_after_fork(std::uint64_t generation, T& value) noexcept {
  if (generation != base::fork_generation()) static_cast<void>(new T(std::move(value)));
}

/// What a call of the public API does: nothing is thrown across the border.
template <class F>
auto at_border(F&& call) noexcept -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& error) {
    return base::Failing{Status(Code::internal_error, fmt::format("out of memory, or a defect of Polymetis: {}", error.what()))};
  }
}

}  // namespace polymetis::runtime
