#include "base/thread_host.hpp"

#include <atomic>
#include <cstdlib>

#include "base/fork.hpp"
#include "base/serial_thread.hpp"
#include "base/thread_pool.hpp"
#include "base/timer_thread.hpp"

namespace polymetis::base {

namespace {

struct Shared {
  std::uint64_t generation = 0;
  std::shared_ptr<ThreadHost> host;
  Shared* parents = nullptr;  // that of the process that forked: kept, as its threads' locks may be held for ever
};
// A pointer and no lock: a fork may come at any moment. Never freed, as objects that live at exit still use it.
std::atomic<Shared*> current{nullptr};

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

std::shared_ptr<ThreadHost> ThreadHost::shared() {
  Shared* seen = current.load(std::memory_order_acquire);
  if (seen != nullptr && seen->generation == fork_generation()) return seen->host;
  auto made = std::make_unique<Shared>(Shared{fork_generation(), std::make_shared<ThreadHost>(), seen});
  if (!current.compare_exchange_strong(seen, made.get(), std::memory_order_acq_rel)) return seen->host;  // another thread was quicker
  std::atexit([] { end_shared(); });
  return made.release()->host;
}

void ThreadHost::end_shared() noexcept {
  const Shared* shared = current.load(std::memory_order_acquire);
  if (shared->host->before_fork()) return;
  const TimePoint limit = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  shared->host->timers_->end(Ending::now, limit);
  shared->host->poster_->end(Ending::now, limit);
  shared->host->pool_->end(Ending::now, limit);
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
