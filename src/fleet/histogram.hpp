#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "polymetis/host.hpp"

namespace polymetis::fleet {

/// Durations in steps of 3 % from 1 ns to 18 minutes; 5 KiB, constant time to add. Thread-bound.
class Histogram {
 public:
  void add(Duration duration) noexcept {
    ++counts_[index_of(duration)];
    ++total_;
    max_ = std::max(max_, duration);
  }

  /// For each of the ascending `shares` (0..1) the upper edge of the step that holds it; zero where nothing was added. In one pass.
  template <std::size_t N>
  [[nodiscard]] std::array<Duration, N> quantiles(const std::array<double, N>& shares) const noexcept {
    std::array<Duration, N> found{};
    std::uint64_t below = 0;
    std::size_t step = 0;
    for (std::size_t n = 0; n < N && total_ > 0; ++n) {
      const auto wanted = std::max<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(shares[n] * static_cast<double>(total_))), 1);
      while (step + 1 < size && below + counts_[step] < wanted) below += counts_[step++];
      found[n] = std::min(upper_edge(step), max_);
    }
    return found;
  }
  [[nodiscard]] Duration quantile(double share) const noexcept { return quantiles<1>({share})[0]; }

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }
  [[nodiscard]] Duration max() const noexcept { return max_; }

  void add(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    max_ = std::max(max_, other.max_);
  }

  /// Halves all counts, so that old behaviour is forgotten.
  void decay() noexcept {
    total_ = 0;
    for (auto& count : counts_) total_ += count /= 2;
  }

 private:
  static constexpr int sub_bits = 5;  // 32 steps an octave
  static constexpr int octaves = 40 - sub_bits;
  static constexpr std::size_t size = (std::size_t{octaves} + 1) << sub_bits;

  static std::size_t index_of(Duration duration) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<Duration::rep>(duration.count(), 0));
    if (value < (1U << sub_bits)) return value;
    const int shift = std::bit_width(value) - 1 - sub_bits;
    const std::size_t index = (static_cast<std::size_t>(shift + 1) << sub_bits) + ((value >> shift) - (1U << sub_bits));
    return std::min(index, size - 1);
  }
  static Duration upper_edge(std::size_t index) noexcept {
    if (index < (1U << sub_bits)) return Duration(index);
    const std::size_t shift = (index >> sub_bits) - 1;
    const std::uint64_t base = (index & ((1U << sub_bits) - 1)) + (1U << sub_bits);
    return Duration(((base + 1) << shift) - 1);
  }

  std::array<std::uint32_t, size> counts_{};
  std::uint64_t total_ = 0;
  Duration max_{0};
};

}  // namespace polymetis::fleet
