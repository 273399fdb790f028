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
  if (worker.state.exchange(Worker::called, std::memory_order_release) == Worker::asleep) futex_wake(&worker.state, 1);
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
    worker.state.store(Worker::awake, std::memory_order_relaxed);
    idle_.push_back(&worker);
  }
  return sleep(worker);
}

bool ThreadPool::sleep(Worker& worker) {
  const auto is_called = [&worker] { return worker.state.load(std::memory_order_acquire) == Worker::called; };
  if (worker.waits.look(TimePoint::max(), is_called)) return true;
  const TimePoint begin = std::chrono::steady_clock::now();
  TimePoint deadline = begin + patience_;
  std::uint32_t awake = Worker::awake;
  worker.state.compare_exchange_strong(awake, Worker::asleep, std::memory_order_acquire);
  while (!is_called()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      MutexLock lock(mutex_);
      if (is_called()) break;
      if (!may_stay(worker)) return false;
      deadline = TimePoint::max();
    }
    futex_wait(worker.state, Worker::asleep, deadline);
  }
  worker.waits.slept(std::chrono::steady_clock::now() - begin);
  return true;
}

bool ThreadPool::may_stay(Worker& worker) {
  const auto place = std::find(idle_.begin(), idle_.end(), &worker);
  if (place - idle_.begin() < static_cast<std::ptrdiff_t>(kept)) return true;
  idle_.erase(place);
  return false;
}

}  // namespace polymetis::base
