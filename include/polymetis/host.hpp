#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include "polymetis/export.hpp"

namespace polymetis {

using Duration = std::chrono::nanoseconds;
/// A point of the host's own clock: monotonic, real or virtual. Points of two hosts do not compare.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// A function and its argument; two words, nothing allocated. Whoever makes it keeps `argument` alive until it ran or was cancelled.
struct Task {
  void (*function)(void*) noexcept = nullptr;
  void* argument = nullptr;

  void operator()() const noexcept { function(argument); }
};

/// A heap-allocated closure as a Task, freed after it ran. For what is not on a frame's path; never for a timer that may be cancelled.
template <class F>
Task make_task(F&& closure) {
  using Closure = std::decay_t<F>;
  return {[](void* argument) noexcept {
            auto* owned = static_cast<Closure*>(argument);
            (*owned)();
            delete owned;
          },
          new Closure(std::forward<F>(closure))};
}

/// Names a pending `call_at`; 0 names none.
enum class TimerId : std::uint64_t { none = 0 };

/// Opens once and stays open; what a thread waits for. Thread-safe. It may be destroyed as soon as a wait for it returned true.
class POLYMETIS_API Latch {
 public:
  /// Opens it and wakes who waits. The last touch of the latch by the opener.
  void open() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return state_.load(std::memory_order_acquire) == opened; }
  /// Closes it again; only where nobody waits and nobody opens.
  void reset() noexcept { state_.store(closed, std::memory_order_relaxed); }
  /// Blocks in real time until it is open or `deadline` is reached; true if it is open. Callers use `Host::wait`.
  bool wait_until(TimePoint deadline) noexcept;

 private:
  enum State : std::uint32_t { closed, waited_for, opened };
  std::atomic<std::uint32_t> state_{closed};  // a futex word
};

/// Time and execution, passed to a driver from outside: a driver owns no thread and never sleeps, so the same driver runs on real
/// threads (`ThreadHost`) and on one event loop in virtual time (`LoopHost`), where a seed replays exactly.
///
/// Thread-safe; a host in virtual time is thread-bound. Tasks never throw.
class POLYMETIS_API Host {
 public:
  virtual ~Host() = default;

  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
  /// Runs `task` at `when` or as soon after it as possible, on a thread of the host; the task must be short.
  virtual TimerId call_at(TimePoint when, Task task) = 0;
  /// True: the task will not run. False: it has run or is running.
  virtual bool cancel(TimerId timer) noexcept = 0;
  /// Runs `task` soon, in order of posting, never inside this call; the task must be short.
  virtual void post(Task task) = 0;
  /// Runs `task`, which may compute or block for long, soon and on a thread where that delays nobody; never inside this call.
  virtual void run_blocking(Task task) = 0;

  /// Blocks the calling thread until `latch` is open or `deadline` is reached; true if it is open. In virtual time the wait turns the
  /// event loop. For callers, never for drivers.
  virtual bool wait(Latch& latch, TimePoint deadline) = 0;
};

}  // namespace polymetis
