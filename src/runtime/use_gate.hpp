#pragma once

#include <atomic>
#include <cstdint>

namespace polymetis::runtime {

/// Who uses an instance: one blocking run, any number of queued ones; and its release, which the last of them carries out. Thread-safe.
class UseGate {
 public:
  enum class Entry { entered, running, released };
  /// Whether the caller has to take down what the gate guards: it is released and nobody is inside.
  enum class TakeDown { no, yes };
  enum class Release { idle, in_use, again };  ///< idle: the caller takes down; in_use: the last one to leave does

  Entry enter_run() noexcept {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    for (;;) {
      if ((state & released) != 0) return Entry::released;
      if ((state & running) != 0) return Entry::running;
      if (state_.compare_exchange_weak(state, state | running, std::memory_order_acquire, std::memory_order_relaxed)) return Entry::entered;
    }
  }
  TakeDown leave_run() noexcept { return leave(running); }

  /// Not while a blocking run is going on.
  Entry enter_queued() noexcept {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    for (;;) {
      if ((state & released) != 0) return Entry::released;
      if ((state & running) != 0) return Entry::running;
      if (state_.compare_exchange_weak(state, state + queued, std::memory_order_acq_rel, std::memory_order_relaxed)) return Entry::entered;
    }
  }
  TakeDown leave_queued() noexcept { return leave(queued); }
  [[nodiscard]] bool any_queued() const noexcept { return state_.load(std::memory_order_relaxed) >= queued; }

  Release release() noexcept {
    const std::uint32_t state = state_.fetch_or(released, std::memory_order_acq_rel);
    if ((state & released) != 0) return Release::again;
    return state == 0 ? Release::idle : Release::in_use;
  }
  [[nodiscard]] bool is_released() const noexcept { return (state_.load(std::memory_order_acquire) & released) != 0; }

 private:
  static constexpr std::uint32_t released = 1, running = 2, queued = 4;

  TakeDown leave(std::uint32_t user) noexcept {
    return state_.fetch_sub(user, std::memory_order_acq_rel) - user == released ? TakeDown::yes : TakeDown::no;
  }

  std::atomic<std::uint32_t> state_{0};
};

}  // namespace polymetis::runtime
