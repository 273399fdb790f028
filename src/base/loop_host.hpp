#pragma once

#include "base/timer_queue.hpp"
#include "polymetis/host.hpp"

namespace polymetis::base {

/// Virtual time on one thread: tasks run one after the other, ordered by time and then by order of asking, and time jumps from one to
/// the next, so the same calls always give the same run. `post` and `run_blocking` queue at the current time.
///
/// Thread-bound: made, called and turned on one thread. Tasks may call everything, also `wait`. What has not run when it is destroyed
/// never runs. Nothing is allocated per task once its vectors have grown.
class LoopHost final : public Host {
 public:
  /// Time starts at `start`: not at zero, so that a default TimePoint is seen as the past.
  explicit LoopHost(TimePoint start = TimePoint(std::chrono::hours(1))) noexcept : now_(start) {}

  [[nodiscard]] TimePoint now() const noexcept override { return now_; }
  TimerId call_at(TimePoint when, Task task) override;
  bool cancel(TimerId timer) noexcept override { return queue_.cancel(timer); }
  void post(Task task) override { queue_.add(now_, task); }
  void run_blocking(Task task) override { queue_.add(now_, task); }
  /// Runs tasks until `latch` is open, or none is due by `deadline`. Then time is `deadline`; or unchanged where `deadline` is
  /// `TimePoint::max()`: with nothing left to do, nothing could ever open the latch.
  bool wait(Latch& latch, TimePoint deadline) override;

  /// Runs the next task, at its time; false if there is none.
  bool step();
  /// Runs every task that is due by `when`, those added meanwhile too; then it is `when`.
  void run_until(TimePoint when);
  /// Runs until nothing is left to do. Never returns while tasks keep adding tasks.
  void run_until_idle();
  /// When the next task is due; `TimePoint::max()` where there is none.
  [[nodiscard]] TimePoint next() const noexcept { return queue_.next(); }
  [[nodiscard]] std::size_t pending() const noexcept { return queue_.size(); }

 private:
  TimePoint now_;
  TimerQueue queue_;
};

}  // namespace polymetis::base
