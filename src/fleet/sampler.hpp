#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "fleet/plan.hpp"

namespace polymetis::fleet {

/// Counters at one time, to make rates of. Keeps its memory.
struct Sample {
  TimePoint time;
  double host_cpu_s = 0;                     ///< of this process
  std::optional<double> cpu_waited_s;        ///< in which some thread of this computer waited for a CPU; absent: the kernel does not tell
  std::vector<std::uint64_t> device_frames;  ///< by device
  std::vector<Duration> device_busy;
  std::vector<std::uint64_t> instance_frames;  ///< by executor
  std::vector<Duration> instance_busy;
  std::vector<std::uint64_t> model_outputs;   ///< by model
  std::vector<std::uint64_t> stream_outputs;  ///< by stream
  std::vector<std::uint64_t> window_binds;
  std::vector<std::uint64_t> consumer_binds;

  void take(const Plan& plan, TimePoint now);
};

/// The counters of the last two seconds, taken four times a second while anything happens, so that rates are of the last second or two whenever
/// they are asked for. Thread-bound.
class Sampler {
 public:
  explicit Sampler(TimePoint now) : next_(now) {}
  /// Before each event. In the long run nothing is allocated.
  void note(const Plan& plan, TimePoint now) {
    if (now >= next_) add(plan, now);
  }
  /// What the counters of `now` are to be compared with.
  [[nodiscard]] const Sample& before(TimePoint now) const noexcept;

 private:
  static constexpr Duration apart = std::chrono::milliseconds(250);
  static constexpr Duration longest = std::chrono::seconds(2);
  static constexpr Duration shortest = std::chrono::milliseconds(100);

  void add(const Plan& plan, TimePoint now);
  [[nodiscard]] const Sample& newest(std::size_t back) const noexcept { return samples_[(added_ - 1 - back) % samples_.size()]; }

  std::array<Sample, 8> samples_;
  std::size_t added_ = 0;
  TimePoint next_;
};

}  // namespace polymetis::fleet
