#include "base/serial_thread.hpp"

#include <utility>

#include "base/futex.hpp"

namespace polymetis::base {

void SerialThread::post(Task task) {
  MutexLock lock(mutex_);
  queue_.push_back(task);
  if (running_ == 0) start("polymetis-post");
  if (sleeping_) wake_all();
}

void SerialThread::wake_all() noexcept {
  sleeping_ = false;
  bell_.fetch_add(1, std::memory_order_relaxed);
  futex_wake(&bell_, 1);
}

void SerialThread::run() noexcept {
  std::vector<Task> batch;
  while (take(batch)) {
    for (const Task& task : batch) task();
    batch.clear();
  }
}

bool SerialThread::take(std::vector<Task>& batch) {
  MutexLock lock(mutex_);
  while (ending_ == Ending::no && queue_.empty()) {
    sleeping_ = true;
    const std::uint32_t heard = bell_.load(std::memory_order_relaxed);
    lock.unlock();
    futex_wait(bell_, heard, TimePoint::max());
    lock.lock();
  }
  if (ending_ == Ending::now || queue_.empty()) return false;
  batch.swap(queue_);
  return true;
}

}  // namespace polymetis::base
