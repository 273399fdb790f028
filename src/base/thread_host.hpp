#pragma once

#include <memory>

#include "polymetis/host.hpp"

namespace polymetis::base {

class SerialThread;
class ThreadPool;
class TimerThread;

/// Real time and real threads: one for `post`, one for timers, and a pool for `run_blocking` that grows while all of it is blocked, up
/// to 512. Threads come on first use, sleep without waking when there is nothing to do, and take no signals.
///
/// Thread-safe. Destroying it runs what was posted and drops timers; on one of its own threads it does not wait for that. In a forked
/// child of the process that made it, it does nothing at all: nothing runs, nothing waits.
class ThreadHost final : public Host {
 public:
  ThreadHost();
  ~ThreadHost() override;

  /// The one of this process (a forked child gets one of its own). At exit its threads end after the task at hand, for which exit waits
  /// two seconds at most.
  static std::shared_ptr<ThreadHost> shared();
  /// What runs at exit.
  static void end_shared() noexcept;

  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }
  TimerId call_at(TimePoint when, Task task) override;
  bool cancel(TimerId timer) noexcept override;
  void post(Task task) override;
  void run_blocking(Task task) override;
  bool wait(Latch& latch, TimePoint deadline) override;

 private:
  [[nodiscard]] bool before_fork() const noexcept;

  const std::uint64_t generation_;
  const std::shared_ptr<SerialThread> poster_;
  const std::shared_ptr<ThreadPool> pool_;
  const std::shared_ptr<TimerThread> timers_;
};

}  // namespace polymetis::base
