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
/// Thread-safe: level and logger may change at any time.
class Log {
 public:
  explicit Log(LogLevel level = LogLevel::warning) noexcept : level_(level) {}

  /// Messages below `level` are dropped.
  void set_level(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] LogLevel level() const noexcept { return level_.load(std::memory_order_relaxed); }
  /// An empty function ends logging. When it returns no thread is inside the logger before, nor will be: it waits for that, unless this
  /// thread is inside a logger.
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
  struct Receiver {
    explicit Receiver(Logger function) : logger(std::move(function)) {}
    const Logger logger;
    unsigned inside = 0;     // threads; guarded as receiver_ is
    bool is_orphan = false;  // replaced without a wait: the last that leaves frees it
  };
  Receiver* enter() const noexcept;
  void leave(Receiver* receiver) const noexcept;

  // own synchronisation
  std::atomic<LogLevel> level_;
  std::atomic<bool> listening_{false};
  // guarded
  mutable Mutex mutex_;
  mutable CondVar left_;
  std::unique_ptr<Receiver> receiver_ GUARDED_BY(mutex_);
};

}  // namespace polymetis::base
