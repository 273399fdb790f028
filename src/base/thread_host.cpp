#include "base/thread_host.hpp"

#include <cstdlib>

#include "base/per_process.hpp"
#include "base/serial_thread.hpp"
#include "base/thread_pool.hpp"
#include "base/timer_thread.hpp"

namespace polymetis::base {

namespace {

struct SharedHost {
  std::shared_ptr<ThreadHost> host = std::make_shared<ThreadHost>();

  SharedHost() {
    std::atexit([] { ThreadHost::end_shared(); });
  }
};
PerProcess<SharedHost> shared_host;  // never destroyed: objects that live at exit still use it

}  // namespace

ThreadHost::ThreadHost()
    : generation_(fork_generation()),
      poster_(std::make_shared<SerialThread>()),
      pool_(std::make_shared<ThreadPool>()),
      timers_(std::make_shared<TimerThread>()) {}

ThreadHost::~ThreadHost() {
  if (before_fork()) return;
  timers_->end(Ending::now, TimePoint::max());
  poster_->end(Ending::when_idle, TimePoint::max());
  pool_->end(Ending::when_idle, TimePoint::max());
}

bool ThreadHost::before_fork() const noexcept { return generation_ != fork_generation(); }

std::shared_ptr<ThreadHost> ThreadHost::shared() { return shared_host.get().host; }

void ThreadHost::end_shared() noexcept {
  ThreadHost& host = *shared_host.get().host;
  const TimePoint limit = host.now() + std::chrono::seconds(2);
  host.timers_->end(Ending::now, limit);
  host.poster_->end(Ending::now, limit);
  host.pool_->end(Ending::now, limit);
}

TimerId ThreadHost::call_at(TimePoint when, Task task) { return before_fork() ? TimerId::none : timers_->add(when, task); }

bool ThreadHost::cancel(TimerId timer) noexcept { return before_fork() || timers_->cancel(timer); }

void ThreadHost::post(Task task) {
  if (!before_fork()) poster_->post(task);
}

void ThreadHost::run_blocking(Task task) {
  if (!before_fork()) pool_->run_soon(task);
}

bool ThreadHost::wait(Latch& latch, TimePoint deadline) { return before_fork() ? latch.is_open() : latch.wait_until(deadline); }

}  // namespace polymetis::base
