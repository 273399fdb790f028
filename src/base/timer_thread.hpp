#pragma once

#include <atomic>

#include "base/thread.hpp"
#include "base/timer_queue.hpp"

namespace polymetis::base {

/// One thread that runs tasks at their time, or as soon after as the tasks before them allow; it comes with the first. It is woken only
/// for a timer that is earlier than all others, and never by its own tasks. Thread-safe.
class TimerThread final : public Crew {
 public:
  TimerId add(TimePoint when, Task task) EXCLUDES(mutex_);
  bool cancel(TimerId timer) noexcept EXCLUDES(mutex_);

 private:
  void run() noexcept override;
  void wake_all() noexcept override REQUIRES(mutex_);
  void sleep() REQUIRES(mutex_);

  TimerQueue queue_ GUARDED_BY(mutex_);
  TimePoint sleeping_until_ GUARDED_BY(mutex_) = TimePoint::min();  // min: awake
  std::atomic<std::uint32_t> bell_{0};                              // counts wake-ups
};

}  // namespace polymetis::base
