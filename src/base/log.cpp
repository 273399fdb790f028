#include "base/log.hpp"

namespace polymetis::base {
namespace {

thread_local unsigned loggers_on_stack = 0;

}  // namespace

/// One that is itself inside a logger waits for nobody: two such would wait for each other.
void Log::set_logger(Logger logger) {
  auto next = logger ? std::make_unique<Receiver>(std::move(logger)) : nullptr;
  MutexLock lock(mutex_);
  listening_.store(next != nullptr, std::memory_order_relaxed);
  receiver_.swap(next);
  if (next == nullptr) return;
  if (loggers_on_stack == 0) {
    while (next->inside != 0) left_.wait(mutex_);
  } else if (next->inside != 0) {
    next->is_orphan = true;
    static_cast<void>(next.release());
  }
  lock.unlock();  // the old logger is destroyed outside: it may log
}

Log::Receiver* Log::enter() const noexcept {
  const MutexLock lock(mutex_);
  if (receiver_ != nullptr) ++receiver_->inside;
  return receiver_.get();
}

void Log::leave(Receiver* receiver) const noexcept {
  std::unique_ptr<Receiver> orphan;
  const MutexLock lock(mutex_);
  if (--receiver->inside != 0) return;
  if (receiver->is_orphan) orphan.reset(receiver);
  left_.notify_all();
}

void Log::write(LogLevel level, const std::string& message) const noexcept {
  if (!wants(level)) return;
  Receiver* const receiver = enter();
  if (receiver == nullptr) return;
  ++loggers_on_stack;
  try {
    receiver->logger(level, message.c_str());
  } catch (...) {  // nobody is left to tell
  }
  --loggers_on_stack;
  leave(receiver);
}

}  // namespace polymetis::base
