#pragma once

#include <cstdint>

#include "polymetis/host.hpp"

namespace polymetis::virtual_card {

/// When the jobs of one instance start and end at a fixed rate. Pure: no clock, no timer. Thread-bound.
///
/// A job starts at the end of the one before it only if it was already waiting, else at its submission. Fractions of a
/// nanosecond are carried over to the next, so that no rounding adds up.
class Schedule {
 public:
  struct Span {
    TimePoint start;
    TimePoint end;
  };

  /// The next job, submitted at `submitted`, taking `periods` periods of `period_ns` each.
  Span add(TimePoint submitted, double period_ns, double periods) noexcept;
  /// Forgets the last job.
  void take_back(const Span& last) noexcept;

 private:
  TimePoint whole_ = TimePoint::min();  // end of the last job, rounded down
  double rest_ns_ = 0;                  // what is missing
  TimePoint end_ = TimePoint::min();
};

/// Nanoseconds that a core needs for a frame at `clock_mhz`, where it does `frames_per_second` at 800 MHz.
[[nodiscard]] double period_ns(double frames_per_second, unsigned clock_mhz) noexcept;
/// How many periods `frames` take on `cores` that share them.
[[nodiscard]] double periods(std::size_t frames, unsigned cores) noexcept;

}  // namespace polymetis::virtual_card
