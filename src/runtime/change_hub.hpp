#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::runtime {

/// Passes changes of devices on to who listens. Drivers hold it, so that none is ever freed under its own feet. Thread-safe.
class ChangeHub {
 public:
  using Listener = std::function<void(const DeviceChange&)>;

  [[nodiscard]] std::shared_ptr<void> add(Listener listener);
  void changed(const DeviceChange& change);
  /// Whether `device` was lost since the last call.
  [[nodiscard]] bool take_lost(const std::string& device);

 private:
  base::Mutex mutex_;
  std::vector<std::weak_ptr<Listener>> listeners_ GUARDED_BY(mutex_);
  std::set<std::string> lost_ GUARDED_BY(mutex_);
};

}  // namespace polymetis::runtime
