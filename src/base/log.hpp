#pragma once

#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.hpp"
#include "polymetis/log.hpp"

namespace polymetis::base {

/// Where messages go. Until a logger is set nothing is written: the library never prints.
///
/// Thread-safe: level and logger may change at any time; a message that is on its way may still reach the logger that was replaced.
class Log {
 public:
  explicit Log(LogLevel level = LogLevel::warning) noexcept : level_(level) {}

  /// Messages below `level` are dropped.
  void set_level(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] LogLevel level() const noexcept { return level_.load(std::memory_order_relaxed); }
  /// An empty function ends logging.
  void set_logger(Logger logger);

  /// Whether a message of `level` would be passed on: two loads.
  [[nodiscard]] bool wants(LogLevel level) const noexcept {
    return level >= level_.load(std::memory_order_relaxed) && listening_.load(std::memory_order_relaxed);
  }
  /// Passes `message` to the logger, on this thread and with no lock held. What the logger throws is dropped.
  void write(LogLevel level, const std::string& message) const noexcept;
  /// As `write`, but formats only what is wanted.
  template <class... Arguments>
  void format(LogLevel level, fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    if (wants(level)) write(level, fmt::format(text, std::forward<Arguments>(arguments)...));
  }

 private:
  // own synchronisation
  std::atomic<LogLevel> level_;
  std::atomic<bool> listening_{false};
  // guarded
  mutable Mutex mutex_;
  std::shared_ptr<const Logger> logger_ GUARDED_BY(mutex_);
};

}  // namespace polymetis::base
