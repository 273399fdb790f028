#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "polymetis/host.hpp"

namespace polymetis::fleet {

/// How many frames of a stream may be between the oldest that has not been answered and the newest that has started: enough for the others
/// to go on at full rate while one card is hung and not yet found out. Thread-bound.
class Window {
 public:
  /// Most frames whatever the rate (from the limit in bytes), or exactly so many where the caller chose.
  Window(std::size_t most = 4096, std::size_t chosen = 0) : most_(std::max<std::size_t>(most, 1)), chosen_(chosen) {}

  /// A frame ended. The rate that sizes the window is forgotten slowly, in twice the hang bound: while a hung card holds up the head, the rate
  /// falls by that card's share and more cards may follow, but the frames behind it were started at the old rate.
  void ended(TimePoint now, Duration hang_bound) noexcept {
    ++count_;
    if (now - since_ < measure_every) return;
    const double seconds = std::chrono::duration<double>(now - since_).count();
    const double measured = seconds > 1.0 ? 0.0 : static_cast<double>(count_) / seconds;
    const double memory_s = std::max(2 * std::chrono::duration<double>(hang_bound).count(), shortest_memory_s);
    rate_ = std::max(measured, rate_ * 0.75);
    kept_rate_ = std::max(measured, kept_rate_ * std::exp(-seconds / memory_s));
    since_ = now;
    count_ = 0;
  }
  /// Frames/s of late.
  [[nodiscard]] double rate() const noexcept { return rate_; }
  [[nodiscard]] std::size_t frames(std::size_t instances, Duration hang_bound) const noexcept {
    if (chosen_ > 0) return std::min(chosen_, most_);
    const double hidden = kept_rate_ * std::chrono::duration<double>(hang_bound).count() * slack;
    return std::clamp(static_cast<std::size_t>(hidden), least(instances), most_);
  }
  /// `inside < frames(instances, hang_bound)`, soon answered in the usual case.
  [[nodiscard]] bool has_room(std::size_t inside, std::size_t instances, Duration hang_bound) const noexcept {
    return (chosen_ == 0 && inside < least(instances)) || inside < frames(instances, hang_bound);
  }

 private:
  [[nodiscard]] std::size_t least(std::size_t instances) const noexcept {
    return std::min<std::size_t>(4 * std::max<std::size_t>(instances, 1), most_);
  }
  static constexpr Duration measure_every = std::chrono::milliseconds(10);
  static constexpr double shortest_memory_s = 0.03;
  static constexpr double slack = 2.5;  // a frame may hang one card after the other before it is given up, and runs in between

  std::size_t most_;
  std::size_t chosen_;
  TimePoint since_{};
  std::uint64_t count_ = 0;
  double rate_ = 0;
  double kept_rate_ = 0;
};

}  // namespace polymetis::fleet
