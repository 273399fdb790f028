#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "virtual/topology.hpp"

namespace polymetis::virtual_card {

/// What a virtual device and the instances on it share. Thread-safe.
class DeviceState {
 public:
  explicit DeviceState(DeviceSpec spec) : spec_(std::move(spec)), clocks_(spec_.description.core_count) {
    const auto cores = spec_.description.core_count;
    const unsigned clock = spec_.description.clocks_mhz.empty() ? 800 : spec_.description.clocks_mhz.back();
    configure({std::vector<unsigned>(cores, clock), std::vector<unsigned>(cores, 100)});
  }

  [[nodiscard]] const DeviceSpec& spec() const noexcept { return spec_; }
  void configure(const Configuration& configuration) {
    const std::lock_guard lock(mutex_);
    configuration_ = configuration;
    for (std::size_t core = 0; core < clocks_.size() && core < configuration.clock_mhz.size(); ++core) clocks_[core] = configuration.clock_mhz[core];
  }
  [[nodiscard]] Configuration configuration() const {
    const std::lock_guard lock(mutex_);
    return configuration_;
  }
  /// The slowest clock among `cores`: they work on one job together.
  [[nodiscard]] unsigned clock_mhz(const CoreRange& cores) const noexcept {
    unsigned slowest = ~0U;
    for (unsigned core = cores.first; core < cores.first + cores.count && core < clocks_.size(); ++core) {
      slowest = std::min(slowest, clocks_[core].load(std::memory_order_relaxed));
    }
    return slowest;
  }
  void count_late_frame() noexcept { late_frames_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t late_frames() const noexcept { return late_frames_.load(std::memory_order_relaxed); }

 private:
  // constant
  const DeviceSpec spec_;
  // own synchronisation
  std::vector<std::atomic<unsigned>> clocks_;
  std::atomic<std::uint64_t> late_frames_{0};
  // guarded by mutex_
  mutable std::mutex mutex_;
  Configuration configuration_;
};

}  // namespace polymetis::virtual_card
