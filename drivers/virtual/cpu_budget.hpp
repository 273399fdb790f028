#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "polymetis/host.hpp"

namespace polymetis::virtual_card {

/// CPUs of the process by their place among those that it may use. A plain value.
class CpuSet {
 public:
  static constexpr unsigned most = 1024;

  /// The first `count`.
  static CpuSet first(unsigned count) noexcept;
  /// Those in `places`; all of the first `count` where it is empty.
  static CpuSet of(const std::vector<unsigned>& places, unsigned count) noexcept;

  void add(unsigned cpu) noexcept { words_[cpu / 64] |= std::uint64_t{1} << (cpu % 64); }
  void remove(unsigned cpu) noexcept { words_[cpu / 64] &= ~(std::uint64_t{1} << (cpu % 64)); }
  [[nodiscard]] bool has(unsigned cpu) const noexcept { return (words_[cpu / 64] >> (cpu % 64) & 1) != 0; }
  /// The first that is in both, or `most`.
  [[nodiscard]] unsigned first_common(const CpuSet& other) const noexcept;

 private:
  std::array<std::uint64_t, most / 64> words_{};
};

/// How many CPUs this process may use (its affinity, at most `CpuSet::most`). Reentrant.
[[nodiscard]] unsigned usable_cpus() noexcept;

class CpuBudget;

/// Something that wants a CPU for one piece of computation at a time.
class Turn {
 public:
  explicit Turn(const CpuSet& cpus) noexcept : cpus_(cpus) {}
  /// Computes one piece, with a CPU of the budget taken for it. It may be gone when this returns, unless it asked again.
  virtual void take() noexcept = 0;
  virtual ~Turn() = default;

 private:
  friend class CpuBudget;
  const CpuSet cpus_;
  Turn* next_ = nullptr;
};

/// The CPUs that the virtual cards of one host share, so that many cards on few CPUs never compute on more threads than there are CPUs.
/// A gate that nobody waits in: who finds no CPU free is queued, first come first served, and computed by whoever gets one; a CPU that is given
/// back goes to the first in the queue that may use it.
///
/// Thread-safe. Costs two uncontended locks a job; nothing is allocated.
class CpuBudget : public std::enable_shared_from_this<CpuBudget> {
 public:
  /// The one of `host`.
  static std::shared_ptr<CpuBudget> of(std::shared_ptr<Host> host);
  CpuBudget(std::shared_ptr<Host> host, unsigned cpu_count);

  /// The number of a CPU among `among` that is now the caller's, or `CpuSet::most`: none is free.
  unsigned try_take(const CpuSet& among) noexcept;
  /// Gives back what `try_take` gave.
  void give(unsigned cpu) noexcept;
  /// Lets `turn` have its piece soon, on `Host::run_blocking`, or next on this thread where it is asked from within a turn. One that was asked
  /// for and not yet taken may not be asked for again.
  void ask(Turn& turn) noexcept;
  /// True: it will not be taken. False: it is being taken or about to be.
  bool withdraw(Turn& turn) noexcept;
  [[nodiscard]] unsigned cpu_count() const noexcept { return cpu_count_; }

 private:
  /// Takes turns on one CPU for as long as there are any.
  struct Worker {
    std::shared_ptr<CpuBudget> budget;  // while it works
    unsigned cpu = 0;
    Turn* turn = nullptr;
    Turn* kept = nullptr;  // asked for from within the turn at hand
  };

  void start(unsigned cpu, Turn& turn) noexcept;
  static void work(void* worker) noexcept;
  Turn* next(Worker& worker) noexcept;
  void push(Turn& turn) noexcept;
  Turn* pop(unsigned cpu) noexcept;

  static thread_local Worker* current_;

  // constant
  const std::shared_ptr<Host> host_;
  const unsigned cpu_count_;
  // own synchronisation
  std::atomic<unsigned> waiting_{0};
  // guarded by mutex_
  std::mutex mutex_;
  CpuSet free_;
  Turn* head_ = nullptr;
  Turn* tail_ = nullptr;
  // each used by the holder of its CPU
  std::vector<Worker> workers_;
};

}  // namespace polymetis::virtual_card
