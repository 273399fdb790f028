#include "virtual/timing.hpp"

#include <algorithm>
#include <cmath>

namespace polymetis::virtual_card {

Schedule::Span Schedule::add(TimePoint submitted, double period_ns, double periods) noexcept {
  if (submitted > end_) {
    chain_start_ = submitted;
    chain_ns_ = 0;
    end_ = submitted;
  }
  Span span{end_, {}};
  chain_ns_ += period_ns * periods;
  end_ = span.end = chain_start_ + Duration(std::llround(chain_ns_));
  return span;
}

void Schedule::take_back(const Span& last) noexcept {
  chain_ns_ = static_cast<double>((last.start - chain_start_).count());
  end_ = last.start;
}

double period_ns(double frames_per_second, unsigned clock_mhz) noexcept { return 1e9 / frames_per_second * (800.0 / std::max(clock_mhz, 1U)); }

double periods(std::size_t frames, unsigned cores) noexcept {
  const auto share = std::max(cores, 1U);
  return static_cast<double>((frames + share - 1) / share);
}

}  // namespace polymetis::virtual_card
