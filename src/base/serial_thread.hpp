#pragma once

#include <atomic>
#include <vector>

#include "base/thread.hpp"

namespace polymetis::base {

/// One thread that runs tasks in the order of posting; it comes with the first. Thread-safe.
class SerialThread final : public Crew {
 public:
  void post(Task task) EXCLUDES(mutex_);

 private:
  void run() noexcept override;
  void wake_all() noexcept override REQUIRES(mutex_);
  bool take(std::vector<Task>& batch) EXCLUDES(mutex_);

  std::vector<Task> queue_ GUARDED_BY(mutex_);
  bool sleeping_ GUARDED_BY(mutex_) = false;
  std::atomic<std::uint32_t> bell_{0};  // counts wake-ups
};

}  // namespace polymetis::base
