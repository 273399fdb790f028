#pragma once

#include "base/mutex.hpp"
#include "device/instance_state.hpp"

namespace polymetis::device {

/// Instances' states that wait to be used again. Never destroyed, as a driver may answer for a job whose instance is long gone. Thread-safe.
class StatePool {
 public:
  static StatePool& get();

  /// One with at least `depth` places.
  InstanceState* take(unsigned depth);
  void give(InstanceState* state) noexcept;

 private:
  base::Mutex mutex_;
  InstanceState* spare_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace polymetis::device
