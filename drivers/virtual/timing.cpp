#include "virtual/timing.hpp"

#include <algorithm>
#include <cmath>

namespace polymetis::virtual_card {

Schedule::Span Schedule::add(TimePoint submitted, double period_ns, double periods) noexcept {
  if (submitted > end_) {
    whole_ = end_ = submitted;
    rest_ns_ = 0;
  }
  const TimePoint start = end_;
  rest_ns_ += period_ns * periods;
  const double ns = std::floor(rest_ns_);
  whole_ += Duration(static_cast<std::int64_t>(ns));
  rest_ns_ -= ns;
  end_ = whole_ + Duration(std::llround(rest_ns_));
  return {start, end_};
}

void Schedule::take_back(const Span& last) noexcept {
  whole_ = end_ = last.start;
  rest_ns_ = 0;
}

double period_ns(double frames_per_second, unsigned clock_mhz) noexcept { return 1e9 / frames_per_second * (800.0 / std::max(clock_mhz, 1U)); }

double periods(std::size_t frames, unsigned cores) noexcept {
  const auto share = std::max(cores, 1U);
  return static_cast<double>((frames + share - 1) / share);
}

}  // namespace polymetis::virtual_card
