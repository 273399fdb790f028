#pragma once

#include <algorithm>

#include "fleet/histogram.hpp"

namespace polymetis::fleet {

/// How long a job of one model may take on one device before it is called hung: learned from what its jobs took, and never below the
/// driver's floor. Thread-bound.
class HangBound {
 public:
  void set(Duration floor, double factor) noexcept {
    floor_ = floor;
    factor_ = factor;
    bound_ = std::max(floor, bound_);
  }

  void add(Duration took) noexcept {
    history_.add(took);
    if (history_.count() < enough) {
      bound_ = std::max(floor_, Duration(history_.max() * cautious));
    } else if (++since_refresh_ >= refresh_every || history_.count() == enough) {
      since_refresh_ = 0;
      bound_ = std::max(floor_, std::chrono::duration_cast<Duration>(history_.quantile(0.999) * factor_));
      if (history_.count() > forget_at) history_.decay();
    }
    typical_ = typical_.count() == 0 ? took : typical_ + (took - typical_) / 16;
  }
  [[nodiscard]] Duration bound() const noexcept { return bound_; }
  /// A moving average; zero before the first.
  [[nodiscard]] Duration typical() const noexcept { return typical_; }
  [[nodiscard]] const Histogram& history() const noexcept { return history_; }

 private:
  static constexpr Duration unknown = std::chrono::seconds(10);  // before the first answer
  static constexpr int cautious = 10;                            // times the longest, while few have been seen
  static constexpr std::uint64_t enough = 100;
  static constexpr std::uint64_t refresh_every = 256;
  static constexpr std::uint64_t forget_at = 20000;

  Duration floor_{0};
  double factor_ = 3.0;
  Duration bound_ = unknown;
  Duration typical_{0};
  std::uint64_t since_refresh_ = 0;
  Histogram history_;
};

}  // namespace polymetis::fleet
