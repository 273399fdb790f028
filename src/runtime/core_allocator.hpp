#pragma once

#include <optional>
#include <vector>

#include "base/mutex.hpp"
#include "polymetis/driver.hpp"

namespace polymetis::runtime {

/// The cores of a connection, given to its instances first fit. Thread-safe.
class CoreAllocator {
 public:
  explicit CoreAllocator(CoreRange cores) : cores_(cores), taken_(cores.count) {}

  /// The first `count` consecutive free cores; absent: there are none.
  std::optional<CoreRange> take(unsigned count) {
    const base::MutexLock lock(mutex_);
    for (unsigned first = 0; first + count <= cores_.count; ++first) {
      if (!all_free(first, count)) continue;
      mark({first, count}, Mark::taken);
      return CoreRange{cores_.first + first, count};
    }
    return std::nullopt;
  }
  void give(CoreRange range) {
    const base::MutexLock lock(mutex_);
    mark({range.first - cores_.first, range.count}, Mark::free);
  }
  [[nodiscard]] unsigned free_count() {
    const base::MutexLock lock(mutex_);
    unsigned count = 0;
    for (const bool taken : taken_) count += taken ? 0 : 1;
    return count;
  }

 private:
  enum class Mark { free, taken };
  bool all_free(unsigned first, unsigned count) const REQUIRES(mutex_) {
    for (unsigned i = first; i < first + count; ++i) {
      if (taken_[i]) return false;
    }
    return true;
  }
  void mark(CoreRange range, Mark to) REQUIRES(mutex_) {
    for (unsigned i = range.first; i < range.first + range.count; ++i) taken_[i] = to == Mark::taken;
  }

  const CoreRange cores_;
  base::Mutex mutex_;
  std::vector<bool> taken_ GUARDED_BY(mutex_);
};

}  // namespace polymetis::runtime
