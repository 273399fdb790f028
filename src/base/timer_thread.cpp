#include "base/timer_thread.hpp"

#include <sys/prctl.h>

#include "base/futex.hpp"

namespace polymetis::base {

TimerId TimerThread::add(TimePoint when, Task task) {
  MutexLock lock(mutex_);
  const TimerId timer = queue_.add(when, task);
  if (running_ == 0) start("polymetis-timer");
  if (when < sleeping_until_) wake_all();
  return timer;
}

bool TimerThread::cancel(TimerId timer) noexcept {
  MutexLock lock(mutex_);
  return queue_.cancel(timer);  // the thread may wake for it once for nothing
}

void TimerThread::wake_all() noexcept {
  sleeping_until_ = TimePoint::min();
  bell_.fetch_add(1, std::memory_order_relaxed);
  futex_wake(&bell_, 1);
}

void TimerThread::run() noexcept {
  prctl(PR_SET_TIMERSLACK, 1UL);  // the default rounds each sleep up by 50 us
  MutexLock lock(mutex_);
  while (ending_ == Ending::no) {
    if (queue_.next() > std::chrono::steady_clock::now()) {
      sleep();
      continue;
    }
    const Task task = queue_.take();
    lock.unlock();
    task();
    lock.lock();
  }
}

void TimerThread::sleep() {
  const TimePoint until = queue_.next();
  sleeping_until_ = until;
  const std::uint32_t heard = bell_.load(std::memory_order_relaxed);
  mutex_.unlock();
  futex_wait(bell_, heard, until);
  mutex_.lock();
  sleeping_until_ = TimePoint::min();
}

}  // namespace polymetis::base
