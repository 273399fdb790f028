#pragma once

#include <memory>

#include "base/mutex.hpp"
#include "polymetis/host.hpp"

namespace polymetis::base {

/// Runs `body` on a new detached thread that takes no signals; `keep` lives as long as it. `name` has at most 15 bytes.
/// False: the system gives no more threads.
bool start_thread(const char* name, Task body, std::shared_ptr<void> keep) noexcept;

/// How threads are asked to end.
enum class Ending {
  no,
  when_idle,  ///< first everything that is queued runs
  now,        ///< after the task at hand; what is queued stays there
};

/// What SerialThread, ThreadPool and TimerThread share: threads that come when needed, are counted, and can be ended and come again.
///
/// They are detached and never joined, so that neither a forked child, which has none of them, nor the end of a process with a stuck task
/// hangs. Each holds its crew alive.
class Crew : public std::enable_shared_from_this<Crew> {
 public:
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Ends its threads and waits for it until `limit`; called on one of them, waits for nothing. Afterwards the crew can be used as before.
  void end(Ending how, TimePoint limit) EXCLUDES(mutex_);

 protected:
  ~Crew() = default;
  /// Counts and starts one more thread, which calls `run`; lets go of the mutex meanwhile. False: the system gives no more.
  bool start(const char* name) REQUIRES(mutex_);
  /// The body of each thread.
  virtual void run() noexcept = 0;
  /// Wakes all that sleep, so that they see `ending_`.
  virtual void wake_all() noexcept REQUIRES(mutex_) = 0;

  Mutex mutex_;
  Ending ending_ GUARDED_BY(mutex_) = Ending::no;
  unsigned running_ GUARDED_BY(mutex_) = 0;

 private:
  void thread_main() noexcept;

  CondVar ended_;
};

}  // namespace polymetis::base
