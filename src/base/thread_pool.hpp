#pragma once

#include <atomic>
#include <deque>
#include <vector>

#include "base/short_waits.hpp"
#include "base/thread.hpp"

namespace polymetis::base {

/// Threads for tasks that compute or block for long: one more whenever all are busy, up to `most`; above it tasks wait. Work goes to
/// the thread that was idle for the shortest time; those idle for `patience` end, but for the first two. Thread-safe.
class ThreadPool final : public Crew {
 public:
  explicit ThreadPool(unsigned most = 512, Duration patience = std::chrono::seconds(5)) : most_(most), patience_(patience) {}

  void run_soon(Task task) EXCLUDES(mutex_);
  [[nodiscard]] unsigned threads() EXCLUDES(mutex_);

 private:
  struct Worker {
    enum State : std::uint32_t { awake, asleep, called };
    Task task;
    std::atomic<std::uint32_t> state{awake};  // called: set under the mutex, after `task`, once it is no longer in `idle_`
    ShortWaits waits;
  };
  static constexpr std::size_t kept = 2;

  void run() noexcept override;
  void wake_all() noexcept override REQUIRES(mutex_);
  void call(Worker& worker, Task task) REQUIRES(mutex_);
  bool take(Worker& worker) EXCLUDES(mutex_);
  /// Sleeps until it is called (true) or was idle for too long (false, and no longer in `idle_`).
  bool sleep(Worker& worker) EXCLUDES(mutex_);
  bool may_stay(Worker& worker) REQUIRES(mutex_);

  // constant
  const unsigned most_;
  const Duration patience_;
  // guarded
  std::deque<Task> queue_ GUARDED_BY(mutex_);
  std::vector<Worker*> idle_ GUARDED_BY(mutex_);  // the last went idle last
};

}  // namespace polymetis::base
