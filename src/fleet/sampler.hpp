#pragma once

#include <deque>

#include "fleet/dispatcher.hpp"
#include "polymetis/fleet_metrics.hpp"

namespace polymetis::fleet {

/// Counters at one time, to make rates of.
struct Sample {
  TimePoint time;
  double host_cpu_s = 0;               ///< of this process
  std::vector<std::uint64_t> frames;   ///< by device
  std::vector<Duration> busy;          ///< by device
  std::vector<std::uint64_t> outputs;  ///< by stream
  std::vector<std::uint64_t> window_binds;
  std::vector<std::uint64_t> consumer_binds;
};

/// Keeps the samples of the last seconds, so that rates are of the last second or so, however often they are asked for. Thread-bound.
class Sampler {
 public:
  /// The sample to compare `now` with; `now` is kept.
  Sample since(const Sample& now);

 private:
  std::deque<Sample> samples_;
};

Sample sample_of(const Plan& plan, TimePoint now);
FleetMetrics metrics_of(const Plan& plan, const std::vector<std::shared_ptr<StreamRecord>>& streams, const Sample& now, const Sample& before);
std::vector<DeviceHealth> health_of(const Plan& plan);
Explanation explain_of(const Plan& plan, const FleetMetrics& metrics, const Sample& now, const Sample& before, const MemoryBudget& memory);

}  // namespace polymetis::fleet
