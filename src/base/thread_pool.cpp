#include "base/thread_pool.hpp"

#include <algorithm>

#include "base/futex.hpp"

namespace polymetis::base {

void ThreadPool::run_soon(Task task) {
  MutexLock lock(mutex_);
  if (!idle_.empty()) {
    Worker& worker = *idle_.back();
    idle_.pop_back();
    return call(worker, task);
  }
  queue_.push_back(task);
  if (running_ < most_) start("polymetis-work");  // if the system gives no more, those that run take it when they are free
}

unsigned ThreadPool::threads() {
  MutexLock lock(mutex_);
  return running_;
}

void ThreadPool::call(Worker& worker, Task task) {
  worker.task = task;
  worker.called.store(1, std::memory_order_release);
  futex_wake(&worker.called, 1);
}

void ThreadPool::wake_all() noexcept {
  for (Worker* worker : idle_) call(*worker, {});
  idle_.clear();
}

void ThreadPool::run() noexcept {
  Worker worker;
  while (take(worker)) {
    if (worker.task.function != nullptr) worker.task();
  }
}

bool ThreadPool::take(Worker& worker) {
  {
    MutexLock lock(mutex_);
    if (ending_ == Ending::now) return false;
    if (!queue_.empty()) {
      worker.task = queue_.front();
      queue_.pop_front();
      return true;
    }
    if (ending_ != Ending::no) return false;
    worker.called.store(0, std::memory_order_relaxed);
    idle_.push_back(&worker);
  }
  return sleep(worker);
}

bool ThreadPool::sleep(Worker& worker) {
  TimePoint deadline = std::chrono::steady_clock::now() + patience_;
  while (worker.called.load(std::memory_order_acquire) == 0) {
    if (std::chrono::steady_clock::now() >= deadline) {
      MutexLock lock(mutex_);
      if (worker.called.load(std::memory_order_relaxed) != 0) break;
      if (!may_stay(worker)) return false;
      deadline = TimePoint::max();
    }
    futex_wait(worker.called, 0, deadline);
  }
  return true;
}

bool ThreadPool::may_stay(Worker& worker) {
  const auto place = std::find(idle_.begin(), idle_.end(), &worker);
  if (place - idle_.begin() < static_cast<std::ptrdiff_t>(kept)) return true;
  idle_.erase(place);
  return false;
}

}  // namespace polymetis::base
