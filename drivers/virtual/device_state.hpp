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
    set({std::vector<unsigned>(cores, clock), std::vector<unsigned>(cores, 100)});
  }

  [[nodiscard]] const DeviceSpec& spec() const noexcept { return spec_; }
  /// What has been set already takes no time.
  Readiness configure(const Configuration& configuration, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (!(configuration == configuration_)) {
      set(configuration);
      ready_at_ = now + spec_.configure_time;
    }
    return readiness(now);
  }
  [[nodiscard]] Readiness ready(TimePoint now) const {
    const std::lock_guard lock(mutex_);
    return readiness(now);
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
  void set(const Configuration& configuration) {
    configuration_ = configuration;
    for (std::size_t core = 0; core < clocks_.size() && core < configuration.clock_mhz.size(); ++core) clocks_[core] = configuration.clock_mhz[core];
  }
  [[nodiscard]] Readiness readiness(TimePoint now) const { return now < ready_at_ ? Readiness::pending : Readiness::ready; }

  // constant
  const DeviceSpec spec_;
  // own synchronisation
  std::vector<std::atomic<unsigned>> clocks_;
  std::atomic<std::uint64_t> late_frames_{0};
  // guarded by mutex_
  mutable std::mutex mutex_;
  Configuration configuration_;
  TimePoint ready_at_ = TimePoint::min();
};

}  // namespace polymetis::virtual_card
