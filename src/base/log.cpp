#include "base/log.hpp"

namespace polymetis::base {

void Log::set_logger(Logger logger) {
  std::shared_ptr<const Logger> next = logger ? std::make_shared<const Logger>(std::move(logger)) : nullptr;
  MutexLock lock(mutex_);
  listening_.store(next != nullptr, std::memory_order_relaxed);
  logger_.swap(next);
  lock.unlock();  // the old logger is destroyed outside: it may log
}

void Log::write(LogLevel level, const std::string& message) const noexcept {
  if (!wants(level)) return;
  std::shared_ptr<const Logger> logger;
  {
    MutexLock lock(mutex_);
    logger = logger_;
  }
  if (logger == nullptr) return;
  try {
    (*logger)(level, message.c_str());
  } catch (...) {  // nobody is left to tell
  }
}

}  // namespace polymetis::base
